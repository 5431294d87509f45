"""Tables: exports of chromatographs (a row for each peak, or a trace) and of plate readers (a grid, or wells), in CSV
or as workbooks.

Vendors differ in the names of columns, which ``sheet`` knows; what is common is what is read here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from loop.analysis.formats.sheet import Column, Section, axis_of, is_signal, sections
from loop.analysis.readings import Label, Peak, Reading, Trace, is_overflow, label_of, well_name
from loop.errors import AnalysisError, UnitError
from loop.sheets.cells import finite, hint_of, is_in_doubt, pointed, without_doubt
from loop.sheets.workbooks import is_workbook
from loop.units import convert

_THOUSANDS: Final = re.compile(r"[-+]?\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+(?:[.,]\d*)?")
_YES: Final = frozenset({"yes", "true", "1", "x", "y", "saturated"})
_NOTHING: Final = frozenset({"", "-", "--", "n/a", "na", "n.a.", "#n/a", "nan", "n.d.", "nd", "n.f.", "not found"})
_SUMMARY: Final = re.compile(r"(?i)(grand )?(totals?|sum(men)?|mean|mittelwert|average|std\.? ?dev\.?|%? ?rsd ?%?)\b.*")

_Place: TypeAlias = tuple[Label, str, str, float]  # what a reading is of, its injection, when it was taken, dilution
_PARTS: Final = re.compile(r"1\s*:\s*(\d+)")  # one part in ten


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
            if section.kind in ("wells", "heights") and any(s.kind in ("peaks", "trace") for s in found):
                continue  # a list of injections with their methods, or heights alone, beside what they gave
            raise AnalysisError(f"{section.on_sheet}{error}") from None
    readings = [*_once([r for r in readings if r.peaks is not None]), *(r for r in readings if r.peaks is None)]
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
        case "heights":
            raise AnalysisError("its peaks have heights and no areas, which tell amounts; export the areas too")
    for label, channel, value in _signals(section):
        at = grids.setdefault(label, {})
        if channel in at:
            raise AnalysisError(f"{label} is read twice ({channel}); name plate or channel above it")
        at[channel] = value
    return []


def _peaks(section: Section, name: str) -> list[Reading]:
    """A reading for each injection: the rows of one label, injection and time."""
    column = next(c for c in section.columns if c.kind == "time")
    columns = {i: c.header for i, c in enumerate(section.columns) if not c.kind and c.header}
    found: dict[_Place, list[Peak]] = {}
    lines: dict[_Place, int] = {}
    names = _Names()
    for line, cells in section.rows:
        at = _cells(section, cells)
        time, area, height = (at.get(kind, "") for kind in ("time", "area", "height"))
        is_none = time.casefold() in _NOTHING  # an injection without a peak, or a line of totals
        if is_none and any(_SUMMARY.fullmatch(cell) for cell in cells):
            continue
        is_none = is_none and area.casefold() in _NOTHING
        label = _label(section, at, line)
        if not names.counts(label, line, is_none):
            continue
        place = (label, at.get("injection", ""), at.get("taken", ""), _dilution(at.get("dilution", ""), line))
        lines.setdefault(place, line)
        peaks = found.setdefault(place, [])
        if is_none or (area and area.casefold() in _NOTHING):
            continue
        minutes = _minutes(_number(time, column.header, line), column, line)
        high = None if height.casefold() in _NOTHING else _number(height, "height", line)
        is_saturated = at.get("saturated", "").casefold() in _YES
        channel = at.get("channel", "")
        figures = {columns[i]: cells[i] for i in columns if cells[i]}
        peak = Peak(minutes, _number(area, "area", line), high, at.get("peak", ""), is_saturated, channel, figures)
        peaks.append(peak)
    return [
        Reading(
            _called(label, name),
            f"{section.on_sheet}line {lines[place]}",
            "min",
            tuple(peaks),
            taken=taken,
            is_assumed=column.unit is None,
            injection=injection,
            dilution=dilution,
            columns=tuple(dict.fromkeys(columns.values())),
        )
        for place, peaks in found.items()
        for label, injection, taken, dilution in [place]
        if names.is_of_all(label)
    ]


class _Names:
    """Whether the rows of a table say whose they are: all of them, or none."""

    def __init__(self) -> None:
        self._is_told = False
        self._untold: int | None = None  # the first line that names nobody

    def counts(self, label: Label, line: int, is_none: bool) -> bool:
        """Hear a row, ``is_none`` where it has no peak; whether it may be of somebody.

        Raises:
            AnalysisError: It names nobody and others do, or the other way round.
        """
        self._is_told |= label.is_of_one
        if not label.is_of_one and not is_none:
            self._untold = self._untold or line
        if self._is_told and self._untold:
            raise AnalysisError(
                f"line {self._untold} names no sample, and others do; write the name on each line (of merged cells, "
                "and of a name that stands once for several peaks, only the first line has it)"
            )
        return label.is_of_one or not self._is_told

    def is_of_all(self, label: Label) -> bool:
        """Whether a label stays, all rows having been heard: lines without peaks may have come before any name."""
        return label.is_of_one or not self._is_told


def _once(readings: Sequence[Reading]) -> list[Reading]:
    """Readings of peaks, those of one injection once: a report may list them by time and again by compound.

    Raises:
        AnalysisError: Two tables tell of one injection, and their peaks differ.
    """
    found: dict[_Place, Reading] = {}
    for reading in readings:
        place = (reading.label, reading.injection, reading.taken, reading.dilution)
        known = found.setdefault(place, reading)
        if known is reading:
            continue
        less, more = sorted((known.peaks or (), reading.peaks or ()), key=len)
        others = {(p.at, p.area): p for p in less}
        if not set(others) <= {(p.at, p.area) for p in more}:
            raise AnalysisError(
                f"{known.where} and {reading.where} have different peaks of {reading.label}, and nothing says that "
                "they are of two injections; put peaks of one into one table, give one of two detectors alone, "
                "or number injections (Injection: 2 above the table, or a column)"
            )
        peaks = tuple(_with_what_else(p, others.get((p.at, p.area), p)) for p in more)
        columns = tuple(dict.fromkeys((*known.columns, *reading.columns)))
        found[place] = replace(known, peaks=peaks, columns=columns)
    return list(found.values())


def _with_what_else(peak: Peak, other: Peak) -> Peak:
    """A peak with its name, and the figures, that another table has of it."""
    return replace(peak, name=peak.name or other.name, figures={**other.figures, **peak.figures})


def _traces(section: Section, name: str) -> list[Reading]:
    x = next(i for i, c in enumerate(section.columns) if axis_of(c) is not None)
    y = next(i for i, c in enumerate(section.columns) if is_signal(c))
    found: dict[Label, tuple[int, list[tuple[float, float]]]] = {}
    for line, cells in section.rows:
        label = _label(section, _cells(section, cells), line)
        point = (_number(cells[x], section.columns[x].header, line), _number(cells[y], section.columns[y].header, line))
        found.setdefault(label, (line, []))[1].append(point)
    unit, is_assumed = axis_of(section.columns[x]) or "", section.columns[x].unit is None
    taken = section.said.get("taken", "")
    readings = []
    for label, (line, points) in found.items():
        ordered = sorted(points)
        trace = Trace(tuple(a for a, _ in ordered), tuple(b for _, b in ordered))
        where = f"{section.on_sheet}line {line}"
        readings.append(Reading(_called(label, name), where, unit, None, trace, taken=taken, is_assumed=is_assumed))
    return readings


def _signals(section: Section) -> list[tuple[Label, str, float | None]]:
    """Label, channel and value of each well; None for one that is saturated."""
    channel = section.said.get("channel") or "signal"
    found: list[tuple[Label, str, float | None]] = []
    for line, cells in section.rows:
        if section.kind == "grid":
            for column, cell in zip(section.columns[1:], cells[1:], strict=True):
                label = _label(section, {"well": cells[0] + column.header}, line)
                found += [(label, channel, _signal(cell, line))] if cell not in _NOTHING else []
            continue
        at = _cells(section, cells)
        label = _label(section, at, line)
        values = [c for c in section.columns if c.kind in ("", "dilution") and c.header]
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


def _label(section: Section, at: Mapping[str, str], line: int) -> Label:
    said = {**section.said, **at}
    try:
        well = said.get("well", "") or _well_at(said.get("position", ""))
        if not (well or said.get("key") or said.get("sample")):
            well = _well_at(said.get("vial", ""))
        return label_of(said.get("key", ""), said.get("sample", ""), said.get("plate", ""), well)
    except AnalysisError as error:
        raise AnalysisError(f"line {line}: {error}") from None


def _well_at(position: str) -> str:
    """The well that a position is; "" where it is a vial's place in a sampler, such as 1:A,3."""
    try:
        return well_name(position)
    except AnalysisError:
        return ""


