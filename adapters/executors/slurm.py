"""Runs an evaluator as Slurm jobs: submitted on hold, the id put on record, then released."""

from __future__ import annotations

import dataclasses
import math
import shlex
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator

from adapters.common.durable import replace
from adapters.common.folder import reachable, read_json
from adapters.common.options import Options, read_options
from adapters.compute.evaluation import Evaluator
from adapters.errors import AdapterUnavailable
from adapters.executors.job import Limits, computing, missing, problems, resting_on
from adapters.executors.looks import Look
from adapters.executors.slurm_arrays import MOST, Arrays, Task
from adapters.executors.slurm_commands import Row, Slurm
from adapters.executors.spool import Spool
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
    Unknown,
)
from loop.errors import NotSetUp
from loop.outcome import FaultKind

EXAMPLE: Final = """\
laboratory:
  adapter: xtb
  workers: 50
  run_on:
    slurm: {partition: short, account: chem17, setup: [module load chem]}
"""
DELIVERY: Final = Delivery.TWO_PHASE  # submitted on hold, then released
_JOBS: Final = 100  # in the queue at once: what many centres allow one person
_ROOM: Final = 256  # MiB beside the calculation: Python and the process that watches it
_TIMES: Final = 3  # submissions of one attempt of which the cluster forgets each
_MARGIN: Final = 60.0  # seconds beside the calculation: what the node needs to begin and end
_OURS: Final = frozenset(
    {"hold", "parsable", "wrap", "array", "job-name", "comment", "chdir", "output", "error", "open-mode", "time", "mem"}
    | {"mem-per-cpu", "cpus-per-task", "ntasks", "partition", "account", "qos", "requeue", "no-requeue", "dependency"}
)
_KINDS: Final = {
    "TIMEOUT": FaultKind.TIMEOUT,
    "DEADLINE": FaultKind.TIMEOUT,
    "OUT_OF_MEMORY": FaultKind.RESOURCE_ERROR,
}


