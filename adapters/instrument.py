"""An instrument's folder: the file that names an attempt is its result, handed over as it came.

The attempt's key may stand in the file (column ``key`` or ``sample``), or its plate and well; the campaign's
``analysis`` makes values of it. Files that lay there when the attempt was started are of others. A
file counts when nobody has written to it for ``settle`` seconds; it is copied then, so that what was handed over never
changes.

What is to be measured is listed in ``samples.csv`` in the same folder, a line for each attempt, for whoever types or
loads the instrument's sequence.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from adapters.common.durable import replace, write_once
from adapters.common.folder import Jobs, reachable, read_json
from adapters.common.instant import dump
from adapters.common.limits import excluded
from adapters.common.options import Options, read_options, resolve
from adapters.errors import UnknownHandle
from adapters.played_instrument import PlayedInstrument, PlayedOptions
from loop.analysis import read_file
from loop.analysis.readings import Label, plate_name, well_name
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
    RawFile,
    Status,
)
from loop.errors import AnalysisError
from loop.outcome import Fault, FaultKind, write_outcome
from loop.raw import raw_envelope

DELIVERY: Final = Delivery.KEYED  # one line of the list for each key
EXAMPLE: Final = """\
laboratory:
  adapter: instrument
  folder: hplc              # where it leaves its files
  file: "plate-{plate}*.csv"
"""
SAMPLES: Final = "samples.csv"
_MARK: Final = re.compile(r"\{(\w*)\}")


class InstrumentOptions(Options):
    """What a campaign file may say of an instrument."""

    folder: str  # as seen from the campaign file
    file: str = "*"  # which files, with {plate}, {well} and {key} for the attempt's
    settle: Annotated[float, Field(ge=0)] = 5.0  # seconds that nobody has written to a file
    played: PlayedOptions | None = None  # no instrument: its files are made from a measured table


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
        self._jobs, self._folder, self._options, self._played, self._clock = jobs, folder, options, played, clock
        self._read: dict[tuple[str, int, int], tuple[Label, ...]] = {}

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
        wanted = {m[1] for m in _MARK.finditer(self._options.file)} - {"key"}
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
        if not self._jobs.knows(handle) or self._jobs.key(handle) != key:
            raise UnknownHandle(handle)
        if self._jobs.cancelled(handle) is not None:
            return
        if self._jobs.started(handle) is None:
            before = [path.name for path in self._files(handle)]
            self._jobs.start(handle, {"ordinal": self._jobs.place(handle).ordinal, "before": before})
        self._list(handle, key)
        reached("instrument.listed")

    def find(self, key: AttemptKey) -> Found | Absent:
        return self._jobs.find(key)

    def status(self, handle: Handle) -> Status:
        if not self._jobs.knows(handle):
            return Status(Phase.LOST, f"no attempt {handle!r} in {self._jobs.root}")
        if (cancelled := self._jobs.cancelled(handle)) is not None:
            return Status(Phase.ENDED, f"cancelled: {cancelled['reason']}")
        if self._kept(handle) is not None:
            return Status(Phase.ENDED)
        if self._jobs.started(handle) is None:
            return Status(Phase.PREPARED)
        if self._played is not None:
            self._played.measure(self._jobs, self._folder)
        if self._take(handle):
            return Status(Phase.ENDED)
        return Status(Phase.WAITING, f"waits for a file in {self._folder} that names it")

    def fetch(self, handle: Handle) -> Sequence[Envelope]:
        if self.status(handle).phase is not Phase.ENDED:
            return ()
        key = self._jobs.key(handle)
        if (cancelled := self._jobs.cancelled(handle)) is not None:
            return (Envelope(key, str(cancelled["payload"])),)
        kept = self._kept(handle)
        assert kept is not None
        path = self._jobs.folder(handle) / "result"
        with reachable(path):
            data = path.read_bytes()
        return (raw_envelope(key, [RawFile(str(kept["name"]), data)], plate=str(kept["plate"])),)

    def cancel(self, handle: Handle, reason: str) -> None:
        if not self._jobs.knows(handle) or self._kept(handle) is not None:
            return
        payload = dump(write_outcome(Fault.of(FaultKind.CANCELLED, reason)))
        self._jobs.cancel(handle, {"reason": reason, "payload": payload})

    def health(self) -> Health:
        if self._played is not None:
            return Health(True, f"no instrument: files are made from {self._played.name}")
        if not self._folder.is_dir():
            return Health(False, f"{self._folder} is no folder; make it, or correct laboratory.folder")
        return Health(True, f"results come as files in {self._folder}")

    def _list(self, handle: Handle, key: AttemptKey) -> None:
        """A line for the attempt in the list of samples, once."""
        place = self._jobs.spec(handle).place
        path = self._folder / SAMPLES
        with self._jobs.locked("samples.lock"), reachable(path):
            self._folder.mkdir(parents=True, exist_ok=True)
            text = path.read_text(encoding="utf-8") if path.exists() else "sample,plate,well\n"
            rows = list(csv.reader(io.StringIO(text)))
            if any(row[:1] == [key] for row in rows):
                return
            line = io.StringIO()
            csv.writer(line, lineterminator="\n").writerow([key, place.get("plate", ""), place.get("well", "")])
            replace(path, text + line.getvalue())

    def _files(self, handle: Handle) -> list[Path]:
        """The files that may be of the attempt, oldest first; not the list of samples."""
        marks = {**self._jobs.spec(handle).place, "key": self._jobs.key(handle)}
        pattern = _MARK.sub(lambda m: _literal(str(marks.get(m[1], ""))), self._options.file)
        with reachable(self._folder):
            found = [p for p in self._folder.glob(pattern) if p.is_file() and p.name != SAMPLES and p.name[:1] != "."]
            return sorted(found, key=lambda p: (p.stat().st_mtime, p.name))

    def _take(self, handle: Handle) -> bool:
        """Keep the attempt's file where it is there and whole."""
        started = self._jobs.started(handle) or {}
        for path in self._files(handle):
            if path.name in started.get("before", ()):
                continue
            with reachable(path):
                told = path.stat()
                if self._clock() - told.st_mtime < self._options.settle:
                    continue
                data = path.read_bytes()
            labels = self._labels(path.name, data, told)
            if any(_names(label, self._jobs.key(handle), self._jobs.spec(handle).place) for label in labels):
                with reachable(path):
                    _keep(self._jobs.folder(handle), path.name, self._plate(handle, labels), data)
                reached("instrument.kept")
                return True
        return False

    def _plate(self, handle: Handle, labels: Sequence[Label]) -> str:
        """The plate to be said of the file: none where it says it itself."""
        says = any(label.plate for label in labels)
        return "" if says else self._jobs.spec(handle).place.get("plate", "")

    def _labels(self, name: str, data: bytes, told: os.stat_result) -> tuple[Label, ...]:
        """What a file names; nothing where it cannot be read, which is said when a person brings it."""
        place = (name, told.st_mtime_ns, told.st_size)
        if place not in self._read:
            try:
                self._read[place] = tuple(reading.label for reading in read_file(name, data))
            except AnalysisError:
                self._read[place] = ()
        return self._read[place]

    def _kept(self, handle: Handle) -> Mapping[str, Any] | None:
        return read_json(self._jobs.folder(handle) / "result.json")


