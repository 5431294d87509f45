"""The order in which attempts were started: a file of one line for each, which only grows.

What was read of it is remembered, and only what was added since is read: of a thousand wells each asks for its place.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """Where an attempt stands among all that a laboratory started, both from 0."""

    ordinal: int  # among all attempts
    repeat: int  # among the attempts at the same experiment


class Order:
    """The file, and what is known of it. Any number of objects may share the file, of which one at a time asks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._forget()

    def place(self, key: str, fingerprint: str) -> Place:
        """The place of an attempt at an experiment of that fingerprint, taken with the first call and kept for ever.

        Who calls is alone with the file.
        """
        self._read()
        if key not in self._places:
            torn = "" if self._is_whole else "\n"
            with self._path.open("a", encoding="utf-8") as file:
                file.write(torn + json.dumps([key, fingerprint]) + "\n")
            self._read()
        return self._places[key]

    def _forget(self) -> None:
        self._inode, self._size, self._is_whole = 0, 0, True
        self._places: dict[str, Place] = {}
        self._lines, self._repeats = 0, Counter[str]()

    def _read(self) -> None:
        """Take in what was added; all anew of a file that is another one, was cut off, or ended in a torn line."""
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            self._forget()
            return
        with file:
            found = self._path.stat()
            if found.st_ino != self._inode or found.st_size < self._size or not self._is_whole:
                self._forget()
            file.seek(self._size)
            added = file.read()
        for line in added.decode("utf-8").splitlines():
            if (entry := _parse_line(line)) is not None:
                key, print_ = entry
                self._places.setdefault(key, Place(self._lines, self._repeats[print_]))
                self._lines += 1
                self._repeats[print_] += 1
        self._inode, self._size = found.st_ino, self._size + len(added)
        self._is_whole = not added or added.endswith(b"\n")


def _parse_line(line: str) -> tuple[str, str] | None:
    try:
        key, print_ = json.loads(line)
    except ValueError:  # a torn line after a loss of power
        return None
    return str(key), str(print_)
