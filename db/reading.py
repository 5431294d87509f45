"""Reading: rows become frozen records here, a few joined queries for each question; no row leaves."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from db import tables as t
from loop.contracts import Artifact
from loop.errors import NotFound
from loop.experiment import Event, State
from loop.outcome import Fault, FaultKind, Measured, Measurement, Negative, Outcome, Qualifier
from loop.record import (
    Arm,
    AttemptEventRecord,
    AttemptRecord,
    CampaignRecord,
    CampaignState,
    Candidate,
    EnvelopeRecord,
    ObservationRecord,
    Prediction,
    ProposalDraft,
    ProposalRecord,
    RoundRecord,
    Verdict,
)

LONGEST_LIST: Final = 500  # SQLite takes 32,766 variables at most; beyond, the whole campaign is read


def campaigns(session: Session, *where: ColumnElement[bool]) -> tuple[CampaignRecord, ...]:
    """Oldest first, each with the version of its spec in force."""
    version = t.CampaignVersion
    joined = (
        select(t.Campaign, version)
        .join(version, (version.campaign_id == t.Campaign.id) & (version.number == t.Campaign.version))
        .where(*where)
        .order_by(t.Campaign.created, t.Campaign.id)
    )
    return tuple(
        CampaignRecord(
            campaign.id,
            campaign.name,
            CampaignState(campaign.state),
            campaign.reason,
            campaign.version,
            json.loads(in_force.spec),
            in_force.sha,
            campaign.data_version,
            campaign.created,
        )
        for campaign, in_force in session.execute(joined)
    )


def campaign(session: Session, name: str) -> CampaignRecord:
    """By name; raises ``NotFound``, listing the names there are."""
    if found := campaigns(session, t.Campaign.name == name):
        return found[0]
    raise _no_campaign(session, name)


def campaign_id(session: Session, name: str) -> str:
    """The identifier behind a name; raises ``NotFound``."""
    found = session.scalar(select(t.Campaign.id).where(t.Campaign.name == name))
    if found is None:
        raise _no_campaign(session, name)
    return found


def spec_version(session: Session, name: str, version: int) -> Any:
    """The spec of that version; raises ``NotFound``."""
    owner = campaign_id(session, name)
    row = session.get(t.CampaignVersion, (owner, version))
    if row is None:
        last = session.scalar(select(t.Campaign.version).where(t.Campaign.id == owner))
        raise NotFound(f"campaign {name!r} has no version {version}; it has 1 to {last}")
    return json.loads(row.spec)


def rounds(session: Session, owner: str, *where: ColumnElement[bool]) -> tuple[RoundRecord, ...]:
    """By number, with what each was planned from."""
    chosen = select(t.Round.id).where(t.Round.campaign_id == owner, *where)
    references: dict[tuple[str, str], list[str]] = defaultdict(list)
    row = t.TrainingRow
    for round_id, role, reference in session.execute(
        select(row.round_id, row.role, row.reference).where(row.round_id.in_(chosen)).order_by(row.position)
    ):
        references[round_id, role].append(reference)
    joined = (
        select(t.Round, t.Model)
        .join(t.Model, t.Model.round_id == t.Round.id)
        .where(t.Round.id.in_(chosen))
        .order_by(t.Round.number)
    )
    return tuple(
        RoundRecord(
            one.id,
            one.number,
            one.seed,
            one.version,
            one.data_version,
            model.surrogate,
            json.loads(model.detail),
            tuple(json.loads(one.notes)),
            json.loads(one.environment),
            tuple(references[one.id, t.Role.OBSERVATION]),
            tuple(references[one.id, t.Role.PENDING]),
            one.created,
        )
        for one, model in session.execute(joined)
    )


def one_round(session: Session, name: str, number: int) -> RoundRecord:
    """Raises ``NotFound``, listing the numbers there are."""
    owner = campaign_id(session, name)
    if found := rounds(session, owner, t.Round.number == number):
        return found[0]
    numbers = session.scalars(select(t.Round.number).where(t.Round.campaign_id == owner).order_by(t.Round.number))
    known = ", ".join(str(n) for n in numbers) or "none yet"
    raise NotFound(f"campaign {name!r} has no round {number}; its rounds: {known}")


def proposals(session: Session, owner: str, *where: ColumnElement[bool]) -> tuple[ProposalRecord, ...]:
    """By round and position, predictions included."""
    chosen = (
        select(t.Proposal.id)
        .join(t.Round, t.Round.id == t.Proposal.round_id)
        .where(t.Round.campaign_id == owner, *where)
    )
    predictions: dict[str, list[Prediction]] = defaultdict(list)
    said = t.Prediction
    for p in session.scalars(select(said).where(said.proposal_id.in_(chosen)).order_by(said.position)):
        predictions[p.proposal_id].append(Prediction(p.target, p.member, p.mean, p.sd, p.weight))
    joined = (
        select(t.Proposal, t.Round.number, t.Round.is_approved, t.Candidate, t.Approval.is_approved)
        .join(t.Round, t.Round.id == t.Proposal.round_id)
        .join(t.Candidate, t.Candidate.id == t.Proposal.candidate_id)
        .outerjoin(t.Approval, t.Approval.proposal_id == t.Proposal.id)
        .where(t.Proposal.id.in_(chosen))
        .order_by(t.Round.number, t.Proposal.position)
    )
    return tuple(
        ProposalRecord(
            row.id,
            number,
            row.candidate_id,
            ProposalDraft(
                to_candidate(candidate),
                Arm(row.arm),
                row.position,
                row.run_order,
                row.replicates,
                row.reason,
                row.model,
                row.acquisition,
                row.acquisition_value,
                tuple(predictions[row.id]),
                row.neighbour,
                row.novelty,
            ),
            True if with_round else decision,
        )
        for row, number, with_round, candidate, decision in session.execute(joined)
    )


def attempts(session: Session, *where: ColumnElement[bool]) -> tuple[AttemptRecord, ...]:
    """By round, run order, replicate and attempt number."""
    joined = (
        select(t.Attempt, t.Proposal, t.Round.number, t.Candidate)
        .join(t.Proposal, t.Proposal.id == t.Attempt.proposal_id)
        .join(t.Round, t.Round.id == t.Proposal.round_id)
        .join(t.Candidate, t.Candidate.id == t.Proposal.candidate_id)
        .where(*where)
        .order_by(
            t.Round.number, t.Proposal.run_order, t.Proposal.position, t.Attempt.replicate_no, t.Attempt.attempt_no
        )
    )
    records = []
    for row, proposal, number, candidate in session.execute(joined):
        point = to_candidate(candidate)
        records.append(
            AttemptRecord(
                row.id,
                row.proposal_id,
                candidate.id,
                number,
                proposal.position,
                proposal.run_order,
                row.replicate_no,
                row.attempt_no,
                point.settings,
                point.smiles,
                State(row.state),
                row.adapter,
                row.handle,
                row.updated,
            )
        )
    return tuple(records)


def attempts_of(session: Session, owner: str, states: Iterable[State] | None) -> tuple[AttemptRecord, ...]:
    """Of one campaign, in some states or in all."""
    where: list[ColumnElement[bool]] = [t.Round.campaign_id == owner]
    if states is not None:
        where.append(t.Attempt.state.in_([state.value for state in states]))
    return attempts(session, *where)


def attempt(session: Session, key: str) -> AttemptRecord:
    """By key, or by a beginning that only one has; raises ``NotFound``."""
    if key:
        beginning = t.Attempt.id.startswith(key, autoescape=True)
        ids = session.scalars(select(t.Attempt.id).where((t.Attempt.id == key) | beginning).limit(4)).all()
        if key in ids or len(ids) == 1:
            return attempts(session, t.Attempt.id == (key if key in ids else ids[0]))[0]
        if ids:
            raise NotFound(f"attempt {key!r} is not one alone: {', '.join(sorted(ids))} …; give more of the key")
    raise NotFound(f"no attempt has the key {key!r}; hakken status lists the keys there are")


def events(session: Session, key: str) -> tuple[AttemptEventRecord, ...]:
    """The life of an attempt, in order; the key may be a beginning, as in ``attempt``."""
    whole = attempt(session, key).key
    event = t.AttemptEvent
    rows = session.scalars(select(event).where(event.attempt_id == whole).order_by(event.number))
    return tuple(
        AttemptEventRecord(e.attempt_id, Event(e.event), State(e.before), State(e.after), e.detail, e.at) for e in rows
    )


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
        )
        keyed.append((place, record))
    return tuple(record for _, record in sorted(keyed, key=lambda pair: pair[0]))


def artifacts(session: Session, owner: str) -> tuple[Artifact, ...]:
    """In the order kept."""
    rows = session.scalars(select(t.Artifact).where(t.Artifact.campaign_id == owner).order_by(t.Artifact.entry))
    return tuple(Artifact(a.sha, a.name, a.media_type, a.size, a.attempt_id) for a in rows)


def to_candidate(row: t.Candidate) -> Candidate:
    """The candidate of a row."""
    spec = json.loads(row.spec)
    return Candidate(spec["settings"], spec["smiles"], row.inchikey)


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


def _no_campaign(session: Session, name: str) -> NotFound:
    known = ", ".join(session.scalars(select(t.Campaign.name).order_by(t.Campaign.name))) or "none yet"
    return NotFound(f"no campaign is called {name!r}; there are: {known}")
