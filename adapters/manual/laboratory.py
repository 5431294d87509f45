"""The manual laboratory: a worksheet that a person fills in.

A row is complete when every target has a value, or when ``outcome`` says how the experiment ended: ``measured``,
``negative``, ``cannot`` (be made), ``cancelled``, ``fault`` or ``fault:KIND``, such as ``fault:instrument_fault``. A
value may be given as a limit, such as ``<1``; further columns may say how many readings a value is the mean of
(``yield n``), and whatever was recorded beside it (``plate``, ``well``, ``instrument``); a column ``file`` names
photos and files beside the worksheet.
What the campaign asks to be recorded with each result (lot, operator, humidity) has columns from the start, which may
stay empty; their unit may be written anew. Files ``WORKSHEET-returned*.csv`` beside the worksheet, as its form gives
them back, are read as well. What was read of a row is stored at once and never changes; a row edited later gives a
further envelope, which goes out with whatever is fetched next. Rows that cannot be understood are passed on as they
are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.common.folder import Jobs, reachable, read_only, without_room
from adapters.common.limits import excluded
from adapters.errors import AdapterUnavailable
from adapters.manual.typed import Typed
from loop.contracts import (
    Absent,
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
)
from loop.recipe import Recipe


class Manual:
    """Puts each started attempt on the worksheet, and reads there how it ended."""

    def __init__(
        self,
        jobs: Jobs,
        worksheet: Path,
        targets: Mapping[str, str],
        beside: Mapping[str, str | None] | None = None,
        recipe: Recipe | None = None,
        campaign: str = "",
        words: Mapping[str, Sequence[str]] | None = None,
        molecules: Sequence[str] = (),
        order: Sequence[str] = (),
        derived: Sequence[str] = (),
    ) -> None:
        self._jobs, self._path, self._targets = jobs, worksheet, dict(targets)
        self._typed = Typed(jobs, worksheet, targets, beside, recipe, campaign, words, molecules, order, derived)

    def capabilities(self) -> Capabilities:
        return Capabilities(
            delivery=Delivery.KEYED,  # one row for each key, however often it is sent
            max_parallel=None,
            can_cancel=True,
            is_simulated=False,
            properties=self._targets,
            needs_person=True,
        )

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        return excluded(spec, self.capabilities())

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        return self._jobs.prepare(spec, key)

    def start(self, handle: Handle, key: AttemptKey) -> None:
        """Put the attempt on the worksheet; a row that is there stays as it is.

        Raises:
            UnknownHandle: Nothing was prepared under the handle, or it belongs to another key.
            AdapterUnavailable: The worksheet cannot be written.
        """
        self._jobs.checked(handle, key)
        if self._jobs.cancelled(handle) is not None:
            return
        if self._jobs.started(handle) is None:
            self._jobs.start(handle, {"ordinal": self._jobs.place(handle).ordinal})
        if not self._typed.returned.of(handle):
            self._typed.put_on(handle)

    def find(self, key: AttemptKey) -> Found | Absent:
        return self._jobs.find(key)

    def status(self, handle: Handle) -> Status:
        if not self._jobs.knows(handle):
            return Status(Phase.LOST, f"no attempt {handle!r} in {self._jobs.root}")
        if (cancelled := self._jobs.cancelled(handle)) is not None:
            return Status(Phase.ENDED, f"cancelled: {cancelled['reason']}")
        found = self._typed.collect(handle)
        came = bool(self._typed.returned.of(handle))
        if came and (found.says or not found.has_row):  # a row that was emptied again waits as it did before
            return Status(Phase.ENDED)
        if self._jobs.started(handle) is None:
            return Status(Phase.PREPARED)
        if not found.has_row:
            self._typed.put_on(handle)  # a row that got lost comes back
        return Status(
            Phase.WAITING, f"waits for row {self._jobs.key(handle)} of {self._path} to be filled in", found.wants
        )

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        if self.status(handle).phase is not Phase.ENDED:
            return ()
        self._typed.collect(handle)
        self._typed.collect_beside(handle)
        return self._typed.envelopes(handle)

    def late(self, handles: Sequence[Handle]) -> Sequence[Envelope]:
        """What is typed of attempts that ended otherwise, as by files of an instrument, and anew of others."""
        return self._typed.late(handles)

    def cancel(self, handle: Handle, reason: str) -> None:
        """Call the attempt off and say so in its row; one whose row is filled in stays as it is."""
        if self.status(handle).phase in (Phase.LOST, Phase.ENDED):
            return
        self._jobs.call_off(handle, reason)
        self._typed.say_cancelled(self._jobs.key(handle))

    def health(self) -> Health:
        if (path := read_only(self._path.parent)) is not None:
            return Health(False, f"no worksheet can be written in {path}; give the right to, or name another place")
        try:
            with reachable(self._path.parent):
                full = without_room(self._path.parent)
            self._typed.check()
        except AdapterUnavailable as error:
            return Health(False, str(error))
        if full:
            return Health(False, f"{full}, or the worksheet gets no rows")
        return Health(True, f"results come when a person fills in {self._path}")
