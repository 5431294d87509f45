"""What DFT does where something does not go as intended: remedies on record, and a kind of fault for each end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyscf", reason="pyscf is not installed: pip install 'hakken[dft]'")
pytest.importorskip("geometric", reason="geometric is not installed: pip install 'hakken[dft]'")

from adapters.compute.dft import treatment
from adapters.compute.dft.evaluate import evaluate
from adapters.compute.dft.level import Level, check_functional
from adapters.compute.dft.scf import REMEDIES, Solver
from adapters.compute.geometry import read_xyz
from adapters.compute.optimising import optimise
from adapters.errors import (
    AdapterOptionsError,
    BasisMissing,
    EvaluationError,
    GeometryNotConverged,
    ImaginaryMode,
    InputRefused,
    NotConverged,
    ScfNotConverged,
    SettingUnknown,
)
from adapters.registry import build
from loop.contracts import AdapterContext, ExperimentSpec
from loop.outcome import Fault, FaultKind, Measured, read_outcome
from tests.adapters.executors.jobs import ended

WATER = "3\n\nO 0 0 0.1193\nH 0 0.7567 -0.4748\nH 0 -0.7567 -0.4748"
FLAT_AMMONIA = "4\n\nN 0 0 0\nH 1 0 0\nH -0.5 0.8660254 0\nH -0.5 -0.8660254 0"
QUICK: dict[str, Any] = {"basis": "sto-3g", "grid": 1, "verbosity": 0}
SLIGHT = Level("hf", "sto-3g", density_fit=False)


@pytest.mark.parametrize("remedy", [remedy for _, remedy in REMEDIES], ids=[name for name, _ in REMEDIES])
def test_each_remedy_finds_the_solution_that_plain_iterations_find(remedy: Any) -> None:
    plain = Solver(SLIGHT).solve(read_xyz(WATER)).mean_field
    short = Solver(SLIGHT, iterations=2)
    unfinished = short.mean_field(plain.mol)
    unfinished.kernel()
    helped = remedy(Solver(SLIGHT), unfinished)

    assert not unfinished.converged
    assert helped.converged
    assert helped.e_tot == pytest.approx(plain.e_tot, abs=1e-8)


def test_a_remedy_that_helped_is_on_record() -> None:
    found = evaluate(WATER, iterations=5, **QUICK)

    assert found.repairs == ("SCF not converged in 5 cycles", "a level shift helped")
    (tried,) = found.details["remedies"]
    assert (tried["remedy"], tried["helped"]) == ("level_shift", True)
    assert tried["energy_hartree"] == pytest.approx(found.values["energy"][0])


def test_an_scf_that_nothing_helps_names_every_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.compute.dft.scf.REMEDIES", tuple((name, lambda _, mf: mf) for name, _ in REMEDIES))

    with pytest.raises(ScfNotConverged) as told:
        evaluate(WATER, iterations=1, **QUICK)
    tried = told.value.details["remedies"]
    assert [one["remedy"] for one in tried] == ["level_shift", "smearing", "second_order"]
    assert [one["helped"] for one in tried] == [False] * 3
    assert "SCF not converged in 1 cycles; a level shift did not help; smearing did not help" in str(told.value)
    assert "second-order optimisation did not help; allow more iterations" in str(told.value)


def test_a_saddle_point_is_left_along_its_mode_and_that_is_said() -> None:
    # flat ammonia stays flat while it is optimised: no force leads out of the plane
    found = evaluate(
        FLAT_AMMONIA, functional="hf", density_fit=False, optimise="dft", properties=["zpve", "cv"], **QUICK
    )

    assert found.repairs[0].startswith("imaginary mode of ")
    assert found.repairs[0].endswith("i 1/cm: left along it and optimised again")
    assert min(found.details["frequencies"]) > 500
    assert found.details["symmetry_number"] == 3


def test_a_saddle_point_that_cannot_be_left_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(treatment, "_PUSH", 0.0)

    with pytest.raises(ImaginaryMode, match=r"imaginary mode of \d+i 1/cm remains after leaving a first one") as told:
        evaluate(FLAT_AMMONIA, functional="hf", density_fit=False, optimise="dft", properties=["cv"], **QUICK)
    assert told.value.details["imaginary_wavenumbers"][0] > 20  # 1/cm


def test_an_optimisation_that_takes_too_long_is_said() -> None:
    with pytest.raises(GeometryNotConverged, match="not converged in 1 steps; allow more 'steps'"):
        evaluate(FLAT_AMMONIA, functional="hf", optimise="dft", steps=1, **QUICK)


def test_what_is_not_implemented_is_no_geometry_that_did_not_converge() -> None:
    def surface(_: Any) -> Any:
        raise NotImplementedError("there are no gradients of this")

    with pytest.raises(NotImplementedError, match="no gradients of this"):
        optimise(read_xyz(WATER), surface)


def test_a_spin_that_others_are_mixed_into_is_said() -> None:
    how = {"functional": "hf", "basis": "sto-3g", "density_fit": False, "verbosity": 0}
    methyl, cyanide, water = (evaluate(smiles, **how) for smiles in ("[CH3]", "[C]#N", "O"))

    assert methyl.details["spin_squared"] == pytest.approx(0.75, abs=0.03)
    assert not any("spin" in repair for repair in methyl.repairs)
    assert cyanide.details["spin_squared"] > 0.85  # Hartree-Fock is notorious for it
    assert any(repair.startswith("spin contamination: S^2 is ") for repair in cyanide.repairs)
    assert "spin_squared" not in water.details


def test_a_grid_that_is_too_coarse_for_second_derivatives_is_said() -> None:
    argon = "2\n\nAr 0 0 0\nAr 0 0 4.2"  # near its minimum there

    with pytest.raises(NotConverged, match=r"too coarse for second derivatives: moving .* use a higher 'grid'"):
        evaluate(argon, basis="sto-3g", grid=0, optimise="dft", criteria="GAU_LOOSE", properties=["cv"], verbosity=0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"basis": "def2-svq"}, SettingUnknown, r"'def2-svq' is unknown to PySCF .did you mean 'def2sv"),
        ({"basis": "6-31g(2df,p)", "smiles": "[Xe]"}, BasisMissing, "has no Xe in PySCF; use another"),
        ({"level": "qm9", "smiles": "S"}, BasisMissing, r"H, C, N, O and F, no S; use one such as def2-svp"),
        ({"level": "qm10"}, InputRefused, "level 'qm10' is unknown; there are qm9"),
        ({"functional": "b4lyp"}, SettingUnknown, "functional 'b4lyp' is unknown to libxc"),
        ({"functional": " "}, SettingUnknown, "the functional has no name"),
        ({"functional": "wb97x-d"}, SettingUnknown, "wb97x-d is not supported yet.; use one such as .*wb97x-d3bj"),
        ({"functional": "b3lyp-d3"}, SettingUnknown, "Unknown dispersion version d3.; use one such as b3lyp-d3bj"),
        ({"functional": "b97-d"}, SettingUnknown, "without its dispersion in PySCF; say .*, as in b97-d-d3bj"),
        ({"functional": "wb97x-d", "optimise": "dft"}, SettingUnknown, "'wb97x-d' is not there in PySCF"),
        ({"solvent": "watar"}, SettingUnknown, r"solvent 'watar' is unknown to SMD .did you mean 'water'"),
        ({"properties": ["zpve"]}, InputRefused, "'zpve' needs a minimum of the same level; set optimise to 'dft'"),
        ({"properties": ["solvation_energy"]}, InputRefused, "'solvation_energy' needs a solvent"),
        ({"properties": ["dipol"]}, InputRefused, r"'dipol' is unknown .did you mean 'dipole'"),
        ({"smiles": "C1CC"}, InputRefused, "cannot be read"),
        (
            {"smiles": "[Sc]", "properties": ["atomisation_energy"], "functional": "lda"},
            InputRefused,
            "no atomisation energies for element 21",
        ),
    ],
)
def test_a_wrong_use_is_named_with_its_remedy(options: dict[str, Any], error: type, message: str) -> None:
    smiles = options.pop("smiles", "O")

    with pytest.raises(error, match=message):
        evaluate(smiles, **{"grid": 0, "verbosity": 0, "iterations": 60, **options})


EXPERIMENT = ExperimentSpec("dft", {"molecule": "h2"}, {}, {"molecule": "[H][H]"}, {"gap": "eV"})


def context(folder: Path, **targets: str) -> AdapterContext:
    return AdapterContext(str(folder / "lab"), str(folder), "dft", targets or {"gap": "eV"})


def test_a_child_process_reports_numbers_and_how_it_came_to_them(tmp_path: Path) -> None:
    lab = build("pyscf", {"basis": "6-31g", "memory": 4096}, context(tmp_path))
    payload = ended(lab, EXPERIMENT)
    outcome = read_outcome(payload, EXPERIMENT.targets)

    assert isinstance(outcome, Measured)
    assert {m.property for m in outcome.measurements} == {"energy", "homo", "lumo", "gap", "dipole", "r2"}
    assert payload["provenance"]["program"] == "pyscf"
    assert payload["provenance"]["level"] == "b3lyp/6-31g, density fitting"
    assert "converged SCF energy" in payload["provenance"]["stdout"]


def test_each_way_to_fail_has_a_code_of_its_own() -> None:
    classes, left = [], [EvaluationError]
    while left:
        classes.append(left.pop())
        left += classes[-1].__subclasses__()
    ours = [one for one in classes if one.__module__ == EvaluationError.__module__]

    assert len({one.code for one in ours}) == len(ours) >= 13
    assert all(one.code.isidentifier() and one.code.islower() for one in ours)


def test_a_child_process_reports_the_kind_of_fault(tmp_path: Path) -> None:
    xenon = replace(EXPERIMENT, settings={"molecule": "xenon"}, smiles={"molecule": "[Xe]"})
    lab = build("pyscf", {"basis": "6-31g"}, context(tmp_path))
    payload = ended(lab, xenon)
    outcome = read_outcome(payload, EXPERIMENT.targets)

    assert payload["provenance"]["code"] == "basis_missing"

    assert isinstance(outcome, Fault)
    assert (outcome.kind, outcome.informative) == (FaultKind.INPUT_ERROR, True)
    assert "basis '6-31g' has no Xe in PySCF" in outcome.message


def test_a_setting_that_nobody_knows_tells_nothing_of_a_molecule() -> None:
    with pytest.raises(SettingUnknown) as raised:
        evaluate("O", basis="def2-szp", verbosity=0)

    assert not Fault.of(raised.value.kind, str(raised.value)).informative


def test_time_that_runs_out_is_a_kind_of_fault(tmp_path: Path) -> None:
    slow = build("pyscf", {"basis": "def2-qzvp", "timeout": 0.2}, context(tmp_path / "slow"))
    outcome = read_outcome(ended(slow, EXPERIMENT), EXPERIMENT.targets)

    assert isinstance(outcome, Fault)
    assert outcome.kind is FaultKind.TIMEOUT


@pytest.mark.parametrize(
    ("options", "targets", "message"),
    [
        ({}, {"gapp": "eV"}, r"target 'gapp' is not measured .did you mean 'gap'"),
        ({}, {"u0": "hartree"}, "property 'u0' needs a minimum of the same level; set optimise to 'dft'"),
        ({"properties": ["energy"]}, {"gap": "eV"}, "target 'gap' is not measured; it is energy"),
        ({"properties": ["gab"]}, {"gap": "eV"}, "option 'properties' must be: some of energy"),
        ({"level": "qm9", "basis": "sto-3g"}, {"gap": "eV"}, "option 'basis' is said by level 'qm9' already"),
        ({"basis": "def2-szp"}, {"gap": "eV"}, "basis 'def2-szp' is unknown to PySCF"),
        ({"functional": "wb97x-d"}, {"gap": "eV"}, r"'wb97x-d' is not there in PySCF .*; use one such as .*wb97x-d3bj"),
        ({"functional": "lda-d4"}, {"gap": "eV"}, "Functional 'lda' not known.; use one such as b3lyp-d3bj"),
        ({"functional": "b3lpy"}, {"gap": "eV"}, r"'b3lpy' is unknown to libxc .*did you mean 'b3lyp'"),
        ({"solvent": "watr"}, {"gap": "eV"}, r"'watr' is unknown to SMD .did you mean 'water'"),
        ({"optimize": "dft"}, {"gap": "eV"}, r"unknown option 'optimize' .did you mean 'optimise'"),
        ({"max_cycle": 300}, {"gap": "eV"}, r"unknown option 'max_cycle' \(it is called iterations here\)"),
        ({"xc": "pbe"}, {"gap": "eV"}, r"unknown option 'xc' \(it is called functional here\)"),
        ({"multiplicity": 3}, {"gap": "eV"}, r"\(write unpaired, which is the multiplicity less one\)"),
        ({"level_shift": 0.3}, {"gap": "eV"}, r"a level shift, smearing and the second order are tried by themselves"),
        ({"optimise": "mmff"}, {"gap": "eV"}, "option 'optimise' must be: 'none', 'xtb' or 'dft'"),
        ({"grid": 12}, {"gap": "eV"}, "option 'grid' must be"),
        ({"memory": 100}, {"gap": "eV"}, "option 'memory' must be: greater than or equal to 512"),
    ],
)
def test_a_wrong_laboratory_section_is_named(
    tmp_path: Path, options: dict[str, Any], targets: dict[str, str], message: str
) -> None:
    with pytest.raises(AdapterOptionsError, match=message):
        build("pyscf", options, replace(context(tmp_path), targets=targets))


@pytest.mark.parametrize("functional", ["pbe0", "m06-2x", "b3lyp-d3bj", "wb97x-d3bj", "r2scan-d4", "b97-d-d3bj", "hf"])
def test_a_functional_that_pyscf_computes_is_taken(functional: str) -> None:
    assert check_functional(functional) is None


def test_a_missing_pyscf_is_told_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.executors.job.find_spec", lambda name: None if name == "pyscf" else name)
    health = build("pyscf", {}, context(tmp_path)).health()

    assert not health.is_ok
    assert "pip install 'hakken[dft]'" in health.message
