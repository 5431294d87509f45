"""Reading what came back: envelopes, observations, and the files kept."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Select, select
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
    found = session.execute(_envelopes().where(*where))
    return tuple(
        EnvelopeRecord(
            id_,
            source,
            key,
            payload,
            sha,
            None if settings is None else json.loads(settings),
            received,
            None if verdict is None else Verdict(verdict),
            message or "",
        )
        for id_, source, key, payload, sha, settings, received, verdict, message in found
    )


@cache
def _envelopes() -> Select[*tuple[Any, ...]]:
    """Every envelope, as ``envelopes`` reads them."""
    envelope, judged = t.ResultEnvelope, t.EnvelopeJudgement
    columns = (envelope.id, envelope.source, envelope.key, envelope.payload, envelope.sha, envelope.settings)
    return (
        select(*columns, envelope.received, judged.verdict, judged.message)
        .outerjoin(judged, judged.envelope_id == envelope.id)
        .order_by(envelope.entry)
    )


def observations(session: Session, *where: ColumnElement[bool]) -> tuple[ObservationRecord, ...]:
    """Told ones first, in the order told; then by round, position, replicate and attempt number."""
    rows: Sequence[Any] = session.execute(_observations().where(*where)).all()
    values = _measurements(session, [row.envelope_id for row in rows])
    keyed = []
    for row in rows:
        point = to_candidate(row)
        is_told = row.attempt_id is None
        place = (
            (0, row.received, 0, 0, 0)
            if is_told
            else (row.number, row.position, row.replicate_no, row.attempt_no, row.revision)
        )
        record = ObservationRecord(
            row.envelope_id,
            row.candidate_id,
            point.settings,
            point.smiles,
            _outcome(row, tuple(values[row.envelope_id])),
            row.source,
            Arm.MANUAL if is_told else Arm(row.arm),
            row.attempt_id,
            0 if is_told else row.number,
            0 if is_told else row.position,
            0 if is_told else row.run_order,
            0 if is_told else row.replicate_no,
            0 if is_told else row.attempt_no,
            row.recorded,
            row.why,
            {} if row.detail is None else json.loads(row.detail),
            row.entry,
            row.by or "",
            row.at,
        )
        keyed.append((place, record))
    return tuple(record for _, record in sorted(keyed, key=lambda pair: pair[0]))


@cache
def _observations() -> Select[*tuple[Any, ...]]:
    """Every outcome, as ``observations`` reads them."""
    outcome, envelope, proposal, attempt = t.Outcome, t.ResultEnvelope, t.Proposal, t.Attempt
    failure, retraction = t.Failure, t.Retraction
    return (
        select(  # not whole rows, which take 1.7 times as long: every pass reads all of a campaign
            *(outcome.envelope_id, outcome.kind, outcome.reason, outcome.recorded, outcome.revision),
            *(outcome.attempt_id, outcome.entry, outcome.candidate_id, t.Candidate.spec, t.Candidate.inchikey),
            *(envelope.source, envelope.entry.label("received")),
            *(proposal.arm, proposal.position, proposal.run_order, attempt.replicate_no, attempt.attempt_no),
            *(failure.kind.label("fault"), failure.message, failure.is_informative),
            *(t.Round.number, t.RunContext.detail, retraction.why, retraction.by, retraction.at),
        )
        .join(envelope, envelope.id == outcome.envelope_id)
        .join(t.Candidate, t.Candidate.id == outcome.candidate_id)
        .outerjoin(attempt, attempt.id == outcome.attempt_id)
        .outerjoin(proposal, proposal.id == attempt.proposal_id)
        .outerjoin(t.Round, t.Round.id == proposal.round_id)
        .outerjoin(failure, failure.outcome_id == outcome.envelope_id)
        .outerjoin(t.RunContext, t.RunContext.outcome_id == outcome.envelope_id)
        .outerjoin(retraction, retraction.outcome_id == outcome.envelope_id)
    )


def artifacts(session: Session, owner: str) -> tuple[Artifact, ...]:
    """In the order kept."""
    rows = session.scalars(select(t.Artifact).where(t.Artifact.campaign_id == owner).order_by(t.Artifact.entry))
    return tuple(Artifact(a.sha, a.name, a.media_type, a.size, a.attempt_id) for a in rows)


def _measurements(session: Session, outcomes: Sequence[str]) -> dict[str, list[Measurement]]:
    values: dict[str, list[Measurement]] = defaultdict(list)
    wanted, m = _values(), t.Measurement
    if len(outcomes) <= LONGEST_LIST:
        wanted = wanted.where(m.outcome_id.in_(outcomes))
    else:
        owner = select(t.Outcome.campaign_id).where(t.Outcome.envelope_id == outcomes[0]).scalar_subquery()
        wanted = wanted.join(t.Outcome, t.Outcome.envelope_id == m.outcome_id).where(t.Outcome.campaign_id == owner)
    for outcome, name, value, unit, canonical, sd, canonical_sd, n, qualifier, channel in session.execute(wanted):
        values[outcome].append(
            Measurement(name, value, unit, canonical, sd, canonical_sd, n, Qualifier(qualifier), channel)
        )
    return values


@cache
def _values() -> Select[*tuple[Any, ...]]:
    """Every value, in the order in which those of an outcome were told."""
    m = t.Measurement
    return select(
        *(m.outcome_id, m.property, m.value, m.unit, m.canonical, m.sd, m.canonical_sd, m.n, m.qualifier, m.channel)
    ).order_by(m.position)


def _outcome(row: Any, values: tuple[Measurement, ...]) -> Outcome:
    match t.OutcomeKind(row.kind):
        case t.OutcomeKind.MEASURED:
            return Measured(values)
        case t.OutcomeKind.NEGATIVE:
            return Negative(row.reason, values)
        case t.OutcomeKind.FAULT:
            return Fault(FaultKind(row.fault), row.message, row.is_informative)
