"""Files at rest: since when one has not changed, as far as anybody looked, by our clock and not by that of a share.

It is kept on disk, since a pass on a schedule looks but once.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from adapters.common.durable import replace
from adapters.common.folder import reachable, read_json
from adapters.common.instant import Clock, dump

Mark = tuple[int, int, int]  # changes when a file is written anew


class Resting:
    """What was seen of the files of one folder."""

    def __init__(self, memory: Path, clock: Clock) -> None:
        """``memory``: the file in which it is kept."""
        self._memory, self._clock = memory, clock
        self._read: Mark | None = None  # which writing of that file is known
        self._known: dict[str, Any] = {}
        self._anew: dict[str, Any] = {}  # what was seen since it was kept

    def seconds(self, path: Path, mark: Mark) -> float:
        """How long the file has been seen to be as it is: 0 at the first look, and after the clock was set back."""
        self._read_again()
        seen, now = self._anew.get(path.name) or self._known.get(path.name), self._clock()
        if seen is None or seen["mark"] != list(mark) or seen["since"] > now:
            seen = self._anew[path.name] = {"mark": list(mark), "since": now}
        return float(now - seen["since"])

    def keep(self, folder: Path) -> None:
        """Let later processes know what was seen anew of the files of ``folder``; called once after a look at them."""
        if not self._anew:
            return
        self._read_again()
        with reachable(self._memory):
            there = {path.name for path in folder.iterdir()}
            known = {name: said for name, said in {**self._known, **self._anew}.items() if name in there}
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            replace(self._memory, dump(known), is_durable=False)
        self._anew.clear()

    def _read_again(self) -> None:
        """Have what is kept, read anew where it was written since."""
        with reachable(self._memory):
            mark = mark_of(self._memory.stat()) if self._memory.exists() else None
        if mark is None or mark != self._read:
            self._known, self._read = dict(read_json(self._memory) or {}), mark


def mark_of(seen: os.stat_result) -> Mark:
    """What tells one writing of a file from the next."""
    return seen.st_size, seen.st_mtime_ns, seen.st_ino
