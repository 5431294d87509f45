"""Remarks: what was recorded beside a result, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, assert_never

from loop.circumstances import EFFECTS, is_finite, read_context
from loop.outcome import Fault, Measured, Negative, Outcome
from loop.record import Settings

_PLACE: Final = frozenset({"plate", "row", "column", "block"})  # told with the well


def beside_label(spec: Mapping[str, Any], settings: Settings, context: Mapping[str, Any], outcome: Outcome) -> str:
    """What was recorded beside a result, in one line: settings that were not as asked, circumstances and a comment."""
    space: Mapping[str, Any] = spec.get("space") or {}

    numbers = {name: None for name, p in space.items() if p.get("type") == "context" and p.get("unit") is not None}
    read = read_context({name: context[name] for name in numbers if name in context}, numbers)[0]  # "40" is 40 too

    def said(name: str, value: object) -> str:
        if not is_finite(value):
            return f"{name} {value}"  # text, or what cannot be used: as it is on record
        return f"{name} {value:g} {space.get(name, {}).get('unit') or ''}".rstrip()

    given = context.get("actual")
    really = [said(n, v) for n, v in given.items() if v != settings.get(n)] if isinstance(given, Mapping) else []
    declared = [name for name, p in space.items() if p.get("type") == "context"]
    names = dict.fromkeys((*declared, *(name for name in EFFECTS if name not in _PLACE)))
    around = [said(n, v) for n in names if isinstance(v := read.get(n, context.get(n)), str | int | float) and v != ""]
    comment = context.get("comment")
    is_new = isinstance(comment, str) and comment not in ("", _reason(outcome))
    parts = [f"really {', '.join(really)}"] * bool(really) + [", ".join(around)] * bool(around)
    return "; ".join([*parts, *([f"comment: {comment}"] if is_new else [])])


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
