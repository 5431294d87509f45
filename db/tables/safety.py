"""Safety stops, and who lifted each."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Fact, Id, to


class SafetyStop(Fact):
    """Nothing is proposed or sent from here on: in its campaign, and in all of its bench. Written without a lease."""

    __tablename__ = "safety_stop"
    __table_args__ = (UniqueConstraint("outcome_id"), Index(None, "campaign_id"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    campaign_id: Mapped[str] = mapped_column(Id, to("campaign.id"))
    outcome_id: Mapped[str | None] = mapped_column(Id, to("outcome.envelope_id"))
    by: Mapped[str]
    why: Mapped[str]
    at: Mapped[datetime]
    bench: Mapped[str | None]  # that the campaign shared with others then


class SafetyLift(Fact):
    """A person took responsibility for going on."""

    __tablename__ = "safety_lift"

    stop_id: Mapped[str] = mapped_column(Id, to("safety_stop.id"), primary_key=True)
    by: Mapped[str]
    why: Mapped[str]
    at: Mapped[datetime]
