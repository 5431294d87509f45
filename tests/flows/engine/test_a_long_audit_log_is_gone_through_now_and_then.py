"""The page of a pass goes through a short audit log each time, and through a long one now and then."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from db.ledger import SqlLedger
from flows.engine import tick
from flows.engine.looking.audited import audited
from flows.engine.passes import sitting, write_page
from flows.engine.running import Page
from flows.settings import Settings
from flows.shown.whole_report import in_full
from flows.wiring import open_record
from loop.errors import LedgerBusy
from tests.flows.engine.bench import add

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def ledger(settings: Settings, tmp_path: Path) -> Iterator[SqlLedger]:
    add(settings, tmp_path, laboratory={"adapter": "manual"})
    with open_record(settings) as found:
        yield found


def looked(settings: Settings, ledger: SqlLedger, minutes: float, *, took: float = 6.0):
    """What is found so many minutes after noon, where to go through the log takes ``took`` seconds: 600 s of use."""
    seconds = count(100.0, took)
    return audited(settings, ledger, now=lambda: NOON + timedelta(minutes=minutes), clock=lambda: next(seconds))


def forge(settings: Settings) -> None:
    with closing(sqlite3.connect(settings.home / "hakken.db")) as record, record:
        record.execute("DROP TRIGGER audit_log_refuses_update")
        record.execute("UPDATE audit_log SET actor = 'nobody' WHERE number = 1")


def test_a_long_log_is_not_gone_through_twice_within_a_hundred_times_what_that_takes(settings, ledger):
    first = looked(settings, ledger, 0.0)
    again = looked(settings, ledger, 9.9)
    later = looked(settings, ledger, 10.0)

    assert first.report == again.report == later.report == ledger.verify_audit()
    assert (first.at, again.at, later.at) == (None, NOON, None)


def test_a_short_log_is_gone_through_each_time(settings, ledger):
    assert looked(settings, ledger, 0.0, took=0.4).at is None
    assert looked(settings, ledger, 0.1, took=0.4).at is None


def test_a_change_is_found_when_its_turn_comes(settings, ledger):
    looked(settings, ledger, 0.0)
    forge(settings)

    assert looked(settings, ledger, 5.0).report.is_intact  # of five minutes ago, and said to be
    found = looked(settings, ledger, 11.0)

    assert (found.at, found.report.is_intact, found.report.first_break) == (None, False, 1)
    assert looked(settings, ledger, 11.1).at is None  # what is broken is gone through each time


@pytest.mark.parametrize("spoil", ["clock", "record", "file", "other"])
def test_what_is_kept_counts_for_that_record_and_from_then_on_alone(settings, ledger, spoil):
    looked(settings, ledger, 0.0)
    file = settings.home / "audited.kept"
    minutes, where = 1.0, settings
    match spoil:
        case "clock":
            minutes = -1.0  # it was set back
        case "record":  # an older one was put back
            file.write_text(file.read_text().replace('"entries": ', '"entries": 9'))
        case "file":
            file.write_text(file.read_text()[:-20])
        case "other":
            where = replace(settings, database="sqlite:////elsewhere/hakken.db")

    assert looked(where, ledger, minutes).at is None


def test_the_page_says_when_it_was_gone_through_and_the_report_looks_anew(settings, tmp_path, monkeypatch):
    add(settings, tmp_path, laboratory={"adapter": "manual"})
    monkeypatch.setattr("flows.engine.looking.audited.QUICK", 0.0)
    monkeypatch.setattr("flows.engine.looking.audited.SHARE", 1e-9)
    tick(settings, "small")
    with sitting(settings, "small") as session:
        write_page(session)
        forge(settings)
        page = Path(write_page(session) or "").read_text(encoding="utf-8")
        whole = Path(write_page(session, in_full=True) or "").read_text(encoding="utf-8")

    assert "intact, " in page
    assert "gone through 2" in page
    assert "broken at entry 1" in whole
    assert "gone through 2" not in whole
    report, _ = in_full(settings, "small")
    assert not report.head.audit.is_intact


def test_a_page_that_cannot_be_written_says_what_writes_it(settings, tmp_path, monkeypatch):
    add(settings, tmp_path, laboratory={"adapter": "manual"})

    def away(*_):
        raise LedgerBusy("server closed the connection\n\tThis probably means")

    monkeypatch.setattr("flows.engine.passes.audited", away)
    with sitting(settings, "small") as session:
        path = write_page(session)
        notes = list(session.tally.notes)

    assert path is None
    assert "could not be written (LedgerBusy: server closed the connection This probably means" in notes[-1]
    assert notes[-1].endswith("; hakken report small writes it anew")


def test_a_page_that_could_not_be_written_is_drawn_later_though_nothing_came(settings, tmp_path, monkeypatch):
    add(settings, tmp_path, laboratory={"adapter": "manual"})
    drawn = [None, "report.html"]
    monkeypatch.setattr("flows.engine.running.write_page", lambda *_, **__: drawn.pop(0))

    with sitting(settings, "small") as session:
        page = Page(session)
        written = [
            page.write(True, is_due=False),
            *(page.write(False, is_due=is_due) for is_due in (False, True, True)),
        ]

    assert written == [None, None, "report.html", None]