class SlurmOptions(Options):
    """What ``run_on: {slurm: {...}}`` may say."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    arrays: bool = False  # a batch is submitted as one job array
    requeue: bool = False  # after a failure of the node Slurm itself begins the job anew
    setup: list[str] = Field(default_factory=list)  # lines of the job script before the calculation: module load ...
    extra: list[str] = Field(default_factory=list)  # further options of sbatch, such as --constraint=avx512
    poll: Annotated[float, Field(ge=0)] = 5.0  # seconds between two looks at the queue at the least
    silence: Annotated[float, Field(gt=0)] = 120.0  # seconds until a job that left the queue without a word is lost

    @field_validator("extra")
    @classmethod
    def _check_extra(cls, extra: list[str]) -> list[str]:
        for option in extra:
            name = option.removeprefix("--").split("=")[0]
            if not option.startswith("--") or not name:
                raise ValueError(f"options of sbatch as --name or --name=value; {option!r} is none")
            if name in _OURS:
                raise ValueError(f"options that hakken does not set itself; --{name} is set by it")
        return extra


def lacking() -> str | None:
    """What submitting jobs needs here, with the remedy."""
    try:
        Slurm().check_set_up()
    except NotSetUp as error:
        return str(error)
    return None


def place(
    folder: str, evaluator: Evaluator, limits: Limits, workers: int | None, options: Mapping[str, Any]
) -> SlurmExecutor:
    """The executor, as ``adapters.executors.placing`` asks for it; raises ``AdapterOptionsError``."""
    settings = read_options(SlurmOptions, "slurm", options)
    return SlurmExecutor(folder, evaluator, workers or _JOBS, limits, settings)


class SlurmExecutor:
    """Jobs of one Slurm cluster, through a spool that its nodes see.

    Note [No job twice]: before ``sbatch`` the intent is put on record (``sending.json``), after it the id
    (``submitted.json``), then the job is released (``released.json``). Only a job whose id is on record is ever
    released, so one whose reply was lost stays on hold; it is found by its comment (the attempt's label) and taken
    for the submission, or cancelled where another took its place. An id is ours only while the job of that id bears
    our label: ids begin anew when a cluster is set up afresh. And whatever runs, the claim lets one compute.
    """

    def __init__(
        self,
        folder: Path | str,
        evaluator: Evaluator,
        jobs: int = _JOBS,
        limits: Limits = Limits(),  # noqa: B008  # frozen
        settings: SlurmOptions = SlurmOptions(),  # noqa: B008  # frozen
        slurm: Slurm | None = None,
    ) -> None:
        """Settings are checked by the adapter that builds it.

        Args:
            folder: The executor's own folder, at the same path on every node; made with the first job.
            evaluator: What is run.
            jobs: In the queue at once.
            limits: What each job may take.
            settings: How jobs are submitted.
            slurm: The cluster's commands.
        """
        self._spool = Spool(folder, evaluator, limits, settings.silence)
        self._jobs = self._spool.jobs
        self._evaluator, self._most, self._limits, self._settings = evaluator, jobs, limits, settings
        self._slurm = slurm or Slurm()
        self._arrays = Arrays(self._spool, self._slurm)
        self._look = Look(self._all_rows, settings.poll)
        self._is_set_up = False  # as far as this object knows
        self._fresh: dict[Handle, str] = {}  # submitted by this object, and not looked at since

    def capabilities(self) -> Capabilities:
        return computing(self._evaluator, DELIVERY, self._most)

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return problems(spec, self._evaluator, self.capabilities())

    def announce(self, experiments: Sequence[tuple[ExperimentSpec, AttemptKey]]) -> None:
        """Submit what will be prepared next as job arrays, on hold; where that fails ``prepare`` does it one by one."""
        if not self._settings.arrays:
            return
        self._check_set_up()
        for start in range(0, len(experiments), MOST):
            with ExitStack() as held:
                tasks = [
                    task
                    for spec, key in experiments[start : start + MOST]
                    if (task := self._as_task(self._jobs.prepare(spec, key), held)) is not None
                ]
                if len(tasks) > 1:
                    self._fresh |= self._arrays.submit(tasks, self._options)

    def _as_task(self, handle: Handle, held: ExitStack) -> Task | None:
        """The attempt for an array, in this process's hand until ``held`` ends; None where it was sent before."""
        try:
            folder = held.enter_context(self._spool.alone(handle, patience=0.0))
        except AdapterUnavailable:
            return None
        if self._has_begun(folder) or any((folder / f"{done}.json").exists() for done in ("cancelled", "sending")):
            return None
        token = uuid.uuid4().hex
        return Task(handle, folder.resolve(), _name(handle), token, self._script(handle, folder, token).resolve())

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        """Put the attempt on record and its job into the queue, on hold.

        Raises:
            KeyReused: The key is on record with another experiment.
            NotSetUp: There is no Slurm here, or it takes no such job; the queue has none.
            AdapterUnavailable: Slurm gave no answer; ``start`` looks for the job and submits it.
        """
        self._check_set_up()
        handle = self._jobs.prepare(spec, key)
        reached("slurm.prepared")
        with self._spool.alone(handle) as folder:
            if not self._has_begun(folder) and not (folder / "cancelled.json").exists():
                self._held(handle, folder)
        return handle

    def _check_set_up(self) -> None:
        """Raises ``NotSetUp`` where there is no Slurm here, before anything of an attempt is made."""
        if not self._is_set_up:
            self._slurm.check_set_up()
            self._is_set_up = True

    def start(self, handle: Handle, key: AttemptKey) -> None:
        """Release the attempt's job, which is submitted first where it is not in the queue.

        Raises:
            UnknownHandle: Nothing was prepared under the handle, or it belongs to another key.
            AdapterUnavailable: Slurm refused or gave no answer; ``find`` tells whether it was released.
        """
        self._spool.checked(handle, key)
        with self._spool.alone(handle) as folder:
            if self._spool.is_claimed(handle) or self._spool.settle_if_cancelled(handle):
                return
            if (folder / "released.json").exists() and self._is_under_way(handle, folder):
                return
            row = self._held(handle, folder)
            if row.is_held:
                self._spool.note(folder / "releasing.json", {"id": row.id})
                reached("slurm.releasing")
                self._slurm.release(row.id)
                reached("slurm.released")
            self._spool.note(folder / "released.json", {"id": row.id, "at": time.time()})
        reached("slurm.started")

    def find(self, key: AttemptKey) -> Found | Absent | Unknown:
        found = self._jobs.find(key)
        if isinstance(found, Absent):
            return found
        folder = self._jobs.folder(found.handle)
        if self._has_begun(folder):
            return Found(found.handle, True)
        releasing = read_json(folder / "releasing.json")
        if releasing is None:
            return Found(found.handle, False)
        try:  # the reply to a release may have been lost
            rows = self._rows(found.handle)
        except AdapterUnavailable as error:
            return Unknown(f"job {releasing['id']} may or may not have been released: {error}")
        return Found(found.handle, any(row.id == releasing["id"] and not row.is_held for row in rows))

    def status(self, handle: Handle) -> Status:
        if not self._jobs.knows(handle):
            return Status(Phase.LOST, f"no job {handle!r} in {self._jobs.root}")
        if self._spool.has_ended(handle) or self._spool.complete(handle):
            return Status(Phase.ENDED)
        if self._jobs.cancelled(handle) is not None and not self._spool.is_claimed(handle):
            self._call_off(handle)
            self._spool.settle_if_cancelled(handle)
        folder = self._jobs.folder(handle)
        released = read_json(folder / "released.json")
        if not self._has_begun(folder) or (released is None and not self._spool.is_claimed(handle)):
            return Status(Phase.PREPARED)
        try:
            row = self._seen(handle)
        except AdapterUnavailable as error:  # what the spool tells is still true
            phase = Phase.RUNNING if self._spool.is_claimed(handle) else Phase.WAITING
            return self._unless_ended(handle, Status(phase, f"as last known: {error}"))
        if self._spool.is_claimed(handle):
            return self._unless_ended(handle, self._of_claimed(handle, row))
        return self._unless_ended(handle, self._of_released(handle, row, released or {}))

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        if self.status(handle).phase is not Phase.ENDED:
            return ()
        return self._spool.envelopes(handle)

    def cancel(self, handle: Handle, reason: str) -> None:
        """Call the job off. One that has ended stays as it is."""
        if self.status(handle).phase in (Phase.LOST, Phase.ENDED):
            return
        self._jobs.cancel(handle, {"reason": reason})
        self._call_off(handle)
        self._spool.settle_if_cancelled(handle)

    def health(self) -> Health:
        # Programs are looked for where they run.
        if (lack := missing(dataclasses.replace(self._evaluator, programs={}))) is not None:
            return Health(False, lack)
        try:
            said = self._slurm.ping()
        except NotSetUp as error:
            return Health(False, str(error))
        except AdapterUnavailable as error:
            return Health(False, f"Slurm cannot be asked: {error}")
        return Health(True, f"{self._evaluator.name} runs in Slurm, {self._most} jobs at once; {said.splitlines()[0]}")

    def examine(self) -> Sequence[Finding]:
        """Packages (programs are looked for on the nodes), and Slurm: version, controller, partition, accounting."""
        asked, packages = self._settings.partition, resting_on(self._evaluator, programs=False)
        try:
            self._slurm.check_set_up()
        except NotSetUp as error:  # once, and not for each thing that Slurm would be asked
            found, _, remedy = str(error).partition("; ")
            return [*packages, Finding("Slurm", "problem", found, remedy)]
        return [
            *packages,
            _asked("Slurm", self._slurm.version, "run hakken where jobs are submitted"),
            _asked("controller", self._slurm.ping, "wait until it is up; nothing that was submitted is lost"),
            _asked("partition", lambda: self._slurm.partition(asked), "name one that sinfo lists"),
            _asked("accounting", self._slurm.accounting, "", verdict="note"),
        ]

    def _held(self, handle: Handle, folder: Path) -> Row:
        """The attempt's job in the queue, submitted where there is none; see Note [No job twice]."""
        label = self._spool.label(handle)
        if (id_ := self._fresh.pop(handle, None)) is not None:
            return Row(id_, "PENDING", _name(handle), "JobHeldUser", label)
        submitted = read_json(folder / "submitted.json") or {}
        known, times = submitted.get("id"), int(submitted.get("times", 0))
        if (folder / "sending.json").exists():
            rows = [row for row in self._rows(handle) if row.is_alive]
            if rows:
                row = next((row for row in rows if row.id == known), rows[0])
                self._spool.note(folder / "submitted.json", {"id": row.id, "times": max(times, 1)})
                return row
            waits = [row for row in self._slurm.accounted(_name(handle), folder) if row.is_alive]
            if waits:
                raise AdapterUnavailable(
                    f"the accounting has job {waits[0].id} for this attempt as {waits[0].state}, the queue has not; "
                    f"it is not submitted again before both agree"
                )
        token = uuid.uuid4().hex
        script = self._script(handle, folder, token)
        self._spool.note(folder / "sending.json", {"token": token, "at": time.time()})
        reached("slurm.sending")
        id_ = self._slurm.submit(self._options(_name(handle), label, folder), script)
        reached("slurm.sent")
        self._spool.note(folder / "submitted.json", {"id": id_, "times": times + 1})
        reached("slurm.submitted")
        self._fresh[handle] = id_
        return Row(id_, "PENDING", _name(handle), "JobHeldUser", label)

    def _script(self, handle: Handle, folder: Path, token: str) -> Path:
        command = shlex.join(self._spool.command(handle, token, requeue=self._settings.requeue))
        path = folder / "job.sh"
        with reachable(path):
            replace(path, "\n".join(["#!/bin/sh", *self._settings.setup, f"exec {command}", ""]), is_durable=False)
        return path

    def _options(self, name: str, comment: str, folder: Path, output: str | None = None) -> list[str]:
        where = str(folder.resolve())
        asked = {
            "partition": self._settings.partition,
            "account": self._settings.account,
            "qos": self._settings.qos,
            "job-name": name,
            "comment": comment,
            "chdir": where,
            "output": output or where.replace("%", "%%") + "/slurm-%j.txt",
            "open-mode": "append",
            "ntasks": "1",
            "cpus-per-task": str(self._limits.cores),
            "mem": f"{math.ceil(self._limits.memory / 2**20) + _ROOM}M",
            "time": str(math.ceil((self._limits.timeout + _MARGIN) / 60)),  # minutes
        }
        requeue = "--requeue" if self._settings.requeue else "--no-requeue"
        return [*(f"--{name}={value}" for name, value in asked.items() if value), requeue, *self._settings.extra]

    def _has_begun(self, folder: Path) -> bool:
        with reachable(folder):
            return any((folder / name).exists() for name in ("released.json", "claimed.json", "result.json"))

    def _rows(self, handle: Handle) -> list[Row]:
        """The attempt's own jobs, asked for now."""
        label = self._spool.label(handle)
        return [row for row in self._slurm.jobs(_name(handle)) if row.comment == label]

    def _all_rows(self) -> dict[str, list[Row]]:
        """Every job of this spool, by label; what only holds because its reply came late is cancelled."""
        ours = self._spool.label(Handle(""))
        found: dict[str, list[Row]] = {}
        rows = self._slurm.jobs()
        self._arrays.drop_keyless(rows)
        for row in rows:
            if row.comment.startswith(ours):
                found.setdefault(row.comment, []).append(row)
                if row.is_held:
                    self._cancel_double(row, Handle(row.comment.removeprefix(ours)))
        return found

    def _cancel_double(self, row: Row, handle: Handle) -> None:
        """Cancel a held job that nobody will release: another took its place, or its attempt is over."""
        if not self._jobs.knows(handle):
            return
        with suppress(AdapterUnavailable), self._spool.alone(handle, patience=0.0) as folder:
            submitted = read_json(folder / "submitted.json")
            if self._spool.is_claimed(handle) or (submitted is not None and submitted["id"] != row.id):
                self._slurm.cancel([row.id])

    def _seen(self, handle: Handle) -> Row | None:
        """The attempt's job as this pass saw it."""
        rows = self._look.at(handle).get(self._spool.label(handle), [])
        return next((row for row in rows if row.id == self._submitted(handle)), None)

    def _submitted(self, handle: Handle) -> str | None:
        """The id under which the attempt was submitted last."""
        return (read_json(self._jobs.folder(handle) / "submitted.json") or {}).get("id")

    def _is_under_way(self, handle: Handle, folder: Path) -> bool:
        """Whether Slurm still has a job that was released, and as released: a killed controller forgets a little.

        An attempt whose jobs are forgotten again and again is ended.
        """
        if rows := self._rows(handle):
            return not any(row.is_held for row in rows)
        if self._slurm.accounted(_name(handle), folder):
            return True
        times = int((read_json(folder / "submitted.json") or {}).get("times", 1))
        lost = f"Slurm forgot its job {times} times: see whether the comments of jobs are kept (squeue --format=%k)"
        return times >= _TIMES and self._spool.settle(handle, FaultKind.COMPUTE_LOST, lost)

    def _of_claimed(self, handle: Handle, row: Row | None) -> Status:
        if row is not None and row.is_alive:
            again = f", begun anew by Slurm: {row.reason}" if row.state == "PENDING" else ""
            return Status(Phase.RUNNING, f"job {row.id}{again}", row.wants)
        if self._spool.is_silent(handle):
            if (called_off := self._jobs.cancelled(handle)) is not None:
                self._spool.settle(handle, FaultKind.CANCELLED, called_off["reason"])
                return Status(Phase.RUNNING, "was called off")
            if row is None:
                try:
                    row = self._accounted(handle, self._submitted(handle))
                except AdapterUnavailable as error:  # an end for lack of memory must not be tried again as a lost one
                    return Status(Phase.RUNNING, f"left the queue without a result; how it ended is not told: {error}")
            how = "and Slurm knows it no more" if row is None else f"and {row.end}"
            kind = FaultKind.COMPUTE_LOST if row is None else _KINDS.get(row.state, FaultKind.COMPUTE_LOST)
            self._spool.settle(handle, kind, f"the job began {how}, without a result")
        return Status(Phase.RUNNING, "left the queue; its result is awaited")

    def _of_released(self, handle: Handle, row: Row | None, released: Mapping[str, Any]) -> Status:
        if row is not None and row.is_held and self._look.began > released["at"]:
            return Status(Phase.PREPARED, f"Slurm forgot that job {row.id} was released; it is released again")
        if row is not None and row.is_alive:
            return Status(Phase.WAITING, f"job {row.id}: {row.reason or row.state}", row.wants)
        if row is None and self._look.began <= released["at"]:
            return Status(Phase.WAITING, f"job {released['id']} was released just now")
        if row is None:
            try:
                row = self._accounted(handle, released["id"])
            except AdapterUnavailable as error:
                return Status(Phase.WAITING, f"job {released['id']} left the queue: {error}")
            if row is None:
                return Status(Phase.PREPARED, f"Slurm has forgotten job {released['id']}; it is submitted again")
        kind = _KINDS.get(row.state, FaultKind.COMPUTE_LOST)
        self._spool.settle(handle, kind, f"job {row.id} {row.end} before it began{self._last_words(handle)}")
        return Status(Phase.RUNNING)

    def _accounted(self, handle: Handle, id_: str | None) -> Row | None:
        """The attempt's job of that id in the accounting; None where it has none."""
        rows = self._slurm.accounted(_name(handle), self._jobs.folder(handle))
        return next((row for row in rows if row.id == id_), None)

    def _unless_ended(self, handle: Handle, status: Status) -> Status:
        return Status(Phase.ENDED) if self._spool.has_ended(handle) else status

    def _call_off(self, handle: Handle) -> None:
        """Take the attempt's jobs out of the queue; where Slurm gives no answer they find their claim taken."""
        with suppress(AdapterUnavailable):
            if ids := [row.id for row in self._rows(handle) if row.is_alive]:
                self._slurm.cancel(ids)

    def _last_words(self, handle: Handle) -> str:
        """The end of what Slurm wrote for the job, such as why its script could not be run."""
        files = sorted(self._jobs.folder(handle).glob("slurm-*.txt"))
        lines = files[-1].read_text(encoding="utf-8", errors="replace").strip().splitlines() if files else []
        return f": {lines[-1][-300:]}" if lines else ""


def _asked(
    subject: str, question: Callable[[], str], remedy: str, *, verdict: Literal["note", "problem"] = "problem"
) -> Finding:
    """What Slurm says of one thing."""
    try:
        return Finding(subject, "ok", question())
    except AdapterUnavailable as error:
        return Finding(subject, verdict, str(error), remedy)


def _name(handle: Handle) -> str:
    return f"hakken-{handle}"
