"""A finished campaign's schedule is paused, and whatever takes the campaign up again wakes it or says why it cannot."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.exceptions import ObjectNotFound

from flows import schedules, tick
from flows.engine import resume, stop
from flows.settings import Settings
from loop.record import CampaignState
from tests.flows.engine.bench import add, once

HERE = "b54a017d-82cc-4b60-906c-27599367c173"
SERVER = "http://prefect.test/api"


class Server:
    """A Prefect server as its client shows it: what was asked of which deployment."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.known = {HERE}

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def pause_deployment(self, deployment: str) -> None:
        self.asked.append(("pause", deployment))

    async def resume_deployment(self, deployment: str) -> None:
        if deployment not in self.known:
            raise ObjectNotFound(Exception("no such deployment"))
        self.asked.append(("resume", deployment))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr("prefect.client.orchestration.get_client", lambda: server)
    monkeypatch.setattr(tick, "get_client", lambda: server)
    monkeypatch.setattr(tick, "deployment", SimpleNamespace(id=HERE))
    here: Any = SimpleNamespace(api=SimpleNamespace(url=SERVER))
    monkeypatch.setattr(tick, "get_current_settings", lambda: here)
    return server


@pytest.fixture
def finished(home: Settings, tmp_path: Path, server: Server) -> Settings:
    """A project whose campaign ``small`` is finished, and its schedule at rest."""
    add(home, tmp_path, space={"solvent": {"type": "category", "options": list("ab")}})
    while once(home).state != CampaignState.FINISHED.value:
        pass
    asyncio.run(tick.rest.fn(home, "small"))
    assert server.asked == [("pause", HERE)]
    return home


def test_a_campaign_that_is_taken_up_again_wakes_its_schedule(finished: Settings, server: Server, hakken: Any) -> None:
    said = hakken("resume", "small")
    again = schedules.wake(finished, "small")

    assert "note: the Prefect schedule of small, paused since it finished, goes on" in said.out
    assert server.asked == [("pause", HERE), ("resume", HERE)]
    assert again == ()


@pytest.mark.usefixtures("finished")
def test_a_changed_file_wakes_it_too(server: Server, hakken: Any, tmp_path: Path) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("- b\n", "- b\n    - c\n"), encoding="utf-8")

    said = hakken("tick", path)

    assert "the Prefect schedule of small, paused since it finished, goes on" in said.out
    assert server.asked[-1] == ("resume", HERE)


def test_what_is_finished_or_stopped_is_left_at_rest(finished: Settings, server: Server) -> None:
    at_rest = schedules.wake(finished, "small")
    resume(finished, "small", by="tester")
    stop(finished, "small", by="tester", why="a pause")
    stopped = schedules.wake(finished, "small")

    assert (at_rest, stopped) == ((), ())
    assert server.asked == [("pause", HERE)]


def test_a_deployment_that_was_deleted_is_said_once_and_forgotten(finished: Settings, server: Server) -> None:
    server.known.clear()
    resume(finished, "small", by="tester")

    assert schedules.wake(finished, "small") == (
        "the Prefect schedule of small, paused since it finished, is gone from Prefect's server; unless another has "
        "taken its place, python -m flows.deployments small makes one",
    )
    server.known.add(HERE)
    assert schedules.wake(finished, "small") == ()
    assert server.asked == [("pause", HERE)]


def test_a_campaign_that_is_taken_up_while_its_pass_goes_to_rest_is_not_left_asleep(
    home: Settings, tmp_path: Path, server: Server
) -> None:
    add(home, tmp_path)
    # The record says active: somebody took it up after the pass had read how it stands.
    asyncio.run(tick.rest.fn(home, "small"))

    assert server.asked == [("pause", HERE), ("resume", HERE)]
    assert schedules.wake(home, "small") == ()


def test_a_server_that_is_away_is_named_and_asked_again(home: Settings, tmp_path: Path) -> None:
    add(home, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
    schedules.note_rest(home, "small", HERE, url)

    (said,) = schedules.wake(home, "small")
    again = schedules.wake(home, "small")

    assert said.startswith(
        "the Prefect schedule of small is paused since it finished, and could not be woken: no Prefect"
    )
    assert f"answers at {url}" in said
    assert said.endswith("; then hakken tick small wakes it")
    assert len(again) == 1
