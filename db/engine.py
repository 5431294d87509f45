"""Engines: how a connection to SQLite or PostgreSQL behaves, and where a read and a write begin."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.orm import Session

from db import only_read
from db.errors import NotALedger
from loop.errors import LedgerError

SQLITE: Final = "sqlite:///"  # before the path of a file
BUSY_SECONDS: Final = 20  # a write of ours takes milliseconds; whoever waits longer has a problem to hear of
LOOK_SECONDS: Final = 0.01  # between two looks at a file that somebody else has locked
CONNECT_SECONDS: Final = 10  # psycopg's own patience with a server that says nothing is 130
# A machine or a network that is gone is noticed within a minute or two; Linux alone takes a quarter of an hour where
# something was sent, and more than two hours where nothing was. Seconds, and milliseconds of the last one.
_NOTICING: Final = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
# A password before the host, which may itself have an @ or a slash; and one that is named.
_SECRET: Final = re.compile(r"(?P<before>^[\w+:.-]+?://[^:/@]*:).*(?=@)|(?P<name>password=)[^&]+")
_AT: Final = "an @ in a name or a password is written %40 (and : / ? # % as %3A %2F %3F %23 %25)"
_OPENED: Final = "hakken_file"  # beside a connection: the path of its file, and which file that was
REMEMBERED: Final = 4  # databases whose compiled statements are kept; most processes see one


def address(url: str) -> URL:
    """``url`` as SQLAlchemy's; a plain path is a SQLite file, ``postgres://`` goes to psycopg.

    What stands behind ``sqlite:///`` is the path as it is: SQLAlchemy would read ``?`` and ``%20`` in a folder's name.

    Raises:
        LedgerError: It is none of both, or a SQLite database in memory.
    """
    is_file = url.startswith(SQLITE) or "://" not in url
    said = f"ledger URL {without_password(url)!r}"
    try:
        parsed = URL.create("sqlite", database=url.removeprefix(SQLITE)) if is_file else sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # the latter of a port that is no number
        rule = f"; {_AT}" if url.count("@") > 1 else ""
        raise LedgerError(
            f"{said} cannot be read; write sqlite:///FILE or postgresql://USER@HOST:PORT/NAME, the port a number{rule}"
        ) from None
    if not is_file and "@" in f"{parsed.host}{parsed.database}":
        raise LedgerError(f"{said} has more than one @; {_AT}")
    match parsed.get_backend_name():
        case "sqlite":
            if parsed.database in (None, "", ":memory:"):
                raise LedgerError(f"{said} names no file; write sqlite:///FILE, or use db.MemoryLedger to keep nothing")
            return parsed
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise LedgerError(f"{said}: {other!r} is not supported; use sqlite or postgresql")


def without_password(url: str) -> str:
    """A URL as it was written, for a person: what may be a password is left out, wherever it stands."""
    return _SECRET.sub(lambda found: f"{found['before'] or found['name']}***", url)


def create(url: str | URL) -> Engine:
    """An engine on ``url``; begin with ``reading`` or ``writing``."""
    parsed = address(url) if isinstance(url, str) else url
    if parsed.get_backend_name() == "sqlite":
        engine = sa.create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "do_connect", _connect_to_sqlite)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    patience = {"connect_timeout": CONNECT_SECONDS, **_NOTICING}
    own = {name: value for name, value in patience.items() if name not in parsed.query and not _is_set(name)}
    # Before each use it is asked: a server that was started anew meanwhile is there again.
    engine = sa.create_engine(parsed, pool_pre_ping=True, connect_args=own)
    event.listen(engine, "connect", _prepare_postgres)
    return engine


def _is_set(name: str) -> bool:
    """Whether the environment says it to PostgreSQL's own library."""
    return name == "connect_timeout" and "PGCONNECT_TIMEOUT" in os.environ


_idle: dict[str | URL, Engine] = {}  # without connections; the one given back last comes last
_changing = threading.Lock()


def borrow(url: str) -> Engine:
    """An engine on ``url`` that knows the statements which it ran before: to compile them is half of a short look.

    Nobody else has it, nor its connections. ``give_back`` it.
    """
    parsed = address(url)
    with _changing:
        engine = _idle.pop(_known_by(parsed), None)
    return create(parsed) if engine is None else engine


def give_back(engine: Engine) -> None:
    """Close the engine's connections, and keep it for whoever opens its database next in this process."""
    engine.dispose()
    with _changing:
        _idle.pop(_known_by(engine.url), None)
        _idle[_known_by(engine.url)] = engine
        for oldest in list(_idle)[:-REMEMBERED]:
            del _idle[oldest]


