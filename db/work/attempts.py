"""Attempts: they are made READY, take their steps, and are tried again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from db import reading
from db import tables as t
from db.rows import Rows
from db.rules import moved
from db.work.campaign import HeldCampaign
from db.work.safety import see_that_it_may_act
from loop.errors import LedgerError
from loop.experiment import FINAL, Event, State
from loop.record import AttemptRecord


def move(held: HeldCampaign, key: str, event: Event, detail: str, *, adapter: str | None, handle: str | None) -> State:
    """Take a step in an attempt's life and record the event; returns the new state.

    An attempt that goes back to READY forgets its adapter and handle: nobody has it.

    Raises:
        NotFound: The campaign has no such attempt.
        TransitionError: The table has no such step, or the step is an outcome's.
        Halted: It is claimed for an adapter, which is to be sent it, and a safety stop is in force.
    """
    if event is Event.CLAIMED and adapter is not None:
        see_that_it_may_act(held)
    attempt = held.attempt(key)
    after = moved(key, State(attempt.state), event)
    row = take_step(held, attempt, event, after, detail, adapter, handle)
    held.write(
        "move",
        {"attempt": key, "event": event.value, "before": row["before"].value, "after": after.value},
        (t.AttemptEvent, [row]),
    )
    return after


def retry(held: HeldCampaign, key: str, why: str) -> AttemptRecord:
    """Another READY attempt at the same experiment.

    Raises:
        NotFound: The campaign has no such attempt.
        LedgerError: It may still run, gave a result that counts, or was tried again already.
    """
    attempt = held.attempt(key)
    if State(attempt.state) not in FINAL:
        raise LedgerError(f"attempt {key} is {attempt.state} and may still run; let it end or cancel it first")
    counts = outcome_that_counts(held, key)
    if counts is not None and counts.kind != t.OutcomeKind.FAULT:
        raise LedgerError(
            f"attempt {key} ended as {counts.kind}, so there is nothing to try again; plan a replicate, or retract "
            f"the outcome first (hakken retract CAMPAIGN {counts.envelope_id} --why REASON)"
        )
    last = held.session.scalar(
        select(func.max(t.Attempt.attempt_no)).where(
            t.Attempt.proposal_id == attempt.proposal_id, t.Attempt.replicate_no == attempt.replicate_no
        )
    )
    if last != attempt.attempt_no:
        raise LedgerError(
            f"attempt {key} was tried again already: attempt number {last} of this experiment is there; "
            "retry the last one"
        )
    row = _ready(held, attempt.proposal_id, attempt.replicate_no, attempt.attempt_no + 1, why)
    held.write("retry", {"attempt": key, "by": row["id"], "why": why}, (t.Attempt, [row]))
    return reading.attempts(held.session, t.Attempt.id == row["id"])[0]


def first_rows(held: HeldCampaign, proposal_id: str, replicates: int) -> Rows:
    """The first attempt at each replicate of a proposal, to be written."""
    return [_ready(held, proposal_id, replicate_no, 0, "") for replicate_no in range(replicates)]


def take_step(
    held: HeldCampaign,
    attempt: t.Attempt,
    event: Event,
    after: State,
    detail: str,
    adapter: str | None = None,
    handle: str | None = None,
) -> dict[str, Any]:
    """Change the attempt's row, and give the row of the event that says so."""
    number = held.session.scalar(
        select(func.count()).select_from(t.AttemptEvent).where(t.AttemptEvent.attempt_id == attempt.id)
    )
    before = State(attempt.state)
    attempt.state, attempt.updated = after.value, held.writer.now()
    attempt.lease_holder, attempt.epoch = held.lease.holder, held.lease.epoch
    if after is State.READY:
        attempt.adapter = attempt.handle = None
    else:
        attempt.adapter = attempt.adapter if adapter is None else adapter
        attempt.handle = attempt.handle if handle is None else handle
    return {
        "attempt_id": attempt.id,
        "number": number,
        "event": event,
        "before": before,
        "after": after,
        "detail": detail,
        "adapter": attempt.adapter,
        "handle": attempt.handle,
        "epoch": held.lease.epoch,
        "at": attempt.updated,
    }


def outcome_that_counts(held: HeldCampaign, key: str) -> t.Outcome | None:
    """The outcome of the attempt that was not retracted."""
    return held.session.scalars(
        select(t.Outcome)
        .outerjoin(t.Retraction, t.Retraction.outcome_id == t.Outcome.envelope_id)
        .where(t.Outcome.attempt_id == key, t.Retraction.outcome_id.is_(None))
    ).one_or_none()


def _ready(held: HeldCampaign, proposal_id: str, replicate_no: int, attempt_no: int, why: str) -> dict[str, Any]:
    return {
        "id": held.writer.new_id(),
        "proposal_id": proposal_id,
        "replicate_no": replicate_no,
        "attempt_no": attempt_no,
        "why": why,
        "state": State.READY,
        "adapter": None,
        "handle": None,
        "lease_holder": held.lease.holder,
        "epoch": held.lease.epoch,
        "updated": held.writer.now(),
    }
