"""Who waits for which plate of an instrument that measures for several campaigns.

Each of them numbers its plates from 1, so that a file with plates and wells and no samples may be of two. What a
campaign waits for lies in ``.waiting`` of the instrument's folder until its result is kept, for the others to see.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from adapters.common.durable import replace
from adapters.common.folder import Jobs, reachable, read_json
from adapters.instrument.files import is_called
from loop.analysis.readings import plate_name
from loop.contracts import Handle

_FOLDER: Final = ".waiting"


class Waiting:
    """The attempts of one campaign that wait, and those of the others."""

    def __init__(self, folder: Path, jobs: Jobs) -> None:
        """``folder``: the instrument's."""
        self._folder, self._jobs = folder / _FOLDER, jobs

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Alone among all campaigns in the instrument's folder, until the block ends."""
        with reachable(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / "lock").open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield

    def tell(self, handle: Handle, files: str) -> None:
        """Say that an attempt with a plate waits for files of this pattern; said again, nothing is written."""
        spec, path = self._jobs.spec(handle), self._folder / f"{handle}.json"
        if "plate" not in spec.place:
            return
        told = {
            "campaign": spec.campaign,
            "plate": spec.place["plate"],
            "files": files,
            "host": os.uname().nodename,
            "job": str(self._jobs.folder(handle).resolve()),
        }
        if read_json(path) != told:
            with reachable(path):
                self._folder.mkdir(exist_ok=True)
                replace(path, json.dumps(told, sort_keys=True), is_durable=False)

    def is_over(self, handle: Handle) -> None:
        """Say that an attempt waits no more."""
        path = self._folder / f"{handle}.json"
        with reachable(path):
            path.unlink(missing_ok=True)

    def rival(self, handle: Handle, name: str) -> str | None:
        """Another campaign that waits for a plate of the same name, and of whose attempts the file may be."""
        plate = self._jobs.spec(handle).place.get("plate", "")
        return next(
            (
                str(told["campaign"])
                for told in self._others()
                if plate_name(told["plate"]) == plate_name(plate)
                and is_called(name, told["files"])
                and not _is_older(name, told)
            ),
            None,
        )

    def _others(self) -> Iterator[Mapping[str, Any]]:
        with reachable(self._folder):
            paths = sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []
        for path in paths:
            if not self._jobs.knows(Handle(path.stem)) and (told := read_json(path)) is not None:
                yield told


def _is_older(name: str, told: Mapping[str, Any]) -> bool:
    """Whether a file lay there before that attempt was started, or the attempt is no more; as far as is seen here."""
    job = Path(told["job"])
    if not job.is_dir():
        return bool(told["host"] == os.uname().nodename)
    return name in (read_json(job / "started.json") or {}).get("before", ())