def _names(label: Label, key: AttemptKey, place: Mapping[str, str]) -> bool:
    """Whether a label names the attempt: by its key, or by its well and no other key or plate."""
    if key in (label.key, label.sample):
        return True
    if label.key or not label.well or "well" not in place or well_name(label.well) != well_name(place["well"]):
        return False
    return label.plate is None or plate_name(label.plate) == plate_name(place.get("plate", ""))


def _keep(folder: Path, name: str, plate: str, data: bytes) -> None:
    """The file's bytes first, whole, then the note that they are there."""
    temporary = folder / f".result.{os.getpid()}.tmp"
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, folder / "result")
    write_once(folder / "result.json", json.dumps({"name": name, "plate": plate}))


def _literal(text: str) -> str:
    """A text in which no letter means several."""
    return re.sub(r"([*?\[])", r"[\1]", text)


def build(options: Mapping[str, Any], context: AdapterContext) -> Instrument:
    """An instrument from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is unknown, missing or of the wrong type.
        TableError: The table that it is played from cannot be read.
    """
    settings = read_options(InstrumentOptions, "instrument", options)
    folder = resolve(context.base, settings.folder)
    played = None
    if settings.played is not None:
        folder = Path(context.folder) / "files"  # beside the record: the example's own folder stays as it is
        played = PlayedInstrument.of(settings.played, context)
    return Instrument(Jobs(context.folder), folder, settings, played)
