"""Connections on which no request comes keep nobody out for long: they are closed, and those being answered are not."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import ref

import pytest
import uvicorn

from flows import quiet
from flows.bound import listening_at
from flows.service.serving import serve
from flows.settings import Settings
from flows.webhooks.checking import Keys
from flows.webhooks.door import Door
from flows.webhooks.inbox import Inbox
from flows.webhooks.listening import _door

HERE = ("127.0.0.1", 0)
LONGEST = 60.0  # seconds that a test waits for what comes at once


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "QUIET", 0.05)


def connected(port: int, said: bytes = b"") -> socket.socket:
    """A connection on which that was sent."""
    made = socket.create_connection((HERE[0], port), timeout=LONGEST)
    made.sendall(said)
    return made


@contextmanager
def running(app: Any) -> Iterator[int]:
    """An application behind a socket; gives its port."""
    with listening_at(HERE) as listening:
        server = uvicorn.Server(uvicorn.Config(app, http=quiet.watched, log_level="error", lifespan="off"))  # type: ignore[arg-type]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def test_what_is_being_answered_takes_as_long_as_it_likes_and_what_asks_nothing_is_closed() -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        is_asked.set()
        await asyncio.to_thread(may_answer.wait, LONGEST)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with running(app) as port, connected(port, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n") as asking:
        assert is_asked.wait(LONGEST)
        for said in (b"", b"GET / HTTP/1.1\r\n", b""):  # each is closed after the answer might have been cut off
            with connected(port, said) as idle:
                assert idle.recv(100) == b""
        may_answer.set()

        assert asking.recv(100).startswith(b"HTTP/1.1 204")


def test_nothing_is_kept_of_a_connection_that_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "QUIET", 3600.0)
    watched, made = quiet.watched, []

    def noted(**known: Any) -> asyncio.Protocol:
        protocol = watched(**known)
        made.append(ref(protocol))
        return protocol

    monkeypatch.setattr(quiet, "watched", noted)

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def are_kept() -> bool:
        gc.collect()
        return any(one() is not None for one in made)

    with running(app) as port:
        with connected(port, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n") as asking:
            assert asking.recv(100).startswith(b"HTTP/1.1 204")
            assert are_kept()
        until = time.monotonic() + LONGEST
        while are_kept() and time.monotonic() < until:
            time.sleep(0.01)

        assert not are_kept()


def test_the_service_closes_them(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    servers, urls, began = [], [], threading.Event()
    run = uvicorn.Server.run

    def noted(server: uvicorn.Server, sockets: Any = None) -> None:
        servers.append(server)
        run(server, sockets)

    def note(url: str, _who: str) -> None:
        urls.append(url)
        began.set()

    monkeypatch.setattr(uvicorn.Server, "run", noted)
    told = {"tokens": None, "patience": 1.0, "began": note}
    thread = threading.Thread(target=serve, args=(Settings(tmp_path / "runs", by="tester"), HERE), kwargs=told)
    thread.start()
    with ExitStack() as at_the_end:
        at_the_end.callback(thread.join)
        assert began.wait(LONGEST)
        at_the_end.callback(lambda: setattr(servers[0], "should_exit", True))

        with connected(int(urls[0].rpartition(":")[2])) as idle:
            assert idle.recv(100) == b""


def test_the_listener_closes_them(tmp_path: Any) -> None:
    said: list[str] = []
    door = Door(Inbox(Settings(tmp_path / "runs", by="tester"), "small"), Keys({"k1": "secret"}), lambda: None)

    with _door(door, HERE, said.append):
        port = int(said[0].removesuffix("/messages").rpartition(":")[2])
        with connected(port) as idle:
            assert idle.recv(100) == b""
