"""Structures that a program is certain to refuse are told before anything runs, and without the program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.common.limits import limited
from adapters.compute.ase import foresee as foresee_of_ase
from adapters.compute.dft.foreseeing import foresee as foresee_of_dft
from adapters.compute.dft.foreseeing import foresee_given
from adapters.compute.evaluation import Request
from adapters.compute.geometry import embed, foresee
from adapters.errors import InputRefused
from adapters.registry import build
from loop.contracts import AdapterContext, ExperimentSpec, Foresees, HasParts

SALT, DUMMY, URANIUM = "CC(=O)[O-].[Na+]", "*C", "O=[U]=O"


def request(smiles: str) -> Request:
    return Request({"molecule": "it"}, {}, {"molecule": smiles})


def experiment(smiles: str) -> ExperimentSpec:
    return ExperimentSpec("gap", {"molecule": "it"}, {}, {"molecule": smiles}, {"gap": "eV"})


def laboratory(folder: Path, adapter: str = "xtb", options: dict[str, Any] | None = None, target: str = "gap") -> Any:
    return build(adapter, options or {}, AdapterContext(str(folder / "lab"), str(folder), "gap", {target: "eV"}))


@pytest.mark.parametrize(
    ("adapter", "options"),
    [
        ("xtb", {}),
        ("pyscf", {}),
        ("ase", {"calculator": "tblite.ase:TBLite"}),
        ("ase", {"calculator": "adapters.compute.ani:ani_1x"}),
    ],
)
def test_electrons_that_cannot_be_unpaired_are_foreseen(tmp_path: Path, adapter: str, options: dict[str, Any]) -> None:
    target = "energy" if adapter == "ase" else "gap"
    triplets = laboratory(tmp_path, adapter, {**options, "unpaired": 2}, target)
    cations = laboratory(tmp_path, adapter, {**options, "charge": 1}, target)

    (odd,) = triplets.foresee(experiment("[CH3]"))
    (bare,) = cations.foresee(experiment("[H]"))
    assert "has 9 electrons, of which 2 cannot be unpaired" in str(odd)
    assert "has no electrons with that charge" in str(bare)
    assert triplets.foresee(experiment("CC")) == cations.foresee(experiment("CC")) == ()


@pytest.mark.parametrize(
    ("smiles", "rule", "remedy"),
    [
        (SALT, "separate parts", "standardise: {salts: strip}"),
        (
            "N.N.[Cl-].[Cl-].[Pt+2]",
            "separate parts",
            "leave the molecule out: a complex, or what has no carbon, has no",
        ),
        (
            "[Na+].[Cl-]",
            "separate parts",
            "leave the molecule out: a complex, or what has no carbon, has no part to keep",
        ),
        (DUMMY, "dummy atom", 'forbid: "[#0]"'),
        (URANIUM, "has U, ", 'forbid: "[#92]"'),
        ("C1CC", "cannot be read", "mend it"),
        ("[H+]", "has no electrons", "leave the molecule out"),
        ("[He+2]", "has no electrons", "leave the molecule out"),
    ],
)
def test_what_no_geometry_is_made_of_is_foreseen_as_it_is_then_refused(smiles: str, rule: str, remedy: str) -> None:
    (problem,) = foresee(request(smiles))

    assert rule in problem.rule
    assert remedy in problem.remedy
    with pytest.raises(InputRefused, match=problem.rule):
        embed(smiles)


@pytest.mark.parametrize("smiles", ["CCO", "[CH3]", "C[N+](C)(C)C", "[Po]", "1\n\nU 0 0 0"])
def test_ions_radicals_and_what_only_a_run_can_tell_are_not_foreseen(smiles: str) -> None:
    assert list(foresee(request(smiles))) == []


def test_refusals_of_one_kind_are_worded_alike() -> None:
    (one,), (other,) = foresee(request(SALT)), foresee(request("C.C.C"))

    assert (one.rule, one.remedy) == (other.rule, other.remedy)


def test_an_element_that_ani_does_not_know_is_foreseen_and_one_of_another_calculator_is_not() -> None:
    (problem,) = foresee_of_ase(request("CCl"), calculator="adapters.compute.ani:ani_1x")

    assert problem.rule == "has Cl, which ANI-1x does not know"
    assert list(foresee_of_ase(request("CCO"), calculator="adapters.compute.ani:ani_1x")) == []
    assert list(foresee_of_ase(request("CCl"), calculator="somebodys:Own")) == []


def test_dft_foresees_atoms_without_an_energy_and_molecules_that_do_not_react() -> None:
    iron = foresee_of_dft(request("[Fe]"), properties=["atomisation_energy"], reaction=None, partners=[])
    gap = foresee_of_dft(request("[Fe]"), properties=["gap"], reaction=None, partners=[])
    reacts = {"properties": ["reaction_energy"], "reaction": "[C:1][OH]>>[C:1]", "partners": []}
    alkane, alcohol = (list(foresee_of_dft(request(s), **reacts)) for s in ("CC", "CCO"))

    assert [p.rule for p in iron] == ["has Fe, which our table of free atoms (for atomisation energies) does not know"]
    assert list(gap) == []
    assert [p.rule for p in alkane] == ["is no reactant of the reaction"]
    assert alcohol == []


def test_an_option_without_a_given_structure_is_foreseen() -> None:
    def of(way: str) -> list[str]:
        return [p.subject for p in foresee_given(Request({"way": way}), parameter="way", given={"ring": {}})]

    assert of("ring") == []
    assert of("chain") == ["way 'chain'"]


@pytest.mark.parametrize("adapter", ["xtb", "pyscf", "ase", "qcfractal", "command"])
def test_laboratories_that_embed_a_structure_foresee(adapter: str, tmp_path: Path) -> None:
    options = {
        "ase": {"calculator": "ase.calculators.emt:EMT"},
        "qcfractal": {"address": "http://localhost:1", "program": "xtb", "method": "gfn2-xtb"},
        "command": {"program": "orca"},
    }
    target = {"ase": "energy", "qcfractal": "energy"}.get(adapter, "gap")
    unit = {"ase": "eV", "qcfractal": "hartree"}.get(adapter, "eV")
    lab = build(
        adapter, options.get(adapter, {}), AdapterContext(str(tmp_path / "lab"), str(tmp_path), "gap", {target: unit})
    )

    assert isinstance(lab, Foresees)
    assert [p.rule for p in lab.foresee(experiment(SALT))] == ["has separate parts, as a salt has"]
    assert list(lab.foresee(experiment("CCO"))) == []


def test_of_several_laboratories_that_take_a_candidate_each_must_foresee_its_refusal(tmp_path: Path) -> None:
    xtb, made_up = {"adapter": "xtb"}, {"adapter": "simulated"}
    one = laboratory(tmp_path / "1", "several", {"laboratories": {"xtb": xtb, "other": made_up}})
    both = laboratory(tmp_path / "2", "several", {"laboratories": {"xtb": xtb, "more": xtb}})

    assert isinstance(one, HasParts)
    assert list(one.foresee(experiment(SALT))) == []
    assert len(both.foresee(experiment(SALT))) == 1


def test_a_laboratory_behind_limits_foresees_as_before(tmp_path: Path) -> None:
    class Limits:
        def __bool__(self) -> bool:
            return True

    behind = limited(laboratory(tmp_path), Limits(), None)  # type: ignore[arg-type]

    assert isinstance(behind, Foresees)
    assert len(behind.foresee(experiment(SALT))) == 1


def test_nothing_heavy_is_loaded_to_foresee(tmp_path: Path) -> None:
    code = f"""
import sys
from tests.adapters.compute.test_refusals_are_foreseen import SALT, experiment
from adapters.registry import build
from loop.contracts import AdapterContext
from pathlib import Path
for name in ("xtb", "pyscf"):
    lab = build(name, {{}}, AdapterContext({str(tmp_path)!r} + name, {str(tmp_path)!r}, "gap", {{"gap": "eV"}}))
    assert len(lab.foresee(experiment(SALT))) == 1
print(sorted({{"tblite", "pyscf", "ase", "torch", "scipy", "geometric"}} & set(sys.modules)))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[]"
