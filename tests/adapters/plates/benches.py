"""Benches that PyLabRobot drives, for tests: laboratories on its simulation, and on a back end that dies on demand."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import yaml

from adapters.plates.trial_recipe import EXPERIMENT, RECIPE
from adapters.pylabrobot.adapter import PyLabRobot
from adapters.pylabrobot.bench import begun
from adapters.pylabrobot.options import EXAMPLE
from adapters.registry import build
from loop.contracts import AdapterContext, AttemptKey, Handle, Phase

# A machine that notes each call on disk, and at the call numbered 'at' is killed or fails.
MACHINE = """\
import os
import signal
from pathlib import Path

from pylabrobot.liquid_handling.backends import LiquidHandlerChatterboxBackend


class Frail(LiquidHandlerChatterboxBackend):
    def __init__(self, calls, at=None, how="kill"):
        super().__init__(num_channels=2)
        self.calls, self.at, self.how = Path(calls), at, how

    def called(self, name):
        said = self.calls.read_text() if self.calls.exists() else ""
        self.calls.write_text(said + name + "\\n")
        if len(said.splitlines()) == self.at:
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError(f"the arm is stuck at {name}")


def noted(name):
    async def do(self, *arguments, **more):
        self.called(name)
        return await getattr(LiquidHandlerChatterboxBackend, name)(self, *arguments, **more)

    return do


for name in ("setup", "pick_up_tips", "aspirate", "dispense", "drop_tips", "stop"):
    setattr(Frail, name, noted(name))
"""


def section(**changes: Any) -> dict[str, Any]:
    """The example of the catalogue, with wells that are measured at once."""
    said = yaml.safe_load(EXAMPLE)["laboratory"]
    said.pop("adapter")
    return said | {"confirm": False, "poll": 0.0, "measured_by": {"adapter": "simulated"}, **changes}


def laboratory(folder: Path, **changes: Any) -> PyLabRobot:
    context = AdapterContext(str(folder / "lab"), str(folder), "trial", EXPERIMENT.targets, recipe=RECIPE)
    made = build("pylabrobot", section(**changes), context)
    assert isinstance(made, PyLabRobot)
    return made


def frail(folder: Path, at: int | None = None, how: str = "kill") -> dict[str, Any]:
    """What a laboratory on such a machine says, its module and its layout beside the campaign file."""
    from pylabrobot.resources.opentrons import OTDeck

    from adapters.pylabrobot.decks import grid

    deck = OTDeck()
    for slot, rack, numbers in [("1", False, (8, 12, 360.0)), ("4", False, (3, 5, 15000.0))] + [
        (slot, True, (8, 12, 300.0 if slot == "9" else 20.0)) for slot in "56789"
    ]:
        deck.assign_child_at_slot(grid(f"slot {slot}", rack, *numbers), int(slot))
    (folder / "deck.json").write_text(json.dumps(deck.serialize()))
    (folder / "frail_machine.py").write_text(MACHINE)
    options = {"calls": str(folder / "calls.txt"), "at": at, "how": how}
    return {"backend": "frail_machine:Frail", "backend_options": options, "layout": "deck.json"}


def calls(folder: Path) -> list[str]:
    """What the machine was told, over all runs."""
    path = folder / "calls.txt"
    return path.read_text().splitlines() if path.exists() else []


def started(lab: PyLabRobot, wells: tuple[str, ...] = ("A1", "B1")) -> list[Handle]:
    """Attempts in these wells, on a plate that is closed."""
    handles = []
    for well in wells:
        key = AttemptKey(f"attempt-{well}")
        spec = EXPERIMENT.__class__(
            "trial", {"base": 50.0}, {"base": "uL"}, {}, {"yield": "%"}, place={"plate": "1", "well": well}
        )
        handles.append(lab.prepare(spec, key))
        lab.start(handles[-1], key)
    lab.close("1", handles)
    return handles


def until(lab: PyLabRobot, handle: Handle, *phases: Phase, seconds: float = 120.0) -> str:
    """Look until it is so far; returns what is said of it."""
    give_up = time.monotonic() + seconds
    while (status := lab.status(handle)).phase not in phases:
        assert time.monotonic() < give_up, status
        time.sleep(0.02)
    return status.detail


def runs(folder: Path) -> dict[str, int]:
    """In how many runs each attempt was moved."""
    return begun(folder / "lab" / "bench")
