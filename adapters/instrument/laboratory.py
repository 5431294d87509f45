"""An instrument's folder: the file that names an attempt is its result, handed over as it came.

The attempt's key may stand in the file (column ``key`` or ``sample``), or its plate and well; the campaign's
``analysis`` makes values of it. Files that lay there when the attempt was started are of others. A file counts when
its last line ends (one cut off within a number would be another number) and nobody has written to it for ``settle``
seconds; it is copied then, so that what was handed over never changes. One that says something else later goes out
beside the next result, for a person to judge.

What is to be measured is listed in ``samples.csv`` in the same folder, a line for each attempt, for whoever types or
loads the instrument's sequence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from adapters.common.folder import Jobs, reachable
from adapters.common.later import Later
from adapters.common.limits import excluded
from adapters.common.resting import Resting
from adapters.instrument.files import SAMPLES, Files
from adapters.instrument.further import Further
from adapters.instrument.options import DELIVERY, InstrumentOptions
from adapters.instrument.played import PlayedInstrument
from adapters.instrument.samples import list_sample
from adapters.instrument.sought import MARK, Sought
from adapters.instrument.waiting import Waiting
from adapters.instrument.withheld import Withheld
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
    RawFile,
    Status,
)
from loop.errors import AdapterUnavailable
from loop.raw import raw_envelope

_END_IT: Final = "let the instrument end it, or say final_newline: false where it never does"


class Instrument:
    """Lists each started attempt, and looks for the file that bears it."""

    def __init__(
        self,
        jobs: Jobs,
        folder: Path,
        options: InstrumentOptions,
        played: PlayedInstrument | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._jobs, self._folder, self._options, self._played = jobs, folder, options, played
        self._provenance = {} if options.final_newline else {"final_newline": False}  # what the analysis must know
        self._waiting = Waiting(folder, jobs)
        self._files = Files(folder, options, Resting(jobs.root / "resting.json", clock), clock)
        self._sought = Sought(jobs, self._files, options)
        self._withheld = Withheld(self._sought, self._waiting)
        self._further = Further(self._sought, self._provenance)
        self._later = Later(jobs, clock)

    def capabilities(self) -> Capabilities:
        return Capabilities(
            delivery=DELIVERY,
            max_parallel=None,
            can_cancel=True,
            is_simulated=self._played is not None,
            properties=None if self._played is None else self._played.targets,
            parameters=None if self._played is None else self._played.parameters,
            needs_person=self._played is None,
        )

    def validate(self, spec: ExperimentSpec) -> Sequence[Problem]:
        problems = excluded(spec, self.capabilities())
        if self._played is not None and not problems:
            problems += self._played.problems(spec)
        wanted = {m[1] for m in MARK.finditer(self._options.file)} - {"key"}
        if missing := sorted(wanted - set(spec.place)):
            rule = f"the instrument's files are called {self._options.file}, and it has no {missing[0]}"
            problems.append(
                Problem("experiment", rule, "add a section plate, or take {" + missing[0] + "} out of file")
            )
        return problems

    def prepare(self, spec: ExperimentSpec, key: AttemptKey) -> Handle:
        return self._jobs.prepare(spec, key)

    def start(self, handle: Handle, key: AttemptKey) -> None:
        """Put the attempt on the list of samples; what lies in the folder already is of others.

        Raises:
            UnknownHandle: Nothing was prepared under the handle, or it belongs to another key.
            AdapterUnavailable: A folder cannot be used.
        """
        self._jobs.checked(handle, key)
        if self._jobs.cancelled(handle) is not None:
            return
        self._check_folder()
        if self._jobs.started(handle) is None:
            there = (*self._files.called("*"), *self._sought.of(handle))  # the option file may be mended
            before = sorted({path.name for path in there})
            self._jobs.start(handle, {"ordinal": self._jobs.place(handle).ordinal, "before": before})
        self._list(handle, key)
        self._waiting.tell(handle, self._sought.pattern(handle))
        reached("instrument.listed")

    def find(self, key: AttemptKey) -> Found | Absent:
        return self._jobs.find(key)

    def status(self, handle: Handle) -> Status:
        if not self._jobs.knows(handle):
            return Status(Phase.LOST, f"no attempt {handle!r} in {self._jobs.root}")
        if (cancelled := self._jobs.cancelled(handle)) is not None:
            return Status(Phase.ENDED, f"cancelled: {cancelled['reason']}")
        if self._sought.kept(handle) is not None:
            return Status(Phase.ENDED)
        if self._jobs.started(handle) is None:
            return Status(Phase.PREPARED)
        if self._played is not None:
            self._played.measure(self._jobs, self._folder)
        self._check_folder()
        self._waiting.tell(handle, self._sought.pattern(handle))  # it may have been mended
        is_kept, wants = self._take(handle)
        if is_kept:
            self._waiting.is_over(handle)
            return Status(Phase.ENDED)
        with suppress(AdapterUnavailable):  # results can be read all the same
            self._list(handle, self._jobs.key(handle))  # a line that got lost comes back
        return Status(Phase.WAITING, f"waits for a file in {self._folder} that names it", wants)

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        if self.status(handle).phase is not Phase.ENDED:
            return ()
        key = self._jobs.key(handle)
        if (cancelled := self._jobs.cancelled(handle)) is not None:
            return (Envelope(key, str(cancelled["payload"])),)
        own = self._own(handle)
        with self._jobs.locked("later.lock"):
            if self._played is None:  # else nobody but us writes there
                self._further.look()
            return (own, *self._further.give_out(handle))

    def late(self, handles: Sequence[Handle]) -> Sequence[Envelope]:
        """The files of attempts that ended otherwise. Each is looked for ever more rarely, until it is there."""
        self._check_folder()
        latest = set(self._further.latest())  # what names the place alone is of who was started there last
        mine = [h for h in handles if h in latest and self._jobs.cancelled(h) is None]
        if self._played is None:
            self._later.ask((h for h in mine if self._sought.kept(h) is None), self._take, lambda: True)
        return [self._own(h) for h in mine if self._sought.kept(h) is not None]

    def cancel(self, handle: Handle, reason: str) -> None:
        if not self._jobs.knows(handle) or self._sought.kept(handle) is not None:
            return
        self._jobs.call_off(handle, reason)
        self._waiting.is_over(handle)

    def health(self) -> Health:
        if self._played is not None:
            return Health(True, f"no instrument: files are made from {self._played.name}")
        if not self._folder.is_dir():
            return Health(False, f"{self._folder} is no folder; make it, or correct laboratory.folder")
        with self._jobs.locked("later.lock"):
            self._further.look()
            n = self._further.n_waiting()
        said = f"; changed after they were taken, and going out with the next result: {n}" if n else ""
        return Health(True, f"results come as files in {self._folder}{said}")

    def _own(self, handle: Handle) -> Envelope:
        """The file that was kept for an attempt."""
        kept = self._sought.kept(handle)
        assert kept is not None
        file = RawFile(str(kept["name"]), self._sought.kept_bytes(handle))
        return raw_envelope(self._jobs.key(handle), [file], plate=str(kept["plate"]), provenance=self._provenance)

    def _check_folder(self) -> None:
        """Raises ``AdapterUnavailable`` where an instrument's folder is not there."""
        if self._played is None:
            self._files.check()

    def _list(self, handle: Handle, key: AttemptKey) -> None:
        """A line for the attempt in the list of samples, once."""
        place = self._jobs.spec(handle).place
        path = self._folder / SAMPLES
        with self._waiting.alone(), reachable(path):
            list_sample(path, key, place.get("plate", ""), place.get("well", ""))

    def _take(self, handle: Handle) -> tuple[bool, str]:
        """Keep the attempt's file where it is there and whole: whether it is kept, and what keeps one from being so."""
        sought, withheld, before, wants = self._sought, self._withheld, self._sought.before(handle), ""
        for path in sought.of(handle):
            if path.name in before:
                continue
            with reachable(path):
                told = path.stat()
                data = self._files.settled(path, told)
            if data is None:
                locked = self._files.why_unread(path.name, told)
                wants = wants or (f"waits, and {locked}" if locked else "")
                continue
            if not (labels := sought.labels_for(handle, path.name, data, told)):
                why = self._files.why_unread(path.name, told)
                wants = wants or (f"waits, and {why}" if why else "")
                others = self._files.labels(path.name, data, told)
                wants = wants or withheld.of_another_plate(handle, path.name, others)
                wants = wants or withheld.of_other_wells(handle, path.name, others)
                continue
            if self._files.is_cut(data):
                wants = f"waits, since {path.name} is cut off: its last line does not end; {_END_IT}"
                continue
            if (rival := withheld.rival(handle, path.name, labels)) is not None:
                wants = withheld.asked_whose(handle, path, rival)
                continue
            sought.keep(handle, path, sought.plate(handle, labels), data, told)
            reached("instrument.kept")
            return True, ""
        return False, wants or withheld.called_otherwise(handle)
