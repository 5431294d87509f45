"""What a ledger refuses, whatever it is made of; no database here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from shlex import quote
from typing import Any, Final, assert_never

from db import tables as t
from db.canonical import canonical, numbers_as_floats
from loop.decision import DecisionDraft
from loop.errors import LeaseHeld, LedgerError, OutcomeConflict, StaleLease, TransitionError
from loop.experiment import Event, State, step
from loop.outcome import Fault, Measured, Measurement, Negative, Outcome
from loop.record import Candidate, EnvelopeRecord, Lease, ObservationRecord, ProposalDraft, RoundDraft, Verdict

LARGEST = 2**63 - 1  # what a whole number may be on both engines
LONGEST: Final = timedelta(days=1)  # that a lease lasts, and far more than any does that is not renewed


def held(name: str, holder: str, expires: datetime, now: datetime) -> LeaseHeld:
    """What is said at ``now`` to whoever wants a campaign that another holder has."""
    until = f"campaign {name!r} is held by {holder!r} until {expires:%Y-%m-%d %H:%M} UTC"
    gone = "the next command of that machine and folder takes over at once"
    if expires - now > LONGEST:
        return LeaseHeld(
            f"{until}, and it is {now:%Y-%m-%d %H:%M} UTC here: nobody holds one for so long, so that one of the two "
            "clocks was wrong. Put this machine's right where it is that one; else see whether that process works. "
            f"Where it is gone, do not wait until then: {gone} (such as hakken tick {quote(name)}) and gives the "
            "campaign back",
            holder=holder,
        )
    return LeaseHeld(
        f"{until}, and for longer while that process works: a run lets a command through between two passes, one of "
        "that machine and folder, or any where the record is on PostgreSQL; else wait until then, or stop that "
        f"process. Where it is gone, {gone}",
        holder=holder,
    )


def stale(name: str, lease: Lease, holder: str | None, epoch: int) -> StaleLease:
    """What is said to whoever works on with a lease that was given back or taken over, of who holds it now."""
    by = f"it is held by {holder!r} with epoch {epoch}" if holder else f"nobody holds it, the epoch is {epoch}"
    return StaleLease(
        f"the lease of {lease.holder!r} on campaign {name!r} (epoch {lease.epoch}) is no longer in force; {by}. It is "
        "taken over where its process was not heard of until it ended, or a clock is wrong on one of the machines: see "
        "to that, and to it that one alone works on the campaign. Nothing was written; the same command goes on"
    )


def same_or_conflict(record: ObservationRecord, outcome: Outcome, whose: str) -> ObservationRecord:
    """``record`` if it says the same; raises ``OutcomeConflict`` otherwise. ``whose`` begins the message."""
    if in_order(record.outcome) == in_order(outcome):
        return record
    raise OutcomeConflict(
        f"{whose} ended as {kind_of(record.outcome).value}, and this says {kind_of(outcome).value} with other content; "
        "the envelope is kept. To let it count, retract the first outcome "
        f"(hakken retract CAMPAIGN {record.id} --why REASON)"
    )


def in_order(outcome: Outcome) -> Outcome:
    """The outcome with its values in an order that does not depend on who wrote them down."""
    if isinstance(outcome, Fault):
        return outcome
    return replace(outcome, measurements=tuple(sorted(outcome.measurements, key=_name)))


def _name(measurement: Measurement) -> tuple[str, str, float]:
    return measurement.property, measurement.channel or "", measurement.value


def moved(key: str, state: State, event: Event) -> State:
    """The state after a step that is no outcome; raises ``TransitionError``, naming the attempt."""
    if event is Event.OUTCOME:
        raise TransitionError(f"attempt {key}: an outcome is recorded with its envelope; use accept, not move")
    return _after(key, state, event)


def ended(key: str, state: State) -> State:
    """The state after an outcome; raises ``TransitionError``, naming the attempt.

    An attempt whose outcomes were all retracted has ended, and stays so with the new one.
    """
    return state if state is State.ENDED else _after(key, state, Event.OUTCOME)


def _after(key: str, state: State, event: Event) -> State:
    try:
        return step(state, event)
    except TransitionError as error:
        raise TransitionError(f"attempt {key}: {error}") from None


def check_verdict(envelope: EnvelopeRecord, verdict: Verdict) -> None:
    """Refuse another verdict than the one that stands, and ACCEPTED, which only ``accept`` gives."""
    if verdict is Verdict.ACCEPTED:
        raise LedgerError(f"envelope {envelope.id}: only accept makes an envelope accepted; give it the outcome")
    if envelope.verdict is not None:
        raise LedgerError(
            f"envelope {envelope.id} was already judged {envelope.verdict.value}, not {verdict.value}; a verdict "
            "stands: send a corrected result in an envelope of its own"
        )


def observed_key(envelope: EnvelopeRecord, candidate: Candidate | None) -> str | None:
    """The attempt that an envelope's outcome is of; None for a told observation of ``candidate``.

    An envelope once judged CONTRADICTORY may be accepted after the outcome that it contradicted was retracted. Any
    other verdict stands against it.

    Raises:
        LedgerError: The envelope was judged otherwise, or it is unclear what was observed.
    """
    if envelope.verdict not in (None, Verdict.CONTRADICTORY):
        raise LedgerError(
            f"envelope {envelope.id} was judged {envelope.verdict.value} and cannot be accepted; send a corrected "
            "result in an envelope of its own"
        )
    if candidate is None and envelope.key is None:
        raise LedgerError(f"envelope {envelope.id} names no attempt; give the candidate that was observed")
    if candidate is not None and envelope.key is not None:
        raise LedgerError(
            f"envelope {envelope.id} names attempt {envelope.key!r}, whose candidate is on record; give none"
        )
    return envelope.key


def kind_of(outcome: Outcome) -> t.OutcomeKind:
    """Which of the three it is."""
    match outcome:
        case Measured():
            return t.OutcomeKind.MEASURED
        case Negative():
            return t.OutcomeKind.NEGATIVE
        case Fault():
            return t.OutcomeKind.FAULT
        case _:
            assert_never(outcome)


def decision_detail(draft: DecisionDraft) -> dict[str, Any]:
    """What a decision is about, as JSON."""
    detail = {"settings": numbers_as_floats(draft.settings), "region": dict(draft.region)}
    return detail if draft.times == 1 else {**detail, "times": draft.times}  # as it was before there were times


def candidate_spec(point: Candidate) -> str:
    """What makes a candidate that one and no other, as canonical JSON: its settings and its structures."""
    spec = {"settings": numbers_as_floats(point.settings), "smiles": dict(point.smiles), "inchikey": point.inchikey}
    if point.as_made:  # left out otherwise, so that candidates on record stay the same ones
        spec["as_made"] = dict(point.as_made)
    return canonical(spec, f"candidate {dict(point.settings)}")


def check_round(name: str, draft: RoundDraft, in_force: int) -> None:
    """Refuse a batch that contradicts itself or the spec version in force; ``name`` stands at the message's head.

    Raises:
        LedgerError: A number is out of range, something is there twice, or it was planned under another version.
    """
    if draft.version not in (0, in_force):
        raise LedgerError(
            f"{name} was planned under version {draft.version} of the spec, and version {in_force} is in force; "
            "plan it again"
        )
    if draft.number < 1:
        raise LedgerError(f"{name}: rounds are numbered from 1")
    if not -LARGEST <= draft.seed <= LARGEST:
        raise LedgerError(f"{name}: seed {draft.seed} does not fit into 64 bits; take a smaller one")
    for what, references in (("observation", draft.observations), ("pending attempt", draft.pending)):
        if len(set(references)) < len(references):
            raise LedgerError(f"{name} names one {what} twice; give each once, in the planner's order")
    check_proposals(name, draft.proposals)


def check_proposals(name: str, proposals: Sequence[ProposalDraft]) -> None:
    """Refuse proposals that contradict themselves or one another; ``name`` stands at the message's head."""
    positions = [p.position for p in proposals]
    if len(set(positions)) < len(positions):
        raise LedgerError(f"{name} has two proposals at one position ({sorted(positions)}); number them from 0")
    places = [(p.place.plate, p.place.well) for p in proposals if p.place is not None]
    if twice := [place for place in places if places.count(place) > 1]:
        raise LedgerError(
            f"{name} puts two proposals into well {twice[0][1]} of plate {twice[0][0]}; one well, one each"
        )
    for p in proposals:
        if p.replicates < 1:
            raise LedgerError(f"{name}, proposal {p.position}: replicates must be at least 1, got {p.replicates}")
        if p.place is not None and (p.place.plate < 1 or p.place.block < 1 or not p.place.well):
            raise LedgerError(
                f"{name}, proposal {p.position}: a place needs a plate and a block from 1 and a well, got {p.place}"
            )
        said = [(prediction.target, prediction.member) for prediction in p.predictions]
        if len(set(said)) < len(said):
            raise LedgerError(f"{name}, proposal {p.position}: one member predicts one target twice")
        finite: Iterable[tuple[str, float | None]] = (
            *((f"mean of {x.target!r} by {x.member!r}", x.mean) for x in p.predictions),
            *((f"sd of {x.target!r} by {x.member!r}", x.sd) for x in p.predictions),
            *((f"weight of {x.member!r}", x.weight) for x in p.predictions),
            ("novelty", p.novelty),
        )
        for what, number in finite:
            if number is not None and not math.isfinite(number):
                raise LedgerError(f"{name}, proposal {p.position}: the {what} must be a finite number, got {number}")
        if p.acquisition_value is not None and math.isnan(p.acquisition_value):  # log values may be -inf
            raise LedgerError(f"{name}, proposal {p.position}: the acquisition value is not a number; leave it out")
