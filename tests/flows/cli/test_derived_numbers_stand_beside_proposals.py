"""What follows from the settings of a proposal, such as an amount to be weighed out, stands beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """\
campaign: small
space:
  ligand: {type: category, options: [XPhos, SPhos]}
  scale: {type: number, values: [0.2, 0.5], unit: mmol}
  loading: {type: number, values: [0, 2, 5], unit: "%"}
  metal: {type: derived, expression: scale * loading / 100, unit: mmol}
  part: {type: derived, expression: log10(loading)}
objective: {yield: {goal: maximize, unit: "%", low: 0, high: 100}}
planner: {surrogate: random, batch: 6, initial: {experiments: 6, design: random}}
budget: {experiments: 6}
laboratory: {adapter: manual}
"""
PROPOSAL = re.compile(r"scale ([\d.]+) mmol, loading (\d+) %\n((?: .*\n)*)")


@pytest.mark.parametrize("words", [("run", "--dry-run", "small.yaml"), ("show", "small")])
def test_they_are_told_by_name_with_their_unit_where_they_have_a_value(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(CAMPAIGN)
    if words[0] == "show":
        assert hakken("tick", "small.yaml").code == 0

    said = hakken(*words).out

    proposals = PROPOSAL.findall(said)
    assert len(proposals) == 6
    for scale, loading, lines in proposals:
        metal = f"     derived metal {float(scale) * int(loading) / 100:.4g} mmol"
        assert metal in lines
        assert ("part" in lines) == (loading != "0")


def test_where_nothing_is_derived_nothing_is_said(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text("".join(line for line in CAMPAIGN.splitlines(True) if "derived" not in line))

    assert "derived" not in hakken("run", "--dry-run", "small.yaml").out
