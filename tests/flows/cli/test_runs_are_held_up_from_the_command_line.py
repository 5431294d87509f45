"""``lab pause``, ``lab resume`` and ``resolve --plate``: what a person does to a robot's run, from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.opentrons.client import Robot
from adapters.opentrons.stand_in import StandIn, serving
from adapters.several import Member, SeveralLaboratories
from db.ledger import open_ledger
from flows.engine import passes, tick
from flows.engine.people import pausing
from flows.settings import Settings
from loop.experiment import State
from tests.flows.engine.bench import add, cheap_planner
from tests.flows.engine.coupling import campaign


@pytest.fixture(autouse=True)
def _without_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "write_page", lambda _session, **_: None)


def go_on(settings: Settings, n: int) -> None:
    for _ in range(n):
        tick(settings, "small", planner=cheap_planner)


def states(settings: Settings) -> dict[str, list[str]]:
    """Keys of the attempts by their state."""
    with open_ledger(settings.database) as ledger:
        attempts = ledger.attempts("small")
    return {state.value: [a.key for a in attempts if a.state is state] for state in State}


def test_a_run_is_held_up_and_goes_on(hakken: Any, home: Settings, tmp_path: Path) -> None:
    with serving(StandIn(tmp_path / "robot", looks=1000)) as url:

        def at_the_robot() -> list[str]:
            return [run["status"] for run in Robot(url, 5.0)._data("GET", "/runs")]

        campaign(home, tmp_path, robot=url)
        go_on(home, 2)
        paused, stands = hakken("lab", "pause", "small"), at_the_robot()
        again = hakken("lab", "pause", "small", "--json")
        resumed, goes_on = hakken("lab", "resume", "small"), at_the_robot()
        once_more = hakken("lab", "resume", "small", "--json")

    assert (paused.code, again.code, resumed.code, once_more.code) == (0, 0, 0, 0)
    assert "1 run paused" in paused.out
    assert "hakken lab resume small lets them go on; hakken stop small sends no more" in paused.out
    assert "1 run resumed" in resumed.out
    assert again.json == {"campaign": "small", "paused": 0, "cannot_pause": []}
    assert once_more.json == {"campaign": "small", "resumed": 0}
    assert (stands, goes_on) == (["paused"], ["running"])


def test_status_says_that_a_run_waits_for_a_person_until_one_lets_it_go_on(
    hakken: Any, home: Settings, tmp_path: Path
) -> None:
    with serving(StandIn(tmp_path / "robot", looks=1000)) as url:
        campaign(home, tmp_path, robot=url)
        go_on(home, 2)
        before = hakken("status", "small").out
        hakken("lab", "pause", "small")
        noted = tick(home, "small", planner=cheap_planner).notes
        paused, as_json = hakken("status", "small").out, hakken("status", "small", "--json").json
        hakken("lab", "resume", "small")
        resumed = hakken("status", "small").out
        go_on(home, 1)
        hakken("lab", "pause", "small")
        go_on(home, 1)
        Robot(url, 5.0).act(Robot(url, 5.0)._data("GET", "/runs")[0]["id"], "play")  # at the robot's screen
        go_on(home, 1)
        goes_on = hakken("status", "small").out

    (said,) = [note for note in noted if "is paused" in note]
    assert said.startswith("2 experiments, such as ")
    assert said.endswith("see to the robot, and let it go on there or with hakken lab resume small")
    assert said in paused
    assert as_json[0]["held_up"] == [said]
    assert all("is paused" not in out for out in (before, resumed, goes_on))


def test_status_names_nothing_that_has_ended_since_it_was_held_up(hakken: Any, home: Settings, tmp_path: Path) -> None:
    with serving(StandIn(tmp_path / "robot", looks=1000)) as url:
        campaign(home, tmp_path, robot=url, safety={"running": "cancel"})
        go_on(home, 2)
        hakken("lab", "pause", "small")
        go_on(home, 1)
        hakken("stop", "small", "--safety", "--why", "it smells of gas")
        go_on(home, 1)
        status = hakken("status", "small").out

    assert "paused" not in status


@pytest.mark.parametrize("running", ["leave", "cancel"])
def test_while_a_safety_stop_is_in_force_nobody_is_told_to_let_a_run_go_on(
    hakken: Any, home: Settings, tmp_path: Path, running: str
) -> None:
    with serving(StandIn(tmp_path / "robot", looks=1000)) as url:
        campaign(home, tmp_path, robot=url, safety={"running": running})
        go_on(home, 2)
        hakken("lab", "pause", "small")
        held_up = tick(home, "small", planner=cheap_planner).notes
        stopped = hakken("stop", "small", "--safety", "--why", "it smells of gas")
        halted = tick(home, "small", planner=cheap_planner).notes
        hakken("resume", "small", "--stop", "1", "--by", "ada", "--why", "aired")
        lifted = tick(home, "small", planner=cheap_planner).notes

    go_on_ = "let it go on there or with hakken lab resume"
    left = [note for note in halted if "let nothing go on before the safety stop is lifted" in note]
    assert any(go_on_ in note for note in held_up)
    assert go_on_ not in stopped.out
    assert not any(go_on_ in note for note in halted)
    assert len(left) == (running == "leave")
    assert any(go_on_ in note for note in lifted) == (running == "leave")


@pytest.mark.parametrize(
    ("command", "remedy"), [("pause", "; hakken stop sends no more to it"), ("resume", ", so that nothing is held up")]
)
def test_a_laboratory_that_cannot_pause_is_named_with_the_way_out(
    hakken: Any, home: Settings, tmp_path: Path, command: str, remedy: str
) -> None:
    add(home, tmp_path)

    said = hakken("lab", command, "small")

    assert said.code == 2
    assert f"the laboratory 'simulated' cannot pause what it runs{remedy}" in said.err
    assert hakken("lab", command, "nothing").code == 2


class Bench:
    def pause(self) -> int:
        return 2

    resume = pause


def several(tmp_path: Path, **laboratories: object) -> Any:
    members = tuple(Member(name, bench) for name, bench in laboratories.items())  # type: ignore[arg-type]
    return lambda *_: SeveralLaboratories(tmp_path, members, 900.0)


def test_those_of_several_that_cannot_pause_are_named(
    hakken: Any, home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(home, tmp_path)
    monkeypatch.setattr(pausing, "open_laboratory", several(tmp_path, robot=Bench(), hand=object(), oven=object()))
    one = hakken("lab", "pause", "small")
    told = hakken("lab", "pause", "small", "--json").json
    monkeypatch.setattr(pausing, "open_laboratory", several(tmp_path, hand=object(), oven=object()))
    none = hakken("lab", "pause", "small")

    assert one.code == 0
    assert "2 runs paused" in one.out
    assert "what runs at hand, oven cannot be paused, and goes on" in one.out
    assert told == {"campaign": "small", "paused": 2, "cannot_pause": ["hand", "oven"]}
    assert none.code == 2
    assert "none of the laboratories hand, oven can pause what it runs; hakken stop sends no more to them" in none.err


def test_the_doubt_of_a_plate_is_ended_in_one_command(hakken: Any, home: Settings, tmp_path: Path) -> None:
    robot = StandIn(tmp_path / "robot", looks=1000)
    with serving(robot) as url:
        campaign(home, tmp_path, robot=url)
        go_on(home, 2)
        robot.restart()
        go_on(home, 2)
        doubtful = states(home)["ambiguous"]
        shown = hakken("status", "small")
        said = hakken("resolve", doubtful[0], "--ran", "--plate")
        after = states(home)
        no_more = hakken("resolve", doubtful[0], "--ran", "--plate")

    assert len(doubtful) == 2
    assert "with --plate, of all on its plate" in " ".join(shown.out.split())
    assert said.code == 0
    assert f"attempt {doubtful[0]} and the others on its plate ran: it ends as a fault" in said.out
    assert after["ambiguous"] == []
    assert set(doubtful) <= set(after["ended"])
    assert no_more.code == 2
    assert doubtful[0] in no_more.err
