"""Bringing a database to the schema that this version knows, and refusing a newer one.

An empty one gets its tables as they are; only an older one is migrated. A test compares the two ways, and alembic costs
a third of a second to import.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db import engine as engines
from db import only_read
from db.durable import sync
from db.errors import NotALedger, NothingYet, NotLetIn, SchemaTooNew, refused

HEAD: Final = "0005"  # the newest revision in ``migrations/versions``; a test compares them
SCRIPTS: Final = Path(__file__).parent / "migrations"
_MIGRATION_LOCK: Final = 0x68616B6C  # PostgreSQL: one migrates, the others wait


def bring_up_to_date(
    engine: Engine, clock: Callable[[], datetime], *, head: str = HEAD, scripts: Path = SCRIPTS
) -> None:
    """Make the tables of an empty database; migrate an older one to ``head``, a SQLite file after a copy.

    Raises:
        SchemaTooNew, NotALedger, NotLetIn: As in ``migrate_older``.
    """
    file = engines.sqlite_file(engine)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    if found_in(engine, head=head) is None:
        _write(engine, clock, head, scripts)
    else:
        migrate_older(engine, clock, head=head, scripts=scripts)


def migrate_older(engine: Engine, clock: Callable[[], datetime], *, head: str = HEAD, scripts: Path = SCRIPTS) -> None:
    """Migrate a database of an older schema to ``head``; an empty one stays empty.

    Raises:
        SchemaTooNew: It is newer than ``head``.
        NotALedger: It has tables, and none of them is ours.
        NotLetIn: It is older, and may not be changed by this user or at this place.
        NothingYet: It is empty.
    """
    found = found_in(engine, head=head)
    if found is None:
        raise NothingYet(f"{engines.shown(engine)} is empty; add a campaign (hakken run FILE), or name another record")
    if found == head:
        return
    file = engines.sqlite_file(engine)
    if file is not None and (unwritable := only_read.what_is_only_read(file)):
        raise _may_not_be_migrated(engine, found, head, f"{unwritable} may only be read")
    try:
        _write(engine, clock, head, scripts)
    except sa.exc.DatabaseError as error:
        if not (why := refused(error)):
            raise
        raise _may_not_be_migrated(engine, found, head, why) from error


def _may_not_be_migrated(engine: Engine, found: str, head: str, why: str) -> NotLetIn:
    return NotLetIn(
        f"the ledger {engines.shown(engine)} has schema {found}, and what needs {head} may not be added to it from "
        f"here ({why}); have somebody who may change its tables run hakken status with this hakken once"
    )


def found_in(engine: Engine, *, head: str = HEAD) -> str | None:
    """The revision of the schema that a database has, None for an empty one.

    Raises:
        SchemaTooNew: It is newer than ``head``.
        NotALedger: It has tables, and none of them is ours.
    """
    with engine.connect() as connection:
        return _revision(connection, head)


def _write(engine: Engine, clock: Callable[[], datetime], head: str, scripts: Path) -> None:
    file = engines.sqlite_file(engine)
    with engine.execution_options(writes=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        found = _revision(connection, head, scripts)  # another process may have done it while we waited
        if found == head:
            return
        if file is not None and found is not None:
            _copy(file, head)
        if found is None and head == HEAD:
            _make(connection)
        else:
            migrate(connection, head, scripts)
        connection.execute(
            sa.text(
                "INSERT INTO schema_info (revision, applied, hakken) VALUES (:revision, :applied, :hakken)"
            ).bindparams(sa.bindparam("applied", type_=_utc())),
            {"revision": head, "applied": clock(), "hakken": _version()},
        )


def _revision(connection: Connection, head: str, scripts: Path = SCRIPTS) -> str | None:
    """The revision that the database has, None for an empty one. Raises as ``found_in``."""
    names = set(sa.inspect(connection).get_table_names())
    found = (
        connection.scalar(sa.text("SELECT version_num FROM alembic_version")) if "alembic_version" in names else None
    )
    if found is None:
        if names - {"alembic_version"}:
            raise NotALedger(
                f"{engines.shown(connection.engine)} holds other tables "
                f"({', '.join(sorted(names)[:3])}) and no ledger; give a file or database of its own"
            )
        return None
    if not ("schema_info" in names and str(found).isdigit()):
        raise NotALedger(
            f"{engines.shown(connection.engine)} belongs to another program "
            f"(its alembic revision is {found}); give a file or database of its own"
        )
    if str(found) > head:
        raise SchemaTooNew(
            f"{engines.shown(connection.engine)} has schema {found}, and this hakken "
            f"({_version()}) knows up to {head}; update hakken, nothing was changed"
        )
    if found != head and not any(scripts.glob(f"versions/{found}_*.py")):
        raise NotALedger(
            f"{engines.shown(connection.engine)} says that it has schema {found}, which no hakken makes; "
            "restore a backup"
        )
    return str(found)


def _make(connection: Connection) -> None:
    """All tables as they are today, and alembic's note of the revision that they have."""
    for statement in _definitions(connection.engine.url.drivername):
        connection.exec_driver_sql(statement)
    version = sa.Table(
        "alembic_version",
        sa.MetaData(),
        sa.Column("version_num", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
    )
    version.create(connection, checkfirst=True)
    connection.execute(version.insert(), {"version_num": HEAD})


@cache
def _definitions(driver: str) -> tuple[str, ...]:
    """The statements that make all tables, put together once: of many new records in a process that is most of it."""
    from db.tables import Base

    found: list[str] = []

    def note(statement: Any, *_values: object, **_how: object) -> None:
        found.append(str(statement.compile(dialect=nobody.dialect)))

    nobody = sa.create_mock_engine(f"{driver}://", note)
    Base.metadata.create_all(nobody, checkfirst=False)
    return tuple(found)


def migrate(connection: Connection, head: str, scripts: Path = SCRIPTS) -> None:
    """Run the migrations from what there is to ``head``."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, head)


def _copy(file: Path, head: str) -> Path:
    """A consistent copy of a SQLite file, what stands in its log included; never over an older copy, never half."""
    copy = file.with_name(f"{file.name}.before-{head}")
    number = 1
    while copy.exists():
        number += 1
        copy = file.with_name(f"{file.name}.before-{head}-{number}")
    part = copy.with_name(f"{copy.name}.part")
    part.unlink(missing_ok=True)  # of an upgrade that was killed; whoever upgrades is alone
    try:
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(part)) as target:
            target.execute("PRAGMA journal_mode = OFF")  # half a copy is thrown away, not rolled back
            source.backup(target)
        sync(part)
        part.replace(copy)
        sync(copy.parent)  # before anything in the record is changed
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return copy


def _utc() -> sa.types.TypeEngine[datetime]:
    from db.types import UtcDateTime

    return UtcDateTime()


def _version() -> str:
    try:
        return metadata.version("hakken")
    except metadata.PackageNotFoundError:  # run from a checkout that was not installed
        return "unknown"
