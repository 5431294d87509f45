"""One run of an evaluator in a child process: its limits, its cancellation, and what came of it.

The standard library and our modules that need nothing else only: whoever uses it must start in a few milliseconds.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

from adapters.common.durable import PATIENCE, once_there_is_room, write_once
from adapters.common.scratch import VARIABLE, make_scratch, remove_scratch, scratch_of, words_of
from adapters.executors.session import Session, end_all_with

_LINE: Final = 300  # characters of the last line of an error output that a message says
_TAIL: Final = 4000  # characters of output that are kept with the result: the last message, not the whole run
# What programs and libraries say last where they get no memory: malloc in C, new in C++, numpy, and PySCF's own words.
_NO_MEMORY: Final = re.compile(r"\bmalloc\b.*failed|bad_alloc|MemoryError|[Cc]annot allocate memory|[Oo]ut of memory")
_BETWEEN: Final = 10.0  # seconds between two looks at a child, on a machine that has no time for either
_MOST: Final = 2**26  # bytes of a program's output that are kept beside it: 64 MiB, its end


class Told(Exception):
    """The process was told to end (SIGTERM): its queue takes the place back."""

    def __init__(self, provenance: dict[str, Any] | None = None) -> None:
        self.provenance = provenance or {}  # of the run that ended so
        super().__init__("told to end (SIGTERM)")


def end_when_told() -> None:
    """Let SIGTERM raise ``Told`` in this process."""

    def handler(_number: int, _frame: FrameType | None) -> None:
        ignore_when_told()  # once is enough
        raise Told

    signal.signal(signal.SIGTERM, handler)


def ignore_when_told() -> None:
    """From here on SIGTERM changes nothing: the result is being written."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def carry_out(
    folder: Path, task: dict[str, Any], *, keep: tuple[int, ...] = (), beat: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Run the task of ``folder`` in a child, and give the payload of its result. Where its disk is full it begins as
    soon as there is room.

    Args:
        folder: The job's own; gets ``running.json``, a line in ``runs.log``, ``stdout.txt`` and ``stderr.txt``.
            What a program writes lies in a scratch folder, which is removed (Note [Whose scratch it is]).
        task: As ``adapters.executors.job.task`` makes it.
        keep: Descriptors that the child inherits: a lock then holds until the child is gone too.
        beat: Called ten times a second while the child runs.

    Raises:
        Told: SIGTERM came (see ``end_when_told``); the child is gone, and what is known of it is in the exception.
    """
    clear(folder)
    scratch = once_there_is_room(lambda: make_scratch(folder), meanwhile=beat)
    try:
        return _carry_out(folder, scratch, task, keep, beat)
    finally:
        remove_scratch(folder, scratch)


def clear(folder: Path) -> None:
    """End what an earlier run of the job left on this machine, and remove its scratch: its watch was killed."""
    if (scratch := scratch_of(folder)) is not None:
        end_all_with(VARIABLE, str(scratch))
        remove_scratch(folder, scratch)


def _carry_out(
    folder: Path, scratch: Path, task: dict[str, Any], keep: tuple[int, ...], beat: Callable[[], None]
) -> dict[str, Any]:
    once_there_is_room(lambda: _note_beginning(folder), meanwhile=beat)
    since = time.monotonic()  # goes on where a clock is set
    with (folder / "stdout.txt").open("wb") as out, (folder / "stderr.txt").open("wb") as err:
        child = subprocess.Popen(
            [sys.executable, "-P", task["runner"], str(folder), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=folder,
            env={**_with_decimal_points(), **task["environ"], VARIABLE: str(scratch)},
            start_new_session=True,
            pass_fds=keep,
        )
        session = Session(child)
        try:
            why, peak = _watch(child, session, folder, task, beat)
        finally:
            session.end()  # also what a child that ended by itself, or was killed, has left
    provenance = {
        "wall_time_s": round(time.monotonic() - since, 3),
        "peak_memory_bytes": peak,
        "host": os.uname().nodename,
        "stdout": _tail(words_of(scratch) or folder / "stdout.txt"),
        "stderr": _tail(folder / "stderr.txt"),
        **_kept(words_of(scratch), folder / "program.txt.gz"),
    }
    if why == "told":
        raise Told(provenance)
    return _result(folder, child.returncode, why, task, provenance)


def _note_beginning(folder: Path) -> None:
    began = time.time()
    write_once(folder / "running.json", json.dumps({"at": began}), is_durable=False)
    with (folder / "runs.log").open("a") as log:  # one line for each run there ever was
        log.write(f"{began} {os.getpid()}\n")


def _with_decimal_points() -> dict[str, str]:
    """The environment, in which the language stays: shells, awk and others write 78.5 as 78,5 where a country does."""
    everything = os.environ.get("LC_ALL")  # counts before the others
    found = {name: value for name, value in os.environ.items() if not (everything and name.startswith("LC_"))}
    return found | ({"LANG": everything} if everything else {}) | {"LC_NUMERIC": "C"}


def hand_in(folder: Path, payload: dict[str, Any], *, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Write the result of the job in ``folder``, once; where its disk is full or away, as soon as that is over.

    ``meanwhile`` is called while it waits: whoever listens for signs of life hears them.
    """
    text = json.dumps(payload, sort_keys=True)
    once_there_is_room(lambda: write_once(folder / "result.json", text), meanwhile=meanwhile, away=PATIENCE)


