"""Servers on this machine for the tests of ``http``: one that says what a test tells it to, and the example's own."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import uvicorn

from adapters.http.options import build
from tests.adapters.helpers import context


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass
class Laboratory:
    """A laboratory in memory, honest until a test changes ``answers``: None hangs up, bytes go out as they are, parts
    one after the other."""

    memory: str = "first"
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    answers: Callable[[Asked], bytes | Iterable[bytes] | None] | None = None
    url: str = ""

    def answer(self, asked: Asked) -> Iterable[bytes]:
        answer = self.honest(asked) if self.answers is None else self.answers(asked)
        return () if answer is None else (answer,) if isinstance(answer, bytes) else answer

    def honest(self, asked: Asked) -> bytes:
        if asked.path == "/experiments":
            key = asked.document["key"]
            if key not in self.known or (asked.document["never_ran"] and self.states[key] == "doubtful"):
                self.known[key], self.states[key] = asked.document, "ended"
            return said(200, self.shown(key))
        key = asked.path.split("/")[2]
        if key not in self.known:
            return said(404, {"error": "unknown_key", "key": key, "memory": self.memory})
        if asked.path.endswith("/results"):
            outcome = {"outcome": "measured", "values": [{"property": "yield", "value": 50.0, "unit": "%"}]}
            return said(200, {**self.shown(key), "results": [outcome]})
        return said(200, self.shown(key))

    def shown(self, key: str) -> dict[str, Any]:
        return {"key": key, "state": self.states[key], "memory": self.memory}

    @property
    def posts(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == "POST"]


def said(status: int, document: Any, kind: str = "application/json", **headers: str) -> bytes:
    """A whole reply."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = (
        f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def speaking(laboratory: Laboratory, certificate: Path | None = None) -> Iterator[Laboratory]:
    """The laboratory on a real socket, with TLS where there is a certificate."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, dict(self.headers.items()), body)
            laboratory.asked.append(asked)
            self.close_connection = True
            for part in laboratory.answer(asked):
                self.wfile.write(part)

        do_GET = do_POST = _do

        def log_message(self, *_: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            return  # a client that hangs up is what some tests are about

    server = Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trust.load_cert_chain(certificate)
        server.socket = trust.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    laboratory.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
    try:
        yield laboratory
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def adapter_for(laboratory: Laboratory, folder: Path, **options: Any) -> Any:
    """The adapter, in a folder of its own."""
    return build({"url": laboratory.url, "timeout": 5.0, **options}, context(folder))


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """An ASGI application on a real socket, in a thread; yields its address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1, lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
