"""Scattering: of which targets it is known that a measurement made again would not come out the same."""

from __future__ import annotations

from collections import defaultdict

from loop.history import History
from loop.objective import Objective
from loop.outcome import Measured, Qualifier


def scattered(history: History, objective: Objective) -> frozenset[str]:
    """Names of targets with a deviation beside a value, readings behind one, or values of one candidate that differ.

    Of a target that is not among them nothing says whether it scatters.
    """
    names = frozenset(objective.names)
    found: set[str] = set()
    values: dict[tuple[str, bytes], set[float]] = defaultdict(set)
    for seen in history.observations:
        if seen.is_off or not isinstance(seen.outcome, Measured):
            continue
        for m in seen.outcome.measurements:
            if m.property not in names:
                continue
            if m.canonical_sd or m.n > 1:
                found.add(m.property)
            if m.qualifier is Qualifier.EQUAL:
                values[m.property, seen.at.tobytes()].add(m.canonical)
    return frozenset(found | {name for (name, _), several in values.items() if len(several) > 1})
