"""Responses in an exchange folder: read when they are whole, and read again only when they changed.

A file is whole when it ends with a line's end, no quote is left open, and it did not change while it was read. One that
was cut off in the middle of a number would otherwise be another number. Where a device never ends its last line, a file
counts once it rests.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.common.folder import reachable
from adapters.common.instant import Clock
from adapters.files.csv_options import ResponseTemplate
from adapters.files.exchange import Exchange, Mark, mark_of
from adapters.files.worksheet import Sheet, SheetError, parse_sheet
from loop.cells import delimiter_of, ends_its_line

_REST: Final = 5.0  # seconds for which a file without a last line's end must not change
_LONGEST: Final = 100_000  # characters kept of what is no table


@dataclass(frozen=True, slots=True)
class Response:
    """One file that was read."""

    name: str
    sheet: Sheet


class Responses:
    """What came back so far, by file; forgotten with the object, and then read again, which changes nothing."""

    def __init__(self, exchange: Exchange, template: ResponseTemplate, clock: Clock) -> None:
        self._exchange, self._template, self._clock = exchange, template, clock
        self._read: dict[str, Mark] = {}
        self._rests: dict[str, tuple[Mark, float]] = {}  # since when a file that is not whole has not changed
        self._troubles: dict[str, str] = {}  # what is wrong with a file, for a person
        self._unreadable: list[tuple[str, str]] = []

    def fresh(self) -> Iterator[Response]:
        """Responses that were not read before, or changed since."""
        for path, mark in self._exchange.arrived():
            if self._read.get(path.name) == mark:
                continue
            data = _bytes_of(path, mark)
            if data is None or not self._counts(path.name, mark, data):
                continue
            self._troubles.pop(path.name, None)
            try:
                sheet = parse_sheet(data, self._template.key)
            except (SheetError, csv.Error) as error:
                self.complain(path.name, str(error))
                self._unreadable.append((path.name, data.decode("utf-8", errors="replace")[:_LONGEST]))
            else:
                yield Response(path.name, sheet)
            self._read[path.name] = mark  # only now: whoever took it may have failed half-way

    def unreadable(self) -> Iterator[tuple[str, str]]:
        """Name and text of each file that is no such table, once."""
        while self._unreadable:
            yield self._unreadable.pop()

    def complain(self, name: str, why: str) -> None:
        """Remember what is wrong with a file."""
        self._troubles[name] = f"{name} {why}"

    def trouble(self, name: str) -> str | None:
        """What is wrong with the response of that name."""
        return self._troubles.get(name)

    def troubles(self) -> list[str]:
        """What is wrong with any file, for a person to see."""
        return [self._troubles[name] for name in sorted(self._troubles)]

    def _counts(self, name: str, mark: Mark, data: bytes) -> bool:
        """Whether the file can be taken as it is."""
        if ends_its_line(data) and not _has_open_quote(data):
            return True
        since = self._rests.get(name)
        if since is None or since[0] != mark:
            since = self._rests[name] = (mark, self._clock())
        self._troubles[name] = f"{name} is cut off: its last line does not end"
        return not self._template.final_newline and bool(data) and self._clock() - since[1] >= _REST


def _bytes_of(path: Path, mark: Mark) -> bytes | None:
    """The file's bytes, where it is still the one that was seen."""
    with reachable(path), suppress(FileNotFoundError):
        data, seen = path.read_bytes(), path.stat()
        return data if mark_of(seen) == mark else None
    return None


def _has_open_quote(data: bytes) -> bool:
    """Whether the last cell of a table was begun with a quote that nothing closes."""
    text = data.decode("latin-1")
    try:
        for _ in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text), strict=True):
            pass
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False
