"""Heaters on a deck: on for the time that the recipe says, off afterwards, and off after every run however it ended."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from adapters.errors import AdapterUnavailable
from adapters.opentrons.client import Robot
from adapters.opentrons.protocol import TEMPLATE, write_protocol
from adapters.opentrons.simulator import refusal
from adapters.opentrons.stand_in import serving
from adapters.plates.planning import plan_plate
from loop.contracts import Phase
from loop.outcome import Fault
from tests.adapters.plates.at_the_robot import WELLS, outcomes, playing, started, until_ended
from tests.adapters.plates.robots import CAMPAIGN, DECKS, laboratory, recipe, told, twin, wells

STEPS = (
    "    - {heat: temperature, time: 2 h, speed: 300 rpm}\n    - {wait: 12 h}\n    - {dispense: DMSO, volume: 20 uL}\n"
)
HEATED = CAMPAIGN.replace("    - {heat: temperature, time: 2 h}\n", STEPS)
SHAKER = {**DECKS["OT-2"]["plate"], "module": "heaterShakerModuleV1"}
BLOCK = {**DECKS["OT-2"]["plate"], "module": "temperature module gen2"}


class Fake:
    """Anything of Opentrons' API: notes what is called, by name."""

    def __init__(self, calls: list[str], name: str, has: tuple[str, ...], fails: str = "") -> None:
        self._calls, self._name, self._has, self._fails = calls, name, has, fails
        self.has_tip, self.max_volume = False, 300.0

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or (self._name == "module" and name not in self._has):
            raise AttributeError(name)

        def call(*_: Any, **__: Any) -> Fake:
            self._calls.append(name)
            if name == self._fails:
                raise RuntimeError("no tip was picked up")
            of = "module" if name == "load_module" else "thing"
            return Fake(self._calls, of, self._has, self._fails)

        return call

    def __getitem__(self, _: str) -> Fake:
        return self


KINDS = {
    "heaterShakerModuleV1": (
        "load_labware", "close_labware_latch", "set_and_wait_for_temperature", "set_and_wait_for_shake_speed",
        "deactivate_heater", "deactivate_shaker",
    ),
    "temperature module gen2": ("load_labware", "set_temperature", "deactivate"),
}  # fmt: skip


def written(plate: dict[str, Any], steps: str = HEATED) -> str:
    said, of = told(deck={**DECKS["OT-2"], "plate": plate}, by_hand=[]), recipe(steps)
    filled = wells(1, 2, of)
    keys = {well: f"attempt-{well}" for well in filled}
    template = TEMPLATE.read_text(encoding="utf-8")
    return write_protocol(
        said, plan_plate(said, of, filled), key="k", title="coupling, plate 1", wells=keys, template=template
    )


def carried_out(monkeypatch: pytest.MonkeyPatch, text: str, module: str, fails: str = "") -> list[str]:
    """The calls of a protocol, in order."""
    api = ModuleType("opentrons")
    api.protocol_api = SimpleNamespace(ProtocolContext=object)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "opentrons", api)
    calls: list[str] = []
    names: dict[str, Any] = {}
    exec(compile(text, "protocol.py", "exec"), names)
    try:
        names["run"](Fake(calls, "protocol", KINDS[module], fails))
    except RuntimeError:
        calls.append("failed")
    return calls


@pytest.mark.parametrize(
    ("plate", "on", "off"),
    [
        (SHAKER, "set_and_wait_for_temperature", "deactivate_heater"),
        (BLOCK, "set_temperature", "deactivate"),
    ],
)
def test_it_heats_for_the_time_that_is_said_and_no_longer(
    monkeypatch: pytest.MonkeyPatch, plate: dict[str, Any], on: str, off: str
) -> None:
    text = written(plate, HEATED if plate is SHAKER else HEATED.replace(", speed: 300 rpm", ""))
    calls = carried_out(monkeypatch, text, plate["module"])
    heated = [c for c in calls if c in (on, off, "delay", "aspirate")]
    begin = heated.index(on)

    # on, two hours, off, twelve hours, and only then the next dispensing; viscous DMSO waits at each stroke
    assert heated[begin : begin + 5] == [on, "delay", off, "delay", "aspirate"]
    assert heated[-1] == off


def test_a_step_without_a_time_is_held_until_the_end_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    text = written(
        BLOCK, CAMPAIGN.replace("temperature, time: 2 h}", "temperature}\n    - {dispense: DMSO, volume: 20 uL}")
    )
    calls = carried_out(monkeypatch, text, BLOCK["module"])

    assert calls.index("set_temperature") < len(calls) - calls[::-1].index("aspirate") - 1 < calls.index("deactivate")
    assert calls.count("deactivate") == 1


