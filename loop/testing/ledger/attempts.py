"""The life of an attempt (law 4): the steps of the table and no other."""

from __future__ import annotations

import itertools
from datetime import datetime

import pytest

from loop.contracts import Ledger
from loop.errors import LedgerError, NotFound, TransitionError
from loop.experiment import PENDING, TRANSITIONS, Event, State
from loop.outcome import Negative
from loop.record import AttemptEventRecord, EnvelopeDraft, Lease
from loop.testing.ledger.material import OUTCOMES, batch, in_state, measured, proposal, started


class AttemptLaws:
    """A part of ``LedgerContract``."""

    @pytest.mark.parametrize("state", list(State))
    def test_an_attempt_takes_the_steps_of_the_table_and_no_other(
        self, ledger: Ledger, lease: Lease, state: State
    ) -> None:
        events = [event for event in Event if event is not Event.OUTCOME]
        keys = in_state(ledger, lease, state, n=len(events))
        before = {key: (ledger.attempt(key), ledger.events(key)) for key in keys}

        with ledger.work(lease) as work:
            for key, event in zip(keys, events, strict=True):
                if (state, event) in TRANSITIONS:
                    assert work.move(key, event, "why") is TRANSITIONS[state, event]
                else:
                    with pytest.raises(TransitionError, match=state.value):
                        work.move(key, event)

        for key, event in zip(keys, events, strict=True):
            was, steps = before[key]
            if (state, event) in TRANSITIONS:
                *earlier, last = ledger.events(key)
                assert ledger.attempt(key).state is TRANSITIONS[state, event]
                assert tuple(earlier) == steps
                assert (last.event, last.before, last.after, last.detail) == (
                    event,
                    state,
                    TRANSITIONS[state, event],
                    "why",
                )
            else:
                assert (ledger.attempt(key), ledger.events(key)) == (was, steps)

    def test_an_outcome_is_no_step_that_can_be_taken_without_an_envelope(self, ledger: Ledger, lease: Lease) -> None:
        key = started(ledger, lease)[0].key

        with pytest.raises(TransitionError, match="accept"), ledger.work(lease) as work:
            work.move(key, Event.OUTCOME)
        assert ledger.attempt(key).state is State.SENDING

    def test_the_handle_of_an_attempt_is_kept_until_it_proves_absent(self, ledger: Ledger, lease: Lease) -> None:
        key = started(ledger, lease)[0].key
        with ledger.work(lease) as work:
            work.move(key, Event.ACCEPTED, adapter="robot", handle="job-7")
            work.move(key, Event.STARTED)
        kept = ledger.attempt(key)
        with ledger.work(lease) as work:
            work.move(key, Event.DOUBTED)
            work.move(key, Event.ABSENT)

        assert (kept.adapter, kept.handle) == ("robot", "job-7")
        assert (ledger.attempt(key).adapter, ledger.attempt(key).handle) == (None, None)

    def test_the_intent_is_on_record_as_soon_as_the_work_ends(self, ledger: Ledger, lease: Lease) -> None:
        key = started(ledger, lease)[0].key

        assert ledger.attempt(key).state is State.SENDING
        assert [e.event for e in ledger.events(key)] == [Event.CLAIMED]

    def test_pending_attempts_are_read_from_the_ledger(self, ledger: Ledger, lease: Lease) -> None:
        first, second, third = (a.key for a in started(ledger, lease, n=3))
        with ledger.work(lease) as work:
            work.move(second, Event.DOUBTED)
            work.accept(work.receive(EnvelopeDraft("robot", third, "{}")).id, measured())

        assert [a.key for a in ledger.attempts("coupling", PENDING)] == [first, second]
        assert [a.key for a in ledger.attempts("coupling", [State.ENDED])] == [third]
        assert ledger.attempts("coupling", []) == ()

    def test_an_attempt_is_found_by_a_beginning_that_only_it_has(self, ledger: Ledger, lease: Lease) -> None:
        first, second = (a.key for a in started(ledger, lease))
        shared = "".join(
            a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=True))
        )

        assert ledger.attempt(first).key == first
        assert ledger.attempt(first[: len(shared) + 1]).key == first
        assert ledger.attempt(first.upper()).key == first  # as somebody may type it
        assert ledger.events(first[: len(shared) + 1]) == ledger.events(first)
        assert sorted(ledger.steps("coupling"), key=_place) == sorted(
            (e for a in ledger.attempts("coupling") for e in ledger.events(a.key)), key=_place
        )
        assert [e.event for e in ledger.steps("coupling") if e.key == first] == [e.event for e in ledger.events(first)]
        for nobody in ("", "%", "zzz", "\x00", "\ud800"):
            with pytest.raises(NotFound, match=r"no attempt.* hakken show CAMPAIGN ROUND --json lists the keys"):
                ledger.attempt(nobody)
        if shared:
            with pytest.raises(NotFound, match="more of the key"):
                ledger.attempt(shared)

    def test_a_retry_is_a_new_attempt_at_the_same_experiment(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1, proposal(0, replicates=2)))
        failed = ledger.attempts("coupling")[1]
        with ledger.work(lease) as work:
            work.move(failed.key, Event.CLAIMED)
            work.accept(work.receive(EnvelopeDraft("robot", failed.key, "{}")).id, OUTCOMES[-1])

        with ledger.work(lease) as work:
            again = work.retry(failed.key, "needle cleaned")

        assert again == ledger.attempt(again.key)
        assert again.key != failed.key
        assert (again.replicate_no, again.attempt_no, again.state) == (1, 1, State.READY)
        assert [a.attempt_no for a in ledger.attempts("coupling")] == [0, 0, 1]

    @pytest.mark.parametrize("state", [State.CANCELLED, State.EXPIRED])
    def test_what_never_gave_an_outcome_can_be_tried_again(self, ledger: Ledger, lease: Lease, state: State) -> None:
        (key,) = in_state(ledger, lease, state, n=1)

        with ledger.work(lease) as work:
            again = work.retry(key, "the robot is back")

        assert (again.attempt_no, again.state) == (1, State.READY)

    def test_only_what_ended_without_a_result_can_be_tried_again_and_once(self, ledger: Ledger, lease: Lease) -> None:
        running, good, failed = (a.key for a in started(ledger, lease, n=3))
        with ledger.work(lease) as work:
            work.accept(work.receive(EnvelopeDraft("robot", good, "{}")).id, Negative("no conversion"))
            work.accept(work.receive(EnvelopeDraft("robot", failed, "{}")).id, OUTCOMES[-1])
            work.retry(failed, "again")

        with ledger.work(lease) as work:
            for key, says in ((running, "may still run"), (good, "negative"), (failed, "tried again already")):
                with pytest.raises(LedgerError, match=says):
                    work.retry(key, "again")

        assert len(ledger.attempts("coupling")) == 4


def _place(step: AttemptEventRecord) -> tuple[str, datetime, str]:
    return step.key, step.at, step.event
