"""The processes of one run: what they take together, and how they end; read from /proc where there is one.

The standard library only: whoever watches a run must start in a few milliseconds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

_PROC: Final = Path("/proc")
_PATIENCE: Final = 10.0  # seconds for processes that were killed to be gone; one that waits for a disk takes its time
_SHARE: Final = 0.05  # of its time a watch spends at the most on looking: 1,000 processes are a look of 0.01 s
_DEAD: Final = frozenset({b"Z", b"X"})


class _Process(NamedTuple):  # a dataclass would take longer to import than all the rest
    pid: int
    parent: int
    session: int
    resident: int  # bytes, Rss


class Session:
    """The processes of a child that leads a session of its own.

    Note [Who belongs to a run]: whatever is in the child's session, in any process group (a program is a grandchild of
    the watch, and its MPI ranks are further down), and whatever these started in sessions of their own. Where there is
    no /proc, nothing is known of them: their memory is not told, and only the child's process group can be ended.
    """

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        """``child`` was started with ``start_new_session=True``."""
        self._child = child
        self._told, self._not_before = 0, 0.0

    def memory(self, limit: int) -> int:
        """Bytes that all of them hold: their Rss added up; 0 where the system does not tell.

        Processes that share pages (forks, MPI's shared windows) would count these several times. So where the sum is
        above ``limit``, it is that of their Pss, which shares such pages out and is dearer to ask.
        """
        if time.monotonic() < self._not_before:
            return self._told
        began = time.monotonic()
        members = self._members()
        self._told = sum(process.resident for process in members)
        if self._told > limit and len(members) > 1:
            self._told = sum(_proportional(process) for process in members)
        now = time.monotonic()
        self._not_before = now + (now - began) / _SHARE
        return self._told

    def end(self) -> None:
        """Kill all of them; returns once they are gone, and the child is waited for."""
        _kill(self._members)
        if self._child.poll() is None:  # no /proc
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()

    def _members(self) -> list[_Process]:
        """See Note [Who belongs to a run]."""
        living = list(_living())
        members = {process.pid for process in living if process.session == self._child.pid}
        grows = True
        while grows:
            further = {process.pid for process in living if process.parent in members} - members
            members |= further
            grows = bool(further)
        return [process for process in living if process.pid in members]


def end_all_with(name: str, value: str) -> None:
    """Kill this user's processes in whose environment a variable has that value."""
    wanted = f"{name}={value}".encode()

    def members() -> list[_Process]:
        found = []
        for process in _living():
            with suppress(OSError):
                if wanted in (_PROC / str(process.pid) / "environ").read_bytes().split(b"\0"):
                    found.append(process)
        return found

    _kill(members)


def _kill(members: Callable[[], list[_Process]]) -> None:
    """Kill them, and whatever they started meanwhile, until none is left.

    All are found before the first is killed: those in other sessions are known by their parents only.
    """
    give_up = time.monotonic() + _PATIENCE
    while (found := members()) and time.monotonic() < give_up:
        for process in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, signal.SIGKILL)
        time.sleep(0.005)


def _living() -> Iterator[_Process]:
    page = os.sysconf("SC_PAGE_SIZE")
    names = os.listdir(_PROC) if _PROC.is_dir() else []
    for name in names:
        if name.isdigit():
            with suppress(OSError, IndexError, ValueError):  # gone meanwhile, or no /proc of Linux
                with open(f"{_PROC}/{name}/stat", "rb") as file:
                    words = file.read().rpartition(b")")[2].split()  # proc_pid_stat(5), from "state" on
                if words[0] not in _DEAD:
                    yield _Process(int(name), int(words[1]), int(words[3]), int(words[21]) * page)


def _proportional(process: _Process) -> int:
    """Pss in bytes; Rss where the system does not tell."""
    with suppress(OSError, ValueError), open(f"{_PROC}/{process.pid}/smaps_rollup", "rb") as file:
        for line in file:
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return process.resident
