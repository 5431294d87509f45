"""Workbooks: the cells of a spreadsheet in Excel's format (.xlsx, .xlsm), as the text of a table between tabs.

What a person sees is what is read: the sheet that was in front when the workbook was saved, 85 where a cell shows
85 %, and numbers to the 15 digits that spreadsheets have. Lines of the text are rows of the sheet, so that messages
name them.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, TypeAlias

from loop.sheets.cells import has_decimal_comma, split_header

ZIP: Final = b"PK\x03\x04"
_BOOK: Final = "xl/workbook.xml"
_TYPES: Final = "[Content_Types].xml"  # what each part is
_TOLD: Final = re.compile(rb"<(?:\w+:)?Override\b[^>]*>")
_MAIN: Final = re.compile(rb'ContentType="[^"]*(?:sheet|sheet\.macroEnabled|template)\.main\+xml"')
_PART: Final = re.compile(rb'PartName="/([^"]+)"')
_STRICT: Final = b"http://purl.oclc.org/ooxml/"
_LARGEST: Final = 400_000_000  # bytes of an unpacked part; a million rows of ten numbers have about as many
_WAY_OUT: Final = "save the sheet as CSV (UTF-8)"
_AS_IT_STANDS: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')  # in a number's format: words, and colours
_ENDS: Final = re.compile(r"[\t\r\n]+")  # of lines and cells
_SHOWN: Final = 15  # digits of a number in a spreadsheet
_FEW: Final = 12  # digits of what a person may have typed
_SHORT: Final = re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}")  # 1.250, which beside decimal commas might be 1250
_WORKED_OUT_ON_LOAD: Final = re.compile(rb'fullCalcOnLoad="(?:1|true)"')
_FORMULA: Final = re.compile(rb"<(?:\w+:)?c\b[^>]*>\s*<(?:\w+:)?f[\s>/]")  # with the cell that it stands in
_PLACE: Final = re.compile(rb'\br="([A-Z]+\d+)"')
_NAMED: Final = 5  # rows or places that are named of many
_HIDDEN: Final = re.compile(rb'<(?:\w+:)?row\b(?=[^>]*\bhidden="(?:1|true)")[^>]*?\br="(\d+)"')
_MERGED: Final = re.compile(rb'<(?:\w+:)?mergeCell\b[^>]*?\bref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
_WITHOUT_VALUE: Final = re.compile(  # an empty text is the value of many formulas
    rb'<(?:\w+:)?c\b(?![^>]*\bt="str")[^>]*>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*'
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_DAMAGED: Final = (  # what a damaged archive, and XML that is none, may be found out by
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,
    OSError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
)


class NoWorkbook(ValueError):
    """A file that cannot be read as a workbook; says what it is, and the way out."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet that holds cells: its title, its text between tabs, and what of it may be taken for something else."""

    title: str
    text: str
    doubts: tuple[str, ...] = ()
    unworked: str = ""  # the first cell with a formula that no program has worked out


@dataclass(frozen=True, slots=True)
class Workbook:
    """The sheets of a workbook that hold cells, in its order; ``front`` is the place of the one that was in front.

    None where that holds no cells, such as one with a chart: then the first is read.
    """

    sheets: tuple[Sheet, ...]
    front: int | None

    @property
    def read(self) -> Sheet:
        """The sheet that is read alone."""
        return self.sheets[self.front or 0]

    @property
    def said(self) -> str:
        """Which sheet was read of several, what to do for another, and what of it is in doubt; "" mostly."""
        others = ", ".join(repr(sheet.title) for sheet in self.sheets if sheet is not self.read)
        why = "since that in front holds no cells" if self.front is None else "which was in front when it was saved"
        which = (
            f"sheet {self.read.title!r} was read, {why}, and not {others}; where another is meant, bring it to the "
            "front and save"
        )
        return "; ".join((which,) * bool(others) + self.read.doubts)


def is_workbook(data: bytes) -> bool:
    """Whether a file is meant to be a workbook, or is another archive, which ``read_workbook`` tells."""
    return data.startswith(ZIP)


def read_workbook(data: bytes) -> Workbook:
    """The sheets of a workbook that are not hidden. Formulas count as the values that they had when it was saved.

    A number that is shown in percent is one: 85 for 0.85. Where a column has such numbers alone and a header without a
    unit, the header gets ``[%]``; beside other numbers the cell says ``85%``, for its reader to ask about. Under a
    header with another unit, or with ``[]``, it is 0.85.

    Raises:
        NoWorkbook: It is another archive, is damaged, or holds no cells, or formulas that no program has worked out.
    """
    book = Workbook(*_read(data, _column))
    _see_that_it_is_worked_out(book.read)
    return book


