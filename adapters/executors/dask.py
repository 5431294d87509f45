"""Runs an evaluator on the workers of a Dask scheduler that somebody started."""

from __future__ import annotations

import dataclasses
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from adapters.common.folder import read_json
from adapters.common.looks import last_known
from adapters.common.options import Options, read_options
from adapters.compute.evaluation import Evaluator
from adapters.errors import AdapterUnavailable
from adapters.executors.dask_scheduler import REMEDY, Scheduler, version_here
from adapters.executors.job import (
    Limits,
    computing,
    foreseen,
    late_results,
    missing,
    problems,
    resting_on,
    wants_room,
)
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
)
from loop.errors import NotSetUp
from loop.outcome import FaultKind
from loop.wording import plural

EXAMPLE: Final = """\
laboratory:
  adapter: xtb
  workers: 50
  run_on:
    dask: {address: "tcp://node17:8786"}
"""
DELIVERY: Final = Delivery.KEYED  # a task begins once, under its claim
_JOBS: Final = 100  # with the scheduler at once
_TIMES: Final = 3  # how often an attempt is given to workers of which none takes it up
_ARRIVAL: Final = 5.0  # seconds for a task to come to the scheduler
_ONE_VERSION: Final = (
    "install one version of dask and distributed everywhere; a worker of another may end when it gets a calculation"
)


class DaskOptions(Options):
    """What ``run_on: {dask: {...}}`` may say."""

    address: str  # of the scheduler, such as tcp://node17:8786
    resources: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)  # that a worker must offer
    silence: Annotated[float, Field(gt=0)] = 120.0  # seconds until a job that gives no sign of life is lost


def lacking() -> str | None:
    """What talking to a scheduler needs here, with the remedy."""
    return None if find_spec("distributed") else f"the package distributed is not installed; {REMEDY}"


def place(
    folder: str, evaluator: Evaluator, limits: Limits, workers: int | None, options: Mapping[str, Any]
) -> DaskExecutor:
    """The executor, as ``adapters.executors.placing`` asks for it; raises ``AdapterOptionsError``."""
    settings = read_options(DaskOptions, "dask", options)
    return DaskExecutor(folder, evaluator, settings, workers or _JOBS, limits)


