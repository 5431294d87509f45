"""Runs an evaluator in child processes of this machine, which survive whoever started them."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from adapters.common.durable import replace
from adapters.common.folder import Jobs, reachable, without_room
from adapters.common.options import Options, read_options
from adapters.compute.evaluation import Evaluator
from adapters.errors import AdapterUnavailable
from adapters.executors.carrying import clear
from adapters.executors.job import (
    HERE,
    Limits,
    computing,
    foreseen,
    late_results,
    missing,
    problems,
    resting_on,
    result_of,
    task,
    wants_room,
    write_fault,
)
from loop.checkpoints import reached
from loop.contracts import (
    Absent,
    AttemptKey,
    Capabilities,
    Delivery,
    Envelope,
    ExperimentSpec,
    Finding,
    Found,
    Handle,
    Health,
    Phase,
    Problem,
    Status,
)
from loop.errors import NotSetUp
from loop.outcome import FaultKind
from loop.wording import plural

EXAMPLE: Final = """\
laboratory:
  adapter: xtb
  workers: 2  # calculations at once
  run_on: local
"""
DELIVERY: Final = Delivery.KEYED  # a job begins once, under its lock
_WAITS: Final = "waits for a free worker"
_PATIENCE: Final = 10.0  # seconds to wait for another process that is about to start the same job; it needs 0.05


class LocalOptions(Options):
    """What ``run_on: {local: {...}}`` may say: nothing that other options do not."""


def lacking() -> str | None:
    """This machine always can."""
    return None


def place(
    folder: str, evaluator: Evaluator, limits: Limits, workers: int | None, options: Mapping[str, Any]
) -> LocalExecutor:
    """The executor, as ``adapters.executors.placing`` asks for it; raises ``AdapterOptionsError``."""
    read_options(LocalOptions, "local", options)
    return LocalExecutor(folder, evaluator, workers or 1, limits)


class LocalExecutor:
    """Jobs in keyed folders, each under a lock that its supervisor holds while it lives.

    Note [The lock tells who lives]: the caller locks ``lock``, and the supervisor inherits the descriptor. So a second
    start finds the lock held, or ``started.json`` written, and runs nothing; a free lock beside ``started.json``
    without a result means that the processes are gone, whatever killed them, and the job is recorded as lost.
    """

    def __init__(
        self,
        folder: Path | str,
        evaluator: Evaluator,
        workers: int = 1,
        limits: Limits = Limits(),  # noqa: B008  # frozen
    ) -> None:
        """Settings are checked by the adapter that builds it.

        Args:
            folder: The executor's own folder; made with the first job.
            evaluator: What is run.
            workers: Jobs at once; more wait for a free slot.
            limits: What each job may take.
        """
        self._jobs = Jobs(folder)
        self._evaluator = evaluator
        self._workers, self._limits = workers, limits

    def capabilities(self) -> Capabilities:
        return computing(self._evaluator, DELIVERY, self._workers)

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return problems(spec, self._evaluator, self.capabilities())

    def foresee(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return foreseen(spec, self._evaluator)

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        """A job that is not started yet. Raises ``NotSetUp`` where a package or program is missing here."""
        if isinstance(self._jobs.find(key), Absent) and (lack := missing(self._evaluator)) is not None:
            raise NotSetUp(lack)
        handle = self._jobs.prepare(spec, key)
        reached("executor.prepared")
        return handle

    def start(self, handle: Handle, key: AttemptKey) -> None:
        """Start the job unless it was started, cancelled or is being started; returns once that is on record.

        Raises:
            UnknownHandle: Nothing was prepared under the handle, or it belongs to another key.
            AdapterUnavailable: No process could be started; ``find`` tells whether one was.
        """
        folder = self._jobs.checked(handle, key)
        give_up = time.monotonic() + _PATIENCE
        while not (folder / "started.json").exists() and not (folder / "result.json").exists():
            with _lock(folder) as lock:
                if lock is not None:
                    self._spawn(handle, folder, lock)
                    return
            if time.monotonic() > give_up:  # see Note [The lock tells who lives]
                raise AdapterUnavailable(f"another process holds {folder / 'lock'} and does not start; ask again later")
            time.sleep(0.01)

    def find(self, key: AttemptKey) -> Found | Absent:
        found = self._jobs.find(key)
        if isinstance(found, Absent) or found.started:
            return found
        folder = self._jobs.folder(found.handle)
        return Found(found.handle, (folder / "result.json").exists() or self._is_held(folder))

    def status(self, handle: Handle) -> Status:
        if not self._jobs.knows(handle):
            return Status(Phase.LOST, f"no job {handle!r} in {self._jobs.root}")
        folder = self._jobs.folder(handle)
        with reachable(folder):
            if (folder / "result.json").exists():
                return Status(Phase.ENDED)
            if self._is_held(folder):
                is_running = (folder / "running.json").exists()
                wants = wants_room(self._jobs)
                return Status(Phase.RUNNING, "", wants) if is_running else Status(Phase.WAITING, _WAITS, wants)
            if (folder / "started.json").exists():
                self._settle(folder, FaultKind.COMPUTE_LOST, "its processes ended without a result")
            elif (cancelled := self._jobs.cancelled(handle)) is not None:
                self._settle(folder, FaultKind.CANCELLED, cancelled["reason"])
            return Status(Phase.ENDED if (folder / "result.json").exists() else Phase.PREPARED)

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        if self.status(handle).phase is not Phase.ENDED:
            return ()
        return result_of(self._jobs, handle)

    def late(self, handles: Sequence[Handle]) -> Sequence[Envelope]:
        return late_results(self._jobs, handles)

    def cancel(self, handle: Handle, reason: str) -> None:
        """Call the job off: its processes are killed within a tenth of a second. An ended one stays as it is."""
        if self.status(handle).phase in (Phase.LOST, Phase.ENDED):
            return
        self._jobs.cancel(handle, {"reason": reason})
        self.status(handle)  # where nobody runs it, the end is written now

    def health(self) -> Health:
        if (lack := missing(self._evaluator)) is not None:
            return Health(False, lack)
        return Health(True, f"{self._evaluator.name} runs here, {self._workers} at once")

    def examine(self) -> Sequence[Finding]:
        """Packages and programs, and whether this machine has the cores that all workers together ask for."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        asked = self._workers * self._limits.cores
        told = f"{plural(self._workers, 'worker')} of {plural(self._limits.cores, 'core')} on {plural(cores, 'core')}"
        remedy = "" if asked <= cores else f"they take turns: workers x cores of {cores} at most is faster"
        return [*resting_on(self._evaluator), Finding("cores", "note" if remedy else "ok", told, remedy)]

    def _spawn(self, handle: Handle, folder: Path, lock: int) -> None:
        if (folder / "started.json").exists() or (folder / "result.json").exists():
            return
        if (cancelled := self._jobs.cancelled(handle)) is not None:
            write_fault(folder, FaultKind.CANCELLED, cancelled["reason"])
            return
        told = {
            **task(self._jobs.spec(handle), self._evaluator, self._limits),
            "workers": self._workers,
            "slots": str((self._jobs.root / "slots").resolve()),
        }
        with reachable(folder):
            replace(folder / "task.json", json.dumps(told), is_durable=False)
            reached("executor.before-spawn")
            with (folder / "supervisor.txt").open("wb") as log:
                command = [sys.executable, "-I", "-S", str(HERE / "supervisor.py"), str(folder.resolve()), str(lock)]
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(lock,),
                    start_new_session=True,
                )
                code = process.wait()  # it forks at once; the fork carries on
        if code:
            said = (folder / "supervisor.txt").read_text(encoding="utf-8", errors="replace")[-500:]
            why = said or without_room(folder)  # which leaves it nowhere to say so
            raise AdapterUnavailable(f"no process could be started for {handle} (code {code}): {why}")
        reached("executor.spawned")

    def _is_held(self, folder: Path) -> bool:
        """Whether a supervisor lives; see Note [The lock tells who lives].

        A lock without ``started.json`` is somebody about to start, or another's look at it: a moment shows which.
        """
        give_up = time.monotonic() + _PATIENCE
        while True:
            with _lock(folder) as lock:
                if lock is not None:
                    return False
            if (folder / "started.json").exists() or time.monotonic() > give_up:
                return True
            time.sleep(0.01)

    def _settle(self, folder: Path, kind: FaultKind, message: str) -> None:
        """Write the end of a job that nobody runs, unless it has one or somebody takes it up just now."""
        with _lock(folder) as lock:
            if lock is not None:
                clear(folder)  # the child dies with its supervisor, and a program that it called does not
                write_fault(folder, kind, message)


@contextmanager
def _lock(folder: Path) -> Iterator[int | None]:
    """The descriptor of the job's lock while the block runs, or None when somebody else holds it."""
    with reachable(folder):
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held = None
    else:
        held = descriptor
    try:
        yield held
    finally:
        os.close(descriptor)
