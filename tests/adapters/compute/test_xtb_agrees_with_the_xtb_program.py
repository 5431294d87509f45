"""GFN2-xTB by tblite against another program, and what is done with structures that are not easy."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.compute.conformers import search
from adapters.compute.geometry import Geometry, embed
from adapters.compute.tight_binding import METHODS, MODELS, SOLVENTS, Method, lacks_solvent, solve
from adapters.compute.xtb import PROPERTIES, evaluate, frontier, single_point
from adapters.errors import (
    AdapterOptionsError,
    EvaluationError,
    GeometryNotConverged,
    InputRefused,
    NotConverged,
    SettingUnknown,
)
from adapters.registry import build
from loop.contracts import Adapter, AdapterContext, AttemptKey, ExperimentSpec
from loop.outcome import Measured, read_outcome
from loop.testing.adapter import KEY, AdapterContract, wait_for_end
from loop.units import convert
from tests.adapters.executors.jobs import ended, runs

pytest.importorskip("tblite")

BENZENE = ExperimentSpec("gap", {"molecule": "benzene"}, {}, {"molecule": "c1ccccc1"}, {"gap": "eV"})


@dataclass(frozen=True)
class Reference:
    """What the xtb program says of a geometry: ``xtb m.xyz --gfn 2 --sp --chrg Q --uhf N --acc 0.01``.

    xtb 6.7.1, Debian 13. It prints orbital energies with four decimals.
    """

    name: str
    atoms: tuple[tuple[int, float, float, float], ...]  # atomic number, and angstrom about the centre of mass
    charge: int
    unpaired: int
    energy: float  # hartree
    gap: float  # eV
    homo: float
    lumo: float
    dipole: float  # debye

    def geometry(self) -> Geometry:
        return Geometry(
            tuple(atom[0] for atom in self.atoms),
            np.array([atom[1:] for atom in self.atoms]),
            self.charge,
            self.unpaired,
            (),
        )


REFERENCES = (
    Reference(
        "formaldehyde",
        (
            (6, -0.604, 0.102, -0.0254),
            (8, 0.6025, -0.1017, 0.0253),
            (1, -1.3384, -0.719, -0.0436),
            (1, -1.0275, 1.1186, -0.0559),
        ),
        0,
        0,
        -7.174133738496,
        3.409714666402,
        -11.6020,
        -8.1922,
        2.487,
    ),
    Reference(
        "methylammonium",
        (
            (6, 0.7841, -0.0655, 0.0345),
            (7, -0.685, 0.0572, -0.0301),
            (1, 1.0323, -1.128, 0.0006),
            (1, 1.2014, 0.4627, -0.8249),
            (1, 1.116, 0.3855, 0.9715),
            (1, -1.1363, -0.424, 0.7589),
            (1, -0.9804, 1.042, -0.0018),
            (1, -1.0576, -0.3529, -0.8966),
        ),
        1,
        0,
        -7.665430727422,
        11.175942597877,
        -18.6666,
        -7.4907,
        2.789,
    ),
    Reference(
        "ethyl radical",
        (
            (6, -0.7133, -0.0313, 0.0234),
            (6, 0.7676, 0.0343, -0.0347),
            (1, -1.151, 0.8701, -0.4146),
            (1, -1.0486, -0.1169, 1.0604),
            (1, -1.0774, -0.8971, -0.5368),
            (1, 1.3536, -0.877, -0.0512),
            (1, 1.2761, 0.9846, 0.0774),
        ),
        0,
        1,
        -6.734858361433,
        11.382212159592,
        -8.2656,
        3.1167,
        0.540,
    ),
    Reference(
        "benzonitrile",
        (
            (7, 3.1392, 0.1667, -0.1162),
            (6, 1.9809, 0.1052, -0.0733),
            (6, 0.5503, 0.0292, -0.0204),
            (6, -0.0841, -1.2149, 0.0666),
            (6, -1.4775, -1.2873, 0.1181),
            (6, -2.2385, -0.1189, 0.0828),
            (6, -1.61, 1.1233, -0.0038),
            (6, -0.2168, 1.1989, -0.0555),
            (1, 0.5004, -2.1326, 0.0947),
            (1, -1.9701, -2.2545, 0.1857),
            (1, -3.3239, -0.1765, 0.123),
            (1, -2.2058, 2.0327, -0.0311),
            (1, 0.2637, 2.1732, -0.123),
        ),
        0,
        0,
        -20.398129878231,
        3.984416858241,
        -11.5139,
        -7.5295,
        4.246,
    ),
)


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference.name)
def test_numbers_agree_with_the_xtb_program(reference: Reference) -> None:
    found = {name: value for name, (value, _) in single_point(reference.geometry()).values.items()}

    # The energy is stationary in the density, so two converged programs agree to about the square of its error;
    # orbital energies and dipoles feel the error itself, which tblite's default accuracy leaves near 1e-5.
    assert found["energy"] == pytest.approx(reference.energy, abs=1e-7)
    assert found["gap"] == pytest.approx(reference.gap, abs=2e-4)
    # Four and three decimals are printed.
    assert found["homo"] == pytest.approx(reference.homo, abs=1e-4)
    assert found["lumo"] == pytest.approx(reference.lumo, abs=1e-4)
    assert found["dipole"] == pytest.approx(reference.dipole, abs=1e-3)


@pytest.mark.parametrize(
    ("method", "energy", "homo", "lumo"),  # xtb 6.7.1: --gfn N --alpb or --gbsa SOLVENT --sp --acc 0.01
    [
        (Method("GFN1-xTB"), -7.844953259190, -12.8107, -8.8264),
        (Method("GFN2-xTB", "water", "alpb"), -7.176016885611, -11.4826, -8.1311),
        (Method("GFN2-xTB", "water", "gbsa"), -7.176116038196, -11.5409, -8.1738),
        (Method("GFN1-xTB", "water", "alpb"), -7.848925425241, -12.7602, -8.8009),
        (Method("GFN2-xTB", "toluene", "alpb"), -7.177695507126, -11.6095, -8.2124),
    ],
    ids=str,
)
def test_other_methods_and_solvents_agree_too(method: Method, energy: float, homo: float, lumo: float) -> None:
    found = {name: value for name, (value, _) in single_point(REFERENCES[0].geometry(), method).values.items()}

    assert (found["energy"], found["homo"], found["lumo"]) == (
        pytest.approx(energy, abs=1e-7),
        pytest.approx(homo, abs=1e-4),
        pytest.approx(lumo, abs=1e-4),
    )
    if method.name == "GFN2-xTB":  # less the energy in the gas phase, in kcal/mol
        moved = (energy - REFERENCES[0].energy) * 627.5094740631
        assert found["solvation_energy"] == pytest.approx(moved, abs=1e-4)


@pytest.mark.parametrize(("solvent", "energy"), [(None, -7.175648091789), ("water", -7.176907094194)])
def test_an_optimised_geometry_has_the_energy_that_the_program_finds(solvent: str | None, energy: float) -> None:
    pytest.importorskip("geometric", reason="geometric is not installed: pip install 'hakken[xtb]'")
    found = evaluate(REFERENCES[0].geometry().xyz(), optimise=True, solvent=solvent, verbosity=0)

    # xtb 6.7.1: --opt vtight --acc 0.01; what criteria of convergence leave of the energy is below 1e-6
    assert found.values["energy"][0] == pytest.approx(energy, abs=5e-7)
    assert found.details["steps"] > 1


def test_conformers_are_ranked_and_each_is_kept_once() -> None:
    pytest.importorskip("geometric", reason="geometric is not installed: pip install 'hakken[xtb]'")
    found = search("CCCC", count=12)

    # anti, and gauche 0.6 kcal/mol above it by experiment (Herrebout et al., J. Phys. Chem. 99 (1995) 578)
    assert [c.ranked_by for c in found] == ["GFN2-xTB"] * 2
    assert found[0].above == 0
    assert found[1].above * 627.5 == pytest.approx(0.6, abs=0.4)
    assert [c.above for c in search("CCCC", count=12)] == [c.above for c in found]


def test_the_lowest_conformer_is_taken_and_that_is_said() -> None:
    pytest.importorskip("geometric", reason="geometric is not installed: pip install 'hakken[xtb]'")
    found = evaluate("CCCC", conformers=6, optimise=True, verbosity=0)

    assert {**found.details["conformers"], "above": 0} == {
        "embedded": 6, "different": 2, "ranked_by": "GFN2-xTB", "above": 0
    }  # fmt: skip
    assert found.values["energy"][0] == pytest.approx(
        single_point(search("CCCC", count=6)[0].geometry).values["energy"][0], abs=1e-6
    )


def test_without_tblite_the_force_field_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.compute.conformers.find_spec", lambda _: None)
    found = search("CCCC", count=12)

    assert [c.ranked_by for c in found] == ["MMFF"] * 2
    assert found[1].above * 627.5 == pytest.approx(0.8, abs=0.2)  # MMFF94's own (Halgren, J. Comput. Chem. 17 (1996))
    assert {c.ranked_by for c in search("C[Se]CC", count=4)} == {"UFF"}


def test_a_solvent_without_parameters_is_refused() -> None:
    assert "water" in SOLVENTS
    assert MODELS == ("alpb", "gbsa")
    with pytest.raises(SettingUnknown, match=r"solvent 'watr' is unknown to xTB .did you mean 'water'"):
        evaluate("CO", solvent="watr", verbosity=0)
    with pytest.raises(SettingUnknown, match=r"GBSA has no parameters for 'phenol' with GFN2-xTB; use solvation: alpb"):
        evaluate("CO", solvent="phenol", solvation="gbsa", verbosity=0)


@pytest.mark.parametrize("method", METHODS)
def test_the_solvents_of_a_model_are_those_that_tblite_has(method: str, tmp_path: Path) -> None:
    methane = embed("C")
    lacking = {solvent for solvent in SOLVENTS if lacks_solvent(method, solvent, "gbsa")}

    for solvent in SOLVENTS:
        assert lacks_solvent(method, solvent, "alpb") == ""
        if solvent in lacking:
            with pytest.raises(InputRefused, match="No ALPB/GBSA parameters found"):
                solve(methane, Method(method, solvent, "gbsa"))
            with pytest.raises(AdapterOptionsError, match=f"GBSA has no parameters for '{solvent}' with {method}; use"):
                build("xtb", {"method": method, "solvent": solvent, "solvation": "gbsa"}, context(tmp_path))
        else:
            solve(methane, Method(method, solvent, "gbsa"))
    assert len(SOLVENTS) - len(lacking) == (14 if method == "GFN2-xTB" else 12)


def test_the_dipole_of_an_ion_does_not_depend_on_where_it_lies() -> None:
    ion = REFERENCES[1].geometry()
    moved = replace(ion, positions=ion.positions + 7.0)

    assert single_point(moved).values["dipole"][0] == pytest.approx(single_point(ion).values["dipole"][0], abs=1e-4)


def test_every_unit_reported_can_be_converted() -> None:
    values = evaluate("CO", solvent="water", verbosity=0).values

    assert {name: unit for name, (_, unit) in values.items()} == PROPERTIES
    assert convert(1.0, PROPERTIES["energy"], "eV") == pytest.approx(27.211386, abs=1e-6)  # CODATA 2018
    assert convert(1.0, PROPERTIES["dipole"], "D") == 1.0


def test_the_same_molecule_written_otherwise_gives_the_same_numbers() -> None:
    assert evaluate("OCC", verbosity=0).values == evaluate("CCO", verbosity=0).values


def test_charge_and_unpaired_electrons_come_from_the_structure() -> None:
    acetate, ethyl, oxygen = embed("CC(=O)[O-]"), embed("C[CH2]"), embed("[O][O]")

    assert (acetate.charge, acetate.unpaired) == (-1, 0)
    assert (ethyl.charge, ethyl.unpaired) == (0, 1)
    assert (oxygen.charge, oxygen.unpaired) == (0, 2)


def test_a_charge_that_leaves_an_odd_electron_is_repaired_and_said() -> None:
    cation = embed("CC", charge=1)

    assert cation.unpaired == 1
    assert "17 electrons: calculated with 1 unpaired" in cation.repairs


def test_without_mmff_parameters_uff_is_used_and_said() -> None:
    assert embed("C[Se]C").repairs == ("optimised with UFF: MMFF has no parameters",)


@pytest.mark.parametrize(
    ("smiles", "ends", "length"),  # by experiment, in angstrom; with MMFF they are 0.2 and more too long
    [("O=C=O", "CO", 1.160), ("S=C=S", "CS", 1.553), ("CN=C=S", "CS", 1.597), ("N#N", "NN", 1.098)],
)
def test_a_multiple_bond_is_not_made_as_long_as_a_single_one(smiles: str, ends: str, length: float) -> None:
    geometry = embed(smiles)
    first, second = ({"C": 6, "N": 7, "O": 8, "S": 16}[end] for end in ends)
    places = list(zip(geometry.numbers, geometry.positions, strict=True))
    found = min(
        float(np.linalg.norm(a - b))
        for i, (m, a) in enumerate(places)
        for j, (n, b) in enumerate(places)
        if i != j and (m, n) == (first, second)
    )

    assert found == pytest.approx(length, abs=0.1)  # what may be asked of a force field
    assert geometry.repairs[0].startswith("optimised with UFF: MMFF takes ")


@pytest.mark.parametrize(
    "smiles", ["CN=C=O", "CC(N)=S", "CS(C)(=O)=O", "C[N+](=O)[O-]", "CN=[N+]=[N-]", "CC#N", "C=S=O"]
)
def test_where_mmff_knows_the_bonds_it_is_used(smiles: str) -> None:
    assert embed(smiles).repairs == ()


def test_a_strained_cage_is_embedded_in_another_way_and_said() -> None:
    repairs = embed("CC12CN=C3OC1(C)C32").repairs

    assert [repair.partition(",")[0] for repair in repairs] == ["embedded from random coordinates"]


@pytest.mark.parametrize(
    ("smiles", "message"),
    [
        ("C1CC", "cannot be read"),
        ("", "cannot be read"),
        ("CC.O", r"separate parts, as a salt has; keep the part that matters \(standardise: \{salts: strip\}"),
        ("[U]", r"has U, and there are no parameters .*forbid: \"\[#92\]\""),
        ("C*", "has a dummy atom"),
    ],
)
def test_a_structure_that_cannot_be_treated_is_refused(smiles: str, message: str) -> None:
    with pytest.raises(InputRefused, match=message):
        evaluate(smiles, verbosity=0)


def test_a_structure_that_cannot_be_embedded_is_refused() -> None:
    # A tetrahedron with these four stereocentres cannot be built.
    with pytest.raises(EvaluationError, match="could be embedded"):
        embed("[C@@]12(C)[C@]3(C)[C@]1(C)[C@@]23C")


def test_an_scf_without_solution_is_said() -> None:
    with pytest.raises(NotConverged, match="within 1 iterations"):
        single_point(embed("c1ccccc1"), iterations=1)


def test_a_singly_occupied_orbital_is_the_homo() -> None:
    assert frontier([-3.0, -2.0, -1.0, 0.5], [2.0, 1.99, 1.0, 0.01], 1) == (-1.0, 0.5)
    assert frontier([-3.0], [2.0], 0) == (-3.0, None)


def test_more_electrons_than_the_orbitals_hold_are_refused() -> None:
    assert "lumo" in evaluate("O", charge=-2, verbosity=0).values
    for charge in (-5, -30):
        with pytest.raises(InputRefused, match=f"xTB has 6 orbitals .* with a charge of {charge} more .* give another"):
            evaluate("O", charge=charge, verbosity=0)


def test_two_orbitals_that_share_a_pair_are_homo_and_lumo() -> None:
    """The xtb program's gaps of singlet and triplet oxygen: 0.000 and 15.984 eV."""
    positions = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.2]])
    singlet, triplet = (single_point(Geometry((8, 8), positions, 0, n, ())) for n in (0, 2))

    gaps = [found.values["gap"][0] for found in (singlet, triplet)]
    assert gaps == pytest.approx([0.0, 15.984380676], abs=1e-3)  # the positions' constant differs in its last digit
    assert singlet.repairs == (
        "HOMO and LUMO have one energy and share their electrons, as in a diradical, whose ground state may have "
        "unpaired: 2",
    )
    assert triplet.repairs == ()
    assert frontier([-2.0, -1.0, -0.9, 0.5], [2.0, 1.2, 0.8, 0.0], 0) == (-1.0, -0.9)


