"""Observations: what counts, in which order, and what counts no more."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from loop.contracts import Ledger, ToldOutcome
from loop.errors import LedgerError, NotFound, OutcomeConflict
from loop.experiment import Event, State
from loop.outcome import Negative
from loop.record import Arm, Candidate, EnvelopeDraft, Lease, Verdict
from loop.testing.ledger.material import OUTCOMES, batch, candidate, finished, measured, proposal, started


class ObservationLaws:
    """A part of ``LedgerContract``."""

    def test_a_told_observation_needs_no_attempt(self, ledger: Ledger, lease: Lease) -> None:
        point = Candidate({"ligand": "XPhos", "temperature": 120}, {"ligand": "CP"}, None)

        with ledger.work(lease) as work:
            envelope = work.receive(EnvelopeDraft("tell:old.csv:2", None, "{}", point.settings))
            seen = work.accept(envelope.id, measured(), candidate=point)

        assert ledger.observations("coupling") == (seen,)
        assert (seen.key, seen.round_number, seen.arm) == (None, 0, Arm.MANUAL)
        assert (seen.settings, seen.smiles) == (point.settings, point.smiles)
        assert ledger.campaign("coupling").data_version == 1
        assert ledger.attempts("coupling") == ()

    def test_equal_results_told_in_two_lines_are_two_observations_of_one_candidate(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        with ledger.work(lease) as work:
            for line in (2, 3):
                envelope = work.receive(EnvelopeDraft(f"tell:old.csv:{line}", None, "{}"))
                work.accept(envelope.id, measured(), candidate=candidate(0))

        first, second = ledger.observations("coupling")
        assert first.candidate_id == second.candidate_id
        assert first.id != second.id

    def test_many_are_accepted_together_as_one_by_one(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            received = work.receive_all([EnvelopeDraft(f"tell:a.csv:{line}", None, "{}") for line in range(503)])
        point = {r.id: Candidate({"ligand": "XPhos", "temperature": n % 300}, {}, None) for n, r in enumerate(received)}
        told = [
            ToldOutcome(r.id, measured(float(n)) if n % 5 else Negative("none"), point[r.id], {"day": str(n)})
            for n, r in enumerate(received)
        ]
        with ledger.work(lease) as work:
            first = work.accept(received[0].id, told[0].outcome, candidate=told[0].candidate, context=told[0].context)

        with ledger.work(lease) as work:
            accepted = work.accept_told(told)

        assert accepted[0] == first
        assert ledger.observations("coupling") == tuple(accepted)
        assert [o.settings["temperature"] for o in accepted] == [n % 300 for n in range(503)]
        assert len({o.candidate_id for o in accepted}) == 300
        assert {e.verdict for e in ledger.envelopes("coupling")} == {Verdict.ACCEPTED}
        assert ledger.campaign("coupling").data_version == 503
        assert [e.action for e in ledger.audit()].count("accept") == 503
        assert ledger.verify_audit().is_intact

    def test_one_that_is_told_twice_together_counts_once(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            one, other = work.receive_all([EnvelopeDraft(f"tell:a.csv:{line}", None, "{}") for line in (2, 3)])
            told = [ToldOutcome(r.id, measured(), candidate(0)) for r in (one, other, one)]
            first, second, again = work.accept_told(told)

        assert again == first
        assert ledger.observations("coupling") == (first, second)

    def test_one_that_cannot_be_accepted_keeps_the_others_from_it_too(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            good, judged = work.receive_all([EnvelopeDraft("tell:a.csv:2", None, "{}"), EnvelopeDraft("b", None, "?")])
            work.judge(judged.id, Verdict.MALFORMED, "it is no result")
        told = [ToldOutcome(one.id, measured(), candidate(0)) for one in (good, judged)]

        with pytest.raises(LedgerError, match="was judged malformed"), ledger.work(lease) as work:
            work.accept_told(told)

        assert ledger.observations("coupling") == ()

    @pytest.mark.parametrize("arrival", list(itertools.permutations(range(4)))[::5])
    def test_the_order_of_observations_does_not_depend_on_the_order_of_arrival(
        self, ledger: Ledger, lease: Lease, arrival: Sequence[int]
    ) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1, proposal(0, run_order=1, replicates=2), proposal(1, run_order=0)))
            work.record_round(batch(2, proposal(0)))
        attempts = ledger.attempts("coupling")
        keys = [a.key for a in sorted(attempts, key=lambda a: (a.round_number, a.position, a.replicate_no))]

        for number in arrival:
            with ledger.work(lease) as work:
                work.move(keys[number], Event.CLAIMED)
                work.accept(work.receive(EnvelopeDraft("robot", keys[number], "{}")).id, measured(float(number)))
                told = work.receive(EnvelopeDraft(f"tell:a.csv:{number}", None, "{}"))
                work.accept(told.id, measured(), candidate=candidate(0))

        seen = ledger.observations("coupling")
        assert [o.source for o in seen[:4]] == [f"tell:a.csv:{number}" for number in arrival]
        assert [o.key for o in seen[4:]] == keys

    def test_a_retried_experiment_is_ordered_by_attempt_number(self, ledger: Ledger, lease: Lease) -> None:
        first, second = (a.key for a in started(ledger, lease))
        with ledger.work(lease) as work:
            work.accept(work.receive(EnvelopeDraft("robot", first, "{}")).id, OUTCOMES[-1])
            again = work.retry(first, "cleaned").key
            work.move(again, Event.CLAIMED)
            work.accept(work.receive(EnvelopeDraft("robot", second, "{}")).id, measured(2.0))
            work.accept(work.receive(EnvelopeDraft("robot", again, "{}")).id, measured(3.0))

        assert [o.key for o in ledger.observations("coupling")] == [first, again, second]

    def test_a_retracted_observation_counts_no_more_and_stays_on_record(self, ledger: Ledger, lease: Lease) -> None:
        first, second = finished(ledger, lease)

        with ledger.work(lease) as work:
            work.retract(first.id, "ada", "wrong vial")

        assert ledger.observations("coupling") == (second,)
        kept = ledger.observations("coupling", with_retracted=True)
        assert [(o.id, o.outcome, o.retracted) for o in kept] == [
            (first.id, first.outcome, "wrong vial"),
            (second.id, second.outcome, None),
        ]
        assert [o.retracted_by for o in kept] == ["ada", ""]
        assert kept[0].retracted_at is not None
        assert kept[0].retracted_at >= kept[0].recorded
        assert kept[1].retracted_at is None
        assert ledger.campaign("coupling").data_version == 3
        with pytest.raises(LedgerError, match=r"already retracted by ada \(wrong vial\)"), ledger.work(lease) as work:
            work.retract(first.id, "bob", "again")
        with ledger.work(lease) as work, pytest.raises(NotFound, match="has no observation 'nothing'"):
            work.retract("nothing", "bob", "of one that is not there")
        with ledger.work(lease) as work:
            work.retract(second.id, "bob", "that one as well")
        assert ledger.observations("coupling") == ()

    def test_what_contradicted_a_retracted_outcome_can_count_in_its_place(self, ledger: Ledger, lease: Lease) -> None:
        first, _ = finished(ledger, lease)
        assert first.key is not None
        with ledger.work(lease) as work:
            other = work.receive(EnvelopeDraft("person", first.key, "{}"))
            with pytest.raises(OutcomeConflict):
                work.accept(other.id, Negative("no conversion"))
            work.judge(other.id, Verdict.CONTRADICTORY)
            work.retract(first.id, "ada", "wrong vial")

        with ledger.work(lease) as work:
            second = work.accept(other.id, Negative("no conversion"))

        assert ledger.observations("coupling")[0] == second
        assert [o.id for o in ledger.observations("coupling", with_retracted=True)][:2] == [first.id, second.id]
        assert ledger.attempt(first.key).state is State.ENDED
        assert ledger.envelopes("coupling")[2].verdict is Verdict.CONTRADICTORY  # what was made of it at the time
        with ledger.work(lease) as work:
            third = work.receive(EnvelopeDraft("person", first.key, "{ }"))
            with pytest.raises(OutcomeConflict):
                work.accept(third.id, measured(1.0))
