"""Allotrope Simple Model (ASM): JSON of plate readers and chromatographs, as the package allotropy writes it.

Names and structure after the public schemas of the Allotrope Foundation (REC/2023 to 2025): measurement documents at
any depth, quantities as ``{"value": ..., "unit": ...}``. Where an instrument gave a word in place of a value, an error
document has it, and the value is a minus zero, which is none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from loop.analysis.readings import Label, Peak, Reading, is_overflow, label_of
from loop.errors import AnalysisError, UnitError
from loop.units import convert

_SIGNALS: Final = ("absorbance", "fluorescence", "luminescence")
_NOTHING: Final = frozenset({"", "-", "nan", "none", "n/a", "na", "not reported"})  # of a well that was not read
_TIME: Final = "measurement time"
_READ: Final = frozenset({"retention time", "peak area", "peak height"})
_LOCATIONS: Final = ("location identifier", "well location identifier")
_PLATES: Final = ("well plate identifier", "plate identifier")


def recognises(data: bytes) -> bool:
    """Whether a file is JSON that names an Allotrope manifest."""
    return data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" and b'"$asm.manifest"' in data


def read(_: str, data: bytes) -> Sequence[Reading]:
    """One reading for each measurement document.

    Raises:
        AnalysisError: It is no JSON, or a measurement holds what cannot be read.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise AnalysisError(f"it is not JSON ({error}); export it anew") from None
    found = [_reading(each, i, taken) for i, (each, taken) in enumerate(_measurements(document), start=1)]
    return [reading for reading in found if reading is not None]


def _measurements(node: Any) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Every measurement document, wherever it lies, with the time that stands beside it."""
    if isinstance(node, Mapping):
        for name, inner in node.items():
            if name == "measurement document":
                documents = inner if isinstance(inner, list) else [inner]
                yield from ((m, str(node.get(_TIME, ""))) for m in documents if isinstance(m, Mapping))
            else:
                yield from _measurements(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _measurements(inner)


def _reading(document: Mapping[str, Any], number: int, taken: str) -> Reading | None:
    where = f"measurement {document.get('measurement identifier', number)}"
    label = _label(_checked(document.get("sample document") or {}, Mapping, f"{where}: its sample document"))
    taken = str(document.get(_TIME, taken))
    lists = [found for found in _all_below(document, "peak list") if isinstance(found, Mapping)]
    if len(lists) > 1:
        raise AnalysisError(f"{where} has {len(lists)} lists of peaks; export one")
    listed = [p for each in lists for p in _checked(each.get("peak") or [], list, f"{where}: its list of peaks")]
    if peaks := [_peak(p, where) for p in listed if isinstance(p, Mapping)]:
        columns = tuple(dict.fromkeys(name for peak in peaks for name in peak.figures))
        return Reading(label, where, "min", tuple(peaks), taken=taken, columns=columns)
    signals, saturated, unread = dict[str, float](), set[str](), dict[str, str]()
    for kind in (k for k in _SIGNALS if isinstance(document.get(k), Mapping)):
        wavelength = _quantity(next(_all_below(document, "detector wavelength setting"), None))
        channel = kind if wavelength is None else f"{kind} {wavelength[0]:g}"
        said = _value_or_word(document, kind)
        if not isinstance(said, str):
            signals[channel] = said
        elif is_overflow(said):
            saturated.add(channel)
        elif said.strip().casefold() not in _NOTHING:
            unread[channel] = said
    if not (signals or saturated or unread):
        return None
    return Reading(label, where, signals=signals, saturated=frozenset(saturated), unread=unread, taken=taken)


def _checked(found: Any, kind: type, what: str) -> Any:
    """What was found, which has to be of a kind of JSON."""
    if not isinstance(found, kind):
        raise AnalysisError(f"{what} is {type(found).__name__} {str(found)[:20]!r}, not as in ASM; export it anew")
    return found


def _finite(number: object) -> float | None:
    """A number of JSON that can be reckoned with; None for anything else."""
    if not isinstance(number, int | float) or isinstance(number, bool):
        return None
    try:
        return float(number) if math.isfinite(number) else None
    except OverflowError:  # hundreds of digits
        return None


def _value_or_word(document: Mapping[str, Any], kind: str) -> float | str:
    """The value of a signal, or what the instrument said in its place."""
    found = document[kind].get("value")
    value = _finite(found)
    is_none = value is None or (value == 0 and math.copysign(1.0, value) < 0)
    for each in _all_below(document, "error document"):
        for error in each if isinstance(each, list) else [each]:
            if not isinstance(error, Mapping):
                continue
            if is_none or str(error.get("error feature", "")).strip().casefold() == kind:
                return str(error.get("error") or "an error")
    return str(found) if value is None else value


def _label(sample: Mapping[str, Any]) -> Label:
    texts = {name: str(value) for name, value in sample.items() if isinstance(value, str | int)}
    well = next((texts[n] for n in _LOCATIONS if n in texts), "")
    return label_of("", texts.get("sample identifier", ""), next((texts[n] for n in _PLATES if n in texts), ""), well)


def _peak(said: Mapping[str, Any], where: str) -> Peak:
    at, area, height = (_quantity(said.get(name)) for name in ("retention time", "peak area", "peak height"))
    if at is None or area is None:
        raise AnalysisError(f"{where} has a peak without retention time or area; export both")
    try:
        minutes = convert(at[0], at[1] or "min", "min")
    except UnitError as error:
        raise AnalysisError(f"{where}: the retention time is no time ({error}); export it in seconds") from None
    name = said.get("written name") or said.get("analyte name") or ""
    others = (name for name in said if name not in _READ)
    figures = {name: repr(value[0]) for name in others if (value := _quantity(said[name])) is not None}
    return Peak(minutes, area[0], None if height is None else height[0], str(name), figures=figures)


def _all_below(node: Any, name: str) -> Iterator[Any]:
    """Everything that stands under a name, however deep."""
    if isinstance(node, Mapping):
        if name in node:
            yield node[name]
        for other, inner in node.items():
            if other != name:
                yield from _all_below(inner, name)
    elif isinstance(node, list):
        for each in node:
            yield from _all_below(each, name)


def _quantity(said: Any) -> tuple[float, str] | None:
    value = _finite(said.get("value")) if isinstance(said, Mapping) else None
    return None if value is None else (value, str(said.get("unit", "")))