@pytest.mark.parametrize("plate", [SHAKER, BLOCK])
def test_a_protocol_that_fails_switches_its_heater_off(monkeypatch: pytest.MonkeyPatch, plate: dict[str, Any]) -> None:
    text = written(plate, HEATED.replace(", speed: 300 rpm", ""))
    calls = carried_out(monkeypatch, text, plate["module"], fails="pick_up_tip")

    assert calls[-1] == "failed"
    assert calls[-2] in ("deactivate_heater", "deactivate")


def test_opentrons_simulator_takes_the_order_and_a_failed_runs_last_commands(tmp_path: Path, simulator: Path) -> None:
    whole, failing = tmp_path / "whole.py", tmp_path / "failing.py"
    whole.write_text(written(SHAKER))
    assert refusal(simulator, whole) is None

    text = written(SHAKER).replace('(action["speed"])', "(50000)")  # the robot refuses this command
    shown = text.replace("with suppress(Exception):", "if True:").replace(
        "        raise\n", "        raise OSError('off')\n"
    )
    failing.write_text(shown)
    said = str(refusal(simulator, failing))
    assert "OSError" in said
    assert "off" in said


def test_a_run_that_was_stopped_or_failed_leaves_nothing_hot(tmp_path: Path) -> None:
    for name in ("stop", "fail", "call off"):
        lab, handles, robot = playing(tmp_path / name, text=HEATED, deck={**DECKS["OT-2"], "plate": SHAKER}, by_hand=[])
        before = robot.is_hot()
        if name == "stop":
            robot.stop_by_hand()
        elif name == "fail":
            robot.fail()
            robot.looks = 1
        else:
            for handle in handles:
                lab.cancel(handle, "smoke")
        for _ in range(4):
            lab.status(handles[0])

        assert before, name
        assert not robot.is_hot(), name


def test_a_run_whose_wells_were_all_told_is_followed_by_switching_off(tmp_path: Path) -> None:
    lab, handles, robot = playing(tmp_path, text=HEATED, deck={**DECKS["OT-2"], "plate": SHAKER}, by_hand=[])
    robot.fail()
    robot.looks = 1
    assert robot.is_hot()

    lab.late(handles[:-1])
    assert robot.is_hot()  # one well waits for its result: its status is asked for
    lab.late(handles)

    assert not robot.is_hot()


def test_a_heater_that_cannot_be_switched_off_is_told(tmp_path: Path) -> None:
    def trouble(_method: str, path: str, _when: str) -> None:
        if path.startswith("/commands"):
            raise ConnectionError("lost")

    lab, handles, robot = playing(tmp_path, text=HEATED, deck={**DECKS["OT-2"], "plate": SHAKER}, by_hand=[])
    robot.trouble = trouble
    robot.stop_by_hand()
    until_ended(lab, handles)
    (first, *_) = outcomes(lab, handles)

    assert isinstance(first, Fault)
    assert "was stopped at the robot; its heaters could not be switched off" in first.message
    assert "see to them at the robot" in first.message


def test_a_stop_that_the_robot_refuses_is_no_end(tmp_path: Path) -> None:
    robot = twin(tmp_path, looks=1000)
    with serving(robot) as url:
        lab = laboratory(tmp_path, robot=url)
        (handle,) = started(lab, WELLS[:1])
        lab.close("1", [handle])
        lab.status(handle)
        robot.stubborn = "refuses"
        with pytest.raises(AdapterUnavailable, match=r"does not stop run run-2, which is running .*; stop it there"):
            lab.cancel(handle, "smoke")
        with pytest.raises(AdapterUnavailable, match="stop it there"):
            laboratory(tmp_path, robot=url).status(handle)
        at_work = lab.is_at_work([handle])
        robot.stubborn = "slow"
        slow = laboratory(tmp_path, robot=url).status(handle)
        robot.stubborn = ""
        ended = laboratory(tmp_path, robot=url).status(handle)
        plate = next(lab._plates.all())
        run = Robot(url, 5.0).run("run-2")

    assert at_work
    assert (slow.phase, slow.detail) == (
        Phase.RUNNING,
        "cancelled: smoke; run run-2 is stop-requested: it is being stopped",
    )
    assert ended.phase is Phase.ENDED
    assert run is not None
    assert run.status == "stopped"
    assert plate.noted("refused.json")


def test_a_run_that_ended_while_it_was_being_stopped_is_called_off(tmp_path: Path) -> None:
    robot = twin(tmp_path, looks=1000)
    with serving(robot) as url:
        lab = laboratory(tmp_path, robot=url)
        (handle,) = started(lab, WELLS[:1])
        lab.close("1", [handle])
        lab.status(handle)
        robot.stubborn = "refuses"
        robot.looks = 2  # the look after the refusal finds the end
        lab.cancel(handle, "smoke")

    assert lab.status(handle).phase is Phase.ENDED
    assert isinstance(outcomes(lab, [handle])[0], Fault)
