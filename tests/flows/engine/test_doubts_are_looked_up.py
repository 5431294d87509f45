"""Law 4: an intent is on record before anything moves; on doubt the key is looked up, never sent again blindly."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.engine import resolve
from flows.engine.looking.next_step import next_step
from flows.engine.looking.view import View
from flows.settings import Settings
from loop.contracts import Delivery, ExperimentSpec, Handle, Health, Phase
from loop.errors import AttemptUnavailable, LedgerError
from loop.experiment import Event, State
from tests.flows.engine.bench import FakeLaboratory, add, measured, once


def attempts(settings: Settings) -> Any:
    with open_ledger(settings.database) as ledger:
        return ledger.attempts("small")


def test_the_intent_is_committed_before_the_laboratory_hears_of_it(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    seen = []
    real = laboratory.prepare

    def prepare(spec: ExperimentSpec, key: Any) -> Handle:
        seen.append({a.key: a.state for a in attempts(settings)}[key])
        return real(spec, key)

    laboratory.prepare = prepare  # type: ignore[method-assign]  # to look at the record at that very moment
    once(settings)

    assert seen == [State.SENDING] * 4


def test_a_lost_reply_is_found_by_its_key_and_nothing_starts_twice(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    laboratory.loses_reply_of_start = True
    first = once(settings)
    laboratory.loses_reply_of_start = False

    second = once(settings)

    assert (first.sent, first.pending) == (0, {"ready": 3, "sending": 1})
    assert (second.sent, second.pending) == (3, {"submitted": 4})
    assert set(laboratory.starts.values()) == {1}


def test_what_lies_prepared_is_started_and_what_never_arrived_is_sent_again(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    once(settings)
    with open_ledger(settings.database) as ledger:
        prepared, lost, *_ = ledger.attempts("small")
    laboratory.jobs[prepared.key].started = 0
    back_to_sending(settings, prepared.key, lost.key)
    del laboratory.jobs[lost.key]

    report = once(settings)

    assert report.sent == 2
    assert laboratory.jobs[prepared.key].started == laboratory.jobs[lost.key].started == 1
    with open_ledger(settings.database) as ledger:
        assert [e.event for e in ledger.events(lost.key)][-3:] == [Event.ABSENT, Event.CLAIMED, Event.ACCEPTED]


def back_to_sending(settings: Settings, *keys: str) -> None:
    """As if the engine had been killed between the intent and the acceptance."""
    import sqlite3

    with closing(sqlite3.connect(settings.database.removeprefix("sqlite:///"))) as database, database:
        for key in keys:
            database.execute("UPDATE attempt SET state = 'sending', handle = NULL WHERE id = ?", (key,))
    database.close()


def test_what_cannot_be_looked_up_waits_for_a_person(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path, budget={"experiments": 4})
    once(settings)
    doubtful = attempts(settings)[:2]
    back_to_sending(settings, *(a.key for a in doubtful))
    laboratory.cannot_tell = True
    report = once(settings)
    report = once(settings)

    assert report.pending == {"ambiguous": 2}
    assert report.waits_for_person
    assert f"hakken resolve {doubtful[0].key} --ran" in report.next_step

    ran = resolve(settings, doubtful[0].key, ran=True, by="tester")
    never = resolve(settings, doubtful[1].key, ran=False, by="tester")
    laboratory.cannot_tell = False
    del laboratory.jobs[never.key]

    assert (ran.state, never.state) == (State.ENDED, State.READY)
    once(settings)
    assert once(settings).state == "finished"
    assert laboratory.starts[ran.key] == 1
    with pytest.raises(LedgerError, match="is ended, not ambiguous"):
        resolve(settings, ran.key, ran=True, by="tester")


def test_what_another_laboratory_has_is_left_alone_until_that_one_is_named_again(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    once(settings)
    laboratory_of(settings, "manual")
    theirs, before = dict(laboratory.jobs), attempts(settings)
    laboratory.jobs.clear()

    report = once(settings)

    assert attempts(settings) == before
    assert f"attempt {before[0].key} is with the laboratory 'simulated'" in " ".join(report.notes)
    add(settings, tmp_path)
    laboratory.jobs.update(theirs)
    assert once(settings).accepted == 4


def laboratory_of(settings: Settings, adapter: str) -> None:
    """Another laboratory put into force behind the back of the check, as by another machine at the same moment."""
    with open_ledger(settings.database) as ledger:
        spec = ledger.campaign("small").spec
        ledger.open_campaign("small", {**spec, "laboratory": {**spec["laboratory"], "adapter": adapter}}, by="other")


def test_an_unreachable_laboratory_changes_nothing_and_loses_nothing(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    once(settings)
    laboratory.is_reachable = False
    before = attempts(settings)

    report = once(settings)

    assert attempts(settings) == before
    assert "cannot be reached (the cable is out)" in " ".join(report.notes)
    laboratory.is_reachable = True
    assert once(settings).accepted == 4


def test_what_several_attempts_wait_for_is_said_once(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    once(settings)
    for job in laboratory.jobs.values():
        job.phase = Phase.WAITING
    laboratory.wants = "goes on, and cannot be followed now (the controller is down)"
    (note,) = (note for note in once(settings).notes if "the controller is down" in note)
    first, *others = laboratory.jobs
    for key in others:
        laboratory.jobs[key].phase = Phase.ENDED
    (last,) = (note for note in once(settings).notes if "the controller is down" in note)

    assert note.startswith("4 experiments, such as ")
    assert note.endswith("): each goes on, and cannot be followed now (the controller is down)")
    assert last.endswith(f"({first}) goes on, and cannot be followed now (the controller is down)")


@pytest.mark.parametrize("question", ["status", "fetch"])
def test_an_attempt_of_which_a_laboratory_gives_no_answer_keeps_no_other_from_coming_in(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, question: str
) -> None:
    add(settings, tmp_path)
    once(settings)
    first, *_ = attempts(settings)
    laboratory.no_answer_of = {first.key: question}
    report = once(settings)

    assert report.accepted == 3
    assert next(a for a in attempts(settings) if a.key == first.key).state is State.SUBMITTED
    (note,) = (n for n in report.notes if "500" in n)
    assert note.startswith("the laboratory 'simulated' gives no answer of ")
    assert note.endswith(f"({first.key}): it answered 500; asked again next time, and the others go on")
    laboratory.no_answer_of = {}
    assert once(settings).accepted == 1


@pytest.mark.parametrize("question", ["status", "fetch"])
def test_where_one_of_several_gives_no_answer_of_an_attempt_its_others_come_in(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path)
    once(settings)
    first, *_ = attempts(settings)
    answer = getattr(laboratory, question)

    def fail_on_it(handle: Handle) -> Any:
        if handle == first.key:
            raise AttemptUnavailable("it answered 500")
        return answer(handle)

    monkeypatch.setattr(laboratory, question, fail_on_it)
    monkeypatch.setattr(laboratory, "health", lambda: Health(False, "another part is out"))
    report = once(settings)

    assert report.accepted == 3
    assert [first.key in note for note in report.notes if "it answered 500" in note] == [True]


@pytest.mark.parametrize("question", ["status", "fetch"])
def test_a_laboratory_that_gives_no_answer_of_any_attempt_cannot_be_reached(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, question: str
) -> None:
    add(settings, tmp_path)
    once(settings)
    laboratory.no_answer_of = dict.fromkeys(laboratory.jobs, question)
    report = once(settings)

    assert report.accepted == 0
    assert any("500" in note for note in report.notes)
    assert len([note for note in report.notes if "cannot be reached" in note]) == (question == "status")


def test_a_laboratory_unreachable_from_the_start_gets_everything_later(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    laboratory.is_reachable = False
    first = once(settings)
    laboratory.is_reachable = True

    second = once(settings)

    assert first.pending == {"ready": 3, "sending": 1}
    assert second.pending == {"submitted": 4}
    assert set(laboratory.starts.values()) == {1}


def test_a_blind_laboratory_is_sent_one_intent_at_a_time(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    laboratory.abilities = replace(laboratory.abilities, delivery=Delivery.BLIND)
    add(settings, tmp_path)
    sending = []
    real = laboratory.start

    def start(handle: Handle, key: Any) -> None:
        sending.append(sum(a.state is State.SENDING for a in attempts(settings)))
        real(handle, key)

    laboratory.start = start  # type: ignore[method-assign]  # to look at the record at that very moment
    once(settings)

    assert sending == [1, 1, 1, 1]


def test_a_run_that_the_laboratory_lost_for_certain_is_tried_again(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    once(settings)
    lost = next(iter(laboratory.jobs))
    del laboratory.jobs[lost]

    report = once(settings)

    assert report.faults == 1
    assert any(f"({lost}) was lost: " in note for note in report.notes)
    with open_ledger(settings.database) as ledger:
        (fault,) = [o.outcome for o in ledger.observations("small") if o.key == lost]
        assert fault.kind.value == "compute_lost"
    assert max(a.attempt_no for a in attempts(settings)) == 1


def test_a_run_that_may_be_lost_waits_for_a_person(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path)
    once(settings)
    lost = next(iter(laboratory.jobs))
    del laboratory.jobs[lost]
    laboratory.cannot_tell = True

    report = once(settings)

    assert report.pending == {"ambiguous": 1}


def test_a_result_that_a_killed_pass_stored_is_judged_before_its_attempt_is_sent_again(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    from flows.engine.holding import holding
    from loop.record import EnvelopeDraft

    add(settings, tmp_path, budget={"experiments": 4})
    once(settings)
    key = attempts(settings)[0].key
    back_to_sending(settings, key)
    with (
        open_ledger(settings.database) as ledger,
        holding(ledger, settings, "small") as held,
        ledger.work(held.lease) as work,
    ):
        work.receive(EnvelopeDraft("simulated", key, measured(77)))
    del laboratory.jobs[key]
    for job in laboratory.jobs.values():
        job.phase = Phase.RUNNING

    report = once(settings)

    assert (report.accepted, report.pending) == (1, {"running": 3})
    assert laboratory.starts[key] == 1


def test_running_is_noted_once(settings: Settings, tmp_path: Path, laboratory: FakeLaboratory) -> None:
    add(settings, tmp_path)
    once(settings)
    for job in laboratory.jobs.values():
        job.phase = Phase.RUNNING

    first, second = once(settings), once(settings)

    assert first.pending == second.pending == {"running": 4}
    assert len(first.running) == 4
    with open_ledger(settings.database) as ledger:
        assert [e.event for e in ledger.events(next(iter(laboratory.jobs)))].count(Event.STARTED) == 1


def test_doubts_are_told_beside_what_goes_on(settings: Settings, tmp_path: Path, laboratory: FakeLaboratory) -> None:
    add(settings, tmp_path)
    once(settings)
    doubtful = attempts(settings)[0].key
    back_to_sending(settings, doubtful)
    laboratory.cannot_tell = True
    for job in laboratory.jobs.values():
        job.phase = Phase.WAITING
    report = once(settings)
    with open_ledger(settings.database) as ledger:
        view = View(ledger, "small")
        by_hand, waits = next_step(settings, view, by_person={a.key for a in view.pending})

    assert report.pending == {"ambiguous": 1, "submitted": 3}
    asked = (
        f"Nobody can tell whether attempt {doubtful} ran: look at the laboratory, then say hakken resolve {doubtful}"
    )
    assert report.next_step.startswith("3 experiments have not ended: hakken run small goes on until they have. ")
    assert by_hand.startswith("3 experiments wait for their results: fill in ")
    assert asked in report.next_step
    assert asked in by_hand
    assert waits


PLATE = {"plate": {"rows": 2, "columns": 2}, "planner": {"initial": {"experiments": 4}}}


@pytest.mark.parametrize(
    ("spec", "n", "more", "plate"),
    [
        pytest.param({}, 1, "", "", id="one"),
        pytest.param({}, 3, " (and 2 more)", "", id="several"),
        pytest.param(PLATE, 1, "", "", id="one on a plate"),
        pytest.param(
            PLATE,
            2,
            " (and 1 more)",
            " (with --plate, of all on its plate)",
            id="several on a plate",
        ),
    ],
)
def test_how_many_are_in_doubt_is_said_and_that_a_plate_can_be_settled_at_once(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, spec: dict[str, Any], n: int, more: str, plate: str
) -> None:
    add(settings, tmp_path, budget={"experiments": 4}, **spec)
    once(settings)
    keys = [a.key for a in attempts(settings)]
    back_to_sending(settings, *keys[:n])
    laboratory.cannot_tell = True

    asks = once(settings).next_step

    key = keys[0]
    assert f"Nobody can tell whether attempt {key}{more} ran: " in asks
    assert asks.endswith(f"hakken resolve {key} --ran or hakken resolve {key} --never-ran{plate}.")
