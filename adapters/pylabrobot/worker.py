"""Plays one run in a process of its own, which outlives whoever started it.

``worker FOLDER`` forks, lets its caller go on, and plays ``FOLDER/plan.json`` while it holds the locks that it
inherits. ``journal.jsonl`` gets a line, on disk, before and after each action; ``pause`` and ``stop`` in the folder are
looked for between two. ``worker --check PLAN`` plays the plan on PyLabRobot's simulated back end instead.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Final

from adapters.pylabrobot.playing import SIMULATION, Nobody, Player, back_end_of

MOMENT: Final = 0.05  # seconds between two looks for a pause's end


class Stopped(Exception):
    """Somebody stopped the run."""


class Journal:
    """Lines that are on disk when ``note`` returns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = os.open(folder / "journal.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        listing = os.open(folder, os.O_RDONLY)
        os.fsync(listing)
        os.close(listing)

    def note(self, **what: Any) -> None:
        os.write(self._file, (json.dumps(what) + "\n").encode("utf-8"))
        os.fsync(self._file)

    async def pause(self, say: str) -> None:
        (self._folder / "pause").touch()
        await self.look(say)

    async def look(self, say: str = "") -> None:
        """Wait while the run is paused; raises ``Stopped``."""
        if (self._folder / "pause").exists():
            self.note(state="paused", say=say)
            while (self._folder / "pause").exists() and not (self._folder / "stop").exists():
                await asyncio.sleep(MOMENT)
            self.note(state="running")
        if (self._folder / "stop").exists():
            raise Stopped


def lacks(plan: Mapping[str, Any]) -> str | None:
    """Why the back end of a plan cannot be used here, with the remedy; None where it can, as far as is known."""
    named = f"the back end {plan['backend']}"
    try:
        made_by = inspect.signature(back_end_of(plan))
    except ValueError:  # a class that does not tell what it takes
        return None
    except Exception as error:
        return f"{named} cannot be loaded ({_said(error)}); correct laboratory.backend, or install its package"
    try:
        made_by.bind(**(plan["options"] if plan["backend"] != SIMULATION else {}))
    except TypeError as error:
        return f"{named} cannot be called so ({error}); correct laboratory.backend_options"
    return None


def check(plan: Mapping[str, Any]) -> str | None:
    """Why PyLabRobot refuses the plan, in its own words; None where its simulation takes it to the end."""
    try:
        told = {**plan, "backend": SIMULATION}
        with redirect_stdout(sys.stderr):
            asyncio.run(Player(told, back_end_of(told)(num_channels=8)).play(Nobody()))
    except Exception as error:
        return _said(error)
    return None


def play(folder: Path) -> None:
    """The run of a folder; how it ended is the last line of its journal."""
    journal = Journal(folder)
    journal.note(state="running")
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    try:
        options = {"num_channels": 8} if plan["backend"] == SIMULATION else plan["options"]
        asyncio.run(Player(plan, back_end_of(plan)(**options)).play(journal))
    except Stopped:
        journal.note(end="stopped")
    except Exception as error:
        journal.note(end="failed", errors=[_said(error)])
    else:
        journal.note(end="succeeded")


def _said(error: BaseException) -> str:
    """In its own words, with what it came of: dropping a tip may fail after what really went wrong."""
    before = f"{_said(error.__context__)}; then " if error.__context__ is not None else ""
    return before + (f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        plan = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
        lack = lacks(plan)
        print(json.dumps({"lacks": lack, "refuses": None if lack else check(plan)}))
    elif os.fork() == 0:
        play(Path(sys.argv[1]))
