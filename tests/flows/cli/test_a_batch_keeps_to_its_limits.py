"""Limits of a batch from the command line: said by validate, kept with what is pinned, planned again the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FILE = """
campaign: bottle
space:
  ligand: {type: category, options: [A, B, C, D]}
  volume: {type: number, values: [1, 2, 5, 10, 20], unit: mL}
objective: {yield: {goal: maximize, unit: "%"}}
planner: {surrogate: gp, batch: 6, initial: {experiments: 4}, per_batch: {sums: {volume: 30}}}
budget: {experiments: 24}
laboratory: {adapter: simulated}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bottle.yaml"
    path.write_text(FILE)
    return path


def test_validate_and_a_dry_run_say_them(hakken: Callable[..., Any], file: Path) -> None:
    validated, dry = hakken("validate", file), hakken("run", file, "--dry-run")

    assert "6 at most, within 30 mL of volume" in validated.out
    assert "of 30 mL of volume" in dry.out


def test_with_what_is_pinned_and_in_a_replay(hakken: Callable[..., Any], file: Path) -> None:
    def volumes(number: int) -> list[tuple[float, str]]:
        drafts = [p["proposal"]["draft"] for p in hakken("show", "bottle", number, "--json").json["proposals"]]
        return [(d["candidate"]["settings"]["volume"], d["arm"]) for d in drafts]

    hakken("tick", file)
    hakken("tick", "bottle")  # results are in, and the second batch runs
    pin = hakken("pin", "bottle", "--where", "ligand=D", "--where", "volume=20", "--why", "a hunch", "--again")
    assert pin.code == 0, pin.err
    while len(rounds := [n for n in range(1, 9) if hakken("show", "bottle", n).code == 0]) < 3:
        hakken("tick", "bottle")

    for number in rounds:
        assert sum(volume for volume, _ in volumes(number)) <= 30
        assert "comes out again" in hakken("replay", "bottle", number).out
    assert [v for n in rounds for v, arm in volumes(n) if arm == "manual"] == [20.0]
