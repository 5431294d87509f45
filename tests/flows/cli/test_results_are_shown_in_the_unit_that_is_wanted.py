"""A result that was reported in another unit than its target has stands beside its prediction in the target's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """
campaign: gaps
space: {x: {type: number, values: [1, 2, 3]}}
objective: {gap: {goal: minimize, unit: kJ/mol}}
planner: {surrogate: random, batch: 1, initial: {experiments: 1, design: random}}
budget: {experiments: 1}
laboratory: {adapter: callable, function: "gaps:run", properties: {gap: eV, width: nm}}
"""


def test_show_tells_a_result_in_the_targets_unit_and_as_it_was_reported(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gaps.py").write_text("def run(settings): return {'gap': 2.0, 'width': 7.0}\n")
    Path("gaps.yaml").write_text(CAMPAIGN)

    hakken("run", "gaps.yaml")
    shown = hakken("show", "gaps").out

    assert ": gap 192.97 kJ/mol (2 eV), width 7 nm\n" in shown
