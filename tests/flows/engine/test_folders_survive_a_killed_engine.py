"""Law 4 through an exchange folder: the engine is killed in each state, the device dies between any two steps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.settings import Settings
from loop.outcome import Fault, FaultKind, Measured
from tests.adapters.rigs import STEPS, Crashed, FolderRig
from tests.flows.engine.bench import add, resolve_doubts, story_of
from tests.flows.engine.zygote import Zygote

LABELS = [
    "dispatch.claimed",
    "csv_folder.staged",
    "reconcile.found",
    "csv_folder.prepared",
    "dispatch.prepared",
    "reconcile.started",
    "csv_folder.published",
    "csv_folder.started",
    "dispatch.started",
    "dispatch.accepted",
    "csv_folder.collected",
    "ingest.fetched",
    "ingest.stored",
    "ingest.judged",
]
PASSES = 4  # an engine that finds a doubt waits for a person before it comes to its label
LABORATORY = {
    "adapter": "csv_folder",
    "folder": "rig",
    "taken": "taken",
    "response": {"status": {"column": "outcome", "measured": ["done"], "unknown": ["lost track"]}},
}


class Shift:
    """A rig at work in a thread; it dies once after each of the steps, and is started again."""

    def __init__(self, folder: Path) -> None:
        self.rig, self._to_die, self._is_over = FolderRig(folder, step=self._step), list(STEPS), threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _step(self, step: str) -> None:
        if step in self._to_die:
            self._to_die.remove(step)
            raise Crashed

    def _work(self) -> None:
        while not self._is_over.wait(0.01):
            try:
                self.rig.work()
            except Crashed:
                continue

    def end(self) -> None:
        self._is_over.set()
        self._thread.join()


@pytest.fixture
def shift(tmp_path: Path) -> Iterator[Shift]:
    at_work = Shift(tmp_path / "rig")
    yield at_work
    at_work.end()


def test_nothing_is_doubled_nothing_is_lost_and_a_person_ends_each_doubt_in_one_command(
    settings: Settings, tmp_path: Path, shift: Shift
) -> None:
    died: dict[str, int] = {}
    zygote, doubts = Zygote(), 0
    add(settings, tmp_path, laboratory=LABORATORY, budget={"experiments": 40})
    for label in LABELS:
        for _ in range(PASSES):
            died[label] = zygote.ask(settings.home, environ={"HAKKEN_CRASH_AT": label})
            doubts += resolve_doubts(settings, shift.rig.runs())
            if died[label]:
                break
    while story_of(settings).state[0] == "active":
        assert zygote.ask(settings.home) == 0
        doubts += resolve_doubts(settings, shift.rig.runs())
    zygote.close()
    outcomes = [outcome for *_, outcome in story_of(settings).results]

    assert died == dict.fromkeys(LABELS, -9)
    assert set(shift.rig.runs().values()) == {1}
    assert doubts == 2  # it died as it began, and as it ran
    assert sum(isinstance(o, Measured) for o in outcomes) == 39
    assert [o.kind for o in outcomes if isinstance(o, Fault)] == [FaultKind.AMBIGUOUS]
