"""Where experiment after experiment ends in the same kind of fault, every pass and the status say so."""

from __future__ import annotations

import json
from pathlib import Path

from flows.engine import status, stop, tick
from flows.settings import Settings
from tests.flows.engine.bench import FakeLaboratory, add, cheap_planner, measured


def fault(kind: str, message: str) -> str:
    return json.dumps({"outcome": "fault", "kind": kind, "message": message})


def a_pass(settings: Settings) -> list[str]:
    return [n for n in tick(settings, "small", planner=cheap_planner).notes if "ended in a fault" in n]


def test_it_is_said_from_the_fifth_on_with_the_cause_and_the_way_out_until_something_else_comes(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    laboratory.answers = lambda _: [fault("analysis_failed", "'ok' is no number")]
    add(settings, tmp_path, budget={"experiments": 30})
    a_pass(settings)
    assert a_pass(settings) == []  # four

    (note,) = a_pass(settings)  # seven

    assert note == (
        "the last 7 experiments ended in a fault, and none has had a result yet (analysis_failed, the last: 'ok' is no "
        "number). See to what causes it before more is spent; hakken stop small sends nothing more until hakken resume"
    )
    assert status(settings, "small")[0].failing == (note,)
    laboratory.answers = lambda _: [measured(50.0)]
    a_pass(settings)  # what was sent before
    assert a_pass(settings) == []
    laboratory.answers = lambda _: [fault("analysis_failed", "'ok' is no number")]
    for _ in range(3):
        found = a_pass(settings)
    assert found
    assert "none has had a result since" in found[0]


def test_faults_of_several_kinds_are_taken_for_chance_and_of_a_stopped_campaign_nothing_is_said(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    kinds = iter(["analysis_failed", "consumable_missing"] * 20)
    laboratory.answers = lambda _: [fault(next(kinds), "for the test")]
    add(settings, tmp_path, budget={"experiments": 30})
    for _ in range(5):
        assert a_pass(settings) == []
    laboratory.answers = lambda _: [fault("consumable_missing", "for the test")]
    for _ in range(3):
        found = a_pass(settings)
    assert found
    stop(settings, "small", by="ada", why="no vials")

    assert status(settings, "small")[0].failing == ()