@pytest.mark.parametrize("smiles", ["[Na+]", "[La+3]"])
def test_an_ion_without_valence_electrons_is_refused(smiles: str) -> None:
    with pytest.raises(InputRefused, match="valence electrons alone, and there are none; leave the molecule out"):
        evaluate(smiles, verbosity=0)


class TestXtb(AdapterContract):
    @pytest.fixture
    def shuffles(self) -> int:
        return 2

    @pytest.fixture
    def make_adapter(self, tmp_path: Path) -> Callable[[], Adapter]:
        return lambda: build("xtb", {"workers": 2, "timeout": 60.0}, context(tmp_path))

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return BENZENE

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(BENZENE, targets={"melting_point": "degC"})

    @pytest.fixture
    def foreseen(self) -> ExperimentSpec:
        return replace(BENZENE, smiles=dict.fromkeys(BENZENE.smiles, "CC(=O)[O-].[Na+]"))

    @pytest.fixture
    def count_runs(self, tmp_path: Path) -> Callable[[AttemptKey], int]:
        return lambda key: runs(tmp_path, key)


def test_a_molecule_whose_orbitals_are_all_filled_has_no_gap_and_is_not_tried_again(tmp_path: Path) -> None:
    hydride = ExperimentSpec("gap", {"molecule": "hydride"}, {}, {"molecule": "[H-]"}, {"gap": "eV"})
    payload = ended(build("xtb", {}, context(tmp_path)), hydride)

    assert payload["kind"] == "input_error"
    assert payload["message"] == "no gap: the minimal basis has no empty orbital; leave the molecule out"
    assert "energy" in evaluate("[H-]", verbosity=0).values


