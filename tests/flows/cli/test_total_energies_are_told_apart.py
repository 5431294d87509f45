"""Total energies share their first digits: wherever one is shown, those behind tell it from another's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

ENERGIES = {"A": -382.304117, "B": -382.302541, "C": -382.309858}
CAMPAIGN = """
campaign: isomers
space: {molecule: {type: category, options: [A, B, C]}}
objective: {energy: {goal: minimize, unit: hartree, exact: true}}
planner: {surrogate: gp, batch: 3, initial: {experiments: 3}}
budget: {experiments: 3}
laboratory: {adapter: emulator, table: energies.csv}
"""


def test_isomers_whose_energies_differ_in_the_third_decimal_are_shown_as_they_differ(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "\n".join(f"{name},{energy}" for name, energy in ENERGIES.items())
    Path("energies.csv").write_text(f"molecule,energy\n{rows}\n")
    Path("isomers.yaml").write_text(CAMPAIGN)

    run = hakken("run", "isomers.yaml").out
    best, shown = hakken("best", "isomers", "--top", "3").out, hakken("show", "isomers").out
    predicted, status = hakken("predict", "isomers").out, hakken("status", "isomers").out
    page = next(tmp_path.rglob("report.html")).read_text()

    assert "best so far energy -382.309858 hartree (C)" in run
    assert "best single value: energy -382.309858 hartree: C" in status
    for energy in ENERGIES.values():
        assert f"\n {energy} " in run  # the table at the end
        assert f"energy {energy} hartree (exact)\n     measured 1 time: energy {energy} hartree" in best
        assert f"energy {energy} hartree" in shown
        assert f"energy {energy} hartree (exact)\n     measured: energy {energy} hartree" in predicted
        assert f"\N{MINUS SIGN}{-energy}\N{NO-BREAK SPACE}hartree" in page
