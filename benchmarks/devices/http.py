"""A device that keeps the contract over HTTP."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

from adapters.registry import build
from devices.device import TARGETS, Device
from loop.contracts import Adapter, AdapterContext
from tests.adapters.http.http_servers import Asked, Laboratory, said, speaking


class HttpDevice(Device):
    """``http``: a laboratory by the contract on a real socket; a run that its death broke off is doubtful."""

    name = "http"

    def __init__(self, folder: Path, chance: Random) -> None:
        super().__init__(folder, chance)
        self._open, self._counted, self._results = ExitStack(), Counter[str](), dict[str, Any]()
        self._server = self._open.enter_context(speaking(Laboratory()))
        self._server.answers = self._answer

    def laboratory(self) -> Adapter:
        options = {"url": self._server.url, "timeout": 30.0, "properties": TARGETS}
        return build("http", options, AdapterContext(str(self.folder / "lab"), ".", "small", TARGETS))

    def work(self) -> None:
        states = self._server.states
        waiting = [key for key, state in states.items() if state == "waiting"]
        if self.is_down or not waiting:
            return
        key = self.chance.choice(waiting)
        states[key] = "running"
        if self._dies("running"):
            return
        self._counted[key] += 1
        if self._dies("run"):
            return
        document = self._server.known[key]
        self._results[key], states[key] = self.outcome(document["settings"], document["place"]), "ended"
        self._dies("ended")

    def restart(self) -> None:
        for key, state in self._server.states.items():
            if state == "running":
                self._server.states[key] = "doubtful"
        self.is_down = False

    def runs(self) -> Counter[str]:
        return self._counted

    def close(self) -> None:
        self._open.close()

    def _dies(self, step: str) -> bool:
        self.is_down = self.step(step)
        return self.is_down

    def _answer(self, asked: Asked) -> bytes | None:
        if self.is_down or self.happens("a request or its reply is lost"):
            return None
        answer = self._honest(asked)
        return None if self.happens("a request or its reply is lost") or self._dies("answered") else answer

    def _honest(self, asked: Asked) -> bytes:
        server = self._server
        if asked.path == "/experiments":
            key, document = asked.document["key"], asked.document
            if key not in server.known or (document["never_ran"] and server.states[key] == "doubtful"):
                server.known[key], server.states[key] = document, "waiting"
            return said(200, server.shown(key))
        key = asked.path.split("/")[2]
        if asked.path.endswith("/results") and key in server.known:
            results = [self._results[key]] if server.states[key] == "ended" else []
            again = results if self.happens("a response comes twice") else []
            return said(200, {**server.shown(key), "results": results + again})
        return server.honest(asked)
