"""Rounds: what was planned, and from what."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import pytest

from loop.contracts import Ledger
from loop.errors import LedgerError, NotFound
from loop.experiment import PENDING, Event
from loop.record import EnvelopeDraft, Lease, Place, Prediction, RoundDraft
from loop.testing.ledger.material import HOUR, SPEC, batch, candidate, everything, finished, measured, proposal

_SAID: Final = Prediction("yield", "own", 60.0, 8.0, 0.5)  # by a model of one's own


def _predicting(**changes: Any) -> RoundDraft:
    """A round of one proposal of which a model says ``changes``."""
    return batch(1, replace(proposal(0), predictions=(replace(_SAID, **changes),)))


class RoundLaws:
    """A part of ``LedgerContract``."""

    def test_a_round_comes_back_as_it_was_written(self, ledger: Ledger, lease: Lease) -> None:
        draft = batch()

        with ledger.work(lease) as work:
            made = work.record_round(draft)

        assert made == ledger.round("coupling", 1)
        for name in ("number", "seed", "data_version", "surrogate", "model", "notes", "environment"):
            assert getattr(made, name) == getattr(draft, name), name
        assert made.version == ledger.campaign("coupling").version

    def test_a_round_remembers_the_version_of_the_spec_that_it_was_planned_under(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1))
        ledger.open_campaign("coupling", {**SPEC, "budget": 60}, by="ada")
        with ledger.work(lease) as work:
            work.record_round(batch(2))

        assert [r.version for r in ledger.rounds("coupling")] == [1, 2]

    def test_a_round_planned_under_a_version_that_is_not_in_force_is_refused(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1, version=1))
        ledger.open_campaign("coupling", {**SPEC, "budget": 60}, by="ada")
        before = everything(ledger)

        for version in (1, 3, -1):
            with (
                pytest.raises(LedgerError, match=f"round 2 .* under version {version} of the spec, and version 2"),
                ledger.work(lease) as work,
            ):
                work.record_round(batch(2, version=version))

        assert everything(ledger) == before
        with ledger.work(lease) as work:
            assert work.record_round(batch(2, version=2)).version == 2

    def test_a_round_gives_back_what_it_was_planned_from_in_the_same_order(self, ledger: Ledger, lease: Lease) -> None:
        ended = finished(ledger, lease, n=3)
        with ledger.work(lease) as work:
            work.record_round(batch(2, proposal(0), proposal(1), proposal(2)))
        waiting = tuple(a.key for a in ledger.attempts("coupling", PENDING))
        seen, pending = tuple(o.id for o in reversed(ended)), tuple(reversed(waiting))

        with ledger.work(lease) as work:
            work.record_round(batch(3, observations=seen, pending=pending))
        for attempt in ledger.attempts("coupling", PENDING):
            with ledger.work(lease) as work:
                work.move(attempt.key, Event.CANCEL)

        kept = ledger.round("coupling", 3)
        assert (kept.observations, kept.pending) == (seen, pending)

    def test_each_of_many_rounds_gives_back_what_it_was_planned_from(self, ledger: Ledger, lease: Lease) -> None:
        ids = [o.id for o in finished(ledger, lease, n=12)]
        lists = {2: ids[:1], 3: ids[:2], 4: ids[:2], 5: ids[:5], 6: (), 7: ids[:6]}  # as results come, and all hidden
        lists |= {8: [*ids[:2], *ids[3:8]], 9: [*ids[:2], *ids[3:9]], 10: ids[:9]}  # one retracted, and told again
        lists |= {11: ids[::-1], 12: ids, 14: ids, 15: ids[1:], 31: ids}  # in another order, and with numbers left out

        for number, seen in lists.items():
            with ledger.work(lease) as work:
                made = work.record_round(batch(number, observations=tuple(seen)))
            assert made.observations == tuple(seen), number

        assert {r.number: list(r.observations) for r in ledger.rounds("coupling")} == {
            1: [],
            **{number: list(seen) for number, seen in lists.items()},
        }
        for number, seen in lists.items():
            assert ledger.round("coupling", number).observations == tuple(seen), number

    def test_rounds_of_two_campaigns_were_planned_from_results_of_their_own(self, ledger: Ledger, lease: Lease) -> None:
        ledger.open_campaign("other", SPEC, by="ada")
        told = {}
        for name, held in (("coupling", lease), ("other", ledger.acquire("other", "engine-2", HOUR))):
            with ledger.work(held) as work:
                received = work.receive_all([EnvelopeDraft("tell:a.csv", None, str(line)) for line in range(3)])
                seen = [work.accept(r.id, measured(), candidate=candidate(0)).id for r in received]
                for number in (1, 2, 3):
                    work.record_round(batch(number, observations=tuple(seen[:number])))
            told[name] = tuple(seen)

        assert {name: ledger.round(name, 3).observations for name in told} == told

    def test_a_round_planned_from_what_is_not_on_record_is_refused(self, ledger: Ledger, lease: Lease) -> None:
        for changes in ({"observations": ("unheard-of",)}, {"pending": ("unheard-of",)}):
            with pytest.raises(NotFound, match="unheard-of"), ledger.work(lease) as work:
                work.record_round(batch(1, **changes))

        assert ledger.rounds("coupling") == ()

    def test_a_round_number_on_record_is_refused(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch())
        before = everything(ledger)

        with pytest.raises(LedgerError, match=r"round 1 .* already on record"), ledger.work(lease) as work:
            work.record_round(batch())

        assert everything(ledger) == before

    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            (batch(0), "numbered from 1"),
            (batch(1, seed=2**70), "64 bits"),
            (batch(1, proposal(0), proposal(0)), "at one position"),
            (batch(1, proposal(0, replicates=0)), "replicates must be at least 1"),
            (batch(1, proposal(0, place=Place(1, "A1", 1)), proposal(1, place=Place(1, "A1", 1))), "into well A1"),
            (batch(1, proposal(0, place=Place(0, "A1", 1))), "a place needs a plate"),
            (batch(1, proposal(0, place=Place(1, "A1", 0))), "a place needs a plate"),
            (batch(1, proposal(0, place=Place(1, "", 1))), "a place needs a plate"),
            (batch(1, observations=("one", "one")), "names one observation twice"),
            (_predicting(mean=math.nan), "the mean of 'yield' by 'own' must be a finite number, got nan"),
            (_predicting(sd=math.inf), "the sd of 'yield' by 'own' must be a finite number, got inf"),
            (_predicting(weight=math.nan), "the weight of 'own' must be a finite number, got nan"),
            (batch(1, replace(proposal(0), novelty=math.nan)), "the novelty must be a finite number"),
            (batch(1, replace(proposal(0), acquisition_value=math.nan)), "the acquisition value is not a number"),
            (batch(1, replace(proposal(0), predictions=(_SAID, _SAID))), "one member predicts one target twice"),
            (batch(1, model={"loss": float("inf")}), "cannot be stored as JSON"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_round_that_cannot_be_is_refused(
        self, ledger: Ledger, lease: Lease, wrong: RoundDraft, says: str
    ) -> None:
        with pytest.raises(LedgerError, match=says), ledger.work(lease) as work:
            work.record_round(wrong)

        assert ledger.rounds("coupling") == ()

    def test_an_unknown_round_is_refused_with_the_numbers_there_are(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch())

        with pytest.raises(NotFound, match="no round 7; its rounds: 1"):
            ledger.round("coupling", 7)
