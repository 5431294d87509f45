"""Reading what came back: envelopes, observations, and the files kept."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from db import tables as t
from db.reading.plan import to_candidate
from loop.contracts import Artifact
from loop.outcome import Fault, FaultKind, Measured, Measurement, Negative, Outcome, Qualifier
from loop.record import Arm, EnvelopeRecord, ObservationRecord, Verdict

Thing = TypeVar("Thing")
LONGEST_LIST: Final = 500  # SQLite takes 32,766 variables at most; beyond, the whole campaign is read


def in_parts(things: Sequence[Thing]) -> Iterator[Sequence[Thing]]:
    """In parts of ``LONGEST_LIST`` at most."""
    for start in range(0, len(things), LONGEST_LIST):
        yield things[start : start + LONGEST_LIST]


def envelopes(session: Session, *where: ColumnElement[bool]) -> tuple[EnvelopeRecord, ...]:
    """In the order received."""
    joined = (
        select(t.ResultEnvelope, t.EnvelopeJudgement)
        .outerjoin(t.EnvelopeJudgement, t.EnvelopeJudgement.envelope_id == t.ResultEnvelope.id)
        .where(*where)
        .order_by(t.ResultEnvelope.entry)
    )
    pairs: Sequence[tuple[t.ResultEnvelope, t.EnvelopeJudgement | None]] = session.execute(joined).all()
    return tuple(
        EnvelopeRecord(
            row.id,
            row.source,
            row.key,
            row.payload,
            row.sha,
            None if row.settings is None else json.loads(row.settings),
            row.received,
            None if judged is None else Verdict(judged.verdict),
            "" if judged is None else judged.message,
        )
        for row, judged in pairs
    )


def observations(session: Session, *where: ColumnElement[bool]) -> tuple[ObservationRecord, ...]:
    """Told ones first, in the order told; then by round, position, replicate and attempt number."""
    joined = (
        select(
            t.Outcome,
            t.ResultEnvelope,
            t.Candidate,
            t.Attempt,
            t.Proposal,
            t.Round.number,
            t.Failure,
            t.RunContext,
            t.Retraction,
        )
        .join(t.ResultEnvelope, t.ResultEnvelope.id == t.Outcome.envelope_id)
        .join(t.Candidate, t.Candidate.id == t.Outcome.candidate_id)
        .outerjoin(t.Attempt, t.Attempt.id == t.Outcome.attempt_id)
        .outerjoin(t.Proposal, t.Proposal.id == t.Attempt.proposal_id)
        .outerjoin(t.Round, t.Round.id == t.Proposal.round_id)
        .outerjoin(t.Failure, t.Failure.outcome_id == t.Outcome.envelope_id)
        .outerjoin(t.RunContext, t.RunContext.outcome_id == t.Outcome.envelope_id)
        .outerjoin(t.Retraction, t.Retraction.outcome_id == t.Outcome.envelope_id)
        .where(*where)
    )
    rows = session.execute(joined).all()
    values = _measurements(session, [row[0].envelope_id for row in rows])
    keyed = []
    for outcome, envelope, candidate, attempt_, proposal, number, failure, context, retraction in rows:
        point = to_candidate(candidate)
        place = (
            (number, proposal.position, attempt_.replicate_no, attempt_.attempt_no, outcome.revision)
            if attempt_ is not None
            else (0, envelope.entry, 0, 0, 0)
        )
        record = ObservationRecord(
            outcome.envelope_id,
            candidate.id,
            point.settings,
            point.smiles,
            _outcome(outcome, failure, tuple(values[outcome.envelope_id])),
            envelope.source,
            Arm.MANUAL if proposal is None else Arm(proposal.arm),
            outcome.attempt_id,
            0 if proposal is None else number,
            0 if proposal is None else proposal.position,
            0 if proposal is None else proposal.run_order,
            0 if attempt_ is None else attempt_.replicate_no,
            0 if attempt_ is None else attempt_.attempt_no,
            outcome.recorded,
            None if retraction is None else retraction.why,
            {} if context is None else json.loads(context.detail),
            outcome.entry,
            "" if retraction is None else retraction.by,
            None if retraction is None else retraction.at,
        )
        keyed.append((place, record))
    return tuple(record for _, record in sorted(keyed, key=lambda pair: pair[0]))


def artifacts(session: Session, owner: str) -> tuple[Artifact, ...]:
    """In the order kept."""
    rows = session.scalars(select(t.Artifact).where(t.Artifact.campaign_id == owner).order_by(t.Artifact.entry))
    return tuple(Artifact(a.sha, a.name, a.media_type, a.size, a.attempt_id) for a in rows)


def _measurements(session: Session, outcomes: Sequence[str]) -> dict[str, list[Measurement]]:
    values: dict[str, list[Measurement]] = defaultdict(list)
    wanted = select(t.Measurement).order_by(t.Measurement.position)
    if len(outcomes) <= LONGEST_LIST:
        wanted = wanted.where(t.Measurement.outcome_id.in_(outcomes))
    else:
        owner = select(t.Outcome.campaign_id).where(t.Outcome.envelope_id == outcomes[0]).scalar_subquery()
        wanted = wanted.join(t.Outcome, t.Outcome.envelope_id == t.Measurement.outcome_id).where(
            t.Outcome.campaign_id == owner
        )
    for m in session.scalars(wanted):
        values[m.outcome_id].append(
            Measurement(
                m.property, m.value, m.unit, m.canonical, m.sd, m.canonical_sd, m.n, Qualifier(m.qualifier), m.channel
            )
        )
    return values


def _outcome(row: t.Outcome, failure: t.Failure | None, values: tuple[Measurement, ...]) -> Outcome:
    match t.OutcomeKind(row.kind):
        case t.OutcomeKind.MEASURED:
            return Measured(values)
        case t.OutcomeKind.NEGATIVE:
            return Negative(row.reason, values)
        case t.OutcomeKind.FAULT:
            assert failure is not None  # written with it
            return Fault(FaultKind(failure.kind), failure.message, failure.is_informative)
