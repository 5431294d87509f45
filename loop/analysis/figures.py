"""Figures of a separation: when a peak comes, and what the file itself says of it (resolution, tailing, plates).

Nothing is calibrated: a file's own figures count as they are, in whichever way its program reckons them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final

from loop.analysis.method import DETECTED, Method, Quantity
from loop.analysis.peaks import pick
from loop.analysis.readings import Peak, Reading
from loop.errors import AnalysisError, UnitError
from loop.outcome import Measurement, Qualifier
from loop.sheets.cells import finite, hint_of, is_in_doubt, without_doubt
from loop.units import convert

# What programs call the column of a quantity: Agilent, Waters, Shimadzu, Thermo; without what stands for the way.
_NAMES: Final = {
    **dict.fromkeys(("resolution", "resol", "rs", "res"), Quantity.RESOLUTION),
    **dict.fromkeys(("tailing", "tailing factor", "tailing f", "tail factor", "tf"), Quantity.TAILING),
    **dict.fromkeys(("symmetry", "symmetry factor", "symm"), Quantity.SYMMETRY),
    **dict.fromkeys(("asymmetry", "asymmetry factor", "asym"), Quantity.SYMMETRY),
    **dict.fromkeys(("plates", "plate count", "plate #", "plate number", "plate no", "ntp"), Quantity.PLATES),
    **dict.fromkeys(("theoretical plates", "theoretical plate", "theoretical plate #"), Quantity.PLATES),
    **dict.fromkeys(("theoretical plate number", "number of theoretical plates"), Quantity.PLATES),
}
_WAYS: Final = frozenset({"usp", "ep", "jp", "bp", "dab", "peak", "chromatographic", "chromatography"})
_WORD: Final = re.compile(r"[^\W_]+|#")
_NOTHING: Final = frozenset({"", "-", "--", "---", "n/a", "na", "n.a.", "#n/a", "nan", "n.d.", "nd", "none"})
_SMALLEST: Final = "smallest"
_LONG: Final = 120.0  # minutes that few runs last, and most do in seconds


class NoPeak(AnalysisError):
    """A peak is missing of which nothing else stands in its place: the target has no value, and others may."""


def quantity_of(header: str) -> Quantity | None:
    """What a column holds by its header, such as ``USP Resolution`` or ``Plates (EP)``; None for anything else."""
    words = [word for word in _WORD.findall(header.casefold()) if word not in _WAYS]
    return _NAMES.get(" ".join(words))


def measure_figure(method: Method, mine: Sequence[Reading]) -> tuple[Measurement, dict[str, Any], list[str]]:
    """The value of one target from its readings, which are repeats, with the numbers behind it and what is doubted.

    Raises:
        NoPeak: The peak is missing, and no limit stands for it.
        AnalysisError: The file says nothing of it, or only some of the readings do.
    """
    found = [_of(method, reading) for reading in mine]
    there = [value for value, _ in found if value is not None]
    limit = method.detection_limit
    if len(there) < len(found) and there:
        raise AnalysisError(f"{len(found) - len(there)} of {len(found)} readings {_lacks(method)}; look at them")
    numbers: dict[str, Any] = {"quantity": method.quantity.value, "responses": there}
    doubts = list(dict.fromkeys(doubt for _, said in found for doubt in said))
    if not there and limit is None:
        raise NoPeak(f"{mine[0].where} {_lacks(method)}, so that it has no {method.quantity.value}")
    n = len(found)
    mean = sum(there) / n if there else -math.inf
    if limit is not None and mean < limit:
        return _stated(method, limit, None, n, Qualifier.BELOW), {**numbers, "below": DETECTED}, doubts
    sd = math.sqrt(sum((v - mean) ** 2 for v in there) / (n - 1)) if n > 1 else 0.0
    return _stated(method, mean, sd or None, n, Qualifier.EQUAL), numbers, doubts


def with_column(method: Method, mine: Sequence[Reading]) -> list[Reading]:
    """Those of the readings that say something of what is asked for.

    Raises:
        AnalysisError: None has a column of it, or one has several: another file, or a word in the analysis, is wanted.
    """
    if method.quantity is Quantity.TIME:
        return list(mine)
    for reading in mine:
        if len(columns := _columns(method, reading)) > 1:
            raise AnalysisError(
                f"{method.target!r}: {reading.where} has {len(columns)} columns of {method.quantity.value} "
                f"({', '.join(columns)}); say in the analysis which (column: {columns[0]})"
            )
    if found := [reading for reading in mine if _columns(method, reading)]:
        return found
    others = dict.fromkeys(column for reading in mine for column in reading.columns)
    has = f"it has {', '.join(others)}" if others else "it has areas alone"
    wanted = f"called {method.column!r}" if method.column else f"of the {method.quantity.value} of peaks"
    raise AnalysisError(
        f"{method.target!r} needs a column {wanted}, and {mine[0].where} has none ({has}); export it too, or name it "
        "in the analysis (column: ...)"
    )


def _stated(method: Method, value: float, sd: float | None, n: int, qualifier: Qualifier) -> Measurement:
    return Measurement(method.target, value, method.unit, value, sd, sd, n, qualifier)


def _of(method: Method, reading: Reading) -> tuple[float | None, tuple[str, ...]]:
    """The value of one reading, None where the peak is missing, and what is doubted."""
    if method.of_all is None:
        peak = _sound(method, reading)
        if peak is None:
            return None, ()
        value = _value(method, reading, peak)
        if value is None:
            pair = "; the first or the last of a file has none: name its neighbour" if _is_of_pairs(method) else ""
            raise AnalysisError(f"the peak {method.peak} has no {method.quantity.value} ({reading.where}){pair}")
        return value, _doubted(method, reading, peak)
    peaks = sorted(_counted(method, reading), key=lambda p: p.at)
    if len(peaks) < method.count:
        return None, ()
    doubts = _doubted(method, reading, peaks[-1])
    if len(peaks) > method.count:
        more = f"{len(peaks)} peaks count, and {method.count} are expected; export those alone, or give a window"
        doubts = (*doubts, more)
    values = [value for peak in peaks if (value := _value(method, reading, peak)) is not None]
    if len(values) < len(peaks) - _is_of_pairs(method):
        missing = f"{len(peaks) - len(values)} of {len(peaks)} peaks have no {method.quantity.value}"
        raise AnalysisError(f"{missing} ({reading.where}); export it of all")
    return (min if method.of_all == _SMALLEST else max)(values), doubts


def _doubted(method: Method, reading: Reading, last: Peak) -> tuple[str, ...]:
    """That times for which no unit is said, and which are taken for minutes, may be seconds."""
    if method.quantity is not Quantity.TIME or not reading.is_assumed or last.at < _LONG:
        return ()
    return (f"a peak comes at {last.at:g} min, for which times without a unit are taken; are they in s (RT [s])?",)


def _counted(method: Method, reading: Reading) -> list[Peak]:
    """The peaks that count: those in the window, or all."""
    peaks = list(reading.peaks or ())
    if len({p.channel for p in peaks}) > 1:
        raise AnalysisError(f"{reading.where} has peaks of several channels; export one channel alone")
    ends = None if method.peak is None else method.peak.on(reading.unit)
    return peaks if ends is None else [p for p in peaks if ends[0] <= p.at <= ends[1]]


def _sound(method: Method, reading: Reading) -> Peak | None:
    assert method.peak is not None
    try:
        peak = pick(reading, method.peak)
    except AnalysisError as error:
        raise AnalysisError(f"{error} ({reading.where})") from None
    if peak is not None and peak.is_saturated:
        raise AnalysisError(f"the peak {method.peak} is saturated ({reading.where}); inject less of it")
    return peak


def _value(method: Method, reading: Reading, peak: Peak) -> float | None:
    """A peak's figure, None where its cell says that there is none; a resolution of 0 is none either."""
    if method.quantity is Quantity.TIME:
        try:
            return convert(peak.at, reading.unit, method.unit)
        except UnitError as error:
            raise AnalysisError(f"the peak lies on an axis in {reading.unit!r}, which is no time ({error})") from None
    (column,) = _columns(method, reading)
    text = peak.figures.get(column, "").strip()
    if text.casefold() in _NOTHING:
        return None
    if (number := finite(text)) is None:
        hint = hint_of(text) if is_in_doubt(text) else "export it anew"
        got = f"{column} of the peak at {peak.at:g} is {without_doubt(text)!r}"
        raise AnalysisError(f"{got} ({reading.where}); {hint}")
    return None if number == 0 and _is_of_pairs(method) else number


def _columns(method: Method, reading: Reading) -> list[str]:
    if method.column:
        return [c for c in reading.columns if c.casefold() == method.column.casefold()][:1]
    return [c for c in reading.columns if quantity_of(c) is method.quantity]


def _is_of_pairs(method: Method) -> bool:
    """Whether a figure is of a peak and its neighbour, which one peak of a file lacks."""
    return method.quantity is Quantity.RESOLUTION


def _lacks(method: Method) -> str:
    if method.of_all is None:
        return f"has no peak {method.peak}" if method.peak else "has no peak"
    return f"has fewer than {method.count} peaks" + (f" {method.peak}" if method.peak else "")
