"""The hash chain and its seals: whatever is altered behind the triggers' back, the entry that sealed it is named."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from db import MemoryLedger, SqlLedger, open_ledger
from db import tables as t
from loop.contracts import AuditReport, Ledger
from loop.record import Lease

Fill = Callable[[Ledger], Lease]


@pytest.fixture
def ledger(filled_sqlite: Path, tmp_path: Path) -> Iterator[SqlLedger]:
    """A filled ledger, intact so far."""
    shutil.copy(filled_sqlite, tmp_path / "ledger.sqlite")
    with open_ledger(str(tmp_path / "ledger.sqlite")) as ledger:
        assert ledger.verify_audit().is_intact
        yield ledger


@pytest.fixture
def tamper(ledger: SqlLedger, tmp_path: Path) -> Callable[[str], AuditReport]:
    """Runs SQL on it as somebody with the file in hand would, and examines it."""

    def run(sql: str) -> AuditReport:
        with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as connection:
            for table in t.APPEND_ONLY:
                connection.execute(f"DROP TRIGGER IF EXISTS {table}_refuses_update")
                connection.execute(f"DROP TRIGGER IF EXISTS {table}_refuses_delete")
            connection.execute("PRAGMA ignore_check_constraints = ON")
            assert connection.execute(sql).rowcount > 0
        return ledger.verify_audit()

    return run


@pytest.mark.parametrize("table", [table.name for table in t.FACTS])
def test_a_fact_that_was_altered_is_found_in_every_table(tamper: Callable[[str], AuditReport], table: str) -> None:
    columns = t.Base.metadata.tables[table].columns
    text = next(c.name for c in columns if c.name not in ("entry",) and not c.foreign_keys and not c.primary_key)

    report = tamper(
        f"UPDATE {table} SET {text} = CASE WHEN typeof({text}) = 'text' THEN {text} || 'x' ELSE 1 - {text} END"
    )

    assert not report.is_intact
    assert report.first_break is not None
    assert table in report.message or "cannot be read" in report.message


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE measurement SET canonical = canonical + 1e-9 WHERE value = 61", "table measurement was altered"),
        ("UPDATE result_envelope SET payload = '{\"yield\": 99}'", "table result_envelope was altered"),
        ("DELETE FROM failure", "table failure lost the row"),
        ("DELETE FROM prediction WHERE member = 'onehot'", "table prediction holds"),
        (
            "INSERT INTO retraction SELECT 1, max(envelope_id), 'eve', 'no', '2026-01-01' FROM outcome",
            "holds 1",
        ),
        ("UPDATE retraction SET entry = entry + 1", "retraction"),
        ("UPDATE attempt SET why = 'because' WHERE state = 'ended'", "attempt"),
        ("UPDATE attempt SET state = 'ready' WHERE state = 'ended'", "its last event .* ended"),
        ("UPDATE attempt SET state = 'ended' WHERE state = 'ready'", "no event since"),
        ("UPDATE attempt SET handle = 'another' WHERE state = 'ready'", "says another, and no event since"),
        ("UPDATE attempt SET adapter = 'another' WHERE state = 'ready'", "says another, and no event since"),
        ("UPDATE attempt SET handle = 'another' WHERE state = 'ended'", "says another, and its last event"),
        ("UPDATE attempt SET adapter = 'another' WHERE state = 'ended'", "says another, and its last event"),
        ("UPDATE attempt SET updated = '2020-01-01 00:00:00' WHERE state = 'ended'", "says 2020.* its last event"),
        ("UPDATE attempt SET updated = 'soon'", "table attempt cannot be read"),
        ("UPDATE campaign SET created = '2020-01-01 00:00:00'", "campaign .* has created .*2020.*, and by entry"),
        ("UPDATE campaign SET created = 'once'", "table campaign cannot be read"),
        ("UPDATE campaign SET data_version = data_version + 1", "campaign .* has data_version"),
        ("UPDATE campaign SET name = name || 'x'", "campaign .* has name"),
        ("UPDATE campaign SET version = version + 1", "campaign .* has version"),
        ("UPDATE campaign SET state = 'finished', reason = 'good enough'", "campaign .* has state 'finished', and by"),
        ("UPDATE campaign SET reason = 'another'", "campaign .* has reason 'another', and by"),
        ("DELETE FROM campaign", "campaign .* is lost"),
        ("UPDATE campaign_version SET campaign_id = 'another'", "table campaign_version was altered"),
        (
            "INSERT INTO campaign SELECT 'new', 'new', state, '', 1, 0, 0, NULL, NULL, created FROM campaign LIMIT 1",
            "campaign 'new' is there, and no entry opened it",
        ),
        ("UPDATE audit_log SET actor = 'eve' WHERE number = 3", r"entry 3 \(.*\) was altered"),
        ("UPDATE audit_log SET detail = 'x' WHERE number = 3", r"entry 3 \(.*\) was altered"),
        ("DELETE FROM audit_log WHERE number = 2", "entry 2 is missing"),
        ("DELETE FROM audit_log WHERE number = (SELECT max(number) FROM audit_log)", "decision"),
        ("UPDATE audit_log SET previous = hash WHERE number = 4", "entry 4 does not stand"),
        ("UPDATE audit_log SET at = 'yesterday'", "audit log itself cannot be read"),
        ("UPDATE outcome SET recorded = 'yesterday'", "table outcome cannot be read"),
        ("UPDATE campaign_version SET created = 'yesterday'", "table campaign_version cannot be read"),
    ],
)
def test_each_kind_of_tampering_is_told(tamper: Callable[[str], AuditReport], sql: str, says: str) -> None:
    report = tamper(sql)

    assert not report.is_intact
    assert re.search(says, report.message), report.message


def test_the_entry_that_is_named_is_the_first_that_does_not_hold(
    tamper: Callable[[str], AuditReport], ledger: SqlLedger
) -> None:
    report = tamper("UPDATE measurement SET value = value + 1")

    named = ledger.audit()[report.first_break - 1] if report.first_break else None
    assert named is not None
    assert named.action == "accept"
    assert named.number == min(e.number for e in ledger.audit() if "measurement" in e.detail["rows"])


def test_the_twin_finds_an_altered_entry_too(fill: Fill) -> None:
    from dataclasses import replace

    ledger = MemoryLedger()
    fill(ledger)
    ledger._audit[2] = replace(ledger._audit[2], actor="eve")

    assert ledger.verify_audit().first_break == 3


def test_postgres_is_examined_in_the_same_way(new_postgres: Callable[[], str], fill: Fill) -> None:
    with open_ledger(new_postgres()) as ledger:
        fill(ledger)
        whole = ledger.verify_audit()
        with ledger._engine.begin() as connection:
            connection.exec_driver_sql("SET session_replication_role = replica")
            connection.exec_driver_sql("UPDATE measurement SET value = value + 1")
        broken = ledger.verify_audit()

    assert whole.is_intact
    assert "table measurement was altered" in broken.message
