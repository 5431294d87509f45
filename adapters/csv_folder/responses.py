"""Responses in an exchange folder: read when they are whole, and read again only when they changed.

A file is whole when it ends with a line's end, no quote is left open, and it did not change while it was read. One that
was cut off in the middle of a number would otherwise be another number. Where a device never ends its last line, a file
counts once it rests: since when it has not changed is kept on disk, since each pass on a schedule looks but once.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.common.folder import cannot_be_read_now, reachable
from adapters.common.instant import Clock
from adapters.common.resting import Mark, Resting, mark_of
from adapters.csv_folder.exchange import Exchange
from adapters.csv_folder.options import ResponseTemplate
from adapters.files.worksheet import Sheet, SheetError, parse_sheet
from loop.sheets.cells import delimiter_of
from loop.sheets.files import is_whole

_REST: Final = 5.0  # seconds for which a file without a last line's end must not change
_LONGEST: Final = 100_000  # bytes kept of what is no table


@dataclass(frozen=True, slots=True)
class Response:
    """One file that was read."""

    name: str
    sheet: Sheet


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One file that is no such table: why, and how it begins."""

    name: str
    why: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a response; where ``may_come``, the device may only not have written the rest yet."""

    text: str
    may_come: bool = False


class Responses:
    """What came back so far, by file; forgotten with the object, and then read again, which changes nothing."""

    def __init__(self, exchange: Exchange, template: ResponseTemplate, memory: Path, clock: Clock) -> None:
        """``memory``: where it is kept since when files whose last line does not end have not changed."""
        self._exchange, self._template, self._resting = exchange, template, Resting(memory, clock)
        self._read: dict[str, Mark] = {}
        self._troubles: dict[tuple[str, str], Trouble] = {}  # by file, and the attempt that it is about or ""
        self._unreadable: list[Unreadable] = []

    def fresh(self) -> Iterator[Response]:
        """Responses that were not read before, or changed since."""
        arrived = self._exchange.arrived()
        self._troubles = {about: said for about, said in self._troubles.items() if about[0] in arrived}
        for name, mark in arrived.items():
            if self._read.get(name) == mark:
                continue
            path = self._exchange.responses / name
            try:
                data = _bytes_of(path, mark)
            except OSError as error:
                if not (why := cannot_be_read_now(error)):
                    with reachable(path):
                        raise
                self._forget_troubles(name)
                self.complain(name, why)
                continue
            if data is None or not self._counts(path, mark, data):
                continue
            self._forget_troubles(name)
            try:
                sheet = parse_sheet(data, self._template.key)
            except (SheetError, csv.Error) as error:
                self.complain(name, str(error))
                self._unreadable.append(Unreadable(name, f"{name} {error}", data[:_LONGEST]))
            else:
                yield Response(name, sheet)
            self._read[name] = mark  # only now: whoever took it may have failed half-way
        self._resting.keep(self._exchange.responses)

    def unreadable(self) -> Iterator[Unreadable]:
        """Each file that is no such table, once."""
        while self._unreadable:
            yield self._unreadable.pop()

    def complain(self, name: str, why: str, about: str = "", *, may_come: bool = False) -> None:
        """Remember what is wrong with a file, or with the row that is ``about`` an attempt."""
        self._troubles[name, about] = Trouble(f"{name} {why}", may_come)

    def trouble(self, name: str, about: str) -> Trouble | None:
        """What is wrong with the response of that name, or with a row of any that is ``about`` an attempt."""
        found = [said for (_, attempt), said in self._troubles.items() if attempt == about]
        of_file = (said for (file, attempt), said in self._troubles.items() if not attempt and _is_same(file, name))
        return found[0] if found else next(of_file, None)

    def of_files(self) -> list[tuple[str, str]]:
        """Name of each file that is wrong as a whole, for sure, and what is wrong with it."""
        found = sorted((name, said) for (name, about), said in self._troubles.items() if not about)
        return [(name, said.text) for name, said in found if not said.may_come]

    def troubles(self) -> list[str]:
        """What is wrong with any file, for a person to see."""
        return list(dict.fromkeys(self._troubles[about].text for about in sorted(self._troubles)))

    def _forget_troubles(self, name: str) -> None:
        self._troubles = {about: said for about, said in self._troubles.items() if about[0] != name}

    def _counts(self, path: Path, mark: Mark, data: bytes) -> bool:
        """Whether the file can be taken as it is."""
        if is_whole(data) and not _has_open_quote(data):
            return True
        rests = self._resting.seconds(path, mark) >= _REST
        if rests and data and not self._template.final_newline:
            return True
        self._forget_troubles(path.name)
        self.complain(path.name, self._why_not(data), may_come=not rests)
        return False

    def _why_not(self, data: bytes) -> str:
        """Why a file does not count yet, and what makes it count."""
        if not data:
            return "is empty; let the device write its header and its row"
        if self._template.final_newline:
            way_out = "let the device end it, or say final_newline: false under response"
            return f"is cut off: its last line does not end; {way_out}"
        return f"does not end its last line yet; it counts once it has not changed for {_REST:g} s"


def _is_same(file: str, name: str) -> bool:
    """Whether two names are of one file, to a program on Windows."""
    return file.casefold() == name.casefold()


def _bytes_of(path: Path, mark: Mark) -> bytes | None:
    """The file's bytes, where it is still the one that was seen. Raises ``OSError`` where it cannot be read now."""
    with suppress(FileNotFoundError):
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
