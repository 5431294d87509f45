"""The spool: keyed folders on disk through which a queue gets its jobs and gives back their results.

Note [One claim]: whoever makes ``claimed.json`` (by hard link: of many exactly one does) may compute the attempt; the
job itself does it before anything else. So an attempt that was submitted twice, because a reply was lost or a queue
forgot it, is computed once. To end an attempt that nobody computes, the claim is taken first, lest a job take it up
meanwhile. A claimed job gives signs of life (``beat``); once its queue has no more of it and it is silent for long
enough, it is lost. ``result.json`` is made once: should a job that counts as lost come back, the first word stands.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from adapters.common.durable import replace, write_once
from adapters.common.folder import PATIENCE, Jobs, held, reachable, read_json
from adapters.compute.evaluation import Evaluator
from adapters.executors.carrying import clear
from adapters.executors.job import HERE, Limits, result_of, task, write_fault
from loop.contracts import AttemptKey, Envelope, Handle
from loop.outcome import FaultKind


class Need(NamedTuple):
    """A file or folder that a node has to find."""

    path: str
    name: str  # what it is called where it is lacking
    use: int  # as ``os.access`` has it
    what: str
    remedy: str


class Spool:
    """The attempts of one executor in one folder, which every node must see. Any number of objects may share it."""

    def __init__(self, folder: Path | str, evaluator: Evaluator, limits: Limits, silence: float) -> None:
        """``silence``: seconds without a sign of life after which a job that left its queue is lost."""
        self.jobs = Jobs(folder)
        self._evaluator, self._limits, self._silence = evaluator, limits, silence
        self._identity: str | None = None

    def label(self, handle: Handle) -> str:
        """What a queue is told to know the attempt by: this spool and the handle; nobody else's job bears it."""
        return f"hakken {self.identity()} {handle}"

    def identity(self) -> str:
        """A word that tells this spool from every other, made with the first job."""
        if self._identity is None:
            path = self.jobs.root / "spool.json"
            with reachable(path):
                self.jobs.root.mkdir(parents=True, exist_ok=True)
                if not path.exists():
                    write_once(path, json.dumps({"id": uuid.uuid4().hex[:16]}))
            self._identity = str((read_json(path) or {})["id"])
        return self._identity

    def checked(self, handle: Handle, key: AttemptKey) -> Path:
        """The folder of an attempt; raises ``UnknownHandle`` unless it was prepared under this key."""
        return self.jobs.checked(handle, key)

    def alone(self, handle: Handle, patience: float = PATIENCE) -> AbstractContextManager[Path]:
        """The attempt's folder, held against every other process that would send the attempt."""
        return held(self.jobs.folder(handle), patience)

    def command(self, handle: Handle, token: str, *, requeue: bool = False) -> list[str]:
        """What a node has to run; the task is written beside it."""
        folder = self.jobs.folder(handle).resolve()
        told = {
            **task(self.jobs.spec(handle), self._evaluator, self._limits),
            "requeue": requeue,
            "silence": self._silence,
        }
        self.note(folder / "task.json", told)
        return [sys.executable, "-I", "-S", str(HERE / "claimant.py"), str(folder), token]

    @contextmanager
    def needs(self) -> Iterator[Sequence[Need]]:
        """What a node has to find to take a job up; its folder only where that is made, as it is with the first job."""
        installed = "install hakken at the same path where they are, or start workers where it is"
        python, ours = sys.executable, str(HERE / "claimant.py")
        programs = (
            Need(python, python, os.X_OK, "the Python that runs hakken here", installed),
            Need(ours, ours, os.R_OK, "a part of hakken", installed),
        )
        folder = self.jobs.root.resolve()
        if not folder.is_dir():
            yield programs
            return
        mark = folder / f".mark-{uuid.uuid4().hex}"  # a node may have a folder of its own at that path
        shared = "let HAKKEN_HOME be a folder that they see at the same path and may write to, or start workers that do"
        with reachable(folder):
            mark.touch()
        try:
            use = os.R_OK | os.W_OK
            yield (*programs, Need(str(mark), str(folder), use, "through which jobs and results go", shared))
        finally:
            mark.unlink(missing_ok=True)

    def note(self, path: Path, record: Mapping[str, Any]) -> None:
        """Put a record in place of whatever the file held."""
        with reachable(path):
            replace(path, json.dumps(record, sort_keys=True))

    def has_ended(self, handle: Handle) -> bool:
        return self._has(handle, "result.json")

    def is_claimed(self, handle: Handle) -> bool:
        return self._has(handle, "claimed.json")

    def is_silent(self, handle: Handle) -> bool:
        """Whether a claimed job has given no sign of life for too long, by the clock of the file system."""
        folder, clock = self.jobs.folder(handle), self.jobs.root / "clock"
        with reachable(folder):
            clock.touch()
            signs = [*folder.glob("claimed*.json"), *folder.glob("beat")]
            return clock.stat().st_mtime - max(path.stat().st_mtime for path in signs) > self._silence

    def settle(self, handle: Handle, kind: FaultKind, message: str) -> bool:
        """End an attempt that nobody computes; False where somebody does. See Note [One claim]."""
        folder = self.jobs.folder(handle)
        claim = {"by": "caller", "kind": kind.value, "message": message, "pid": os.getpid(), "at": time.time()}
        with reachable(folder):
            write_once(folder / "claimed.json", json.dumps(claim))
        if not self.complete(handle) and self.is_silent(handle):
            write_fault(folder, kind, message)
            clear(folder)  # where it ran on this machine
        return self.has_ended(handle)

    def claimed_on(self, handle: Handle) -> str:
        """The machine that took the attempt up last; "" where that is not known."""
        claims = [read_json(path) or {} for path in self.jobs.folder(handle).glob("claimed*.json")]
        return str(max(claims, key=lambda claim: float(claim.get("at", 0.0)), default={}).get("host", ""))

    def times_it_gave_way(self, handle: Handle) -> int:
        """How often the attempt was laid back after it was preempted."""
        return int((read_json(self.jobs.folder(handle) / "gave_way.json") or {}).get("times", 0))

    def lay_back(self, folder: Path, id_: str, why: str = "gave_way") -> None:
        """Let an attempt be submitted anew whose job ``id_`` is over and gave no result, as one that was preempted.

        It counts in a file called after ``why``. Its claim goes last: killed before, this is done again and counts
        once. Whoever calls it holds the folder.
        """
        known = read_json(folder / f"{why}.json") or {"times": 0, "id": None, "since": time.time()}
        with reachable(folder):
            if known["id"] != id_:
                self.note(folder / f"{why}.json", {**known, "times": known["times"] + 1, "id": id_})
            self.note(folder / "submitted.json", {"id": id_, "times": 0})
            claims = sorted(path.name for path in folder.glob("claimed-*.json"))
            for name in ("releasing.json", "beat", "running.json", *claims, "released.json", "claimed.json"):
                (folder / name).unlink(missing_ok=True)
            (folder / "preempted.json").unlink(missing_ok=True)

    def complete(self, handle: Handle) -> bool:
        """Write the end for which a caller took the claim, which it may have been killed before it wrote."""
        folder = self.jobs.folder(handle)
        claim = read_json(folder / "claimed.json")
        if claim is None or claim.get("by") != "caller":
            return False
        write_fault(folder, FaultKind(claim["kind"]), claim["message"])
        return True

    def settle_if_cancelled(self, handle: Handle) -> bool:
        """End an attempt that was called off before anybody took it up; False where there is nothing to end."""
        called_off = self.jobs.cancelled(handle)
        return called_off is not None and self.settle(handle, FaultKind.CANCELLED, called_off["reason"])

    def envelopes(self, handle: Handle) -> Sequence[Envelope]:
        """What an attempt that has ended gave."""
        return result_of(self.jobs, handle)

    def _has(self, handle: Handle, name: str) -> bool:
        path = self.jobs.folder(handle) / name
        with reachable(path):
            return path.exists()
