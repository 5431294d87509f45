"""Peaks: picked by a window of the axis or by name, and integrated where a file has only the trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from loop.analysis.readings import Peak, Reading, Trace
from loop.errors import AnalysisError, UnitError
from loop.units import convert

MINOR: Final = 0.05  # of the largest area in a window: smaller peaks beside it are noise and rival nothing


class Several(StrEnum):
    """What is made of several peaks in one window."""

    REFUSE = "refuse"
    LARGEST = "largest"
    SUM = "sum"


@dataclass(frozen=True, slots=True)
class Window:
    """Where a peak is looked for: between two ends of the axis, by its name in the file, or both."""

    low: float | None
    high: float | None
    unit: str = "min"
    name: str = ""
    several: Several = Several.REFUSE

    def __str__(self) -> str:
        named = f"named {self.name!r}" if self.name else ""
        between = "" if self.low is None else f"between {self.low:g} and {self.high:g} {self.unit}"
        return " ".join(part for part in (named, between) if part)

    def on(self, unit: str) -> tuple[float, float] | None:
        """Its ends on an axis in ``unit``; raises ``AnalysisError`` where that measures something else."""
        if self.low is None or self.high is None:
            return None
        try:
            low, high = convert(self.low, self.unit, unit), convert(self.high, self.unit, unit)
        except UnitError as error:
            raise AnalysisError(f"the window is in {self.unit!r} and the file's axis in {unit!r}: {error}") from None
        return min(low, high), max(low, high)


def pick(reading: Reading, window: Window) -> Peak | None:
    """The peak of a reading in a window, None for none; of a trace, what lies above a straight line between the ends.

    Raises:
        AnalysisError: There are several (and the window does not say what then), the reading has no chromatogram or
            spectrum, its axis does not cover the window, or its peaks have no names.
    """
    ends = window.on(reading.unit)
    if reading.peaks is not None:
        found = [p for p in reading.peaks if ends is None or ends[0] <= p.at <= ends[1]]
        found = [p for p in found if not window.name or p.name.casefold() == window.name.casefold()]
        return _one(found, window)
    if reading.trace is None:
        raise AnalysisError("it has no peaks and no trace; say signal in the analysis instead of peak")
    if ends is None:
        raise AnalysisError(f"a trace has no names for its peaks, and one {window} is wanted; give low and high")
    return integrate(reading.trace, *ends)


def integrate(trace: Trace, low: float, high: float) -> Peak | None:
    """The area of a trace between two ends above the straight line between its values there, by trapezia.

    None where nothing rises above that line. The area is in the trace's unit times that of its axis.

    Raises:
        AnalysisError: The trace does not cover the window.
    """
    if low < trace.x[0] or high > trace.x[-1]:
        raise AnalysisError(f"the trace runs from {trace.x[0]:g} to {trace.x[-1]:g} and the window {low:g} to {high:g}")
    start, end = _at(trace, low), _at(trace, high)
    inside = [(x, y) for x, y in zip(trace.x, trace.y, strict=True) if low < x < high]
    points = [(low, start), *inside, (high, end)]
    slope = (end - start) / (high - low)
    above = [(x, y - start - slope * (x - low)) for x, y in points]
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(above))
    top, height = max(above, key=lambda point: point[1])
    return Peak(top, area, height) if area > 0 and height > 0 else None


def _one(found: Sequence[Peak], window: Window) -> Peak | None:
    if not found:
        return None
    largest = max(found, key=lambda p: p.area)
    if window.several is Several.SUM:
        heights = [p.height for p in found if p.height is not None]
        return Peak(
            largest.at,
            sum(p.area for p in found),
            max(heights) if heights else None,
            largest.name,
            any(p.is_saturated for p in found),
        )
    rivals = [p for p in found if p.area >= MINOR * largest.area]
    if len(rivals) > 1 and window.several is Several.REFUSE:
        where = ", ".join(f"{p.at:g}" for p in sorted(rivals, key=lambda p: p.at))
        raise AnalysisError(
            f"{len(rivals)} peaks are {window} (at {where}); narrow the window, or say several: largest or sum"
        )
    return largest


def _at(trace: Trace, x: float) -> float:
    """The trace at ``x``, by a straight line between its neighbours."""
    for (x0, y0), (x1, y1) in pairwise(zip(trace.x, trace.y, strict=True)):
        if x0 <= x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    raise AnalysisError(f"the trace does not reach {x:g}")
