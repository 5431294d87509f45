"""A robot under a wrong address is no dead end: what nobody played goes to the address that is mended."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.errors import AdapterUnavailable
from adapters.opentrons.client import Robot
from adapters.opentrons.stand_in import StandIn, serving
from flows.engine import add_campaign, passes, tick
from flows.settings import Settings
from tests.flows.engine.bench import cheap_planner
from tests.flows.engine.coupling import campaign

NOBODY = "http://127.0.0.1:9"
THEIRS = 'metadata = {}\nrequirements = {"robotType": "OT-2"}\n'  # a protocol of somebody else


@pytest.fixture(autouse=True)
def _without_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "write_page", lambda _session, **_: None)


def go_on(settings: Settings, n: int) -> list[str]:
    """So many passes, and what they noted."""
    return [note for _ in range(n) for note in tick(settings, "small", planner=cheap_planner).notes]


def mended(file: Path, before: str, now: str) -> Path:
    said = file.read_text("utf-8")
    assert before in said
    file.write_text(said.replace(before, now), "utf-8")
    return file


@pytest.mark.parametrize("runs", ["plate", "each"])
def test_a_plate_that_was_never_played_goes_to_the_address_that_is_mended(
    hakken: Any, home: Settings, tmp_path: Path, runs: str
) -> None:
    campaign(home, tmp_path, robot=NOBODY, runs=runs)
    noted = go_on(home, 2)

    with serving(StandIn(tmp_path / "robot")) as url:
        told = hakken("tick", mended(tmp_path / "campaign.yaml", NOBODY, url))
        go_on(home, 30)
        (standing,) = hakken("status", "small", "--json").json
        shown = " ".join(hakken("status", "small").out.split())
        moved = StandIn(tmp_path / "robot").moved()

    assert any("see that it is on and that the address is right" in note for note in noted)
    assert told.code == 0, told.err
    assert (standing["experiments_done"], standing["faults"]) == (4, 0)
    assert standing["measured_by"] == {"opentrons": "simulated"}
    assert re.search(r"opentrons: 4 done[^:]*, measured by simulated", shown)
    assert list(moved.values()) == [1] * 4


def test_an_address_without_its_port_is_named() -> None:
    with pytest.raises(AdapterUnavailable) as raised:
        Robot("http://127.0.0.2", 0.5).health()

    assert str(raised.value).endswith("it has no port, and a robot's is 31950 (http://127.0.0.2:31950)")


def test_among_several_laboratories_too(hakken: Any, home: Settings, tmp_path: Path) -> None:
    campaign(home, tmp_path, robot=NOBODY)
    file = tmp_path / "campaign.yaml"
    spec = yaml.safe_load(file.read_text("utf-8"))
    spec["laboratory"] = {"adapter": "several", "laboratories": {"bench": spec["laboratory"]}}
    file.write_text(yaml.safe_dump(spec, sort_keys=False), "utf-8")
    add_campaign(home, file)
    go_on(home, 2)
    with serving(StandIn(tmp_path / "robot")) as url:
        told = hakken("tick", mended(tmp_path / "campaign.yaml", NOBODY, url))
        go_on(home, 30)
        (standing,) = hakken("status", "small", "--json").json

    assert told.code == 0, told.err
    assert (standing["experiments_done"], standing["faults"]) == (4, 0)
    assert standing["measured_by"] == {"bench": "simulated"}


def test_once_a_run_was_played_the_address_stays(hakken: Any, home: Settings, tmp_path: Path) -> None:
    with serving(StandIn(tmp_path / "robot", looks=1000)) as url:
        campaign(home, tmp_path, robot=url)
        go_on(home, 2)
        moved = hakken("tick", mended(tmp_path / "campaign.yaml", url, NOBODY))

    gone = hakken("tick", tmp_path / "campaign.yaml")

    for refused in (moved, gone):
        assert refused.code == 2
        assert "the laboratory's options (robot) cannot be changed while 2 attempts are with 'opentrons'" in refused.err


def test_a_run_that_somebody_played_at_the_robot_stays_there(hakken: Any, home: Settings, tmp_path: Path) -> None:
    robot = StandIn(tmp_path / "robot", looks=1000)
    with serving(robot) as url:
        other = Robot(url, 5.0)
        busy = other.create(other.upload(THEIRS, "another"))
        campaign(home, tmp_path, robot=url)
        other.act(busy.id, "play")
        waits = go_on(home, 3)
        (plate,) = (home.folder("small") / "laboratory" / "plates").iterdir()
        other.act(busy.id, "stop")
        (protocol,) = other.protocols(plate.name)
        other.act(other.create(protocol).id, "play")  # at its screen
        moved = hakken("tick", mended(tmp_path / "campaign.yaml", url, NOBODY))

    assert not list(plate.glob("play-*"))
    assert moved.code == 2, waits
    assert "the laboratory's options (robot) cannot be changed" in moved.err


def test_another_robot_analyses_a_plate_that_the_first_one_did_not_play(
    hakken: Any, home: Settings, tmp_path: Path
) -> None:
    with serving(StandIn(tmp_path / "first", looks=1000)) as first:
        busy = Robot(first, 5.0)
        run = busy.create(busy.upload(THEIRS, "another"))
        busy.act(run.id, "play")
        campaign(home, tmp_path, robot=first)
        go_on(home, 4)
        (plate,) = (home.folder("small") / "laboratory" / "plates").iterdir()
        analysed = (plate / "analysed.json").exists()
        asked: list[str] = []
        with serving(StandIn(tmp_path / "second", trouble=lambda _, path, __: asked.append(path))) as second:
            told = hakken("tick", mended(tmp_path / "campaign.yaml", first, second))
            go_on(home, 20)
            (standing,) = hakken("status", "small", "--json").json

    assert analysed
    assert told.code == 0, told.err
    assert any(path.endswith("/analyses") for path in asked)
    assert standing["experiments_done"] == 4


def test_what_another_robot_refused_is_asked_of_the_right_one(hakken: Any, home: Settings, tmp_path: Path) -> None:
    with serving(StandIn(tmp_path / "flex", machine="Flex")) as flex, serving(StandIn(tmp_path / "robot")) as url:
        campaign(home, tmp_path, robot=flex)
        go_on(home, 4)
        held = hakken("status", "small").out
        told = hakken("tick", mended(tmp_path / "campaign.yaml", flex, url))
        go_on(home, 30)
        (standing,) = hakken("status", "small", "--json").json

    assert "the robot refuses the protocol: ProtocolRobotTypeMismatch" in held
    assert told.code == 0, told.err
    assert (standing["experiments_done"], standing["faults"]) == (4, 0)


@pytest.mark.parametrize("option", ["timeout: 5", "poll: 1", "simulator: there/opentrons_simulate"])
def test_how_a_robot_is_asked_may_change_while_a_plate_is_made(
    hakken: Any, home: Settings, tmp_path: Path, option: str
) -> None:
    with serving(StandIn(tmp_path / "robot", looks=1000)) as url:
        campaign(home, tmp_path, robot=url)
        go_on(home, 2)
        name, _, value = option.partition(": ")
        campaign(home, tmp_path, robot=url, **{name: float(value) if value.isdigit() else value})
        told = hakken("tick", tmp_path / "campaign.yaml")

    assert told.code == 0, told.err


@pytest.mark.parametrize("option", [{"api": "2.19"}, {"offsets": []}])
def test_how_a_protocol_is_written_may_change_while_no_plate_is_in_hand(
    hakken: Any, home: Settings, tmp_path: Path, option: dict[str, Any]
) -> None:
    measured_by = {"adapter": "manual"}
    campaign(home, tmp_path, measured_by=measured_by)
    go_on(home, 12)
    (standing,) = hakken("status", "small", "--json").json
    campaign(home, tmp_path, measured_by=measured_by, **option)
    told = hakken("tick", tmp_path / "campaign.yaml")

    assert standing["pending"]
    assert told.code == 0, told.err
