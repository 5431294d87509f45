"""Reading what was planned: campaigns and their specs, rounds, and what they proposed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
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


def spec_version(session: Session, owner: str, name: str, version: int) -> Any:
    """The spec of that version of the campaign of that id and name; raises ``NotFound``."""
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


def one_round(session: Session, owner: str, name: str, number: int) -> RoundRecord:
    """Of the campaign of that id and name; raises ``NotFound``, listing the numbers there are."""
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
    said, one, verdict = t.Prediction, t.Proposal, t.Approval
    told = select(said.proposal_id, said.target, said.member, said.mean, said.sd, said.weight)  # not whole rows
    every: Sequence[Any] = session.execute(told.where(said.proposal_id.in_(chosen)).order_by(said.position)).all()
    for p in every:
        predictions[p.proposal_id].append(Prediction(p.target, p.member, p.mean, p.sd, p.weight))
    joined = (
        select(
            *(one.id, one.candidate_id, one.arm, one.position, one.run_order, one.replicates, one.reason, one.model),
            *(one.acquisition, one.acquisition_value, one.neighbour, one.novelty, one.plate, one.well, one.block),
            *(t.Candidate.spec, t.Candidate.inchikey, t.Round.number, t.Round.is_approved.label("is_whole")),
            *(verdict.is_approved, verdict.by, verdict.why),
        )
        .join(t.Round, t.Round.id == one.round_id)
        .join(t.Candidate, t.Candidate.id == one.candidate_id)
        .outerjoin(verdict, verdict.proposal_id == one.id)
        .where(one.id.in_(chosen))
        .order_by(t.Round.number, one.position)
    )
    rows: Sequence[Any] = session.execute(joined).all()
    return tuple(
        ProposalRecord(
            row.id,
            row.number,
            row.candidate_id,
            ProposalDraft(
                to_candidate(row),
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
            True if row.is_whole else row.is_approved,
            row.by or "",
            row.why or "",
        )
        for row in rows
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