def context(folder: Path) -> AdapterContext:
    return AdapterContext(str(folder / "lab"), str(folder), "gap", {"gap": "eV"})


def test_a_child_process_gives_the_numbers_of_this_one(tmp_path: Path) -> None:
    lab = build("xtb", {"properties": ["gap", "homo"]}, context(tmp_path))
    handle = lab.prepare(BENZENE, KEY)
    lab.start(handle, KEY)
    wait_for_end(lab, handle)
    payload = json.loads(lab.fetch(handle)[0].payload)
    result = read_outcome(payload, BENZENE.targets)
    here = evaluate("c1ccccc1", verbosity=0).values

    assert isinstance(result, Measured)
    assert {m.property: m.value for m in result.measurements} == {"gap": here["gap"][0], "homo": here["homo"][0]}
    assert payload["provenance"]["program"] == "tblite"
    assert payload["provenance"]["version"]
    assert "total energy" in payload["provenance"]["stdout"]


def test_a_target_that_xtb_does_not_give_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdapterOptionsError, match=r"target 'gapp' is not measured .did you mean 'gap'"):
        build("xtb", {}, replace(context(tmp_path), targets={"gapp": "eV"}))
    with pytest.raises(AdapterOptionsError, match="option 'properties' must be: some of energy"):
        build("xtb", {"properties": ["gab"]}, context(tmp_path))
    with pytest.raises(AdapterOptionsError, match=r"option 'solvent' must be: some of acetone, .*'watr' is none"):
        build("xtb", {"solvent": "watr"}, context(tmp_path))
    with pytest.raises(AdapterOptionsError, match="option 'method' must be: 'GFN2-xTB' or 'GFN1-xTB'; got 'GFN3'"):
        build("xtb", {"method": "GFN3"}, context(tmp_path))
    with pytest.raises(AdapterOptionsError, match="property 'solvation_energy' needs a solvent"):
        build("xtb", {"properties": ["gap", "solvation_energy"]}, context(tmp_path))
    with pytest.raises(AdapterOptionsError, match="property 'solvation_energy' needs a solvent; name one, such as"):
        build("xtb", {}, replace(context(tmp_path), targets={"solvation_energy": "kcal/mol"}))


