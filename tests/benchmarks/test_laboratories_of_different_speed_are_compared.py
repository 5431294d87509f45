"""``dispatch.py`` plays whole campaigns on clocks that are set forward: what it counts is what happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dispatch
import numpy as np
import pytest
from problems import Problem

SPEC: dict[str, Any] = {
    "campaign": "ovens",
    "space": {"a": {"type": "number", "values": [float(n) for n in range(1, 101)]}},
    "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
    "budget": {"experiments": 50},
    "laboratory": {"adapter": "emulator"},
}
ROWS = tuple({"a": float(n)} for n in range(1, 101))
PROBLEM = Problem("ovens", SPEC, ROWS, tuple(np.array([[row["a"]]]) for row in ROWS))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "load_problem", lambda *_: PROBLEM)


def play(way: str, loses: bool = False, hours: float = 16.0) -> dict[str, Any]:
    return dispatch.campaign(way, loses, 0, "random", hours, Path())


def test_rolling_keeps_every_laboratory_busy_and_batches_do_not() -> None:
    rolling, by_room = play("rolling"), play("by room")

    most = dispatch.possible(tuple(dispatch.SPEEDS)) * 16.0
    assert 0.7 * most < len(rolling["at"]) < 1.3 * most
    assert len(by_room["at"]) < 0.5 * len(rolling["at"])
    assert min(rolling["by"].values()) >= 1
    assert rolling["twice"] == by_room["twice"] == 0


def test_what_is_counted_came_in_order_and_within_the_hours() -> None:
    told = play("batch of 3")

    assert told["at"] == sorted(told["at"])
    assert told["at"][0] > 0.0
    assert told["at"][-1] <= 16.0
    assert told["best"] == sorted(told["best"])
    assert dispatch.best_at(told, told["at"][0]) == told["best"][0]
    assert dispatch.best_at(told, 0.0) == 0.0


@pytest.mark.parametrize("way", ["rolling", "batch of 3"])
def test_a_lost_laboratory_does_nothing_more_and_the_others_go_on(way: str) -> None:
    whole, lost = play(way), play(way, loses=True)

    assert lost["by"]["quick"] < whole["by"]["quick"]
    assert sum(at > 9.0 for at in lost["at"]) >= 2
    assert lost["twice"] == 0
