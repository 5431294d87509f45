"""False starts: jobs whose script ends before anything of their calculation began, as by a wrong line of ``setup``.

Such a job says nothing of its experiment, and the next one ends in the same way. So its attempt is laid back and
submitted again, and after a few in a row one job is tried now and then while all others wait: nothing is spent on what
a person has to mend, and what is mended goes on by itself (docs/decisions/0196).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from adapters.common.folder import reachable, read_json
from adapters.executors.spool import Spool
from loop.contracts import Handle
from loop.wording import plural

NAME: Final = "false_starts"
_FEW: Final = 3  # in a row, from which on jobs wait
_FIRST, _LONGEST = 60.0, 3600.0  # seconds until one is tried again: twice as long each time
_MOST: Final = 10  # of one attempt while others begin; it counts as lost then


class FalseStarts:
    """Those of one spool, on record in its folder; any number of objects may share it."""

    def __init__(self, spool: Spool, setup: Sequence[str]) -> None:
        self._spool, self._setup, self._path = spool, "\n".join(setup), spool.jobs.root / f"{NAME}.json"

    def add(self, handle: Handle, how: str) -> None:
        """Put on record that the attempt's job ended before it began. One with other lines of setup teaches nothing."""
        if self._setup_of(handle) != self._setup:
            return
        now, known = time.time(), self._known()
        row = known or {"setup": self._setup, "first": now, "times": 0, "delay": 0.0, "next": 0.0}
        row |= {"times": row["times"] + 1, "last": now, "how": how}
        if row["times"] >= _FEW and not row["delay"]:
            row |= {"delay": _FIRST, "next": now + _FIRST}
        self._spool.note(self._path, row)

    def holds_back(self) -> str:
        """What a person has to see to before further jobs may begin; "" where one may."""
        row = self._known()
        if row is None or time.time() >= row["next"]:
            return ""
        at = time.strftime("%H:%M", time.localtime(row["next"]))
        return (
            f"waits, since {plural(row['times'], 'job')} in a row ended before a calculation began, the last: "
            f"{row['how']}. See to setup under run_on.slurm in the campaign file, and to what the nodes have; none of "
            f"these counts as an experiment, and one job is tried again at {at}, or at once with other lines of setup"
        )

    def try_one(self) -> None:
        """A job is about to begin: the next one after it waits again."""
        if (row := self._known()) is not None and row["delay"]:
            delay = min(2.0 * row["delay"], _LONGEST)
            self._spool.note(self._path, {**row, "delay": delay, "next": time.time() + delay})

    def end_with(self, handle: Handle) -> None:
        """The row of them ends with a job that began after the last."""
        row = read_json(self._path)
        if row is None:
            return
        claim = read_json(self._spool.jobs.folder(handle) / "claimed.json") or {}
        if claim.get("by") == "job" and claim["at"] > row["last"]:
            with reachable(self._path), suppress(FileNotFoundError):
                self._path.unlink()

    def are_too_many(self, handle: Handle) -> bool:
        """Whether the attempt's own jobs ended so again and again, while others began meanwhile."""
        mine, row = read_json(self._spool.jobs.folder(handle) / f"{NAME}.json"), self._known()
        return mine is not None and mine["times"] >= _MOST and (row is None or mine["since"] < row["first"])

    def _known(self) -> dict[str, Any] | None:
        """The row of false starts with the lines of setup as they are now."""
        row = read_json(self._path)
        return {**row} if row is not None and row["setup"] == self._setup else None

    def _setup_of(self, handle: Handle) -> str:
        """The lines of setup in the script that was submitted last."""
        path = self._spool.jobs.folder(handle) / "job.sh"
        with reachable(path):
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return "\n".join(lines[1:-1])
