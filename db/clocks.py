"""Clocks: of this machine, and the one that all who share a record go by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session


def local_now() -> datetime:
    """The time by this machine's clock."""
    return datetime.now(UTC)


def common_now(session: Session, clock: Callable[[], datetime]) -> datetime:
    """The time by which leases begin and end: that of PostgreSQL's server, so that no machine's clock takes a campaign
    from another; where there is no server, or ``clock`` is not this machine's, that of ``clock``."""
    if clock is not local_now or session.get_bind().dialect.name != "postgresql":
        return clock()
    told = session.scalar(text("SELECT extract(epoch FROM clock_timestamp())"))
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=float(told))