def _called(label: Label, name: str) -> Label:
    """The label, or the name of the file without its ending where it says nothing."""
    return label_of(sample=name.rsplit(".", 1)[0]) if label.is_empty and name else label


def _dilution(text: str, line: int) -> float:
    """``10`` and ``1:10`` are both one part in ten; 1 for nothing."""
    if text.casefold() in _NOTHING:
        return 1.0
    text = text if hint_of(text) else pointed(text)  # 1,0000, and not 1,000
    match = _PARTS.fullmatch(text)
    dilution = float(match[1]) if match else _number(text, "dilution", line)
    if not dilution > 0:
        raise AnalysisError(f"line {line}: dilution must be above 0, got {text!r}; 10 is one part in ten")
    return dilution


def _signal(text: str, line: int) -> float | None:
    return None if is_overflow(text) else _number(text, "signal", line)


def _number(text: str, what: str, line: int) -> float:
    number = finite(text)
    if number is None:
        if is_in_doubt(text):
            raise AnalysisError(f"line {line}: {what} is {without_doubt(text)!r}; {hint_of(text)}")
        remedy = "export it without thousands separators" if _THOUSANDS.fullmatch(text.strip()) else "export it anew"
        if what == "area" and not _THOUSANDS.fullmatch(text.strip()):
            remedy = "export the number itself, or write n.a. where there is no peak"
        raise AnalysisError(f"line {line}: {what} must be a finite number, got {text!r}; {remedy}")
    return number


def _minutes(value: float, column: Column, line: int) -> float:
    try:
        return convert(value, column.unit or "min", "min")
    except UnitError as error:
        raise AnalysisError(f"line {line}: {column.header!r} is no time ({error}); use min or s") from None
