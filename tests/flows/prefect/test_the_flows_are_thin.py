"""What can be said of the flows without any server: their tasks do what the engine does, and Prefect repeats none."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prefect import Flow, Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import PREFECT_API_URL, PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS, temporary_settings
from prefect.states import Cancelling, Completed, Crashed, Failed, Paused, Pending, Running, Scheduled

from flows import campaign, deployments, pools, tick, train
from flows.engine import passes, session
from flows.engine import tick as engine_tick
from flows.engine.steps.losing import Lost
from flows.engine.steps.training import round_due, train_round
from flows.settings import Settings
from flows.train import _is_over
from loop.contracts import Handle, RunsTogether
from loop.errors import LeaseHeld
from tests.flows.engine.bench import FakeLaboratory, add, cheap_planner, story_of
from tests.flows.engine.zygote import ROOT


class Robot(FakeLaboratory):
    """One that makes a plate in one run, when it is told that no more of its wells come."""

    def __init__(self) -> None:
        super().__init__()
        self.closed: list[tuple[str, int]] = []

    def close(self, plate: str, handles: Sequence[Handle]) -> None:
        self.closed.append((plate, len(handles)))

    def is_at_work(self, handles: Sequence[Handle]) -> bool:
        return False


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(passes, "write_page", lambda _session, **_: None)
    monkeypatch.setattr(session, "default_planner", cheap_planner)
    return Settings(tmp_path / "runs", by="tester")


def test_a_pass_says_that_the_campaign_file_was_edited_since(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def nothing(_: object) -> None:
        return None

    for step in ("look", "plan_batch", "send", "tell_how_it_stands"):
        monkeypatch.setattr(tick, step, getattr(tick, step).fn)
    monkeypatch.setattr(tick, "skip_overdue", nothing)
    monkeypatch.setattr(tick, "get_run_logger", logging.getLogger)
    add(settings, tmp_path)
    file = tmp_path / "campaign.yaml"
    file.write_text(file.read_text().replace("experiments: 10", "experiments: 9"))

    asyncio.run(tick.tick.fn("small", str(settings.home)))

    assert f"{file} was changed; hakken run {file} takes that up, by its name it goes on as before" in caplog.text


def test_no_task_is_cached_stored_or_tried_again_by_prefect() -> None:
    tasks = [t for module in (tick, campaign, train) for t in vars(module).values() if isinstance(t, Task)]

    assert len(tasks) >= 7
    for task in tasks:
        assert (task.cache_policy, task.persist_result, task.retries) == (NO_CACHE, False, 0), task.name


def test_flows_are_asynchronous_and_not_tried_again() -> None:
    flows = [f for module in (tick, campaign, train) for f in vars(module).values() if isinstance(f, Flow)]

    assert {f.name for f in flows} == {"tick", "campaign", "train"}
    assert all(f.isasync and f.retries == 0 and f.persist_result is False for f in flows)


def test_the_tasks_of_a_tick_do_what_the_engine_does(settings: Settings, tmp_path: Path) -> None:
    calm = Settings(tmp_path / "calm")
    for place in (settings, calm):
        add(place, tmp_path)
    for _ in range(4):
        engine_tick(calm, "small")
        with passes.sitting(settings, "small") as current:
            for step in (tick.look, tick.plan_batch, tick.send):
                step.fn(current)
            report = tick.tell_how_it_stands.fn(current)

    assert report.experiments_done == 10
    assert story_of(settings) == story_of(calm)
    known = [(place.folder("small") / "last-round.txt").read_text().split()[0] for place in (settings, calm)]
    assert known[0] == known[1]  # so that a record that is put back is known for an older one


def test_the_tasks_of_a_tick_set_a_plate_going_that_was_sent_whole(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    robot = Robot()
    monkeypatch.setattr(session, "open_laboratory", lambda *_args, **_keywords: robot)
    add(settings, tmp_path, plate={"rows": 1, "columns": 3}, planner={"surrogate": "random", "seed": 7})

    with passes.sitting(settings, "small") as current:
        for step in (tick.look, tick.plan_batch, tick.send):
            step.fn(current)

    assert isinstance(robot, RunsTogether)
    assert robot.closed == [("1", 3)]


def test_training_apart_stores_the_same_round_once(settings: Settings, tmp_path: Path) -> None:
    calm = Settings(tmp_path / "calm")
    for place in (settings, calm):
        add(place, tmp_path)
    engine_tick(calm, "small", planner=cheap_planner)
    with passes.sitting(settings, "small") as current:
        due = round_due(current.view)

    said = [train_round(settings, "small", 1, planner=cheap_planner) for _ in range(2)]
    engine_tick(settings, "small", planner=cheap_planner)

    assert due == 1
    assert said == ["round 1 is stored: 4 proposals", "round 1 is on record already"]
    assert train_round(settings, "small", 2, planner=cheap_planner) == "round 2 is not due"
    assert story_of(settings) == story_of(calm)


def test_a_round_planned_from_a_record_that_changed_meanwhile_is_dropped(settings: Settings, tmp_path: Path) -> None:
    from flows.engine import tell

    add(settings, tmp_path)
    told = tmp_path / "told.csv"
    told.write_text("solvent,base,step,yield\nwater,DBU,1,5\n", encoding="utf-8")

    def slow_planner(*args: Any, **keywords: Any) -> Any:
        tell(settings, "small", told, by="tester")
        return cheap_planner(*args, **keywords)

    said = train_round(settings, "small", 1, planner=slow_planner)

    assert said.startswith("round 1 was planned from a record that has changed since")
    assert story_of(settings).proposals == ()


def test_training_ends_a_campaign_that_has_nothing_left(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, space={"solvent": {"type": "category", "options": list("ab")}})
    train_round(settings, "small", 1, planner=cheap_planner)
    engine_tick(settings, "small", planner=cheap_planner)
    with passes.sitting(settings, "small") as current:
        passes.look(current)

    said = train_round(settings, "small", 2, planner=cheap_planner)

    assert "every candidate was tried" in said
    assert story_of(settings).state[0] == "finished"


@pytest.mark.parametrize(
    ("state", "age", "over"),
    [
        (Scheduled(), timedelta(days=1), False),
        (Pending(), timedelta(seconds=1), False),
        (Pending(), timedelta(hours=1), True),
        (Running(), timedelta(hours=1), False),
        (Running(), timedelta(days=1), True),
        (Cancelling(), timedelta(seconds=1), False),
        (Cancelling(), timedelta(hours=1), True),  # no worker is there that would end it
        (Paused(), timedelta(days=1), False),
        (Completed(), timedelta(), True),
        (Crashed(), timedelta(), True),
    ],
)
def test_a_training_run_that_was_lost_is_asked_for_again(state: Any, age: timedelta, over: bool) -> None:
    run: Any = SimpleNamespace(state=state)

    assert _is_over(run, state.timestamp + age) is over


def a_run(state: Any, age: timedelta = timedelta()) -> Any:
    """A run of training that came into its state so long ago."""
    at = datetime.now(UTC) - age
    told = FlowRun(flow_id=uuid4(), state=state, expected_start_time=at, work_queue_name="default")
    told.state = state.model_copy(update={"timestamp": told.expected_start_time})  # of a type of Prefect's own
    return told


def asking(settings: Settings, monkeypatch: pytest.MonkeyPatch, *runs: Any, held: str = "") -> tuple[list[str], int]:
    """A pass that asks for training and meets these runs, one for each key: its notes, and how many it asked for."""

    async def held_up(*_: object) -> str:
        return held

    waiting = list(runs)

    async def run_deployment(*_: Any, **__: Any) -> Any:
        if isinstance(run := waiting.pop(0), Exception):
            raise run
        return run

    monkeypatch.setattr("prefect.deployments.arun_deployment", run_deployment)
    monkeypatch.setattr(tick, "held_up", held_up)
    with passes.sitting(replace(settings, train_pool="gpu"), "small") as current:
        asyncio.run(tick.ask_for_training.fn(current))
    return current.tally.notes, len(runs) - len(waiting)


def test_a_pool_without_a_worker_is_named_with_the_remedy(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path)
    soon, _ = asking(settings, monkeypatch, a_run(Scheduled(), timedelta(seconds=20)))
    late, _ = asking(settings, monkeypatch, a_run(Scheduled(), timedelta(minutes=12)))
    nowhere, _ = asking(settings, monkeypatch, ObjectNotFound(Exception("no such deployment")))

    assert soon == []
    assert late == [
        "round 1 is to be planned on the work pool 'gpu', and nobody has begun it for 12 min: start a worker there "
        "(prefect worker start --pool gpu), or unset HAKKEN_TRAIN_POOL and deploy again, which plans in the pass itself"
    ]
    assert nowhere == [
        "round 1 is to be planned on the work pool 'gpu', and training is not deployed: HAKKEN_TRAIN_POOL=gpu python "
        "-m flows.deployments small deploys it"
    ]


def test_a_run_that_somebody_holds_up_in_prefect_is_said(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path)
    run = a_run(Paused(), timedelta(minutes=12))
    paused, _ = asking(settings, monkeypatch, run)
    (late,), _ = asking(settings, monkeypatch, a_run(Scheduled(), timedelta(minutes=12)), held="that pool is paused")

    assert paused == [
        f"round 1 is to be planned by a run that is paused in Prefect ({run.id}): resume it in its pages, or have "
        f"another asked for: prefect flow-run delete {run.id}"
    ]
    assert "nobody has begun it for 12 min: that pool is paused, or unset" in late


class Pools:
    """A Prefect server with one pool and its queue, as its client shows it."""

    def __init__(self, pool: dict[str, Any] | None, is_paused: bool = False) -> None:
        self.pool, self.queue = pool, SimpleNamespace(name="default", is_paused=is_paused)

    async def __aenter__(self) -> Pools:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def read_work_pool(self, name: str) -> Any:
        if self.pool is None:
            raise ObjectNotFound(Exception(name))
        return SimpleNamespace(**{"is_paused": False, "concurrency_limit": None, "active_slots": 0, **self.pool})

    async def read_work_queues(self, *, work_pool_name: str) -> list[Any]:
        return [SimpleNamespace(name="another", is_paused=True), self.queue]


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (Pools({}), ""),
        (Pools({"concurrency_limit": 2, "active_slots": 1}), ""),
        (
            Pools({"concurrency_limit": 1, "active_slots": 1}),
            "prefect work-pool clear-concurrency-limit 'a pool' lifts",
        ),
        (Pools({"is_paused": True}), "that pool is paused in Prefect: prefect work-pool resume 'a pool'"),
        (Pools({}, is_paused=True), "prefect work-queue resume default --pool 'a pool'"),
        (Pools(None), "deploying again makes it"),
    ],
)
def test_what_keeps_workers_from_a_run_is_said_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, server: Pools, said: str
) -> None:
    monkeypatch.setattr(pools, "get_client", lambda: server)

    found = asyncio.run(pools.held_up("a pool"))

    assert said in found
    assert bool(said) == bool(found)


def test_training_that_fails_is_said_and_rests_before_it_is_tried_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path)
    failed = Failed(message="no GPU is seen")
    once = asking(settings, monkeypatch, a_run(failed, timedelta(seconds=29)), a_run(Scheduled()))
    rested = asking(settings, monkeypatch, a_run(failed, timedelta(seconds=31)), a_run(Scheduled()))
    twice = asking(
        settings,
        monkeypatch,
        a_run(failed, timedelta(hours=1)),
        a_run(failed, timedelta(seconds=59)),
        a_run(Scheduled()),
    )
    over = asking(settings, monkeypatch, a_run(Completed()), a_run(Scheduled()))

    said = "round 1 could not be planned on the work pool 'gpu'{} (no GPU is seen); it is tried again, and"
    assert [n.startswith(said.format("")) for n in once[0]] == [True]
    assert [n.startswith(said.format(" 2 times")) for n in twice[0]] == [True]
    assert (once[1], rested[1], twice[1]) == (1, 2, 2)
    assert over == ([], 2)  # what was dropped is planned anew at once


def test_what_is_lost_is_told_to_whoever_trains(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path)
    asked: dict[str, Any] = {}
    lost = Lost(frozenset({"a key"}), {"b": {"base": ("CsOPiv",)}})

    async def run_deployment(_: str, *, parameters: dict[str, Any], **__: Any) -> Any:
        asked.update(json.loads(json.dumps(parameters)))
        return a_run(Running())

    monkeypatch.setattr("prefect.deployments.arun_deployment", run_deployment)
    monkeypatch.setattr(tick, "lost_parts", lambda _session: lost)
    told: list[Lost] = []
    monkeypatch.setattr(train, "train_round", lambda *_, lost, **__: told.append(lost) or "said")
    with passes.sitting(settings, "small") as current:
        asyncio.run(tick.ask_for_training.fn(current))

    train.fit_and_choose.fn(settings, asked["campaign"], asked["round_number"], asked["lost"])

    assert told == [lost]


def test_prefect_keeps_to_the_project_and_tells_nobody(tmp_path: Path) -> None:
    code = (
        "import flows.campaign\n"
        "from prefect.settings import get_current_settings as current\n"
        "import os\n"
        "print(current().home, os.environ['DO_NOT_TRACK'], current().server.analytics_enabled,"
        " current().server.ephemeral.startup_timeout_seconds)"
    )
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "HAKKEN_HOME": str(tmp_path / "runs")}

    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, env=clean, capture_output=True, text=True, check=True
    )

    assert said.stdout.split() == [str(tmp_path / "runs" / "prefect"), "1", "False", "60"]


def test_the_engine_and_the_settings_load_nothing_heavy() -> None:
    heavy = ("torch", "prefect", "pint", "rdkit", "pandas", "sqlalchemy")
    code = f"import sys, flows.engine, flows.settings; print([m for m in {heavy!r} if m in sys.modules])"

    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


def test_a_deployment_carries_no_password_and_names_the_project() -> None:
    settings = Settings(Path("/srv/project"), "postgresql://me:secret@db/hakken", "me", train_pool="gpu")

    environment = deployments.environment_of(settings)

    assert environment["HAKKEN_HOME"] == "/srv/project"
    assert environment["HAKKEN_TRAIN_POOL"] == "gpu"
    assert "secret" not in str(environment)


@pytest.mark.parametrize(
    ("home", "is_refused"), [("/elsewhere/runs", True), ("{home}", False), ("{home}/../runs", False), (None, False)]
)
def test_a_deployment_of_another_project_is_not_taken_away_from_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, home: str | None, is_refused: bool
) -> None:
    parameters = {"campaign": "small", "home": home and home.format(home=settings.home)}

    class Server:
        async def __aenter__(self) -> Server:
            return self

        async def __aexit__(self, *_: object) -> None:
            return None

        async def read_deployment_by_name(self, name: str) -> Any:
            if home is None:
                raise ObjectNotFound(Exception(name))
            return SimpleNamespace(name=name, parameters=parameters)

    monkeypatch.setattr(deployments, "get_client", Server)
    asked = deployments.see_that_it_is_ours(settings, "small")

    if is_refused:
        with pytest.raises(deployments.DeploymentOfAnother, match=r"small of the project /elsewhere/runs.*--replace"):
            asyncio.run(asked)
    else:
        asyncio.run(asked)


def test_a_server_that_is_not_there_is_no_fault_of_ours(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
    nobody = temporary_settings({PREFECT_API_URL: url})

    with nobody, pytest.raises(campaign.NoPrefectServer) as told:
        campaign.run_with_prefect(settings, "small", on_tick=lambda _: None)

    assert f"no Prefect server answers at {url}" in str(told.value)
    assert "mend PREFECT_API_URL, unset that, or go on without --prefect" in str(told.value)


def test_a_temporary_server_that_does_not_start_is_no_fault_of_ours(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path)
    ends_at_once = [sys.executable, "-c", "raise SystemExit(1)"]  # as over a database of another version
    monkeypatch.setattr(SubprocessASGIServer, "_run_uvicorn_command", lambda _: subprocess.Popen(ends_at_once))
    own = temporary_settings({PREFECT_API_URL: None, PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: 1})

    with own, pytest.raises(campaign.NoPrefectServer) as told:
        campaign.run_with_prefect(settings, "small", on_tick=lambda _: None)

    assert "Prefect's temporary server does not start" in str(told.value)
    assert f"its database in {os.environ['PREFECT_HOME']} is damaged or of another version" in str(told.value)


def test_a_server_that_goes_away_before_the_end_keeps_nobody_from_hearing_how_it_ended(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(settings, tmp_path)
    whole, said = campaign.campaign.fn, []

    async def cut_off(*given: Any, **more: Any) -> None:
        await whole(*given, **more)
        raise httpx.ConnectError("All connection attempts failed")

    monkeypatch.setattr(campaign, "campaign", cut_off)
    monkeypatch.setattr(campaign, "one_pass", campaign.one_pass.fn)
    monkeypatch.setattr(campaign, "get_run_logger", logging.getLogger)

    report = campaign.run_with_prefect(settings, "small", on_tick=lambda _: None, on_wait=said.append)

    assert report.state == "finished"
    assert "Prefect's server went away (All connection attempts failed), and its pages do not show" in said[0]


@pytest.mark.parametrize("every", ["0", "-3", "nan", "inf", "soon", "1e12"])
def test_an_interval_that_cannot_be_is_refused(capsys: pytest.CaptureFixture[str], every: str) -> None:
    with pytest.raises(SystemExit) as ended:
        deployments.main(["small", f"--every={every}"])

    assert ended.value.code == 2
    assert f"must be a number of seconds from 1 to {deployments.LONGEST}, got {every!r}" in capsys.readouterr().err


def test_a_campaign_that_meets_another_at_work_ends_as_busy_and_says_who_it_is(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = []

    async def run(*args: Any, **options: Any) -> None:
        states.append(await flow.fn(*args, **options))

    flow = campaign.campaign
    monkeypatch.setattr(campaign, "campaign", run)
    monkeypatch.setattr(campaign, "get_run_logger", logging.getLogger)
    add(settings, tmp_path)

    with passes.sitting(settings, "small"), pytest.raises(LeaseHeld, match="'small' is being worked on") as held:
        campaign.run_with_prefect(settings, "small", on_tick=lambda _: None)

    (state,) = states
    assert isinstance(state, State)  # no exception left the flow, of which Prefect would log a traceback
    assert (state.name, state.message) == ("Busy", str(held.value))
