"""Units of work: all that happens inside is saved together, or none of it is."""

from __future__ import annotations

import pytest

from loop.contracts import Artifact, Ledger, Work
from loop.errors import LedgerError
from loop.experiment import Event
from loop.record import CampaignState, EnvelopeDraft, Lease, Verdict
from loop.testing.ledger.material import batch, everything, measured


class TransactionLaws:
    """A part of ``LedgerContract``."""

    def test_an_exception_inside_leaves_nothing_of_what_was_written(self, ledger: Ledger, lease: Lease) -> None:
        before = everything(ledger)

        def break_off(work: Work) -> None:
            work.record_round(batch())
            work.receive(EnvelopeDraft("robot", None, "{}"))
            work.set_state(CampaignState.FINISHED, "done")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError), ledger.work(lease) as work:
            break_off(work)

        assert everything(ledger) == before

    def test_reads_see_committed_state_only(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch())
            work.set_state(CampaignState.FINISHED, "done")
            inside = (ledger.rounds("coupling"), ledger.attempts("coupling"), ledger.campaign("coupling").state)

        assert inside == ((), (), CampaignState.ACTIVE)
        assert len(ledger.rounds("coupling")) == 1

    def test_a_unit_of_work_inside_another_is_refused_at_once(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            with pytest.raises(LedgerError, match="unit of work already"), ledger.work(lease):
                pass
            work.record_round(batch())

        assert len(ledger.rounds("coupling")) == 1

    def test_an_error_that_is_caught_inside_leaves_the_rest_of_the_work_whole(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch())
            for refused in (
                lambda: work.record_round(batch()),
                lambda: work.record_round(batch(2, model={"loss": float("nan")})),
                lambda: work.move("nobody", Event.CLAIMED),
                lambda: work.judge("nothing", Verdict.FOREIGN),
                lambda: work.accept("nothing", measured()),
                lambda: work.retract("nothing", "ada", "no"),
                lambda: work.decide("nothing", True, "ada", "yes"),
                lambda: work.keep(Artifact("0" * 64, "log.txt", "text/plain", 1, "nobody")),
            ):
                with pytest.raises(LedgerError):
                    refused()

        assert [r.number for r in ledger.rounds("coupling")] == [1]
        assert len(ledger.attempts("coupling")) == 2
        assert ledger.verify_audit().is_intact

    def test_a_unit_of_work_that_writes_nothing_leaves_no_trace(self, ledger: Ledger, lease: Lease) -> None:
        before = everything(ledger)

        with ledger.work(lease):
            pass

        assert everything(ledger) == before
