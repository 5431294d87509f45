"""What people get wrong when they ask for the best, or decide: one clear message each, and nothing on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """\
campaign: small
space:
  ligand: {type: component, options: {PPh3: c1ccc(P(c2ccccc2)c2ccccc2)cc1, PCy3: C1CCC(P(C2CCCCC2)C2CCCCC2)CC1}}
  temperature: {type: number, values: [60, 80, 100], unit: degC}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
planner: {surrogate: random, batch: 2, initial: {design: random, experiments: 2}}
budget: {experiments: 4}
laboratory: {adapter: simulated, approval: person}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(CAMPAIGN)


def test_the_best_of_a_campaign_that_is_not_there(hakken: Any) -> None:
    hakken("run", "small.yaml")

    said = hakken("best", "smal")

    assert said.code == 2
    assert "no campaign is called 'smal'" in said.err
    assert "small" in said.err


@pytest.mark.parametrize("top", ["0", "many"])
def test_the_best_none_or_many(hakken: Any, top: str) -> None:
    said = hakken("best", "small", "--top", top)

    assert said.code == 2
    assert "--top" in said.err


def test_the_best_before_anything_was_measured(hakken: Any) -> None:
    hakken("run", "small.yaml")

    said = hakken("best", "small")

    assert said.code == 0
    assert "nothing can be named the best yet" in said.out
    assert "no candidate has a value for every target yet" in said.out
