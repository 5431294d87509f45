"""The lease (law 6): one holder at a time, and whoever lost it writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from loop.contracts import Artifact, Ledger, Work
from loop.errors import LeaseHeld, NotFound, StaleLease
from loop.experiment import Event
from loop.record import CampaignState, EnvelopeDraft, Lease, Verdict
from loop.testing.ledger.material import HOUR, SPEC, Clock, batch, candidate, everything, measured, started


class LeaseLaws:
    """A part of ``LedgerContract``."""

    def test_the_epoch_grows_by_one_each_time_the_lease_is_taken(self, ledger: Ledger, lease: Lease) -> None:
        again = ledger.acquire("coupling", "engine-1", HOUR)
        ledger.release(again)
        other = ledger.acquire("coupling", "engine-2", HOUR)

        assert (again.epoch, other.epoch) == (lease.epoch + 1, lease.epoch + 2)

    def test_a_held_lease_is_refused_to_another_naming_the_holder_and_its_end(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        with pytest.raises(LeaseHeld, match=f"'engine-1' until {lease.expires:%Y-%m-%d %H:%M} UTC") as refused:
            ledger.acquire("coupling", "engine-2", HOUR)
        assert "a run lets a command through between two passes" in str(refused.value)  # a holder at work renews it

        with ledger.work(lease) as work:
            work.record_round(batch())
        assert len(ledger.rounds("coupling")) == 1

    def test_an_expired_lease_can_be_taken_over_and_that_is_audited(
        self, ledger: Ledger, lease: Lease, clock: Clock
    ) -> None:
        clock.advance(2 * HOUR)

        taken = ledger.acquire("coupling", "engine-2", HOUR)

        assert taken.epoch == lease.epoch + 1
        assert taken.expires > clock.now
        last = ledger.audit()[-1]
        assert (last.actor, last.action, last.detail["from"]) == ("engine-2", "take_over_lease", "engine-1")

    def test_a_lease_past_its_end_still_writes_while_nobody_took_it(
        self, ledger: Ledger, lease: Lease, clock: Clock
    ) -> None:
        clock.advance(2 * HOUR)

        with ledger.work(lease) as work:
            work.record_round(batch())

        assert len(ledger.rounds("coupling")) == 1

    def test_a_stale_holder_can_write_nothing(self, ledger: Ledger, lease: Lease, clock: Clock) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch())
            envelope = work.receive(EnvelopeDraft("robot", None, "{}"))
        key = ledger.attempts("coupling")[0].key
        clock.advance(2 * HOUR)
        ledger.acquire("coupling", "engine-2", HOUR)
        before = everything(ledger)
        writes: tuple[Callable[[Work], object], ...] = (
            lambda work: work.record_round(batch(2)),
            lambda work: work.move(key, Event.CLAIMED),
            lambda work: work.receive(EnvelopeDraft("robot", key, "{}")),
            lambda work: work.judge(envelope.id, Verdict.MALFORMED),
            lambda work: work.accept(envelope.id, measured(), candidate=candidate(0)),
            lambda work: work.set_state(CampaignState.STOPPED, "no"),
            lambda work: work.keep(Artifact("0" * 64, "log.txt", "text/plain", 1)),
        )

        for write in writes:
            with pytest.raises(StaleLease, match=r"'engine-1'.* or a clock is wrong"), ledger.work(lease) as work:
                write(work)

        assert everything(ledger) == before

    def test_a_released_lease_writes_nothing_more(self, ledger: Ledger, lease: Lease) -> None:
        ledger.release(lease)

        with pytest.raises(StaleLease), ledger.work(lease) as work:
            work.record_round(batch())
        assert ledger.rounds("coupling") == ()

    def test_of_two_leases_of_one_holder_the_later_alone_writes_and_is_given_back(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        again = ledger.acquire("coupling", lease.holder, HOUR)  # as a process does that was started anew

        with pytest.raises(StaleLease), ledger.work(lease) as work:
            work.record_round(batch())
        ledger.release(lease)

        with ledger.work(again) as work:
            work.record_round(batch())
        assert len(ledger.rounds("coupling")) == 1

    def test_a_lease_on_no_campaign_writes_nothing(self, ledger: Ledger, lease: Lease) -> None:
        nowhere = replace(lease, campaign_id="of another record")

        ledger.release(nowhere)
        with pytest.raises(NotFound, match="no campaign has the id of another record"), ledger.work(nowhere):
            pass

    def test_releasing_a_stale_lease_leaves_the_new_holder_in_place(
        self, ledger: Ledger, lease: Lease, clock: Clock
    ) -> None:
        clock.advance(2 * HOUR)
        taken = ledger.acquire("coupling", "engine-2", HOUR)

        ledger.release(lease)

        with ledger.work(taken) as work:
            work.record_round(batch())
        with pytest.raises(LeaseHeld):
            ledger.acquire("coupling", "engine-3", HOUR)

    def test_leases_of_two_campaigns_do_not_touch_each_other(self, ledger: Ledger, lease: Lease) -> None:
        ledger.open_campaign("other", SPEC, by="ada")
        theirs = ledger.acquire("other", "engine-2", HOUR)

        for one in (theirs, lease):
            with ledger.work(one) as work:
                work.record_round(batch())

        assert len(ledger.rounds("coupling")) == len(ledger.rounds("other")) == 1

    def test_a_unit_of_work_reaches_nothing_of_another_campaign(self, ledger: Ledger, lease: Lease) -> None:
        ledger.open_campaign("other", SPEC, by="ada")
        theirs = ledger.acquire("other", "engine-2", HOUR)
        key = started(ledger, lease)[0].key
        with ledger.work(lease) as work:
            mine = work.receive(EnvelopeDraft("robot", key, "{}"))
            seen = work.accept(mine.id, measured())

        with ledger.work(theirs) as work:
            for write in (
                lambda: work.move(key, Event.CANCEL),
                lambda: work.judge(mine.id, Verdict.FOREIGN),
                lambda: work.retract(seen.id, "bob", "no"),
                lambda: work.retry(key, "again"),
                lambda: work.accept(mine.id, measured()),
                lambda: work.decide(ledger.proposals("coupling")[0].id, False, "bob", "no"),
                lambda: work.record_round(batch(1, observations=(seen.id,))),
                lambda: work.record_round(batch(1, pending=(ledger.attempts("coupling")[1].key,))),
                lambda: work.keep(Artifact("0" * 64, "log.txt", "text/plain", 1, key)),
            ):
                with pytest.raises(NotFound):
                    write()
            work.record_round(batch(1))  # the number is the other's own
