"""Reading what was planned: campaigns and their specs, rounds, and what they proposed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, false, select
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
        for campaign, in_force in session.execute(_campaigns().where(*where))
    )


@cache
def _campaigns() -> Select[*tuple[Any, ...]]:
    """Every campaign, as ``campaigns`` reads them."""
    version = t.CampaignVersion
    return (
        select(t.Campaign, version)
        .join(version, (version.campaign_id == t.Campaign.id) & (version.number == t.Campaign.version))
        .order_by(t.Campaign.created, t.Campaign.id)
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
    found = session.execute(_rounds().where(t.Round.campaign_id == owner, *where)).all()
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


@cache
def _rounds() -> Select[*tuple[Any, ...]]:
    """Every round, as ``rounds`` reads them."""
    return select(t.Round, t.Model).join(t.Model, t.Model.round_id == t.Round.id).order_by(t.Round.number)


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
    every: Sequence[Any] = session.execute(_predictions().where(t.Prediction.proposal_id.in_(chosen))).all()
    for p in every:
        predictions[p.proposal_id].append(Prediction(p.target, p.member, p.mean, p.sd, p.weight))
    rows: Sequence[Any] = session.execute(_proposals().where(t.Proposal.id.in_(chosen))).all()
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


@cache
def _predictions() -> Select[*tuple[Any, ...]]:
    """Every prediction, as ``proposals`` reads them."""
    said = t.Prediction
    columns = (said.proposal_id, said.target, said.member, said.mean, said.sd, said.weight)  # not whole rows
    return select(*columns).order_by(said.position)


@cache
def _proposals() -> Select[*tuple[Any, ...]]:
    """Every proposal, as ``proposals`` reads them."""
    one, verdict = t.Proposal, t.Approval
    return (
        select(
            *(one.id, one.candidate_id, one.arm, one.position, one.run_order, one.replicates, one.reason, one.model),
            *(one.acquisition, one.acquisition_value, one.neighbour, one.novelty, one.plate, one.well, one.block),
            *(t.Candidate.spec, t.Candidate.inchikey, t.Round.number, t.Round.is_approved.label("is_whole")),
            *(verdict.is_approved, verdict.by, verdict.why),
        )
        .join(t.Round, t.Round.id == one.round_id)
        .join(t.Candidate, t.Candidate.id == one.candidate_id)
        .outerjoin(verdict, verdict.proposal_id == one.id)
        .order_by(t.Round.number, one.position)
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
