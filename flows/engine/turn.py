"""Turns: which process of this machine may work on a campaign, decided by locks that die with their process.

The lease in the record guards a campaign between machines, and runs on for minutes after its holder was killed.
On one machine the file ``engine.lock`` says more: the system frees it the moment its process is gone. So whoever
has it may take the lease over at once, under the name that all processes of this home share.

A long run keeps its turn, and a person who has something to say must not wait for its end: that person holds
``turn.lock`` while waiting, and the run gives way between two passes when it finds it held.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TextIO

from loop.errors import LeaseHeld
from loop.progress import waits

_SOON: Final = 1.0  # seconds of waiting after which it is said
_LOOK: Final = 0.02  # seconds between two looks at a lock that somebody else has


class Turn:
    """The right of this process to work on the campaign of ``folder``, until ``end`` or the process's own end."""

    def __init__(self, folder: Path, campaign: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._folder, self._campaign, self._sleep = folder, campaign, sleep
        self._lock: TextIO | None = None

    def take(self, patience: float = 0.0) -> None:
        """Take the turn, waiting ``patience`` seconds for whoever has it.

        Raises:
            LeaseHeld: Another process still has it then; the message names it.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        until = time.monotonic() + patience
        waiting = self._open("turn.lock") if patience > 0 else None
        try:
            if waiting is not None:
                self._lock_by(waiting, until)
            lock = self._open("engine.lock")
            try:
                self._lock_by(lock, until)
            except BaseException:
                lock.close()
                raise
        finally:
            if waiting is not None:
                waiting.close()
        lock.seek(0)
        lock.truncate()
        lock.write(f"process {os.getpid()}")
        lock.flush()
        self._lock = lock

    def is_wanted(self) -> bool:
        """Whether somebody waits for this turn."""
        with self._open("turn.lock") as waiting:
            return not _try_lock(waiting)

    def wait_behind(self) -> None:
        """After ``end``: let whoever waits go first."""
        with self._open("turn.lock") as waiting:
            fcntl.flock(waiting, fcntl.LOCK_EX)

    def end(self) -> None:
        """Give the turn back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _lock_by(self, file: TextIO, until: float) -> None:
        say = time.monotonic() + _SOON
        while not _try_lock(file):
            if say < min(time.monotonic(), until):
                say = until  # once
                waits(
                    f"campaign {self._campaign!r} is being worked on by {_holder(self._folder)} on this machine; "
                    f"waiting for it to give way between two passes, {until - time.monotonic():.0f} s at most"
                    f"{_stopped(self._folder)}"
                )
            if time.monotonic() >= until:
                raise LeaseHeld(
                    f"campaign {self._campaign!r} is being worked on by {_holder(self._folder)} on this machine; "
                    f"wait until that pass ends, or stop that process{_stopped(self._folder)}"
                )
            self._sleep(_LOOK)

    def _open(self, name: str) -> TextIO:
        return (self._folder / name).open("a+", encoding="utf-8")


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stopped(folder: Path) -> str:
    """What to do where the holder is a process that was stopped, by Ctrl-Z say: waiting for it helps nobody."""
    pid = _holder(folder).removeprefix("process ")
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]  # proc_pid_stat(5)
    except (OSError, IndexError):  # gone meanwhile, or no /proc of Linux
        return ""
    if state not in (b"T", b"t"):
        return ""
    return (
        f". It stands still (Ctrl-Z, or SIGSTOP) and keeps the campaign meanwhile: kill -CONT {pid} lets it go on, "
        f"kill -KILL {pid} ends it, and nothing is lost"
    )


def _holder(folder: Path) -> str:
    return (folder / "engine.lock").read_text(encoding="utf-8").strip() or "another process"
