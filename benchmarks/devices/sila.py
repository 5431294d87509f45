"""A device with a SiLA 2 server."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from adapters.common.folder import Jobs
from adapters.sila.connection import Connection, Security
from adapters.sila.laboratory import Sila2
from devices.device import TARGETS, Device
from loop.contracts import Adapter
from loop.errors import AdapterUnavailable
from tests.adapters.sila.sila_bench import SilaBench


class LossyConnection(Connection):
    """Requests and replies get lost, on a connection that is real."""

    def __init__(self, address: str, device: Device) -> None:
        super().__init__(address, Security(is_insecure=True), 30.0)
        self._device = device

    def command(self, of: str, name: str, **parameters: Any) -> Any:
        self._lose("the request")
        answer = super().command(of, name, **parameters)
        self._lose("the reply")
        return answer

    def begin(self, of: str, name: str, **parameters: Any) -> None:
        self._lose("the request")
        super().begin(of, name, **parameters)
        self._lose("the reply")

    def _lose(self, what: str) -> None:
        if self._device.happens("a request or its reply is lost"):
            raise AdapterUnavailable(f"{what} was lost")


class SilaDevice(Device):
    """``sila2``: a server over real gRPC connections, whose runs wait until they are let go on."""

    name = "sila2"

    def __init__(self, folder: Path, chance: Random) -> None:
        super().__init__(folder, chance)
        self._permits, self._is_done = threading.Semaphore(0), threading.Event()
        self._bench = SilaBench(folder / "server", answer=lambda spec: self.outcome(spec.settings, spec.place))
        self._bench.dies_at, self._bench.gate = self._dies_at, self._permits.acquire
        self._connection: Connection | None = None

    def laboratory(self) -> Adapter:
        def connect() -> Connection:
            if self._connection is not None:
                self._connection.close()
            self._connection = LossyConnection(self._bench.address, self)
            return self._connection

        return Sila2(Jobs(self.folder / "lab"), connect, TARGETS)

    def work(self) -> None:
        self.is_down = self._bench.is_dead
        if self.is_down:
            return
        if any('"Running"' in path.read_text() for path in (self._bench.folder / "keys").glob("key-*.json")):
            self._is_done.clear()
            self._permits.release()
            self._is_done.wait(10.0)
        self.is_down = self._bench.is_dead

    def restart(self) -> None:
        self._stop()
        self._permits = threading.Semaphore(0)
        self._bench.gate = self._permits.acquire
        self._bench.start()
        self.is_down = False

    def runs(self) -> Counter[str]:
        return self._bench.runs()

    def pass_time(self) -> None:
        self.is_down = self._bench.is_dead

    def close(self) -> None:
        self._stop()
        if self._connection is not None:
            self._connection.close()

    def _stop(self) -> None:
        threading.Thread(target=self._permits.release, args=(100,)).start()
        self._bench.stop()

    def _dies_at(self, step: str) -> bool:
        dies = self.step(step)
        if dies or step == "ended":
            self._is_done.set()
        return dies
