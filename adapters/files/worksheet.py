"""Worksheets: a CSV file that a person fills in, written and read without ever losing what was typed."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from adapters.common.durable import write_once
from loop.sheets.cells import delimiter_of, doubtful, used, without_mark
from loop.sheets.files import NoTable, read_table_file
from loop.sheets.workbooks import is_workbook

KEY: Final = "key"


class SheetError(ValueError):
    """The file holds something else than a worksheet, which must not be written over; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a worksheet holds: its columns in order, and its rows with every cell as typed."""

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    delimiter: str = ","
    doubtful: frozenset[tuple[str, str]] = field(default=frozenset(), compare=False)  # numbers, each with its column
    doubled: frozenset[str] = field(default=frozenset(), compare=False)  # columns that the header names twice
    overlong: tuple[Mapping[str, str], ...] = field(default=(), compare=False)  # rows with more cells than the header

    @property
    def has_decimal_commas(self) -> bool:
        """Whether 12,5 may be a number: a spreadsheet set to decimal commas writes semicolons or tabs between cells."""
        return self.delimiter != ","

    def row(self, key: str) -> Mapping[str, str] | None:
        return next((row for row in self.rows if row.get(KEY, "").strip() == key), None)


EMPTY: Final = Sheet((), ())


def read_sheet(path: Path) -> Sheet:
    """The worksheet as it is; an empty one when there is no file.

    Commas, semicolons and tabs are understood, in UTF-8, UTF-16 ("Unicode text") or Windows-1252, which spreadsheets
    write. Cells beyond the header are kept under "column N"; columns without a name and a cell are not.

    Raises:
        OSError: The file is there and cannot be read.
        SheetError: It holds something, and that is no worksheet.
    """
    for candidate in (path, _aside(path)):  # the second is left when a rewrite was cut short
        with suppress(FileNotFoundError):
            data = candidate.read_bytes()
            if is_workbook(data):  # it is written anew as it goes, and as text
                parse_sheet(data, None)  # where it is another archive, that is said
                raise SheetError(
                    f"is an Excel workbook under another name; call it {path.stem}.xlsx, which is read beside this "
                    "file, or save the sheet as CSV (UTF-8)"
                )
            return parse_sheet(data)
    return EMPTY


@lru_cache(maxsize=4)  # of a worksheet of a thousand rows each of them asks, and it seldom changes in between
def parse_sheet(data: bytes, key: str | None = KEY) -> Sheet:
    """A table from the bytes of its file; ``key`` is the column that tells its rows apart, None where none must.

    Raises:
        SheetError: It is no table, or lacks that column.
    """
    try:
        file = read_table_file(data)
    except NoTable as other:
        raise SheetError(f"is {other}") from None
    text = without_mark(file.text)
    delimiter = delimiter_of(text)
    lines = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(map(str.strip, row))]
    if not lines:
        return EMPTY
    width = max(len(line) for line in lines)
    even = [line + [""] * (width - len(line)) for line in lines]
    kept = used([name.strip() for name in even[0]], even[1:])
    names = _unique([name.strip() for name in even[0]])
    named = tuple(names[i] for i in kept)
    if key is not None and key not in named:  # its rows could not be told apart
        shown = delimiter.join(lines[0]).strip(delimiter)  # a title above a table has empty cells beside it
        remark = f" ({file.remark})" if file.remark else ""  # of a workbook that has a sheet with the keys, say
        raise SheetError(
            f"has no column {key!r} in its first line, which reads {shown[:80]!r}; put the header and the keys "
            f"back{remark}"
        )
    rows = tuple({names[i]: line[i] for i in kept} for line in even[1:])
    overlong = tuple(row for row, line in zip(rows, lines[1:], strict=True) if len(line) > len(lines[0]))
    heads = [name.strip() for name in lines[0] if name.strip()]
    doubled = frozenset(name for name, times in Counter(heads).items() if times > 1)
    doubts = doubtful([[line[i].strip() for i in kept] for line in even[1:]], delimiter)
    either = frozenset(
        (name, cell.lstrip("<>").strip()) for name, cells in zip(named, doubts, strict=False) for cell in cells
    )
    return Sheet(named, rows, delimiter, either, doubled, overlong)


def with_rows(sheet: Sheet, columns: Sequence[str], wanted: Sequence[Mapping[str, str]]) -> Sheet:
    """The sheet with every wanted row in it: rows that are there stay as they are, missing ones come at the end."""
    keys = {row.get(KEY, "").strip() for row in sheet.rows}
    missing = tuple(row for row in wanted if row[KEY] not in keys)
    merged = _merged(columns, sheet.columns) if missing else sheet.columns
    return Sheet(merged, (*sheet.rows, *missing), sheet.delimiter)


def with_columns(sheet: Sheet, columns: Sequence[str]) -> Sheet:
    """The sheet with all of these columns, empty where it had them not."""
    return Sheet(_merged(columns, sheet.columns), sheet.rows, sheet.delimiter)


def _merged(columns: Sequence[str], there: Sequence[str]) -> tuple[str, ...]:
    """``columns``, and among them those that only the sheet has, each after the one that it stands after there."""
    merged = list(dict.fromkeys(columns))
    place = 0
    for column in dict.fromkeys(there):
        if column not in merged:
            merged.insert(place, column)
        place = merged.index(column) + 1
    return tuple(merged)


def with_mark(sheet: Sheet, key: str, column: str, text: str) -> Sheet:
    """The sheet with ``text`` in one cell, if the row is there and the cell is empty."""
    rows = tuple(
        {**row, column: text} if row.get(KEY, "").strip() == key and not row.get(column, "").strip() else row
        for row in sheet.rows
    )
    return Sheet(sheet.columns, rows, sheet.delimiter)


def with_cells(sheet: Sheet, key: str, cells: Mapping[str, str]) -> Sheet:
    """The sheet with these cells in the row of ``key``, wherever the row has none of its own."""
    new = tuple(column for column, text in cells.items() if text and column not in sheet.columns)
    if not any(row.get(KEY, "").strip() == key for row in sheet.rows):
        return sheet
    rows = tuple(
        {**row, **{c: text for c, text in cells.items() if text and not row.get(c, "").strip()}}
        if row.get(KEY, "").strip() == key
        else row
        for row in sheet.rows
    )
    return Sheet((*sheet.columns, *new), rows, sheet.delimiter)


def change_sheet(path: Path, change: Callable[[Sheet], Sheet]) -> bool:
    """Apply ``change`` to the worksheet; True when that altered it, a file that stays the same is not touched.

    Note [A sheet that changes under us]: what the person's program saved last is first moved aside, then read, and
    the changed sheet is put in place by a link, which fails when the person saved again in the meantime. Then that
    newer file is moved aside and changed in its turn, and rows that only the earlier one had are carried over. So no
    file is ever replaced without having been read.

    Raises:
        OSError: The folder cannot be written.
        SheetError: The file holds something else than a worksheet; it stays as it is.
    """
    sheet = read_sheet(path)
    if path.exists() and change(sheet) == sheet:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    earlier = EMPTY
    while True:
        with suppress(FileNotFoundError):
            os.replace(path, _aside(path))
        try:
            earlier = _carry(earlier, change(read_sheet(path)))
            if _put(path, format_sheet(earlier)):
                return True
        except BaseException:  # a full disk: what the person saved stays where it was
            with suppress(OSError):
                os.link(_aside(path), path)
            raise


def _carry(earlier: Sheet, later: Sheet) -> Sheet:
    keys = {row.get(KEY, "").strip() for row in later.rows} - {""}
    kept = tuple(row for row in earlier.rows if row not in later.rows and row.get(KEY, "").strip() not in keys)
    columns = tuple(dict.fromkeys((*later.columns, *earlier.columns)))
    return Sheet(columns, (*later.rows, *kept), later.delimiter)


def _put(path: Path, text: str) -> bool:
    """Make the file, whole or not at all; False when there is one."""
    # The mark at the beginning makes spreadsheets read UTF-8.
    return write_once(path, "\ufeff" + text)


def format_sheet(sheet: Sheet) -> str:
    """The text of the file; in the dialect that it was read in."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=sheet.delimiter, lineterminator="\r\n")
    writer.writerow(sheet.columns)
    writer.writerows([row.get(column, "") for column in sheet.columns] for row in sheet.rows)
    return file.getvalue()


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.previous")


def _unique(header: Sequence[str]) -> tuple[str, ...]:
    return tuple(_names(header))


def _names(header: Sequence[str]) -> Iterator[str]:
    seen: set[str] = set()
    for number, head in enumerate(header):
        name = head or f"column {number + 1}"
        yield (unique := name if name not in seen else f"{name} (column {number + 1})")
        seen.add(unique)
