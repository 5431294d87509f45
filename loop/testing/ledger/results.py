"""Results (law 2): an attempt ends once, with an outcome from one envelope."""

from __future__ import annotations

import pytest

from loop.contracts import Ledger
from loop.errors import LedgerError, OutcomeConflict, TransitionError
from loop.experiment import FINAL, PENDING, Event, State
from loop.outcome import Measured, Negative, Outcome
from loop.record import Arm, EnvelopeDraft, Lease, Verdict
from loop.testing.ledger.material import OUTCOMES, candidate, everything, in_state, measured, started


class ResultLaws:
    """A part of ``LedgerContract``."""

    @pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda o: type(o).__name__)
    def test_an_outcome_comes_back_as_it_was_accepted(self, ledger: Ledger, lease: Lease, outcome: Outcome) -> None:
        attempt = started(ledger, lease)[1]
        context = {"instrument": "HPLC-2", "well": "B7", "actual": {"temperature": 91.3}}

        with ledger.work(lease) as work:
            envelope = work.receive(EnvelopeDraft("robot", attempt.key, "{}"))
            accepted = work.accept(envelope.id, outcome, context=context)

        (seen,) = ledger.observations("coupling")
        assert seen == accepted
        assert (seen.id, seen.key, seen.source, seen.outcome) == (envelope.id, attempt.key, "robot", outcome)
        assert (seen.candidate_id, seen.settings, seen.smiles) == (
            attempt.candidate_id,
            attempt.settings,
            attempt.smiles,
        )
        assert (seen.arm, seen.round_number, seen.position, seen.run_order) == (Arm.MODEL, 1, 1, 1)
        assert seen.context == context
        assert seen.retracted is None
        assert ledger.attempt(attempt.key).state is State.ENDED
        assert ledger.envelopes("coupling")[0].verdict is Verdict.ACCEPTED
        assert ledger.campaign("coupling").data_version == 1

    def test_an_outcome_accepted_again_changes_nothing(self, ledger: Ledger, lease: Lease) -> None:
        key = started(ledger, lease)[0].key
        with ledger.work(lease) as work:
            envelope = work.receive(EnvelopeDraft("robot", key, "{}"))
            first = work.accept(envelope.id, OUTCOMES[1])
        before = everything(ledger)

        with ledger.work(lease) as work:
            again = work.accept(envelope.id, OUTCOMES[1])

        assert again == first
        assert everything(ledger) == before

    def test_the_same_outcome_in_another_envelope_is_a_duplicate(self, ledger: Ledger, lease: Lease) -> None:
        key = started(ledger, lease)[0].key
        swapped = Measured(tuple(reversed(OUTCOMES[1].measurements)))  # type: ignore[union-attr]  # it is a Measured
        with ledger.work(lease) as work:
            first = work.accept(work.receive(EnvelopeDraft("robot", key, "{}")).id, OUTCOMES[1])

        with ledger.work(lease) as work:
            other = work.receive(EnvelopeDraft("robot", key, "{ }"))
            again = work.accept(other.id, swapped)
        judged = ledger.envelopes("coupling")
        with ledger.work(lease) as work:
            work.judge(other.id, Verdict.DUPLICATE)

        assert again == first
        assert (judged[1].verdict, judged[1].message) == (Verdict.DUPLICATE, f"repeats observation {first.id}")
        assert ledger.observations("coupling") == (first,)
        assert ledger.campaign("coupling").data_version == 1
        assert ledger.envelopes("coupling") == judged
        assert [e.event for e in ledger.events(key)].count(Event.OUTCOME) == 1

    @pytest.mark.parametrize(
        "second", [measured(12.0), measured(61.0, sd=0.5, canonical_sd=0.5), Negative("no"), OUTCOMES[-1]]
    )
    def test_another_outcome_of_an_ended_attempt_is_a_conflict_and_its_envelope_stays(
        self, ledger: Ledger, lease: Lease, second: Outcome
    ) -> None:
        key = started(ledger, lease)[0].key
        with ledger.work(lease) as work:
            first = work.accept(work.receive(EnvelopeDraft("robot", key, "{}")).id, measured(61.0))

        with ledger.work(lease) as work:
            other = work.receive(EnvelopeDraft("robot", key, "{ }"))
            with pytest.raises(OutcomeConflict, match=f"measured.*hakken retract CAMPAIGN {first.id} --why"):
                work.accept(other.id, second)
            work.judge(other.id, Verdict.CONTRADICTORY, "61 and then this")

        assert ledger.observations("coupling") == (first,)
        assert ledger.envelopes("coupling")[1].verdict is Verdict.CONTRADICTORY
        assert ledger.campaign("coupling").data_version == 1

    def test_an_envelope_has_one_outcome(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            told = work.receive(EnvelopeDraft("tell:a.csv:2", None, "{}"))
            first = work.accept(told.id, measured(61.0), candidate=candidate(0))
            with pytest.raises(OutcomeConflict):
                work.accept(told.id, measured(62.0), candidate=candidate(0))

        assert ledger.observations("coupling") == (first,)

    @pytest.mark.parametrize("state", [State.READY, *sorted(FINAL - {State.ENDED})])
    def test_an_attempt_that_was_not_out_cannot_end(self, ledger: Ledger, lease: Lease, state: State) -> None:
        (key,) = in_state(ledger, lease, state)

        with ledger.work(lease) as work:
            envelope = work.receive(EnvelopeDraft("robot", key, "{}"))
            with pytest.raises(TransitionError, match=key):
                work.accept(envelope.id, measured())
            work.judge(envelope.id, Verdict.LATE, "too late")

        assert ledger.observations("coupling") == ()
        assert ledger.attempt(key).state is state
        assert [e.verdict for e in ledger.envelopes("coupling")] == [Verdict.LATE]

    @pytest.mark.parametrize("state", sorted(PENDING - {State.READY}))
    def test_an_attempt_that_is_out_ends_with_its_outcome(self, ledger: Ledger, lease: Lease, state: State) -> None:
        (key,) = in_state(ledger, lease, state)

        with ledger.work(lease) as work:
            work.accept(work.receive(EnvelopeDraft("robot", key, "{}")).id, measured())

        assert ledger.attempt(key).state is State.ENDED

    def test_it_must_be_clear_what_was_observed(self, ledger: Ledger, lease: Lease) -> None:
        key = started(ledger, lease)[0].key

        with ledger.work(lease) as work:
            told = work.receive(EnvelopeDraft("tell:a.csv:2", None, "{}"))
            sent = work.receive(EnvelopeDraft("robot", key, "{}"))
            with pytest.raises(LedgerError, match="give the candidate"):
                work.accept(told.id, measured())
            with pytest.raises(LedgerError, match="give none"):
                work.accept(sent.id, measured(), candidate=candidate(0))

        assert ledger.observations("coupling") == ()
