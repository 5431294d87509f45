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

import json
import os
import re
import shlex
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from adapters.common.durable import replace_bytes, write_once
from adapters.common.folder import Jobs, reachable, read_json
from adapters.common.limits import excluded
from adapters.common.resting import Resting, mark_of
from adapters.common.returned import Returned
from adapters.instrument.options import DELIVERY, InstrumentOptions
from adapters.instrument.played import PlayedInstrument
from adapters.instrument.samples import list_sample
from adapters.instrument.waiting import Waiting
from loop.analysis import is_cut_off, read_file
from loop.analysis.readings import Label, plate_name, well_name
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
from loop.errors import AdapterUnavailable, AnalysisError
from loop.raw import FileName, raw_envelope, raw_payload, read_raw, sha_of

SAMPLES: Final = "samples.csv"
_END_IT: Final = "let the instrument end it, or say final_newline: false where it never does"
_LATER: Final = "later"  # folder of files that changed after they were taken, by their hash
_LOOKED: Final = "looked.json"  # files that were looked at for what they say of attempts that have their result
_MARK: Final = re.compile(r"\{(\w*)\}")


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
        self._returned, self._resting = Returned(jobs), Resting(jobs.root / "resting.json", clock)
        self._waiting = Waiting(folder, jobs)
        self._asking: dict[str, Handle] = {}  # by file, the attempt beside which it is asked whose it is
        self._read: dict[tuple[str, int, int], tuple[Label, ...]] = {}
        self._unread: dict[tuple[str, int, int], str] = {}  # why a file cannot be read
        self._looked_at: set[tuple[Handle, int, int]] = set()  # later states of kept files, by time and size

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
        self._jobs.checked(handle, key)
        if self._jobs.cancelled(handle) is not None:
            return
        self._check_folder()
        if self._jobs.started(handle) is None:
            before = sorted({path.name for path in (*self._found("*"), *self._files(handle))})  # file may be mended
            self._jobs.start(handle, {"ordinal": self._jobs.place(handle).ordinal, "before": before})
        self._list(handle, key)
        self._waiting.tell(handle, self._pattern(handle))
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
        self._check_folder()
        self._waiting.tell(handle, self._pattern(handle))  # it may have been mended
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
        kept = self._kept(handle)
        assert kept is not None
        path = self._jobs.folder(handle) / "result"
        with reachable(path):
            data = path.read_bytes()
        file = RawFile(str(kept["name"]), data)
        own = raw_envelope(key, [file], plate=str(kept["plate"]), provenance=self._provenance())
        with self._jobs.locked("later.lock"):
            self._look_again()
            return (own, *(_with_files(e, self._jobs.root / _LATER) for e in self._returned.give_out(handle)))

    def cancel(self, handle: Handle, reason: str) -> None:
        if not self._jobs.knows(handle) or self._kept(handle) is not None:
            return
        self._jobs.call_off(handle, reason)
        self._waiting.is_over(handle)

    def health(self) -> Health:
        if self._played is not None:
            return Health(True, f"no instrument: files are made from {self._played.name}")
        if not self._folder.is_dir():
            return Health(False, f"{self._folder} is no folder; make it, or correct laboratory.folder")
        with self._jobs.locked("later.lock"):
            self._look_again()
            n = self._returned.n_waiting()
        said = f"; changed after they were taken, and going out with the next result: {n}" if n else ""
        return Health(True, f"results come as files in {self._folder}{said}")

    def _check_folder(self) -> None:
        """Raises ``AdapterUnavailable`` where the folder is not there: what it will hold may be old."""
        if self._played is None and not self._folder.is_dir():
            raise AdapterUnavailable(f"there is no folder {self._folder}; mount the share that has it, or make it")

    def _list(self, handle: Handle, key: AttemptKey) -> None:
        """A line for the attempt in the list of samples, once."""
        place = self._jobs.spec(handle).place
        path = self._folder / SAMPLES
        with self._waiting.alone(), reachable(path):
            list_sample(path, key, place.get("plate", ""), place.get("well", ""))

    def _files(self, handle: Handle) -> list[Path]:
        """The files that may be of the attempt, oldest first; not the list of samples."""
        with reachable(self._folder):
            return sorted(self._found(self._pattern(handle)), key=lambda p: (p.stat().st_mtime, p.name))

    def _pattern(self, handle: Handle) -> str:
        """What the files of an attempt are called."""
        marks = {**self._jobs.spec(handle).place, "key": self._jobs.key(handle)}
        return _MARK.sub(lambda m: _literal(str(marks.get(m[1], ""))), self._options.file)

    def _found(self, pattern: str) -> list[Path]:
        """The files of that name."""
        with reachable(self._folder):
            there = self._folder.iterdir() if self._folder.is_dir() else ()
            named = (p for p in there if fnmatchcase(p.name, pattern) and p.name[0] != "." and p.name != SAMPLES)
            return [p for p in named if p.is_file()]

    def _take(self, handle: Handle) -> tuple[bool, str]:
        """Keep the attempt's file where it is there and whole: whether it is kept, and what keeps one from being so."""
        before, wants = frozenset((self._jobs.started(handle) or {}).get("before", ())), ""
        for path in self._files(handle):
            if path.name in before:
                continue
            with reachable(path):
                told = path.stat()
                data = self._settled(path, told)
            if data is None:
                continue
            if not (labels := self._labels_for(handle, path.name, data, told)):
                why = self._unread.get(_place(path.name, told), "")
                wants = wants or (f"waits, and {why}" if why else "")
                others = self._labels(path.name, data, told)
                wants = wants or self._of_another_plate(handle, path.name, others)
                wants = wants or self._of_other_wells(handle, path.name, others)
                continue
            if self._is_cut(data):
                wants = f"waits, since {path.name} is cut off: its last line does not end; {_END_IT}"
                continue
            if (rival := self._rival(handle, path.name, labels)) is not None:
                wants = self._asked_whose(handle, path, rival)
                continue
            with reachable(path):
                _keep(self._jobs.folder(handle), path.name, self._plate(handle, labels), data, told)
            reached("instrument.kept")
            return True, ""
        return False, wants or self._called_otherwise(handle, before)

    def _called_otherwise(self, handle: Handle, before: Collection[str]) -> str:
        """What is to be said of a file that names the attempt for certain, and is not called as its files are.

        Files of another kind (``.csv``) than the attempt's own are not opened for that.
        """
        pattern, key, place = self._pattern(handle), self._jobs.key(handle), self._jobs.spec(handle).place
        kind = Path(pattern).suffix
        for path in self._found(f"*{kind}") if re.fullmatch(r"\.\w+", kind) else ():
            if path.name in before or fnmatchcase(path.name, pattern):
                continue
            with reachable(path):
                told = path.stat()
                data = b"" if _place(path.name, told) in self._read else self._settled(path, told)
            labels = () if data is None else self._labels(path.name, data, told)
            is_told = any(_names(x, key, place) and (x.plate or key in (x.key, x.sample)) for x in labels)
            if is_told and self._waiting.rival(handle, path.name) is None:
                return (
                    f"waits, and {path.name}, which tells of it, is not called {pattern}; call it so, or mend "
                    "laboratory.file"
                )
        return ""

    def _of_another_plate(self, handle: Handle, name: str, labels: Sequence[Label]) -> str:
        """What is to be said of a file that is called after the attempt's plate and tells of others only."""
        plate = self._jobs.spec(handle).place.get("plate", "")
        others = {plate_name(label.plate) for label in labels if label.plate and not label.key}
        is_told_of_each = bool(labels) and all(label.plate and not label.key for label in labels)
        if "{plate}" not in self._options.file or not is_told_of_each or plate_name(plate) in others:
            return ""
        return (
            f"waits, since {name} is called after plate {plate} and names {', '.join(sorted(others))} in every line; "
            "let the file name the plate that it is of, or call it after that one"
        )

    def _of_other_wells(self, handle: Handle, name: str, labels: Sequence[Label]) -> str:
        """What is to be said of a file of the attempt's plate that lacks its well, and has some of no experiment.

        It is of that plate where others have their result from it, and no other campaign may mean it.
        """
        place, others = self._jobs.spec(handle).place, self._jobs.handles()
        plate = plate_name(place.get("plate", ""))
        of_plate = [h for h in others if plate_name(self._jobs.spec(h).place.get("plate", "")) == plate]
        is_taken = any((self._kept(h) or {}).get("name") == name for h in of_plate)
        if "well" not in place or not is_taken or self._waiting.rival(handle, name) is not None:
            return ""
        asked = {well_name(self._jobs.spec(h).place.get("well", "")) for h in of_plate}
        told = (x.well for x in labels if x.well and not x.key and x.plate and plate_name(x.plate) == plate)
        strange = list(dict.fromkeys(well for well in told if well_name(well) not in asked))
        if not strange:
            return ""
        return (
            f"waits, and {name}, which is of its plate, lacks its well and tells of {', '.join(strange)}, where the "
            "plate has no experiment; correct the file if that is a slip"
        )

    def _rival(self, handle: Handle, name: str, labels: Sequence[Label]) -> str | None:
        """Another campaign that may mean the file, where only plate and well say that it is the attempt's."""
        key = self._jobs.key(handle)
        is_named = any(key in (label.key, label.sample) for label in labels)
        may_be = not is_named and "plate" in self._jobs.spec(handle).place
        return self._waiting.rival(handle, name) if may_be else None

    def _asked_whose(self, handle: Handle, path: Path, rival: str) -> str:
        """What one of the attempts that may be in a file says of it, the first that was asked."""
        first = self._asking.setdefault(path.name, handle)
        if first != handle and self._kept(first) is None:
            return ""
        self._asking[path.name] = handle
        spec = self._jobs.spec(handle)
        ingest = f"hakken ingest {shlex.quote(str(path))} --campaign {shlex.quote(spec.campaign)}"
        return (
            f"waits, since {path.name} names no sample, and campaign {rival!r} waits for a plate "
            f"{spec.place['plate']!r} of this instrument, too; let the file name the samples ({SAMPLES}), or give each "
            f"campaign a folder of its own; if it is this campaign's: {ingest}"
        )

    def _look_again(self) -> None:
        """Keep what a file says by now of the attempt that it was taken for, where it was not whole or was changed."""
        if self._played is not None:  # nobody but us writes there
            return
        for handle in self._jobs.handles():
            kept = self._kept(handle)
            path = self._folder / str((kept or {}).get("name"))
            if kept is None or not path.is_file():
                continue
            with reachable(path):
                told = path.stat()
                seen = (handle, told.st_mtime_ns, told.st_size)
                if seen[1:] == (kept.get("mtime_ns"), kept.get("size")) or seen in self._looked_at:
                    continue
                data = self._settled(path, told)
                if data is None or self._is_cut(data):
                    continue
                self._looked_at.add(seen)
                if data == (self._jobs.folder(handle) / "result").read_bytes():
                    continue
                if labels := self._labels_for(handle, path.name, data, told):
                    self._keep_later(handle, path.name, self._plate(handle, labels), data)
        self._look_further()

    def _look_further(self) -> None:
        """Keep what further files say of attempts that have their result, each state of a file looked at once."""
        memory = self._jobs.root / _LOOKED
        known = dict(read_json(memory) or {})
        new = dict(known)
        for path in self._found("*"):
            with reachable(path):
                told = path.stat()
                mark = [told.st_mtime_ns, told.st_size]
                data = None if known.get(path.name) == mark else self._settled(path, told)
            if data is None or self._is_cut(data):
                continue
            new[path.name] = mark
            for handle in self._latest():
                self._look_for(handle, path, data, told)
        if new != known:
            replace_bytes(memory, json.dumps(new).encode())

    def _look_for(self, handle: Handle, path: Path, data: bytes, told: os.stat_result) -> None:
        """Keep a file that tells of an attempt, where that has its result from another one that says something else."""
        kept = self._kept(handle)
        before = (self._jobs.started(handle) or {}).get("before", ())
        if kept is None or path.name in (kept["name"], *before) or not fnmatchcase(path.name, self._pattern(handle)):
            return
        labels = self._labels_for(handle, path.name, data, told)
        if labels and data != (self._jobs.folder(handle) / "result").read_bytes():
            self._keep_later(handle, path.name, self._plate(handle, labels), data)

    def _latest(self) -> list[Handle]:
        """Of each place the attempt that was started last: a file that names nothing but the place is of that one."""
        started = [(h, said) for h in self._jobs.handles() if (said := self._jobs.started(h)) is not None]
        found: dict[object, Handle] = {}
        for handle, _ in sorted(started, key=lambda pair: int(pair[1]["ordinal"])):
            place = self._jobs.spec(handle).place
            found[(place.get("plate"), place["well"]) if "well" in place else handle] = handle
        return list(found.values())

    def _keep_later(self, handle: Handle, name: str, plate: str, data: bytes) -> None:
        """The bytes first, whole, then what goes out beside the next result."""
        sha = sha_of(data)
        folder = self._jobs.root / _LATER
        folder.mkdir(exist_ok=True)
        replace_bytes(folder / sha, data)
        payload = raw_payload([FileName(name, sha, len(data))], plate=plate, provenance=self._provenance())
        self._returned.keep_beside(self._jobs.key(handle), payload)
        reached("instrument.kept_later")

    def _settled(self, path: Path, told: os.stat_result) -> bytes | None:
        """The bytes of a file that nobody is writing any more; None for another."""
        age = self._clock() - told.st_mtime
        if age < 0:  # the clock of the instrument, or the share's, is ahead of ours
            age = self._resting.seconds(path, mark_of(told))
        if age < self._options.settle:
            return None
        return path.read_bytes()

    def _is_cut(self, data: bytes) -> bool:
        """Whether a file does not end as it should."""
        return self._options.final_newline and is_cut_off(data)

    def _provenance(self) -> Mapping[str, Any]:
        """What the analysis must know of every file; nothing where it is as usual."""
        return {} if self._options.final_newline else {"final_newline": False}

    def _labels_for(self, handle: Handle, name: str, data: bytes, told: os.stat_result) -> tuple[Label, ...]:
        """What a file names, where the attempt is among it; else nothing."""
        labels, key, place = self._labels(name, data, told), self._jobs.key(handle), self._jobs.spec(handle).place
        return labels if any(_names(label, key, place) for label in labels) else ()

    def _plate(self, handle: Handle, labels: Sequence[Label]) -> str:
        """The plate to be said of the file: none where it says it itself."""
        says = any(label.plate for label in labels)
        return "" if says else self._jobs.spec(handle).place.get("plate", "")

    def _labels(self, name: str, data: bytes, told: os.stat_result) -> tuple[Label, ...]:
        """What a file names; nothing where it cannot be read."""
        place = _place(name, told)
        if place not in self._read:
            try:
                self._read[place] = tuple(reading.label for reading in read_file(name, data))
            except AnalysisError as error:
                self._read[place], self._unread[place] = (), str(error)
        return self._read[place]

    def _kept(self, handle: Handle) -> Mapping[str, Any] | None:
        return read_json(self._jobs.folder(handle) / "result.json")


