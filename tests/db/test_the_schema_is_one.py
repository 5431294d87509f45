"""The migrations and the tables say the same on both engines; older, newer and foreign databases are told apart."""

from __future__ import annotations

import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from db import engine as engines
from db import open_ledger, schema
from db import tables as t
from db.errors import NotALedger, NothingYet, NotLetIn, SchemaTooNew, translated
from db.ledger import has_ledger, reopen_ledger
from loop.contracts import Ledger
from loop.errors import LedgerBusy, LedgerError, LedgerFull
from loop.record import Lease

NEXT = f"{int(schema.HEAD) + 1:04}"

Fill = Callable[[Ledger], Lease]


def picture(engine: sa.Engine) -> dict[str, Any]:
    """All that the database says of its tables, in its own words."""
    inspector = sa.inspect(engine)
    names = sorted(inspector.get_table_names())
    tables: dict[str, Any] = {
        name: {
            "columns": [{k: str(v) for k, v in column.items()} for column in inspector.get_columns(name)],
            "primary key": inspector.get_pk_constraint(name),
            "foreign keys": sorted(inspector.get_foreign_keys(name), key=str),
            "unique": sorted(inspector.get_unique_constraints(name), key=str),
            "checks": sorted(inspector.get_check_constraints(name), key=str),
            "indexes": sorted(inspector.get_indexes(name), key=str),
        }
        for name in names
    }
    triggers = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
        if engine.dialect.name == "sqlite"
        else "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname"
    )
    with engine.connect() as connection:
        tables["triggers"] = [tuple(row) for row in connection.exec_driver_sql(triggers)]
        if engine.dialect.name == "postgresql":
            body = "SELECT prosrc FROM pg_proc WHERE proname = 'hakken_refuse_change'"
            tables["function"] = [row[0].split() for row in connection.exec_driver_sql(body)]
        tables["revision"] = connection.exec_driver_sql("SELECT version_num FROM alembic_version").all()
    return tables


def both_ways(migrated: str, made: str) -> tuple[dict[str, Any], dict[str, Any]]:
    open_ledger(made).close()
    first, second = engines.create(migrated), engines.create(made)
    try:
        with first.begin() as connection:
            schema.migrate(connection, schema.HEAD)
        return picture(first), picture(second)
    finally:
        first.dispose(), second.dispose()


def test_migrations_and_tables_agree_on_sqlite(tmp_path: Path) -> None:
    migrated, made = both_ways(str(tmp_path / "migrated.sqlite"), str(tmp_path / "made.sqlite"))

    assert migrated == made
    assert len(migrated["triggers"]) == 2 * len(t.APPEND_ONLY)


def test_migrations_and_tables_agree_on_postgres(new_postgres: Callable[[], str]) -> None:
    migrated, made = both_ways(new_postgres(), new_postgres())

    assert migrated == made
    assert len(migrated["triggers"]) == 2 * len(t.APPEND_ONLY)


