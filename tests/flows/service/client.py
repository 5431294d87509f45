"""Whoever asks the service in tests: requests go to the application itself, or to a socket where one is wanted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

from flows.bound import listening_at
from flows.service.access import Access
from flows.service.application import application
from flows.service.gate import Application
from flows.settings import Settings

HOME = "http://127.0.0.1:8767"


class Client:
    """One request at a time in each thread."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def get(self, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self._request("GET", path, more))

    def post(self, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self._request("POST", path, more))

    async def _request(self, method: str, path: str, more: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._application, raise_app_exceptions=False)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url=HOME) as client:
            return await client.request(method, path, **more)


@contextmanager
def served(settings: Settings, access: Access | None = None) -> Iterator[str]:
    """The service behind a socket; gives its URL."""
    listening = listening_at(("127.0.0.1", 0))
    app = application(settings, access or Access({}, "tester"), patience=20.0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
