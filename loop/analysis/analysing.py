"""Analysing: from readings to an outcome, with the numbers on the way and every doubt. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from loop.analysis.calibration import Line, fit_line, scatter_about
from loop.analysis.figures import NoPeak, measure_figure, with_column
from loop.analysis.method import DETECTED, Analysis, Beyond, Method, Quantity
from loop.analysis.peaks import Window, misread_times, pick
from loop.analysis.readings import Peak, Reading, is_called
from loop.errors import AnalysisError, UnitError
from loop.objective import Goal
from loop.outcome import Fault, FaultKind, Measured, Measurement, Negative, Outcome, Qualifier
from loop.units import convert

CALIBRATED: Final = "lowest standard"
_KINDS: Final = {False: "a chromatogram, spectrum or peaks", True: "a table of peaks"}

File: TypeAlias = tuple[str, Sequence[Reading]]  # its name, and everything that it says


@dataclass(frozen=True, slots=True)
class Analysed:
    """An outcome, by target the numbers that led to it, and what a person may want to look at."""

    outcome: Outcome
    detail: Mapping[str, Any]
    doubts: tuple[str, ...] = ()


def analyse(analysis: Analysis, files: Iterable[File], is_mine: Callable[[Reading], bool], *, at: str = "") -> Analysed:
    """What the files say of one experiment.

    A target without a value makes the whole a fault of kind ``analysis_failed`` that says nothing of the candidate, but
    for a figure of a peak that is missing, which is left out with a doubt where others have values.
    Where every target is to be large and none is above its limit (of detection, or the lowest standard), the outcome is
    negative, with limits.

    Args:
        analysis: How each target is measured.
        files: Everything that was handed over, with the readings of other experiments, blanks and standards.
        is_mine: Which readings are of this experiment; several of one kind are repeats, and their mean counts.
        at: The day it was measured or received, as in ISO 8601; a calibration that had expired by then is a doubt.

    Raises:
        AnalysisError: No file has the kind of reading that a target is measured by, or its times have another unit than
            they are taken for: another file is wanted.
    """
    given = _integrated(_without_copies([(name, tuple(readings)) for name, readings in files]))
    values: list[Measurement] = []
    detail: dict[str, Any] = {}
    doubts: list[str] = []
    missing: list[str] = []  # figures of peaks that are not there
    for method in analysis.methods:
        mine = [(r, readings) for _, readings in given for r in readings if is_mine(r) and _has(r, method)]
        if not mine:
            kind = "a signal " + (method.signal or "") if method.signal is not None else _KINDS[method.needs_peaks]
            names = ", ".join(name for name, _ in given)
            raise AnalysisError(
                f"{method.target!r} needs {kind}, and {names} has none of this experiment; hand over the file that has"
            )
        _refuse_misread_times(method, given)
        is_area = method.quantity is Quantity.AREA
        telling = [] if is_area else with_column(method, [reading for reading, _ in mine])
        try:
            measurement, numbers, said = _measure(method, mine) if is_area else measure_figure(method, telling)
        except NoPeak as error:
            missing.append(f"{method.target}: {error}")
            continue
        except AnalysisError as error:
            fault = Fault.of(FaultKind.ANALYSIS_FAILED, f"{method.target}: {error}")
            return Analysed(fault, detail, tuple(doubts))
        values.append(measurement)
        detail[method.target] = numbers
        doubts += [f"{method.target}: {text}" for text in (*said, *_expired(method, at))]
    doubts += missing
    if not values:
        return Analysed(Fault.of(FaultKind.ANALYSIS_FAILED, "; ".join(missing)), detail, tuple(doubts))
    is_nothing = all(v.qualifier is Qualifier.BELOW for v in values)
    if is_nothing and all(m.goal is Goal.MAXIMIZE for m in analysis.methods):
        return Analysed(Negative(_what_is_below(detail), tuple(values)), detail, tuple(doubts))
    return Analysed(Measured(tuple(values)), detail, tuple(doubts))


def _without_copies(files: Sequence[tuple[str, tuple[Reading, ...]]]) -> list[tuple[str, tuple[Reading, ...]]]:
    """The files, of those that say the same to the last digit the first: an injection that was exported again.

    What only a later one says beside areas, such as resolutions, is heard, too.
    """
    seen: list[list[Reading]] = []
    found: list[tuple[str, tuple[Reading, ...]]] = []
    for name, readings in files:
        said = [_content(name, reading) for reading in readings]
        if said not in seen or not any(r.peaks or r.trace or r.signals for r in said):
            found.append((name, readings))
            seen.append(said)
        else:
            place = seen.index(said)
            before, had = found[place]
            found[place] = before, tuple(map(_with_figures, had, readings))
    return found


def _with_figures(reading: Reading, copy: Reading) -> Reading:
    """A reading with the figures of its peaks that a copy has beside its own."""
    if reading.peaks is None or copy.peaks is None or not copy.columns:
        return reading
    both = zip(reading.peaks, copy.peaks, strict=True)
    peaks = tuple(replace(peak, figures={**other.figures, **peak.figures}) for peak, other in both)
    return replace(reading, peaks=peaks, columns=tuple(dict.fromkeys((*reading.columns, *copy.columns))))


def _content(name: str, reading: Reading) -> Reading:
    """What a reading says of areas or signals, wherever it stands and whatever its file is called."""
    label = reading.label
    is_called_so = label.sample == name.rsplit(".", 1)[0]
    peaks = reading.peaks and tuple(replace(peak, figures={}) for peak in reading.peaks)
    label = replace(label, sample=None) if is_called_so else label
    return replace(reading, where="", label=label, peaks=peaks, columns=())


def _integrated(files: Sequence[tuple[str, tuple[Reading, ...]]]) -> list[tuple[str, tuple[Reading, ...]]]:
    """The files without chromatograms of which the peaks are there, too: their areas have another unit."""
    timed = {r.label for _, readings in files for r in readings if r.peaks is not None and _is_timed(r)}
    return [
        (name, tuple(r for r in readings if r.trace is None or r.label not in timed or not _is_timed(r)))
        for name, readings in files
    ]


def _is_timed(reading: Reading) -> bool:
    try:
        convert(1.0, reading.unit, "min")
    except UnitError:
        return False
    return True


def _what_is_below(detail: Mapping[str, Any]) -> str:
    """Such as "yield below the limit of detection", of every target."""
    by_limit: dict[str, list[str]] = {}
    for target, numbers in detail.items():
        by_limit.setdefault(numbers["below"], []).append(target)
    return ", ".join(f"{' and '.join(targets)} below the {limit}" for limit, targets in by_limit.items())


def _refuse_misread_times(method: Method, files: Sequence[File]) -> None:
    """Refuse files in which a window is empty because their times have no unit and are not in minutes."""
    for window in (method.peak, None if method.standard is None else method.standard.window):
        if window is not None and (said := misread_times([r for _, readings in files for r in readings], window)):
            raise AnalysisError(f"{method.target!r}: {said}")


def _has(reading: Reading, method: Method) -> bool:
    if method.signal is None:
        return reading.peaks is not None or (reading.trace is not None and not method.needs_peaks)
    return bool(_channels(reading)) and (not method.signal or _channel(reading, method) is not None)


def _measure(
    method: Method, mine: Sequence[tuple[Reading, Sequence[Reading]]]
) -> tuple[Measurement, dict[str, Any], list[str]]:
    """The value of one target from its readings, each with all that stands in its file."""
    found = [_response(method, reading) for reading, _ in mine]
    blanks = [_blank(method, reading, others) for reading, others in mine]
    lines = [_line(method, r, others, blank) for (r, others), (blank, _) in zip(mine, blanks, strict=True)]
    if any(line != lines[0] for line in lines):
        raise AnalysisError("its readings lie on plates with calibrations of their own; hand over one of them")
    responses = [(response or 0.0) - blank for response, (blank, _) in zip(found, blanks, strict=True)]
    line, n, blank_sd = lines[0], len(responses), max(sd for _, sd in blanks)
    mean = sum(responses) / n
    scatter = scatter_about(responses, [mean] * n, n - 1)
    value = line.value(mean)
    sd = line.deviation(mean, n, scatter, blank_sd)
    limit = line.detection_limit if method.detection_limit is None else method.detection_limit
    if not math.isfinite(value) or not math.isfinite(sd):
        raise AnalysisError(f"the response {mean:g} gives no finite value; look at the calibration")
    is_absent = all(response is None for response in found)
    value, qualifier, below = _absent(method, limit) if is_absent else _qualified(method, line, value, limit)
    if qualifier is not Qualifier.EQUAL:
        sd = line.deviation(line.intercept + line.slope * value, n, scatter, blank_sd)
    factor, doubts = _dilution(method, [reading for reading, _ in mine])
    # What is reported is the scatter of one reading: a value with n readings counts with sd / sqrt(n).
    value, reported = value * factor, sd * factor * math.sqrt(n) if sd > 0 else None
    measurement = Measurement(method.target, value, method.unit, value, reported, reported, n, qualifier)
    numbers = {
        "responses": responses,
        "slope": line.slope,
        "intercept": line.intercept,
        "detection_limit": limit,
        **({"below": below} if below else {}),
        **({"dilution": factor} if factor != 1 else {}),
        **({"calibration": dict(method.certificate)} if method.certificate else {}),
    }
    missing = 0 if is_absent else sum(response is None for response in found)
    if missing:
        doubts.append(f"{missing} of {n} readings have no peak {method.peak} and count as nothing")
    if method.peak is not None and method.saturation is not None and any(_lacks_height(method, r) for r, _ in mine):
        doubts.append("its file has no heights, so nothing says whether the detector was saturated; export them too")
    return measurement, numbers, doubts


def _dilution(method: Method, mine: Sequence[Reading]) -> tuple[float, list[str]]:
    """By how much the sample was diluted beyond what was calibrated, and what is doubted where nobody says that."""
    found = sorted({reading.dilution for reading in mine})
    if method.ignores_dilution or (method.dilution is None and found == [1.0]):
        return 1.0, []
    said = " and ".join(f"{dilution:g}" for dilution in found)
    if method.dilution is None:
        return 1.0, [
            f"its file says a dilution of {said}, which counts for nothing; say in the analysis at which the line "
            "holds (dilution: 1 where it is of what is injected), or dilution: ignored"
        ]
    if len(found) > 1:
        raise AnalysisError(f"its readings have dilutions of {said}; hand over those of one")
    return found[0] / method.dilution, []


def _lacks_height(method: Method, reading: Reading) -> bool:
    """Whether a peak that counts has no height."""
    windows = (method.peak, None if method.standard is None else method.standard.window)
    peaks = [pick(reading, window) for window in windows if window is not None]
    return any(peak is not None and peak.height is None for peak in peaks)


def _absent(method: Method, limit: float) -> tuple[float, Qualifier, str]:
    """The limit that stands for a peak that is not there."""
    if limit <= 0:
        raise AnalysisError(f"no peak {method.peak}, and no limit of detection is known; give detection_limit")
    return limit, Qualifier.BELOW, DETECTED


def _qualified(method: Method, line: Line, value: float, limit: float) -> tuple[float, Qualifier, str]:
    """The value or the limit that stands for it, and what it is below; raises ``AnalysisError`` for too much."""
    unit = method.unit
    if value < limit:
        return limit, Qualifier.BELOW, DETECTED
    slack = 1e-9 * max(abs(line.highest or 0.0), abs(line.lowest or 0.0))
    for end, is_beyond, qualifier in (
        (line.lowest, line.lowest is not None and value < line.lowest - slack, Qualifier.BELOW),
        (line.highest, line.highest is not None and value > line.highest + slack, Qualifier.ABOVE),
    ):
        if not is_beyond or end is None or method.beyond is Beyond.EXTRAPOLATE:
            continue
        is_below = qualifier is Qualifier.BELOW
        if is_below or method.beyond is Beyond.LIMIT:
            return end, qualifier, CALIBRATED if is_below else ""
        raise AnalysisError(
            f"{value:.4g} {unit}".rstrip()
            + f" is outside the calibrated range, {line.lowest:g} to {line.highest:g} {unit}".rstrip()
            + "; dilute it, add standards, or say beyond: limit or extrapolate"
        )
    return value, Qualifier.EQUAL, ""


def _response(method: Method, reading: Reading) -> float | None:
    """The response of one reading, before the blank; None where there is no peak."""
    if method.peak is None:
        channel = _channel(reading, method)
        if channel is None:
            known = ", ".join(_channels(reading)) or "none"
            raise AnalysisError(f"{reading.where} has {known} as signals; say which (signal: NAME)")
        if channel in reading.unread:
            said = reading.unread[channel]
            raise AnalysisError(f"{reading.where} says {said[:80]!r} in place of a value; read it again")
        value = reading.signals.get(channel, math.inf)
        if channel in reading.saturated or (method.saturation is not None and value > method.saturation):
            raise AnalysisError(f"{reading.where} is saturated; dilute the sample and read it again")
        return value
    peak = _sound(reading, method.peak, method)
    if method.standard is None:
        return None if peak is None else peak.area
    standard = _sound(reading, method.standard.window, method)
    if standard is None:
        raise AnalysisError(f"no internal standard peak {method.standard.window} ({reading.where})")
    low, high = method.standard.at_least, method.standard.at_most
    if (low is not None and standard.area < low) or (high is not None and standard.area > high):
        wanted = " and ".join(
            f"{word} {end:g}" for word, end in (("at least", low), ("at most", high)) if end is not None
        )
        raise AnalysisError(
            f"the internal standard's area is {standard.area:g} and should be {wanted} ({reading.where}); "
            "look whether it was dosed and injected rightly"
        )
    if not standard.area > 0:
        raise AnalysisError(f"the internal standard's area is {standard.area:g} ({reading.where}); integrate it anew")
    if peak is not None and method.standard.window.name == "" and peak == standard:
        raise AnalysisError(f"the peak and the internal standard are one peak ({reading.where}); mend their windows")
    return None if peak is None else peak.area / standard.area


def _sound(reading: Reading, window: Window, method: Method) -> Peak | None:
    """The peak in a window; raises ``AnalysisError`` where the detector was saturated."""
    try:
        peak = pick(reading, window)
    except AnalysisError as error:
        raise AnalysisError(f"{error} ({reading.where})") from None
    if peak is None:
        return None
    too_high = method.saturation is not None and peak.height is not None and peak.height > method.saturation
    if peak.is_saturated or too_high:
        raise AnalysisError(f"the peak {window} is saturated ({reading.where}); dilute the sample and inject it again")
    return peak


def _channel(reading: Reading, method: Method) -> str | None:
    """The channel that the method reads: the one it names, or the only one there is."""
    names = _channels(reading)
    if method.signal:
        return next((n for n in names if n.casefold() == method.signal.casefold()), None)
    return names[0] if len(names) == 1 else None


def _channels(reading: Reading) -> list[str]:
    return list(dict.fromkeys((*reading.signals, *sorted(reading.saturated), *reading.unread)))


def _blank(method: Method, reading: Reading, others: Sequence[Reading]) -> tuple[float, float]:
    """Mean response of the blanks on the same plate and its standard deviation; zeros without blanks."""
    if method.blank is None:
        return 0.0, 0.0
    wells, samples = set(method.blank.wells), set(method.blank.samples)
    found = [
        _response(method, r) or 0.0
        for r in others
        if r.label.plate == reading.label.plate
        and (r.label.well in wells or is_called(r.label.sample, samples))
        and _has(r, method)
    ]
    if not found:
        names = ", ".join((*method.blank.wells, *method.blank.samples))
        raise AnalysisError(f"the file has no reading of the blank ({names}) beside {reading.where}; measure it too")
    mean = sum(found) / len(found)
    n = len(found)
    return mean, scatter_about(found, [mean] * n, n - 1) / math.sqrt(n)


def _line(method: Method, reading: Reading, others: Sequence[Reading], blank: float) -> Line:
    """The calibration: as stated, or from the standards on the same plate."""
    assert method.calibration is not None
    if isinstance(method.calibration, Line):
        return method.calibration
    wells = method.calibration.wells
    points = [
        (wells[well], (_response(method, r) or 0.0) - blank)
        for r in others
        if r.label.plate == reading.label.plate and (well := r.label.well or "") in wells and _has(r, method)
    ]
    if missing := sorted(set(wells) - {r.label.well for r in others if r.label.plate == reading.label.plate}):
        raise AnalysisError(f"the file has no reading of standard {missing[0]} beside {reading.where}; measure it too")
    return fit_line(points, through_zero=method.calibration.through_zero)


def _expired(method: Method, at: str) -> list[str]:
    """Days in ISO 8601 compare as texts."""
    expires = method.certificate.get("expires", "")
    if not expires or not at or at[:10] <= expires:
        return []
    named = " ".join(("the calibration", method.certificate.get("id", ""))).rstrip()
    return [f"{named} expired on {expires}, and this is of {at[:10]}; calibrate anew"]
