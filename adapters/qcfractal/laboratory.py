"""A QCFractal server as laboratory: an attempt is an entry of a dataset, by its key, and has one record."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from adapters.common.durable import replace, write_once
from adapters.common.folder import Jobs, handle_of, held, reachable, read_json
from adapters.common.instant import Clock
from adapters.common.later import Later
from adapters.common.looks import last_known
from adapters.compute.evaluation import Evaluator
from adapters.errors import AdapterUnavailable, EvaluationError
from adapters.executors.job import computing, foreseen, late_results, problems, result_of
from adapters.qcfractal.molecule import molecule
from adapters.qcfractal.options import DELIVERY, QcfractalOptions, lacking
from adapters.qcfractal.portal import Portal
from adapters.qcfractal.reading import fault, known_properties, payload_of
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
from loop.outcome import FaultKind
from loop.wording import plural

_SUBMITTER: Final = "give a login with the role submit"
_READERS: Final = frozenset({"read", "monitor", "compute", "anonymous"})  # of QCFractal's roles those that may not
_CENSUS: Final = 5.0  # seconds until managers are counted anew
_ENDED: Final = frozenset({"complete", "error", "cancelled", "invalid"})


class QcfractalLaboratory:
    """Calculations as records of a QCFractal server.

    Note [One record]: an entry's name is the attempt's key, and the server's tables hold one entry of a name in a
    dataset, and one record for an entry. So whatever is said twice, to a server that had heard it or to two of its
    processes at once, is done once. Before anything is sent the entry's record is looked for. A record belongs to one
    attempt, but for a complete one of just this calculation, which is read instead of computed anew (``reuse``): so
    calling an attempt off never takes away what somebody else waits for.
    """

    def __init__(self, folder: Path | str, settings: QcfractalOptions, dataset: str, clock: Clock = time.time) -> None:
        """Settings are checked by ``options.qcfractal_options``.

        Args:
            folder: The adapter's own folder, made with the first attempt.
            settings: The server, and what is calculated there.
            dataset: The dataset's name, made with the first attempt.
            clock: Seconds since the epoch, by which what ended otherwise is asked about ever more rarely.
        """
        self._jobs, self._settings = Jobs(folder), settings
        self._later = Later(self._jobs, clock)
        self._portal = Portal(settings, dataset)
        self.properties = known_properties(settings)
        self._evaluator = Evaluator("qcfractal", "", self.properties, foresees="adapters.compute.geometry:foresee")
        self._seen: Mapping[int, str | None] = {}
        self._looked = self._counted = -float("inf")
        self._managers = 0

    def capabilities(self) -> Capabilities:
        return computing(self._evaluator, DELIVERY, self._settings.workers)

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return problems(spec, self._evaluator, self.capabilities())

    def foresee(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return foreseen(spec, self._evaluator)

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        """Put the attempt on record here; the server hears of it with its start."""
        return self._jobs.prepare(spec, key)

    def start(self, handle: Handle, key: AttemptKey) -> None:
        """Let the attempt have its record, unless it has it; returns once that is on record here.

        Raises:
            UnknownHandle: Nothing was prepared under the handle, or it belongs to another key.
            AdapterUnavailable: The server gave no answer; the attempt may be started again without danger.
        """
        self._jobs.checked(handle, key)
        with held(self._jobs.folder(handle)) as folder:
            if self._has_ended(handle) or self._jobs.started(handle) is not None:
                return
            if read_json(folder / "sending.json") is None and self._end_if_cancelled(handle):
                return
            if (candidate := self._candidate(handle)) is None:
                return
            if (record := self._portal.record(handle)) is None:
                if self._end_if_cancelled(handle):
                    return
                self._portal.enter(handle, candidate["molecule"], self._attributes(handle), self._comment(handle))
                reached("qcfractal.entered")
                is_first = self._jobs.spec(handle).replicate_no == 0  # a replicate that is read is none
                reuse = self._settings.reuse and is_first and self._portal.is_known(handle)
                self._note(folder / "sending.json", {"at": time.time(), "reuse": reuse})
                reached("qcfractal.sending")
                self._portal.submit(handle, reuse=reuse)
                reached("qcfractal.sent")
                record = self._portal.record(handle)
            if record is None:  # somebody took the entry or its record away meanwhile
                raise AdapterUnavailable(f"QCFractal took {handle} and has no record for it; it is started again")
            self._jobs.start(handle, {"at": time.time(), "record": record})
        reached("qcfractal.started")

    def find(self, key: AttemptKey) -> Found | Absent | Unknown:
        handle = handle_of(key)
        try:
            if not self._jobs.knows(handle) and not self._taken_over(handle, key):
                return Absent()
            if self._jobs.started(handle) is not None:
                return Found(handle, started=True)
            if read_json(self._jobs.folder(handle) / "sending.json") is None:
                return Found(handle, started=False)
            return Found(handle, started=self._portal.record(handle) is not None)
        except AdapterUnavailable as error:
            return Unknown(str(error))

    def status(self, handle: Handle) -> Status:
        if not self._jobs.knows(handle):
            return Status(Phase.LOST, f"no job {handle!r} in {self._jobs.root}")
        if self._has_ended(handle):
            return Status(Phase.ENDED)
        started = self._jobs.started(handle)
        if started is None and read_json(self._jobs.folder(handle) / "sending.json") is None:
            return Status(Phase.ENDED if self._end_if_cancelled(handle) else Phase.PREPARED)
        try:
            record = self._portal.record(handle) if started is None else int(started["record"])
            if record is None:
                ended = self._end_if_cancelled(handle)
                return Status(Phase.ENDED if ended else Phase.PREPARED, "" if ended else "it never came; send it again")
            return self._of_record(handle, record)
        except AdapterUnavailable as error:  # nobody but us can have ended it here
            return last_known(Phase.WAITING, error)

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        if self.status(handle).phase is not Phase.ENDED:
            return ()
        return result_of(self._jobs, handle)

    def late(self, handles: Sequence[Handle]) -> Sequence[Envelope]:
        """What became of attempts that ended otherwise. Each is asked about ever more rarely, until its end is kept."""
        mine = (handle for handle in handles if self._jobs.knows(handle) and self._jobs.cancelled(handle) is None)
        is_open = (handle for handle in mine if not self._has_ended(handle))
        self._later.ask(is_open, self.status, lambda: self.health().is_ok)
        return late_results(self._jobs, handles)

    def cancel(self, handle: Handle, reason: str) -> None:
        """Call the record off; a manager that computes it already is not heard when it comes back with it."""
        if self.status(handle).phase in (Phase.LOST, Phase.ENDED):
            return
        self._jobs.cancel(handle, {"reason": reason})
        self._looked = -float("inf")
        self.status(handle)

    def health(self) -> Health:
        if (lack := lacking()) is not None:
            return Health(False, lack)
        try:
            (_, version), managers = self._portal.versions(), len(self._portal.managers())
        except AdapterUnavailable as error:
            return Health(False, str(error))
        there = f"{plural(managers, 'manager')} for {self._settings.program}"
        where = f"QCFractal {version} at {self._settings.address}, {there}"
        return Health(True, where if managers else f"{where}: records wait until one comes")

    def examine(self) -> Sequence[Finding]:
        """The package, the server, the login, and whether a manager can take the records up."""
        if (lack := lacking()) is not None:
            return [Finding("package qcportal", "problem", *lack.split("; ", 1))]
        try:
            found = [self._server(*self._portal.versions())]
            if (role := self._portal.role()) in _READERS:
                found += [Finding("login", "problem", f"its role {role!r} may not submit", _SUBMITTER)]
        except AdapterUnavailable as error:
            told, _, remedy = str(error).rpartition("; ")
            return [Finding("server", "problem", told, remedy)]
        try:
            managers = self._portal.managers()
        except AdapterUnavailable as error:
            return [*found, Finding("compute managers", "note", str(error))]
        told = f"{len(managers)} active with {self._programs()} and tag {self._settings.tag!r}"
        if not managers:
            return [*found, Finding("compute managers", "problem", told, self._remedy())]
        return [*found, Finding("compute managers", "ok", told)]

    def _server(self, here: str, there: str) -> Finding:
        where = f"QCFractal {there} at {self._settings.address}"
        if here == there:
            return Finding("server", "ok", where)
        return Finding(
            "server", "note", f"{where}, qcportal {here} here", "should it refuse requests, update the older one"
        )

    def _programs(self) -> str:
        return f"{self._settings.program}{' and geometric' if self._settings.optimise else ''}"

    def _remedy(self) -> str:
        return f"start qcfractal-compute-manager where {self._programs()} is installed, with that tag"

    def _wanted(self) -> str:
        """What a record waits for beside its turn, and the way out; "" where waiting is all there is."""
        if time.monotonic() - self._counted > _CENSUS:
            try:
                self._managers = len(self._portal.managers())
            except AdapterUnavailable:  # it may not let us see them
                return ""
            self._counted = time.monotonic()
        if self._managers:
            return ""
        lack = f"waits for a manager with {self._programs()} and tag {self._settings.tag!r}, and none is active"
        return f"{lack}; {self._remedy()}, or correct program and tag"

    def _of_record(self, handle: Handle, record: int) -> Status:
        state = self._state(record)
        called_off = self._jobs.cancelled(handle)
        if called_off is not None and state in ("waiting", "running"):
            self._portal.cancel(handle)
            state = self._portal.states([record])[record]
        if state in ("waiting", "running"):
            where = f"record {record}: {state}"
            return Status(Phase.RUNNING, where) if state == "running" else Status(Phase.WAITING, where, self._wanted())
        # A database that was put back to an earlier day gives numbers again, and records are deleted: the entry knows.
        mine = self._portal.record(handle)
        if mine is not None and mine != record:
            self._note(self._jobs.folder(handle) / "started.json", {"at": time.time(), "record": mine})
            return Status(Phase.WAITING, f"record {mine}: not {record}, as it was")
        full = self._portal.full(record) if state in _ENDED else None
        if full is None or (mine is None and not self._is_ours(handle, full)):
            kind = FaultKind.COMPUTE_LOST if called_off is None else FaultKind.CANCELLED
            gone = f"record {record} was deleted on {self._settings.address}"
            self._end(handle, fault(kind, gone if called_off is None else called_off["reason"], {"record": record}))
            return Status(Phase.ENDED)
        folder = self._jobs.folder(handle)
        candidate = read_json(folder / "molecule.json") or {}
        told: dict[str, Any] = {"repairs": list(candidate.get("repairs", ()))}
        is_read = bool((read_json(folder / "sending.json") or {}).get("reuse"))
        if is_read:
            told["repairs"].append(f"read from record {record}, which was complete before")
        targets = self._jobs.spec(handle).targets
        payload = self._portal.looked_at(lambda: payload_of(full, self._settings, targets, told))
        if is_read:
            payload["provenance"].pop("wall_time_s", None)  # it cost nothing
        if state == "cancelled" and called_off is not None:
            payload["message"] = called_off["reason"]
        self._end(handle, payload)
        return Status(Phase.ENDED)

    def _state(self, record: int) -> str | None:
        """What became of a record: with one request for all that go on, no more often than ``poll``."""
        if record not in self._seen or time.monotonic() - self._looked >= self._settings.poll:
            going = {int(started["record"]) for handle, started in self._jobs.begun() if not self._has_ended(handle)}
            self._seen = self._portal.states({record, *going})
            self._looked = time.monotonic()
        return self._seen[record]

    def _candidate(self, handle: Handle) -> Mapping[str, Any] | None:
        """The molecule, made once; None where it cannot be made, which ends the attempt."""
        path = self._jobs.folder(handle) / "molecule.json"
        if (there := read_json(path)) is None:
            structure = next(iter(self._jobs.spec(handle).smiles.values()))
            try:
                made, repairs = molecule(structure, self._settings.seed)
            except EvaluationError as error:
                self._end(handle, fault(error.kind, str(error), {**error.details, "code": error.code}))
                return None
            self._note(path, {"molecule": made, "repairs": list(repairs)})
            there = read_json(path)
        return there

    def _is_ours(self, handle: Handle, record: Any) -> bool:
        """Whether a record is of just this calculation: its dataset may be gone, and the record be there."""
        sent = (read_json(self._jobs.folder(handle) / "molecule.json") or {}).get("molecule")
        return sent is not None and self._portal.is_of(record, sent)

    def _attributes(self, handle: Handle) -> dict[str, Any]:
        job = read_json(self._jobs.folder(handle) / "job.json") or {}
        structure = next(iter(self._jobs.spec(handle).smiles.values()))
        return {"structure": structure, "hakken": dict(job)}

    def _comment(self, handle: Handle) -> str:
        spec = self._jobs.spec(handle)
        return f"hakken: campaign {spec.campaign}, {', '.join(str(value) for value in spec.settings.values())}"

    def _taken_over(self, handle: Handle, key: AttemptKey) -> bool:
        """Whether the server has the attempt although this folder has not; it is put on record here then."""
        attributes = self._portal.entry(handle)
        if attributes is None:
            return False
        told = attributes.get("hakken") or {}
        if told.get("key") != key:
            raise AdapterUnavailable(f"entry {handle} of the dataset is not hakken's; choose another dataset")
        self._jobs.prepare(ExperimentSpec(**told["spec"]), key)
        self._note(self._jobs.folder(handle) / "sending.json", {"at": time.time(), "reuse": False})
        return True

    def _has_ended(self, handle: Handle) -> bool:
        path = self._jobs.folder(handle) / "result.json"
        with reachable(path):
            return path.exists()

    def _end_if_cancelled(self, handle: Handle) -> bool:
        """End an attempt that was called off before the server heard of it."""
        called_off = self._jobs.cancelled(handle)
        if called_off is None:
            return False
        self._end(handle, fault(FaultKind.CANCELLED, called_off["reason"], {}))
        return True

    def _end(self, handle: Handle, payload: Mapping[str, Any]) -> None:
        """Keep what came of it, once and for ever: a record may be computed again, an envelope never changes."""
        folder = self._jobs.folder(handle)
        with reachable(folder):
            write_once(folder / "result.json", json.dumps(payload, sort_keys=True, allow_nan=False))

    def _note(self, path: Path, record: Mapping[str, Any]) -> None:
        with reachable(path):
            replace(path, json.dumps(record, sort_keys=True))
