"""Reading what people decided."""

from __future__ import annotations

import json

from sqlalchemy import select
from sqlalchemy.orm import Session

from db import tables as t
from loop.decision import DecisionDraft, DecisionKind, DecisionRecord


def decisions(session: Session, campaign_id: str) -> tuple[DecisionRecord, ...]:
    """In the order made."""
    rows = session.scalars(select(t.Decision).where(t.Decision.campaign_id == campaign_id).order_by(t.Decision.number))
    found = []
    for row in rows:
        detail = json.loads(row.detail)
        draft = DecisionDraft(
            kind=DecisionKind(row.kind),
            by=row.by,
            why=row.why,
            settings=detail["settings"],
            region=detail["region"],
            proposal_id=row.proposal_id,
            lifts=row.lifts,
            times=detail.get("times", 1),
        )
        found.append(DecisionRecord(row.id, row.number, draft, row.replacement_id, row.after_round, row.at, row.entry))
    return tuple(found)
