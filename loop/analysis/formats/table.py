"""Tables: exports of chromatographs (a row for each peak, or a trace) and of plate readers (a grid, or wells), in CSV
or as workbooks.

Vendors differ in the names of columns, which ``sheet`` knows; what is common is what is read here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from loop.analysis.formats.sheet import Column, Section, axis_of, is_signal, sections
from loop.analysis.readings import Label, Peak, Reading, Trace, is_overflow, label_of
from loop.cells import finite
from loop.errors import AnalysisError, UnitError
from loop.units import convert
from loop.workbooks import is_workbook

_THOUSANDS: Final = re.compile(r"[-+]?\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+(?:[.,]\d*)?")
_YES: Final = frozenset({"yes", "true", "1", "x", "y", "saturated"})
_NOTHING: Final = frozenset({"", "-", "n/a", "na", "n.a."})


def recognises(data: bytes) -> bool:
    """Whether a file may be a table: a workbook, and anything else that is no binary file."""
    return is_workbook(data) or b"\x00" not in data[:1024] or data[:2] in (b"\xff\xfe", b"\xfe\xff")


def read(name: str, data: bytes) -> Sequence[Reading]:
    """Every injection, well or trace of a file; a file that names no sample has its own name (without ending) as one.

    Raises:
        AnalysisError: No table is found in it, or a cell is not as it should be; the message names the line.
    """
    found = sections(data)
    if not found:
        raise AnalysisError(
            "no table is found in it: give a line with retention_time and area (peaks), well and a signal (plate "
            "reader), a plate as a grid under 1, 2, 3, ..., or time and signal (a trace)"
        )
    readings: list[Reading] = []
    grids: dict[Label, dict[str, float | None]] = {}
    for section in found:
        try:
            readings += _of_section(section, name, grids)
        except AnalysisError as error:
            raise AnalysisError(f"{section.on_sheet}{error}") from None
    for label, said in grids.items():
        signals = {channel: value for channel, value in said.items() if value is not None}
        readings.append(Reading(label, str(label), signals=signals, saturated=frozenset(said) - frozenset(signals)))
    return readings


def _of_section(section: Section, name: str, grids: dict[Label, dict[str, float | None]]) -> list[Reading]:
    """The readings of one table; signals of wells are put into ``grids``, since a plate may have several tables."""
    match section.kind:
        case "peaks":
            return _peaks(section, name)
        case "trace":
            return _traces(section, name)
    for label, channel, value in _signals(section):
        at = grids.setdefault(label, {})
        if channel in at:
            raise AnalysisError(f"{label} is read twice ({channel}); name plate or channel above it")
        at[channel] = value
    return []


def _peaks(section: Section, name: str) -> list[Reading]:
    column = next(c for c in section.columns if c.kind == "time")
    found: dict[tuple[Label, str], list[Peak]] = {}
    lines: dict[tuple[Label, str], tuple[int, str]] = {}
    for line, cells in section.rows:
        at = _cells(section, cells)
        place = (_label(section, at, line, name), at.get("injection", ""))
        lines.setdefault(place, (line, at.get("taken", "")))
        peaks = found.setdefault(place, [])
        if at["time"] in _NOTHING and at["area"] in _NOTHING:
            continue  # an injection without a peak
        height = None if at.get("height", "") in _NOTHING else _number(at["height"], "height", line)
        minutes = _minutes(_number(at["time"], column.header, line), column, line)
        is_saturated = at.get("saturated", "").casefold() in _YES
        peaks.append(Peak(minutes, _number(at["area"], "area", line), height, at.get("peak", ""), is_saturated))
    return [
        Reading(
            label,
            f"{section.on_sheet}line {lines[label, inj][0]}",
            "min",
            tuple(peaks),
            taken=lines[label, inj][1],
            is_assumed=column.unit is None,
        )
        for (label, inj), peaks in found.items()
    ]


def _traces(section: Section, name: str) -> list[Reading]:
    x = next(i for i, c in enumerate(section.columns) if axis_of(c) is not None)
    y = next(i for i, c in enumerate(section.columns) if is_signal(c))
    found: dict[Label, tuple[int, list[tuple[float, float]]]] = {}
    for line, cells in section.rows:
        label = _label(section, _cells(section, cells), line, name)
        point = (_number(cells[x], section.columns[x].header, line), _number(cells[y], section.columns[y].header, line))
        found.setdefault(label, (line, []))[1].append(point)
    unit, is_assumed = axis_of(section.columns[x]) or "", section.columns[x].unit is None
    taken = section.said.get("taken", "")
    readings = []
    for label, (line, points) in found.items():
        ordered = sorted(points)
        trace = Trace(tuple(a for a, _ in ordered), tuple(b for _, b in ordered))
        where = f"{section.on_sheet}line {line}"
        readings.append(Reading(label, where, unit, None, trace, taken=taken, is_assumed=is_assumed))
    return readings


def _signals(section: Section) -> list[tuple[Label, str, float | None]]:
    """Label, channel and value of each well; None for one that is saturated."""
    channel = section.said.get("channel") or "signal"
    found: list[tuple[Label, str, float | None]] = []
    for line, cells in section.rows:
        if section.kind == "grid":
            for column, cell in zip(section.columns[1:], cells[1:], strict=True):
                label = _label(section, {"well": cells[0] + column.header}, line, "")
                found += [(label, channel, _signal(cell, line))] if cell not in _NOTHING else []
            continue
        at = _cells(section, cells)
        label = _label(section, at, line, "")
        values = [c for c in section.columns if c.kind == "" and c.header]
        # A column that says the channel names the only value beside it; else each column is a channel.
        named = at.get("channel", "") if len(values) == 1 else ""
        for column, cell in zip(section.columns, cells, strict=True):
            if column in values and cell.casefold() not in _NOTHING:
                found.append((label, named or column.header, _signal(cell, line)))
    return found


def _cells(section: Section, cells: Sequence[str]) -> dict[str, str]:
    """The cells of a row by what their column holds; what stands above the table where the row says nothing."""
    row = {c.kind: cell for c, cell in zip(section.columns, cells, strict=True) if c.kind}
    return {**section.said, **{kind: cell for kind, cell in row.items() if cell or kind not in section.said}}


def _label(section: Section, at: Mapping[str, str], line: int, name: str) -> Label:
    said = {**section.said, **at}
    try:
        label = label_of(said.get("key", ""), said.get("sample", ""), said.get("plate", ""), said.get("well", ""))
    except AnalysisError as error:
        raise AnalysisError(f"line {line}: {error}") from None
    return label_of(sample=name.rsplit(".", 1)[0]) if label.is_empty and name else label


def _signal(text: str, line: int) -> float | None:
    return None if is_overflow(text) else _number(text, "signal", line)


def _number(text: str, what: str, line: int) -> float:
    number = finite(text)
    if number is None:
        remedy = "export it without thousands separators" if _THOUSANDS.fullmatch(text.strip()) else "export it anew"
        raise AnalysisError(f"line {line}: {what} must be a finite number, got {text!r}; {remedy}")
    return number


def _minutes(value: float, column: Column, line: int) -> float:
    try:
        return convert(value, column.unit or "min", "min")
    except UnitError as error:
        raise AnalysisError(f"line {line}: {column.header!r} is no time ({error}); use min or s") from None
