"""``hakken validate`` says where a laboratory repeats its numbers and the campaign file does not say so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SPEC = """\
campaign: small
space: {molecule: {type: molecule, options: {methane: C, ethane: CC, water: O}}}
objective: {gap: {goal: minimize, unit: eV}, dipole: {goal: keep, at_most: 3, unit: debye}}
budget: {experiments: 9}
laboratory: {adapter: xtb}
"""
BOTH = "{adapter: several, laboratories: {quick: {adapter: xtb, when: {molecule: methane}}, dear: {adapter: %s}}}"


@pytest.fixture
def notes(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is noted of ``SPEC`` with something in it changed that has to do with what is exact."""
    monkeypatch.chdir(tmp_path)

    def of(old: str = "", new: str = "") -> list[str]:
        assert old in SPEC
        Path("small.yaml").write_text(SPEC.replace(old, new) if old else SPEC)
        found: list[str] = hakken("validate", "small.yaml", "--json").json["problems"]
        return [note for note in found if "exact" in note]

    return of


def test_targets_that_a_calculation_gives_are_named(notes: Any) -> None:
    assert notes() == [
        "laboratory xtb gives the same numbers each time; with exact: true of gap, dipole under objective what was "
        "calculated is known, and not believed to scatter"
    ]
    (note,) = notes("unit: eV}", "unit: eV, exact: true}")
    assert "exact: true of dipole under objective" in note


def test_nothing_is_said_of_a_laboratory_that_may_scatter(notes: Any) -> None:
    assert notes("{adapter: xtb}", "{adapter: simulated}") == []
    assert notes("{adapter: xtb}", BOTH % "simulated") == []
    assert len(notes("{adapter: xtb}", BOTH % "pyscf")) == 1


def test_best_names_it_where_doubts_are_left_that_no_replicate_ends(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    planner = "planner: {surrogate: random, batch: 2, initial: {experiments: 2}}\nlaboratory: {adapter: xtb}"
    Path("small.yaml").write_text(SPEC.replace("laboratory: {adapter: xtb}", planner))
    hakken("tick", "small.yaml")
    rows = "molecule,gap,dipole\nmethane,15.1,0\nethane,13.2,0\n"
    Path("told.csv").write_text(rows)
    hakken("tell", "small.yaml", "told.csv")

    said = hakken("best", "small").out.splitlines()[-1]

    assert "exact: true of each target under objective says that what was calculated is known" in said
    assert "replicates: planned" not in said
