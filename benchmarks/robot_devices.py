"""Devices for a day in fast motion: each does its work piece by piece, when it is told to, and may die at any step.

What a device knows on disk outlives its death. What really ran is counted by the device itself.
"""

# ruff: noqa: E402
from __future__ import annotations

import hashlib
import json
import math
import shutil
import sys
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # devices are those of the tests

import yaml

from adapters.common.folder import Jobs
from adapters.common.response import respond
from adapters.csv_folder import CsvFolder, CsvFolderOptions
from adapters.opentrons.stand_in import MOST_RUNS, StandIn, serving
from adapters.registry import build
from adapters.sila.connection import Connection, Security
from adapters.sila.laboratory import Sila2
from loop.contracts import Adapter, AdapterContext
from loop.errors import AdapterUnavailable
from loop.recipe import Recipe
from tests.adapters import robots
from tests.adapters.http_servers import Asked, Laboratory, said, speaking
from tests.adapters.rigs import Crashed, FolderRig
from tests.adapters.sila_bench import SilaBench

TARGETS = {"yield": "%"}
RATES = {  # of each opportunity
    "hakken is killed at a checkpoint": 0.02,
    "the device dies at a step": 0.03,
    "a request or its reply is lost": 0.05,
    "a response comes twice": 0.10,
    "a response is held back to the next look": 0.50,
    "a response goes by another name": 0.05,
    "a response of somebody else's comes": 0.03,
    "a response is written in place, half first": 0.30,
    "the device is silent for hours": 0.02,
    "the device reports a fault of its own": 0.03,
    "a robot is used by others, and forgets runs": 0.01,
}


def text_of(settings: Mapping[str, str | float]) -> str:
    """The settings as one text, the same whether numbers came as text or not."""
    return json.dumps({name: v if isinstance(v, str) else f"{v:g}" for name, v in sorted(settings.items())})


def truth(settings: Mapping[str, str | float]) -> float:
    """The yield that an experiment has, whoever runs it."""
    return round(int(hashlib.sha256(text_of(settings).encode()).hexdigest()[:6], 16) / 0xFFFFFF * 100, 3)


