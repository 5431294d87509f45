"""Scattering: what is known of whether a measurement made again would come out the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from loop.history import History, Observation
from loop.objective import Objective
from loop.outcome import Measured, Measurement, Qualifier
from loop.space.rows import key_of


def scattered(history: History, objective: Objective) -> frozenset[str]:
    """Names of targets with a deviation beside a value, readings behind one, or values of one candidate that differ.

    Of a target that is not among them nothing says that it scatters.
    """
    stated = {m.property for _, m in _measured(history, objective) if m.canonical_sd or m.n > 1}
    found = _values(history, objective)
    return frozenset(stated | {name for (name, _), every in found.items() if len({v for _, v in every}) > 1})


def measured_again(history: History, objective: Objective) -> frozenset[str]:
    """Names of targets that were measured of one candidate more than once, whether or not the values differ.

    Several channels of one experiment are one measurement.
    """
    found = _values(history, objective)
    return frozenset(name for (name, _), every in found.items() if len({i for i, _ in every}) > 1)


def _measured(history: History, objective: Objective) -> Iterator[tuple[Observation, Measurement]]:
    """Every measurement of a target at settings that are known, with the observation that told it."""
    names = frozenset(objective.names)
    for seen in history.observations:
        if not seen.is_off and isinstance(seen.outcome, Measured):
            yield from ((seen, m) for m in seen.outcome.measurements if m.property in names)


def _values(history: History, objective: Objective) -> Mapping[tuple[str, bytes], list[tuple[str, float]]]:
    """Exact values by target and candidate, each with the id of its observation."""
    values: dict[tuple[str, bytes], list[tuple[str, float]]] = defaultdict(list)
    for seen, m in _measured(history, objective):
        if m.qualifier is Qualifier.EQUAL:
            values[m.property, key_of(seen.at)].append((seen.id, m.canonical))
    return values