def read_sheets(data: bytes) -> tuple[Sheet, ...]:
    """The same sheets where a table may begin anywhere on them: what is shown in percent keeps its sign, ``85%``.

    Raises:
        NoWorkbook: As ``read_workbook``.
    """
    sheets, _ = _read(data, _shown)
    for sheet in sheets:
        _see_that_it_is_worked_out(sheet)
    return sheets


def _read(data: bytes, typed: _Typed) -> tuple[tuple[Sheet, ...], int | None]:
    """The sheets with cells, their columns as ``typed`` has them, and the place of the one in front."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _see_that_it_is_one(archive)
            unworked = _FORMULA if _is_worked_out_on_load(archive) else _WITHOUT_VALUE
        sheets, front = _sheets(data, typed, unworked)
    except NoWorkbook:
        raise
    except _DAMAGED as error:
        raise NoWorkbook(
            f"an Excel workbook or another archive, and damaged or not saved to its end ({error}); save it anew, or "
            f"{_WAY_OUT}"
        ) from None
    if not sheets:
        raise NoWorkbook("an Excel workbook in which no cell holds anything; save the one that has the table")
    return sheets, front


def _see_that_it_is_one(archive: zipfile.ZipFile) -> None:
    names = set(archive.namelist())
    if {"content.xml", "mimetype"} <= names:
        raise NoWorkbook(f"an OpenDocument file; save it as an Excel workbook (.xlsx), or {_WAY_OUT}")
    if "xl/workbook.bin" in names:
        raise NoWorkbook(f"a binary Excel workbook (.xlsb); save it as .xlsx, or {_WAY_OUT}")
    if (book := _book_of(archive)) is None:
        raise NoWorkbook("an archive, and no table; unpack it first")
    if _STRICT in archive.read(book):
        raise NoWorkbook(f'a "Strict Open XML" workbook; save it as "Excel Workbook" (.xlsx), or {_WAY_OUT}')
    if any(part.file_size > _LARGEST for part in archive.infolist()):
        raise NoWorkbook(f"an Excel workbook too large to be read here; {_WAY_OUT}")


def _book_of(archive: zipfile.ZipFile) -> str | None:
    """The part that lists the sheets, which Excel on the web may call workbook2.xml; None where there is none."""
    names = set(archive.namelist())
    if _BOOK in names or _TYPES not in names:
        return _BOOK if _BOOK in names else None
    parts = [_PART.search(told) for told in _TOLD.findall(archive.read(_TYPES)) if _MAIN.search(told)]
    return next((name for part in parts if part and (name := part[1].decode()) in names), None)


def _is_worked_out_on_load(archive: zipfile.ZipFile) -> bool:
    """Whether a program wrote formulas and leaves it to others to work them out: their values are noughts then."""
    return _WORKED_OUT_ON_LOAD.search(archive.read(_book_of(archive) or _BOOK)) is not None


def _see_that_it_is_worked_out(sheet: Sheet) -> None:
    if sheet.unworked:
        raise NoWorkbook(
            f"an Excel workbook with formulas that were never worked out ({sheet.unworked} of sheet {sheet.title!r}); "
            f"open it in a spreadsheet program and save it there, or {_WAY_OUT}"
        )


def _first_cell(part: bytes, pattern: re.Pattern[bytes]) -> str:
    """The place of the first cell of a sheet's part that is like ``pattern``; "" where there is none."""
    if (found := pattern.search(part)) is None:
        return ""
    place = _PLACE.search(found[0])
    return "a cell" if place is None else place[1].decode()


def _sheets(data: bytes, typed: _Typed, unworked: re.Pattern[bytes]) -> tuple[tuple[Sheet, ...], int | None]:
    """The sheets with cells, and the place among them of the one in front; cells like ``unworked`` lack their value."""
    import openpyxl  # 0.2 s, and only here

    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    try:
        found, front = list[Sheet](), None
        for sheet in book.worksheets:  # those of charts have no cells
            if sheet.sheet_state != "visible":
                continue
            sheet.reset_dimensions()  # what programs note of the extent may be wrong
            rows = [[_Cell(cell.value, cell.number_format or "") for cell in row] for row in sheet.iter_rows()]
            part = book._archive.read(sheet._worksheet_path)
            text, without = _text_of(rows, typed), _first_cell(part, unworked)
            if text or without:
                front = len(found) if sheet is book.active else front
                found.append(Sheet(sheet.title, text, _doubts(part, text) if text else (), without))
    finally:
        book.close()
    return tuple(found), front


