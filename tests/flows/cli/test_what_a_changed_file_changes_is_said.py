"""Where the file of a campaign on record says something else, whoever runs it is told what it changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """
campaign: heat
space:
  catalyst: {type: category, options: [A, B, C]}
  temperature: {type: number, values: [60, 80, 100], unit: degC}
objective: {yield: {goal: maximize, unit: "%"}}
planner: {surrogate: random, batch: 2, initial: {experiments: 2, design: random}}
budget: {experiments: 2}
laboratory: {adapter: simulated}
"""


def test_a_run_by_a_file_names_the_sections_that_differ_from_the_record(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(CAMPAIGN)
    other = CAMPAIGN.replace("80, 100", "80, 100, 120").replace("budget: {experiments: 2}", "budget: {experiments: 3}")
    Path("theirs.yaml").write_text(other)

    first, again = hakken("run", "mine.yaml"), hakken("run", "mine.yaml")
    wider, back = hakken("run", "theirs.yaml"), hakken("tick", "mine.yaml")

    assert "changes what is on record" not in first.out + again.out
    said = "changes what is on record of heat, which goes on by it from here: budget.experiments, space.temperature"
    assert f"note: theirs.yaml {said}\n" in wider.out
    assert f"note: mine.yaml {said}\n" in back.out
