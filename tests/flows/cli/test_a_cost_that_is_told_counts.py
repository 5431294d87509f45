"""What an experiment cost counts, whether its worksheet says it or a table that is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """
campaign: dear
space: {catalyst: {type: category, options: [A, B]}}
objective: {yield: {goal: maximize, unit: "%"}}
costs: {unit: EUR, experiment: 30}
planner: {surrogate: random, batch: 2, initial: {experiments: 2, design: random}}
budget: {experiments: 2, cost: 200}
laboratory: {adapter: manual}
"""


def test_what_a_told_table_says_that_an_experiment_cost_is_what_was_spent(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dear.yaml").write_text(CAMPAIGN)
    hakken("tick", "dear.yaml")
    Path("vendor.csv").write_text("catalyst,yield [%],cost\nA,50,25\n")

    hakken("tell", "dear", "vendor.csv", "--match")

    assert "spent 55 of 200 EUR" in hakken("status", "dear").out
