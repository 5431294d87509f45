"""The laws are seen to fail: the suite, run on twins broken on purpose, names each break."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from _pytest.outcomes import Failed

from db.memory import CampaignData, MemoryLedger, MemoryWork
from loop.errors import OutcomeConflict
from loop.record import EnvelopeDraft, EnvelopeRecord, Lease, ObservationRecord, RoundDraft, RoundRecord
from loop.testing.ledger import SPEC, Clock, LedgerContract


class IgnoresTheEpoch(MemoryLedger):
    @contextmanager
    def work(self, lease: Lease, *, actor: str = "engine") -> Iterator[MemoryWork]:
        campaign = next(c for c in self._campaigns.values() if c.record.id == lease.campaign_id)
        current = Lease(lease.campaign_id, campaign.holder or "", campaign.epoch, lease.expires)
        campaign.holder = current.holder
        with super().work(current, actor=actor) as work:
            yield work


class Changed(MemoryLedger):
    """Does one thing of a work otherwise than it should."""

    changes: ClassVar[dict[str, Callable[..., Any]]] = {}

    @contextmanager
    def work(self, lease: Lease, *, actor: str = "engine") -> Iterator[MemoryWork]:
        with super().work(lease, actor=actor) as work:
            for name, change in self.changes.items():
                setattr(work, name, lambda *args, change=change, **named: change(work, *args, **named))
            yield work


def overwrites(work: MemoryWork, envelope_id: str, outcome: Any, **named: Any) -> ObservationRecord:
    try:
        return MemoryWork.accept(work, envelope_id, outcome, **named)
    except OutcomeConflict as conflict:
        first = next(o.id for o in work.campaign.observations.values() if o.id in str(conflict))
        del work.campaign.observations[first]
        work.campaign.envelopes[envelope_id] = replace(work.campaign.envelopes[envelope_id], verdict=None)
        return MemoryWork.accept(work, envelope_id, outcome, **named)


def doubles(work: MemoryWork, envelope: EnvelopeDraft) -> EnvelopeRecord:
    work.campaign.received.clear()
    return MemoryWork.receive(work, envelope)


def forgets(work: MemoryWork, observation_id: str, by: str, why: str) -> None:
    MemoryWork.retract(work, observation_id, by, why)
    del work.campaign.observations[observation_id]


def goes_on(work: MemoryWork, draft: RoundDraft) -> RoundRecord:
    work.stops.clear()
    return MemoryWork.record_round(work, draft)


def swallows(work: MemoryWork, envelope_id: str, outcome: Any, **named: Any) -> ObservationRecord:
    before = list(work.stops)
    record = MemoryWork.accept(work, envelope_id, outcome, **named)
    work.stops[:] = before
    return record


def changed(name: str, change: Callable[..., Any]) -> type[Changed]:
    return type(f"Changed_{name}", (Changed,), {"changes": {name: change}})


def test_a_ledger_that_shares_its_containers_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CampaignData, "twin", lambda self: self)

    assert fails(MemoryLedger, LedgerContract.test_an_exception_inside_leaves_nothing_of_what_was_written)
    assert fails(MemoryLedger, LedgerContract.test_reads_see_committed_state_only)


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        (IgnoresTheEpoch, LedgerContract.test_a_released_lease_writes_nothing_more),
        (IgnoresTheEpoch, LedgerContract.test_a_stale_holder_can_write_nothing),
        (changed("accept", overwrites), LedgerContract.test_an_envelope_has_one_outcome),
        (changed("receive", doubles), LedgerContract.test_the_same_envelope_again_is_the_first_one),
        (
            changed("retract", forgets),
            LedgerContract.test_a_retracted_observation_counts_no_more_and_stays_on_record,
        ),
        (
            changed("record_round", goes_on),
            LedgerContract.test_campaigns_of_one_bench_halt_together_and_others_go_on,
        ),
        (
            changed("accept", swallows),
            LedgerContract.test_a_result_of_kind_safety_stop_halts_the_campaign_in_the_same_transaction,
        ),
    ],
)
def test_a_broken_law_is_caught_and_a_whole_ledger_is_not(broken: type[MemoryLedger], law: Callable[..., None]) -> None:
    assert fails(broken, law)
    assert not fails(MemoryLedger, law)


def fails(make: type[MemoryLedger], law: Callable[..., None]) -> bool:
    clock = Clock()
    ledger = make(clock=clock)
    ledger.open_campaign("coupling", SPEC, by="ada")
    given: dict[str, Any] = {"ledger": ledger, "clock": clock}
    given["lease"] = ledger.acquire("coupling", "engine-1", timedelta(hours=1))
    wanted = law.__code__.co_varnames[1 : law.__code__.co_argcount]
    try:
        law(LedgerContract(), **{name: given[name] for name in wanted})
    except (AssertionError, Failed):
        return True
    return False
