"""What is carried out: attempts, and each step in the life of one."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Fact, Id, Word, one_of, to
from loop.experiment import Event, State

MUTABLE_OF_ATTEMPT: Final = frozenset({"state", "adapter", "handle", "lease_holder", "epoch", "updated"})


class Attempt(Base):
    """One execution of one experiment; its id is the key that the laboratory knows it by."""

    __tablename__ = "attempt"
    __table_args__ = (
        UniqueConstraint("proposal_id", "replicate_no", "attempt_no"),
        Index(None, "state"),
        one_of("state", State),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    proposal_id: Mapped[str] = mapped_column(Id, to("proposal.id"))
    replicate_no: Mapped[int]
    attempt_no: Mapped[int]
    why: Mapped[str]  # of a retry, "" at first
    entry: Mapped[int] = mapped_column(BigInteger, index=True)  # seals what never changes, as in ``Fact``
    state: Mapped[str] = mapped_column(Word)
    adapter: Mapped[str | None]
    handle: Mapped[str | None]
    lease_holder: Mapped[str]  # who wrote last, under which epoch
    epoch: Mapped[int] = mapped_column(BigInteger)
    updated: Mapped[datetime]


class AttemptEvent(Fact):
    """One step in an attempt's life; the steps together give the attempt's row again."""

    __tablename__ = "attempt_event"
    __table_args__ = (one_of("event", Event), one_of("before", State), one_of("after", State))

    attempt_id: Mapped[str] = mapped_column(Id, to("attempt.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event: Mapped[str] = mapped_column(Word)
    before: Mapped[str] = mapped_column(Word)
    after: Mapped[str] = mapped_column(Word)
    detail: Mapped[str]
    adapter: Mapped[str | None]
    handle: Mapped[str | None]
    epoch: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]