def test_a_missing_tblite_is_told_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.executors.job.find_spec", lambda name: None if name == "tblite" else name)
    health = build("xtb", {}, context(tmp_path)).health()

    assert not health.is_ok
    assert "pip install 'hakken[xtb]'" in health.message


def test_building_it_loads_no_chemistry(tmp_path: Path) -> None:
    code = (
        "import sys; from adapters.registry import build; from loop.contracts import AdapterContext\n"
        "build('xtb', {}, AdapterContext(sys.argv[1], '.', 'c', {'gap': 'eV'}))\n"
        "print([m for m in ('rdkit', 'tblite', 'torch', 'numpy', 'pint') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[3]
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=root, capture_output=True, check=True, text=True
    )

    assert said.stdout == "[]\n"


@pytest.mark.parametrize(
    ("said", "options", "meant"),
    [("O=O", {"unpaired": 2}, "[O][O]"), ("N", {"charge": 1}, "[NH3+]"), ("[CH3-]", {"charge": 0}, "[CH3]")],
)
def test_a_charge_and_a_spin_of_ones_own_are_those_of_a_structure_that_has_them(
    said: str, options: dict[str, int], meant: str
) -> None:
    mine, theirs = (evaluate(s, optimise=True, verbosity=0, **o) for s, o in ((said, options), (meant, {})))

    assert mine.values["energy"][0] == pytest.approx(theirs.values["energy"][0], abs=1e-5)  # of two optimisations
    assert {mine.details[n] for n in ("charge", "unpaired")} == {theirs.details[n] for n in ("charge", "unpaired")}
    assert evaluate(said, conformers=2, verbosity=0, **options).details["unpaired"] == theirs.details["unpaired"]


