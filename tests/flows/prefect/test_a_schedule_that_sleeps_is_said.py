"""Where no pass of a deployed campaign comes, whoever looks at the campaign is told why, and what sets it going."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows import asleep
from flows.asleep import note_schedule
from flows.cli.checks import project
from flows.engine import status, stop
from flows.settings import Settings
from tests.flows.engine.bench import add

HERE = "b54a017d-82cc-4b60-906c-27599367c173"
HOURLY = {"active": True, "schedule": {"interval": 3600.0}}
GOES_ON = "; hakken run small goes on without it"


class Server(ThreadingHTTPServer):
    """What a Prefect server says of a deployment, its pool and its queue; those that are None are not there."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.deployment: Any = {
            "paused": False,
            "schedules": [HOURLY],
            "work_pool_name": "lab 1",
            "work_queue_name": None,
        }
        self.pool: Any = {"is_paused": False, "status": "READY"}
        self.queue: Any = {"is_paused": False}
        self.refuses = False
        self.key = "Bearer nobody's"  # what lets one in where it refuses others

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api"


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        there: Any = self.server
        known = {
            f"/api/deployments/{HERE}": there.deployment,
            "/api/work_pools/lab%201": there.pool,
            "/api/work_pools/lab%201/queues/default": there.queue,
        }
        found = known.get(self.path)
        may_not = there.refuses and self.headers["Authorization"] != there.key
        self.send_response(401 if may_not else 404 if found is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr(asleep, "_silent", {})
    with Server() as there:
        thread = threading.Thread(target=there.serve_forever, args=(0.01,))
        thread.start()
        yield there
        there.shutdown()
        thread.join()


@pytest.fixture
def deployed(home: Settings, tmp_path: Path, server: Server) -> Settings:
    add(home, tmp_path)
    note_schedule(home, "small", HERE, server.url)
    return home


def said(where: Settings) -> list[str]:
    return [line for line in status(where, "small")[0].held_up if "Prefect" in line]


@pytest.mark.parametrize(
    ("part", "has", "why"),
    [
        (
            "deployment",
            {"paused": True},
            "the deployment is paused; python -m flows.deployments small --every 3600 sets",
        ),
        ("deployment", {"schedules": [HOURLY | {"active": False}]}, "its schedule is paused; python -m flows.deployme"),
        ("deployment", {"schedules": []}, "its schedule is paused; python -m flows.deployments small sets it going"),
        ("pool", {"is_paused": True}, "the work pool 'lab 1' is paused: prefect work-pool resume 'lab 1'"),
        ("pool", {"status": "NOT_READY"}, "no worker of the work pool 'lab 1' is at work: prefect worker start --pool"),
        ("queue", {"is_paused": True}, "the queue 'default' of the work pool 'lab 1' is paused: prefect work-queue re"),
    ],
)
def test_what_keeps_passes_from_coming_is_said_with_the_way_out(
    deployed: Settings, server: Server, part: str, has: dict[str, Any], why: str
) -> None:
    before = said(deployed)
    setattr(server, part, getattr(server, part) | has)
    (line,) = said(deployed)
    (check,) = project.schedules_at_rest(deployed)

    assert before == []
    assert line.startswith(f"no pass of its Prefect schedule comes: {why}")
    assert line.endswith(GOES_ON)
    assert (check.subject, check.found) == ("small", line)


def test_a_pool_that_is_gone_is_said(deployed: Settings, server: Server) -> None:
    server.pool = None

    assert said(deployed) == [
        f"no pass of its Prefect schedule comes: the work pool 'lab 1' is gone; deploying again makes it{GOES_ON}"
    ]


@pytest.mark.parametrize(("deployment", "refuses"), [(None, False), ({"paused": True}, True)])
def test_of_what_was_deleted_or_may_not_be_seen_nothing_is_said(
    deployed: Settings, server: Server, deployment: Any, refuses: bool
) -> None:
    server.deployment, server.refuses = deployment, refuses

    assert said(deployed) == []


def test_a_stopped_campaign_is_let_sleep(deployed: Settings, server: Server) -> None:
    server.pool = None
    stop(deployed, "small", by="tester", why="a pause")

    assert said(deployed) == []
    assert list(project.schedules_at_rest(deployed)) == []


def test_a_server_that_is_away_is_named_and_not_asked_by_each_campaign(
    deployed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
    note_schedule(deployed, "small", HERE, url)
    (first,) = said(deployed)
    monkeypatch.setattr(asleep.urllib.request, "urlopen", lambda *_, **__: pytest.fail("asked again"))
    (second,) = said(deployed)

    assert first.startswith(
        f"no pass of its Prefect schedule comes unless its server is up: {url} gives no answer here"
    )
    assert first.endswith(GOES_ON)
    assert "asked a moment ago" in second


def test_the_server_that_the_environment_names_is_asked_first(
    deployed: Settings, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_schedule(deployed, "small", HERE, "http://127.0.0.1:1/api")
    monkeypatch.setenv("PREFECT_API_URL", server.url)

    assert said(deployed) == []


@pytest.mark.parametrize(
    ("setting", "key"),
    [("PREFECT_API_KEY", "Bearer pnu_1"), ("PREFECT_API_AUTH_STRING", "Basic cG51XzE=")],
)
def test_a_server_is_asked_with_the_key_of_the_profile_that_is_its_own(
    deployed: Settings, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: str, key: str
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    profile = f'active = "other"\n[profiles.other]\n[profiles.site]\nPREFECT_API_URL = "%s"\n{setting} = "pnu_1"\n'
    server.refuses, server.key, server.pool = True, key, None
    (tmp_path / "profiles.toml").write_text(profile % "http://127.0.0.1:1/api", "utf-8")
    with_anothers = said(deployed)
    (tmp_path / "profiles.toml").write_text(profile % f"{server.url}/", "utf-8")
    (line,) = said(deployed)

    assert with_anothers == []
    assert "the work pool 'lab 1' is gone" in line
