"""A record is copied to another database whole or not at all, and is as intact there as here."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from db import copying, open_ledger
from db import engine as engines
from db import tables as t
from db.copying import copy_record, copy_to_try
from loop.errors import LedgerBusy, LedgerError, LedgerFull
from loop.record import EnvelopeDraft

GOLDEN = Path(__file__).parent / "golden" / "0.1.0.sqlite"  # of the first schema


def later() -> datetime:
    """When every lease of these tests has run out."""
    return datetime(2100, 1, 1, tzinfo=UTC)


def interrupted(*_: Any) -> Any:
    raise KeyboardInterrupt


def names_in(folder: Path) -> list[str]:
    """Files there, but for the log of a record that is open."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm")))


def content(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, but for what a database says of itself."""
    engine = engines.borrow(url)
    with engines.reading(engine) as session:
        found = {
            table.name: sorted((dict(row) for row in session.connection().execute(select(table)).mappings()), key=repr)
            for table in t.Base.metadata.sorted_tables
            if table.name != "schema_info"
        }
    engines.give_back(engine)
    return found


@pytest.fixture
def source(filled_sqlite: Path, tmp_path: Path) -> str:
    shutil.copy(filled_sqlite, tmp_path / "source.sqlite")
    return f"sqlite:///{tmp_path / 'source.sqlite'}"


def see_that_it_is_whole(source: str, target: str) -> None:
    made = copy_record(source, target, clock=later)

    there = content(target)
    assert all(there.values()), "a table of the record that is copied has no rows, so that nothing is shown for it"
    assert there == content(source)
    with open_ledger(source) as before, open_ledger(target) as after:
        assert after.verify_audit() == before.verify_audit()
        assert (made.campaigns, made.entries, made.head) == (1, len(after.audit()), after.audit()[-1].hash)


def test_to_another_file(source: str, tmp_path: Path) -> None:
    see_that_it_is_whole(source, f"sqlite:///{tmp_path / 'new' / 'target.sqlite'}")


@pytest.mark.parametrize("copied", [copy_record, copy_to_try])
def test_an_older_record_is_brought_up_to_date_first(copied: Callable[[str, str], object], tmp_path: Path) -> None:
    shutil.copy(GOLDEN, tmp_path / "older.sqlite")

    copied(str(tmp_path / "older.sqlite"), str(tmp_path / "copy.sqlite"))

    with open_ledger(str(tmp_path / "older.sqlite")) as source, open_ledger(str(tmp_path / "copy.sqlite")) as target:
        assert target.observations("coupling") == source.observations("coupling") != ()
        assert target.verify_audit() == source.verify_audit()


def test_to_postgres_and_back(source: str, tmp_path: Path, new_postgres: Callable[[], str]) -> None:
    there = new_postgres()
    see_that_it_is_whole(source, there)
    see_that_it_is_whole(there, f"sqlite:///{tmp_path / 'back.sqlite'}")


@pytest.mark.parametrize("kind", ["file", "server"])
def test_a_copy_to_try_something_has_every_row_and_nobody_holds_it(
    source: str, tmp_path: Path, new_postgres: Callable[[], str], kind: str
) -> None:
    if kind == "server":
        copy_record(source, server := new_postgres(), clock=later)
        source = server
    with open_ledger(source) as ledger:
        held = ledger.acquire("coupling", "engine-2", timedelta(hours=1))
    target = f"sqlite:///{tmp_path / 'tried.sqlite'}"

    copy_to_try(source, target)

    with open_ledger(target) as there, there.work(there.acquire("coupling", "engine-3", timedelta(hours=1))) as work:
        work.receive(EnvelopeDraft("tell:new.csv:2", None, "{}", {}))
    (before,), (after,) = (content(url).pop("campaign") for url in (source, target))
    assert (before["lease_holder"], after["lease_holder"]) == (held.holder, "engine-3")
    rows = [{name: len(rows) for name, rows in content(url).items()} for url in (source, target)]
    assert rows[1] == rows[0] | {
        "result_envelope": rows[0]["result_envelope"] + 1,
        "audit_log": rows[0]["audit_log"] + 1,
    }


def test_a_copy_to_try_something_for_which_there_is_no_room_names_its_own_disk(source: str, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'tried.sqlite'}"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        with pytest.raises(LedgerFull, match=f"the disk of the ledger {target} "):
            copy_to_try(source, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_copy_for_which_there_is_no_room_leaves_nothing_and_says_how_much_it_takes(
    source: str, tmp_path: Path
) -> None:
    target = f"sqlite:///{tmp_path / 'target.sqlite'}"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        with pytest.raises(
            LedgerFull, match=rf"the disk of the ledger {target} .*the copy takes some 1\.\d MiB, and .* are"
        ):
            copy_record(source, target, clock=later)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert names_in(tmp_path) == ["source.sqlite"]
    see_that_it_is_whole(source, target)


def test_a_copy_that_is_cut_off_leaves_nothing(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(copying.audit, "examine", interrupted)
        with pytest.raises(KeyboardInterrupt):
            copy_record(source, f"sqlite:///{tmp_path / 'target.sqlite'}", clock=later)

    assert names_in(tmp_path) == ["source.sqlite"]


def test_what_a_copy_that_was_killed_left_is_removed_by_the_next_and_what_another_makes_is_not(
    source: str, tmp_path: Path
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    machine = os.uname().nodename
    left = [f".target.sqlite.{machine}.{gone.pid}.copying{end}" for end in ("", "-shm", "-wal")]
    others = [f".target.sqlite.{machine}.{os.getppid()}.copying", f".target.sqlite.elsewhere.{gone.pid}.copying"]
    for name in (*left, *others):
        (tmp_path / name).touch()

    made = copy_record(source, f"sqlite:///{tmp_path / 'target.sqlite'}", clock=later)

    assert made.cleared == tuple(left)
    assert {path.name for path in tmp_path.glob(".*")} == set(others)


def test_an_empty_file_that_is_there_is_filled(source: str, tmp_path: Path) -> None:
    (tmp_path / "target.sqlite").touch()

    see_that_it_is_whole(source, f"sqlite:///{tmp_path / 'target.sqlite'}")

    assert names_in(tmp_path) == ["source.sqlite", "target.sqlite"]


def test_a_copy_that_was_cut_off_once_it_was_whole_is_known(source: str, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'target.sqlite'}"
    made = copy_record(source, target, clock=later)  # killed before anybody heard of it

    with pytest.raises(LedgerError, match=rf"to its last entry \({made.entries}\) it is this one.*set HAKKEN_DATABASE"):
        copy_record(source, target, clock=later)


def test_text_that_postgres_cannot_store_comes_back_as_it_was(source: str, new_postgres: Callable[[], str]) -> None:
    odd = "NUL \x00, half of a pair \ud800, an umlaut \u00e4"
    with open_ledger(source, clock=later) as ledger:
        lease = ledger.acquire("coupling", "engine-1", timedelta(minutes=1))
        with ledger.work(lease) as work:
            work.receive(EnvelopeDraft("robot", None, odd))
        ledger.release(lease)

    copy_record(source, there := new_postgres(), clock=later)

    with open_ledger(there) as ledger:
        assert ledger.envelopes("coupling")[-1].payload == odd
        assert ledger.verify_audit().is_intact


def test_nothing_is_copied_over_a_record_or_while_somebody_works(source: str, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'target.sqlite'}"
    expires = content(source)["campaign"][0]["lease_expires"]

    with pytest.raises(LedgerError, match=r"campaign 'coupling' is held by 'engine-1'; end what works on it"):
        copy_record(source, target, clock=lambda: expires - timedelta(minutes=1))
    with pytest.raises(LedgerError, match="holds a record already, and to its last entry"):
        copy_record(source, source, clock=later)
    copy_record(source, target, clock=later)  # what was refused left nothing behind
    with open_ledger(source, clock=later) as ledger:  # goes on here after the copy
        lease = ledger.acquire("coupling", "engine-1", timedelta(minutes=1))
        with ledger.work(lease) as work:
            work.receive(EnvelopeDraft("robot", None, "{}"))
        ledger.release(lease)
    with pytest.raises(LedgerError, match="holds a record already; name an empty database"):
        copy_record(source, target, clock=later)


@pytest.mark.parametrize("source_is", ["sqlite", "postgres"])
def test_what_is_written_while_it_is_copied_is_not_left_out_without_a_word(
    source: str, source_is: str, tmp_path: Path, new_postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if source_is == "postgres":
        copy_record(source, url := new_postgres(), clock=later)
        source = url
    target, copied, pressed = f"sqlite:///{tmp_path / 'target.sqlite'}", copying._copy, []

    def copy(*given: Any) -> None:
        copied(*given)
        if not pressed:
            with open_ledger(source) as ledger:
                pressed.append(ledger.halt("coupling", by="ada", why="it smells of gas"))
                pressed.append(ledger.halt("coupling", by="bob", why="it smells there, too"))

    monkeypatch.setattr(copying, "_copy", copy)

    said = r"was written to while it was copied \(safety_stop by ada and 1 entry more\), and nothing was copied; end"
    with pytest.raises(LedgerError, match=said):
        copy_record(source, target, clock=later)
    copy_record(source, target, clock=later)

    with open_ledger(target) as ledger:
        assert [s.why for s in ledger.stops("coupling")] == ["it smells of gas", "it smells there, too"]


def test_a_server_that_breaks_off_while_it_is_copied_is_named_and_not_the_copy(
    source: str, tmp_path: Path, new_postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_record(source, url := new_postgres(), clock=later)
    target, is_empty = f"sqlite:///{tmp_path / 'target.sqlite'}", copying._see_that_it_is_empty
    admin = engines.create(url)

    def broken_off(read: Session, *given: Any) -> None:
        is_empty(read, *given)
        pid = read.scalar(sa.text("SELECT pg_backend_pid()"))
        with admin.connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid}, 10000)")

    monkeypatch.setattr(copying, "_see_that_it_is_empty", broken_off)
    with pytest.raises(LedgerBusy, match=r"the ledger postgresql://.* is busy or out of reach"):
        copy_record(url, target, clock=later)
    monkeypatch.undo()
    admin.dispose()

    see_that_it_is_whole(url, target)


def test_a_record_that_was_changed_is_not_copied(source: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(source.removeprefix("sqlite:///"))) as connection:
        connection.execute("DROP TRIGGER measurement_refuses_update")
        connection.execute("UPDATE measurement SET value = 99")
        connection.commit()
    target = f"sqlite:///{tmp_path / 'target.sqlite'}"

    with pytest.raises(LedgerError, match=r"was changed after it was written \(.*measurement.*nothing was copied"):
        copy_record(source, target, clock=later)

    assert names_in(tmp_path) == ["source.sqlite"]


def test_the_copy_is_append_only_as_well(source: str, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'target.sqlite'}"
    copy_record(source, target, clock=later)
    row = content(target)["outcome"][0]

    engine = engines.borrow(target)
    table = t.Base.metadata.tables["outcome"]
    with engines.writing(engine) as session, pytest.raises(Exception, match="facts are append-only"):
        session.connection().execute(insert(table).prefix_with("OR REPLACE"), [row])
    engines.give_back(engine)
