"""The audit log: one chain of all that was written."""

from __future__ import annotations

import itertools

from loop.contracts import Artifact, Ledger
from loop.record import CampaignState, EnvelopeDraft, Lease
from loop.testing.ledger.material import HOUR, batch, candidate, finished, measured


class AuditLaws:
    """A part of ``LedgerContract``."""

    def test_everything_written_is_a_link_of_one_chain(self, ledger: Ledger, lease: Lease) -> None:
        finished(ledger, lease)

        entries = ledger.audit()
        assert [e.number for e in entries] == list(range(1, len(entries) + 1))
        assert all(later.previous == earlier.hash for earlier, later in itertools.pairwise(entries))
        assert len({e.hash for e in entries}) == len(entries)
        assert {e.action for e in entries} == {"open_campaign", "record_round", "move", "receive", "accept"}
        assert (entries[0].actor, entries[-1].actor) == ("ada", "engine")
        assert all(earlier.at <= later.at for earlier, later in itertools.pairwise(entries))

    def test_the_last_entry_tells_whether_a_fact_was_written(self, ledger: Ledger, lease: Lease) -> None:
        before = ledger.last_entry()
        assert before == len(ledger.audit()) > 0
        with ledger.work(lease) as work:  # nothing is written
            assert work is not None
        ledger.release(lease)
        again = ledger.acquire("coupling", "engine", HOUR)  # a lock, and no fact
        assert ledger.last_entry() == before

        with ledger.work(again) as work:
            work.set_state(CampaignState.STOPPED, "enough")

        assert ledger.last_entry() == len(ledger.audit()) == before + 1

    def test_an_untouched_ledger_is_intact(self, ledger: Ledger, lease: Lease) -> None:
        first, _ = finished(ledger, lease)
        with ledger.work(lease) as work:
            work.retract(first.id, "ada", "wrong vial")
            work.keep(Artifact("b" * 64, "xtb.log", "text/plain", 5, first.key))
            work.record_round(batch(2, approved=False))
        with ledger.work(lease) as work:
            work.decide(ledger.proposals("coupling", 2)[0].id, True, "ada", "yes")

        report = ledger.verify_audit()
        assert (report.is_intact, report.first_break, report.entries) == (True, None, len(ledger.audit()))

    def test_a_nought_below_nought_alters_nothing(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            for number, value in enumerate((-0.0, 0.0, -0.0)):
                envelope = work.receive(EnvelopeDraft("tell", None, f"{number}: {value}"))
                work.accept(envelope.id, measured(value), candidate=candidate(number))

        assert [o.outcome for o in ledger.observations("coupling")] == [measured(0.0)] * 3
        assert ledger.verify_audit().is_intact
