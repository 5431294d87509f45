"""Peaks: picked by a window of the axis or by name, and integrated where a file has only the trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import Final

from loop.analysis.readings import Peak, Reading, Trace
from loop.errors import AnalysisError, UnitError
from loop.units import convert

MINOR: Final = 0.05  # of the largest area in a window: smaller peaks beside it are noise and rival nothing
SAG: Final = 0.05  # of a peak's height below the line between the ends: its area is then several percent too small
BENT: Final = 0.01  # of a trace's range
NOISE: Final = 8.0  # median steps: two noisy ends and the lowest of many points stay within them


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

    The area of a trace is in its unit times the window's, whichever unit the file's axis has.

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
    peak = integrate(reading.trace, *ends)
    if peak is None:
        return None
    assert window.low is not None
    assert window.high is not None
    scale = (window.high - window.low) / (ends[1] - ends[0])  # a calibration knows the window's unit, not each file's
    return replace(peak, area=peak.area * scale)


def misread_times(readings: Sequence[Reading], window: Window) -> str:
    """What is said where times without a unit, which are taken for minutes, are seconds by the look of them: no reading
    has a peak in the window, and one has if they are; "" elsewhere.
    """
    timed = [r for r in readings if r.is_assumed and r.unit == "min"]
    if any(_place_in(r, window) is not None for r in timed):
        return ""
    places = [(r.where, at) for r in timed if (at := _place_in(replace(r, unit="s"), window)) is not None]
    if not places:
        return ""
    where, at = places[0]
    return (
        f"no peak is {window} with times in min, for which they are taken without a unit, and one is with times in s "
        f"({where}, at {at:g}); write the unit in the header, [s] or [min], or the window in the file's numbers"
    )


def _place_in(reading: Reading, window: Window) -> float | None:
    """Where on its axis a reading has a peak in a window, beyond noise; None for nowhere."""
    try:
        ends = window.on(reading.unit)
        peak = None if ends is None else pick(reading, replace(window, several=Several.LARGEST))
    except AnalysisError:
        return None
    if peak is None or reading.trace is None:
        return None if peak is None else peak.at
    is_noise = (peak.height or 0.0) < MINOR * (max(reading.trace.y) - min(reading.trace.y))
    return None if is_noise else peak.at


def integrate(trace: Trace, low: float, high: float) -> Peak | None:
    """The area of a trace between two ends above the straight line between its values there, by trapezia.

    None where nothing rises above that line. The area is in the trace's unit times that of its axis.

    Raises:
        AnalysisError: The trace does not cover the window, or an end lies on the flank of a neighbour: the line then
            cuts through what is between.
    """
    if low < trace.x[0] or high > trace.x[-1]:
        raise AnalysisError(f"the trace runs from {trace.x[0]:g} to {trace.x[-1]:g} and the window {low:g} to {high:g}")
    start, end = _at(trace, low), _at(trace, high)
    inside = [(x, y) for x, y in zip(trace.x, trace.y, strict=True) if low < x < high]
    points = [(low, start), *inside, (high, end)]
    slope = (end - start) / (high - low)
    above = [(x, y - start - slope * (x - low)) for x, y in points]
    _refuse_flanks(trace, points, above)
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(above))
    top, height = max(above, key=lambda point: point[1])
    return Peak(top, area, height) if area > 0 and height > 0 else None


def _refuse_flanks(trace: Trace, points: Sequence[tuple[float, float]], above: Sequence[tuple[float, float]]) -> None:
    """Refuse a window of which an end lies on a neighbour's flank: the trace sags far below the line between the ends.

    Far is all of: 5 % of what rises above the line, 1 % of the trace's range (a bent baseline sags less), and more than
    noise does, of which the median step from point to point is about one deviation.
    """
    sag, height = -min(y for _, y in above), max(y for _, y in above)
    noise = median(abs(b - a) for a, b in pairwise(trace.y))
    if sag <= max(SAG * height, BENT * (max(trace.y) - min(trace.y)), NOISE * noise):
        return
    (low, start), (high, end) = points[0], points[-1]
    raise AnalysisError(
        f"the window {low:g} to {high:g} ends on a neighbour's flank, at {low if start > end else high:g}, and what is "
        "in it is not resolved; move its ends to the baseline, separate the peaks, or hand over integrated ones"
    )


def _one(found: Sequence[Peak], window: Window) -> Peak | None:
    if not found:
        return None
    largest = max(found, key=lambda p: p.area)
    if len(channels := dict.fromkeys(p.channel for p in found)) > 1:
        raise AnalysisError(f"peaks of several channels are {window} ({', '.join(channels)}); export one channel alone")
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
