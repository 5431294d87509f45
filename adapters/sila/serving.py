"""A SiLA 2 server for a device that has none: give a function that runs one experiment.

What it knows of keys lies in its folder, so it goes on after a crash: what had ended is reported, what had not begun
can still be run, what was running is Interrupted. One experiment runs at a time.
"""

from __future__ import annotations

import fcntl
import json
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path
from queue import Queue
from typing import Any, Final

from sila2.framework import DefinedExecutionError
from sila2.server import FeatureImplementationBase, SilaServer

from adapters.common.durable import replace, write_once
from adapters.common.folder import handle_of, read_json
from adapters.common.instant import dump
from adapters.errors import FolderInUse
from adapters.sila.features import PROCEDURES, REPORTER, RUNNER, feature
from adapters.sila.messages import procedure_of, report_of, spec_of
from loop.contracts import AttemptKey, ExperimentSpec
from loop.outcome import Fault, FaultKind, write_outcome

Run = Callable[[ExperimentSpec, AttemptKey], Mapping[str, Any]]  # a payload, as ``loop.outcome.read_outcome`` reads it
Procedure = Mapping[str, Any]  # ``text`` for a person, and ``steps``: ``loop.recipe.told.in_full``
Follow = Callable[[ExperimentSpec, AttemptKey, Procedure | None], Mapping[str, Any]]  # None: the campaign has no recipe
Refuse = Callable[[ExperimentSpec], str]  # why an experiment cannot be run, "" where it can
_DEAD: Final = ("Waiting", "Running")  # states in which a crash leaves a doubt


