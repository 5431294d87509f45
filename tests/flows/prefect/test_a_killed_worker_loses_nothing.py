"""Against a real server: a scheduled campaign whose worker is killed in the middle ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.engine import run, status, tick
from flows.settings import Settings
from tests.flows.engine.bench import add, executions, story_of
from tests.flows.engine.zygote import ROOT

PREFECT = Path(sys.executable).with_name("prefect")
PATIENCE = 400.0  # seconds; far more than it takes, for machines that are busy with other things


class Processes:
    """Processes of one project; ends those that it started, and nothing else."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.api = f"http://127.0.0.1:{port}/api"
        self.port, self._running = port, list[subprocess.Popen[bytes]]()
        self._log = (home / "prefect.log").open("wb")
        self._environ = {
            **os.environ,
            "HAKKEN_HOME": str(home),
            "HAKKEN_TRAIN_POOL": "hakken",  # the same worker does both
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_API_URL": self.api,
            "PREFECT_WORKER_QUERY_SECONDS": "3",
            "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
            "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "PT60S",  # else a hundred passes are kept ready
            "PREFECT_SERVER_UI_ENABLED": "false",
            "PYTHONPATH": str(ROOT),
        }

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, cwd=ROOT, env=self._environ, stdout=self._log, stderr=self._log)
        self._running.append(process)
        return process

    def worker(self) -> subprocess.Popen[bytes]:
        return self.start(str(PREFECT), "worker", "start", "--pool", "hakken", "--type", "process", "--limit", "2")

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """The process and all that it started, at one blow: it is held first, so that it starts nothing meanwhile."""
        if process.poll() is None:
            process.send_signal(signal.SIGSTOP)
            for number in (*_descendants(process.pid), process.pid):
                _kill(number)
        process.wait()

    def end(self) -> None:
        for process in reversed(self._running):
            self.kill(process)
        self._log.close()


def _descendants(number: int) -> list[int]:
    try:
        children = [int(n) for n in Path(f"/proc/{number}/task/{number}/children").read_text().split()]
    except OSError:
        return []
    return [d for child in children for d in (*_descendants(child), child)]


def _kill(number: int) -> None:
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        return


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(1.0)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _is_paused(api: str) -> bool:
    with urllib.request.urlopen(f"{api}/deployments/name/tick/small", timeout=5) as reply:
        return bool(json.load(reply)["paused"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", by="tester")


@pytest.fixture
def processes(settings: Settings) -> Iterator[Processes]:
    if not PREFECT.exists() or not Path("/proc/self/task").is_dir():
        if os.environ.get("HAKKEN_REQUIRE_ALL"):
            pytest.fail("this test needs the prefect command and Linux's /proc")
        pytest.skip("needs the prefect command and Linux's /proc")
    settings.home.mkdir(parents=True)
    started = Processes(settings.home)
    yield started
    started.end()
    shutil.rmtree(settings.home)


@pytest.mark.server
@pytest.mark.slow
def test_a_scheduled_campaign_survives_its_worker(settings: Settings, tmp_path: Path, processes: Processes) -> None:
    planner = {"surrogate": "random", "acquisition": "random", "batch": 2, "seed": 5}
    changes = {
        "planner": {**planner, "initial": {"design": "random", "experiments": 2}},
        "budget": {"experiments": 4},
        "laboratory": {"adapter": "simulated", "noise": 1.0},
    }
    calm = Settings(tmp_path / "calm")
    for place in (calm, settings):
        add(place, tmp_path, **changes)
    run(calm, "small", on_tick=lambda _: None, poll=0.02)
    tick(settings, "small")  # its first round, without Prefect
    processes.start(str(PREFECT), "server", "start", "--host", "127.0.0.1", "--port", str(processes.port))
    until(lambda: answers(f"{processes.api}/health"), "the server answers")
    # Far longer than a pass takes on a busy machine: passes that pile up block the server for good, and each takes a
    # process some seconds.
    deploy = processes.start(sys.executable, "-W", "ignore", "-m", "flows.deployments", "small", "--every", "30")
    assert deploy.wait(PATIENCE) == 0

    first = processes.worker()
    until(lambda: status(settings, "small")[0].round == 2, "the next round is planned")
    processes.kill(first)
    done_when_killed = status(settings, "small")[0].experiments_done
    processes.worker()
    until(lambda: status(settings, "small")[0].state == "finished", "the campaign is finished")

    until(lambda: _is_paused(processes.api), "the schedule of the finished campaign is paused")

    assert done_when_killed < 4
    assert story_of(settings) == story_of(calm)
    assert executions(settings) == executions(calm)
