"""Law 4 on an Opentrons robot: the engine is killed in each state, replies get lost, the robot restarts and forgets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from adapters.opentrons.client import Robot
from adapters.opentrons.stand_in import MOST_RUNS, StandIn, serving
from db.ledger import open_ledger
from flows.engine import approve, ban, halt, on_ban, pause_runs, resolve, resume_runs, tell, tick
from flows.settings import Settings
from loop.errors import HakkenError
from loop.experiment import State
from loop.outcome import Fault, FaultKind, Measured
from tests.flows.engine.bench import (
    add,
    cheap_planner,
    lift_all,
    story_of,
)
from tests.flows.engine.coupling import campaign
from tests.flows.engine.zygote import Zygote

LABELS = [
    "dispatch.judged",
    "dispatch.claimed",
    "dispatch.prepared",
    "folder.prepared",
    "folder.started",
    "dispatch.started",
    "dispatch.accepted",
    "plates.closed",
    "dispatch.closed",
    "plates.uploaded",
    "plates.created",
    "plates.intended",
    "plates.played",
    "plates.kept",
    "plates.handed-on",
    "reconcile.stored",
    "ingest.fetched",
    "ingest.stored",
    "ingest.judged",
]


def story(settings: Settings) -> tuple[Any, ...]:
    told = story_of(settings)
    return told.results, told.state, told.attempts


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, zygote: Zygote) -> tuple[Any, ...]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    settings = Settings(folder / "runs", by="tester")
    campaign(settings, folder)
    assert zygote.ask(settings.home) == 0
    return story(settings)


def test_killed_in_each_state_it_comes_to_the_same_end(
    tmp_path: Path, zygote: Zygote, uninterrupted: tuple[Any, ...]
) -> None:
    """One engine after the other, each killed at another point of the same campaign."""
    robots, died = [], Counter[int]()
    for label in LABELS:
        home = Settings(tmp_path / label / "runs", by="tester")
        robots.append(campaign(home, tmp_path / label))
        died[zygote.ask(home.home, environ={"HAKKEN_CRASH_AT": label})] += 1
        assert zygote.ask(home.home) == 0

        assert story(home) == uninterrupted, label
        assert set(robots[-1].moved().values()) == {1}, label

    assert died == {-9: len(LABELS)}
    assert len(uninterrupted[0]) == 4


def doubtful(settings: Settings) -> list[str]:
    with open_ledger(settings.database) as ledger:
        return [a.key for a in ledger.attempts("small", [State.AMBIGUOUS])]


@pytest.mark.parametrize("trouble", ["restart", "forgotten"])
def test_what_the_robot_cannot_tell_waits_for_a_person(
    settings: Settings, tmp_path: Path, zygote: Zygote, trouble: str
) -> None:
    robot = campaign(settings, tmp_path)
    while not robot.moved():
        tick(settings, "small", planner=cheap_planner)
    with robot._changing() as state:  # as it was a moment after it began
        state["runs"][-1] |= {"status": "running", "archived": False}
        state["current"] = state["runs"][-1]["id"]
    for note in (settings.folder("small") / "laboratory" / "plates").glob("*/ended.json"):
        note.unlink()
    if trouble == "restart":
        robot.restart()
    else:
        robot.stop_by_hand()
        robot.other_runs(MOST_RUNS)
    before = [tick(settings, "small", planner=cheap_planner) for _ in range(3)][-1]
    keys = doubtful(settings)
    resolve(settings, keys[0], ran=True, by="tester")
    resolve(settings, keys[1], ran=False, by="tester")
    assert zygote.ask(settings.home) == 0
    outcomes = [outcome for *_, outcome in story_of(settings).results]

    assert len(keys) == 2
    assert before.waits_for_person
    assert "hakken resolve" in before.next_step
    assert robot.moved()[keys[0]] == 1
    assert robot.moved()[keys[1]] == 2  # a person said that it never ran
    assert sum(isinstance(o, Measured) for o in outcomes) == 3
    assert [o.kind for o in outcomes if isinstance(o, Fault)] == [FaultKind.AMBIGUOUS]


def test_a_plate_waits_for_its_last_approval_and_is_one_run(settings: Settings, tmp_path: Path) -> None:
    robot = campaign(settings, tmp_path, approval="person")
    tick(settings, "small", planner=cheap_planner)
    approve(settings, "small", 1, only=[1], by="tester")
    for _ in range(3):
        tick(settings, "small", planner=cheap_planner)
    alone = dict(robot.moved())
    approve(settings, "small", 1, by="tester")
    for _ in range(4):
        tick(settings, "small", planner=cheap_planner)

    assert alone == {}
    assert len(robot.moved()) == 2
    assert len(list((settings.folder("small") / "laboratory" / "plates").iterdir())) == 1


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_well_that_waits_for_its_plate_and_was_banned_meanwhile_is_not_made(
    settings: Settings, tmp_path: Path, zygote: Zygote, is_killed: bool
) -> None:
    robot = campaign(settings, tmp_path, approval="person")
    tick(settings, "small", planner=cheap_planner)
    approve(settings, "small", 1, only=[1], by="tester")
    tick(settings, "small", planner=cheap_planner)
    with open_ledger(settings.database) as ledger:
        (gone,) = ledger.attempts("small")
    made = ban(settings, "small", [f"{n}={v}" for n, v in gone.settings.items()], by="tester", why="it caught fire")
    said = on_ban(settings, "small", made)
    if is_killed:
        assert zygote.ask(settings.home, environ={"HAKKEN_CRASH_AT": "withdraw.taken-off"}) == -9
    notes = tick(settings, "small", planner=cheap_planner).notes
    approve(settings, "small", 1, by="tester")
    for _ in range(4):
        tick(settings, "small", planner=cheap_planner)
    with open_ledger(settings.database) as ledger:
        (outcome,) = (o.outcome for o in ledger.observations("small") if o.key == gone.key)
        others = {a.key for a in ledger.attempts("small")} - {gone.key}

    assert said == (
        "1 experiment that meets it waits for the rest of a plate: the next pass takes it off before that is made",
    )
    assert is_killed or [n for n in notes if "is taken off its plate before it is made: ban 1 keeps it out" in n]
    assert isinstance(outcome, Fault)
    assert (outcome.kind, outcome.message) == (FaultKind.CANCELLED, "ban 1 keeps it out")
    assert set(robot.moved()) == others  # the rest of the plate is made


def test_a_well_of_a_plate_that_is_being_made_goes_on_whatever_is_banned(settings: Settings, tmp_path: Path) -> None:
    robot = campaign(settings, tmp_path)
    tick(settings, "small", planner=cheap_planner)
    with open_ledger(settings.database) as ledger:
        gone, _ = ledger.attempts("small")
    made = ban(settings, "small", [f"{n}={v}" for n, v in gone.settings.items()], by="tester", why="it caught fire")
    (said,) = on_ban(settings, "small", made)
    for _ in range(4):
        tick(settings, "small", planner=cheap_planner)

    assert "it goes on unless called off there" in said
    assert robot.moved()[gone.key] == 1


def test_a_plate_that_failed_after_liquid_was_drawn_is_not_made_again_by_itself(
    settings: Settings, tmp_path: Path
) -> None:
    robot = campaign(settings, tmp_path)
    tick(settings, "small", planner=cheap_planner)
    robot.fail()
    for _ in range(8):
        tick(settings, "small", planner=cheap_planner)
    with open_ledger(settings.database) as ledger:
        waiting = ledger.attempts("small", [State.AMBIGUOUS])

    assert len(waiting) == 2
    assert {robot.moved()[a.key] for a in waiting} == {1}


def test_a_plate_that_failed_before_any_liquid_was_drawn_is_made_anew_as_one_run(
    settings: Settings, tmp_path: Path, zygote: Zygote
) -> None:
    robot = campaign(settings, tmp_path)
    tick(settings, "small", planner=cheap_planner)
    robot.fail(before=True)
    assert zygote.ask(settings.home) == 0
    results = story_of(settings).results
    faults = [outcome for *_, outcome in results if isinstance(outcome, Fault)]

    assert [f.kind for f in faults] == [FaultKind.INSTRUMENT_FAULT] * 2
    assert sum(isinstance(outcome, Measured) for *_, outcome in results) == 4
    assert set(robot.moved().values()) == {1}
    assert len(list((settings.folder("small") / "laboratory" / "plates").iterdir())) == 3


def test_a_person_holds_up_a_run_and_lets_it_go_on(settings: Settings, tmp_path: Path) -> None:
    with serving(StandIn(tmp_path / "robot", looks=1000)) as url:
        campaign(settings, tmp_path, robot=url)
        for _ in range(2):
            tick(settings, "small", planner=cheap_planner)
        told = [pause_runs(settings, "small"), pause_runs(settings, "small")]
        during = [run["status"] for run in Robot(url, 5.0)._data("GET", "/runs")]
        halt(settings, "small", by="tester", why="smoke")
        with pytest.raises(HakkenError, match="halted by safety stop 1"):
            resume_runs(settings, "small")
        lift_all(settings, "small", by="tester", why="no smoke")
        told += [resume_runs(settings, "small"), resume_runs(settings, "small")]
        after = [run["status"] for run in Robot(url, 5.0)._data("GET", "/runs")]

    assert told == [1, 0, 1, 0]
    assert (during, after) == (["paused"], ["running"])


def test_a_laboratory_that_cannot_pause_says_so(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    with pytest.raises(HakkenError, match="'simulated' cannot pause what it runs; hakken stop sends no more to it"):
        pause_runs(settings, "small")


def test_the_doubt_of_a_plate_is_ended_in_one_command(settings: Settings, tmp_path: Path) -> None:
    robot = StandIn(tmp_path / "robot", looks=1000)
    with serving(robot) as url:
        campaign(settings, tmp_path, robot=url)
        for _ in range(2):
            tick(settings, "small", planner=cheap_planner)
        robot.restart()
        waits = [tick(settings, "small", planner=cheap_planner) for _ in range(2)][-1]
        keys = doubtful(settings)
        resolve(settings, keys[0], ran=False, by="tester", whole_plate=True)
        robot.looks = 1
        for _ in range(3):
            tick(settings, "small", planner=cheap_planner)

    assert len(keys) == 2
    assert "(with --plate, of all on its plate)" in waits.next_step
    assert doubtful(settings) == []
    assert [robot.moved()[key] for key in keys] == [2, 2]
    with open_ledger(settings.database) as ledger:
        assert {ledger.attempt(key).state for key in keys} == {State.ENDED}


def test_where_every_well_of_a_plate_was_told_the_worksheet_of_the_next_is_asked_for(
    settings: Settings, tmp_path: Path
) -> None:
    """What the robot still plays then is nobody's: a person is told what to fill in, and nothing is waited for."""
    robot = StandIn(tmp_path / "robot", pipettes={"left": "p20_single_gen2", "right": "p300_single_gen2"}, looks=1000)
    with serving(robot) as url:
        campaign(settings, tmp_path, measured_by={"adapter": "manual"}, robot=url)
        while not robot.moved():
            tick(settings, "small", planner=cheap_planner)
        (tmp_path / "told.csv").write_text("key,yield\n" + "".join(f"{key},50\n" for key in robot.moved()))
        told = tell(settings, "small", tmp_path / "told.csv", by="ada").accepted
        waiting = [tick(settings, "small", planner=cheap_planner) for _ in range(3)][-1]
        robot.looks = 1
        after = [tick(settings, "small", planner=cheap_planner) for _ in range(8)][-1]

    assert told == 2
    assert not waiting.waits_for_person
    assert any("the robot has another plate of this campaign" in note for note in waiting.notes)
    assert len(robot.moved()) == 4
    assert after.waits_for_person
    assert "fill in" in after.next_step
