"""Attempts in memory: they are made READY, take their steps, and are tried again."""

from __future__ import annotations

from dataclasses import replace

from db.memory.campaign import HeldCampaign
from db.memory.safety import see_that_it_may_act
from db.rules import kind_of, moved
from loop.errors import LedgerError
from loop.experiment import FINAL, Event, State
from loop.outcome import Fault
from loop.record import AttemptEventRecord, AttemptRecord, ObservationRecord, ProposalRecord


def move(held: HeldCampaign, key: str, event: Event, detail: str, *, adapter: str | None, handle: str | None) -> State:
    """Take a step in an attempt's life and record the event; raises ``TransitionError``."""
    if event is Event.CLAIMED and adapter is not None:
        see_that_it_may_act(held)
    attempt = held.attempt(key)
    after = moved(key, attempt.state, event)
    take_step(held, attempt, event, after, detail, adapter, handle)
    held.say("move", attempt=key, event=event.value, before=attempt.state.value, after=after.value)
    return after


def retry(held: HeldCampaign, key: str, why: str) -> AttemptRecord:
    """Another READY attempt at the same experiment; raises ``LedgerError`` if there is nothing to try again."""
    attempt = held.attempt(key)
    if attempt.state not in FINAL:
        raise LedgerError(f"attempt {key} is {attempt.state} and may still run; let it end or cancel it first")
    counts = observation_that_counts(held, key)
    if counts is not None and not isinstance(counts.outcome, Fault):
        raise LedgerError(
            f"attempt {key} ended as {kind_of(counts.outcome)}, so nothing is to be tried again; plan a replicate, "
            f"or retract the outcome first (hakken retract CAMPAIGN {counts.id} --why REASON)"
        )
    experiment = attempt.proposal_id, attempt.replicate_no
    last = max(a.attempt_no for a in held.data.attempts.values() if (a.proposal_id, a.replicate_no) == experiment)
    if last != attempt.attempt_no:
        raise LedgerError(
            f"attempt {key} was tried again already: attempt number {last} of this experiment is there; "
            "retry the last one"
        )
    proposal = held.data.proposals[attempt.proposal_id]
    again = _make(held, proposal, attempt.replicate_no, attempt.attempt_no + 1)
    held.say("retry", attempt=key, by=again.key, why=why)
    return again


def make_first(held: HeldCampaign, proposal: ProposalRecord) -> None:
    """The first attempt at each replicate of a proposal."""
    for replicate_no in range(proposal.draft.replicates):
        _make(held, proposal, replicate_no, 0)


def take_step(
    held: HeldCampaign,
    attempt: AttemptRecord,
    event: Event,
    after: State,
    detail: str,
    adapter: str | None = None,
    handle: str | None = None,
) -> None:
    """Change the attempt, and note the event that says so."""
    now = held.now()
    changed = replace(attempt, state=after, updated=now)
    if after is State.READY:
        changed = replace(changed, adapter=None, handle=None)
    else:
        changed = replace(changed, adapter=adapter or attempt.adapter, handle=handle or attempt.handle)
    held.data.attempts[attempt.key] = changed
    said = AttemptEventRecord(attempt.key, event, attempt.state, after, detail, now)
    held.data.events[attempt.key] = (*held.data.events.get(attempt.key, ()), said)


def observation_that_counts(held: HeldCampaign, key: str) -> ObservationRecord | None:
    """The observation of the attempt that was not retracted."""
    of_it = (o for o in held.data.observations.values() if o.key == key and o.retracted is None)
    return next(of_it, None)


def _make(held: HeldCampaign, proposal: ProposalRecord, replicate_no: int, attempt_no: int) -> AttemptRecord:
    draft = proposal.draft
    made = AttemptRecord(
        held.new_id(),
        proposal.id,
        proposal.candidate_id,
        proposal.round_number,
        draft.position,
        draft.run_order,
        replicate_no,
        attempt_no,
        draft.candidate.settings,
        draft.candidate.smiles,
        State.READY,
        None,
        None,
        held.now(),
        draft.place,
    )
    held.data.attempts[made.key] = made
    return made
