"""Column types that mean the same on SQLite and PostgreSQL: UTC times, and text that may hold anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import DateTime, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from loop.errors import LedgerError


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, stored in UTC. SQLite has no time zones: there it is stored without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise LedgerError(
                f"time {value.isoformat()} has no time zone; give an aware one, such as datetime.now(UTC)"
            )
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# Marks an escaped text. A noncharacter: Unicode keeps it for such inner use, and both engines store it.
_ESCAPED: Final = "\ufdd0"


class FreeText(TypeDecorator[str]):
    """Text from outside, unchanged, whatever it holds.

    PostgreSQL refuses the character NUL and neither engine stores a lone surrogate, but what a laboratory sends
    is never refused: such a text is stored as a mark and its JSON spelling, any other as it is.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or _is_storable(value):
            return value
        return _ESCAPED + json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or not value.startswith(_ESCAPED):
            return value
        return str(json.loads(value.removeprefix(_ESCAPED)))


def _is_storable(text: str) -> bool:
    if "\x00" in text or text.startswith(_ESCAPED):
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
