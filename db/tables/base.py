"""What all tables share: naming, column types, and the base of every fact."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import BigInteger, CheckConstraint, Float, ForeignKey, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from db.types import FreeText, UtcDateTime


class Base(DeclarativeBase):
    """All tables share one naming rule, because messages are found by a constraint's name."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime(), str: FreeText(), float: Float(53)}


class Fact(Base):
    """A row that is written once. ``entry`` numbers the audit entry that was written with it and seals it."""

    __abstract__ = True
    entry: Mapped[int] = mapped_column(BigInteger, index=True, sort_order=-1)


# Identifiers are ASCII and of a kind; 64 leaves room for factories other than UUID.
Id = String(64)
Sha = String(64)
Word = String(32)


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """A closed list, held by the database too."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(v.value) for v in values)})", name=column)


def to(target: str) -> ForeignKey:
    """A reference that is kept: whatever is referred to cannot go."""
    return ForeignKey(target, ondelete="RESTRICT")
