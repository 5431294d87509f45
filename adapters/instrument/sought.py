"""Sought: which of an instrument's files are an attempt's, and which one was kept for it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from adapters.common.durable import replace_bytes, write_once
from adapters.common.folder import Jobs, reachable, read_json
from adapters.instrument.files import Files, is_called
from adapters.instrument.options import InstrumentOptions
from loop.analysis.readings import Label, plate_name, well_name
from loop.contracts import AttemptKey, Handle

MARK: Final = re.compile(r"\{(\w*)\}")  # of what files are called


class Sought:
    """The files of attempts, as ``laboratory.file`` and their labels say."""

    def __init__(self, jobs: Jobs, files: Files, options: InstrumentOptions) -> None:
        self.jobs, self.files, self.options = jobs, files, options

    def pattern(self, handle: Handle) -> str:
        """What the files of an attempt are called."""
        marks = {**self.jobs.spec(handle).place, "key": self.jobs.key(handle)}
        return MARK.sub(lambda m: _literal(str(marks.get(m[1], ""))), self.options.file)

    def is_called_so(self, handle: Handle, name: str) -> bool:
        """Whether a file is called as the attempt's are."""
        return is_called(name, self.pattern(handle))

    def of(self, handle: Handle) -> list[Path]:
        """The files that may be of the attempt, oldest first; not the list of samples."""
        with reachable(self.files.folder):
            return sorted(self.files.called(self.pattern(handle)), key=lambda p: (p.stat().st_mtime, p.name))

    def labels_for(self, handle: Handle, name: str, data: bytes, told: os.stat_result) -> tuple[Label, ...]:
        """What a file names, where the attempt is among it; else nothing."""
        labels, key, place = self.files.labels(name, data, told), self.jobs.key(handle), self.jobs.spec(handle).place
        return labels if any(names(label, key, place) for label in labels) else ()

    def plate(self, handle: Handle, labels: Sequence[Label]) -> str:
        """The plate to be said of the file: none where it says it itself."""
        says = any(label.plate for label in labels)
        return "" if says else self.jobs.spec(handle).place.get("plate", "")

    def keep(self, handle: Handle, path: Path, plate: str, data: bytes, told: os.stat_result) -> None:
        """A file as the attempt's result: its bytes first, whole, then the note that they are there."""
        folder = self.jobs.folder(handle)
        with reachable(path):
            replace_bytes(folder / "result", data)
            note = {"name": path.name, "plate": plate, "mtime_ns": told.st_mtime_ns, "size": len(data)}
            write_once(folder / "result.json", json.dumps(note))

    def kept(self, handle: Handle) -> Mapping[str, Any] | None:
        """What is noted of the file that was kept; None where none was."""
        return read_json(self.jobs.folder(handle) / "result.json")

    def kept_bytes(self, handle: Handle) -> bytes:
        """The bytes of that file."""
        path = self.jobs.folder(handle) / "result"
        with reachable(path):
            return path.read_bytes()

    def before(self, handle: Handle) -> frozenset[str]:
        """The names of files that lay there when the attempt was started, which are of others."""
        return frozenset((self.jobs.started(handle) or {}).get("before", ()))


def names(label: Label, key: AttemptKey, place: Mapping[str, str]) -> bool:
    """Whether a label names the attempt: by its key, or by its well and no other key or plate."""
    if key in (label.key, label.sample):
        return True
    if label.key or not label.well or "well" not in place or well_name(label.well) != well_name(place["well"]):
        return False
    return label.plate is None or plate_name(label.plate) == plate_name(place.get("plate", ""))


def _literal(text: str) -> str:
    """A text in which no letter means several."""
    return re.sub(r"([*?\[])", r"[\1]", text)
