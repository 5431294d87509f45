"""Machines that share a PostgreSQL record go by its server's clock: a wrong one takes no campaign from another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest

from db import clocks
from db.copying import copy_record
from db.ledger import open_ledger
from loop.errors import LeaseHeld, LedgerError
from loop.testing.ledger import SPEC

TTL = timedelta(minutes=15)


@pytest.fixture
def set_forward(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Sets the clock of this machine forward, or back."""

    def by(how_far: timedelta) -> None:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Self:
                return cls.fromtimestamp(datetime.now(UTC).timestamp() + how_far.total_seconds(), tz)

        monkeypatch.setattr(clocks, "datetime", Clock)

    return by


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_clock_that_is_wrong_neither_takes_a_lease_nor_loses_its_own(
    new_postgres: Callable[[], str], set_forward: Callable[[timedelta], None], hours: int
) -> None:
    with open_ledger(url := new_postgres()) as ledger, open_ledger(url) as other:
        ledger.open_campaign("c", SPEC, by="ada")
        held = ledger.acquire("c", "right:/srv", TTL)
        set_forward(timedelta(hours=hours))

        with pytest.raises(LeaseHeld, match="right:/srv"):
            other.acquire("c", "wrong:/srv", TTL)
        ledger.release(held)
        taken = other.acquire("c", "wrong:/srv", TTL)
        set_forward(timedelta(0))
        with pytest.raises(LeaseHeld, match="wrong:/srv"):
            ledger.acquire("c", "right:/srv", TTL)

    assert timedelta(0) <= taken.expires - datetime.now(UTC) <= TTL


def test_a_record_that_is_worked_on_is_not_copied_by_a_machine_whose_clock_is_ahead(
    new_postgres: Callable[[], str], set_forward: Callable[[timedelta], None], tmp_path: Path
) -> None:
    with open_ledger(url := new_postgres()) as ledger:
        ledger.open_campaign("c", SPEC, by="ada")
        ledger.acquire("c", "right:/srv", TTL)
    set_forward(timedelta(hours=30))

    with pytest.raises(LedgerError, match="'c' is held by 'right:/srv'"):
        copy_record(url, str(tmp_path / "copy.sqlite"))


def test_without_a_server_the_clock_of_whoever_asks_decides(
    tmp_path: Path, set_forward: Callable[[timedelta], None]
) -> None:
    with open_ledger(str(tmp_path / "ledger.sqlite")) as ledger:
        ledger.open_campaign("c", SPEC, by="ada")
        ledger.acquire("c", "right:/srv", TTL)
        set_forward(timedelta(hours=30))

        assert ledger.acquire("c", "wrong:/srv", TTL).holder == "wrong:/srv"


def test_a_lease_that_was_taken_by_a_clock_years_ahead_is_told_from_one_to_wait_for(
    tmp_path: Path, set_forward: Callable[[timedelta], None]
) -> None:
    with open_ledger(str(tmp_path / "ledger.sqlite")) as ledger:
        ledger.open_campaign("c", SPEC, by="ada")
        set_forward(timedelta(days=1500))
        ledger.acquire("c", "wrong:/srv", TTL)
        set_forward(timedelta(0))

        with pytest.raises(
            LeaseHeld, match=r"one of the two clocks was wrong.*do not wait until then: the next command"
        ):
            ledger.acquire("c", "right:/srv", TTL)
        assert ledger.acquire("c", "wrong:/srv", TTL).expires - datetime.now(UTC) <= TTL
