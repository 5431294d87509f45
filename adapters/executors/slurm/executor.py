"""Runs an evaluator as Slurm jobs: submitted on hold, the id put on record, then released."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from adapters.common.folder import read_json
from adapters.common.looks import last_known
from adapters.compute.evaluation import Evaluator
from adapters.errors import AdapterUnavailable
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
from adapters.executors.slurm.arrays import MOST
from adapters.executors.slurm.commands import Slurm
from adapters.executors.slurm.false_starts import NAME, FalseStarts
from adapters.executors.slurm.options import DELIVERY, JOBS, SlurmOptions
from adapters.executors.slurm.queue import Queue, has_begun, name_of
from adapters.executors.slurm.told import Row
from adapters.executors.spool import Spool
from loop.checkpoints import reached
from loop.contracts import (
    Absent,
    AttemptKey,
    Capabilities,
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
from loop.wording import plural

_TIMES: Final = 3  # submissions of one attempt of which the cluster forgets each
_MOST_GIVEN_WAY: Final = 10  # times that an attempt is preempted and submitted again; each may have cost hours
_OFTEN: Final = 3  # of these a person is told
_GIVES_WAY_TO_NONE: Final = (
    "name a partition or qos that gives way to none (run_on.slurm), or let a calculation take less time"
)
_KINDS: Final = {
    "TIMEOUT": FaultKind.TIMEOUT,
    "DEADLINE": FaultKind.TIMEOUT,
    "OUT_OF_MEMORY": FaultKind.RESOURCE_ERROR,
}


class SlurmExecutor:
    """Jobs of one Slurm cluster, through a spool that its nodes see."""

    def __init__(
        self,
        folder: Path | str,
        evaluator: Evaluator,
        jobs: int = JOBS,
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
        self._evaluator, self._most, self._submits_together = evaluator, jobs, settings.arrays
        self._partition = settings.partition
        self._slurm = slurm or Slurm()
        self._queue = Queue(self._spool, self._slurm, limits, settings)
        self._false_starts = FalseStarts(self._spool, settings.setup)
        self._is_set_up = False  # as far as this object knows

    def capabilities(self) -> Capabilities:
        return computing(self._evaluator, DELIVERY, self._most)

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return problems(spec, self._evaluator, self.capabilities())

    def foresee(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return foreseen(spec, self._evaluator)

    def announce(self, experiments: Sequence[tuple[ExperimentSpec, AttemptKey]]) -> None:
        """Submit what will be prepared next as job arrays, on hold; where that fails ``prepare`` does it one by one."""
        if not self._submits_together:
            return
        self._check_set_up()
        for start in range(0, len(experiments), MOST):
            together = [self._jobs.prepare(spec, key) for spec, key in experiments[start : start + MOST]]
            self._queue.submit_together(together)

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
            if not has_begun(folder) and not (folder / "cancelled.json").exists():
                self._queue.held(handle, folder)
        return handle

    def _check_set_up(self) -> None:
        """Raises ``NotSetUp`` where there is no Slurm here, before anything of an attempt is made."""
        if not self._is_set_up:
            self._slurm.check_set_up()
            self._is_set_up = True

    def start(self, handle: Handle, key: AttemptKey) -> None:
        """Release the attempt's job, which is submitted first where it is not in the queue.

        After false starts in a row it stays on hold until one may be tried again.

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
            if self._false_starts.holds_back():
                return
            row = self._queue.held(handle, folder)
            if row.is_held:
                self._false_starts.try_one()
                self._spool.note(folder / "releasing.json", {"id": row.id})
                reached("slurm.releasing")
                self._slurm.release(row.id, self._spool.label(handle))
                reached("slurm.released")
            self._spool.note(folder / "released.json", {"id": row.id, "at": time.time()})
        reached("slurm.started")

    def find(self, key: AttemptKey) -> Found | Absent | Unknown:
        found = self._jobs.find(key)
        if isinstance(found, Absent):
            return found
        folder = self._jobs.folder(found.handle)
        if has_begun(folder):
            return Found(found.handle, True)
        releasing = read_json(folder / "releasing.json")
        if releasing is None:
            return Found(found.handle, False)
        try:  # the reply to a release may have been lost
            rows = self._queue.rows(found.handle)
        except AdapterUnavailable as error:
            return Unknown(f"job {releasing['id']} may or may not have been released: {error}")
        return Found(found.handle, any(row.id == releasing["id"] and not row.is_held for row in rows))

    def status(self, handle: Handle) -> Status:
        if not self._jobs.knows(handle):
            return Status(Phase.LOST, f"no job {handle!r} in {self._jobs.root}")
        if self._spool.has_ended(handle) or self._spool.complete(handle):
            self._false_starts.end_with(handle)
            return Status(Phase.ENDED)
        if self._jobs.cancelled(handle) is not None and not self._spool.is_claimed(handle):
            self._queue.call_off(handle)
            self._spool.settle_if_cancelled(handle)
        folder = self._jobs.folder(handle)
        released = read_json(folder / "released.json")
        if not has_begun(folder) or (released is None and not self._spool.is_claimed(handle)):
            wants = self._false_starts.holds_back()
            return Status(Phase.WAITING if wants else Phase.PREPARED, wants=wants)
        try:
            row = self._queue.seen(handle)
        except AdapterUnavailable as error:  # what the spool tells is still true
            phase = Phase.RUNNING if self._spool.is_claimed(handle) else Phase.WAITING
            return self._unless_ended(handle, last_known(phase, error))
        if self._spool.is_claimed(handle):
            self._false_starts.end_with(handle)
            return self._unless_ended(handle, self._of_claimed(handle, row))
        return self._unless_ended(handle, self._of_released(handle, row, released or {}))

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        if self.status(handle).phase is not Phase.ENDED:
            return ()
        return self._spool.envelopes(handle)

    def late(self, handles: Sequence[Handle]) -> Sequence[Envelope]:
        return late_results(self._jobs, handles)

    def cancel(self, handle: Handle, reason: str) -> None:
        """Call the job off. One that has ended stays as it is."""
        if self.status(handle).phase in (Phase.LOST, Phase.ENDED):
            return
        self._jobs.cancel(handle, {"reason": reason})
        self._queue.call_off(handle)
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
        return Health(
            True, f"{self._evaluator.name} runs in Slurm, {plural(self._most, 'job')} at once; {said.splitlines()[0]}"
        )

    def examine(self) -> Sequence[Finding]:
        """Packages (programs are looked for on the nodes), and Slurm: version, controller, partition, accounting."""
        packages = resting_on(self._evaluator, programs=False)
        try:
            self._slurm.check_set_up()
        except NotSetUp as error:  # once, and not for each thing that Slurm would be asked
            found, _, remedy = str(error).partition("; ")
            return [*packages, Finding("Slurm", "problem", found, remedy)]
        return [
            *packages,
            _asked("Slurm", self._slurm.version, "run hakken where jobs are submitted"),
            _asked("controller", self._slurm.ping, "wait until it is up; nothing that was submitted is lost"),
            self._examine_partition(),
            _asked("accounting", self._slurm.accounting, "", verdict="note"),
            *self._examine_starts(),
        ]

    def _examine_starts(self) -> list[Finding]:
        """That jobs wait since none began, where that is so."""
        found, _, remedy = self._false_starts.holds_back().partition(". See to ")
        return [Finding("jobs", "problem", found, f"see to {remedy}")] if found else []

    def _examine_partition(self) -> Finding:
        """Whether some of the nodes for which jobs are submitted takes any."""
        try:
            partitions = self._slurm.partitions(self._partition)
        except AdapterUnavailable as error:
            return Finding("partition", "problem", str(error), "name one that sinfo lists")
        text = "; ".join(each.text for each in partitions)
        if any(each.takes_jobs for each in partitions):
            return Finding("partition", "ok", text)
        return Finding("partition", "note", text, "sinfo -R says why; what is submitted waits until one does")

    def _is_under_way(self, handle: Handle, folder: Path) -> bool:
        """Whether Slurm still has a job that was released, and as released: a killed controller forgets a little.

        An attempt whose jobs are forgotten again and again is ended.
        """
        if rows := self._queue.rows(handle):
            return not any(row.is_held for row in rows)
        if self._slurm.accounted(name_of(handle), folder):
            return True
        times = int((read_json(folder / "submitted.json") or {}).get("times", 1))
        lost = f"Slurm forgot its job {times} times: see whether the comments of jobs are kept (squeue --format=%k)"
        return times >= _TIMES and self._spool.settle(handle, FaultKind.COMPUTE_LOST, lost)

    def _of_claimed(self, handle: Handle, row: Row | None) -> Status:
        if row is not None and row.is_alive:
            again = f", begun anew by Slurm: {row.reason}" if row.state == "PENDING" else ""
            wants = self._wants(handle, row) or wants_room(self._jobs)
            return Status(Phase.RUNNING, f"job {row.id}{again}", wants)
        called_off = self._jobs.cancelled(handle)
        if called_off is None and (self._jobs.folder(handle) / "preempted.json").exists():
            return self._gave_way(handle)
        if self._spool.is_silent(handle):
            if called_off is not None:
                self._spool.settle(handle, FaultKind.CANCELLED, called_off["reason"])
                return Status(Phase.RUNNING, "was called off")
            if row is None:
                try:
                    row = self._queue.accounted(handle, self._queue.submitted(handle))
                except AdapterUnavailable as error:  # an end for lack of memory must not be tried again as a lost one
                    return Status(Phase.RUNNING, f"left the queue without a result; how it ended is not told: {error}")
            if row is not None and row.state == "PREEMPTED":  # killed before it could leave word
                return self._gave_way(handle)
            how = "and Slurm knows it no more" if row is None else f"and {row.end}"
            kind = FaultKind.COMPUTE_LOST if row is None else _KINDS.get(row.state, FaultKind.COMPUTE_LOST)
            on = self._spool.claimed_on(handle)
            self._spool.settle(handle, kind, f"the job began{f' on {on}' if on else ''} {how}, without a result")
        return Status(Phase.RUNNING, "left the queue; its result is awaited")

    def _of_released(self, handle: Handle, row: Row | None, released: Mapping[str, Any]) -> Status:
        if row is not None and row.is_held and self._queue.looked > released["at"]:
            return Status(Phase.PREPARED, f"Slurm forgot that job {row.id} was released; it is released again")
        if row is not None and row.is_alive:
            return Status(Phase.WAITING, f"job {row.id}: {row.reason or row.state}", self._wants(handle, row))
        if row is None and self._queue.looked <= released["at"]:
            return Status(Phase.WAITING, f"job {released['id']} was released just now")
        if row is None:
            try:
                row = self._queue.accounted(handle, released["id"])
            except AdapterUnavailable as error:
                return Status(Phase.WAITING, f"job {released['id']} left the queue: {error}")
            if row is None:
                return Status(Phase.PREPARED, f"Slurm has forgotten job {released['id']}; it is submitted again")
        if row.state == "PREEMPTED":
            return self._gave_way(handle)
        # Time that a job which never claimed its attempt took was not the calculation's: a controller that was killed
        # counts a job as running that no node was given, or a line of setup hung.
        kind = FaultKind.RESOURCE_ERROR if row.state == "OUT_OF_MEMORY" else FaultKind.COMPUTE_LOST
        how = f"job {row.id} {row.end} before it began"
        if row.state == "CANCELLED":  # Slurm says no more of a prolog that failed, and drains its node
            how = f"job {row.id} was cancelled in Slurm itself (scancel, or a prolog failed: sinfo -R) before it began"
        if row.state == "COMPLETED":
            how = (
                f"job {row.id} completed, and its folder has nothing of it; a line of setup ended it, or an older "
                "copy of the folder was put back"
            )
        how = f"{how}{self._queue.last_words(handle)}"
        if row.state == "FAILED" and not self._false_starts.are_too_many(handle):
            return self._false_start(handle, how)
        self._spool.settle(handle, kind, how)
        return Status(Phase.RUNNING)

    def _wants(self, handle: Handle, row: Row) -> str:
        """What a person has to see to; "" where waiting is all there is."""
        if wants := self._queue.wants(handle, row):
            return wants
        if (times := self._spool.times_it_gave_way(handle)) < _OFTEN:
            return ""
        return (
            f"is in Slurm as job {row.id}, and gave way to jobs of a higher rank {times} times (after "
            f"{_MOST_GIVEN_WAY + 1} it counts as lost); {_GIVES_WAY_TO_NONE}"
        )

    def _gave_way(self, handle: Handle) -> Status:
        """A job that was preempted is over: it is submitted again as the same try, within limits."""
        times = self._spool.times_it_gave_way(handle)
        if times >= _MOST_GIVEN_WAY:
            text = (
                f"its job gave way to jobs of a higher rank {times + 1} times, without a result; {_GIVES_WAY_TO_NONE}"
            )
            self._spool.settle(handle, FaultKind.COMPUTE_LOST, text)
            return Status(Phase.RUNNING, "gave way once more; its end is written")
        with self._spool.alone(handle) as folder:
            if not self._spool.has_ended(handle) and (id_ := self._queue.submitted(handle)) is not None:
                self._spool.lay_back(folder, id_)
                self._queue.is_over(handle)
        return Status(Phase.PREPARED, "gave way to a job of a higher rank; it is submitted again")

    def _false_start(self, handle: Handle, how: str) -> Status:
        """A job whose script ended before anything began is over: the same try is submitted again in its turn."""
        with self._spool.alone(handle) as folder:
            if not self._spool.has_ended(handle) and (id_ := self._queue.submitted(handle)) is not None:
                self._false_starts.add(handle, how)
                self._spool.lay_back(folder, id_, NAME)
                self._queue.is_over(handle)
        wants = self._false_starts.holds_back()
        return Status(Phase.WAITING if wants else Phase.PREPARED, how, wants)

    def _unless_ended(self, handle: Handle, status: Status) -> Status:
        return Status(Phase.ENDED) if self._spool.has_ended(handle) else status


def _asked(
    subject: str, question: Callable[[], str], remedy: str, *, verdict: Literal["note", "problem"] = "problem"
) -> Finding:
    """What Slurm says of one thing."""
    try:
        return Finding(subject, "ok", question())
    except AdapterUnavailable as error:
        return Finding(subject, verdict, str(error), remedy)
