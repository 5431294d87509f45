"""Results in memory: envelopes stored unread and judged once, outcomes accepted from them and retracted."""

from __future__ import annotations

import json
from dataclasses import replace

from db.canonical import canonical, lenient, sha256
from db.memory.attempts import observation_that_counts, take_step
from db.memory.campaign import HeldCampaign, plain_candidate
from db.memory.safety import stop
from db.rules import candidate_spec, check_verdict, ended, kind_of, observed_key, same_or_conflict
from loop.errors import LedgerError, NotFound
from loop.experiment import Event
from loop.outcome import Fault, FaultKind, Outcome
from loop.record import (
    Arm,
    AttemptRecord,
    Candidate,
    EnvelopeDraft,
    EnvelopeRecord,
    Json,
    ObservationRecord,
    Verdict,
)
from loop.safety import said_by


def receive(held: HeldCampaign, envelope: EnvelopeDraft) -> EnvelopeRecord:
    """Store what was received, unread; the same again gives the first record."""
    settings = None if envelope.settings is None else lenient(envelope.settings)
    content = lenient([envelope.source, envelope.key, envelope.payload, settings])
    if content in held.data.received:
        return held.data.envelopes[held.data.received[content]]
    record = EnvelopeRecord(
        held.new_id(),
        envelope.source,
        envelope.key,
        envelope.payload,
        sha256(envelope.payload),
        None if settings is None else json.loads(settings),
        held.now(),
        None,
        "",
    )
    held.data.received[content] = record.id
    held.data.envelopes[record.id] = record
    held.say("receive", envelope=record.id, source=envelope.source, key=envelope.key)
    return record


def judge(held: HeldCampaign, envelope_id: str, verdict: Verdict, message: str) -> None:
    """Record what was made of an envelope. The same verdict again changes nothing, another is refused."""
    envelope = held.envelope(envelope_id)
    if envelope.verdict is verdict:
        return
    check_verdict(envelope, verdict)
    held.data.envelopes[envelope_id] = replace(envelope, verdict=verdict, message=message)
    held.say("judge", envelope=envelope_id, verdict=verdict.value)


def accept(
    held: HeldCampaign, envelope_id: str, outcome: Outcome, *, candidate: Candidate | None, context: Json | None
) -> ObservationRecord:
    """Record an envelope's outcome; see ``loop.contracts.Work`` and ``db.work.outcomes.accept``."""
    envelope = held.envelope(envelope_id)
    if (known := held.data.observations.get(envelope_id)) is not None:
        return same_or_conflict(known, outcome, f"envelope {envelope_id} already")
    key = observed_key(envelope, candidate)
    plain = {} if not context else json.loads(canonical(context, "the context of a run"))
    if key is not None:
        attempt = held.attempt(key)
        if (first := observation_that_counts(held, key)) is not None:
            record = same_or_conflict(first, outcome, f"attempt {key} already")
            if envelope.verdict is None:
                judge(held, envelope_id, Verdict.DUPLICATE, f"repeats observation {record.id}")
            return record
        record = _ran(held, envelope, outcome, attempt, plain)
    else:
        assert candidate is not None  # or there would be a key
        record = _told(held, envelope, outcome, candidate, plain)
    held.data.observations[envelope_id] = record
    if envelope.verdict is None:
        held.data.envelopes[envelope_id] = replace(envelope, verdict=Verdict.ACCEPTED)
    _count_new_data(held)
    held.say("accept", envelope=envelope_id, attempt=record.key, outcome=kind_of(outcome).value)
    if key is not None and isinstance(outcome, Fault) and outcome.kind is FaultKind.SAFETY_STOP:
        stop(held, *said_by(envelope.source, outcome.message), envelope_id)
    return record


def retract(held: HeldCampaign, observation_id: str, by: str, why: str) -> None:
    """Let an observation count no more; it stays on record."""
    observation = held.data.observations.get(observation_id)
    if observation is None:
        raise NotFound(f"campaign {held.name!r} has no observation {observation_id!r}; hakken export lists them")
    if observation.retracted is not None:
        raise LedgerError(
            f"observation {observation_id} was already retracted by {observation.retracted_by} "
            f"({observation.retracted}); nothing to do"
        )
    held.data.observations[observation_id] = replace(
        observation, retracted=why, retracted_by=by, retracted_at=held.now()
    )
    _count_new_data(held)
    held.say("retract", observation=observation_id, by=by, why=why)


def _count_new_data(held: HeldCampaign) -> None:
    record = held.data.record
    held.data.record = replace(record, data_version=record.data_version + 1)


def _told(
    held: HeldCampaign, envelope: EnvelopeRecord, outcome: Outcome, candidate: Candidate, context: Json
) -> ObservationRecord:
    point = plain_candidate(candidate)
    return ObservationRecord(
        envelope.id,
        held.candidate_id(candidate_spec(candidate)),
        point.settings,
        point.smiles,
        outcome,
        envelope.source,
        Arm.MANUAL,
        None,
        0,
        0,
        0,
        0,
        0,
        held.now(),
        None,
        context,
        held.next_entry,
    )


def _ran(
    held: HeldCampaign, envelope: EnvelopeRecord, outcome: Outcome, attempt: AttemptRecord, context: Json
) -> ObservationRecord:
    after = ended(attempt.key, attempt.state)
    take_step(held, attempt, Event.OUTCOME, after, kind_of(outcome).value)
    return ObservationRecord(
        envelope.id,
        attempt.candidate_id,
        attempt.settings,
        attempt.smiles,
        outcome,
        envelope.source,
        held.data.proposals[attempt.proposal_id].draft.arm,
        attempt.key,
        attempt.round_number,
        attempt.position,
        attempt.run_order,
        attempt.replicate_no,
        attempt.attempt_no,
        held.now(),
        None,
        context,
        held.next_entry,
    )
