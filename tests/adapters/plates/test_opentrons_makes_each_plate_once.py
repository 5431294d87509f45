"""The Opentrons laboratory: the contract, and what becomes of plates when robots and replies get lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import AdapterUnavailable
from adapters.opentrons.adapter import Opentrons
from adapters.opentrons.client import Robot
from adapters.opentrons.stand_in import MOST_RUNS, MOST_UNUSED_PROTOCOLS, StandIn, serving
from adapters.opentrons.trial import trial
from adapters.registry import build
from adapters.several import SeveralLaboratories
from loop import checkpoints
from loop.contracts import Absent, Adapter, AdapterContext, AttemptKey, ExperimentSpec, Found, Phase, Unknown
from loop.outcome import Measured
from loop.testing.adapter import AdapterContract
from tests.adapters.plates.at_the_robot import KEYS, WELLS, outcomes, playing, runs, started, until_ended
from tests.adapters.plates.robots import (
    EXPERIMENT,
    REFUSED,
    TARGETS,
    count_runs,
    experiment,
    laboratory,
    options,
    recipe,
    twin,
)


class TestTwin(AdapterContract):
    @pytest.fixture
    def make_adapter(self, tmp_path: Path) -> Callable[[], Adapter]:
        return lambda: laboratory(tmp_path, runs="each")

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return EXPERIMENT

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return REFUSED

    @pytest.fixture
    def count_runs(self, tmp_path: Path) -> Callable[[AttemptKey], int]:
        return lambda key: count_runs(tmp_path, key)


class TestOverHttp(AdapterContract):
    """The same over a real connection, to a robot that loses requests and replies."""

    @pytest.fixture
    def robot(self, tmp_path: Path) -> Iterator[str]:
        asked = {"n": 0}

        def trouble(method: str, path: str, moment: str) -> None:
            asked["n"] += 1
            if asked["n"] % 17 == 0:
                raise ConnectionError(f"{method} {path} was lost {moment} it took effect")

        with serving(twin(tmp_path, trouble=trouble)) as url:
            yield url

    @pytest.fixture
    def make_adapter(self, tmp_path: Path, robot: str) -> Callable[[], Adapter]:
        return lambda: patient(laboratory(tmp_path, runs="each", robot=robot))

    @pytest.fixture
    def experiment(self) -> ExperimentSpec:
        return EXPERIMENT

    @pytest.fixture
    def refused(self) -> ExperimentSpec:
        return REFUSED

    @pytest.fixture
    def count_runs(self, tmp_path: Path) -> Callable[[AttemptKey], int]:
        return lambda key: count_runs(tmp_path, key)


def patient(inner: Opentrons) -> Any:
    """Asks again what could not be answered, as the engine does in its next pass; starts are never sent again so."""

    def asked(name: str) -> Any:
        ask = getattr(inner, name)

        def again(*arguments: Any) -> Any:
            for _ in range(20):
                try:
                    return ask(*arguments)
                except AdapterUnavailable:
                    pass
            raise AssertionError("it never answered")

        return staticmethod(again if name in ("status", "fetch", "health", "cancel") else ask)

    # methods of a class of its own: a protocol is looked for on the class, from Python 3.12 on
    names = [n for n in dir(inner) if not n.startswith("_") and callable(getattr(inner, n))]
    return type("Patient", (), {n: asked(n) for n in names})()


def test_a_plate_is_one_run_with_the_key_of_each_well_in_it(tmp_path: Path) -> None:
    lab = laboratory(tmp_path)
    handles = started(lab)
    waiting = [lab.status(handle) for handle in handles]
    lab.close("1", handles)
    lab.close("1", handles)
    laboratory(tmp_path).close("1", handles[:3])
    until_ended(lab, handles)
    (plate,) = (tmp_path / "lab" / "plates").iterdir()
    text = (plate / "protocol.py").read_text()

    assert {(s.phase, s.detail) for s in waiting} == {(Phase.WAITING, "waits for the rest of its plate")}
    assert runs(tmp_path) == [1] * 6
    assert all(isinstance(o, Measured) for o in outcomes(lab, handles))
    assert all(key in text for key in KEYS)
    assert f"'hakken': '{plate.name}'" in text
    assert json.loads(lab.fetch(handles[0])[0].payload)["provenance"]["made_by"]["protocol"] == plate.name


def test_without_leave_nothing_is_played_and_nothing_handed_on_to_be_measured(tmp_path: Path) -> None:
    lab, leave = laboratory(tmp_path), {"is": False}
    lab.ask_leave(lambda: leave["is"])
    handles = started(lab)
    lab.close("1", handles)
    held = [lab.status(handle) for _ in range(3) for handle in handles]
    before = runs(tmp_path)
    leave["is"] = True
    for _ in range(20):
        if sum(runs(tmp_path)) == 6:
            leave["is"] = False  # the stop comes while the plate is made
        lab.status(handles[0])
    made = [lab.status(handle) for handle in handles]
    leave["is"] = True
    until_ended(lab, handles)

    assert {(s.phase, s.detail) for s in held} == {(Phase.WAITING, "held by a safety stop; it lies inert")}
    assert before == [0] * 6
    assert {s.detail for s in made} == {"made; its measurement is held by a safety stop; it lies inert"}
    assert runs(tmp_path) == [1] * 6
    assert all(isinstance(o, Measured) for o in outcomes(lab, handles))


def test_what_comes_later_is_another_run(tmp_path: Path) -> None:
    lab = laboratory(tmp_path)
    first = started(lab, WELLS[:4])
    lab.close("1", first)
    later = started(lab, WELLS[4:])
    lab.close("1", [*first, *later])
    until_ended(lab, [*first, *later])

    assert runs(tmp_path) == [1] * 6
    assert len(list((tmp_path / "lab" / "plates").iterdir())) == 2


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    "request_", ["GET /protocols", "POST /protocols", "GET /runs", "POST /runs", "POST play", "GET run"]
)
def test_a_lost_request_or_reply_doubles_nothing(tmp_path: Path, request_: str, moment: str) -> None:
    """Each kind of request is lost twice; every pass may be the last of its process."""
    left = {"n": 2}

    def trouble(method: str, path: str, when: str) -> None:
        kind = f"{method} {path}"
        kind = "POST play" if path.endswith("/actions") else "GET run" if kind.startswith("GET /runs/") else kind
        if kind == request_ and when == moment and left["n"]:
            left["n"] -= 1
            raise ConnectionError(f"{kind} was lost")

    with serving(twin(tmp_path, trouble=trouble)) as url:
        handles = started(laboratory(tmp_path, robot=url))
        laboratory(tmp_path, robot=url).close("1", handles)
        for _ in range(12):
            with suppress(AdapterUnavailable):
                laboratory(tmp_path, robot=url).status(handles[0])
        lab = laboratory(tmp_path, robot=url)
        until_ended(lab, handles)

        assert left["n"] < 2
        assert runs(tmp_path) == [1] * 6
        assert all(isinstance(o, Measured) for o in outcomes(lab, handles))


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("label", ["closed", "uploaded", "created", "intended", "played", "kept", "handed-on"])
def test_killed_at_any_step_it_goes_on_with_the_next_process(tmp_path: Path, label: str) -> None:
    def stop(at: str) -> None:
        if at == f"plates.{label}":
            raise Killed

    handles = started(laboratory(tmp_path))
    checkpoints.on_reached = stop
    with pytest.raises(Killed):  # noqa: PT012 - any of these steps
        laboratory(tmp_path).close("1", handles)
        until_ended(laboratory(tmp_path), handles)
    checkpoints.on_reached = None
    lab = laboratory(tmp_path)
    lab.close("1", handles)
    until_ended(lab, handles)

    assert runs(tmp_path) == [1] * 6
    assert all(isinstance(o, Measured) for o in outcomes(lab, handles))


def test_a_restart_in_the_middle_is_a_doubt_and_waits_for_a_person(tmp_path: Path) -> None:
    lab, handles, robot = playing(tmp_path)
    robot.restart()
    status = lab.status(handles[0])

    assert status.phase is Phase.LOST
    assert "lost its record of run" in status.detail
    assert all(isinstance(lab.find(key), Unknown) for key in KEYS)
    assert all(isinstance(laboratory(tmp_path).find(key), Unknown) for key in KEYS)
    assert runs(tmp_path) == [1] * 6


def test_a_run_that_the_robot_forgot_is_a_doubt(tmp_path: Path) -> None:
    lab, handles, robot = playing(tmp_path)
    robot.stop_by_hand()
    robot.other_runs(MOST_RUNS)
    status = lab.status(handles[0])

    assert status.phase is Phase.LOST
    assert "does not know run" in status.detail
    assert isinstance(lab.find(KEYS[0]), Unknown)


def test_what_a_person_says_never_ran_is_made_in_another_run(tmp_path: Path) -> None:
    """Started again, as the engine does after ``hakken resolve --never-ran``; the others stay in doubt."""
    lab, handles, robot = playing(tmp_path)
    robot.restart()
    lab.status(handles[0])
    again = laboratory(tmp_path)
    again.start(handles[0], KEYS[0])
    again.start(handles[0], KEYS[0])
    found = again.find(KEYS[0])
    again.close("1", handles)
    until_ended(again, handles[:1])

    assert found == Found(handles[0], started=True)
    assert runs(tmp_path) == [2, 1, 1, 1, 1, 1]
    assert isinstance(again.find(KEYS[1]), Unknown)


def test_a_result_is_kept_at_once_and_outlives_the_robots_memory(tmp_path: Path) -> None:
    lab = laboratory(tmp_path)
    handles = started(lab)
    lab.close("1", handles)
    until_ended(lab, handles)
    twin(tmp_path).other_runs(2 * MOST_RUNS)
    twin(tmp_path).restart()

    assert all(isinstance(o, Measured) for o in outcomes(laboratory(tmp_path), handles))
    assert runs(tmp_path) == [1] * 6


def test_before_it_is_played_a_restart_or_a_forgetful_robot_loses_nothing(tmp_path: Path) -> None:
    for trouble in (lambda robot: robot.restart(), lambda robot: robot.other_runs(MOST_RUNS)):
        folder = tmp_path / str(id(trouble))
        handles = started(laboratory(folder))
        laboratory(folder).close("1", handles)
        checkpoints.on_reached = _stop_at("plates.created")
        with pytest.raises(Killed):
            laboratory(folder).status(handles[0])
        checkpoints.on_reached = None
        trouble(twin(folder))
        lab = laboratory(folder)
        until_ended(lab, handles)

        assert runs(folder) == [1] * 6


def _stop_at(label: str) -> Callable[[str], None]:
    def stop(at: str) -> None:
        if at == label:
            raise Killed

    return stop


def test_commands_are_read_page_by_page_until_one_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    homes = [{"commandType": "home", "status": "succeeded"}] * 3
    for last, drew in (("aspirate", True), ("airGapInPlace", False), ("home", False)):
        told = [*homes, {"commandType": last, "status": "failed"}]
        monkeypatch.setattr("adapters.opentrons.client.PAGE", 2)

        def ask(_self: Robot, _method: str, path: str, told: list[Any] = told) -> Any:
            begin = int(path.partition("cursor=")[2].partition("&")[0])
            return {"data": told[begin : begin + 2], "meta": {"totalLength": len(told)}}

        monkeypatch.setattr(Robot, "_ask", ask)
        assert Robot("http://x", 1.0).has_drawn("run-1") is drew
    monkeypatch.setattr(Robot, "_ask", lambda *_: {"data": [], "meta": {"totalLength": 0}})
    assert Robot("http://x", 1.0).has_drawn("run-1")


def test_among_several_laboratories_a_plate_is_closed_all_the_same(tmp_path: Path) -> None:
    section = {"laboratories": {"robot": {"adapter": "opentrons", **options()}}}
    context = AdapterContext(str(tmp_path / "lab"), str(tmp_path), "coupling", TARGETS, recipe=recipe())
    lab = build("several", section, context)
    assert isinstance(lab, SeveralLaboratories)
    handles = []
    for well, key in zip(WELLS, KEYS, strict=True):
        handles.append(lab.prepare(experiment(well), key))
        lab.start(handles[-1], key)
    lab.close("1", handles)
    at_work = lab.is_at_work(handles)
    while lab.status(handles[0]).phase is not Phase.ENDED:
        pass
    moved = StandIn(tmp_path / "lab" / "robot" / "stand-in").moved()

    assert at_work
    assert not lab.is_at_work(handles)
    assert moved == dict.fromkeys(KEYS, 1)
    assert (lab.pause(), lab.resume()) == (0, 0)


def test_a_busy_robot_is_waited_for(tmp_path: Path) -> None:
    robot = twin(tmp_path, looks=1000)
    with serving(robot) as url:
        other = Robot(url, 5.0)
        theirs = other.create(other.upload('metadata = {}\nrequirements = {"robotType": "OT-2"}\n', "theirs"))
        other.act(theirs.id, "play")
        lab = laboratory(tmp_path, robot=url)
        handles = started(lab)
        lab.close("1", handles)
        busy = lab.status(handles[0])
        robot.looks = 1
        other.run(theirs.id)
        until_ended(lab, handles)

    assert (busy.phase, busy.detail.startswith("the robot is busy")) == (Phase.WAITING, True)
    assert "not of this campaign" in busy.wants
    assert runs(tmp_path) == [1] * 6


def test_a_run_whose_wells_nobody_asks_about_is_named_and_followed(tmp_path: Path) -> None:
    """As where a person told all of them: the next plate waits for it, and says for what."""
    lab, earlier, robot = playing(tmp_path)
    robot.press("pause")
    later = [lab.prepare(experiment(well), AttemptKey(f"later-{well}")) for well in WELLS[:2]]
    for handle in later:
        lab.start(handle, AttemptKey(handle))
    lab.close("2", later)
    busy = lab.status(later[0])
    robot.press("play")
    robot.looks = 1
    until_ended(lab, later)
    moved = robot.moved()

    assert busy.phase is Phase.WAITING
    assert "the robot has another plate of this campaign" in busy.wants
    assert "is paused" in busy.wants
    assert "stop that run there" in busy.wants
    assert not lab.is_at_work(earlier)  # its end was seen, and kept
    assert set(moved.values()) == {1}
    assert len(moved) == len(WELLS) + len(later)


def test_a_run_created_by_somebody_else_in_between_only_takes_ours_away(tmp_path: Path) -> None:
    """Our idle run is no longer the current one: it can never be played, and another one is made."""
    handles = started(laboratory(tmp_path))
    laboratory(tmp_path).close("1", handles)
    checkpoints.on_reached = _stop_at("plates.intended")
    with pytest.raises(Killed):
        laboratory(tmp_path).status(handles[0])
    checkpoints.on_reached = None
    twin(tmp_path).other_runs(1)
    lab = laboratory(tmp_path)
    until_ended(lab, handles)

    assert runs(tmp_path) == [1] * 6


def test_health_names_what_is_wrong(tmp_path: Path) -> None:
    with serving(twin(tmp_path)) as url:
        assert laboratory(tmp_path, robot=url).health().is_ok
        wrong = laboratory(tmp_path, robot=url, machine="Flex").health()
    gone = laboratory(tmp_path, robot=url).health()

    assert not wrong.is_ok
    assert "is a OT-2 Standard; write laboratory.machine as it is" in wrong.message
    assert not gone.is_ok
    assert "gave no answer to GET /health" in gone.message


def test_the_stand_in_forgets_and_refuses_as_the_robot_does(tmp_path: Path) -> None:
    robot = StandIn(tmp_path)
    text = 'metadata = {{"n": "{}"}}\nrequirements = {{"robotType": "OT-2"}}\n'
    upload = [robot.answer("POST", "/protocols", {"files": text.format(n), "key": str(n)}) for n in (0, 0, 1)]
    for n in range(MOST_UNUSED_PROTOCOLS + 3):
        robot.answer("POST", "/protocols", {"files": text.format(n), "key": str(n)})
    kept = robot.answer("GET", "/protocols")[1]["data"]
    flex = robot.answer("POST", "/protocols", {"files": text.format(0).replace("OT-2", "Flex")})
    robot.other_runs(MOST_RUNS + 5)
    known = robot.answer("GET", "/runs")[1]["data"]

    assert [status for status, _ in upload] == [201, 200, 201]
    assert upload[0][1]["data"]["id"] == upload[1][1]["data"]["id"]
    assert len(kept) == MOST_UNUSED_PROTOCOLS
    assert flex[0] == 422
    assert len(known) == MOST_RUNS
    assert robot.answer("POST", "/runs/run-1/actions", {"data": {"actionType": "play"}})[0] == 404
    assert robot.answer("POST", f"/runs/{known[0]['id']}/actions", {"data": {"actionType": "play"}})[0] == 409


def test_the_trial_for_the_command_line_is_sound(tmp_path: Path) -> None:
    lab = trial.make(tmp_path)
    handle = lab.prepare(trial.experiment, KEYS[0])
    before = trial.count_runs(tmp_path, KEYS[0])
    lab.start(handle, KEYS[0])
    trial.finish(lab, handle)

    assert list(lab.validate(trial.experiment)) == []
    assert lab.validate(trial.refused)
    assert (before, trial.count_runs(tmp_path, KEYS[0])) == (0, 1)


def test_a_run_gets_the_offsets_of_the_labware(tmp_path: Path) -> None:
    found = {
        "definitionUri": "opentrons/plate/1",
        "location": {"slotName": "1"},
        "vector": {"x": 0.1, "y": 0.0, "z": 0.2},
    }
    lab = laboratory(tmp_path, offsets=[found])
    handles = started(lab, WELLS[:1])
    lab.close("1", handles)
    until_ended(lab, handles)
    run = json.loads((tmp_path / "lab" / "stand-in" / "robot.json").read_text())["runs"][0]

    assert run["labwareOffsets"] == [found]


def test_a_key_never_seen_is_absent(tmp_path: Path) -> None:
    assert laboratory(tmp_path).find(AttemptKey("nobody")) == Absent()
