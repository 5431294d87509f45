"""What a user of a server may not write: whoever only looks is to hear of it before something is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from db import tables as t

_CHANGED: Final = (t.Attempt.__tablename__, t.Campaign.__tablename__)  # rows of which change: state, lease, handle
_NEEDED: Final = {"INSERT": sorted({*t.APPEND_ONLY, *_CHANGED}), "UPDATE": _CHANGED}


def why_only_read(engine: sa.Engine) -> str:
    """Why nothing, or not all, can be written to a ledger on a server; "" where it can, and for a file."""
    if engine.dialect.name != "postgresql":
        return ""
    with engine.connect() as connection:
        if connection.scalar(sa.text("SELECT current_setting('transaction_read_only')")) == "on":
            return "it can only be read there, as on a replica"
        lacking = {right: _lacking(connection, right, tables) for right, tables in _NEEDED.items()}
        user = connection.scalar(sa.text("SELECT current_user"))
    said = [
        f"{right} on {', '.join(names[:3])}{', ...' * (len(names) > 3)}" for right, names in lacking.items() if names
    ]
    return f"user {user!r} may not write to it ({'; '.join(said)})" if said else ""


def _lacking(connection: sa.Connection, right: str, tables: Sequence[str]) -> list[str]:
    """The tables on which the user has not that right, as the server knows without anything being tried."""
    asked = sa.text("SELECT has_table_privilege(:table, :right)")
    return [name for name in tables if not connection.scalar(asked, {"table": name, "right": right})]
