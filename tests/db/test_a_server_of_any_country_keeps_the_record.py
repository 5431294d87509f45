"""A PostgreSQL server may stand in any zone and write dates as its country does: the record has the same times."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from db import engine as engines
from db.copying import copy_record
from db.ledger import open_ledger
from loop.contracts import Ledger
from loop.errors import LedgerError
from loop.record import Lease

AUTUMN = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 in Berlin, an hour before it is 02:30 once more


@pytest.mark.parametrize(
    ("style", "zone"),
    [("German", "Europe/Berlin"), ("SQL, DMY", "America/New_York"), ("ISO, MDY", "<+0530>-05:30")],  # in no list
)
def test_times_of_a_record_are_those_that_were_written(
    new_postgres: Callable[[], str],
    fill: Callable[[Ledger], Lease],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    style: str,
    zone: str,
) -> None:
    url = new_postgres()
    of_server(url, style, zone)

    with open_ledger(url, clock=lambda: AUTUMN) as ledger:
        fill(ledger)
        made, recorded = ledger.campaign("coupling").created, [o.recorded for o in ledger.observations("coupling")]
        head = ledger.verify_audit().head
    copied = copy_record(url, str(tmp_path / "copy.db"), clock=lambda: AUTUMN.replace(day=27))

    assert (made, set(recorded)) == (AUTUMN, {AUTUMN})
    assert made.isoformat() == "2026-10-25T00:30:00+00:00"
    assert copied.head == head
    assert not [r.message for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.mark.parametrize("kind", ["sqlite_url", "new_postgres"])
def test_a_clock_of_any_zone_is_one_and_one_without_a_zone_is_refused(
    kind: str, request: pytest.FixtureRequest
) -> None:
    found = request.getfixturevalue(kind)
    url = found if isinstance(found, str) else found()
    in_india = AUTUMN.astimezone(timezone(timedelta(hours=5, minutes=30)))

    with open_ledger(url, clock=lambda: in_india) as ledger:
        assert ledger.open_campaign("coupling", {}, by="ada").created == AUTUMN
    with open_ledger(url, clock=lambda: datetime(2026, 10, 25)) as ledger:
        with pytest.raises(LedgerError, match="time 2026-10-25T00:00:00 has no time zone; give an aware one"):
            ledger.open_campaign("another", {}, by="ada")
        assert [c.name for c in ledger.campaigns()] == ["coupling"]


def of_server(url: str, style: str, zone: str) -> None:
    """Let a database answer as a server of another country does."""
    engine = engines.create(url)
    with engine.begin() as connection:
        name = sa.make_url(url).database
        connection.exec_driver_sql(f"ALTER DATABASE \"{name}\" SET datestyle = '{style}'")
        connection.exec_driver_sql(f"ALTER DATABASE \"{name}\" SET timezone = '{zone}'")
    engine.dispose()
