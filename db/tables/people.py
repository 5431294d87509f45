"""What people decide, besides approvals and retractions: pins, bans, edits, and what a refusal means."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Fact, Id, Sha, Word, one_of, to
from loop.decision import DecisionKind


class Decision(Fact):
    """One decision; an edit names the proposal that came of it, a lift the decision that counts no more."""

    __tablename__ = "decision"
    __table_args__ = (UniqueConstraint("campaign_id", "number"), one_of("kind", DecisionKind))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    campaign_id: Mapped[str] = mapped_column(Id, to("campaign.id"))
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(Word)
    detail: Mapped[str]  # canonical JSON: settings, region
    sha: Mapped[str] = mapped_column(Sha)
    proposal_id: Mapped[str | None] = mapped_column(Id, to("proposal.id"))
    replacement_id: Mapped[str | None] = mapped_column(Id, to("proposal.id"))
    lifts: Mapped[str | None] = mapped_column(Id, to("decision.id"))
    after_round: Mapped[int]
    by: Mapped[str]
    why: Mapped[str]
    at: Mapped[datetime]
