"""Remarks: what was recorded beside a result, in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import Any, Final, assert_never

from flows.labels import label_of
from loop.circumstances import EFFECTS, is_finite, read_context
from loop.outcome import Fault, Measured, Negative, Outcome
from loop.record import ObservationRecord, Settings
from loop.units import unit_shown

_PLACE: Final = frozenset({"plate", "row", "column", "block"})  # told with the well
_LONGEST: Final = 300  # characters of what was noted; the record has all of it


def beside_label(spec: Mapping[str, Any], settings: Settings, context: Mapping[str, Any], outcome: Outcome) -> str:
    """What was recorded beside a result, in one line: settings that were not as asked, circumstances and a comment."""
    space: Mapping[str, Any] = spec.get("space") or {}

    numbers = {name: None for name, p in space.items() if p.get("type") == "context" and p.get("unit") is not None}
    read = read_context({name: context[name] for name in numbers if name in context}, numbers)[0]  # "40" is 40 too

    declared = [name for name, p in space.items() if p.get("type") == "context"]
    names = dict.fromkeys((*declared, *(name for name in EFFECTS if name not in _PLACE)))
    around = [
        _said(space, n, v) for n in names if isinstance(v := read.get(n, context.get(n)), str | int | float) and v != ""
    ]
    comment = context.get("comment")
    is_new = isinstance(comment, str) and comment not in ("", _reason(outcome))
    really, around_it = really_label(spec, settings, context), ", ".join(around)
    parts = [really, around_it, f"comment: {comment}" if is_new else "", *_of_calculation(context)]
    return "; ".join(filter(None, parts))


def rearranged_in(context: Mapping[str, Any]) -> str:
    """Which bonds the molecule that was calculated has otherwise than its structure; "" where the result says none."""
    provenance = context.get("provenance")
    found = provenance.get("rearranged") if isinstance(provenance, Mapping) else None
    return found if isinstance(found, str) else ""


def _of_calculation(context: Mapping[str, Any]) -> list[str]:
    """What was calculated otherwise than asked: another molecule, and whatever did not go as first tried."""
    provenance = context.get("provenance")
    repairs = provenance.get("repairs") if isinstance(provenance, Mapping) else None
    said = "; ".join(map(str, repairs)) if isinstance(repairs, Sequence) and not isinstance(repairs, str) else ""
    found = rearranged_in(context)
    other = f"of another molecule than its structure: {found}" if found else ""
    return [other, f"noted: {shorten(said, _LONGEST, placeholder=' ...')}" if said else ""]


def really_label(spec: Mapping[str, Any], settings: Settings, context: Mapping[str, Any]) -> str:
    """The settings of a result that were not as asked, such as "really temperature 66 degC"; "" where all were."""
    given = context.get("actual")
    if not isinstance(given, Mapping):
        return ""
    really = [_said(spec.get("space") or {}, n, v) for n, v in given.items() if v != settings.get(n)]
    return f"really {', '.join(really)}" if really else ""


def label_of_result(spec: Mapping[str, Any], observation: ObservationRecord) -> str:
    """The candidate of a result in one line, with what was not as asked: its value is that of what really ran."""
    really = really_label(spec, observation.settings, observation.context)
    return label_of(spec, observation.settings) + (f" ({really})" if really else "")


def _said(space: Mapping[str, Any], name: str, value: object) -> str:
    if not is_finite(value):
        return f"{name} {value}"  # text, or what cannot be used: as it is on record
    return f"{name} {value:g} {unit_shown(space.get(name, {}).get('unit') or '')}".rstrip()


def moved_label(planned: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    """Where a result was made, if that is another well or plate than planned; "" where it is not."""
    really = {name: str(context.get(name, planned[name])) for name in ("plate", "well")}
    said = [f"{name} {text}" for name, text in really.items() if text != str(planned[name])]
    return f"really {', '.join(said)}" if said else ""


def _reason(outcome: Outcome) -> str:
    match outcome:
        case Measured():
            return ""
        case Negative(reason):
            return reason
        case Fault(_, message):
            return message
        case _:
            assert_never(outcome)
