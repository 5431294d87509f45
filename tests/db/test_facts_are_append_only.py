"""Law 3: the database itself refuses to change a fact, and the test is seen to fail without the triggers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from db import SqlLedger, open_ledger
from db import tables as t
from loop.contracts import Ledger
from loop.record import Lease

Fill = Callable[[Ledger], Lease]


def changes(table: str) -> tuple[str, str]:
    column = next(iter(t.Base.metadata.tables[table].primary_key)).name
    return f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"


@pytest.fixture
def sqlite_file(sqlite_ledger: SqlLedger, fill: Fill, tmp_path: Path) -> Path:
    fill(sqlite_ledger)
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def server(new_postgres: Callable[[], str], fill: Fill) -> Iterator[sa.Engine]:
    url = new_postgres()
    with open_ledger(url) as ledger:
        fill(ledger)
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    yield engine
    engine.dispose()


def test_the_tables_that_may_change_are_the_lock_the_state_and_the_schema() -> None:
    assert set(t.Base.metadata.tables) - set(t.APPEND_ONLY) == {"campaign", "attempt", "schema_info"}


def test_the_usual_circumstances_of_a_run_have_columns_of_their_own(sqlite_file: Path) -> None:
    with closing(sqlite3.connect(sqlite_file)) as connection:
        found = connection.execute("SELECT instrument, well, lot FROM run_context ORDER BY entry LIMIT 2").fetchall()

    assert found == [("HPLC-2", None, None), (None, "A1", None)]


def test_sqlite_refuses_to_change_or_remove_any_fact(sqlite_file: Path) -> None:
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as connection:
        for table in t.APPEND_ONLY:
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0, table
            for change in changes(table):
                with pytest.raises(sqlite3.IntegrityError, match=f"{table}: facts are append-only.*hakken retract"):
                    connection.execute(change)


def test_sqlite_lets_a_fact_change_when_its_trigger_is_gone(sqlite_file: Path) -> None:
    with closing(sqlite3.connect(sqlite_file, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER measurement_refuses_update")

        changed = connection.execute("UPDATE measurement SET value = value").rowcount

    assert changed > 0


def test_postgres_refuses_to_change_or_remove_any_fact(server: sa.Engine) -> None:
    for table in t.APPEND_ONLY:
        for change in (*changes(table), f"TRUNCATE {table} CASCADE"):
            with (
                pytest.raises(sa.exc.DBAPIError, match="facts are append-only"),
                server.begin() as connection,
            ):
                connection.exec_driver_sql(change)


def test_postgres_lets_a_fact_change_when_its_trigger_is_gone(server: sa.Engine) -> None:
    with server.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER measurement_refuses_change ON measurement")

        changed = connection.exec_driver_sql("UPDATE measurement SET value = value").rowcount

    assert changed > 0


def test_replacing_a_row_is_a_change_too(sqlite_ledger: SqlLedger, fill: Fill) -> None:
    fill(sqlite_ledger)
    engine = sqlite_ledger._engine  # our own connection, with its pragmas
    with (
        pytest.raises(sa.exc.IntegrityError, match="facts are append-only"),
        engine.begin() as connection,
    ):
        connection.exec_driver_sql("INSERT OR REPLACE INTO measurement SELECT * FROM measurement")


def test_the_database_holds_the_closed_lists_and_the_references(sqlite_ledger: SqlLedger, fill: Fill) -> None:
    fill(sqlite_ledger)
    another = "SELECT 'new', proposal_id, replicate_no, attempt_no, why, entry, state, adapter, handle, lease_holder"
    second = "SELECT entry, envelope_id || 'x', campaign_id, candidate_id, attempt_id, revision, kind, reason, recorded"
    for wrong, says in (
        ("UPDATE attempt SET state = 'flying'", "CHECK"),
        ("UPDATE campaign SET state = 'asleep'", "CHECK"),
        ("UPDATE attempt SET proposal_id = 'nothing' WHERE state = 'ready'", "FOREIGN KEY"),
        (f"INSERT INTO attempt {another}, epoch, updated FROM attempt", "UNIQUE.*attempt.proposal_id"),
        (f"INSERT INTO outcome {second} FROM outcome WHERE attempt_id IS NOT NULL", "UNIQUE.*outcome.attempt_id"),
    ):
        with pytest.raises(sa.exc.IntegrityError, match=says), sqlite_ledger._engine.begin() as connection:
            connection.exec_driver_sql(wrong)
