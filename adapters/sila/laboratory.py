"""Devices with a SiLA 2 server that has the features ExperimentRunner and MeasurementReporter (``adapters/sila``).

Where the campaign has a recipe, what is to be done goes first, to the feature ProcedureReceiver; a server that lacks it
gets nothing, unless the campaign file says that it works by a method of its own.
``prepare`` has the server accept the attempt, inert; ``start`` runs it as an observable command. Before that is sent,
the intent and the identity of the server's memory are put on record, and after a lost reply the key is looked up: the
server refuses a second run of one key. A doubt, for a person to resolve, is left where the server died while an attempt
ran, or lost its memory after one was sent. Whoever is sure that it never ran has it accepted again, under the next
attempt number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from adapters.common.durable import write_once
from adapters.common.folder import Jobs, handle_of, reachable, read_json
from adapters.common.instant import Clock, dump
from adapters.common.later import Later
from adapters.common.limits import excluded
from adapters.common.returned import Returned
from adapters.errors import AdapterUnavailable
from adapters.sila.connection import Connection, Lacking, Refused
from adapters.sila.features import PROCEDURES, REPORTER, RUNNER, feature
from adapters.sila.messages import parameters_of, payload_of, procedure_parameters_of
from adapters.sila.options import DELIVERY
from loop.checkpoints import reached
from loop.contracts import (
    Absent,
    AttemptKey,
    Capabilities,
    Envelope,
    ExperimentSpec,
    Found,
    Handle,
    Health,
    Phase,
    Problem,
    Status,
    Unknown,
)
from loop.outcome import Fault, FaultKind, write_outcome
from loop.recipe import Recipe
from loop.recipe.told import in_full

_TAKES_NONE: Final = (
    "the campaign has a recipe, and the SiLA server takes no procedure: it lacks the feature "
    "org.hakken/experiments/ProcedureReceiver/v1; give it that, or write procedure: left out where it works by a "
    "method of its own"
)
_BEGINS_WITHIN: Final = 10.0  # seconds, once it was confirmed

Connect = Callable[[], Connection]


class Sila2:
    """Attempts at a SiLA 2 server: theirs by key, ours in the laboratory's folder."""

    def __init__(
        self,
        jobs: Jobs,
        connect: Connect,
        targets: Mapping[str, str],
        at_once: int | None = None,
        recipe: Recipe | None = None,
        clock: Clock = time.time,
    ) -> None:
        """``connect`` opens a connection; it is called again after the server could not be reached. ``recipe``: whose
        procedures are sent."""
        self._jobs, self._connect, self._targets, self._at_once = jobs, connect, dict(targets), at_once
        self._recipe = recipe
        self._returned, self._later = Returned(jobs), Later(jobs, clock)
        self._open: Connection | None = None

    def capabilities(self) -> Capabilities:
        return Capabilities(
            delivery=DELIVERY,
            max_parallel=self._at_once,
            can_cancel=True,
            is_simulated=False,
            properties=self._targets,
        )

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return excluded(spec, self.capabilities())

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        """Have the server take note of the attempt. What it refuses ends as an ``input_error``.

        Raises:
            KeyReused: The key is on record with another experiment.
            AdapterUnavailable: The server did not answer, or takes no procedure; ``start`` asks it again.
        """
        handle = self._jobs.prepare(spec, key)
        with self._alone():
            if not self._returned.is_over(handle):
                number = self._number(handle)
                if self._noted(handle, "doubt", number) is not None:  # a person said that it never ran
                    self._note(handle, "again", number + 1)
                self._accept(handle)
        reached("sila2.prepared")
        return handle

    def start(self, handle: Handle, key: AttemptKey) -> None:
        """Run the attempt; once, since the server knows its key.

        Raises:
            UnknownHandle: Nothing was prepared under the handle, or it belongs to another key.
            AdapterUnavailable: The server did not answer, and may have heard; ``find`` tells.
        """
        self._jobs.checked(handle, key)
        with self._alone():
            number = self._number(handle)
            if self._returned.is_over(handle) or self._noted(handle, "doubt", number) is not None:
                return
            said = self._look_up(key)
            self._take_in(handle, said)
            if (
                self._doubt(handle, said) is not None
                or not self._is_inert(said, number)
                or self._returned.is_over(handle)
            ):
                return
            self._note(handle, "sending", number, memory=said.Memory)
            reached("sila2.sending")
            if self._accept(handle):
                self._run(key, number)
        reached("sila2.started")

    def find(self, key: AttemptKey) -> Found | Absent | Unknown:
        handle = handle_of(key)
        if not self._jobs.knows(handle):
            return Absent()
        with self._alone():
            number, sent = self._number(handle), self._noted(handle, "sending", self._number(handle))
            if self._returned.is_over(handle):
                return Found(handle, sent is not None)
            if sent is None and number == 0:
                return Found(handle, False)
            said = self._look_up(key)
            self._take_in(handle, said)
            doubt = self._doubt(handle, said)
            is_inert = self._is_inert(said, number)
        return Found(handle, not is_inert) if doubt is None else Unknown(doubt)

    def status(self, handle: Handle) -> Status:
        if not self._jobs.knows(handle):
            return Status(Phase.LOST, f"no attempt {handle!r} in {self._jobs.root}")
        with self._alone():
            if not self._returned.is_over(handle):
                number = self._number(handle)
                if self._noted(handle, "sending", number) is None and number == 0:
                    return Status(Phase.PREPARED)
                said = self._look_up(self._jobs.key(handle))
                self._take_in(handle, said)
            if (ended := self._returned.ended(handle)) is not None:
                return ended
            if (doubt := self._doubt(handle, said)) is not None:
                return Status(Phase.LOST, doubt)
            if self._is_inert(said, number):
                return Status(Phase.PREPARED)
        return Status(Phase.WAITING if said.State == "Waiting" else Phase.RUNNING, said.Detail)

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        if self.status(handle).phase is not Phase.ENDED:
            return ()
        return tuple(self._returned.envelopes(handle))

    def late(self, handles: Sequence[Handle]) -> Sequence[Envelope]:
        """What the server reports of attempts that ended otherwise. Each is looked up ever more rarely, until it has
        ended there."""
        mine = [h for h in handles if self._jobs.knows(h)]
        is_open = (h for h in mine if not self._returned.is_over(h) and self._noted(h, "sending", 0) is not None)
        self._later.ask(is_open, self._hear, lambda: self.health().is_ok)
        return self._returned.late(mine)

    def cancel(self, handle: Handle, reason: str) -> None:
        """Call the attempt off; one that the server has begun goes on."""
        if self.status(handle).phase in (Phase.LOST, Phase.ENDED):
            return
        with self._alone():
            self._note(handle, "cancelling", 0, reason=reason)
            reached("sila2.cancelling")
            if self._noted(handle, "sending", self._number(handle)) is None:
                self._cancelled(handle)  # it lies there inert, and nobody will run it
            else:
                self._ask(lambda c: c.command(RUNNER, "WithdrawExperiment", Key=self._jobs.key(handle), Reason=reason))
                self._take_in(handle, self._look_up(self._jobs.key(handle)))

    def health(self) -> Health:
        """Whether the server answers, has the features that are needed, and is ready."""
        try:
            implemented = self._ask(lambda c: c.features())
            for name in (RUNNER, REPORTER):
                if (wanted := _identifier(name)) not in implemented:
                    known = ", ".join(implemented)
                    return Health(False, f"the SiLA server lacks the feature {wanted}; it has {known}")
            if self._recipe is not None and _identifier(PROCEDURES) not in implemented:
                return Health(False, _TAKES_NONE)
            why_not = self._ask(lambda c: c.current(RUNNER, "Readiness"))
        except AdapterUnavailable as error:
            return Health(False, str(error))
        where = "" if self._open is None else self._open.address
        return Health(not why_not, f"the SiLA server at {where} says: {why_not or 'ready'}")

    def _hear(self, handle: Handle) -> None:
        """Keep what became of an attempt, where it has ended."""
        with self._alone():
            self._take_in(handle, self._look_up(self._jobs.key(handle)))

    def _accept(self, handle: Handle) -> bool:
        """Have the server take note of the attempt; False where it will never run it, which is its result."""
        spec, key, number = self._jobs.spec(handle), self._jobs.key(handle), self._number(handle)
        try:
            self._instruct(spec, key, number)
            self._ask(lambda c: c.command(RUNNER, "AcceptExperiment", **parameters_of(spec, key, number)))
        except Refused as error:
            if error.name in (
                "KeyTaken",
                "UnderWay",
            ):  # it knows the key and may have run it: what it says of it counts
                return False
            fault = Fault.of(FaultKind.INPUT_ERROR, f"the SiLA server refused it: {error}")
            self._returned.keep(handle, dump(write_outcome(fault)))
            return False
        reached("sila2.accepted")
        return True

    def _instruct(self, spec: ExperimentSpec, key: AttemptKey, number: int) -> None:
        """Have the server know what is to be done, before it has anything to run."""
        if self._recipe is None:
            return
        parameters = procedure_parameters_of(in_full(self._recipe, spec.settings), key, number)
        try:
            self._ask(lambda c: c.command(PROCEDURES, "ReceiveProcedure", **parameters))
        except Lacking:
            raise AdapterUnavailable(_TAKES_NONE) from None
        reached("sila2.instructed")

    def _run(self, key: AttemptKey, number: int) -> None:
        """Ask for the run, and look until it has begun: the confirmation alone promises nothing."""
        self._ask(lambda c: c.begin(RUNNER, "RunExperiment", Key=key, Attempt=number))
        reached("sila2.sent")
        until, wait = time.monotonic() + _BEGINS_WITHIN, 0.001
        while self._is_inert(self._look_up(key), number):
            if time.monotonic() > until:
                break
            time.sleep(wait)
            wait = min(2 * wait, 0.1)
        else:
            return
        raise AdapterUnavailable("the SiLA server confirmed a run and does not begin it; see its log")

    def _look_up(self, key: AttemptKey) -> Any:
        return self._ask(lambda c: c.command(RUNNER, "LookUp", Key=key))

    def _is_inert(self, said: Any, number: int) -> bool:
        """Whether the server has run nothing of this attempt number yet."""
        return said.State in ("Absent", "Accepted") or said.Attempt < number

    def _take_in(self, handle: Handle, said: Any) -> None:
        """Keep what the server says has ended."""
        if self._returned.is_over(handle):
            return
        if said.State == "Finished":
            try:
                report = self._ask(lambda c: c.command(REPORTER, "GetReport", Key=self._jobs.key(handle)))
            except Refused as error:
                raise AdapterUnavailable(f"the SiLA server has ended it and gives no report: {error}") from None
            self._returned.keep(handle, dump(payload_of(report)))
            reached("sila2.collected")
        elif said.State == "Withdrawn":
            self._cancelled(handle)

    def _doubt(self, handle: Handle, said: Any) -> str | None:
        """Why nobody can tell whether the attempt ran; put on record once it is so, until a report comes."""
        number = self._number(handle)
        if (known := self._noted(handle, "doubt", number)) is not None:
            return str(known["why"])
        sent = self._noted(handle, "sending", number)
        if self._returned.is_over(handle) or sent is None:
            return None
        if said.State == "Interrupted" and said.Attempt == number:
            why = f"the SiLA server died while it ran{f': {said.Detail}' if said.Detail else ''}"
        elif self._is_inert(said, number) and said.Memory != sent["memory"]:
            why = "the SiLA server lost its memory of keys after it was sent"
        else:
            return None
        self._note(handle, "doubt", number, why=why)
        return why

    def _cancelled(self, handle: Handle) -> None:
        reason = str((self._noted(handle, "cancelling", 0) or {}).get("reason", "withdrawn at the server"))
        self._jobs.call_off(handle, reason)

    def _number(self, handle: Handle) -> int:
        """The attempt number at the server: grows when a person said that the last never ran."""
        folder = self._jobs.folder(handle)
        with reachable(folder):
            return len(list(folder.glob("again-*.json")))

    def _noted(self, handle: Handle, what: str, number: int) -> Mapping[str, Any] | None:
        return read_json(self._jobs.folder(handle) / f"{what}-{number:03}.json")

    def _note(self, handle: Handle, what: str, number: int, **said: str) -> None:
        path = self._jobs.folder(handle) / f"{what}-{number:03}.json"
        with reachable(path):
            write_once(path, dump(said))

    def _ask(self, question: Callable[[Connection], Any]) -> Any:
        """Ask over the connection; one that failed is not used again."""
        if self._open is None:
            self._open = self._connect()
        try:
            return question(self._open)
        except AdapterUnavailable:
            self._open.close()
            self._open = None
            raise

    def _alone(self) -> Any:
        return self._jobs.locked("sila2.lock")


def _identifier(name: str) -> str:
    return str(feature(name).fully_qualified_identifier)
