"""Sheets: the tables of an instrument's export, CSV or a workbook, found among preambles, blank lines and titles."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from loop.errors import AnalysisError, UnitError
from loop.sheets.cells import doubtful, finite, hint_of, in_doubt, pointed, split_header
from loop.sheets.workbooks import NoWorkbook, is_workbook, read_sheets
from loop.units import convert

# What programs call a column, in English and in German, in lower case, with blanks for dots and underscores; and what
# it is called here.
_NAMES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("key", "attempt", "attempt key"), "key"),
    **dict.fromkeys(("sample", "sample name", "samplename", "sample id", "injection name"), "sample"),
    **dict.fromkeys(("probe", "probenname", "proben-id", "probenbezeichnung"), "sample"),
    **dict.fromkeys(("plate", "plate id", "plate name", "plate barcode", "barcode"), "plate"),
    **dict.fromkeys(("well", "well id", "well position"), "well"),
    "position": "position",  # a well, or a vial's place in a sampler
    **dict.fromkeys(("vial", "vial position", "vial location"), "vial"),  # a well where nothing else names one
    **dict.fromkeys(("retention time", "rettime", "ret time", "r time", "r t", "rt", "time"), "time"),
    **dict.fromkeys(("retentionszeit", "retzeit", "ret zeit", "zeit"), "time"),
    **dict.fromkeys(("area", "peak area", "fläche", "flaeche", "peakfläche", "peakflaeche"), "area"),
    **dict.fromkeys(("height", "peak height", "höhe", "hoehe", "peakhöhe", "peakhoehe"), "height"),
    **dict.fromkeys(("compound", "peak name", "peak", "name", "component", "analyte"), "peak"),
    **dict.fromkeys(("komponente", "verbindung", "substanz", "peakname"), "peak"),
    **dict.fromkeys(("dilution", "dilution factor", "dil factor", "sample dilution"), "dilution"),
    **dict.fromkeys(("verdünnung", "verdünnungsfaktor"), "dilution"),
    **dict.fromkeys(("saturated", "overload", "overloaded"), "saturated"),
    **dict.fromkeys(("injection", "inj", "injection number", "injection no", "replicate"), "injection"),
    **dict.fromkeys(("inj no", "inj number", "inj #", "inj#", "injection #", "injection id"), "injection"),
    **dict.fromkeys(("injektion", "inj nr", "inj -nr", "injektionsnummer"), "injection"),
    **dict.fromkeys(("acquired", "date", "injection date", "acquisition time", "measured"), "taken"),
    **dict.fromkeys(("datum", "injektionsdatum", "aufnahmedatum"), "taken"),
    **dict.fromkeys(("channel", "signal name", "wavelength", "measurement wavelength", "read"), "channel"),
}
_AXES: Final = {"time": "min", "wavelength": "nm", "wavenumber": "1/cm", "chemical shift": "ppm", "raman shift": "1/cm"}
_LABELS: Final = frozenset({"key", "sample", "plate", "well", "position", "vial"})
_SAID_ABOVE: Final = _LABELS | {"injection", "taken", "channel", "dilution"}  # "Time: 14:05" is not of the rows
_SIGNAL: Final = re.compile(r"(signal|intensity|absorbance|response|counts|detector)\b.*")
_DETECTED: Final = re.compile(
    r"(?i)(?P<name>(?:peak[\s_]*)?(?:area|height|fläche|flaeche|höhe|hoehe))\s*\((?P<unit>[^()]*)\)"
)
_DELIMITERS: Final = "\t;,"  # a comma last: beside the others it is a decimal sign
_HUNDREDS: Final = re.compile(r"[1-9]\d\d")
_ROW: Final = re.compile(r"[A-Za-z]{1,2}")


class _NoCsv(AnalysisError):
    """A text is no CSV with this delimiter, and may be with another."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what it holds, in which unit if its header says one, and its header as it stands."""

    kind: str  # a value of ``_NAMES``, or "" for anything else
    unit: str | None
    header: str


@dataclass
class Section:
    """A table of a file, with what was said above it: ``kind`` is peaks, wells, grid or trace."""

    kind: str
    said: Mapping[str, str]
    columns: Sequence[Column]
    rows: list[tuple[int, list[str]]] = field(default_factory=list)  # with line numbers
    on_sheet: str = ""  # "sheet 'Peaks', " before a line, in a workbook of several


