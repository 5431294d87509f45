"""What ``failures.py`` counts, and what it tells of a yield beyond a limit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contest import outcome_of, peer_campaigns
from failures import cut, large_crystals, saturated
from problems import PROBLEMS, Problem

from loop.outcome import Fault, Measured, Qualifier

SPEC: dict[str, Any] = {
    "campaign": "limits",
    "space": {"a": {"type": "number", "values": [1.0, 2.0]}},
    "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
    "budget": {"experiments": 10},
    "laboratory": {"adapter": "emulator"},
}
PROBLEM = Problem("limits", SPEC, ({"a": 1.0}, {"a": 2.0}), (np.array([[55.0]]), np.array([[97.0]])))


def test_a_yield_above_the_limit_reaches_the_planner_as_a_limit() -> None:
    above, below = (saturated(PROBLEM, {"a": a}, 0, []) for a in (2.0, 1.0))

    outcome = outcome_of(PROBLEM, above)
    assert isinstance(outcome, Measured)
    assert [(m.value, m.qualifier) for m in outcome.measurements] == [(90.0, Qualifier.ABOVE)]
    assert below == {"settings": {"a": 1.0}, "values": {"yield": 55.0}, "failed": False}


def test_writing_the_limit_down_forgets_that_it_was_one() -> None:
    outcome = outcome_of(PROBLEM, cut(PROBLEM, {"a": 2.0}, 0, []))

    assert isinstance(outcome, Measured)
    assert [(m.value, m.qualifier) for m in outcome.measurements] == [(90.0, Qualifier.EQUAL)]


def test_a_failed_experiment_reaches_the_planner_as_a_fault_of_the_candidate() -> None:
    outcome = outcome_of(PROBLEM, {"settings": {"a": 1.0}, "values": {}, "failed": True})

    assert isinstance(outcome, Fault)
    assert outcome.informative


def test_only_large_crystals_are_counted() -> None:
    scores = [4.0, 3.0, 4.0, 1.0]

    assert large_crystals({"observed": [{"values": {"score": s}} for s in scores] + [{"values": {}}]}) == 2


def test_peers_without_environment_give_their_remedy_and_no_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAKKEN_PEERS", str(tmp_path))
    monkeypatch.setitem(PROBLEMS, "limits", lambda _: PROBLEM)

    runs, why = peer_campaigns("bofire", "limits", [0, 1], tmp_path, kept_only=True)

    assert runs == {}
    assert "make peers" in why
