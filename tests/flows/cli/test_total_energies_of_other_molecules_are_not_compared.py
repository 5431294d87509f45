"""A campaign that aims at the total energies of different molecules is told that these cannot be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SPEC = """\
campaign: small
space: {molecule: {type: molecule, options: {methane: C, ethane: CC, water: O}}}
objective: {energy: {goal: minimize, unit: hartree}}
planner: {surrogate: random, batch: 2, initial: {experiments: 2}}
budget: {experiments: 9}
laboratory: {adapter: xtb}
"""


@pytest.fixture
def notes(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is noted of ``SPEC`` with something in it changed that has to do with total energies."""
    monkeypatch.chdir(tmp_path)

    def of(old: str = "", new: str = "") -> list[str]:
        assert old in SPEC
        Path("small.yaml").write_text(SPEC.replace(old, new) if old else SPEC)
        found: list[str] = hakken("validate", "small.yaml", "--json").json["problems"]
        return [note for note in found if "total energy" in note]

    return of


def test_two_of_other_atoms_are_named_with_what_compares_them(notes: Any, hakken: Any) -> None:
    (note,) = notes()
    assert note.startswith("energy is a total energy, and those of different molecules cannot be compared")
    assert "(methane is CH4, ethane C2H6)" in note
    assert "atomisation_energy" in note
    planned = hakken("run", "--dry-run", "small.yaml").out
    assert "note: energy is a total energy, and those of different molecules cannot be compared" in planned


def test_isomers_and_what_is_no_total_energy_are_compared_without_a_word(notes: Any) -> None:
    assert notes("{methane: C, ethane: CC, water: O}", "{ethanol: CCO, ether: COC}") == []
    assert notes("energy: {goal: minimize, unit: hartree}", "gap: {goal: minimize, unit: eV}") == []
    beside = "energy: {goal: keep, at_most: 0, unit: hartree}, gap: {goal: minimize, unit: eV}"
    assert notes("energy: {goal: minimize, unit: hartree}", beside) == []
    assert len(notes("adapter: xtb", "adapter: ase, calculator: tblite.ase:TBLite")) == 1


def test_what_a_file_itself_calls_energy_is_nothing_that_is_known(notes: Any) -> None:
    own = "adapter: command, command: [echo, $smiles], parse: {energy: {regex: '(.+)', unit: hartree}}"
    assert notes("adapter: xtb", own) == []
    assert len(notes("adapter: xtb", "adapter: command, program: orca, executable: echo")) == 1
