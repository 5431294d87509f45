"""``hakken examine``: evidence and verdict of a campaign on record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CAMPAIGN = """\
campaign: heat
space:
  ligand: {type: category, options: [A, B, C]}
  temperature: {type: number, low: 20, high: 120, step: 5, unit: degC}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
planner: {surrogate: gp, batch: 12, initial: {experiments: 12}}
budget: {experiments: 24}
laboratory: {adapter: simulated}
"""


def test_what_was_held_out_is_shown_with_the_verdict(hakken: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("heat.yaml").write_text(CAMPAIGN)
    hakken("run", "heat.yaml")

    said, document = hakken("examine", "heat"), hakken("examine", "heat", "--json")

    assert said.code == 0, said.err
    assert "yield: 24 values of 24 candidates" in said.out
    for word in ("random", "option", "time", "nearest", "models "):
        assert word in said.out
    assert "next: hakken report heat" in said.out
    found = json.loads(document.out)["targets"]["yield"]
    assert [s["split"] for s in found["skills"]] == ["random", "option", "time"]
    assert found["skills"][0]["tested"] == 24
    assert found["findings"][0]["standing"] in ("good", "warning", "bad")


def test_a_campaign_that_is_not_there_is_named(hakken: Any) -> None:
    said = hakken("examine", "nothing")

    assert said.code != 0
    assert "nothing" in said.err
