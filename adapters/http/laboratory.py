"""``http``: a laboratory reached over HTTP by the contract of ``openapi.yaml``. Delivery class keyed.

Preparing stays here; a start sends the experiment with its key, once. On any doubt (a reply that was lost, a process
that was killed) the key is looked up, and sent again only where the laboratory is sure that it never came.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

from adapters.common.folder import Jobs, handle_of
from adapters.common.instant import Clock, dump
from adapters.common.later import Later
from adapters.common.limits import excluded
from adapters.http.contract import CONTRACT, Experiment, Message, Procedure, Refusal, State, Submission, UnknownKey
from adapters.http.options import HttpOptions
from adapters.http.sendings import Sending, Sendings
from adapters.http.service import Service
from adapters.http.wire import Wire
from loop.checkpoints import reached
from loop.contracts import (
    Absent,
    AdapterContext,
    AttemptKey,
    Capabilities,
    Delivery,
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
from loop.errors import AdapterUnavailable
from loop.outcome import Fault, FaultKind, write_outcome
from loop.recipe import Recipe
from loop.recipe.told import in_full

_PHASES: Final = {State.WAITING: Phase.WAITING, State.RUNNING: Phase.RUNNING, State.ENDED: Phase.ENDED}
_DOUBT: Final = "look at the bench, then say hakken resolve KEY --ran or --never-ran"


class HttpLaboratory:
    """A laboratory over HTTP. What is kept here: what was prepared, what was sent, and how it ended."""

    def __init__(
        self,
        jobs: Jobs,
        options: HttpOptions,
        service: Service,
        recipe: Recipe | None = None,
        clock: Clock = time.time,
    ) -> None:
        self._jobs, self._options, self._service, self._recipe = jobs, options, service, recipe
        self._sendings, self._later = Sendings(jobs), Later(jobs, clock)

    @staticmethod
    def of(options: HttpOptions, context: AdapterContext) -> HttpLaboratory:
        """The laboratory that the options describe, on the context's folder."""
        return HttpLaboratory(Jobs(context.folder), options, Service(Wire(options, context.base)), context.recipe)

    def capabilities(self) -> Capabilities:
        """As the campaign file declares them; ``health`` says where the laboratory declares something else."""
        o = self._options
        return Capabilities(
            delivery=Delivery.KEYED,
            max_parallel=o.parallel,
            can_cancel=o.cancels,
            is_simulated=o.simulated,
            properties=o.properties,
            parameters=None if o.parameters is None else frozenset(o.parameters),
        )

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return excluded(spec, self.capabilities())

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        return self._jobs.prepare(spec, key)

    def start(self, handle: Handle, key: AttemptKey) -> None:
        """Send the experiment, unless the laboratory has it.

        One that is in doubt is sent again only after ``find`` said so: then a person has decided that it never ran.

        Raises:
            AdapterUnavailable: Nobody can tell whether it arrived; look the key up.
            UnknownHandle: Nothing was prepared under the handle.
            KeyReused: The laboratory knows the key, for another experiment.
        """
        self._jobs.checked(handle, key)
        with self._sendings.alone(handle):
            last = self._sendings.last(handle)
            is_vouched = last is not None and last.is_doubted
            if self._sendings.ended(handle) is not None or (last is not None and last.is_accepted and not is_vouched):
                return
            seen = self._service.look(handle)
            if isinstance(seen, Experiment) and last is None:  # it was sent from a folder that is lost
                self._sendings.note_sending(handle, seen.memory)
            if (why := _doubt(seen, last)) and not is_vouched:
                raise AdapterUnavailable(f"{why}; look the key up")
            if isinstance(seen, UnknownKey) or seen.state is State.DOUBTFUL:
                self._send(handle, seen.memory, never_ran=is_vouched)
            self._sendings.note_accepted(handle)

    def find(self, key: AttemptKey) -> Found | Absent | Unknown:
        handle = handle_of(key)
        is_mine = self._jobs.knows(handle)
        last = self._sendings.last(handle) if is_mine else None
        if is_mine and last is None:
            return Found(handle, started=False)
        if self._sendings.ended(handle) is not None:
            return Found(handle, started=True)
        seen = self._service.look(handle)
        if why := _doubt(seen, last):
            if is_mine:
                self._sendings.note_doubted(handle, why)
            return Unknown(f"{why}; {_DOUBT}")
        if isinstance(seen, UnknownKey):
            return Found(handle, started=False) if is_mine else Absent()
        return Found(handle, started=True)

    def status(self, handle: Handle) -> Status:
        if handle != handle_of(_key_of(handle)) and not self._jobs.knows(handle):
            return Status(Phase.LOST, f"{handle[:80]!r} is no handle that this laboratory gave")
        if self._sendings.ended(handle) is not None:
            return Status(Phase.ENDED)
        is_mine = self._jobs.knows(handle)
        last = self._sendings.last(handle) if is_mine else None
        if is_mine and last is None:
            return Status(Phase.PREPARED)
        seen = self._service.look(handle)
        if why := _doubt(seen, last):
            return Status(Phase.LOST, why)
        if isinstance(seen, UnknownKey):
            return Status(Phase.PREPARED if is_mine else Phase.LOST, "the laboratory never got it")
        return Status(_PHASES[seen.state], seen.detail)

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        """What it ended with. Once seen, it is kept here, whatever the laboratory forgets."""
        if (payloads := self._sendings.ended(handle)) is None:
            if self.status(handle).phase is not Phase.ENDED:
                return ()
            found = self._service.results(handle)
            if found.state is not State.ENDED:
                return ()
            payloads = tuple(_text(result) for result in found.results)
            if self._jobs.knows(handle):
                payloads = self._sendings.end(handle, "results", list(payloads))
        key = self._jobs.key(handle) if self._jobs.knows(handle) else _key_of(handle)
        return tuple(Envelope(key, payload) for payload in payloads)

    def late(self, handles: Sequence[Handle]) -> Sequence[Envelope]:
        """What became of attempts that ended otherwise. Each is asked about ever more rarely, until its end is kept."""
        mine = [h for h in handles if self._jobs.knows(h) and self._jobs.cancelled(h) is None]
        is_open = (h for h in mine if self._sendings.ended(h) is None and self._sendings.last(h) is not None)
        self._later.ask(is_open, self.fetch, lambda: self.health().is_ok)
        return [Envelope(self._jobs.key(h), payload) for h in mine for payload in self._sendings.ended(h) or ()]

    def cancel(self, handle: Handle, reason: str) -> None:
        """Call it off: here where it was never sent, else there. The laboratory remembers the key, so that a sending
        still under way does not run either.

        Raises:
            AdapterUnavailable: Nobody can tell whether the laboratory heard of it.
        """
        if not self._jobs.knows(handle):
            return
        with self._sendings.alone(handle):
            if self._sendings.ended(handle) is not None:
                return
            if self._sendings.last(handle) is None:
                self._jobs.call_off(handle, reason)
            elif self._options.cancels:
                self._service.cancel(handle, reason)

    def health(self) -> Health:
        """What the laboratory says of itself, and where it differs from the campaign file."""
        try:
            found = self._service.about()
        except AdapterUnavailable as error:
            return Health(False, str(error))
        if found.contract != CONTRACT:
            return Health(False, f"{found.name} speaks {found.contract!r}, and this adapter {CONTRACT!r}; update one")
        differs = []
        for name, unit in (self._options.properties or {}).items():
            if found.properties is not None and found.properties.get(name) != unit:
                differs.append(
                    f"it measures {name!r} in {found.properties.get(name)!r}, the campaign file says {unit!r}"
                )
        for name in self._options.parameters or []:
            if found.parameters is not None and name not in found.parameters:
                differs.append(f"it cannot set {name!r}, the campaign file says it can")
        message = found.message or ("works" if found.ok else "cannot work now")
        return Health(found.ok and not differs, "; ".join([f"{found.name}: {message}", *differs]))

    def messages(self, campaign: str, after: int, wait: float) -> Sequence[Message]:
        """Messages about a campaign after a number, oldest first; waits so many seconds for one (long polling).

        Raises:
            AdapterUnavailable: The laboratory cannot be reached.
        """
        return self._service.messages(campaign, after, wait)

    def memory(self) -> str:
        """Which store of its own the laboratory numbers its messages by.

        Raises:
            AdapterUnavailable: The laboratory cannot be reached.
        """
        return self._service.about().memory

    def _send(self, handle: Handle, memory: str, *, never_ran: bool) -> None:
        spec = self._jobs.spec(handle)
        document = Submission(
            key=handle,
            campaign=spec.campaign,
            settings=dict(spec.settings),
            units=dict(spec.units),
            smiles=dict(spec.smiles),
            targets=dict(spec.targets),
            replicate_no=spec.replicate_no,
            place=dict(spec.place),
            procedure=_procedure(self._recipe, spec),
            never_ran=never_ran,
            notify=self._options.notify,
        )
        self._sendings.note_sending(handle, memory)
        reached("http.sending")
        answer = self._service.submit(document)
        reached("http.sent")
        if isinstance(answer, Refusal):
            refusal = "; ".join(f"{p.subject}: {p.rule}; {p.remedy}" for p in answer.problems)
            self._sendings.end(handle, "refused", [dump(write_outcome(Fault.of(FaultKind.INPUT_ERROR, refusal)))])


def _doubt(seen: Experiment | UnknownKey, last: Sending | None) -> str:
    """Why nobody can tell whether it ran; "" where that is known."""
    if isinstance(seen, Experiment):
        return f"the laboratory cannot tell ({seen.detail or 'doubtful'})" if seen.state is State.DOUBTFUL else ""
    if last is None:
        return ""
    if last.is_accepted:
        return "the laboratory had it, and does not know its key any more"
    if last.memory != seen.memory:
        return "the laboratory's memory was replaced since it was sent, perhaps"
    return ""


def _key_of(handle: Handle) -> AttemptKey:
    """The key that a handle stands for; where it is the hash of one, itself."""
    return AttemptKey(unquote(handle))


def _text(result: Any) -> str:
    """A result as it came, for whoever judges it: also what is no outcome, and NaN, which is no JSON."""
    return json.dumps(result, sort_keys=True)


def _procedure(recipe: Recipe | None, spec: ExperimentSpec) -> Procedure | None:
    """What is done for an experiment; None without a recipe."""
    if recipe is None:
        return None
    return Procedure.model_validate(in_full(recipe, spec.settings))
