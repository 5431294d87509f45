"""Several processes and threads at one ledger: killed, stale, or all at once."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from db import SqlLedger, open_ledger, reading
from db import engine as engines
from db import tables as t
from db.ids import uuid7
from loop.contracts import Ledger
from loop.errors import LedgerBusy, NotFound, StaleLease
from loop.experiment import Event
from loop.record import EnvelopeDraft, Lease
from loop.testing.ledger import SPEC, batch

Fill = Callable[[Ledger], Lease]
HOUR = timedelta(hours=1)

WRITER = """
import json, os, signal, sys
from datetime import datetime, timedelta
from db import SqlLedger, open_ledger, reading
from loop import checkpoints
from loop.errors import LedgerError
from loop.record import EnvelopeDraft, Lease

url, label, lease = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
lease = Lease(lease[0], lease[1], lease[2], datetime.fromisoformat(lease[3]))
checkpoints.on_reached = lambda here: os.kill(os.getpid(), signal.SIGKILL) if here == label else None
ledger = open_ledger(url)
try:
    with ledger.work(lease) as work:
        for number in range(3):
            work.receive(EnvelopeDraft("child", None, str(number)))
except LedgerError as error:
    print(type(error).__name__)
"""


def child(url: str, label: str, lease: Lease) -> subprocess.CompletedProcess[str]:
    said = json.dumps([lease.campaign_id, lease.holder, lease.epoch, lease.expires.isoformat()])
    return subprocess.run([sys.executable, "-c", WRITER, url, label, said], capture_output=True, text=True, check=False)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    return str(request.getfixturevalue("new_postgres")())


def test_a_process_killed_before_its_commit_leaves_nothing_and_killed_after_it_everything(url: str) -> None:
    with open_ledger(url) as ledger:
        ledger.open_campaign("coupling", SPEC, by="ada")
        lease = ledger.acquire("coupling", "engine-1", HOUR)

        before = child(url, "work.before-commit", lease)
        left_before = ledger.envelopes("coupling")
        after = child(url, "work.after-commit", lease)
        left_after = ledger.envelopes("coupling")

        assert (before.returncode, after.returncode) == (-signal.SIGKILL, -signal.SIGKILL)
        assert left_before == ()
        assert [e.payload for e in left_after] == ["0", "1", "2"]
        assert ledger.verify_audit().is_intact


def test_of_two_processes_the_stale_one_writes_nothing(url: str) -> None:
    with open_ledger(url) as ledger:
        ledger.open_campaign("coupling", SPEC, by="ada")
        stale = ledger.acquire("coupling", "engine-1", -HOUR)
        ledger.acquire("coupling", "engine-2", HOUR)
        entries = ledger.audit()

        said = child(url, "nowhere", stale)

        assert said.stdout.strip() == "StaleLease", said.stderr
        assert ledger.envelopes("coupling") == ()
        assert ledger.audit() == entries


def test_a_holder_that_was_overtaken_inside_its_pass_cannot_begin_the_next_write(url: str) -> None:
    with open_ledger(url) as mine, open_ledger(url) as theirs:
        mine.open_campaign("coupling", SPEC, by="ada")
        lease = mine.acquire("coupling", "engine-1", -HOUR)
        with mine.work(lease) as work:
            work.receive(EnvelopeDraft("robot", None, "first"))
        theirs.acquire("coupling", "engine-2", HOUR)

        with pytest.raises(StaleLease), mine.work(lease) as work:
            work.receive(EnvelopeDraft("robot", None, "second"))

        assert [e.payload for e in theirs.envelopes("coupling")] == ["first"]


def test_the_row_of_an_attempt_says_who_wrote_it_last_and_under_which_epoch(url: str) -> None:
    with open_ledger(url) as ledger:
        ledger.open_campaign("coupling", SPEC, by="ada")
        first = ledger.acquire("coupling", "engine-1", -HOUR)
        with ledger.work(first) as work:
            work.record_round(batch(1))
        key = ledger.attempts("coupling")[0].key
        second = ledger.acquire("coupling", "engine-2", HOUR)
        with ledger.work(second) as work:
            work.move(key, Event.CLAIMED)

        with engines.reading(ledger._engine) as session:
            row = session.get_one(t.Attempt, key)
            assert (row.lease_holder, row.epoch) == ("engine-2", second.epoch)


def test_a_change_that_two_make_at_once_is_one_version(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changed, look = {**SPEC, "seed": 5}, reading.campaigns

    def looked(*asked: Any) -> Any:
        monkeypatch.setattr(reading, "campaigns", look)
        found = look(*asked)
        theirs.open_campaign("coupling", changed, by="bob")
        return found

    with open_ledger(url) as mine, open_ledger(url) as theirs:
        mine.open_campaign("coupling", SPEC, by="ada")
        monkeypatch.setattr(reading, "campaigns", looked)

        opened = mine.open_campaign("coupling", changed, by="ada")

        assert opened.version == 2
        assert [e.actor for e in mine.audit()] == ["ada", "bob"]


def test_many_threads_write_one_chain(url: str) -> None:
    names = [f"campaign-{number}" for number in range(4)]

    def run(name: str) -> None:
        with open_ledger(url) as ledger:  # the first one makes the schema, the others wait
            ledger.open_campaign(name, SPEC, by=name)
            lease = ledger.acquire(name, name, HOUR)
            for number in range(5):
                with ledger.work(lease, actor=name) as work:
                    work.receive(EnvelopeDraft("robot", None, str(number)))
                    work.record_round(batch(number + 1))

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(run, names))

    with open_ledger(url) as ledger:
        report = ledger.verify_audit()
        assert (report.is_intact, report.message) == (True, "")
        assert report.entries == 4 * (1 + 5 * 2)
        assert all(len(ledger.rounds(name)) == 5 for name in names)


def test_a_new_ledger_waits_for_whoever_writes_to_its_file(tmp_path: Path) -> None:
    file = tmp_path / "new.sqlite"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")  # here SQLite refuses write-ahead logging at once, whatever its timeout
    timer = threading.Timer(0.2, other.execute, ["COMMIT"])
    timer.start()
    try:
        with open_ledger(f"sqlite:///{file}") as ledger:
            named = [c.name for c in ledger.campaigns()]
    finally:
        timer.join()
        other.close()

    assert named == []
    with closing(sqlite3.connect(file)) as reader:
        assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_campaign_made_by_two_at_once_is_one(url: str) -> None:
    open_ledger(url).close()

    def run(_: int) -> str:
        with open_ledger(url) as ledger:
            return ledger.open_campaign("coupling", SPEC, by="ada").id

    with ThreadPoolExecutor(4) as pool:
        ids = set(pool.map(run, range(4)))

    with open_ledger(url) as ledger:
        assert len(ledger.campaigns()) == 1
        assert ids == {ledger.campaign("coupling").id}


def test_who_makes_a_campaign_while_another_does_gets_that_one(new_postgres: Callable[[], str]) -> None:
    url, made = new_postgres(), []
    with open_ledger(url) as other:

        def new_id() -> str:  # asked for once it is seen that there is no such campaign
            if not made:
                made.append(other.open_campaign("coupling", SPEC, by="bob"))
            return uuid7()

        with open_ledger(url, new_id=new_id) as ledger:
            mine = ledger.open_campaign("coupling", SPEC, by="ada")
            named = [c.name for c in ledger.campaigns()]

    assert (mine, named) == (made[0], ["coupling"])


def test_a_safety_stop_comes_between_a_pass_that_has_begun_to_write_and_its_first_row(
    new_postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch, fill: Fill
) -> None:
    url = new_postgres()
    monkeypatch.setattr(engines, "BUSY_SECONDS", 1)  # else each waits for the other, until PostgreSQL ends one of them
    with open_ledger(url) as ledger, open_ledger(url) as other:
        lease = fill(ledger)
        with ledger.work(lease) as work:
            stop = other.halt("coupling", by="bob", why="it smells of gas")
            work.receive(EnvelopeDraft("robot", None, "late"))

        assert stop.is_in_force
        assert [e.payload for e in ledger.envelopes("coupling")][-1] == "late"
        assert ledger.verify_audit().is_intact


def test_a_reader_waits_for_no_writer_and_takes_no_write_lock(url: str, fill: Fill) -> None:
    with open_ledger(url) as ledger, open_ledger(url) as reader:
        lease = fill(ledger)
        with ledger.work(lease) as work:
            work.receive(EnvelopeDraft("robot", None, "late"))
            inside = len(reader.envelopes("coupling")), reader.verify_audit().is_intact
        with reader._reading() as session:
            session.connection()
            with ledger.work(lease) as work:  # while somebody reads
                work.receive(EnvelopeDraft("robot", None, "later"))

        assert inside == (4, True)
        assert len(reader.envelopes("coupling")) == 6


def test_a_ledger_that_another_process_writes_for_too_long_is_busy(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0)
    with open_ledger(sqlite_url) as ledger, open_ledger(sqlite_url) as other:
        ledger.open_campaign("coupling", SPEC, by="ada")
        lease = ledger.acquire("coupling", "engine-1", HOUR)

        with ledger.work(lease) as work:
            work.receive(EnvelopeDraft("robot", None, "{}"))
            with pytest.raises(LedgerBusy, match=r"locked.*try again"):
                other.acquire("coupling", "engine-1", HOUR)


def test_a_server_that_was_started_anew_between_two_transactions_is_used_again(
    new_postgres: Callable[[], str],
) -> None:
    url = new_postgres()
    server = engines.create(url)
    with open_ledger(url) as ledger:
        ledger.open_campaign("coupling", SPEC, by="ada")
        with server.connect() as other:  # what a restart does to those who are connected
            other.exec_driver_sql(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        server.dispose()

        assert ledger.acquire("coupling", "engine-1", HOUR).epoch == 1


def test_a_server_that_takes_a_connection_and_says_nothing_is_not_waited_for_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://ada@127.0.0.1:{silent.getsockname()[1]}/coupling"
        monkeypatch.setattr(engines, "CONNECT_SECONDS", 2)  # PostgreSQL's library takes no less

        with pytest.raises(LedgerBusy, match=r"the ledger postgresql://ada@.* out of reach .*timeout.*try again"):
            open_ledger(url)


def test_a_lost_network_is_noticed_and_what_a_url_says_of_that_goes_first(new_postgres: Callable[[], str]) -> None:
    url = new_postgres()
    said = sa.make_url(url).update_query_dict({"keepalives_idle": "77"}).render_as_string(hide_password=False)
    engine = engines.create(said)

    with engine.connect() as connection:
        told = connection.connection.dbapi_connection.info.get_parameters()
    engine.dispose()

    assert told["keepalives_idle"] == "77"
    assert told["tcp_user_timeout"] == "60000"
    assert int(told["connect_timeout"]) == engines.CONNECT_SECONDS


def test_whoever_holds_a_campaign_on_a_server_sees_that_somebody_waits(
    new_postgres: Callable[[], str], fill: Fill
) -> None:
    url = new_postgres()
    with open_ledger(url) as holder, open_ledger(url) as other:
        lease = fill(holder)
        before = holder.is_wished(lease)
        with other.wish("coupling"):
            during = holder.is_wished(lease)
            with other.wish("coupling"):  # two may wait
                pass
            still = holder.is_wished(lease)

        assert (before, during, still, holder.is_wished(lease)) == (False, True, True, False)
        with pytest.raises(NotFound), other.wish("no such"):
            pass


def test_in_a_file_nobody_is_seen_to_wait(sqlite_ledger: SqlLedger, fill: Fill) -> None:
    lease = fill(sqlite_ledger)

    with sqlite_ledger.wish("coupling"):
        assert not sqlite_ledger.is_wished(lease)


def test_a_lock_that_another_session_keeps_is_said_and_not_waited_for_without_end(
    new_postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch, fill: Fill
) -> None:
    url = new_postgres()
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.1)
    with open_ledger(url) as ledger:
        fill(ledger)
        engine = engines.create(url)
        with engine.begin() as session:
            session.exec_driver_sql("LOCK TABLE attempt IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(LedgerBusy, match=r"locked by another session .*lock timeout.*pg_stat_activity"):
                ledger.attempts("coupling")
        engine.dispose()

        assert ledger.attempts("coupling")
