"""A part that a mixture gets later: results on record had none of it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """\
campaign: blend one
space: {solvent: {type: mixture, parts: [EC, EMC]}, lithium: {type: number, values: [1, 2], unit: mol/L}}
objective: {conductivity: {goal: maximize}}
planner: {surrogate: random, initial: {design: random, experiments: 2}}
budget: {experiments: 9}
laboratory: {adapter: manual}
"""


def test_results_count_on_with_none_of_it(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.yaml").write_text(CAMPAIGN)
    Path("told.csv").write_text("solvent.EC,solvent.EMC,lithium,conductivity,conductivity_n\n.3,.7,1,9.5,3\n1,0,2,4,\n")
    hakken("tell", "one.yaml", "told.csv")
    Path("one.yaml").write_text(CAMPAIGN.replace("EMC]", "EMC, DEC]"))

    assert hakken("run", "one.yaml").code == 0

    assert "best single value: conductivity 9.5: solvent 0.3 EC + 0.7 EMC" in hakken("status", "blend one").out
    Path("two.yaml").write_text(CAMPAIGN.replace("EMC]", "EMC, DEC]").replace("blend one", "blend two"))
    hakken("export", "blend one", "blend one.csv")
    assert "2 results accepted" in hakken("tell", "two.yaml", "blend one.csv").out
    hakken("export", "blend two", "two.csv")
    with Path("two.csv").open() as file:
        assert [float(row["settings.solvent.DEC"]) for row in csv.DictReader(file)] == [0, 0]


def test_whole_numbers_that_pandas_writes_with_a_point_are_read(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.yaml").write_text(CAMPAIGN)
    rows = ".3,.7,1,9.5,3.0\n1,0,2,4,2.5\n"
    Path("told.csv").write_text("solvent.EC,solvent.EMC,lithium,conductivity,conductivity_n\n" + rows)
    told = hakken("tell", "one.yaml", "told.csv")

    assert "1 result accepted" in told.out
    assert "told.csv line 3: column 'conductivity_n' must hold how many readings there were, got '2.5'" in told.err
