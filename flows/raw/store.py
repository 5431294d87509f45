"""The store of raw files: each under the SHA-256 of its content, whole or absent, never changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adapters.common.durable import write_bytes_once
from loop.checkpoints import reached
from loop.errors import HakkenError
from loop.raw import sha_of


class RawFileMissing(HakkenError):
    """A file that the record names is not in this store; copy it there from the machine that took it in."""


class RawFileDamaged(HakkenError):
    """A stored file is no longer what its name says; restore it from a backup."""


@dataclass(frozen=True)
class RawStore:
    """Raw files below one folder."""

    folder: Path

    def place(self, sha: str) -> Path:
        """Where a file lies, whether it is there or not."""
        return self.folder / sha[:2] / sha

    def put(self, data: bytes) -> str:
        """Keep a file; returns its SHA-256. The same again changes nothing.

        Raises:
            OSError: The folder cannot be written.
            RawFileDamaged: Something else lies under its name.
        """
        sha = sha_of(data)
        place = self.place(sha)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not write_bytes_once(place, data):
            self.get(sha)
        reached("raw.kept")
        return sha

    def get(self, sha: str) -> bytes:
        """What a file holds, checked against its name.

        Raises:
            RawFileMissing: It is not here.
            RawFileDamaged: It was changed.
        """
        place = self.place(sha)
        try:
            data = place.read_bytes()
        except FileNotFoundError:
            raise RawFileMissing(
                f"the raw file {sha[:12]} is not in {self.folder}; "
                f"copy {sha[:2]}/{sha} there from where it was taken in"
            ) from None
        if sha_of(data) != sha:
            raise RawFileDamaged(f"{place} is not what it was when it was kept; restore it from a backup")
        return data
