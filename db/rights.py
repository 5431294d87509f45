"""What a user of a server may not write: whoever only looks is to hear of it before something is refused."""

from __future__ import annotations

import sqlalchemy as sa

from db import tables as t


def why_only_read(engine: sa.Engine) -> str:
    """Why nothing, or not all, can be written to a ledger on a server; "" where it can, and for a file."""
    if engine.dialect.name != "postgresql":
        return ""
    with engine.connect() as connection:
        if connection.scalar(sa.text("SELECT current_setting('transaction_read_only')")) == "on":
            return "it can only be read there, as on a replica"
        asked = sa.text("SELECT has_table_privilege(:table, 'INSERT')")
        names = sorted({*t.APPEND_ONLY, t.Campaign.__tablename__, t.Attempt.__tablename__})
        lacking = [name for name in names if not connection.scalar(asked, {"table": name})]
        user = connection.scalar(sa.text("SELECT current_user"))
    if not lacking:
        return ""
    return f"user {user!r} may not write to it ({', '.join(lacking[:3])}{', ...' * (len(lacking) > 3)})"
