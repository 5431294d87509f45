"""Readings: what an instrument's file says of one injection, well or spectrum, before anything is made of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from loop.errors import AnalysisError

_WELL: Final = re.compile(r"([A-Za-z]{1,2})0*([1-9][0-9]?)")
_OVERFLOW: Final = re.compile(r"(?i)ov(e?r|rflw).*|\*+|#+|#?sat.*|\+?inf(inity)?")
_PLATE: Final = re.compile(r"(?:plate|p)?[\s_-]*0*(.+)", re.IGNORECASE)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = (
    re.compile(r"(?P<y>\d{4})[-/.](?P<m>\d\d?)[-/.](?P<d>\d\d?)(?!\d)"),
    re.compile(r"(?P<d>\d\d?)\.\s?(?P<m>\d\d?)\.\s?(?P<y>\d{4})(?!\d)"),
    re.compile(r"(?P<d>\d\d?)[- .]+(?P<m>[A-Za-z]{3})[a-z]*[- .,]+(?P<y>\d{4})(?!\d)"),
    re.compile(r"(?P<m>[A-Za-z]{3})[a-z]*[- .]+(?P<d>\d\d?)[- .,]+(?P<y>\d{4})(?!\d)"),
)
_SLASHED: Final = re.compile(r"(\d\d?)/(\d\d?)/(\d{4})(?!\d)")  # the day or the month first


@dataclass(frozen=True, slots=True)
class Label:
    """What a file says that a reading belongs to; plate ``P01`` is written ``1``, well ``A01`` ``A1``."""

    key: str | None = None  # of the attempt
    sample: str | None = None
    plate: str | None = None
    well: str | None = None

    def __str__(self) -> str:
        said = (("key", self.key), ("sample", self.sample), ("plate", self.plate), ("well", self.well))
        return ", ".join(f"{name} {value}" for name, value in said if value) or "nothing that it belongs to"

    @property
    def is_empty(self) -> bool:
        return not (self.is_of_one or self.plate)

    @property
    def is_of_one(self) -> bool:
        """Whether it says more than of which plate it is."""
        return bool(self.key or self.sample or self.well)


@dataclass(frozen=True, slots=True)
class Peak:
    """A peak of a chromatogram or a spectrum."""

    at: float  # its top, in the unit of the reading's axis
    area: float
    height: float | None = None
    name: str = ""
    is_saturated: bool = False
    channel: str = ""  # of the detector, where the file names it
    figures: Mapping[str, str] = field(default_factory=dict)  # what else the file says of it, as it stands, by column


@dataclass(frozen=True, slots=True)
class Trace:
    """A signal over an axis: a chromatogram or a spectrum. The axis rises."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y) or len(self.x) < 2:
            raise AnalysisError(f"a trace needs two points or more, as many x as y; got {len(self.x)}, {len(self.y)}")
        if not all(map(math.isfinite, (*self.x, *self.y))):
            raise AnalysisError("a trace holds a value that is no finite number; export it anew")
        if any(a >= b for a, b in zip(self.x, self.x[1:], strict=False)):
            raise AnalysisError("the axis of a trace must rise from point to point; export it anew")


@dataclass(frozen=True, slots=True)
class Reading:
    """One injection, well or spectrum. It has peaks, a trace, or signals by channel; ``where`` is for messages."""

    label: Label
    where: str  # such as "line 12"
    unit: str = "min"  # of the axis of peaks and trace
    peaks: tuple[Peak, ...] | None = None
    trace: Trace | None = None
    signals: Mapping[str, float] = field(default_factory=dict)  # of a plate reader, by channel
    saturated: frozenset[str] = frozenset()  # channels that read "overflow"
    unread: Mapping[str, str] = field(default_factory=dict)  # what the instrument says in place of a value, by channel
    taken: str = ""  # when, as the file says it
    injection: str = ""  # its number, where one label has several
    dilution: float = 1.0  # of the sample, as the file says it: 10 for one part in ten
    is_assumed: bool = False  # that the axis is in ``unit``: the file says none
    columns: tuple[str, ...] = ()  # that the figures of its peaks stand in


def is_overflow(text: str) -> bool:
    """Whether an instrument says by this, in place of a value, that there was more than it can tell."""
    return _OVERFLOW.fullmatch(text.strip()) is not None


def label_of(key: str = "", sample: str = "", plate: str = "", well: str = "") -> Label:
    """A label from cells of a file; empty ones say nothing.

    Raises:
        AnalysisError: The well is none, such as ``9Z``.
    """
    return Label(key.strip() or None, sample.strip() or None, plate_name(plate) or None, well_name(well) or None)


def is_called(sample: str | None, names: Iterable[str]) -> bool:
    """Whether a sample has one of the names, in any capitals."""
    return sample is not None and sample.casefold() in {name.casefold() for name in names}


def day_of(text: str) -> str:
    """The day of a time stamp as ``2026-12-03``; "" for none, and for one that may be two, such as 03/12/2026."""
    for pattern in _DAYS:
        if match := pattern.match(text.strip()):
            year, month, day = int(match["y"]), match["m"].casefold(), int(match["d"])
            try:
                return date(year, int(month) if month.isdigit() else _MONTHS.index(month) + 1, day).isoformat()
            except ValueError:
                return ""
    if (match := _SLASHED.match(text.strip())) is None:
        return ""
    found = set()
    for month, day in ((int(match[1]), int(match[2])), (int(match[2]), int(match[1]))):
        with suppress(ValueError):
            found.add(date(int(match[3]), month, day).isoformat())
    return found.pop() if len(found) == 1 else ""


def well_name(text: str) -> str:
    """``A1`` for ``a01``; "" for nothing. Raises ``AnalysisError`` for what is no well."""
    text = text.strip()
    if not text:
        return ""
    if (match := _WELL.fullmatch(text)) is None:
        raise AnalysisError(f"{text!r} is no well; write a letter and a number, such as A1 or H12")
    return f"{match[1].upper()}{match[2]}"


def plate_name(text: str) -> str:
    """``3`` for ``Plate 3``, ``P03`` and ``3``; other names as they are."""
    match = _PLATE.fullmatch(text.strip())
    return match[1] if match and match[1].isdigit() else text.strip()
