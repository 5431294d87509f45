"""Attachments: photos and files that go with a result, copied once under their hash and named by it in the payload."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from adapters.common.durable import write_bytes_once
from adapters.common.folder import reachable
from loop.contracts import RawFile
from loop.raw import FileName, sha_of

FILES: Final = "files"  # where a result's context names them
_LARGEST: Final = 100_000_000  # bytes


class AttachmentError(ValueError):
    """A file cannot be attached; the message says what to do."""


class Attachments:
    """Files kept in one folder, each under its SHA-256."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, folder: Path, names: Sequence[str]) -> tuple[FileName, ...]:
        """Keep the files of these names in ``folder``, as they are now.

        Raises:
            AttachmentError: A name leads elsewhere, or the file is not there or too large.
        """
        return tuple(self._keep(folder, name) for name in names)

    def named_in(self, payload: str) -> tuple[RawFile, ...]:
        """The files that a payload names, as they were when it was kept."""
        context = json.loads(payload).get("context") or {}
        named = context.get(FILES) if isinstance(context, Mapping) else None
        found = []
        for file in named if isinstance(named, list) else []:
            path = self._folder / str(file["sha256"])
            with reachable(path):
                found.append(RawFile(str(file["name"]), path.read_bytes()))
        return tuple(found)

    def _keep(self, folder: Path, name: str) -> FileName:
        if Path(name).name != name:
            raise AttachmentError(f"names the file {name!r}; put it beside the worksheet, named without folders")
        path = folder / name
        with reachable(path):
            if not path.is_file():
                raise AttachmentError(f"names the file {name!r}, which is not in {folder}; put it there, or correct it")
            if path.stat().st_size > _LARGEST:
                raise AttachmentError(f"names the file {name!r}, which is larger than 100 MB; attach a smaller one")
            data = path.read_bytes()
            self._folder.mkdir(parents=True, exist_ok=True)
            sha = sha_of(data)
            write_bytes_once(self._folder / sha, data)
        return FileName(name, sha, len(data))


def with_files(payload: Mapping[str, Any], files: Sequence[FileName]) -> dict[str, Any]:
    """The payload, its context naming the files."""
    if not files:
        return dict(payload)
    named = [{"name": f.name, "sha256": f.sha, "size": f.size} for f in files]
    return {**payload, "context": {**(payload.get("context") or {}), FILES: named}}
