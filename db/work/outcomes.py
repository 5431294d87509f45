"""Outcomes: one that counts for each attempt, accepted from an envelope, and retracted rather than removed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select

from db import reading
from db import tables as t
from db.canonical import canonical
from db.reading.results import in_parts
from db.rows import Rows, context_row, failure_rows, measurement_rows
from db.rules import ended, kind_of, observed_key, same_or_conflict
from db.work import attempts, candidates, envelopes, safety
from db.work.campaign import HeldCampaign
from db.work.writer import Part
from loop.contracts import ToldOutcome
from loop.errors import LedgerError, NotFound
from loop.experiment import Event, State
from loop.outcome import Fault, FaultKind, Negative, Outcome
from loop.record import Arm, Candidate, EnvelopeRecord, Json, ObservationRecord, Verdict
from loop.safety import said_by


def accept(
    held: HeldCampaign, envelope_id: str, outcome: Outcome, *, candidate: Candidate | None, context: Json | None
) -> ObservationRecord:
    """Record an envelope's outcome; see ``loop.contracts.Work``.

    A fault of kind ``safety_stop`` of an attempt halts the campaign, and its bench, in the same transaction.
    An envelope judged CONTRADICTORY before keeps that verdict, as what was made of it at the time.

    Raises:
        NotFound: The campaign has no such envelope, or no attempt of the envelope's key.
        OutcomeConflict: The envelope or its attempt has another outcome that counts.
        TransitionError: The attempt cannot end from where it is: never sent, cancelled or expired.
        LedgerError: The envelope was judged otherwise, or it is unclear what was observed.
    """
    envelope = held.envelope(envelope_id)
    if held.session.get(t.Outcome, envelope_id) is not None:
        return same_or_conflict(_observation(held, envelope_id), outcome, f"envelope {envelope_id} already")
    key = observed_key(envelope, candidate)
    events: Rows = []
    new_candidates: Rows = []
    revision = 0
    if key is not None:
        attempt = held.attempt(key)
        if (counts := attempts.outcome_that_counts(held, key)) is not None:
            first = _observation(held, counts.envelope_id)
            record = same_or_conflict(first, outcome, f"attempt {key} already")
            if envelope.verdict is None:
                envelopes.judge_all(held, [(envelope_id, Verdict.DUPLICATE, f"repeats observation {record.id}")])
            return record
        revision = _outcomes_so_far(held, key)
        after = ended(key, State(attempt.state))
        events = [attempts.take_step(held, attempt, Event.OUTCOME, after, kind_of(outcome).value)]
        candidate_id = held.session.scalars(
            select(t.Proposal.candidate_id).where(t.Proposal.id == attempt.proposal_id)
        ).one()
    else:
        assert candidate is not None  # or there would be a key
        (candidate_id,), new_candidates = candidates.identified(held, [candidate])
    row = _row(held, envelope, outcome, candidate_id, revision)
    held.row.data_version += 1
    held.write(
        "accept",
        _about(envelope, outcome),
        *_parts(held, envelope, outcome, row, context, new_candidates, events),
    )
    if key is not None and isinstance(outcome, Fault) and outcome.kind is FaultKind.SAFETY_STOP:
        safety.stop(held, *said_by(envelope.source, outcome.message), envelope_id)
    if key is not None:
        return _observation(held, envelope_id)
    assert candidate is not None
    return _told(envelope, row, outcome, candidate, context, held.writer.next_number() - 1)


def accept_told(held: HeldCampaign, told: Sequence[ToldOutcome]) -> list[ObservationRecord]:
    """``accept`` of each told observation, in their order; raises as it does."""
    return [record for some in in_parts(told) for record in _accepted(held, some)]


def _accepted(held: HeldCampaign, told: Sequence[ToldOutcome]) -> list[ObservationRecord]:
    """The same of at most ``LONGEST_LIST``."""
    ids = [one.envelope_id for one in told]
    known = held.envelopes(ids)
    seen = held.session.scalars(select(t.Outcome.envelope_id).where(t.Outcome.envelope_id.in_(ids))).all()
    if seen or len(known) < len(ids):  # one by one, each says what is wrong
        return [
            accept(held, one.envelope_id, one.outcome, candidate=one.candidate, context=one.context) for one in told
        ]
    for one in told:
        observed_key(known[one.envelope_id], one.candidate)
    candidate_ids, new = candidates.identified(held, [one.candidate for one in told])
    unwritten = {row["id"]: row for row in new}
    entries: list[tuple[Json, tuple[Part, ...]]] = []
    records = []
    for number, (one, candidate_id) in enumerate(zip(told, candidate_ids, strict=True), held.writer.next_number()):
        envelope = known[one.envelope_id]
        row = _row(held, envelope, one.outcome, candidate_id)
        mine = [unwritten.pop(candidate_id)] if candidate_id in unwritten else []
        entries.append((_about(envelope, one.outcome), _parts(held, envelope, one.outcome, row, one.context, mine)))
        records.append(_told(envelope, row, one.outcome, one.candidate, one.context, number))
    held.row.data_version += len(told)
    held.write_all("accept", entries)
    return records


def retract(held: HeldCampaign, observation_id: str, by: str, why: str) -> None:
    """Let an observation count no more; it stays on record.

    Raises:
        NotFound: The campaign has no such observation.
        LedgerError: It was retracted before.
    """
    found = held.session.execute(
        select(t.Outcome, t.Retraction)
        .outerjoin(t.Retraction, t.Retraction.outcome_id == t.Outcome.envelope_id)
        .where(t.Outcome.envelope_id == observation_id, t.Outcome.campaign_id == held.id)
    ).first()
    if found is None:
        raise NotFound(f"campaign {held.name!r} has no observation {observation_id!r}; hakken export lists them")
    if (before := found[1]) is not None:
        raise LedgerError(
            f"observation {observation_id} was already retracted by {before.by} ({before.why}); nothing to do"
        )
    held.row.data_version += 1
    row = {"outcome_id": observation_id, "by": by, "why": why, "at": held.writer.now()}
    held.write("retract", {"observation": observation_id, "by": by, "why": why}, (t.Retraction, [row]))


def _about(envelope: EnvelopeRecord, outcome: Outcome) -> Json:
    """What the audit entry says of it."""
    return {"envelope": envelope.id, "attempt": envelope.key, "outcome": kind_of(outcome).value}


def _row(
    held: HeldCampaign, envelope: EnvelopeRecord, outcome: Outcome, candidate_id: str, revision: int = 0
) -> dict[str, Any]:
    """The row of the outcome."""
    return {
        "envelope_id": envelope.id,
        "campaign_id": held.id,
        "candidate_id": candidate_id,
        "attempt_id": envelope.key,
        "revision": revision,
        "kind": kind_of(outcome),
        "reason": outcome.reason if isinstance(outcome, Negative) else "",
        "recorded": held.writer.now(),
    }


def _parts(
    held: HeldCampaign,
    envelope: EnvelopeRecord,
    outcome: Outcome,
    row: dict[str, Any],
    context: Json | None,
    new_candidates: Rows,
    events: Sequence[dict[str, Any]] = (),
) -> tuple[Part, ...]:
    """All rows of an outcome, table by table."""
    verdicts = [] if envelope.verdict else [envelopes.judgement_row(held, envelope.id, Verdict.ACCEPTED, "")]
    return (
        (t.Candidate, new_candidates),
        (t.Outcome, [row]),
        (t.Measurement, measurement_rows(envelope.id, outcome)),
        (t.Failure, failure_rows(envelope.id, outcome)),
        (t.RunContext, [context_row(envelope.id, context)] if context else []),
        (t.AttemptEvent, list(events)),
        (t.EnvelopeJudgement, verdicts),
    )


def _observation(held: HeldCampaign, envelope_id: str) -> ObservationRecord:
    return reading.observations(held.session, t.Outcome.envelope_id == envelope_id)[0]


def _told(
    envelope: EnvelopeRecord,
    row: Mapping[str, Any],
    outcome: Outcome,
    candidate: Candidate,
    context: Json | None,
    entry: int,
) -> ObservationRecord:
    """What ``_observation`` would read of a told outcome just written; of thousands told at once that takes a while."""
    return ObservationRecord(
        envelope.id,
        row["candidate_id"],
        candidate.settings,
        candidate.smiles,
        outcome,
        envelope.source,
        Arm.MANUAL,
        key=None,
        round_number=0,
        position=0,
        run_order=0,
        replicate_no=0,
        attempt_no=0,
        recorded=row["recorded"],
        retracted=None,
        context={} if not context else json.loads(canonical(context, "a context")),
        entry=entry,
    )


def _outcomes_so_far(held: HeldCampaign, key: str) -> int:
    counted = select(func.count()).select_from(t.Outcome).where(t.Outcome.attempt_id == key)
    return held.session.scalar(counted) or 0
