"""A SiLA server on a real loopback connection, for tests and benchmarks: it may crash at any step and start again."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from adapters.sila.serving import Procedure, serve, serve_procedures
from loop.contracts import AttemptKey, ExperimentSpec
from tests.adapters.helpers import free_port

STEPS = ("accepted", "waiting", "begun", "run", "ended", "asked")
MEASURED = {"outcome": "measured", "values": [{"property": "yield", "value": 61.5, "unit": "%"}]}


class ServerCrashed(Exception):
    """The server died; its client hears an error, or nothing."""


class SilaBench:
    """The server's keys and its log of runs lie in ``folder``, which outlives its crashes."""

    def __init__(
        self,
        folder: Path,
        *,
        answer: Callable[[ExperimentSpec], Mapping[str, Any]] = lambda _: MEASURED,
        follows: bool = False,
    ) -> None:
        """``follows``: it takes procedures; ``followed`` has those that it ran by."""
        self.folder, self.port, self._answer, self._follows = folder, free_port(), answer, follows
        self.followed: list[Procedure | None] = []
        self.dies_at: Callable[[str], bool] = lambda _: False
        self.gate: Callable[[], object] = lambda: None  # waited for before each run
        self._log, self._is_dead = threading.Lock(), False
        folder.mkdir(parents=True, exist_ok=True)
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def is_dead(self) -> bool:
        return self._is_dead

    def start(self) -> None:
        self._is_dead = False
        keys = self.folder / "keys"
        if self._follows:
            self.server = serve_procedures(keys, self._follow, refuse=self._refuse, step=self._step)
        else:
            self.server = serve(keys, self._run, refuse=self._refuse, step=self._step)
        self.server.start_insecure("127.0.0.1", self.port, enable_discovery=False)

    def stop(self) -> None:
        """As a crash ends it: calls under way are cut off."""
        self._is_dead = True
        self.server.stop(0)

    def restart(self) -> None:
        self.stop()
        self.start()

    def runs(self) -> Counter[str]:
        """How often each key really ran."""
        path = self.folder / "runs.log"
        return Counter(path.read_text(encoding="utf-8").splitlines()) if path.exists() else Counter()

    def _refuse(self, spec: ExperimentSpec) -> str:
        return "it glows" if spec.settings.get("ligand") == "plutonium" else ""

    def _follow(self, spec: ExperimentSpec, key: AttemptKey, procedure: Procedure | None) -> Mapping[str, Any]:
        self.followed.append(procedure)
        return self._run(spec, key)

    def _run(self, spec: ExperimentSpec, key: AttemptKey) -> Mapping[str, Any]:
        self.gate()
        if self._is_dead:
            raise ServerCrashed("while it waited")
        with self._log, (self.folder / "runs.log").open("a", encoding="utf-8") as log:
            log.write(f"{key}\n")
        return self._answer(spec)

    def _step(self, step: str) -> None:
        if self._is_dead or self.dies_at(step):
            self._is_dead = True
            raise ServerCrashed(step)
