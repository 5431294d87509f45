"""What watches over the rest: the hash chain, and which schema was applied when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, Sha, Word


class AuditLog(Base):
    """One link of the hash chain."""

    __tablename__ = "audit_log"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str] = mapped_column(Word)
    detail: Mapped[str]  # canonical JSON
    previous: Mapped[str] = mapped_column(Sha)
    hash: Mapped[str] = mapped_column(Sha)


class SchemaInfo(Base):
    """Which revision of the schema was applied when, by which version of hakken."""

    __tablename__ = "schema_info"

    revision: Mapped[str] = mapped_column(Word, primary_key=True)
    applied: Mapped[datetime]
    hakken: Mapped[str]