def _known_by(url: URL) -> str | URL:
    """What may be a key: a URL is hashed as text, which not every path on Linux can be encoded to."""
    return url.database or url if url.get_backend_name() == "sqlite" else url


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One snapshot of committed state; takes no write lock."""
    options: dict[str, Any] = {}
    if engine.dialect.name == "postgresql":  # a SQLite transaction is a snapshot already
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with (
        engine.execution_options(**options).connect() as connection,
        Session(connection) as session,
        only_read.unchanged(connection.info),
    ):
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """One transaction that holds the write lock from its start (SQLite). The caller commits; else nothing stays."""
    with engine.execution_options(writes=True).connect() as connection, Session(connection, autoflush=False) as session:
        yield session


def shown(engine: Engine) -> str:
    """The URL for a person: as that person writes it, without a password, a path as it is."""
    return shown_url(engine.url)


def shown_url(url: URL) -> str:
    """The same of a URL as ``address`` gives it."""
    if url.get_backend_name() == "sqlite" and url.database:
        return f"{SQLITE}{Path(url.database)}"
    return without_password(url.set(drivername="postgresql").render_as_string(hide_password=False))


def sqlite_file(engine: Engine) -> Path | None:
    """The file behind the engine, None for a server."""
    database = engine.url.database
    return Path(database) if engine.dialect.name == "sqlite" and database else None


def _connect_to_sqlite(_dialect: object, record: Any, place: list[Any], arguments: dict[str, Any]) -> Any:
    record.info[_OPENED] = Path(place[0]).absolute(), None
    return only_read.connect(Path(place[0]), record.info, arguments)


def _prepare_sqlite(connection: Any, record: Any) -> None:
    with _closed_where_it_fails(connection):
        # sqlite3 opens transactions on its own, and only before the first write; we say BEGIN ourselves.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
        if only_read.may_write(record.info):
            _write_ahead(connection)
        for pragma in (
            "synchronous = FULL",
            "foreign_keys = ON",
            "recursive_triggers = ON",  # see ``db.triggers``
        ):
            connection.execute(f"PRAGMA {pragma}")
        file, _ = record.info[_OPENED]
        record.info[_OPENED] = file, _which(file)


def _prepare_postgres(connection: Any, _record: object) -> None:
    with _closed_where_it_fails(connection):
        # PostgreSQL waits for a lock without end where nobody says otherwise, and nobody would hear of it; and it tells
        # times as its country writes them, of which psycopg reads one way, and not every zone.
        patience = f"set_config('lock_timeout', '{BUSY_SECONDS}s', false)"
        connection.execute(
            "SELECT set_config('DateStyle', 'ISO', false), set_config('TimeZone', 'UTC', false), "
            f"CASE current_setting('lock_timeout') WHEN '0' THEN {patience} END"
        )
        connection.commit()


@contextmanager
def _closed_where_it_fails(connection: Any) -> Iterator[None]:
    """SQLAlchemy forgets a connection that could not be prepared, and leaves it open."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _write_ahead(connection: Any) -> None:
    """Turn write-ahead logging on, once in the life of a file.

    SQLite does not wait for its busy timeout here: of several that open a new file at once, all but one may be told
    at once that it is locked. So the wait is ours.
    """
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if time.monotonic() >= until or error.sqlite_errorcode & 0xFF in only_read.OF_THE_DISK:
                raise
            time.sleep(LOOK_SECONDS)


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads and then writes can fail at once when another wrote in between.
    is_write = connection.get_execution_options().get("writes", False)
    _see_that_it_is_there(*connection.info[_OPENED])
    if is_write:
        only_read.find_room(connection.info)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")


def _see_that_it_is_there(file: Path, opened: tuple[int, int] | None) -> None:
    """See to it that the path still leads to the file that was opened: what is written to one that was deleted is lost.

    Raises:
        NotALedger: It was deleted, or another one put in its place.
    """
    if _which(file) != opened:
        raise NotALedger(
            f"the ledger {file} was deleted or replaced by another file while this command worked with it, and what it "
            "wrote is in the file that was there before: put that one back where you have it, or go on with the one "
            "that is there now, by the same command"
        )


def _which(file: Path) -> tuple[int, int] | None:
    """A file's number on its disk, and that of the disk; None where there is no file."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
