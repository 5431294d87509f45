"""Further: what an instrument's files say later of attempts that have their result, kept for a person to judge."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from adapters.common.durable import replace_bytes
from adapters.common.folder import reachable, read_json
from adapters.common.returned import Returned
from adapters.errors import AdapterUnavailable
from adapters.instrument.sought import Sought
from loop.checkpoints import reached
from loop.contracts import Envelope, Handle
from loop.raw import FileName, raw_payload, sha_of

_LOOKED: Final = "looked.json"  # files that were looked at for what they say of attempts that have their result


class Further:
    """Keeps such files, and gives them out beside the next result. Its caller holds ``later.lock``."""

    def __init__(self, sought: Sought, provenance: Mapping[str, Any]) -> None:
        self._sought, self._jobs, self._files = sought, sought.jobs, sought.files
        self._provenance, self._returned = provenance, Returned(sought.jobs)
        self._looked_at: set[tuple[Handle, int, int]] = set()  # later states of kept files, by time and size

    def give_out(self, handle: Handle) -> tuple[Envelope, ...]:
        """What goes out beside the result of an attempt."""
        return tuple(self._returned.give_out(handle))

    def n_waiting(self) -> int:
        """How many were kept and have not gone out yet."""
        return self._returned.n_waiting()

    def look(self) -> None:
        """Keep what a file says by now of the attempt that it was taken for, where it was not whole or was changed."""
        for handle in self._jobs.handles():
            kept = None
            with suppress(AdapterUnavailable):  # one that cannot be read keeps no other from being looked at
                kept = self._sought.kept(handle)
            path = self._files.folder / str((kept or {}).get("name"))
            if kept is None or not path.is_file():
                continue
            with reachable(path):
                told = path.stat()
                seen = (handle, told.st_mtime_ns, told.st_size)
                if seen[1:] == (kept.get("mtime_ns"), kept.get("size")) or seen in self._looked_at:
                    continue
                data = self._files.settled(path, told)
                if data is None or self._files.is_cut(data):
                    continue
                self._looked_at.add(seen)
                if data == self._sought.kept_bytes(handle):
                    continue
                if labels := self._sought.labels_for(handle, path.name, data, told):
                    self._keep_later(handle, path.name, self._sought.plate(handle, labels), data)
        self._look_further()

    def _look_further(self) -> None:
        """Keep what further files say of attempts that have their result, each state of a file looked at once."""
        memory = self._jobs.root / _LOOKED
        known = dict(read_json(memory) or {})
        new = dict(known)
        for path in self._files.called("*"):
            with reachable(path):
                told = path.stat()
                mark = [told.st_mtime_ns, told.st_size]
                data = None if known.get(path.name) == mark else self._files.settled(path, told)
            if data is None or self._files.is_cut(data):
                continue
            new[path.name] = mark
            for handle in self.latest():
                self._look_for(handle, path, data, told)
        if new != known:
            replace_bytes(memory, json.dumps(new).encode())

    def _look_for(self, handle: Handle, path: Path, data: bytes, told: os.stat_result) -> None:
        """Keep a file that tells of an attempt, where that has its result from another one that says something else."""
        kept = self._sought.kept(handle)
        before = self._sought.before(handle)
        if kept is None or path.name in (kept["name"], *before) or not self._sought.is_called_so(handle, path.name):
            return
        labels = self._sought.labels_for(handle, path.name, data, told)
        if labels and data != self._sought.kept_bytes(handle):
            self._keep_later(handle, path.name, self._sought.plate(handle, labels), data)

    def latest(self) -> list[Handle]:
        """Of each place the attempt that was started last: a file that names nothing but the place is of that one."""
        started = list(self._jobs.begun())
        found: dict[object, Handle] = {}
        for handle, _ in sorted(started, key=lambda pair: int(pair[1]["ordinal"])):
            with suppress(AdapterUnavailable):
                place = self._jobs.spec(handle).place
                found[(place.get("plate"), place["well"]) if "well" in place else handle] = handle
        return list(found.values())

    def _keep_later(self, handle: Handle, name: str, plate: str, data: bytes) -> None:
        payload = raw_payload([FileName(name, sha_of(data), len(data))], plate=plate, provenance=self._provenance)
        self._returned.keep_beside(self._jobs.key(handle), payload, data)
        reached("instrument.kept_later")
