"""Files: what an instrument left in its folder, each read once in the state it is in."""

from __future__ import annotations

import os
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from adapters.common.folder import cannot_be_read_now, reachable
from adapters.common.resting import Resting, mark_of
from adapters.instrument.options import InstrumentOptions
from adapters.instrument.share import SharesClock
from loop.analysis import is_cut_off, read_file
from loop.analysis.readings import Label
from loop.errors import AdapterUnavailable, AnalysisError

SAMPLES: Final = "samples.csv"  # what is to be measured, which is no file of the instrument's


class Files:
    """The files of a folder, but for the list of samples."""

    def __init__(self, folder: Path, options: InstrumentOptions, resting: Resting, clock: Callable[[], float]) -> None:
        self.folder = folder
        self._options, self._resting, self._clock = options, resting, clock
        self._share = SharesClock(folder, clock)
        self._read: dict[tuple[str, int, int], tuple[Label, ...]] = {}
        self._unread: dict[tuple[str, int, int], str] = {}  # why a file cannot be read
        self._kept_open: dict[str, str] = {}  # by name, why a file could not be read when it was looked at last

    def check(self) -> None:
        """Raises ``AdapterUnavailable`` where the folder is not there: what it will hold may be old."""
        if not self.folder.is_dir():
            raise AdapterUnavailable(f"there is no folder {self.folder}; mount the share that has it, or make it")

    def called(self, pattern: str) -> list[Path]:
        """The files whose name is of a pattern."""
        with reachable(self.folder):
            there = self.folder.iterdir() if self.folder.is_dir() else ()
            named = (p for p in there if is_called(p.name, pattern) and p.name[0] not in ".~" and p.name != SAMPLES)
            return [p for p in named if p.is_file()]

    def settled(self, path: Path, told: os.stat_result) -> bytes | None:
        """The bytes of a file that nobody is writing any more; None for another, and for one that is kept open."""
        self._kept_open.pop(path.name, None)
        age = self._clock() - told.st_mtime
        if age < 0:  # the clock of the instrument, or the share's, is ahead of ours
            age = self._resting.seconds(path, mark_of(told))
            self._resting.keep(self.folder)
        elif age >= self._options.settle > 0:
            age -= self._share.behind()
        if age < self._options.settle:
            return None
        try:
            data = path.read_bytes()
        except OSError as error:
            if not (why := cannot_be_read_now(error)):
                raise
            self._kept_open[path.name] = f"{path.name} {why}"
            return None
        return data

    def is_cut(self, data: bytes) -> bool:
        """Whether a file does not end as it should."""
        return self._options.final_newline and is_cut_off(data)

    def labels(self, name: str, data: bytes, told: os.stat_result) -> tuple[Label, ...]:
        """What a file names; nothing where it cannot be read."""
        place = _place(name, told)
        if place not in self._read:
            try:
                self._read[place] = tuple(reading.label for reading in read_file(name, data))
            except AnalysisError as error:
                self._read[place], self._unread[place] = (), str(error)
        return self._read[place]

    def why_unread(self, name: str, told: os.stat_result) -> str:
        """Why a file could not be read when it was asked for; "" where it could."""
        return self._kept_open.get(name) or self._unread.get(_place(name, told), "")

    def was_read(self, name: str, told: os.stat_result) -> bool:
        """Whether this state of a file was asked for its labels before."""
        return _place(name, told) in self._read


def is_called(name: str, pattern: str) -> bool:
    """Whether a file has a name of that pattern; programs on Windows write ``.CSV`` as well."""
    return fnmatchcase(name.lower(), pattern.lower())


def _place(name: str, told: os.stat_result) -> tuple[str, int, int]:
    """A state of a file."""
    return name, told.st_mtime_ns, told.st_size