def sections(data: bytes) -> list[Section]:
    """The tables of a file, top to bottom.

    Raises:
        AnalysisError: It is no text, no CSV, or a row has more cells than its header.
    """
    if is_workbook(data):
        return _of_workbook(data)
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # as older programs write; names with accents come out right
    if "\x00" in text:
        raise AnalysisError("it is no text; export the results as CSV")
    damage: _NoCsv | None = None
    for delimiter in _DELIMITERS:
        try:
            found = _sections(text, delimiter)
        except _NoCsv as error:  # cells in quotes, which another delimiter parts
            damage = damage or error
            continue
        for section in found if delimiter != _DELIMITERS[-1] else ():
            _doubt_thousands(section)
            _with_points(section, delimiter)
        if found:
            return found
    if damage is not None:
        raise damage
    return []


def _of_workbook(data: bytes) -> list[Section]:
    """The tables of all sheets: what was said on one of them says nothing of another."""
    try:
        sheets = read_sheets(data)
    except NoWorkbook as error:
        raise AnalysisError(f"it is {error}") from None
    found: list[Section] = []
    for sheet in sheets:
        on_sheet = f"sheet {sheet.title!r}, " if len(sheets) > 1 else ""
        try:
            for section in _sections(sheet.text, "\t"):
                _with_points(section, "\t")
                found.append(replace(section, rows=_without_percents(section), on_sheet=on_sheet))
        except AnalysisError as error:
            raise AnalysisError(f"{on_sheet}{error}") from None
    return found


def _without_percents(section: Section) -> list[tuple[int, list[str]]]:
    """The rows, 85 for a cell that shows ``85%`` where all numbers of its column do or the header says %.

    Under a header with another unit it is 0.85; beside other numbers it stays, for its reader to refuse.
    """
    columns = [
        _without_percent(cells, column.unit)
        for cells, column in zip(zip(*(cells for _, cells in section.rows), strict=True), section.columns, strict=False)
    ]
    return [(line, list(cells)) for (line, _), cells in zip(section.rows, zip(*columns, strict=True), strict=True)]


def _without_percent(cells: Sequence[str], unit: str | None) -> Sequence[str]:
    shown = [cell.endswith("%") and finite(cell[:-1]) is not None for cell in cells]
    if not any(shown):
        return cells
    if unit is None and any(finite(cell) is not None for cell in cells):
        return cells
    is_other = unit is not None and "%" not in unit
    return [
        (f"{float(cell[:-1]) / 100:.15g}" if is_other else cell[:-1]) if is_shown else cell
        for cell, is_shown in zip(cells, shown, strict=True)
    ]


def _sections(text: str, delimiter: str) -> list[Section]:
    lines = _lines(text, delimiter)
    is_of_peaks = any((head := _header(cells)) is not None and head[0] in ("peaks", "trace") for _, cells in lines)
    found: list[Section] = []
    said: dict[str, str] = {}
    current: Section | None = None
    for line, cells in lines:
        head = _header(cells)
        if is_of_peaks and len(cells) == 2 and head is not None and head[0] == "wells":
            head = None  # "Sample Name" and "R3-7" in two cells, above a table of peaks
        if not cells:
            current = None
        elif head is not None:
            current = Section(head[0], dict(said), head[1])
            found.append(current)
        elif current is not None and _goes_on(current, cells):
            current.rows.append((line, _fitting(cells, current, line)))
        else:
            current = None
            said |= _said(cells)
    for section in found:
        _hear_units_below(section)
    return found


