"""Reading what was planned: campaigns and their specs, rounds, and what they proposed."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any, Final

from sqlalchemy import ColumnElement, false, select
from sqlalchemy.orm import Session

from db import tables as t
from db.errors import NONE_YET
from db.planned_from import planned_from
from loop.errors import NotFound
from loop.record import (
    Arm,
    CampaignRecord,
    CampaignState,
    Candidate,
    Place,
    Prediction,
    ProposalDraft,
    ProposalRecord,
    RoundRecord,
)

LARGEST: Final = 2**31 - 1  # that a column of whole numbers holds everywhere


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
    joined = (
        select(t.Round, t.Model)
        .join(t.Model, t.Model.round_id == t.Round.id)
        .where(t.Round.campaign_id == owner, *where)
        .order_by(t.Round.number)
    )
    found = session.execute(joined).all()
    lists = planned_from(session, owner, [one for one, _ in found])
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
            lists[one.number].observations,
            lists[one.number].pending,
            one.created,
        )
        for one, model in found
    )


def numbered(number: int) -> ColumnElement[bool]:
    """Rounds of a number; none of one that no database's column holds."""
    return t.Round.number == number if abs(number) <= LARGEST else false()


def one_round(session: Session, name: str, number: int) -> RoundRecord:
    """Raises ``NotFound``, listing the numbers there are."""
    owner = campaign_id(session, name)
    if found := rounds(session, owner, numbered(number)):
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
        select(t.Proposal, t.Round.number, t.Round.is_approved, t.Candidate, t.Approval)
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
                place_of(row),
            ),
            True if with_round else None if verdict is None else verdict.is_approved,
            "" if verdict is None else verdict.by,
            "" if verdict is None else verdict.why,
        )
        for row, number, with_round, candidate, verdict in session.execute(joined)
    )


def place_of(row: t.Proposal) -> Place | None:
    """The well of a proposal, where its batch is a plate."""
    if row.plate is None or row.well is None or row.block is None:
        return None
    return Place(row.plate, row.well, row.block)


def to_candidate(row: t.Candidate) -> Candidate:
    """The candidate of a row."""
    spec = json.loads(row.spec)
    return Candidate(spec["settings"], spec["smiles"], row.inchikey, spec.get("as_made", {}))


def _no_campaign(session: Session, name: str) -> NotFound:
    known = ", ".join(session.scalars(select(t.Campaign.name).order_by(t.Campaign.name))) or NONE_YET
    return NotFound(f"no campaign is called {name!r}; there are: {known}")