class DaskExecutor:
    """Jobs on Dask's workers, through a spool that they see.

    Note [Dask only carries]: a task runs ``claimant.py`` in a process of its own, which outlives its worker, and every
    result goes through the spool. So a lost worker, scheduler or client loses nothing: Dask runs the task again
    elsewhere, and it finds the claim taken. A task's key is the attempt's label and a token; once the scheduler knows
    it no more and nobody claimed the attempt, the attempt is given to it again.
    """

    def __init__(
        self,
        folder: Path | str,
        evaluator: Evaluator,
        settings: DaskOptions,
        jobs: int = _JOBS,
        limits: Limits = Limits(),  # noqa: B008  # frozen
    ) -> None:
        """Settings are checked by the adapter that builds it.

        Args:
            folder: The executor's own folder, at the same path for every worker; made with the first job.
            evaluator: What is run.
            settings: Where the scheduler is.
            jobs: With the scheduler at once.
            limits: What each job may take.
        """
        self._spool = Spool(folder, evaluator, limits, settings.silence)
        self._jobs = self._spool.jobs
        self._evaluator, self._most, self._settings = evaluator, jobs, settings
        self._scheduler = Scheduler(settings.address)

    def capabilities(self) -> Capabilities:
        return computing(self._evaluator, DELIVERY, self._most)

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return problems(spec, self._evaluator, self.capabilities())

    def foresee(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return foreseen(spec, self._evaluator)

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        handle = self._jobs.prepare(spec, key)
        reached("dask.prepared")
        return handle

    def start(self, handle: Handle, key: AttemptKey) -> None:
        """Give the attempt to the scheduler unless it has it, or had it; returns once that is on record.

        Raises:
            UnknownHandle: Nothing was prepared under the handle, or it belongs to another key.
            AdapterUnavailable: The scheduler gave no answer; the attempt may be started again without danger.
            NotSetUp: The attempt came back untouched, and no worker finds what it needs to take it up.
        """
        self._spool.checked(handle, key)
        with self._spool.alone(handle) as folder:
            if self._spool.is_claimed(handle) or self._spool.settle_if_cancelled(handle):
                return
            started = read_json(folder / "started.json")
            times = 0 if started is None else int(started["times"])
            if started is not None and self._state(started) is not None:
                return
            lost = (
                f"none of {times} workers that got it took it up: see the workers' logs, and whether they see {folder}"
            )
            if times and (unfound := [said for said, is_everywhere in self._unfound() if is_everywhere]):
                raise NotSetUp(unfound[0])
            if times >= _TIMES and self._spool.settle(handle, FaultKind.COMPUTE_LOST, lost):
                return
            token = uuid.uuid4().hex
            task, command = f"{self._spool.label(handle)} {token}", self._spool.command(handle, token)
            reached("dask.sending")
            self._scheduler.ask(lambda client: self._submit(client, task, command))
            self._await_arrival(handle, task)
            reached("dask.sent")
            self._spool.note(folder / "started.json", {"at": time.time(), "times": times + 1, "task": task})
        reached("dask.started")

    def find(self, key: AttemptKey) -> Found | Absent:
        found = self._jobs.find(key)
        if isinstance(found, Absent) or found.started:
            return found
        return Found(found.handle, self._spool.is_claimed(found.handle))

    def status(self, handle: Handle) -> Status:
        if not self._jobs.knows(handle):
            return Status(Phase.LOST, f"no job {handle!r} in {self._jobs.root}")
        if self._spool.has_ended(handle) or self._spool.complete(handle):
            return Status(Phase.ENDED)
        if not self._spool.is_claimed(handle) and self._spool.settle_if_cancelled(handle):
            return Status(Phase.ENDED)
        if self._spool.is_claimed(handle):
            return self._of_claimed(handle)
        started = self._jobs.started(handle)
        if started is None:
            return Status(Phase.PREPARED)
        try:
            state = self._state(started)
        except AdapterUnavailable as error:  # what the spool tells is still true
            return last_known(Phase.WAITING, error)
        if state is None and not self._spool.is_claimed(handle):
            return Status(Phase.PREPARED, "Dask is done with it, and nobody took it up; it is given to it again")
        return Status(Phase.WAITING, f"with Dask: {state}", self._wanted(state))

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        if self.status(handle).phase is not Phase.ENDED:
            return ()
        return self._spool.envelopes(handle)

    def late(self, handles: Sequence[Handle]) -> Sequence[Envelope]:
        return late_results(self._jobs, handles)

    def cancel(self, handle: Handle, reason: str) -> None:
        """Call the job off: its process ends within a tenth of a second. One that has ended stays as it is."""
        if self.status(handle).phase in (Phase.LOST, Phase.ENDED):
            return
        self._jobs.cancel(handle, {"reason": reason})
        self._spool.settle_if_cancelled(handle)  # where nobody claimed it, nobody will: its task finds the claim taken

    def health(self) -> Health:
        # Programs are looked for where they run.
        if (lack := missing(dataclasses.replace(self._evaluator, programs={}))) is not None:
            return Health(False, lack)
        if find_spec("distributed") is None:
            return Health(False, f"run_on dask needs the package distributed; {REMEDY}")
        try:
            workers = len(self._scheduler.threads())
        except AdapterUnavailable as error:
            return Health(False, str(error))
        where = f"{self._evaluator.name} runs with Dask at {self._settings.address}"
        return Health(
            workers > 0, f"{where}, {plural(workers, 'worker')}" if workers else f"{where}, which has no worker yet"
        )

    def examine(self) -> Sequence[Finding]:
        """Packages (programs are looked for by workers), and the scheduler with its workers."""
        found = [*resting_on(self._evaluator, programs=False)]
        if find_spec("distributed") is None:
            return [*found, Finding("package distributed", "problem", "not installed", REMEDY)]
        try:
            threads = self._scheduler.threads()
            versions, unfound = self._scheduler.versions_elsewhere(), self._unfound()
        except AdapterUnavailable as error:
            said, _, remedy = str(error).rpartition("; ")
            return [*found, Finding("scheduler", "problem", said, remedy)]
        told = f"{self._settings.address}: {plural(len(threads), 'worker')}, {plural(sum(threads.values()), 'thread')}"
        remedy = "" if threads else "start workers (dask worker ADDRESS)"
        found.append(Finding("scheduler", "ok" if threads else "problem", told, remedy))
        for lack, _ in unfound:
            said, _, remedy = lack.partition("; ")
            found.append(Finding("what workers find", "problem", said, remedy))
        if versions:
            said = f"distributed {version_here()} here, and {versions}"
            found.append(Finding("versions of Dask", "note", said, _ONE_VERSION))
        return found

    def _submit(self, client: Any, task: str, command: list[str]) -> None:
        fire_and_forget = import_module("distributed").fire_and_forget

        # By a function of the standard library: workers need nothing of ours to take the task.
        future = client.submit(
            subprocess.run,
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            key=task,
            pure=False,
            resources=self._settings.resources or None,
        )
        fire_and_forget(future)

    def _await_arrival(self, handle: Handle, task: str) -> None:
        """Return once the scheduler has the task, or somebody took it up: until then it would look forgotten.

        Tasks go out on another connection than questions do, so that a question may arrive first.
        """
        give_up = time.monotonic() + _ARRIVAL
        while self._state({"task": task}) is None and not self._spool.is_claimed(handle):
            if time.monotonic() > give_up:  # it may come yet; if not, it is given to Dask again
                return
            time.sleep(0.02)

    def _state(self, started: Mapping[str, Any]) -> str | None:
        """What the scheduler makes of the task given to it last; None where it knows none, or is done with it."""
        task = started["task"]
        states = self._scheduler.ask(lambda client: client.sync(client.scheduler.get_task_status, keys=[task]))
        return None if states[task] in (None, "forgotten", "released", "memory", "erred") else str(states[task])

    def _wanted(self, state: str | None) -> str:
        """What a task in that state waits for beside its turn, and the way out; "" where waiting is all there is."""
        if state not in ("no-worker", "queued"):
            return ""
        try:
            workers = self._scheduler.workers()
        except AdapterUnavailable:
            return ""
        if workers == 0:
            return f"waits with Dask, which has no worker; start one (dask worker {self._settings.address})"
        if state == "queued" or not self._settings.resources:
            return ""
        asked = " ".join(f"{name}={amount:g}" for name, amount in self._settings.resources.items())
        return (
            f"waits with Dask for a worker that offers {asked}; start one (dask worker {self._settings.address} "
            f"--resources '{asked}'), or correct resources of run_on.dask"
        )

    def _unfound(self) -> Sequence[tuple[str, bool]]:
        """What workers do not find of what they need, with the remedy, and whether none of them finds it."""
        lacks = []
        with self._spool.needs() as needs:
            told = [(need, self._scheduler.finds(need.path, need.use)) for need in needs]
        for need, answers in told:
            missing, among = answers.count(False), f"{plural(len(answers), 'worker')} at {self._settings.address}"
            if missing:
                is_everywhere = missing == len(answers)
                do = "does" if missing == 1 else "do"
                who = f"none of the {among} finds" if is_everywhere else f"{missing} of the {among} {do} not find"
                lacks.append((f"{who} {need.name}, {need.what}; {need.remedy}", is_everywhere))
        return lacks

    def _of_claimed(self, handle: Handle) -> Status:
        if self._spool.is_silent(handle):
            called_off = self._jobs.cancelled(handle)
            kind = FaultKind.COMPUTE_LOST if called_off is None else FaultKind.CANCELLED
            said = "the job began and gave no sign of life" if called_off is None else called_off["reason"]
            self._spool.settle(handle, kind, said)
        if self._spool.has_ended(handle):
            return Status(Phase.ENDED)
        return Status(Phase.RUNNING, "", wants_room(self._jobs))
