"""Law 6: one holder works on a campaign at a time, and a stale one can write nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db.ledger import SqlLedger, open_ledger
from flows.engine import ban, holding, tell, tick, turn
from flows.engine.holding import Holding
from flows.engine.passes import dispatch, look, one_pass, propose, sitting
from flows.engine.turn import Turn
from flows.settings import Settings
from loop.errors import LeaseHeld, StaleLease
from loop.progress import waited
from tests.flows.engine.bench import FakeLaboratory, add, cheap_planner, story_of


def test_a_second_pass_on_this_machine_is_refused_and_names_the_first(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)

    with sitting(settings, "small"), pytest.raises(LeaseHeld, match=r"'small' is being worked on by process \d+"):
        tick(settings, "small", planner=cheap_planner)

    assert tick(settings, "small", planner=cheap_planner).round == 1


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells here that a process is stopped")
def test_a_pass_that_was_stopped_by_a_signal_is_told_with_what_lets_it_go_on(tmp_path: Path) -> None:
    lock = tmp_path / "engine.lock"
    holds = "import fcntl, os, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); "
    says = "f.write(f'process {os.getpid()}'); f.flush(); print('held', flush=True); time.sleep(60)"
    command = [sys.executable, "-I", "-S", "-c", holds + says, str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(LeaseHeld) as works:
            Turn(tmp_path, "small").take()
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        with pytest.raises(LeaseHeld) as stands:
            Turn(tmp_path, "small").take()
        process.kill()

    assert str(works.value).endswith("or stop that process")
    assert f"kill -CONT {process.pid} lets it go on, kill -KILL {process.pid} ends it" in str(stands.value)


def test_another_machine_keeps_its_lease_until_it_ends(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    with open_ledger(settings.database) as ledger:
        elsewhere = ledger.acquire("small", "elsewhere:/srv", timedelta(minutes=5))
        with pytest.raises(LeaseHeld, match="held by 'elsewhere:/srv' until"):
            tick(settings, "small", planner=cheap_planner)
        ledger.release(elsewhere)

    assert tick(settings, "small", planner=cheap_planner).round == 1


def test_what_a_killed_pass_held_is_taken_over_through_a_link_to_the_same_home(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path)
    with open_ledger(settings.database) as ledger:
        killed = Holding(ledger, settings, "small")
        killed.take()
        killed._turn.end()  # the system frees the lock, and nobody gives the lease back
    (tmp_path / "link").symlink_to(settings.home)

    assert tick(Settings(tmp_path / "link", by="tester"), "small", planner=cheap_planner).round == 1


@pytest.mark.usefixtures("laboratory")
def test_what_a_killed_pass_held_is_taken_over_where_its_folder_was_moved(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    with open_ledger(settings.database) as ledger:
        ledger.acquire("small", f"{socket.gethostname()}:{settings.home}", timedelta(minutes=5))
    moved = Settings(home=settings.home.rename(tmp_path / "moved"), by="tester")

    with (
        sitting(moved, "small"),
        open_ledger(moved.database) as ledger,
        pytest.raises(LeaseHeld, match=f"held by '{socket.gethostname()}:{moved.home}'"),
    ):
        ledger.acquire("small", "elsewhere:/srv", timedelta(minutes=5))


def test_a_folder_that_is_gone_is_not_this_one_where_the_record_lies_elsewhere(
    settings: Settings, tmp_path: Path
) -> None:
    elsewhere = replace(settings, database=f"sqlite:///{tmp_path / 'shared.db'}")
    add(elsewhere, tmp_path)
    with open_ledger(elsewhere.database) as ledger:
        ledger.acquire("small", f"{socket.gethostname()}:{tmp_path / 'gone'}", timedelta(minutes=5))

    with pytest.raises(LeaseHeld, match=f"{tmp_path / 'gone'}"), sitting(elsewhere, "small"):
        pass


def test_a_pass_whose_lease_was_taken_over_writes_nothing_more(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with sitting(settings, "small", planner=cheap_planner) as session:
        one_pass(session)
        before = story_of(settings)
        with open_ledger(settings.database, clock=lambda: tomorrow) as other:
            other.acquire("small", "elsewhere:/srv", timedelta(minutes=5))
        with pytest.raises(StaleLease, match="Nothing was written"):
            look(session)

        assert story_of(settings) == before


def test_a_stale_pass_sends_nothing(settings: Settings, tmp_path: Path, laboratory: FakeLaboratory) -> None:
    add(settings, tmp_path)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with sitting(settings, "small", planner=cheap_planner) as session:
        propose(session)
        with open_ledger(settings.database, clock=lambda: tomorrow) as other:
            other.acquire("small", "elsewhere:/srv", timedelta(minutes=5))
        with pytest.raises(StaleLease):
            dispatch(session)

    assert laboratory.jobs == {}


def test_a_campaign_at_work_is_not_taken_by_a_machine_whose_clock_is_ten_minutes_ahead(
    settings: Settings, tmp_path: Path
) -> None:
    add(settings, tmp_path)
    now = [datetime.now(UTC)]
    ahead = timedelta(minutes=10)
    with (
        open_ledger(settings.database, clock=lambda: now[0]) as ledger,
        open_ledger(settings.database, clock=lambda: now[0] + ahead) as other,
    ):
        held = Holding(ledger, settings, "small", clock=lambda: now[0])
        held.take()
        for _ in range(40):
            now[0] += timedelta(seconds=30)
            assert held.lease.expires > now[0] + ahead
            with pytest.raises(LeaseHeld):
                other.acquire("small", "elsewhere:/srv", settings.lease)
        held.give_back()


def test_a_lease_is_renewed_when_a_tenth_of_it_is_over(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    now = [datetime.now(UTC)]
    with open_ledger(settings.database, clock=lambda: now[0]) as ledger:
        held = Holding(ledger, settings, "small", clock=lambda: now[0])
        held.take()
        first = held.lease
        now[0] += settings.lease * 0.09
        same = held.lease
        now[0] += settings.lease * 0.02
        renewed = held.lease
        held.give_back()

    assert same == first
    assert renewed.epoch == first.epoch + 1
    assert renewed.expires == now[0] + settings.lease


def test_a_lease_is_renewed_where_the_clock_of_its_holder_was_set_back(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    here = servers = datetime.now(UTC)
    with open_ledger(settings.database, clock=lambda: servers) as ledger:
        held = Holding(ledger, settings, "small", clock=lambda: here)
        held.take()
        here, servers = here - timedelta(hours=1), servers + settings.lease * 0.9
        renewed = held.lease
        held.give_back()

    assert renewed.expires == servers + settings.lease


def test_a_lease_that_another_machine_took_meanwhile_is_not_taken_back(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    now = [datetime.now(UTC)]
    with open_ledger(settings.database, clock=lambda: now[0]) as ledger:
        held = Holding(ledger, settings, "small", clock=lambda: now[0])
        held.take()
        now[0] += settings.lease * 1.5
        ledger.acquire("small", "elsewhere:/srv", settings.lease)

        with pytest.raises(LeaseHeld, match="elsewhere"):
            _ = held.lease
        held.give_back()


def test_nobody_wants_the_turn_until_somebody_waits_for_it(tmp_path: Path) -> None:
    first, second = Turn(tmp_path, "small"), Turn(tmp_path, "small")
    first.take()
    assert not first.is_wanted()

    with pytest.raises(LeaseHeld):
        second.take(patience=0.05)
    first.end()
    second.take()

    with pytest.raises(LeaseHeld):
        first.take()
    second.end()


def test_telling_waits_for_a_pass_to_end(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.engine.people import telling

    add(settings, tmp_path)
    file = tmp_path / "told.csv"
    file.write_text("solvent,base,step,yield\nwater,DBU,1,5\n", encoding="utf-8")
    monkeypatch.setattr(telling, "PATIENCE", 0.05)

    with sitting(settings, "small"), pytest.raises(LeaseHeld, match="wait until that pass ends"):
        tell(settings, "small", file, by="tester")

    assert tell(settings, "small", file, by="tester").accepted == 1


def test_a_run_lets_a_command_of_another_folder_through_where_the_record_shows_that_it_waits(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path)
    waiting = threading.Event()
    show_wishes(monkeypatch, waiting)
    monkeypatch.setattr(holding, "_BEHIND", 60.0)  # however slow this machine is, the command goes first
    there = replace(settings, home=tmp_path / "elsewhere")
    said: dict[str, list[str]] = defaultdict(list)  # by thread: the run may have to wait for the command in its turn

    with sitting(settings, "small") as session, ThreadPoolExecutor(1, "command") as pool:
        assert not session.held.give_way()
        with waited(lambda what: said[threading.current_thread().name].append(what)):
            command = pool.submit(ban, there, "small", ["solvent=water"], by="ada", why="it smells")
            assert waiting.wait(30)
            assert session.held.give_way()
            made = command.result(30)
        session.refresh()

        assert [d.id for d in session.view.decisions] == [made.id]
    assert said["command_0"] == [
        f"campaign 'small' is held by '{socket.gethostname()}:{settings.home}'; waiting for it to give way between "
        "two passes, 60 s at most"
    ]


def show_wishes(monkeypatch: pytest.MonkeyPatch, waiting: threading.Event) -> None:
    """Has SQLite show that somebody waits, as PostgreSQL does: ``waiting`` is set meanwhile."""

    @contextmanager
    def wish(_self: SqlLedger, _name: str) -> Iterator[None]:
        waiting.set()
        try:
            yield
        finally:
            waiting.clear()

    monkeypatch.setattr(SqlLedger, "wish", wish)
    monkeypatch.setattr(SqlLedger, "is_wished", lambda *_: waiting.is_set())


def test_what_waits_for_a_pass_of_this_folder_says_so_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path)
    monkeypatch.setattr(turn, "_SOON", 0.0)
    said: list[str] = []

    with sitting(settings, "small"), waited(said.append), pytest.raises(LeaseHeld):
        Turn(settings.folder("small"), "small").take(patience=0.2)

    assert len(said) == 1
    assert "'small' is being worked on by process" in said[0]
