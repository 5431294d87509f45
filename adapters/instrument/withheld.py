"""Withheld: what keeps a file of an instrument from being an attempt's result, in words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from adapters.common.folder import reachable
from adapters.instrument.files import SAMPLES
from adapters.instrument.sought import Sought, names
from adapters.instrument.waiting import Waiting
from loop.analysis.readings import Label, plate_name, well_name
from loop.contracts import Handle


class Withheld:
    """Says of files that may be an attempt's why they are not taken; "" where there is nothing to say."""

    def __init__(self, sought: Sought, waiting: Waiting) -> None:
        self._sought, self._jobs, self._files, self._waiting = sought, sought.jobs, sought.files, waiting
        self._asking: dict[str, Handle] = {}  # by file, the attempt beside which it is asked whose it is

    def called_otherwise(self, handle: Handle) -> str:
        """What is to be said of a file that names the attempt for certain, and is not called as its files are.

        Files of another kind (``.csv``) than the attempt's own are not opened for that.
        """
        before, pattern = self._sought.before(handle), self._sought.pattern(handle)
        key, place = self._jobs.key(handle), self._jobs.spec(handle).place
        kind = Path(pattern).suffix
        for path in self._files.called(f"*{kind}") if re.fullmatch(r"\.\w+", kind) else ():
            if path.name in before or self._sought.is_called_so(handle, path.name):
                continue
            with reachable(path):
                told = path.stat()
                data = b"" if self._files.was_read(path.name, told) else self._files.settled(path, told)
            labels = () if data is None else self._files.labels(path.name, data, told)
            is_told = any(names(x, key, place) and (x.plate or key in (x.key, x.sample)) for x in labels)
            if is_told and self._waiting.rival(handle, path.name) is None:
                return (
                    f"waits, and {path.name}, which tells of it, is not called {pattern}; call it so, or mend "
                    "laboratory.file"
                )
        return ""

    def of_another_plate(self, handle: Handle, name: str, labels: Sequence[Label]) -> str:
        """What is to be said of a file that is called after the attempt's plate and tells of others only."""
        plate = self._jobs.spec(handle).place.get("plate", "")
        others = {plate_name(label.plate) for label in labels if label.plate and not label.key}
        is_told_of_each = bool(labels) and all(label.plate and not label.key for label in labels)
        if "{plate}" not in self._sought.options.file or not is_told_of_each or plate_name(plate) in others:
            return ""
        return (
            f"waits, since {name} is called after plate {plate} and names {', '.join(sorted(others))} in every line; "
            "let the file name the plate that it is of, or call it after that one"
        )

    def of_other_wells(self, handle: Handle, name: str, labels: Sequence[Label]) -> str:
        """What is to be said of a file of the attempt's plate that lacks its well, and has some of no experiment.

        It is of that plate where others have their result from it, and no other campaign may mean it.
        """
        place, others = self._jobs.spec(handle).place, self._jobs.handles()
        plate = plate_name(place.get("plate", ""))
        of_plate = [h for h in others if plate_name(self._jobs.spec(h).place.get("plate", "")) == plate]
        is_taken = any((self._sought.kept(h) or {}).get("name") == name for h in of_plate)
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

    def rival(self, handle: Handle, name: str, labels: Sequence[Label]) -> str | None:
        """Another campaign that may mean the file, where only plate and well say that it is the attempt's."""
        key = self._jobs.key(handle)
        is_named = any(key in (label.key, label.sample) for label in labels)
        may_be = not is_named and "plate" in self._jobs.spec(handle).place
        return self._waiting.rival(handle, name) if may_be else None

    def asked_whose(self, handle: Handle, path: Path, rival: str) -> str:
        """What one of the attempts that may be in a file says of it, the first that was asked."""
        first = self._asking.setdefault(path.name, handle)
        if first != handle and self._sought.kept(first) is None:
            return ""
        self._asking[path.name] = handle
        spec = self._jobs.spec(handle)
        ingest = f"hakken ingest {shlex.quote(str(path))} --campaign {shlex.quote(spec.campaign)}"
        return (
            f"waits, since {path.name} names no sample, and campaign {rival!r} waits for a plate "
            f"{spec.place['plate']!r} of this instrument, too; let the file name the samples ({SAMPLES}), or give each "
            f"campaign a folder of its own; if it is this campaign's: {ingest}"
        )
