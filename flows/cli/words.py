"""Words for records: settings with units, outcomes and predictions in a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, assert_never

from loop.outcome import Fault, Measured, Measurement, Negative, Outcome, Qualifier
from loop.record import Prediction


def unit_of(spec: Mapping[str, Any], target: str) -> str:
    """A target's unit, "" for none."""
    return str((spec.get("objective", {}).get(target) or {}).get("unit", ""))


def outcome_line(outcome: Outcome) -> str:
    """How an experiment ended, in a line."""
    match outcome:
        case Measured(measurements):
            return _values(measurements)
        case Negative(reason, measurements):
            return f"negative: {reason}" + (f" ({_values(measurements)})" if measurements else "")
        case Fault(kind, message, _):
            return f"fault ({kind.value}): {message}"
        case _:
            assert_never(outcome)


def predictions_line(predictions: Iterable[Prediction], spec: Mapping[str, Any]) -> list[str]:
    """One line for each target: the whole committee first, then every member with its weight."""
    by_target: dict[str, list[Prediction]] = {}
    for prediction in predictions:
        by_target.setdefault(prediction.target, []).append(prediction)
    lines = []
    for target, said in by_target.items():
        said.sort(key=lambda p: p.member != "committee")
        lines.append(f"{target} " + "; ".join(_said(p, unit_of(spec, target)) for p in said))
    return lines


def _said(p: Prediction, unit: str) -> str:
    weight = "" if p.weight is None else f", weight {p.weight:.2f}"
    return f"{p.mean:.4g} ± {p.sd:.2g} {unit}".rstrip() + f" ({p.member}{weight})"


def _values(measurements: Iterable[Measurement]) -> str:
    return ", ".join(_value(m) for m in measurements)


def _value(m: Measurement) -> str:
    sign = "" if m.qualifier is Qualifier.EQUAL else f"{m.qualifier.value} "
    sd = "" if m.sd is None else f" ± {m.sd:.2g}"
    return f"{m.property} {sign}{m.value:.5g}{sd} {m.unit}".rstrip()


def plural(n: int, one: str, many: str | None = None) -> str:
    """``"1 experiment"``, ``"3 experiments"``."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def reason_line(arm: str, reason: str) -> str:
    """Arm and reason, the arm once."""
    return reason if reason.startswith(arm) else f"{arm}: {reason}"