def cancelled(folder: Path, provenance: dict[str, Any]) -> dict[str, Any]:
    """The payload of a job that was called off."""
    reason = json.loads((folder / "cancelled.json").read_text(encoding="utf-8"))["reason"]
    return fault("cancelled", reason, provenance)


def fault(kind: str, message: str, provenance: dict[str, Any], code: str = "") -> dict[str, Any]:
    """The payload of a job that did not go as intended; ``code`` says to programs what failed."""
    told = {**provenance, "code": code} if code else provenance
    return {"outcome": "fault", "kind": kind, "message": message, "provenance": told}


def _watch(
    child: subprocess.Popen[bytes], session: Session, folder: Path, task: dict[str, Any], beat: Callable[[], None]
) -> tuple[str, int]:
    """Wait for the child or for a reason to end it ("" when it ended by itself); that, and the peak memory in bytes.

    Note [Time that is not run]: Slurm suspends a job by stopping all its processes, this one too. So what lies between
    two looks counts as ``_BETWEEN`` at the most: a job that was suspended is not ended for the time in which it stood.
    """
    ran, looked, peak, pause = 0.0, time.monotonic(), 0, 0.005
    try:
        while True:
            try:
                child.wait(timeout=pause)
                return "", peak
            except subprocess.TimeoutExpired:
                pause = min(pause * 1.5, 0.1)
            beat()
            peak = max(peak, session.memory(task["memory"]))
            now = time.monotonic()
            ran, looked = ran + min(now - looked, _BETWEEN), now
            if ran > task["timeout"]:
                return "timeout", peak
            if peak > task["memory"]:
                return "memory", peak
            if os.path.exists(folder / "cancelled.json"):  # raises nothing where the disk fails: it may come back
                return "cancelled", peak
    except Told:
        return "told", peak


def _result(folder: Path, code: int, why: str, task: dict[str, Any], provenance: dict[str, Any]) -> dict[str, Any]:
    if why == "cancelled":
        return cancelled(folder, provenance)
    if why == "timeout":
        text = f"ran longer than {task['timeout']:g} s; raise 'timeout' if it may"
        text += _waited_for(folder)
        return fault("timeout", text, provenance, "timeout")
    if why == "memory":
        text = f"used more than {task['memory'] / 2**20:.0f} MiB; raise 'memory' if it may"
        return fault("resource_error", text, provenance, "out_of_memory")
    payload = once_there_is_room(lambda: _output(folder), away=PATIENCE)
    if payload is None and (folder / "cancelled.json").exists():  # its queue may end the child before the watch
        return cancelled(folder, provenance)
    if payload is None:
        last = (provenance["stderr"].strip().splitlines() or [""])[-1][-_LINE:]
        if _NO_MEMORY.search(last):
            return fault("resource_error", f"memory ran out ({last}); raise 'memory'", provenance, "out_of_memory")
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code} and no result"
        said = f": {last}" if last else ""
        return fault("compute_lost", f"the evaluator's process {how}{said}", provenance)
    payload["provenance"] = {**payload.get("provenance", {}), **provenance}
    return payload


def _output(folder: Path) -> dict[str, Any] | None:
    """What the child wrote; None where it wrote nothing. Raises ``OSError`` where the folder is not there."""
    try:
        payload: dict[str, Any] = json.loads((folder / "output.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        os.stat(folder)
        return None
    return payload


def _waited_for(folder: Path) -> str:
    """What a result that was ready may have waited for, as a part of a sentence; "" where nothing is wrong."""
    waits = "a result that was ready waits for that"
    try:
        if os.statvfs(folder).f_bavail:
            return ""
    except OSError as error:
        return f", or see to the disk of {folder}, which cannot be reached ({error.strerror}): {waits}"
    return f", or make room on the disk of {folder}, which is full: {waits}"


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read().decode("utf-8", "replace")
    except OSError as error:
        return f"(cannot be read: {error})"


def _kept(words: Path | None, into: Path) -> dict[str, Any]:
    """What the program said, kept in the job's folder; in which file, or why not."""
    if words is None:
        return {}
    import gzip
    from shutil import copyfileobj

    try:
        with words.open("rb") as said, gzip.open(into, "wb") as kept:
            said.seek(max(0, words.stat().st_size - _MOST))
            copyfileobj(said, kept)
    except OSError as error:
        return {"output": f"not kept: {error}"}
    return {"output": into.name}
