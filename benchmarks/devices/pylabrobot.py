"""A bench of ``pylabrobot`` for a day in fast motion, played piece by piece within this process.

Its folder, locks and journal are those of the adapter, and its moves those of PyLabRobot's simulation. What is drawn is
counted by the machine.
"""

from __future__ import annotations

import io
import json
import os
import types
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import redirect_stderr
from pathlib import Path
from random import Random
from typing import Any

from adapters.plates.deck import measuring_of
from adapters.plates.driving import Driver
from adapters.pylabrobot.adapter import PyLabRobot
from adapters.pylabrobot.bench import Bench
from adapters.pylabrobot.options import PyLabRobotOptions
from adapters.pylabrobot.playing import Player
from adapters.pylabrobot.worker import Journal, Stopped, check
from devices.plates import PlateDevice
from loop.contracts import Adapter
from tests.adapters.plates import robots

PIECES = 25  # calls of the machine that a piece of work has at the most


class PlayedHere(Bench):
    """Hands its runs to a device of this process, with the locks that the process of its own would hold."""

    def __init__(self, folder: Path, begin: Callable[[Path, list[int]], None]) -> None:
        super().__init__(folder, "simulation")
        self._hand_over = begin

    def analysis(self, protocol: str) -> Mapping[str, Any]:
        plan = json.loads(self._plan(protocol).read_text(encoding="utf-8"))
        with redirect_stderr(io.StringIO()):  # the simulation tells each of its moves
            said = check(plan)
        errors = [] if said is None else [{"detail": said}]
        return {"status": "completed", "result": "not-ok" if errors else "ok", "errors": errors}

    def _begin(self, folder: Path, *locks: int) -> None:
        self._hand_over(folder, [os.dup(lock) for lock in locks])


class Killed(BaseException):
    """The process that plays a run was killed."""


@types.coroutine
def moment() -> Generator[None, None, None]:
    """Let others go on."""
    yield


class Watched(Journal):
    """A journal whose process may be killed before a line or within it."""

    def __init__(self, folder: Path, reach: Callable[[str], None]) -> None:
        super().__init__(folder)
        self._reach, self.key = reach, ""

    def note(self, **what: Any) -> None:
        self._reach("before a line")
        try:
            self._reach("in a line")
        except Killed:
            os.write(self._file, b'{"state": "be')
            raise
        super().note(**what)
        self.key = str(what.get("key") or "")

    async def look(self, say: str = "") -> None:
        if (self._folder / "pause").exists():
            self.note(state="paused", say=say)
            while (self._folder / "pause").exists() and not (self._folder / "stop").exists():
                await moment()
            self.note(state="running")
        if (self._folder / "stop").exists():
            raise Stopped

    def close(self) -> None:
        os.close(self._file)


class Run:
    """A run that goes on: its coroutine, and the locks that it holds while it lives."""

    def __init__(self, folder: Path, locks: list[int], device: BenchDevice) -> None:
        self._locks, self._device, self._drawn = locks, device, set[str]()
        device.drawn.append(self._drawn)
        self.is_dead = False
        self.dies_in = self.fails_in = 0  # moments, or calls of the machine, until then; 0: not
        self.journal = Watched(folder, self.reach)
        self._play = self._whole(json.loads((folder / "plan.json").read_text(encoding="utf-8")))

    async def _whole(self, plan: Mapping[str, Any]) -> None:
        self.journal.note(state="running")
        try:
            await Player(plan, _machine(self)).play(self.journal)
        except Stopped:
            self.journal.note(end="stopped")
        except Exception as error:
            self.journal.note(end="failed", errors=[str(error)])
        else:
            self.journal.note(end="succeeded")

    def go_on(self) -> None:
        """To the next call of the machine, or its end."""
        try:
            self._play.send(None)
        except (StopIteration, Killed):
            self.is_dead = True
            self.journal.close()
            for lock in self._locks:
                os.close(lock)

    def reach(self, step: str) -> None:
        """A moment at which it may be killed; what a killed process would have done next is not done."""
        if self.dies_in == 1:
            self._device.deaths[step] += 1
        if self.is_dead or self.dies_in == 1:
            self.is_dead, self.dies_in = True, 0
            raise Killed
        self.dies_in = max(self.dies_in - 1, 0)

    def call(self, name: str) -> Generator[None, None, None]:
        """A call of the machine, which may fail, or be its last."""
        if not self.is_dead:
            yield
        self.reach(f"before {name}")
        self.fails_in -= 1
        if self.fails_in == 0:
            raise RuntimeError(f"the arm is stuck at {name}")
        if name == "aspirate":
            self._drawn.add(self.journal.key)
        self.reach(f"after {name}")


def _machine(run: Run) -> Any:
    """PyLabRobot's simulated machine, which says nothing and counts what it draws."""
    from pylabrobot.liquid_handling.backends import LiquidHandlerChatterboxBackend

    def called(name: str) -> Any:
        @types.coroutine
        def call(*_: Any, **__: Any) -> Generator[None, None, None]:
            yield from run.call(name)

        return call

    moves = ("setup", "pick_up_tips", "aspirate", "dispense", "drop_tips", "stop")
    return type("Counted", (LiquidHandlerChatterboxBackend,), {name: called(name) for name in moves})(num_channels=8)


class BenchDevice(PlateDevice):
    """``pylabrobot``: its process is killed at any moment, its machine fails at any call, and people let it go on."""

    name = "pylabrobot"

    def __init__(self, folder: Path, chance: Random) -> None:
        super().__init__(folder, chance)
        self.drawn: list[set[str]] = []  # keys, of each process that ever played a run
        self._lives: list[Run] = []

    def options(self) -> dict[str, Any]:
        said = robots.options()
        few = [
            {**tips, "slots": tips["slots"][:1]} for tips in said["deck"]["tips"]
        ]  # the simulation is slow with many
        kept = {name: said[name] for name in ("by_hand", "confirm", "poll", "measured_by")}
        return kept | {"deck": {**said["deck"], "tips": few}}

    def laboratory(self) -> Adapter:
        context, options = self.context(), PyLabRobotOptions.model_validate(self.options())
        assert context.recipe is not None
        folder = Path(context.folder)
        bench = PlayedHere(folder / "bench", lambda run, locks: self._lives.append(Run(run, locks, self)))
        measuring = measuring_of("pylabrobot", options, context)
        return PyLabRobot(folder, options, context.recipe, measuring, Driver(bench), None, context.base)

    def work(self) -> None:
        for run in self._lives:
            if self.happens("the device dies at a step"):
                run.dies_in = self.chance.randint(1, 2 * PIECES)
            if self.happens("the device reports a fault of its own"):
                run.fails_in = self.chance.randint(1, PIECES)
            for _ in range(self.chance.randint(1, PIECES)):
                if not run.is_dead:
                    run.go_on()
        self._lives = [run for run in self._lives if not run.is_dead]

    def restart(self) -> None:
        """Each run has a process of its own, and nothing else dies."""

    def pass_time(self) -> None:
        for path in (self.folder / "lab" / "bench" / "runs").glob("*/pause"):
            if self.chance.random() < 0.5:
                path.unlink()  # a person did it by hand, and says so

    def runs(self) -> Counter[str]:
        return Counter(key for keys in self.drawn for key in keys)

    def made(self) -> Counter[str]:
        return self.runs()

    def close(self) -> None:
        for run in self._lives:
            run.is_dead = True
            run.go_on()
