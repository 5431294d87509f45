"""The ase laboratory: calculators that ASE has, one that computes the same as our own evaluator, and wrong uses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ase", reason="ase is not installed: pip install 'hakken[ase]'")

from adapters.compute.ase import evaluate
from adapters.compute.geometry import embed
from adapters.errors import AdapterOptionsError, InputRefused, NotConverged, SettingUnknown
from adapters.registry import build
from loop.contracts import AdapterContext, ExperimentSpec
from loop.outcome import Fault, FaultKind, Measured, read_outcome
from loop.testing.adapter import KEY, wait_for_end

EMT, LJ, TBLITE = "ase.calculators.emt:EMT", "ase.calculators.lj:LennardJones", "tblite.ase:TBLite"
HARMONIC = "ase.calculators.harmonic:HarmonicCalculator"  # needs a force field


def dimer(distance: float) -> str:
    return f"2\n\nAr 0 0 0\nAr 0 0 {distance}"


def test_a_pair_potential_gives_its_closed_form() -> None:
    well = {"sigma": 3.4, "epsilon": 0.01, "rc": 50.0, "smooth": False}
    found = evaluate(dimer(3.6), calculator=LJ, arguments=well, properties=["energy", "max_force"])

    ratio = 3.4 / 3.6
    assert found.values["energy"] == (pytest.approx(4 * 0.01 * (ratio**12 - ratio**6), abs=1e-6), "eV")
    slope = 4 * 0.01 * (12 * ratio**12 - 6 * ratio**6) / 3.6
    assert found.values["max_force"] == (pytest.approx(abs(slope), abs=1e-6), "eV/angstrom")


def test_optimising_a_pair_finds_the_bottom_of_its_well() -> None:
    well = {"sigma": 3.4, "epsilon": 0.01, "rc": 50.0}
    found = evaluate(dimer(4.2), calculator=LJ, arguments=well, optimise=True, fmax=1e-5)

    assert found.values["energy"][0] == pytest.approx(-0.01, abs=1e-6)
    assert found.details["steps"] > 1
    z = [float(line.split()[3]) for line in found.details["xyz"].splitlines()[2:]]
    assert abs(z[1] - z[0]) == pytest.approx(2 ** (1 / 6) * 3.4, abs=1e-3)


def test_molecules_are_embedded_as_elsewhere() -> None:
    found = evaluate("CCO", calculator=EMT)

    assert found.details["xyz"] == embed("CCO").xyz()
    assert found.program == "ase ase.calculators.emt:EMT"


def test_a_calculator_of_tblite_computes_what_our_evaluator_does() -> None:
    pytest.importorskip("tblite", reason="tblite is not installed: pip install 'hakken[xtb]'")
    from adapters.compute.xtb import evaluate as xtb

    ours = xtb("CCO", verbosity=0).values
    theirs = evaluate(
        "CCO", calculator=TBLITE, arguments={"method": "GFN2-xTB", "verbosity": 0}, properties=["energy", "dipole"]
    ).values

    # ASE's electronvolt is of CODATA 2014
    assert theirs["energy"][0] == pytest.approx(ours["energy"][0] * 27.211386245988, rel=1e-7)
    assert theirs["dipole"][0] == pytest.approx(ours["dipole"][0], abs=1e-3)


@pytest.mark.parametrize(("charge", "unpaired"), [(1, None), (None, 2), (-1, 3)])
@pytest.mark.parametrize("conformers", [1, 2])
def test_another_charge_or_spin_than_the_structures_reaches_the_calculator(
    charge: int | None, unpaired: int | None, conformers: int
) -> None:
    pytest.importorskip("tblite", reason="tblite is not installed: pip install 'hakken[xtb]'")
    from adapters.compute.xtb import evaluate as xtb

    electrons: dict[str, Any] = {"charge": charge, "unpaired": unpaired, "conformers": conformers}
    ours = xtb("C=C", verbosity=0, **electrons)
    theirs = evaluate("C=C", calculator=TBLITE, arguments={"method": "GFN2-xTB", "verbosity": 0}, **electrons)
    neutral = xtb("C=C", verbosity=0)

    for name in ("charge", "unpaired"):
        assert theirs.details[name] == ours.details[name]
    assert theirs.values["energy"][0] == pytest.approx(ours.values["energy"][0] * 27.211386245988, rel=1e-6)
    assert abs(ours.values["energy"][0] - neutral.values["energy"][0]) > 0.01


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"smiles": "FC", "calculator": EMT}, InputRefused, "EMT cannot treat this: NotImplementedError: .*F"),
        ({"calculator": "ase.calculators.emt:EMTT"}, SettingUnknown, "module 'ase.calculators.emt' has no calculator"),
        ({"calculator": "no_such_package:It"}, SettingUnknown, "no module 'no_such_package' .* install its package"),
        ({"calculator": HARMONIC, "arguments": {"a": 1}}, SettingUnknown, "cannot be made with these arguments"),
        ({"calculator": EMT, "properties": ["dipole"]}, SettingUnknown, "has no such property: .*dipole.*take it out"),
        ({"calculator": EMT, "properties": ["gap"]}, SettingUnknown, "property 'gap' is unknown; there are energy"),
        ({"calculator": EMT, "optimise": True, "steps": 1}, NotConverged, "after 1 steps; allow more 'steps'"),
        ({"smiles": "C1CC", "calculator": EMT}, InputRefused, "cannot be read"),
    ],
)
def test_a_wrong_use_is_named(options: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        evaluate(options.pop("smiles", "CCO"), **options)


SPEC = ExperimentSpec("emt", {"molecule": "ethanol"}, {}, {"molecule": "CCO"}, {"energy": "eV"})


@pytest.mark.parametrize(("smiles", "kind"), [("CCO", None), ("CF", FaultKind.INPUT_ERROR)])
def test_a_child_process_reports_a_number_or_a_fault(tmp_path: Path, smiles: str, kind: FaultKind | None) -> None:
    context = AdapterContext(str(tmp_path / "lab"), str(tmp_path), "emt", {"energy": "eV"})
    lab = build("ase", {"calculator": EMT, "optimise": True, "fmax": 0.05}, context)
    handle = lab.prepare(ExperimentSpec("emt", {"molecule": "m"}, {}, {"molecule": smiles}, SPEC.targets), KEY)
    lab.start(handle, KEY)
    wait_for_end(lab, handle)
    outcome = read_outcome(json.loads(lab.fetch(handle)[0].payload), SPEC.targets)

    assert lab.health().is_ok
    assert isinstance(outcome, Measured if kind is None else Fault)
    assert kind is None or (isinstance(outcome, Fault) and outcome.kind is kind)


@pytest.mark.parametrize(
    ("options", "targets", "message"),
    [
        ({"calculator": "EMT"}, {"energy": "eV"}, "option 'calculator' must be: .*got 'EMT'"),
        ({}, {"energy": "eV"}, "option 'calculator' is missing"),
        ({"calculator": EMT}, {"gap": "eV"}, "target 'gap' is not measured; it is energy"),
        ({"calculator": EMT, "properties": ["force"]}, {"energy": "eV"}, "some of energy, max_force"),
        ({"calculator": EMT, "fmax": 0.0}, {"energy": "eV"}, "option 'fmax' must be: greater than 0"),
    ],
)
def test_a_wrong_laboratory_section_is_named(
    tmp_path: Path, options: dict[str, Any], targets: dict[str, str], message: str
) -> None:
    with pytest.raises(AdapterOptionsError, match=message):
        build("ase", options, AdapterContext(str(tmp_path / "lab"), str(tmp_path), "emt", targets))


def test_a_missing_package_is_told_with_its_remedy(tmp_path: Path) -> None:
    context = AdapterContext(str(tmp_path / "lab"), str(tmp_path), "emt", {"energy": "eV"})
    health = build("ase", {"calculator": "no_such_package.ase:It"}, context).health()

    assert not health.is_ok
    assert health.message == "ase needs the package no_such_package; install the calculator's package"
