"""Law 4 over gRPC: the engine is killed in each state of an attempt, the SiLA server dies at every step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.settings import Settings
from loop.outcome import Fault, FaultKind, Measured
from tests.flows.engine.bench import add, story_of
from tests.flows.engine.zygote import Zygote, killed_at_each

pytest.importorskip("sila2", reason="SiLA 2 servers need hakken[sila2]")

from tests.adapters.sila.sila_bench import STEPS, SilaBench

LABELS = [
    "dispatch.claimed",
    "sila2.accepted",
    "reconcile.found",
    "sila2.prepared",
    "dispatch.prepared",
    "sila2.sending",
    "reconcile.started",
    "sila2.sent",
    "sila2.started",
    "dispatch.started",
    "dispatch.accepted",
    "sila2.collected",
    "ingest.fetched",
    "ingest.stored",
    "ingest.judged",
]


class Shift:
    """A server that dies once at each of its steps, and is started again by whoever looks after it."""

    def __init__(self, folder: Path) -> None:
        self.bench, self._to_die, self._is_over = SilaBench(folder), list(STEPS), threading.Event()
        self.bench.dies_at = self._dies_at
        self._thread = threading.Thread(target=self._look_after)
        self._thread.start()

    def _dies_at(self, step: str) -> bool:
        if step not in self._to_die:
            return False
        self._to_die.remove(step)
        return True

    def _look_after(self) -> None:
        while not self._is_over.wait(0.01):
            if self.bench.is_dead:
                self.bench.restart()

    def end(self) -> None:
        self._is_over.set()
        self._thread.join()
        self.bench.stop()


@pytest.fixture
def shift(tmp_path: Path) -> Iterator[Shift]:
    at_work = Shift(tmp_path / "server")
    yield at_work
    at_work.end()


def test_nothing_is_doubled_nothing_is_lost_and_a_person_ends_each_doubt_in_one_command(
    settings: Settings, tmp_path: Path, zygote: Zygote, shift: Shift
) -> None:
    laboratory = {"adapter": "sila2", "address": shift.bench.address, "trust": "nothing", "timeout": 5}
    add(settings, tmp_path, laboratory=laboratory, budget={"experiments": 40})

    died, doubts = killed_at_each(zygote, settings, LABELS, shift.bench.runs)

    outcomes = [outcome for *_, outcome in story_of(settings).results]
    assert died == dict.fromkeys(LABELS, -9)
    assert set(shift.bench.runs().values()) == {1}
    assert doubts == 2  # it died as one began, and as one ran
    assert sum(isinstance(o, Measured) for o in outcomes) == 39
    assert [o.kind for o in outcomes if isinstance(o, Fault)] == [FaultKind.AMBIGUOUS]
