"""Wishes: that somebody waits for a campaign, where whoever holds it can see it. Nothing of them is on record.

On PostgreSQL a wish is an advisory lock, which ends with the connection of whoever waits, however that ends. A SQLite
file has no such thing: there only processes of one folder see each other wait (``flows.engine.turn``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final
from zlib import crc32

from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

_KIND: Final = 0x68616B77  # any number that nobody else locks in this database
_WISH: Final = text("SELECT pg_advisory_xact_lock_shared(:kind, :campaign)")
_LOOK: Final = text("SELECT pg_try_advisory_xact_lock(:kind, :campaign)")


@contextmanager
def wished(engine: Engine, campaign: str) -> Iterator[None]:
    """Show for the length of the block that somebody waits for the campaign with this id."""
    if engine.dialect.name != "postgresql":
        yield
        return
    connection = engine.connect()
    try:
        connection.execute(_WISH, _key(campaign))  # held until the transaction ends
        yield
    finally:
        with suppress(SQLAlchemyError):  # a server that went away meanwhile has forgotten the wish
            connection.close()


def is_wished(engine: Engine, campaign: str) -> bool:
    """Whether somebody waits for it."""
    if engine.dialect.name != "postgresql":
        return False
    with engine.connect() as connection:
        return not connection.scalar(_LOOK, _key(campaign))


def _key(campaign: str) -> dict[str, int]:
    number = crc32(campaign.encode())
    return {"kind": _KIND, "campaign": number - (number >> 31 << 32)}  # as a signed number of 32 bits
