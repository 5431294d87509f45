"""Slips: results that were probably mistyped. They count as they are, and a person is told."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import Final

from flows.engine.view import View
from loop.history import values_of
from loop.record import ObservationRecord
from loop.space import Continuous, Discrete
from loop.space.parameters import least_and_most

SLACK: Final = 0.1  # of a target's range: so far beyond it noise, rounding and area per cent may bring a value


def slips(view: View, observations: Iterable[ObservationRecord]) -> tuple[str, ...]:
    """A note for each target or parameter of which a number lies beyond what the campaign file says it can be."""
    found: dict[str, list[tuple[str, ObservationRecord]]] = {}
    for o in observations:
        for name, said in _beyond(view, o):
            found.setdefault(name, []).append((said, o))
    return tuple(_note(view, name, those) for name, those in found.items())


def _beyond(view: View, o: ObservationRecord) -> Iterator[tuple[str, str]]:
    """Name of each target and parameter with a number beyond its bounds, and what to say of it."""
    for name, value in values_of(o.outcome).items():
        if (target := view.spec.objective.get(name)) is None:
            continue
        low, high = target.low, target.high
        slack = SLACK * (high - low) if low is not None and high is not None else 0.0
        if (low is not None and value < low - slack) or (high is not None and value > high + slack):
            can = f"can be ({_range(low, high)})"
            yield (
                name,
                f"{name} {value:g} {target.unit}".rstrip() + f" of {view.label(o.settings)} is beyond what it {can}",
            )
    for p in view.space.parameters:
        if o.key is None and isinstance(p, Continuous | Discrete) and p.name in o.settings:  # else the planner's own
            value, (low, high) = float(o.settings[p.name]), least_and_most(p)
            if not low <= value <= high:
                yield p.name, f"{p.name} {value:g} {p.unit}".rstrip() + f" is outside the space ({_range(low, high)})"


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high:g}"
    return f"at least {low:g}" if high is None else f"{low:g} to {high:g}"


def _note(view: View, name: str, those: list[tuple[str, ObservationRecord]]) -> str:
    said, first = those[0]
    more = f", and so is {name} of {len(those) - 1} more" if len(those) > 1 else ""
    return (
        f"{said}{more}; it counts as it is. Where that is a slip: hakken retract {shlex.quote(view.name)} {first.id} "
        "--why SLIP, and hakken tell brings in the right one"
    )