def _doubts(part: bytes, text: str) -> tuple[str, ...]:
    """What of a sheet may be taken for something else, by its part and text: hidden rows, and merged cells."""
    lines = text.split("\n")
    full = {number for number, line in enumerate(lines, start=1) if line.strip()}
    hidden = [f"row {row}" for row in map(int, _HIDDEN.findall(part)) if row in full]
    places = sorted((int(high), int(low), left, right) for left, high, right, low in _MERGED.findall(part))
    merged = [
        f"{left.decode()}{high}:{right.decode()}{low}"
        for high, low, left, right in places
        if min(full) < high < low and high in full  # not of the header, nor side by side
    ]
    told = []
    if hidden:
        told.append(f"what is hidden counts, too: {_first(hidden)}; delete what is not to count")
    if merged:
        told.append(f"of merged cells only the first row has the value: {_first(merged)}; write it into each")
    return tuple(told)


def _first(found: Sequence[str]) -> str:
    more = len(found) - _NAMED
    return ", ".join(found[:_NAMED]) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class _Cell:
    """A value, and how it is shown."""

    value: object = None
    format: str = ""

    @property
    def is_full(self) -> bool:
        return self.value is not None and (not isinstance(self.value, str) or bool(self.value.strip()))

    @property
    def number(self) -> int | float | None:
        return self.value if isinstance(self.value, int | float) and not isinstance(self.value, bool) else None

    @property
    def is_percent(self) -> bool:
        return self.number is not None and "%" in _AS_IT_STANDS.sub("", self.format)


_Typed: TypeAlias = Callable[[Sequence[_Cell], int, bool], list[str]]  # as ``_column``


def _text_of(rows: Sequence[Sequence[_Cell]], typed: _Typed) -> str:
    """The rows as lines between tabs; "" where no cell holds anything."""
    filled = [(n, m) for n, row in enumerate(rows) for m, cell in enumerate(row) if cell.is_full]
    if not filled:
        return ""
    width, head = 1 + max(m for _, m in filled), filled[0][0]
    whole = [[*row, *[_Cell()] * (width - len(row))][:width] for row in rows[: filled[-1][0] + 1]]
    beside_commas = any(isinstance(c.value, str) and has_decimal_comma(c.value.strip()) for row in whole for c in row)
    columns = [typed(column, head, beside_commas) for column in zip(*whole, strict=True)]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows(zip(*columns, strict=True))
    return text.getvalue()


def _column(cells: Sequence[_Cell], head: int, beside_commas: bool) -> list[str]:
    """A column as it would be typed into a table whose header stands in row ``head``."""
    header = cells[head].value
    unit = split_header(header)[1] if isinstance(header, str) else ""
    shown = [cell.is_percent for cell in cells[head + 1 :] if cell.number is not None]
    typed = []
    for row, cell in enumerate(cells):
        if cell.number is None:
            typed.append(_words(cell.value))
        elif cell.is_percent and (unit is None or "%" in unit):
            typed.append(_digits(100 * cell.number, beside_commas) + ("%" if unit is None and not all(shown) else ""))
        else:
            typed.append(_digits(cell.number, beside_commas))
        if row == head and unit is None and shown and all(shown):
            typed[-1] += " [%]"
    return typed


def _shown(cells: Sequence[_Cell], head: int, beside_commas: bool) -> list[str]:  # noqa: ARG001 - as ``_column``
    """A column as it is shown, wherever its header stands."""
    return [
        _words(cell.value)
        if cell.number is None
        else _digits(100 * cell.number, beside_commas) + "%"
        if cell.is_percent
        else _digits(cell.number, beside_commas)
        for cell in cells
    ]


def _digits(number: float, beside_commas: bool) -> str:
    """A number; one with three decimals has a nought more where decimal commas are typed beside it.

    Of 45.199999999999996, the sum of others, a spreadsheet shows 45.2; what has as many digits as that keeps them all.
    """
    shown = f"{number:.{_SHOWN}g}"
    digits = shown.partition("e")[0].replace(".", "").lstrip("-0")
    text = shown if float(shown) == number or len(digits) <= _FEW else repr(number)
    return text + "0" if beside_commas and _SHORT.fullmatch(text) else text


def _words(value: object) -> str:
    """Anything else: a day without an hour, and words on one line."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():  # hours beyond a day, as the sheet shows them
            seconds = round(value.total_seconds())
            return f"{'-' * (seconds < 0)}{abs(seconds) // 3600}:{abs(seconds) // 60 % 60:02}:{abs(seconds) % 60:02}"
        case _:
            return _ENDS.sub(" ", str(value)).strip()
