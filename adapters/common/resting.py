"""Files at rest: since when one has not changed, as far as anybody looked, by our clock and not by that of a share.

It is kept on disk, since a pass on a schedule looks but once.
"""

from __future__ import annotations

import os
from pathlib import Path

from adapters.common.durable import replace
from adapters.common.folder import reachable, read_json
from adapters.common.instant import Clock, dump

Mark = tuple[int, int, int]  # changes when a file is written anew


class Resting:
    """What was seen of the files of one folder."""

    def __init__(self, memory: Path, clock: Clock) -> None:
        """``memory``: the file in which it is kept."""
        self._memory, self._clock = memory, clock

    def seconds(self, path: Path, mark: Mark) -> float:
        """How long the file has been seen to be as it is: 0 at the first look, and after the clock was set back."""
        known, now = dict(read_json(self._memory) or {}), self._clock()
        seen = known.get(path.name)
        if seen is None or seen["mark"] != list(mark) or seen["since"] > now:
            seen = known[path.name] = {"mark": list(mark), "since": now}
            with reachable(self._memory):
                there = {name: said for name, said in known.items() if path.with_name(name).exists()}
                self._memory.parent.mkdir(parents=True, exist_ok=True)
                replace(self._memory, dump(there), is_durable=False)
        return float(now - seen["since"])


def mark_of(seen: os.stat_result) -> Mark:
    """What tells one writing of a file from the next."""
    return seen.st_size, seen.st_mtime_ns, seen.st_ino
