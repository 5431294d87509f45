"""Devices behind an exchange folder keep the contract: one command, whatever is killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from adapters.csv_folder.laboratory import CsvFolder
from adapters.csv_folder.options import build
from loop import checkpoints
from loop.contracts import Absent, Adapter, AttemptKey, ExperimentSpec, Found, Handle, Phase, Unknown
from loop.outcome import FaultKind, Measured
from loop.testing.adapter import KEY, OTHER, AdapterContract
from tests.adapters.csv_folder.exchange import MOVES, answer, begin, commands, outcome
from tests.adapters.csv_folder.rigs import STEPS, Crashed, FolderRig, rows_of
from tests.adapters.helpers import EXPERIMENT, Clock, context


class TestCsvFolder(AdapterContract):
    options: ClassVar[dict[str, Any]] = MOVES

    @pytest.fixture
    def rig(self, tmp_path: Path) -> FolderRig:
        return FolderRig(tmp_path / "rig", takes="taken" in self.options)

    @pytest.fixture
    def make_adapter(self, tmp_path: Path, rig: FolderRig) -> Callable[[], Adapter]:
        return lambda: build(self.options, context(tmp_path))

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return EXPERIMENT

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return replace(EXPERIMENT, targets={"colour": ""})

    @pytest.fixture
    def count_runs(self, rig: FolderRig) -> Callable[[AttemptKey], int]:
        return lambda key: rig.runs()[key]

    @pytest.fixture
    def finish(self, rig: FolderRig) -> Callable[[Adapter, Handle], None]:
        def let_it_work(_adapter: Adapter, _handle: Handle) -> None:
            while rig.work():
                pass

        return let_it_work

    @pytest.fixture
    def shuffles(self) -> int:
        return 15


class TestCsvFolderOfADeviceThatDeletesCommands(TestCsvFolder):
    options: ClassVar[dict[str, Any]] = {"folder": "rig"}


class Killed(BaseException):
    """hakken was killed."""


@pytest.mark.parametrize("label", ["folder.prepared", "staged", "prepared", "published", "started", "collected"])
@pytest.mark.parametrize("times", [1, 2])
def test_hakken_is_killed_and_each_command_goes_out_once(
    make: Callable[..., CsvFolder], rig: FolderRig, label: str, times: int
) -> None:
    label = label if "." in label else f"csv_folder.{label}"
    seen = 0

    def kill(reached: str) -> None:
        nonlocal seen
        seen += reached == label
        if reached == label and seen == times:
            raise Killed

    checkpoints.on_reached = kill
    for _ in range(6):  # as the engine does: look the key up, start what lies inert, prepare what is absent
        try:
            adapter = make()
            for key in (KEY, OTHER):
                found = adapter.find(key)
                if isinstance(found, Absent):
                    adapter.start(adapter.prepare(EXPERIMENT, key), key)
                elif isinstance(found, Found) and not found.started:
                    adapter.start(found.handle, key)
            rig.work()
            rig.work()
        except Killed:
            continue

    assert seen >= times
    assert rig.runs() == {KEY: 1, OTHER: 1}
    assert [make().status(make().prepare(EXPERIMENT, key)).phase for key in (KEY, OTHER)] == [Phase.ENDED] * 2


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("in_place", [False, True])
def test_the_device_dies_between_two_steps_and_nothing_runs_twice(
    tmp_path: Path, clock: Clock, make: Callable[..., CsvFolder], step: str, in_place: bool
) -> None:
    def die(reached: str) -> None:
        if reached == step:
            raise Crashed

    adapter = make()
    handle = begin(adapter)
    try:
        FolderRig(tmp_path / "rig", clock=clock, in_place=in_place, step=die).work()
    except Crashed:
        assert adapter.status(handle).phase in (Phase.WAITING, Phase.RUNNING, Phase.ENDED)
    rig = FolderRig(tmp_path / "rig", clock=clock, in_place=in_place)
    while rig.work():
        pass

    assert rig.runs()[KEY] <= 1
    if step in ("begun", "run"):  # it cannot tell whether it ran
        assert adapter.status(handle).phase is Phase.LOST
        assert isinstance(adapter.find(KEY), Unknown)
    else:
        assert outcome(adapter, handle).measurements[0].value == 61.5
        assert rig.runs()[KEY] == 1


def test_what_a_person_knows_never_ran_is_sent_again_under_its_key(
    make: Callable[..., CsvFolder], rig: FolderRig
) -> None:
    adapter = make()
    handle = begin(adapter)
    (first,) = commands(rig)
    answer(rig, first.name, f"key,outcome\n{KEY},lost track\n")
    assert adapter.find(KEY) == Unknown("the device does not know whether it ran: lost track")

    assert make().prepare(EXPERIMENT, KEY) == handle  # as the engine does after hakken resolve --never-ran
    assert make().find(KEY) == Found(handle, started=False)
    make().start(handle, KEY)
    make().start(handle, KEY)
    (second,) = commands(rig)  # the first lies there no more

    assert (first.name[:6], second.name[:6]) == ("000001", "000002")
    assert adapter.find(KEY) == Found(handle, started=True)
    rig.work()
    assert rig.runs() == {KEY: 1}
    assert isinstance(outcome(adapter, handle), Measured)


def test_a_late_answer_ends_a_doubt(make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock) -> None:
    adapter = make(answer_within=2.0)
    handle = begin(adapter)
    clock.now += 3 * 3600
    assert adapter.status(handle).phase is Phase.WAITING  # it lies where the device takes it up: it has not begun
    taken = commands(rig)[0].rename(rig.folder / "taken" / commands(rig)[0].name)
    assert adapter.status(handle).phase is Phase.RUNNING
    clock.now += 3 * 3600
    answer(rig, taken.name, "key,yield [%]\n" + KEY + ",6")

    assert adapter.status(handle).phase is Phase.LOST
    assert adapter.find(KEY) == Unknown(
        f"{taken.name} is without a response for more than 2 h ({taken.name} is cut off: its last line does not end; "
        "let the device end it, or say final_newline: false under response)"
    )
    answer(rig, taken.name, f"key,yield [%]\n{KEY},64\n")
    assert adapter.find(KEY) == Found(handle, started=True)
    assert outcome(adapter, handle).measurements[0].value == 64.0


def test_a_command_that_vanished_is_in_doubt_after_a_while(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock
) -> None:
    adapter = make()
    handle = begin(adapter)
    commands(rig)[0].unlink()

    assert adapter.status(handle).phase is Phase.RUNNING  # shares show a move late
    clock.now += 601
    assert adapter.status(handle).phase is Phase.LOST
    assert "is in none of the folders" in make().find(KEY).why


@pytest.mark.parametrize(("options", "seconds"), [({"answer_within": 2.0}, 7201), ({}, 601)])
def test_a_clock_set_back_puts_no_doubt_off_and_one_put_right_brings_none(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock, options: dict[str, Any], seconds: float
) -> None:
    adapter = make(**options)
    handle = begin(adapter)
    if options:
        commands(rig)[0].rename(rig.folder / "taken" / commands(rig)[0].name)
    else:
        commands(rig)[0].unlink()
    assert adapter.status(handle).phase is Phase.RUNNING

    clock.now -= 1e9  # a battery was empty
    assert adapter.status(handle).phase is Phase.RUNNING
    clock.now += 1e9 + 60  # put right
    assert adapter.status(handle).phase is Phase.RUNNING
    clock.now -= 86400
    assert make(**options).status(handle).phase is Phase.RUNNING
    clock.now += seconds - 60
    assert adapter.status(handle).phase is Phase.RUNNING
    clock.now += 61
    assert adapter.status(handle).phase is Phase.LOST


def test_a_device_that_deletes_what_it_takes_is_believed_to_run(
    make: Callable[..., CsvFolder], rig: FolderRig, clock: Clock
) -> None:
    adapter = make(taken=None)
    handle = begin(adapter)
    commands(rig)[0].unlink()
    clock.now += 1e6

    assert adapter.status(handle).phase is Phase.RUNNING
    assert not adapter.capabilities().can_cancel


@pytest.mark.parametrize("label", ["csv_folder.cancelling", "csv_folder.withdrawn"])
def test_a_cancelled_command_is_taken_back_also_when_killed_meanwhile(
    make: Callable[..., CsvFolder], rig: FolderRig, label: str
) -> None:
    def kill(reached: str) -> None:
        if reached == label:
            raise Killed

    adapter = make()
    handle = begin(adapter)
    checkpoints.on_reached = kill
    with pytest.raises(Killed):
        adapter.cancel(handle, "no longer wanted")
    checkpoints.on_reached = None

    assert make().find(KEY) == Found(handle, started=True)
    assert make().status(handle).phase is Phase.ENDED
    assert outcome(make(), handle).kind is FaultKind.CANCELLED
    assert not rig.work()


def test_what_the_device_has_taken_up_is_not_cancelled(make: Callable[..., CsvFolder], rig: FolderRig) -> None:
    adapter = make()
    handle = begin(adapter)
    commands(rig)[0].rename(rig.folder / "taken" / commands(rig)[0].name)
    adapter.cancel(handle, "no longer wanted")

    assert adapter.status(handle).phase is Phase.RUNNING
    rig.work()
    assert isinstance(outcome(adapter, handle), Measured)


def test_the_rig_reads_what_it_is_given(rig: FolderRig, make: Callable[..., CsvFolder]) -> None:
    begin(make())

    assert rows_of(commands(rig)[0]) == [{"key": KEY, "number": "1", "ligand": "PPh3", "temperature [degC]": "90"}]
