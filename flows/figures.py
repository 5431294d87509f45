"""Figures: what the record tells of each resource of a campaign: queue time, failures, what runs took and cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Final

from adapters.several import PARTED, conditions_of, part_in
from loop.circumstances import read_expense
from loop.experiment import PENDING, Event, State
from loop.outcome import Fault, FaultKind
from loop.record import AttemptEventRecord, AttemptRecord, Json, ObservationRecord
from loop.resources import Resource

HOUR: Final = 3_600.0  # seconds
_NOT_ITS_FAULT: Final = frozenset({FaultKind.INPUT_ERROR, FaultKind.CANCELLED})


def figures_of(
    laboratory: Json,
    attempts: Iterable[AttemptRecord],
    steps: Iterable[AttemptEventRecord],
    observations: Iterable[ObservationRecord],
) -> tuple[Resource, ...]:
    """Every resource that a laboratory section names, in its order, then those that only the record knows.

    ``observations`` are those that count.
    """
    adapter = laboratory.get("adapter")
    takes = conditions_of(laboratory) if adapter == PARTED else {}
    given: dict[str, list[AttemptRecord]] = {str(name): [] for name in takes or ([adapter] if adapter else ())}
    for attempt in attempts:
        if (name := resource_of(attempt)) is not None:
            given.setdefault(name, []).append(attempt)
    times = _times(steps)
    results = {o.key: o for o in observations if o.key is not None}
    return tuple(_figures(name, takes.get(name, {}), mine, times, results) for name, mine in given.items())


def resource_of(attempt: AttemptRecord) -> str | None:
    """Which resource an attempt was given to; None where none took it."""
    if attempt.handle is None:
        return None
    return part_in(attempt.handle) if attempt.adapter == PARTED else attempt.adapter


def _figures(
    name: str,
    takes: Mapping[str, tuple[str | float, ...]],
    attempts: Sequence[AttemptRecord],
    times: Mapping[str, Mapping[Event, datetime]],
    results: Mapping[str, ObservationRecord],
) -> Resource:
    mine = [results[a.key] for a in attempts if a.key in results]
    ended = [o for o in mine if not (isinstance(o.outcome, Fault) and o.outcome.kind in _NOT_ITS_FAULT)]
    turnarounds: list[float] = []
    waits: list[float] = []
    hours: list[float] = []
    costs: list[float] = []
    for o in ended:
        at, expense = times.get(str(o.key), {}), read_expense(o.context)
        turnaround = _hours(at, Event.ACCEPTED, Event.OUTCOME)
        waited = _hours(at, Event.ACCEPTED, Event.STARTED)
        if waited is None and turnaround is not None and expense.hours is not None:
            waited = max(turnaround - expense.hours, 0.0)  # it was not seen to run
        for value, found in ((turnaround, turnarounds), (waited, waits), (expense.hours, hours), (expense.cost, costs)):
            if value is not None:
                found.append(value)
    return Resource(
        name,
        takes,
        pending=sum(a.state in PENDING for a in attempts),
        ended=len(ended),
        accidents=sum(isinstance(o.outcome, Fault) and not o.outcome.informative for o in ended),
        waited=_median(waits),
        hours=_median(hours),
        turnaround=_median(turnarounds),
        cost=_median(costs),
        retracted=sum(a.state is State.ENDED and a.key not in results for a in attempts),
    )


def _times(steps: Iterable[AttemptEventRecord]) -> dict[str, dict[Event, datetime]]:
    """When each attempt took each step, for the last time."""
    found: dict[str, dict[Event, datetime]] = {}
    for step in steps:
        found.setdefault(step.key, {})[step.event] = step.at
    return found


def _hours(at: Mapping[Event, datetime], start: Event, end: Event) -> float | None:
    if start not in at or end not in at or at[end] < at[start]:
        return None
    return (at[end] - at[start]).total_seconds() / HOUR


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None
