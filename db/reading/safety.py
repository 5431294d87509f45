"""Reading safety stops: what halts a campaign, whatever its file says since."""

from __future__ import annotations

import json
from typing import Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from db import tables as t
from loop.safety import SafetyStop, benches_of, lifters_of

_ANY: Final = select(t.SafetyStop.__table__.c.id).limit(1)


def stops(session: Session, *where: ColumnElement[bool]) -> tuple[SafetyStop, ...]:
    """Of every campaign, in the order made, with who lifted each."""
    return tuple(stop for _, stop in _numbered(session, *where))


def stops_of(session: Session, name: str, *where: ColumnElement[bool]) -> tuple[SafetyStop, ...]:
    """Those that hold for one campaign: its own, and of each bench that it has named since the stop was made."""
    if not (found := _numbered(session, *where)):
        return ()  # which spares reading specs
    version = t.CampaignVersion
    named = select(version.entry, version.spec).join(t.Campaign, t.Campaign.id == version.campaign_id)
    rows = session.execute(named.where(t.Campaign.name == name).order_by(version.entry.desc())).all()
    versions = [(entry, json.loads(spec)) for entry, spec in rows]

    def benches(stop_entry: int) -> frozenset[str]:
        since = [spec for entry, spec in versions if entry > stop_entry]
        before = [spec for entry, spec in versions if entry < stop_entry]
        return benches_of(since + before[:1])  # the newest before it was in force when it was made

    return tuple(stop for entry, stop in found if stop.holds_for(name, benches(entry)))


def _numbered(session: Session, *where: ColumnElement[bool]) -> list[tuple[int, SafetyStop]]:
    """With the audit entry of each, which tells what was on record before it and what came after."""
    if session.execute(_ANY).first() is None:
        return []  # which is nearly always so, and is asked at every step
    version = t.CampaignVersion
    in_force = (
        select(version.spec)
        .where(version.campaign_id == t.SafetyStop.campaign_id, version.entry < t.SafetyStop.entry)
        .order_by(version.entry.desc())
        .limit(1)
        .scalar_subquery()
    )
    earlier = aliased(t.SafetyStop)
    number = select(func.count()).where(earlier.entry <= t.SafetyStop.entry).scalar_subquery()
    joined = (
        select(t.SafetyStop, number, t.SafetyLift, t.Campaign.name, in_force)
        .join(t.Campaign, t.Campaign.id == t.SafetyStop.campaign_id)
        .outerjoin(t.SafetyLift, t.SafetyLift.stop_id == t.SafetyStop.id)
        .where(*where)
        .order_by(t.SafetyStop.entry)
    )
    return [
        (
            row.entry,
            SafetyStop(
                row.id,
                nth,
                campaign,
                row.bench,
                row.outcome_id,
                row.by,
                row.why,
                row.at,
                None if lift is None else lift.by,
                "" if lift is None else lift.why,
                None if lift is None else lift.at,
                lifters_of(json.loads(spec)),
            ),
        )
        for row, nth, lift, campaign, spec in session.execute(joined).all()
    ]