def _place(name: str, told: os.stat_result) -> tuple[str, int, int]:
    """A state of a file."""
    return name, told.st_mtime_ns, told.st_size


def _names(label: Label, key: AttemptKey, place: Mapping[str, str]) -> bool:
    """Whether a label names the attempt: by its key, or by its well and no other key or plate."""
    if key in (label.key, label.sample):
        return True
    if label.key or not label.well or "well" not in place or well_name(label.well) != well_name(place["well"]):
        return False
    return label.plate is None or plate_name(label.plate) == plate_name(place.get("plate", ""))


def _keep(folder: Path, name: str, plate: str, data: bytes, told: os.stat_result) -> None:
    """The file's bytes first, whole, then the note that they are there."""
    replace_bytes(folder / "result", data)
    note = {"name": name, "plate": plate, "mtime_ns": told.st_mtime_ns, "size": len(data)}
    write_once(folder / "result.json", json.dumps(note))


def _with_files(envelope: Envelope, folder: Path) -> Envelope:
    """An envelope that names files, and their bytes."""
    with reachable(folder):
        named = read_raw(json.loads(envelope.payload)).files
        files = tuple(RawFile(f.name, (folder / f.sha).read_bytes()) for f in named)
    return replace(envelope, files=files)


def _literal(text: str) -> str:
    """A text in which no letter means several."""
    return re.sub(r"([*?\[])", r"[\1]", text)