def _lines(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """The cells of each line, with its number; those at the end that are empty are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            while cells and not cells[-1]:
                cells.pop()
            found.append((reader.line_num, cells))
    except csv.Error as error:
        raise _NoCsv(f"line {reader.line_num} is no CSV ({error}); export it anew") from None
    return found


def _goes_on(section: Section, cells: Sequence[str]) -> bool:
    """Whether a line is of the table above it, and no title of the next."""
    if section.kind == "grid":
        return _ROW.fullmatch(cells[0]) is not None
    return len(cells) > 1 or not cells[0].startswith("[")


def _hear_units_below(section: Section) -> None:
    """Take the units that stand on a line of their own below the names of the columns."""
    axis = next((i for i, c in enumerate(section.columns) if axis_of(c) is not None), None)
    if section.kind not in ("peaks", "trace") or axis is None or not section.rows:
        return
    cells = section.rows[0][1]
    unit = cells[axis].strip("[]() ")
    try:
        convert(1.0, unit, axis_of(section.columns[axis]) or "")
    except UnitError:
        return
    if not unit or finite(unit) is not None:
        return
    section.columns = [
        column if not cell or column.unit is not None else _column(f"{column.header} [{cell.strip('[]() ')}]")
        for column, cell in zip(section.columns, cells, strict=True)
    ]
    section.rows = section.rows[1:]


def _doubt_thousands(section: Section) -> None:
    """Mark ``1.250`` beside ``980``, no number there having other decimals: what is printed with three always is.

    Of a text only: a workbook has numbers, which are shown with as many digits as they have.
    """
    places = [i for i, column in enumerate(section.columns) if column.kind in ("area", "height", "")]
    for those in [places] if section.kind == "grid" else [[i] for i in places]:
        cells = {cells[i] for _, cells in section.rows for i in those}
        either = {cell for cell in cells if hint_of(cell)}
        has_hundreds = any(_HUNDREDS.fullmatch(cell) for cell in cells)
        has_decimals = any(finite(cell) is not None and not cell.lstrip("-").isdigit() for cell in cells - either)
        if either and has_hundreds and not has_decimals:
            for _, row in section.rows:
                row[:] = [in_doubt(c) if i in those and c in either else c for i, c in enumerate(row)]


def _with_points(section: Section, delimiter: str) -> None:
    """Give numbers with a decimal comma a point, and mark those that may be thousands, as ``cells`` does."""
    doubts = [
        frozenset() if column.kind in _SAID_ABOVE - {"dilution"} else doubt
        for column, doubt in zip(section.columns, doubtful((c for _, c in section.rows), delimiter), strict=False)
    ]
    section.rows = [
        (line, [in_doubt(c) if c in doubt else pointed(c) for c, doubt in zip(cells, doubts, strict=True)])
        for line, cells in section.rows
    ]


def _fitting(cells: list[str], section: Section, line: int) -> list[str]:
    if len(cells) > len(section.columns):
        raise AnalysisError(
            f"line {line} has {len(cells)} cells and its header {len(section.columns)}; quote a cell with a comma"
        )
    return [*cells, *[""] * (len(section.columns) - len(cells))]


def _header(cells: Sequence[str]) -> tuple[str, list[Column]] | None:
    """Which kind of table begins with this line, and its columns; None where none does."""
    if len(cells) < 2:
        return None
    if len(cells) > 2 and cells[1:] == [str(i) for i in range(1, len(cells))] and not re.search(r"\d", cells[0]):
        return "grid", [Column("row", None, cells[0]), *(Column("", None, c) for c in cells[1:])]
    columns = [_column(cell) for cell in cells]
    kinds = {c.kind for c in columns}
    if {"time", "area"} <= kinds:
        return "peaks", columns
    if {"time", "height"} <= kinds:
        return "heights", columns
    if kinds & (_LABELS - {"plate"}) and any(c.kind == "" and c.header for c in columns) and "axis" not in kinds:
        return "wells", columns
    axes = [i for i, c in enumerate(columns) if axis_of(c) is not None]
    if axes and any(_SIGNAL.fullmatch(_plain(c.header)) for c in columns):
        return "trace", columns
    return None


def _column(header: str) -> Column:
    name, unit = split_header(header)
    kind = _NAMES.get(_plain(name), "")
    if not kind and (match := _DETECTED.fullmatch(header)):  # in µV*sec, counts or whatever the detector says
        kind, unit = _NAMES.get(_plain(match["name"]), ""), match["unit"]
    return Column("" if kind in ("area", "height") and unit == "%" else kind, unit, header)


def axis_of(column: Column) -> str | None:
    """The unit of an axis, where a column is one."""
    name = "time" if column.kind == "time" else _plain(split_header(column.header)[0])
    return None if name not in _AXES else column.unit or _AXES[name]


def is_signal(column: Column) -> bool:
    """Whether a column is what a detector said over the axis."""
    return _SIGNAL.fullmatch(_plain(column.header)) is not None


def _said(cells: Sequence[str]) -> dict[str, str]:
    """What a line above a table says: ``Plate: P1`` or two cells."""
    parts = [cells[0].rstrip(":"), cells[1]] if len(cells) >= 2 else cells[0].lstrip("# ").split(":", 1)
    if len(parts) != 2:
        return {}
    kind = _NAMES.get(_plain(parts[0].lstrip("# ")), "")
    return {kind: parts[1].strip()} if kind in _SAID_ABOVE else {}


def _plain(name: str) -> str:
    return " ".join(re.sub(r"[._]+", " ", name).casefold().split())