def test_electrons_that_cannot_be_unpaired_are_refused() -> None:
    with pytest.raises(InputRefused, match="has 18 electrons, of which 1 cannot be unpaired; give another number"):
        embed("CC", unpaired=1)
    with pytest.raises(InputRefused, match="has no electrons with that charge; give another charge"):
        embed("[H][H]", charge=2, unpaired=0)


def test_a_laboratory_gives_every_molecule_its_charge(tmp_path: Path) -> None:
    lab = build("xtb", {"properties": ["gap"], "charge": -1, "unpaired": 1}, context(tmp_path))
    handle = lab.prepare(BENZENE, KEY)
    lab.start(handle, KEY)
    wait_for_end(lab, handle)
    told = json.loads(lab.fetch(handle)[0].payload)["provenance"]

    assert (told["charge"], told["unpaired"]) == (-1, 1)
    with pytest.raises(AdapterOptionsError, match=r"option 'unpaired' must be: greater than or equal to 0"):
        build("xtb", {"unpaired": -1}, context(tmp_path))


def test_an_optimisation_has_as_many_steps_as_the_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    placed: list[Any] = []
    monkeypatch.setattr("adapters.xtb.place", lambda _name, evaluator, *_: placed.append(evaluator))
    build(
        "xtb",
        {"optimise": True, "steps": 2},
        AdapterContext(str(tmp_path), str(tmp_path), "test", {"energy": "hartree"}),
    )

    with pytest.raises(GeometryNotConverged, match="not converged in 2 steps; allow more 'steps'") as caught:
        evaluate("CCO", **placed[0].options, verbosity=0)

    assert caught.value.details == {"steps": 2}
