"""Law 4 over HTTP: hakken and the laboratory are killed in each state; nothing runs twice, nothing is lost, and what
nobody can tell waits for a person."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.engine import resolve, tick
from flows.settings import Settings
from loop.experiment import State
from loop.outcome import Fault, FaultKind
from tests.adapters.forking import Fork, Forks
from tests.adapters.helpers import free_port
from tests.flows.engine.bench import add, cheap_planner
from tests.flows.engine.zygote import ROOT, Zygote

LABELS = [
    "dispatch.claimed",
    "folder.prepared",
    "dispatch.prepared",
    "http.sending",
    "http.sent",
    "dispatch.started",
    "dispatch.accepted",
    "reconcile.found",
    "reconcile.stored",
    "ingest.fetched",
    "ingest.stored",
    "ingest.judged",
]
SPACE: dict[str, Any] = {
    "ligand": {"type": "category", "options": ["XPhos", "SPhos", "PPh3"]},
    "temperature": {"type": "number", "values": [60, 80, 100], "unit": "degC"},
}


@dataclass(frozen=True)
class Served:
    """A laboratory that runs in a process of its own."""

    process: Fork
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        asked = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            asked.request("GET", "/laboratory")
            return asked.getresponse().status == 200
        except OSError:
            return False
        finally:
            asked.close()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


Serve = Callable[..., Served]


@pytest.fixture(scope="module")
def served() -> Iterator[Serve]:
    """Starts ``python -m examples.http_laboratory``, whose imports take most of its life."""
    imports = ("uvicorn", "uvicorn.loops.auto", "uvicorn.protocols.http.auto", "uvicorn.lifespan.on")
    forks = Forks("examples.http_laboratory.server", *imports, path=ROOT)

    def serve(folder: Path, port: int | None = None, **environ: str) -> Served:
        folder.mkdir(parents=True, exist_ok=True)
        port = port or free_port()
        words = ("examples.http_laboratory", "--folder", str(folder), "--port", str(port), "--seconds", "0.01")
        found = Served(forks.start(*words, environ=environ), port)
        until = time.monotonic() + 60.0
        while not found.answers():
            assert found.process.poll() is None, "the laboratory ended"
            assert time.monotonic() < until, "the laboratory did not answer within a minute"
            time.sleep(0.02)
        return found

    yield serve
    forks.close()


@pytest.fixture
def laboratory(tmp_path: Path, served: Serve) -> Iterator[Served]:  # takes the place of the engine's fake
    found = served(tmp_path / "server")
    yield found
    found.stop()


def begin(settings: Settings, folder: Path, url: str, **more: Any) -> str:
    planner = {"surrogate": "random", "batch": 3, "initial": {"design": "random", "experiments": 3}, "seed": 5}
    section = {"adapter": "http", "url": url, "properties": {"yield": "%"}, **more}
    return add(settings, folder, space=SPACE, planner=planner, budget={"experiments": 6}, laboratory=section)


def runs(folder: Path) -> Counter[str]:
    """How often each attempt was begun, by the bench's own log."""
    lines = [json.loads(line) for line in (folder / "server/bench.jsonl").read_text().splitlines()]
    return Counter(line["begun"] for line in lines if "begun" in line)


def states(settings: Settings) -> dict[str, State]:
    with open_ledger(settings.database) as ledger:
        return {a.key: a.state for a in ledger.attempts("small")}


def outcomes(settings: Settings) -> dict[str | None, Any]:
    with open_ledger(settings.database) as ledger:
        observations = ledger.observations("small")
        assert len({o.key for o in observations}) == len(observations)
        return {o.key: o.outcome for o in observations}


@pytest.mark.parametrize("label", LABELS)
def test_hakken_killed_at(label: str, settings: Settings, tmp_path: Path, zygote: Zygote, laboratory: Served) -> None:
    begin(settings, tmp_path, laboratory.url)
    if label.startswith("reconcile"):  # a key is looked up only where there is a doubt
        zygote.ask(settings.home, environ={"HAKKEN_CRASH_AT": "http.sent"})
    died = zygote.ask(settings.home, environ={"HAKKEN_CRASH_AT": label})
    zygote.ask(settings.home, environ={"HAKKEN_CRASH_AT": label, "HAKKEN_CRASH_COUNT": "2"})
    ended = zygote.ask(settings.home)

    assert (died, ended) == (-9, 0)
    assert set(states(settings).values()) == {State.ENDED}
    assert runs(tmp_path) == dict.fromkeys(outcomes(settings), 1)
    assert len(outcomes(settings)) == 6


def go_on(settings: Settings, folder: Path, laboratory: Served, served: Serve) -> Served:
    """Pass after pass, the laboratory started again wherever it died, until only a person can go on."""
    until = time.monotonic() + 120.0
    while time.monotonic() < until:
        if laboratory.process.poll() is not None:
            laboratory = served(folder / "server", laboratory.port)
        report = tick(settings, "small", planner=cheap_planner)
        if report.state != "active" or report.waits_for_person:
            return laboratory
        time.sleep(0.02)
    raise AssertionError("the campaign had not ended after two minutes")


@pytest.mark.parametrize(
    "label", ["submit.received", "submit.stored", "run.running", "run.begun", "run.done", "run.ended"]
)
@pytest.mark.parametrize("ran", [True, False], ids=["it ran", "it never ran"])
def test_the_laboratory_killed_at(label: str, ran: bool, settings: Settings, tmp_path: Path, served: Serve) -> None:
    dying = served(tmp_path / "server", LABORATORY_CRASH_AT=label)
    begin(settings, tmp_path, dying.url)
    laboratory = go_on(settings, tmp_path, dying, served)
    in_doubt = [key for key, state in states(settings).items() if state is State.AMBIGUOUS]
    try:
        assert len(in_doubt) == (label == "run.begun")  # the bench was at it, and cannot say how far it came
        assert max(runs(tmp_path).values()) == 1
        for key in in_doubt:
            resolve(settings, key, ran=ran, by="tester")
        laboratory = go_on(settings, tmp_path, laboratory, served)
    finally:
        laboratory.stop()

    found = outcomes(settings)
    assert dying.process.wait() == -9
    assert set(states(settings).values()) == {State.ENDED}
    assert len(found) == 6
    assert runs(tmp_path) == {key: 2 if key in in_doubt and not ran else 1 for key in found}
    doubtful = [key for key, o in found.items() if isinstance(o, Fault) and o.kind is FaultKind.AMBIGUOUS]
    assert doubtful == (in_doubt if ran else [])


def test_both_killed_at_random(settings: Settings, tmp_path: Path, zygote: Zygote, served: Serve) -> None:
    import random

    moments = random.Random(23)
    laboratory = served(tmp_path / "server")
    begin(settings, tmp_path, laboratory.url)
    for _ in range(6):
        zygote.ask(settings.home, kill_after=moments.uniform(0.05, 0.5))
        laboratory.stop()
        laboratory = served(tmp_path / "server", laboratory.port)
    try:
        laboratory = go_on(settings, tmp_path, laboratory, served)
        in_doubt = [key for key, state in states(settings).items() if state is State.AMBIGUOUS]
        for key in in_doubt:
            resolve(settings, key, ran=True, by="tester")
        laboratory = go_on(settings, tmp_path, laboratory, served)
    finally:
        laboratory.stop()

    assert set(runs(tmp_path).values()) == {1}
    assert set(runs(tmp_path)) == set(outcomes(settings))
    assert len(outcomes(settings)) == 6
