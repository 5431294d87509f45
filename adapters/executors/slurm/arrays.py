"""Job arrays: many held jobs by one sbatch, each of which bears its attempt's key before it can be released.

Note [A key for each task]: the tasks of an array share name and comment, by which nobody could tell attempts apart. So
an array is only a way to make many held jobs: it is submitted under a word of its own, then each task is given the
name, comment and folder of its attempt, and only a task that bears them is ever released. Whatever goes wrong on the
way (a lost reply, a killed caller) leaves tasks that hold for ever; these are cancelled, and their attempts are looked
up by key and submitted one by one, as if there had been no array.
"""

from __future__ import annotations

import fcntl
import shlex
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.common.durable import replace
from adapters.common.folder import reachable, read_json
from adapters.errors import AdapterUnavailable
from adapters.executors.slurm.commands import Slurm
from adapters.executors.slurm.told import Row
from adapters.executors.spool import Spool
from loop.checkpoints import reached
from loop.contracts import Handle

MOST: Final = 500  # tasks of one array; Slurm's own MaxArraySize is 1,001 where nobody changed it
_SCRIPT: Final = """\
#!/bin/sh
export HAKKEN_SLURM_OUTPUT={words}-$SLURM_ARRAY_TASK_ID.txt
job=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" {listing})
exec >>"${{job%/*}}/slurm-$SLURM_JOB_ID.txt" 2>&1
exec /bin/sh "$job"
"""


@dataclass(frozen=True, slots=True)
class Task:
    """An attempt that becomes a task: its handle, its folder, the name of its job, and the script that it runs."""

    handle: Handle
    folder: Path
    name: str
    token: str
    script: Path


class Arrays:
    """The arrays of one spool."""

    def __init__(self, spool: Spool, slurm: Slurm) -> None:
        self._spool, self._slurm, self._root = spool, slurm, spool.jobs.root / "arrays"

    def submit(self, tasks: Sequence[Task], options: Callable[[str, str, Path, str], list[str]]) -> dict[Handle, str]:
        """Submit held jobs; the ids of those that bear their attempt's key. ``tasks`` are held by the caller.

        Args:
            tasks: Those that were never submitted.
            options: Of sbatch, from the name, the comment, the folder and the file for output.
        """
        found: dict[Handle, str] = {}
        word = uuid.uuid4().hex
        with self._made(word):
            listing, script = self._root / f"{word}.txt", self._root / f"{word}.sh"
            with reachable(self._root):
                replace(listing, "".join(f"{task.script}\n" for task in tasks), is_durable=False)
                words = self._root.resolve() / word  # what Slurm itself writes of a task, such as why it ends it
                quoted = {"listing": shlex.quote(str(listing.resolve())), "words": shlex.quote(str(words))}
                replace(script, _SCRIPT.format(**quoted), is_durable=False)
            for task in tasks:
                self._spool.note(task.folder / "sending.json", {"token": task.token, "at": time.time(), "array": word})
            reached("slurm.array-sending")
            with suppress(AdapterUnavailable):  # what bears no key is never released; see Note [A key for each task]
                output = str(words).replace("%", "%%") + "-%a.txt"
                said = options(_name(word), self._label(word), self._root, output)
                id_ = self._slurm.submit([*said, f"--array=0-{len(tasks) - 1}"], script)
                reached("slurm.array-sent")
                for number, task in enumerate(tasks):
                    mine = f"{id_}_{number}"
                    self._slurm.relabel(mine, task.name, self._spool.label(task.handle), task.folder)
                    reached("slurm.array-labelled")
                    times = int((read_json(task.folder / "submitted.json") or {}).get("times", 0))
                    self._spool.note(task.folder / "submitted.json", {"id": mine, "times": times + 1})
                    found[task.handle] = mine
        return found

    def drop_keyless(self, rows: Iterable[Row]) -> None:
        """Cancel held tasks that bear no key and that nobody is about to give one."""
        ours = self._label("")
        for word in {row.comment.removeprefix(ours) for row in rows if row.comment.startswith(ours) and row.is_held}:
            if not word.isalnum():  # no word of ours
                continue
            with self._locked(word) as is_alone, suppress(AdapterUnavailable):
                if is_alone:
                    self._slurm.cancel_named(_name(word))

    @contextmanager
    def _made(self, word: str) -> Iterator[None]:
        with reachable(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
        with self._locked(word):
            yield

    @contextmanager
    def _locked(self, word: str) -> Iterator[bool]:
        """Whether nobody else has the array in hand; it is this process's until the block ends where nobody has."""
        path = self._root / f"{word}.lock"
        with reachable(path):
            self._root.mkdir(parents=True, exist_ok=True)
            file = path.open("a")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def _label(self, word: str) -> str:
        return f"{self._spool.label(Handle(''))}array {word}"


def _name(word: str) -> str:
    return f"hakken-array-{word}"
