"""Law 4 through an exchange folder: the engine is killed in each state, the device dies between any two steps."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.engine import tick
from flows.settings import Settings
from loop.outcome import Fault, FaultKind, Measured
from tests.adapters.csv_folder.rigs import STEPS, Crashed, FolderRig
from tests.flows.engine.bench import add, cheap_planner, resolve_doubts, story_of
from tests.flows.engine.zygote import ROOT, Zygote, killed_at_each

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
    settings: Settings, tmp_path: Path, zygote: Zygote, shift: Shift
) -> None:
    add(settings, tmp_path, laboratory=LABORATORY, budget={"experiments": 40})

    died, doubts = killed_at_each(zygote, settings, LABELS, shift.rig.runs)

    outcomes = [outcome for *_, outcome in story_of(settings).results]
    assert died == dict.fromkeys(LABELS, -9)
    assert set(shift.rig.runs().values()) == {1}
    assert doubts == 2  # it died as it began, and as it ran
    assert sum(isinstance(o, Measured) for o in outcomes) == 39
    assert [o.kind for o in outcomes if isinstance(o, Fault)] == [FaultKind.AMBIGUOUS]


def device(folder: Path, step: str = "") -> int:
    """A device's program, a process of its own, until nothing is left to be done; killed after ``step``."""
    command = [sys.executable, "-m", "tests.adapters.csv_folder.rigs", str(folder), step]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def test_a_device_that_is_killed_at_each_step_doubles_and_loses_nothing(settings: Settings, tmp_path: Path) -> None:
    """Its program is a process that the system ends where it stands: what it had not written is not there."""
    rig, died, doubts = tmp_path / "rig", dict[str, int](), 0
    FolderRig(rig)  # it is switched on
    planner = {"surrogate": "random", "batch": 8, "initial": {"design": "random", "experiments": 8}}
    add(settings, tmp_path, laboratory=LABORATORY, planner=planner, budget={"experiments": 8})
    for step in [*STEPS, *[""] * 8]:
        if story_of(settings).state[0] != "active":
            break
        tick(settings, "small", planner=cheap_planner)
        if doubtful := resolve_doubts(settings, FolderRig(rig).runs()):
            doubts += doubtful
            tick(settings, "small", planner=cheap_planner)
        died[step] = device(rig, step)
    outcomes = [outcome for *_, outcome in story_of(settings).results]

    assert died == {**dict.fromkeys(STEPS, -9), "": 0}
    assert story_of(settings).state[0] == "finished"
    assert set(FolderRig(rig).runs().values()) == {1}
    assert doubts == 2  # it died as it began, and as it ran
    assert sum(isinstance(o, Measured) for o in outcomes) == 7
    assert [o.kind for o in outcomes if isinstance(o, Fault)] == [FaultKind.AMBIGUOUS]
    assert not list((rig / "taken").iterdir())


def test_a_pass_says_which_response_nobody_can_read_and_the_campaign_file_may_say_how(
    settings: Settings, tmp_path: Path
) -> None:
    rig, one = FolderRig(tmp_path / "rig"), {"batch": 1, "initial": {"experiments": 1}}
    add(settings, tmp_path, laboratory=LABORATORY, planner=one)
    tick(settings, "small")
    (command,) = (rig.folder / "commands").iterdir()
    taken = command.rename(rig.folder / "taken" / command.name)
    (rig.folder / "responses" / taken.name).write_text(f"key,Area\n{taken.stem.partition('-')[2]},61\n")

    (note,) = tick(settings, "small").notes
    assert f"waits, since its response {taken.name} has no column 'yield [%]'" in note
    response = {"response": {"columns": {"yield": "Area"}}}
    add(settings, tmp_path, laboratory={**LABORATORY, **response}, planner=one)
    tick(settings, "small")
    assert [result[-1].measurements[0].value for result in story_of(settings).results] == [61.0]


def test_a_device_without_a_heartbeat_is_sent_what_waits_once_the_file_says_so(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "rig").mkdir()
    add(settings, tmp_path, laboratory=LABORATORY)
    assert "or say heartbeat: null where it has none" in " ".join(tick(settings, "small").notes)
    add(settings, tmp_path, laboratory={**LABORATORY, "heartbeat": None})

    assert tick(settings, "small").sent > 0
    assert list((tmp_path / "rig/commands").iterdir())
