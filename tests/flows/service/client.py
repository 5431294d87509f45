"""Whoever asks the service in tests: requests go to the application itself, without a socket."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from flows.service.gate import Application

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
