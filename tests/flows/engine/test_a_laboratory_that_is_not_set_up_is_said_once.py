"""A laboratory that cannot be used from here before a person has done something: said once, and nothing is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.errors import QueueFull
from db.ledger import open_ledger
from flows.cli.checks import project
from flows.engine import run, status, tick
from flows.settings import Settings
from loop.errors import NotSetUp
from loop.experiment import Event
from tests.flows.engine.bench import FakeLaboratory, add, cheap_planner

WHY = "there is no queue here; run hakken where there is one"


def refusing(laboratory: FakeLaboratory, name: str) -> list[Any]:
    """Has a method say that the laboratory is not set up, while the list is empty; put something in to mend it."""
    real, mended = getattr(laboratory, name), []

    def ask(*arguments: Any) -> Any:
        if not mended:
            raise NotSetUp(WHY)
        return real(*arguments)

    setattr(laboratory, name, ask)
    return mended


def test_a_run_ends_with_the_remedy_and_what_was_not_shown_is_ready(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    mended = refusing(laboratory, "prepare")
    reports: list[Any] = []
    last = run(settings, "small", on_tick=reports.append, planner=cheap_planner, sleep=lambda _: None)

    assert (len(reports), last.pending, last.waits_for_person) == (1, {"ready": 4}, True)
    assert f"The laboratory cannot be used from here: {WHY}; then go on with hakken run" in last.next_step
    assert not [note for note in last.notes if WHY in note]
    with open_ledger(settings.database) as ledger:
        steps = [e.event for e in ledger.steps("small")]
    assert steps.count(Event.CLAIMED) == steps.count(Event.ABSENT) == 4

    mended.append(True)
    assert tick(settings, "small", planner=cheap_planner).sent == 4
    assert set(laboratory.starts.values()) == {1}


def test_what_goes_on_there_is_still_taken_in(settings: Settings, tmp_path: Path, laboratory: FakeLaboratory) -> None:
    add(settings, tmp_path)
    real = laboratory.prepare

    def prepare(spec: Any, key: Any) -> Any:
        if len(laboratory.jobs) >= 2:
            raise NotSetUp(WHY)
        return real(spec, key)

    laboratory.prepare = prepare  # type: ignore[method-assign]  # to lose it between two experiments
    reports: list[Any] = []
    last = run(settings, "small", on_tick=reports.append, planner=cheap_planner, sleep=lambda _: None)

    assert (reports[0].sent, reports[0].waits_for_person) == (2, False)
    assert f"nothing more is sent: {WHY}" in reports[0].notes
    assert (last.experiments_done, last.pending, last.waits_for_person) == (2, {"ready": 2}, True)


def test_why_nothing_could_be_sent_is_said_by_whoever_looks_until_it_is_sent(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    mended = refusing(laboratory, "prepare")
    tick(settings, "small", planner=cheap_planner)
    line = f"4 experiments wait to be sent, which the last pass could not: {WHY}"
    (during,) = status(settings, "small")
    (check,) = project.unsent_experiments(settings)
    mended.append(True)
    tick(settings, "small", planner=cheap_planner)
    (after,) = status(settings, "small")

    assert during.held_up == (line,)
    assert (check.subject, check.found) == ("small", line)
    assert after.held_up == ()
    assert list(project.unsent_experiments(settings)) == []


def test_a_queue_that_takes_no_more_for_now_is_said_too(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path)

    def full(*_: Any) -> Any:
        raise QueueFull("Slurm takes no further job of yours: MaxSubmitJobs")

    monkeypatch.setattr(laboratory, "prepare", full)
    tick(settings, "small", planner=cheap_planner)
    (said,) = status(settings, "small")[0].held_up

    assert "wait to be sent, which the last pass could not: the laboratory" in said
    assert "Slurm takes no further job of yours: MaxSubmitJobs" in said


@pytest.mark.parametrize("asked", ["status", "find"])
def test_what_cannot_be_asked_from_here_is_not_asked_without_end(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, asked: str
) -> None:
    add(settings, tmp_path)
    laboratory.loses_reply_of_start = asked == "find"
    tick(settings, "small", planner=cheap_planner)
    refusing(laboratory, asked)
    reports: list[Any] = []
    last = run(settings, "small", on_tick=reports.append, planner=cheap_planner, sleep=lambda _: None)

    assert (len(reports), last.waits_for_person) == (1, True)
    assert WHY in last.next_step