def layout(wells: int) -> dict[str, int]:
    """A plate of so many wells, as near to a square as can be."""
    rows = max(n for n in range(1, math.isqrt(wells) + 1) if wells % n == 0)
    return {"rows": rows, "columns": wells // rows}


class Device(ABC):
    """A laboratory's other side."""

    name: str
    is_down = False

    def __init__(self, folder: Path, chance: Random) -> None:
        self.folder, self.chance = folder, chance
        self.deaths: Counter[str] = Counter()  # by step
        self.places: set[tuple[str, str, str]] = set()  # settings, plate and well as the device was told them

    def happens(self, what: str) -> bool:
        """Whether a misfortune of ``RATES`` happens now."""
        return self.chance.random() < RATES[what]

    def step(self, step: str) -> bool:
        """Whether the device dies at this step."""
        if not self.happens("the device dies at a step"):
            return False
        self.deaths[step] += 1
        return True

    def sections(self, plates: int, wells: int, seed: int) -> dict[str, Any]:
        """What the campaign file of a day says."""
        batch: dict[str, Any] = {} if wells > 1 else {"batch": 1}  # a plate decides it
        return {
            "space": {
                "solvent": {"type": "category", "options": [f"solvent {i}" for i in range(10)]},
                "base": {"type": "category", "options": [f"base {i}" for i in range(10)]},
                "step": {"type": "number", "values": list(range(1, 1 + max(4, plates * wells // 50)))},
            },
            "planner": {"initial": {"design": "random", "experiments": wells}, "seed": seed} | batch,
            "budget": {"experiments": plates * wells},
            "laboratory": {"adapter": "simulated"},  # the device's own adapter takes its place
        } | ({"plate": layout(wells)} if wells > 1 else {})

    def truth(self, settings: Mapping[str, str | float]) -> float:
        """The yield that an experiment has."""
        return truth(settings)

    @abstractmethod
    def laboratory(self) -> Adapter:
        """A new adapter object, as a new process of hakken has it."""

    @abstractmethod
    def work(self) -> None:
        """Do one piece of work, unless it is down; it may die meanwhile."""

    @abstractmethod
    def restart(self) -> None:
        """Start it again after it died."""

    @abstractmethod
    def runs(self) -> Counter[str]:
        """How often each key really ran."""

    def made(self) -> Counter[str]:
        """How often liquid was drawn for each key, of a device that uses up substrate."""
        return Counter()

    def pass_time(self) -> None:
        """Some minutes go by."""
        return

    def close(self) -> None:
        """The day is over."""
        return

    def outcome(self, settings: Mapping[str, str | float], place: Mapping[str, str]) -> dict[str, Any]:
        """What a run of these settings gives, where it lies on a plate or not."""
        if "well" in place:
            self.places.add((text_of(settings), place["plate"], place["well"]))
        if self.happens("the device reports a fault of its own"):
            return {"outcome": "fault", "kind": "instrument_fault", "message": "clogged"}
        value = {"property": "yield", "value": truth(settings), "unit": "%"}
        return {"outcome": "measured", "values": [value]}


class FolderDevice(Device):
    """``csv_folder``: a rig, and a share that delivers its responses late, in any order, twice, under other names."""

    name = "csv_folder"

    def __init__(self, folder: Path, chance: Random) -> None:
        super().__init__(folder, chance)
        self._now, self._silent_until, self._renamed = 1_000_000.0, 0.0, 0
        self._rig = self._new_rig()

    def laboratory(self) -> Adapter:
        status = {"column": "outcome", "measured": ["measured"], "fault": {"clogged": "instrument_fault"}}
        options = {
            "folder": str(self.folder / "exchange"),
            "taken": "taken",
            "response": {"status": {**status, "unknown": ["lost track"]}},
        }
        read = CsvFolderOptions.model_validate(options)
        return CsvFolder(Jobs(self.folder / "lab"), self.folder, read, TARGETS, None, lambda: self._now)

    def work(self) -> None:
        if self.is_down or self._now < self._silent_until:
            return
        if self.happens("the device is silent for hours"):
            self._silent_until = self._now + 3 * 3600.0
            return
        try:
            self._rig.work()
        except Crashed:
            self.is_down = True

    def restart(self) -> None:
        self._rig, self.is_down = self._new_rig(), False

    def runs(self) -> Counter[str]:
        return self._rig.runs()

    def pass_time(self) -> None:
        self._now += self.chance.uniform(10.0, 300.0)
        if not self.is_down and self._now >= self._silent_until:
            self._rig.beat()
        late = sorted((self._rig.folder / "late").glob("*.csv"))
        self.chance.shuffle(late)
        for path in late:
            if not self.happens("a response is held back to the next look"):
                self._deliver(path)

    def _deliver(self, path: Path) -> None:
        responses = self._rig.folder / "responses"
        name = path.name
        if self.happens("a response goes by another name"):
            self._renamed += 1
            name = f"copy {self._renamed}.csv"
        if self.happens("a response comes twice"):
            shutil.copy(path, responses / f"again {path.name}")
        if self.happens("a response of somebody else's comes"):
            (responses / f"foreign {path.name}").write_text("key,yield [%],outcome\nsomebody,50,measured\n")
        path.rename(responses / name)

    def _new_rig(self) -> FolderRig:
        def step(name: str) -> None:
            if self.step(name):
                raise Crashed

        return FolderRig(
            self.folder / "exchange",
            clock=lambda: self._now,
            answer=self._answer,
            step=step,
            in_place=self.happens("a response is written in place, half first"),
            responses="late",
        )

    def _answer(self, row: Mapping[str, str]) -> Mapping[str, str]:
        found = self.outcome({name: row[name] for name in ("solvent", "base", "step")}, row)
        if found["outcome"] == "fault":
            return {"yield [%]": "", "outcome": "clogged"}
        return {"yield [%]": str(found["values"][0]["value"]), "outcome": "measured"}


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


class PlateDevice(Device):
    """A robot with a deck: a made-up laboratory measures the plates that it makes."""

    def __init__(self, folder: Path, chance: Random) -> None:
        super().__init__(folder, chance)
        self.recipe: Recipe | None = None

    def sections(self, plates: int, wells: int, seed: int) -> dict[str, Any]:
        spec = {name: part for name, part in yaml.safe_load(robots.CAMPAIGN).items() if name != "campaign"}
        values = [round(1 + i / 20, 2) for i in range(1 + max(20, plates * wells // 3))]
        space = {**spec["space"], "temperature": {"type": "number", "values": [80], "unit": "degC"}}
        space["base_equivalents"] = {"type": "number", "values": values, "unit": ""}
        steps = [
            step | ({"equivalents": "base_equivalents"} if step.get("dispense") == "base" else {})
            for step in spec["recipe"]["steps"]
        ]
        sections = spec | {
            "space": space,
            "recipe": {**spec["recipe"], "steps": steps},
            "plate": layout(wells),
            "planner": {"initial": {"experiments": wells}, "seed": seed},
            "budget": {"experiments": plates * wells},
            "laboratory": {"adapter": self.name, **self.options()},
        }
        text = yaml.safe_dump({"campaign": "small", **sections}, sort_keys=False)
        self.recipe = robots.recipe(text)
        return sections

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """What its campaign file says of the laboratory."""

    def context(self) -> AdapterContext:
        """What its adapter is built with."""
        return AdapterContext(str(self.folder / "lab"), str(self.folder), "small", TARGETS, recipe=self.recipe)

    def truth(self, settings: Mapping[str, str | float]) -> float:
        return respond(settings, "yield", 0, {}, (0.0, 100.0))


class OpentronsDevice(PlateDevice):
    """``opentrons``: the stand-in robot over HTTP. It is switched off and on, fails midway, and forgets runs as other
    people use it."""

    name = "opentrons"

    def __init__(self, folder: Path, chance: Random) -> None:
        super().__init__(folder, chance)
        self._open = ExitStack()
        self._robot = StandIn(folder / "robot", trouble=self._trouble)
        self._url = self._open.enter_context(serving(self._robot))

    def options(self) -> dict[str, Any]:
        return robots.options(robot=self._url)

    def laboratory(self) -> Adapter:
        return build("opentrons", self.options(), self.context())

    def work(self) -> None:
        if self.happens("the device dies at a step"):
            self.deaths["anywhere"] += 1
            self.is_down = True
        if self.happens("the device reports a fault of its own"):
            self._robot.fail(before=self.chance.random() < 0.5)
        if self.happens("a robot is used by others, and forgets runs"):
            self._robot.other_runs(MOST_RUNS)

    def restart(self) -> None:
        self._robot.restart()
        self.is_down = False

    def runs(self) -> Counter[str]:
        return self._robot.moved()

    def made(self) -> Counter[str]:
        return self._robot.moved() - self._robot.spared()

    def close(self) -> None:
        self._open.close()

    def _trouble(self, method: str, path: str, moment: str) -> None:
        if self.is_down or self.happens("a request or its reply is lost"):
            raise ConnectionError(f"{method} {path} was lost {moment} it took effect")
