"""The queue of a Slurm cluster: an attempt's job is submitted on hold, found again by its label, or taken out."""

from __future__ import annotations

import math
import shlex
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from adapters.common.durable import replace
from adapters.common.folder import reachable, read_json
from adapters.common.looks import Look
from adapters.errors import AdapterUnavailable
from adapters.executors.job import Limits
from adapters.executors.slurm.arrays import Arrays, Task
from adapters.executors.slurm.commands import Slurm
from adapters.executors.slurm.options import SlurmOptions
from adapters.executors.slurm.told import Row
from adapters.executors.spool import Spool
from loop.checkpoints import reached
from loop.contracts import Handle

_ROOM: Final = 256  # MiB beside the calculation: Python and the process that watches it
_LONG: Final = 600.0  # seconds; who waits longer at a limit while nothing runs that could let it go may wait for ever
_MARGIN: Final = 60.0  # seconds beside the calculation: what the node needs to begin and end


class Queue:
    """The jobs of one spool in Slurm's queue.

    Note [No job twice]: before ``sbatch`` the intent is put on record (``sending.json``), after it the id
    (``submitted.json``), then the job is released (``released.json``). Only a job whose id is on record is ever
    released, so one whose reply was lost stays on hold; it is found by its comment (the attempt's label) and taken
    for the submission, or cancelled where another took its place. An id is ours only while the job of that id bears
    our label: ids begin anew when a cluster is set up afresh. And whatever runs, the claim lets one compute.
    """

    def __init__(self, spool: Spool, slurm: Slurm, limits: Limits, settings: SlurmOptions) -> None:
        self._spool, self._slurm, self._limits, self._settings = spool, slurm, limits, settings
        self._arrays = Arrays(spool, slurm)
        self._look = Look(self.by_label, settings.poll)
        self._nodes = Look(lambda: slurm.without_nodes(settings.partition), settings.poll)
        self._takers = Look(lambda: slurm.takers(settings.partition), settings.poll)
        self._is_still = False  # nothing of this person's ran when the queue was looked at, or minutes before
        self._fresh: dict[Handle, str] = {}  # submitted by this object, and not looked at since

    @property
    def looked(self) -> float:
        """When the queue was last looked at, in seconds since the epoch."""
        return self._look.began

    def submit_together(self, handles: Sequence[Handle]) -> None:
        """Submit those of these attempts that were not sent as one job array, on hold: ``MOST`` of them at most."""
        with ExitStack() as held:
            tasks = [task for handle in handles if (task := self._as_task(handle, held)) is not None]
            if len(tasks) > 1:
                self._fresh |= self._arrays.submit(tasks, self._options)

    def held(self, handle: Handle, folder: Path) -> Row:
        """The attempt's job in the queue, submitted where there is none; see Note [No job twice]."""
        label = self._spool.label(handle)
        if (id_ := self._fresh.pop(handle, None)) is not None:
            return Row(id_, "PENDING", name_of(handle), "JobHeldUser", label)
        submitted = read_json(folder / "submitted.json") or {}
        known, times = submitted.get("id"), int(submitted.get("times", 0))
        if (folder / "sending.json").exists():
            rows = [row for row in self.rows(handle) if row.is_alive]
            if rows:
                row = next((row for row in rows if row.id == known), rows[0])
                self._spool.note(folder / "submitted.json", {"id": row.id, "times": max(times, 1)})
                return row
            waits = [row for row in self._slurm.accounted(name_of(handle), folder) if row.is_alive]
            if waits:
                raise AdapterUnavailable(
                    f"the accounting has job {waits[0].id} for this attempt as {waits[0].state}, the queue has not; "
                    f"it is not submitted again before both agree"
                )
        token = uuid.uuid4().hex
        script = self._script(handle, folder, token)
        self._spool.note(folder / "sending.json", {"token": token, "at": time.time()})
        reached("slurm.sending")
        id_ = self._slurm.submit(self._options(name_of(handle), label, folder), script)
        reached("slurm.sent")
        self._spool.note(folder / "submitted.json", {"id": id_, "times": times + 1})
        reached("slurm.submitted")
        self._fresh[handle] = id_
        return Row(id_, "PENDING", name_of(handle), "JobHeldUser", label)

    def rows(self, handle: Handle) -> list[Row]:
        """The attempt's own jobs, asked for now."""
        label = self._spool.label(handle)
        return [row for row in self._slurm.jobs(name_of(handle)) if row.comment == label]

    def by_label(self) -> dict[str, list[Row]]:
        """Every job of this spool, by label; what only holds because its reply came late is cancelled."""
        ours = self._spool.label(Handle(""))
        found: dict[str, list[Row]] = {}
        rows = self._slurm.jobs()
        self._is_still = all(row.state == "PENDING" for row in rows)  # what ended is told for some minutes
        self._arrays.drop_keyless(rows)
        for row in rows:
            if row.comment.startswith(ours):
                found.setdefault(row.comment, []).append(row)
                if row.is_held:
                    self._cancel_double(row, Handle(row.comment.removeprefix(ours)))
        return found

    def _cancel_double(self, row: Row, handle: Handle) -> None:
        """Cancel a held job that nobody will release: another took its place, or its attempt is over."""
        if not self._spool.jobs.knows(handle):
            return
        with suppress(AdapterUnavailable), self._spool.alone(handle, patience=0.0) as folder:
            submitted = read_json(folder / "submitted.json")
            if self._spool.is_claimed(handle) or (submitted is not None and submitted["id"] != row.id):
                self._slurm.cancel([row.id])

    def seen(self, handle: Handle) -> Row | None:
        """The attempt's job as this pass saw it."""
        rows = self._look.at(handle).get(self._spool.label(handle), [])
        return next((row for row in rows if row.id == self.submitted(handle)), None)

    def wants(self, handle: Handle, row: Row) -> str:
        """What a person has to see to before the attempt's job goes on; "" where waiting is all there is."""
        try:
            if row.may_lack_nodes:
                said = self._nodes.at(handle)
                return said and f"waits in Slurm: {said}; see to it (sinfo -R), or ask there, and it begins by itself"
            # Of several partitions Slurm may tell what keeps the job out of the first.
            if row.fits_elsewhere and any(row.limit <= each.longest for each in self._takers.at(handle)):
                return ""
        except AdapterUnavailable:  # what squeue says is told all the same
            pass
        if row.waits_for_others and self._is_still and time.time() - self._released(handle) > _LONG:
            return row.wants_less
        return row.wants

    def _released(self, handle: Handle) -> float:
        """When the attempt's job was released, in seconds since the epoch; later than now where it was not."""
        return float((read_json(self._spool.jobs.folder(handle) / "released.json") or {}).get("at", math.inf))

    def is_over(self, handle: Handle) -> None:
        """The job that this object submitted for the attempt has ended: another one is to be submitted."""
        self._fresh.pop(handle, None)

    def submitted(self, handle: Handle) -> str | None:
        """The id under which the attempt was submitted last."""
        return (read_json(self._spool.jobs.folder(handle) / "submitted.json") or {}).get("id")

    def accounted(self, handle: Handle, id_: str | None) -> Row | None:
        """The attempt's job of that id in the accounting; None where it has none."""
        rows = self._slurm.accounted(name_of(handle), self._spool.jobs.folder(handle))
        return next((row for row in rows if row.id == id_), None)

    def call_off(self, handle: Handle) -> None:
        """Take the attempt's jobs out of the queue; where Slurm gives no answer they find their claim taken."""
        with suppress(AdapterUnavailable):
            if ids := [row.id for row in self.rows(handle) if row.is_alive]:
                self._slurm.cancel(ids)

    def last_words(self, handle: Handle) -> str:
        """The end of what the attempt's last job wrote, such as why its script could not be run."""
        folder = self._spool.jobs.folder(handle)
        with reachable(folder):
            files = sorted(folder.glob("slurm-*.txt"), key=lambda file: file.stat().st_mtime_ns)
            lines = files[-1].read_text(encoding="utf-8", errors="replace").strip().splitlines() if files else []
        return f": {lines[-1][-300:]}" if lines else ""

    def _as_task(self, handle: Handle, held: ExitStack) -> Task | None:
        """The attempt for an array, in this process's hand until ``held`` ends; None where it was sent before."""
        try:
            folder = held.enter_context(self._spool.alone(handle, patience=0.0))
        except AdapterUnavailable:
            return None
        if has_begun(folder) or any((folder / f"{done}.json").exists() for done in ("cancelled", "sending")):
            return None
        token = uuid.uuid4().hex
        return Task(handle, folder.resolve(), name_of(handle), token, self._script(handle, folder, token).resolve())

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


def has_begun(folder: Path) -> bool:
    """Whether an attempt's job was released, or began, or gave its result."""
    with reachable(folder):
        return any((folder / name).exists() for name in ("released.json", "claimed.json", "result.json"))


def name_of(handle: Handle) -> str:
    """What the job of an attempt is called."""
    return f"hakken-{handle}"
