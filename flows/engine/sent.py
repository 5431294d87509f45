"""Sent: which attempts were sent from this folder, so that only those can be found lost in it.

Most laboratories remember in the campaign's folder what they were given. In another folder on the same record (a second
machine, a record that was moved without its folder, an old copy) they know nothing, which says nothing of what runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from adapters.common.durable import sync_folder

NAME: Final = "sent.txt"  # a key in each line


class Sent:
    """The keys that were sent from a campaign's folder, on disk before anything moves.

    Read once: only the holder of the lease sends, and its keys come through here.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / NAME
        self._known: set[str] | None = None  # None until it is read

    def add(self, keys: Iterable[str]) -> None:
        """Remember keys; raises ``OSError`` where the folder cannot be written."""
        keys, known = list(keys), self._known
        self._known = None  # read anew should the disk refuse them, whole or in part
        is_new = not self._path.exists()
        with self._path.open("ab") as file:
            # A line that was cut off by a loss of power ends before the first key.
            file.write("".join(f"\n{key}" for key in keys).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_folder(self.folder)
        if known is not None:
            known.update(keys)
            self._known = known

    def __contains__(self, key: str) -> bool:
        if self._known is None:
            try:
                self._known = set(self._path.read_text(encoding="utf-8").splitlines())
            except FileNotFoundError:
                self._known = set()
        return key in self._known
