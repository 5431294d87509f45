"""The stand-in for an Opentrons robot."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

from adapters.opentrons.stand_in import MOST_RUNS, StandIn, serving
from adapters.registry import build
from devices.plates import PlateDevice
from loop.contracts import Adapter
from tests.adapters.plates import robots


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