def test_a_difference_would_be_seen(tmp_path: Path) -> None:
    open_ledger(str(tmp_path / "a.sqlite")).close()
    engine = engines.create(str(tmp_path / "a.sqlite"))
    before = picture(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER outcome_refuses_delete")
        connection.exec_driver_sql("ALTER TABLE candidate ADD COLUMN colour TEXT")
    after = picture(engine)
    engine.dispose()

    assert before["triggers"] != after["triggers"]
    assert before["candidate"] != after["candidate"]


def test_the_code_knows_the_newest_revision() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(schema.SCRIPTS))

    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The migrations of a hakken to come, with one revision more."""
    scripts = tmp_path / "migrations"
    shutil.copytree(schema.SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / f"{NEXT}_colour.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f'revision = "{NEXT}"\ndown_revision = "{schema.HEAD}"\nbranch_labels = None\ndepends_on = None\n\n\n'
        'def upgrade():\n    op.add_column("candidate", sa.Column("colour", sa.Text(), nullable=True))\n'
    )
    return scripts


def migrate(url: str, scripts: Path) -> None:
    engine = engines.create(url)
    try:
        schema.bring_up_to_date(engine, lambda: datetime.now(UTC), head=NEXT, scripts=scripts)
    finally:
        engine.dispose()


def test_an_older_file_is_copied_then_migrated_and_keeps_its_facts(
    sqlite_url: str, tmp_path: Path, newer: Path, fill: Fill
) -> None:
    with open_ledger(sqlite_url) as ledger:
        fill(ledger)
        seen = ledger.observations("coupling", with_retracted=True)

    migrate(sqlite_url, newer)
    migrate(sqlite_url, newer)  # nothing left to do

    copies = sorted(path.name for path in tmp_path.glob("ledger.sqlite.before*"))
    assert copies == [f"ledger.sqlite.before-{NEXT}"]
    with open_ledger(str(tmp_path / copies[0])) as before:
        assert before.observations("coupling", with_retracted=True) == seen
        assert before.verify_audit().is_intact
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as after:
        assert after.execute("SELECT count(colour), count(*) > 0 FROM candidate").fetchone() == (0, 1)
        assert [row[0] for row in after.execute("SELECT revision FROM schema_info")] == [schema.HEAD, NEXT]


def test_an_upgrade_copies_over_no_older_copy(sqlite_url: str, tmp_path: Path, newer: Path, fill: Fill) -> None:
    with open_ledger(sqlite_url) as ledger:
        fill(ledger)
        seen = ledger.observations("coupling")
    older = [tmp_path / f"ledger.sqlite.before-{NEXT}{number}" for number in ("", "-2")]
    for path in older:
        path.write_text(f"put aside as {path.name}")

    migrate(sqlite_url, newer)

    assert [path.read_text() for path in older] == [f"put aside as {path.name}" for path in older]
    with open_ledger(str(tmp_path / f"ledger.sqlite.before-{NEXT}-3")) as before:
        assert before.observations("coupling") == seen


def test_an_upgrade_without_room_for_its_copy_leaves_none_and_says_so(
    sqlite_url: str, tmp_path: Path, newer: Path, fill: Fill
) -> None:
    with open_ledger(sqlite_url) as ledger:
        fill(ledger)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))  # as a quota does; less than the file has
        with pytest.raises(LedgerFull, match="where it is full or a quota is used up"), translated("it"):
            migrate(sqlite_url, newer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert not list(tmp_path.glob("ledger.sqlite.before*"))
    migrate(sqlite_url, newer)
    assert [path.name for path in tmp_path.glob("ledger.sqlite.before*")] == [f"ledger.sqlite.before-{NEXT}"]


def test_an_upgrade_killed_while_it_copies_is_made_again(
    sqlite_url: str, tmp_path: Path, newer: Path, fill: Fill
) -> None:
    with open_ledger(sqlite_url) as ledger:
        fill(ledger)
    (tmp_path / f"ledger.sqlite.before-{NEXT}.part").write_bytes(b"half of a copy" * 1000)

    migrate(sqlite_url, newer)

    (copy,) = tmp_path.glob("ledger.sqlite.before*")
    with open_ledger(str(copy)) as before:
        assert before.verify_audit().is_intact


def test_a_newer_database_is_refused_and_left_as_it_is(sqlite_url: str, tmp_path: Path, newer: Path) -> None:
    open_ledger(sqlite_url).close()
    migrate(sqlite_url, newer)
    before = (tmp_path / "ledger.sqlite").read_bytes()

    with pytest.raises(SchemaTooNew, match=rf"has schema {NEXT}, .* knows up to {schema.HEAD}; update hakken"):
        open_ledger(sqlite_url)
    assert (tmp_path / "ledger.sqlite").read_bytes() == before


def test_a_schema_that_no_hakken_makes_is_named(sqlite_url: str, tmp_path: Path) -> None:
    open_ledger(sqlite_url).close()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")

    with pytest.raises(NotALedger, match="says that it has schema 0000, which no hakken makes; restore a backup"):
        open_ledger(sqlite_url)


def test_a_migration_that_fails_leaves_the_database_as_it_was(sqlite_url: str, newer: Path) -> None:
    open_ledger(sqlite_url).close()
    (newer / "versions" / f"{NEXT}_colour.py").write_text(
        f'from alembic import op\nrevision = "{NEXT}"\ndown_revision = "{schema.HEAD}"\n'
        "branch_labels = depends_on = None\n\n\n"
        'def upgrade():\n    op.execute("DROP TRIGGER outcome_refuses_update")\n    raise ZeroDivisionError\n'
    )

    with pytest.raises(ZeroDivisionError):
        migrate(sqlite_url, newer)

    engine = engines.create(sqlite_url)
    assert len(picture(engine)["triggers"]) == 2 * len(t.APPEND_ONLY)
    engine.dispose()
    open_ledger(sqlite_url).close()


def test_a_database_of_somebody_else_is_refused(tmp_path: Path) -> None:
    for name, statements in {
        "theirs": ["CREATE TABLE molecules (id INTEGER)"],
        "alembic": ["CREATE TABLE alembic_version (version_num TEXT)", "INSERT INTO alembic_version VALUES ('ab12')"],
        "numbered": [
            "CREATE TABLE alembic_version (version_num TEXT)",
            f"INSERT INTO alembic_version VALUES ('{schema.HEAD}')",
        ],
    }.items():
        path = tmp_path / f"{name}.sqlite"
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

        with pytest.raises(NotALedger, match="of its own"):
            open_ledger(str(path))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not tell which files are open")
def test_a_file_that_is_no_record_is_not_left_open(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("These are notes, and they are longer than the head of a database.\n" * 40)

    with pytest.raises(NotALedger) as told:
        open_ledger(str(notes))
    held = [os.readlink(fd) for fd in Path("/proc/self/fd").iterdir() if fd.exists()]

    assert told.value is not None  # with its traceback, and all that its frames hold
    assert str(notes) not in held


def test_what_cannot_be_opened_is_told_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("These are notes, and they are longer than the head of a database.\n" * 40)
    (tmp_path / "folder").mkdir()

    for url, error, says in (
        (str(tmp_path / "notes.txt"), NotALedger, "not a database.*restore a backup"),
        (str(tmp_path / "folder"), NotALedger, "check the path"),
        ("postgresql://nobody:secret@127.0.0.1:1/none", LedgerBusy, "out of reach"),
        ("sqlite://", LedgerError, "names no file"),
        ("mysql://localhost/x", LedgerError, "use sqlite or postgresql"),
        ("mysql://ada:secret@localhost/x", LedgerError, "use sqlite or postgresql"),
        ("jdbc:postgresql://ada:secret@localhost/x", LedgerError, "cannot be read"),
        ("://", LedgerError, "cannot be read"),
        ("postgresql://ada:secret@127.0.0.1:5a/none", LedgerError, "the port a number"),
        ("postgresql://ada:the@secret@127.0.0.1:1/none", LedgerError, "more than one @; an @ .* is written %40"),
        ("postgresql://ada:the@secret/ly@127.0.0.1:1/none", LedgerError, "more than one @; an @ .* is written %40"),
        ("postgresql://ada:the@se:cret@127.0.0.1:1/none", LedgerError, "an @ .* is written %40"),
        ("postgresql://127.0.0.1:1/none?user=ada&password=secret", LedgerBusy, "out of reach"),
        ("postgresql://127.0.0.1:1/none?colour=red", LedgerError, 'option "colour".*; mend what follows its'),
        ("postgresql://127.0.0.1:1/none?sslmode=loud", LedgerError, 'value: "loud".*; mend what follows its'),
    ):
        with pytest.raises(error, match=f"(?s){says}") as told:
            open_ledger(url)
        assert "secret" not in str(told.value)
        assert not isinstance(told.value, LedgerBusy) or error is LedgerBusy  # a run would wait for it


def test_a_server_that_lets_nobody_in_is_told_with_a_remedy(new_postgres: Callable[[], str]) -> None:
    url = sa.make_url(new_postgres())
    open_ledger(url.render_as_string(hide_password=False)).close()
    owner = engines.create(url)
    with owner.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE guest LOGIN")
    try:
        for other, says in (
            (url.set(database="none"), "not to be had .*does not exist.*mend HAKKEN_DATABASE, or the URL"),
            (url.set(username="nobody"), "not to be had .*does not exist.*mend HAKKEN_DATABASE"),
            (url.set(username="guest"), "lets this user not do that .*permission denied.*have the owner"),
        ):
            with pytest.raises(NotLetIn, match=says):
                open_ledger(other.render_as_string(hide_password=False))
    finally:
        with owner.begin() as connection:
            connection.exec_driver_sql("DROP ROLE guest")
        owner.dispose()


@pytest.mark.parametrize("is_replica", [False, True], ids=["a user who only looks", "a replica"])
def test_who_may_only_look_at_a_server_is_told_so_before_anything_is_refused(
    new_postgres: Callable[[], str], is_replica: bool
) -> None:
    url = sa.make_url(new_postgres())
    with open_ledger(url.render_as_string(hide_password=False)) as ledger:
        at_first = ledger.why_only_read()
    owner = engines.create(url)
    with owner.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE guest LOGIN")
        connection.exec_driver_sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest")
        connection.exec_driver_sql(f'ALTER DATABASE "{url.database}" SET default_transaction_read_only = {is_replica}')
    guest = url.update_query_dict({"application_name": "looks"}) if is_replica else url.set(username="guest")
    try:
        with open_ledger(guest.render_as_string(hide_password=False)) as ledger:
            said = ledger.why_only_read()
    finally:
        with owner.connect().execution_options(postgresql_readonly=False) as connection, connection.begin():
            connection.exec_driver_sql("DROP OWNED BY guest")
            connection.exec_driver_sql("DROP ROLE guest")
        owner.dispose()

    assert at_first == ""
    assert said.startswith("it can only be read there" if is_replica else "user 'guest' may not write to it (")


def test_a_user_who_may_add_and_not_change_is_told_which_tables_change(new_postgres: Callable[[], str]) -> None:
    url = sa.make_url(new_postgres())
    open_ledger(url.render_as_string(hide_password=False)).close()
    owner, guest = engines.create(url), url.set(username="adder").render_as_string(hide_password=False)
    said = []
    try:
        for granted in ("SELECT, INSERT ON ALL TABLES IN SCHEMA public", "UPDATE ON campaign", "UPDATE ON attempt"):
            with owner.begin() as connection:
                if not said:
                    connection.exec_driver_sql("CREATE ROLE adder LOGIN")
                connection.exec_driver_sql(f"GRANT {granted} TO adder")
            with open_ledger(guest) as ledger:
                said.append(ledger.why_only_read())
    finally:
        with owner.begin() as connection:
            connection.exec_driver_sql("DROP OWNED BY adder")
            connection.exec_driver_sql("DROP ROLE adder")
        owner.dispose()

    assert said == [
        "user 'adder' may not write to it (UPDATE on attempt, campaign)",
        "user 'adder' may not write to it (UPDATE on attempt)",
        "",
    ]


@pytest.mark.parametrize("is_replica", [False, True], ids=["a user who only looks", "a replica"])
def test_an_older_record_that_may_not_be_changed_from_here_says_who_brings_it_up_to_date(
    new_postgres: Callable[[], str], is_replica: bool
) -> None:
    url = sa.make_url(new_postgres())
    owner = engines.create(url)
    schema.bring_up_to_date(owner, lambda: datetime.now(UTC), head="0003")
    with owner.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE guest LOGIN")
        connection.exec_driver_sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest")
        connection.exec_driver_sql(f'ALTER DATABASE "{url.database}" SET default_transaction_read_only = {is_replica}')
    guest = url if is_replica else url.set(username="guest")
    try:
        with pytest.raises(NotLetIn) as told:
            open_ledger(guest.render_as_string(hide_password=False))
        with owner.connect() as connection:
            revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    finally:
        with owner.connect().execution_options(postgresql_readonly=False) as connection, connection.begin():
            connection.exec_driver_sql("DROP OWNED BY guest")
            connection.exec_driver_sql("DROP ROLE guest")
        owner.dispose()

    assert revision == "0003"
    assert f"has schema 0003, and what needs {schema.HEAD} may not be added to it from here" in str(told.value)
    assert "have somebody who may change its tables run hakken status with this hakken once" in str(told.value)


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        (exc.OperationalError, 'FATAL:  password authentication failed for user "ada"', "not to be had .*mend HAKKEN"),
        (exc.OperationalError, 'FATAL:  password authentication failed for user "readonly"', "let this user in"),
        (exc.OperationalError, "server does not support SSL, but SSL was required", r"mend .* \(.*, sslmode\)"),
        (exc.OperationalError, 'root certificate file "/home/a/root.crt" does not exist', r"mend .* \(.*, sslmode\)"),
        (exc.OperationalError, 'FATAL:  no pg_hba.conf entry for host "10.0.0.7"', "have the server let this user in"),
        (exc.InternalError, "cannot execute INSERT in a read-only transaction", "name the server that is written to"),
        (exc.NotSupportedError, "cannot set transaction read-write mode during recovery", "as on a replica"),
    ],
)
def test_what_a_server_refuses_is_no_reason_to_ask_again(kind: type[exc.DBAPIError], text: str, says: str) -> None:
    with pytest.raises(NotLetIn, match=says), translated("postgresql://ada:***@server/chem"):
        raise kind("SELECT 1", {}, Exception(text))


def test_a_server_that_is_away_is_asked_again_whatever_it_is_called() -> None:
    said = 'connection to server at "readonly.lab.example", port 5432 failed: Connection refused'

    with pytest.raises(LedgerBusy, match="out of reach"), translated("postgresql://readonly.lab.example/chem"):
        raise exc.OperationalError("SELECT 1", {}, Exception(said))


class _CutOff(Exception):
    """As a driver has it of a statement that took too long."""

    sqlstate = "57014"


@pytest.mark.parametrize(
    ("kind", "said", "is_closed"),
    [
        (exc.OperationalError, _CutOff("canceling statement due to statement timeout"), False),
        (exc.InternalError, Exception("terminating connection due to idle-in-transaction timeout"), True),
    ],
)
def test_a_time_limit_of_a_server_damages_no_record(
    kind: type[exc.DBAPIError], said: Exception, is_closed: bool
) -> None:
    with (
        pytest.raises(LedgerBusy, match=r"broke off \(.* timeout\).*have it raised for this user"),
        translated("postgresql://server/x"),
    ):
        raise kind("SELECT 1", {}, said, connection_invalidated=is_closed)


def test_a_database_that_is_emptied_under_an_open_record_says_what_helps(new_postgres: Callable[[], str]) -> None:
    engine = engines.create(url := new_postgres())
    with open_ledger(url) as ledger:
        assert ledger.campaigns() == ()
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        with pytest.raises(NotALedger, match=r'lacks a part of the record \(relation "campaign" .*restore'):
            ledger.campaigns()
    engine.dispose()


@pytest.mark.parametrize("is_replaced", [True, False])
def test_nothing_more_is_written_to_a_file_that_was_deleted_or_replaced(
    filled_sqlite: Path, tmp_path: Path, is_replaced: bool
) -> None:
    file = Path(shutil.copy(filled_sqlite, tmp_path / "record.db"))
    with open_ledger(str(file)) as ledger:
        ledger.campaign("coupling")
        file.unlink()
        if is_replaced:
            shutil.copy(filled_sqlite, file)

        for touch in (
            lambda: ledger.campaign("coupling"),
            lambda: ledger.acquire("coupling", "somebody", timedelta(minutes=1)),
        ):
            with pytest.raises(NotALedger, match=r"record\.db was deleted or replaced by another file while"):
                touch()


def test_a_file_named_from_a_folder_is_the_same_from_another(
    filled_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(filled_sqlite, tmp_path / "record.db")
    monkeypatch.chdir(tmp_path)
    with open_ledger("record.db") as ledger:
        monkeypatch.chdir("/")

        assert ledger.campaign("coupling").name == "coupling"


@pytest.mark.parametrize("folder", ["ä ö", "a?b", "50%20x", "a#b", "a@b:c", "latin \udce9"])
def test_a_file_lies_where_its_path_says_whatever_the_folder_is_called(tmp_path: Path, folder: str) -> None:
    for number, before in enumerate(("", "sqlite:///")):
        file = tmp_path / folder / f"{number}.db"

        open_ledger(f"{before}{file}").close()

        assert [path.name for path in tmp_path.rglob(f"{number}*")] == [file.name]
        with pytest.raises(NotALedger, match=re.escape(f"ledger sqlite:///{tmp_path / folder} cannot be opened")):
            open_ledger(f"{before}{tmp_path / folder}")


@pytest.mark.parametrize(
    "text",
    [
        "database or disk is full",
        'could not extend file "base/5/16400": No space left on device\nHINT:  Check free disk space.',
        'could not extend file "base/5/16400": Disk quota exceeded',
    ],
)
def test_a_full_disk_is_not_taken_for_a_busy_ledger(text: str) -> None:
    with (
        pytest.raises(LedgerFull, match=r"the disk of the ledger sqlite:///x\.db is full") as told,
        translated("sqlite:///x.db"),
    ):
        raise sa.exc.OperationalError("INSERT", None, Exception(text))

    assert "make room there, then the same command goes on" in str(told.value)
    assert "try again in a moment" not in str(told.value)


def test_a_sqlite_file_that_fills_its_disk_is_left_as_it_was(tmp_path: Path) -> None:
    """SQLite's own limit on pages stands for the disk."""
    with open_ledger(str(tmp_path / "small.sqlite")) as ledger:
        with ledger._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
            with pytest.raises(LedgerFull), translated("it"):
                connection.exec_driver_sql("CREATE TABLE more (text TEXT)")
        assert ledger.verify_audit().is_intact


def test_a_new_ledger_and_one_that_is_up_to_date_import_neither_alembic_nor_torch_nor_pandas(sqlite_url: str) -> None:
    code = (
        "import sys; from db import open_ledger\nfor _ in 'new', 'up to date':\n"
        "    ledger = open_ledger(sys.argv[1]); ledger.campaigns(); ledger.close()\n"
        "print([name for name in ('alembic', 'torch', 'pandas', 'pyarrow', 'pint') if name in sys.modules])"
    )

    said = subprocess.run([sys.executable, "-c", code, sqlite_url], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize("is_server", [False, True])
def test_what_is_only_opened_again_stays_empty(
    is_server: bool, sqlite_url: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("new_postgres")() if is_server else sqlite_url

    with pytest.raises(NothingYet, match="is empty; add a campaign"):
        reopen_ledger(url)

    engine = engines.create(url)
    assert (has_ledger(url), sa.inspect(engine).get_table_names()) == (False, [])
    engine.dispose()
    open_ledger(url).close()
    reopen_ledger(url).close()
    assert has_ledger(url)
