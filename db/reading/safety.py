"""Reading safety stops."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from db import tables as t
from loop.safety import SafetyStop


def stops(session: Session, *where: ColumnElement[bool]) -> tuple[SafetyStop, ...]:
    """In the order made, with who lifted each."""
    joined = (
        select(t.SafetyStop, t.SafetyLift, t.Campaign.name)
        .join(t.Campaign, t.Campaign.id == t.SafetyStop.campaign_id)
        .outerjoin(t.SafetyLift, t.SafetyLift.stop_id == t.SafetyStop.id)
        .where(*where)
        .order_by(t.SafetyStop.entry)
    )
    return tuple(
        SafetyStop(
            row.id,
            campaign,
            row.bench,
            row.outcome_id,
            row.by,
            row.why,
            row.at,
            None if lift is None else lift.by,
            "" if lift is None else lift.why,
            None if lift is None else lift.at,
        )
        for row, lift, campaign in session.execute(joined).all()
    )
