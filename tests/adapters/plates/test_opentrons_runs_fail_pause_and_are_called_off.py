"""Runs of an Opentrons robot that fail, are paused, or are called off, at the screen or from here."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.errors import AdapterUnavailable
from adapters.opentrons.client import Robot
from adapters.opentrons.stand_in import serving
from loop.contracts import Phase, Unknown
from loop.outcome import Fault, FaultKind
from tests.adapters.plates.at_the_robot import KEYS, WELLS, outcomes, playing, runs, started, until_ended
from tests.adapters.plates.robots import laboratory, twin


def test_a_run_that_fails_midway_says_why_for_each_well(tmp_path: Path) -> None:
    lab, handles, robot = playing(tmp_path)
    robot.fail("no tip was picked up", before=True)
    robot.looks = 1
    until_ended(lab, handles)
    found = outcomes(lab, handles)

    assert len(found) == 6
    for outcome in found:
        assert isinstance(outcome, Fault)
        assert outcome.kind is FaultKind.INSTRUMENT_FAULT
        assert "failed: no tip was picked up" in outcome.message


def test_a_run_that_fails_after_liquid_was_drawn_waits_for_a_person(tmp_path: Path) -> None:
    """Nothing is made a second time by itself; a person has it made again, or tells what the wells gave."""
    lab, handles, robot = playing(tmp_path)
    robot.fail("the tip did not drop")
    robot.looks = 1
    lab.status(handles[0])
    status = laboratory(tmp_path).status(handles[0])
    (plate,) = lab._plates.all()
    doubt = [lab.find(key) for key in KEYS]
    lab.start(handles[0], KEYS[0])  # as after "never ran": on a fresh plate
    lab.close("1", handles)
    until_ended(lab, handles[:1])

    assert status.phase is Phase.LOST
    assert "failed when liquid was drawn already: the tip did not drop" in status.detail
    assert all(isinstance(found, Unknown) for found in doubt)
    assert (plate.noted("half-made.json") or {})["status"] == "failed"
    assert runs(tmp_path) == [2, 1, 1, 1, 1, 1]


def test_a_run_stopped_at_the_screen_is_a_cancellation(tmp_path: Path) -> None:
    lab, handles, robot = playing(tmp_path)
    robot.stop_by_hand()
    until_ended(lab, handles)

    assert {o.kind for o in outcomes(lab, handles) if isinstance(o, Fault)} == {FaultKind.CANCELLED}


def test_a_run_can_be_paused_and_resumed(tmp_path: Path) -> None:
    lab, handles, robot = playing(tmp_path)
    told = [lab.pause(), lab.pause()]
    paused = lab.status(handles[0])
    told += [lab.resume(), lab.resume()]
    robot.looks = 1
    until_ended(lab, handles)

    assert paused.phase is Phase.RUNNING
    assert "is paused: see to the robot, and resume there" in paused.detail
    assert "is paused; see to the robot, and let it go on there or with hakken lab resume coupling" in paused.wants
    assert told == [1, 0, 1, 0]
    assert runs(tmp_path) == [1] * 6


def test_a_pause_at_the_screen_is_not_undone_by_a_look(tmp_path: Path) -> None:
    lab, handles, robot = playing(tmp_path)
    robot.press("pause")
    for _ in range(3):
        assert "is paused" in laboratory(tmp_path).status(handles[0]).detail
    assert "is paused" in lab.status(handles[0]).detail


def test_one_well_called_off_spares_the_others_and_all_of_them_stop_the_run(tmp_path: Path) -> None:
    lab, handles, robot = playing(tmp_path)
    lab.cancel(handles[0], "no longer wanted")
    one = lab.status(handles[1])
    for handle in handles[1:]:
        lab.cancel(handle, "no longer wanted")
    (_, run) = robot.answer("GET", "/runs")
    kinds = {o.kind for o in outcomes(lab, handles) if isinstance(o, Fault)}

    assert one.phase is Phase.RUNNING
    assert run["data"][-1]["status"] == "stopped"
    assert kinds == {FaultKind.CANCELLED}


def test_a_well_called_off_before_the_plate_is_closed_stays_empty(tmp_path: Path) -> None:
    lab = laboratory(tmp_path)
    handles = started(lab)
    lab.cancel(handles[2], "no longer wanted")
    lab.close("1", handles)
    until_ended(lab, handles)

    assert runs(tmp_path) == [1, 1, 0, 1, 1, 1]


def test_a_stop_that_does_not_reach_the_robot_says_so_and_is_sent_again(tmp_path: Path) -> None:
    lost = {"yes": True}

    def trouble(method: str, path: str, when: str) -> None:
        if lost["yes"] and path.endswith("/actions") and method == "POST" and when == "before" and lost.get("now"):
            raise ConnectionError("lost")

    with serving(twin(tmp_path, looks=1000, trouble=trouble)) as url:
        lab = laboratory(tmp_path, robot=url)
        handles = started(lab, WELLS[:1])
        lab.close("1", handles)
        lab.status(handles[0])
        lost["now"] = True
        with pytest.raises(AdapterUnavailable, match="gave no answer to POST"):
            lab.cancel(handles[0], "smoke")
        lost["yes"] = False
        ended = lab.status(handles[0])
        status = Robot(url, 5.0).runs_of(Robot(url, 5.0).protocols(next(lab._plates.all()).key))[0].status

    assert ended.phase is Phase.ENDED
    assert status == "stopped"
