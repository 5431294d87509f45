"""Scattering: what is known of whether a measurement made again would come out the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from loop.history import History
from loop.objective import Objective
from loop.outcome import Measured, Measurement, Qualifier


def scattered(history: History, objective: Objective) -> frozenset[str]:
    """Names of targets with a deviation beside a value, readings behind one, or values of one candidate that differ.

    Of a target that is not among them nothing says that it scatters.
    """
    stated = {m.property for _, m in _measured(history, objective) if m.canonical_sd or m.n > 1}
    return frozenset(stated | {name for (name, _), every in _values(history, objective).items() if len(set(every)) > 1})


def measured_again(history: History, objective: Objective) -> frozenset[str]:
    """Names of targets that were measured of one candidate more than once, whether or not the values differ."""
    return frozenset(name for (name, _), every in _values(history, objective).items() if len(every) > 1)


def _measured(history: History, objective: Objective) -> Iterator[tuple[bytes, Measurement]]:
    """Every measurement of a target at settings as they were asked for, with the coordinates of the candidate."""
    names = frozenset(objective.names)
    for seen in history.observations:
        if not seen.is_off and isinstance(seen.outcome, Measured):
            yield from ((seen.at.tobytes(), m) for m in seen.outcome.measurements if m.property in names)


def _values(history: History, objective: Objective) -> Mapping[tuple[str, bytes], list[float]]:
    """Exact values by target and candidate."""
    values: dict[tuple[str, bytes], list[float]] = defaultdict(list)
    for at, m in _measured(history, objective):
        if m.qualifier is Qualifier.EQUAL:
            values[m.property, at].append(m.canonical)
    return values
