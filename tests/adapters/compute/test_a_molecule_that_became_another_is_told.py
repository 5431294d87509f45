"""An optimisation may end in another molecule than was asked for: which bonds it has otherwise is on record."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from adapters.compute import conformers, optimising
from adapters.compute.bonding import rearranged
from adapters.compute.conformers import search
from adapters.compute.dft.treatment import Notes
from adapters.compute.geometry import Geometry, embed, read_xyz
from adapters.compute.tight_binding import SOLVENTS, in_solvent_of
from adapters.compute.xtb import evaluate

pytest.importorskip("tblite", reason="tblite is not installed: pip install 'hakken[xtb]'")
pytest.importorskip("geometric", reason="geometric is not installed: pip install 'hakken[xtb]'")

ZWITTERION = "[NH3+]CC(=O)[O-]"  # in the gas phase it has no barrier against being glycine


def test_a_zwitterion_without_its_solvent_ends_as_the_acid_and_is_said_to() -> None:
    found = evaluate(ZWITTERION, optimise=True, verbosity=0)
    acid = evaluate("NCC(=O)O", optimise=True, verbosity=0)

    nitrogen, _, oxygen, _ = found.details["rearranged"].replace(", ", " ").split()[:4]
    assert nitrogen.startswith("N1-H")
    assert oxygen.endswith("-" + nitrogen.partition("-")[2])
    assert found.values["energy"][0] == pytest.approx(acid.values["energy"][0], abs=0.01)
    assert "rearranged" not in acid.details


@pytest.mark.parametrize(
    "smiles",
    ["O=[N+]([O-])[N+](=O)[O-]", "C1C2CC1C2", "OC(=O)c1ccccc1O", "C[Sn](C)(C)C", "FOOF", "[H][H]", "[C-]#[O+]"],
)
def test_a_molecule_that_stayed_what_it_was_is_not(smiles: str) -> None:
    assert rearranged(embed(smiles)) == ""
    assert "rearranged" not in evaluate(smiles, optimise=True, verbosity=0).details


def stretched(geometry: Geometry, atom: int, by: float) -> Geometry:
    """With one atom moved along x."""
    return geometry.moved(geometry.positions + np.eye(len(geometry.numbers))[atom][:, None] * np.array([by, 0, 0]))


def test_an_atom_that_left_is_named_and_one_that_only_swings_is_not() -> None:
    ethane = embed("CC")

    assert rearranged(stretched(ethane, 2, 5.0)) == "C1-H3 opened"
    assert rearranged(stretched(ethane, 2, 0.2)) == ""
    assert rearranged(read_xyz("2\n\nH 0 0 0\nH 0 0 5")) == ""  # nobody says that these are bound


def test_of_two_that_close_a_ring_the_bond_is_named() -> None:
    butane = embed("CCCC")
    ends = butane.positions.copy()
    ends[3] = ends[0] + np.array([0.0, 0.0, 1.5])

    assert "C1-C4 formed" in rearranged(butane.moved(ends))


def test_a_conformer_that_became_another_molecule_is_not_the_lowest(monkeypatch: pytest.MonkeyPatch) -> None:
    broken: list[Geometry] = []

    def breaks_the_first(geometry: Geometry, *_: Any, **__: Any) -> tuple[Geometry, int]:
        moved = geometry if broken else stretched(geometry, 0, 9.0)
        broken.append(moved)
        return moved, 1

    monkeypatch.setattr(optimising, "optimise", breaks_the_first)
    monkeypatch.setattr(
        "adapters.compute.tight_binding.energy_and_gradient",
        lambda at, _method: (-1.0 if at is broken[0] else 0.0, None),
    )
    found = search("CCCCO", count=4)

    assert rearranged(broken[0])
    assert not any(rearranged(one.geometry) for one in found)
    assert conformers.told_of_search(found, 4)["above"][0] == 0.0


def test_in_its_solvent_a_zwitterion_stays_one_among_its_conformers_too() -> None:
    found = evaluate(ZWITTERION, solvent="water", conformers=3, optimise=True, verbosity=0)
    dry = evaluate(ZWITTERION, conformers=3, verbosity=0)

    assert "rearranged" not in found.details
    assert found.details["conformers"]["ranked_by"] == "GFN2-xTB/ALPB(water)"
    assert "rearranged" in dry.details


@pytest.mark.parametrize(("solvent", "is_kept"), [("water", True), ("ethanol", False), (None, False)])
def test_dft_takes_geometries_by_xtb_in_its_solvent_where_xtb_has_it(
    solvent: str | None, is_kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dft = pytest.importorskip("adapters.compute.dft.evaluate")
    pcm = pytest.importorskip("pyscf.solvent.pcm", reason="pyscf is not installed: pip install 'hakken[dft]'")
    once = pcm.PCM.build

    def coarsely(self: Any, *given: Any, **named: Any) -> Any:  # the solvent's surface takes nearly all of the time
        self.lebedev_order = 7
        return once(self, *given, **named)

    monkeypatch.setattr(pcm.PCM, "build", coarsely)
    how: dict[str, Any] = {"functional": "hf", "basis": "sto-3g", "verbosity": 0, "solvation": "cpcm"}
    found = dft.evaluate(ZWITTERION, solvent=solvent, optimise="xtb", conformers=2, **how)

    assert ("rearranged" not in found.details) is is_kept
    assert found.repairs == (
        ("GFN2-xTB has no parameters for ethanol: its geometries are those of the gas phase",)
        if solvent == "ethanol"
        else ()
    )


def test_solvents_of_smd_are_those_that_xtb_calls_otherwise() -> None:
    smd = pytest.importorskip("pyscf.solvent.smd", reason="pyscf is not installed: pip install 'hakken[dft]'")
    known = {in_solvent_of(name)[0].solvent for name in smd.solvent_db}

    assert set(SOLVENTS) - known == {"furane", "phenol", "woctanol"}  # which SMD lacks


def test_what_is_calculated_beside_a_molecule_is_told_with_it() -> None:
    notes = Notes()
    for geometry, where in (
        (embed("CC"), ""),
        (stretched(embed("CC"), 2, 5.0), "anion"),
        (stretched(embed("O"), 1, 5.0), "O"),
    ):
        notes.bound(geometry, where)

    assert notes.details == {"rearranged": "anion: C1-H3 opened; O: O1-H2 opened"}