class Memory:
    """What a server knows of keys: one file for each, replaced as a whole, and safe from a crash.

    It belongs to one server at a time, until ``release`` or the end of the process.

    Raises:
        FolderInUse: Another server has the folder; nothing of it was touched.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.RLock()
        folder.mkdir(parents=True, exist_ok=True)
        self._held = _hold(folder)
        write_once(folder / "memory.json", dump({"id": uuid.uuid4().hex}))
        self.id = str((read_json(folder / "memory.json") or {})["id"])
        for path in folder.glob("key-*.json"):
            entry = read_json(path) or {}
            if entry["state"] in _DEAD:
                # Told to run and not begun: nothing moved. Else nobody knows how far it came.
                self.change(entry["key"], state="Accepted" if entry["state"] == "Waiting" else "Interrupted")

    def release(self) -> None:
        """Leave the folder to the next server."""
        self._held.close()

    def alone(self) -> AbstractContextManager[Any]:
        """Alone among the threads of this server."""
        return self._lock

    def at(self, key: str) -> Mapping[str, Any] | None:
        """What is known of a key."""
        return read_json(self._path(key))

    def change(self, key: str, **parts: Any) -> None:
        """Put on record what is new of a key."""
        replace(self._path(key), dump({**(self.at(key) or {"key": key}), **parts}))

    def procedure(self, key: str, attempt: int) -> Procedure | None:
        """What is to be done for an attempt, where that came."""
        return read_json(self._procedure_path(key, attempt))

    def take(self, key: str, attempt: int, procedure: Procedure) -> None:
        """Put on record what is to be done for an attempt."""
        replace(self._procedure_path(key, attempt), dump(procedure))

    def _path(self, key: str) -> Path:
        return self._folder / f"key-{handle_of(AttemptKey(key))}.json"

    def _procedure_path(self, key: str, attempt: int) -> Path:
        return self._folder / f"procedure-{attempt:03}-{handle_of(AttemptKey(key))}.json"


class _Server(SilaServer):  # type: ignore[misc]
    """Gives its folder back when it is stopped."""

    def __init__(self, memory: Memory, name: str, server_uuid: str | None) -> None:
        super().__init__(name, "Laboratory", "Runs experiments for hakken", "1.0", "https://example.org", server_uuid)
        self._memory = memory

    def stop(self, *args: Any, **keywords: Any) -> None:
        super().stop(*args, **keywords)
        self._memory.release()


class Runner(FeatureImplementationBase):  # type: ignore[misc]  # sila2 has no types
    """The feature ExperimentRunner."""

    def __init__(
        self, server: SilaServer, memory: Memory, run: Follow, refuse: Refuse, step: Callable[[str], None]
    ) -> None:
        super().__init__(server)
        self._memory, self._run, self._refuse, self._step = memory, run, refuse, step
        self._bench = threading.Lock()
        self._Readiness_producer_queue: Queue[str] = Queue()
        self._Readiness_producer_queue.put("")

    def AcceptExperiment(  # the name in the feature's definition
        self, Key: str, Attempt: int, *experiment: Any, metadata: Any
    ) -> None:
        spec = spec_of(*experiment)
        said = json.loads(dump(asdict(spec)))
        with self._memory.alone():
            known = self._memory.at(Key)
            if known is not None and (known["attempt"], known["spec"]) == (Attempt, said):
                return
            if known is not None and (known["attempt"] >= Attempt or known["state"] != "Interrupted"):
                raise _error("KeyTaken", f"attempt {known['attempt']} of {Key!r} is {known['state']}")
            if why_not := self._refuse(spec):
                raise _error("CannotRun", why_not)
            self._memory.change(Key, attempt=Attempt, spec=said, state="Accepted")
        self._step("accepted")

    def RunExperiment(self, Key: str, Attempt: int, *, metadata: Any, instance: Any) -> str:
        with self._memory.alone():
            known = self._memory.at(Key)
            if known is None or known["attempt"] < Attempt:
                raise _error("NotAccepted", f"attempt {Attempt} of {Key!r} was not accepted")
            if known["attempt"] > Attempt or known["state"] != "Accepted":
                return str(known["state"])
            self._memory.change(Key, state="Waiting")
        self._step("waiting")
        with self._bench:
            with self._memory.alone():
                if (self._memory.at(Key) or {})["state"] != "Waiting":
                    return "Withdrawn"
                self._memory.change(Key, state="Running")
            instance.begin_execution()
            self._step("begun")
            spec = ExperimentSpec(**known["spec"])
            try:
                answer: object = self._run(spec, AttemptKey(Key), self._memory.procedure(Key, Attempt))
            except Exception as error:  # a fault of the device is a result too
                answer = write_outcome(Fault.of(FaultKind.INSTRUMENT_FAULT, f"{type(error).__name__}: {error}"))
            self._step("run")
            self._memory.change(Key, state="Finished", report=_reported(answer))
            self._step("ended")
        return "Finished"

    def LookUp(self, Key: str, *, metadata: Any) -> tuple[str, int, str, str]:
        self._step("asked")
        known = self._memory.at(Key)
        if known is None:
            return "Absent", -1, "", self._memory.id
        return known["state"], known["attempt"], "", self._memory.id

    def WithdrawExperiment(self, Key: str, Reason: str, *, metadata: Any) -> bool:
        with self._memory.alone():
            known = self._memory.at(Key)
            if known is None or known["state"] not in ("Accepted", "Waiting"):
                return known is not None and known["state"] == "Withdrawn"
            self._memory.change(Key, state="Withdrawn", reason=Reason)
            return True

    def get_Memory(self, *, metadata: Any) -> str:
        return self._memory.id

    def Readiness_on_subscription(self, *, metadata: Any) -> None:
        return None


class Reporter(FeatureImplementationBase):  # type: ignore[misc]
    """The feature MeasurementReporter."""

    def __init__(self, server: SilaServer, memory: Memory) -> None:
        super().__init__(server)
        self._memory = memory

    def GetReport(self, Key: str, *, metadata: Any) -> Mapping[str, Any]:
        known = self._memory.at(Key)
        if known is None or "report" not in known:
            raise DefinedExecutionError(
                feature(REPORTER).defined_execution_errors["NotReported"], f"nothing is reported of {Key!r}"
            )
        report: Mapping[str, Any] = known["report"]
        return report


class Receiver(FeatureImplementationBase):  # type: ignore[misc]
    """The feature ProcedureReceiver."""

    def __init__(self, server: SilaServer, memory: Memory, step: Callable[[str], None]) -> None:
        super().__init__(server)
        self._memory, self._step = memory, step

    def ReceiveProcedure(self, Key: str, Attempt: int, Text: str, Steps: str, *, metadata: Any) -> None:
        try:
            procedure = procedure_of(Text, Steps)
        except ValueError as error:
            raise _error("NotUnderstood", f"the steps of {Key!r} must be {error}", PROCEDURES) from None
        with self._memory.alone():
            if self._memory.procedure(Key, Attempt) == procedure:
                return
            known = self._memory.at(Key)
            if known is not None and (
                known["attempt"] > Attempt or (known["attempt"] == Attempt and known["state"] != "Accepted")
            ):
                raise _error("UnderWay", f"attempt {known['attempt']} of {Key!r} is {known['state']}", PROCEDURES)
            self._memory.take(Key, Attempt, procedure)
        self._step("instructed")


def serve(
    folder: Path,
    run: Run,
    *,
    refuse: Refuse = lambda _: "",
    name: str = "hakken bench",
    server_uuid: str | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> SilaServer:
    """A server that works by a method of its own, not started yet: ``server.start(address, port)``, or
    ``start_insecure``.

    Args:
        folder: Where it keeps what it knows of keys.
        run: Runs one experiment; what it raises is recorded as an ``instrument_fault``, an answer that is no result as
            ``analysis_failed``.
        refuse: Says why an experiment cannot be run; "" where it can.
        name: How it calls itself in the network.
        server_uuid: Its identity; a new one each time when left out.
        step: Told each step; for tests, which let it crash there.

    Raises:
        FolderInUse: Another server has the folder.
    """
    server, _ = _served(folder, lambda spec, key, _: run(spec, key), refuse, name, server_uuid, step)
    return server


def serve_procedures(
    folder: Path,
    follow: Follow,
    *,
    refuse: Refuse = lambda _: "",
    name: str = "hakken bench",
    server_uuid: str | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> SilaServer:
    """A server that follows the procedure of each experiment, where its campaign has a recipe; else as ``serve``.

    Args:
        folder: Where it keeps what it knows of keys.
        follow: Runs one experiment by its procedure; what it raises is recorded as an ``instrument_fault``, an answer
            that is no result as ``analysis_failed``.
        refuse: Says why an experiment cannot be run; "" where it can.
        name: How it calls itself in the network.
        server_uuid: Its identity; a new one each time when left out.
        step: Told each step; for tests, which let it crash there.

    Raises:
        FolderInUse: Another server has the folder.
    """
    server, memory = _served(folder, follow, refuse, name, server_uuid, step)
    server.set_feature_implementation(feature(PROCEDURES), Receiver(server, memory, step))
    return server


def _served(
    folder: Path, follow: Follow, refuse: Refuse, name: str, server_uuid: str | None, step: Callable[[str], None]
) -> tuple[SilaServer, Memory]:
    memory = Memory(folder)
    server = _Server(memory, name, server_uuid)
    server.set_feature_implementation(feature(RUNNER), Runner(server, memory, follow, refuse, step))
    server.set_feature_implementation(feature(REPORTER), Reporter(server, memory))
    return server, memory


def _reported(answer: Any) -> dict[str, Any]:
    """What a device answered, as it is reported; an answer that no report can carry ends its key all the same."""
    try:
        report = report_of(answer)
        feature(REPORTER)._unobservable_commands["GetReport"].responses.to_message(**report)
        dump(report)
    except Exception as error:
        why = f"the device's answer is no result ({type(error).__name__}: {error}); it was {answer!r}"
        return report_of(write_outcome(Fault.of(FaultKind.ANALYSIS_FAILED, why)))
    return report


def _hold(folder: Path) -> TextIOWrapper:
    """The folder's lock, held while the file is open."""
    file = (folder / "server.lock").open("a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise FolderInUse(
            f"{folder} is the memory of a SiLA server that is running: a second one would take what runs there for "
            "interrupted; stop that server first, or give this one a folder of its own"
        ) from None
    return file


def _error(name: str, message: str, of: str = RUNNER) -> DefinedExecutionError:
    return DefinedExecutionError(feature(of).defined_execution_errors[name], message)
