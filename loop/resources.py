"""Resources: what the record tells of each laboratory, and what an experiment there is to be expected to take.

A resource that fails often, or whose queue is long, is dearer than its results say of themselves: an experiment has to
be made again after an accident, and hours of waiting are hours. Figures are medians and shares of what happened; one
imagined success stands beside them, so that a resource that has done nothing yet is not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loop.errors import SpaceError
from loop.record import Json
from loop.space import Space
from loop.wording import as_time

SHORTEST: Final = 1.0 / 60.0  # hours; the engine looks every few seconds, and less cannot be told from that

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Resource:
    """One laboratory by the record. Hours and costs are medians, None where nothing tells them."""

    name: str
    takes: Mapping[str, tuple[str | float, ...]] = field(default_factory=dict)  # by setting; everything where empty
    pending: int = 0  # attempts that it has
    ended: int = 0  # attempts that it was given and that ended, called-off ones not counted
    accidents: int = 0  # of these, faults that say nothing of the candidate
    waited: float | None = None  # hours from being sent to being begun
    hours: float | None = None  # that a run takes, as results say
    turnaround: float | None = None  # hours from being sent to its end
    cost: float | None = None  # as results say
    retracted: int = 0  # attempts that ended with a result that no longer counts; not among ``ended``

    @property
    def is_used(self) -> bool:
        """Whether it was given anything."""
        return bool(self.ended or self.pending or self.retracted)

    @property
    def failure_rate(self) -> float | None:
        """The share of its attempts that ended in an accident; None before any ended."""
        return self.accidents / self.ended if self.ended else None

    @property
    def tries(self) -> float:
        """How many attempts one result is expected to take, 1 where nothing is known."""
        return (self.ended + 1) / (self.ended + 1 - self.accidents)

    @property
    def delay(self) -> float:
        """Hours of waiting that count: below a minute it is the engine's own looking."""
        return 0.0 if self.waited is None or self.waited < SHORTEST else self.waited

    @property
    def expected_hours(self) -> float | None:
        """Hours from sending an experiment to its result, made again after accidents; None before any ended."""
        return None if self.turnaround is None else self.tries * self.turnaround

    @property
    def text(self) -> str:
        """In words, such as "12 done, 2 failed, waits 0.5 h, runs 2 h, 3 there"."""
        parts = [f"{self.ended - self.accidents} done"]
        if self.accidents:
            parts.append(f"{self.accidents} failed ({self.failure_rate:.0%})")
        if self.retracted:
            parts.append(f"{self.retracted} retracted")
        for word, hours in (("waits", self.waited), ("runs", self.hours)):
            if hours is not None:
                parts.append(f"{word} {said_hours(hours)}")
        if self.cost is not None:
            parts.append(f"costs {self.cost:.3g}")
        if self.pending:
            parts.append(f"{self.pending} there")
        return ", ".join(parts)

    def as_json(self) -> Json:
        """For a round's model, from which a replay takes it."""
        return asdict(self)

    @staticmethod
    def of(told: Json) -> Resource:
        """From what ``as_json`` gave, also after a way through JSON."""
        return Resource(**{**told, "takes": {name: tuple(values) for name, values in told["takes"].items()}})


def expected_hours(resources: Iterable[Resource]) -> dict[str, float]:
    """By name, of those of which it is known."""
    return {r.name: r.expected_hours for r in resources if r.expected_hours is not None}


def telling(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """All of them where one of them adds something to costs, else none."""
    found = tuple(resources)
    return found if any(r.tries > 1 or r.delay for r in found) else ()


@dataclass(frozen=True)
class Site:
    """Where experiments may go, in coordinates: which columns have to have which values, ``(values,)`` each."""

    takes: tuple[tuple[int, Floats], ...]
    tries: float
    waited: float  # hours, each time that it is tried

    def has(self, x: Floats) -> NDArray[np.bool_]:
        """Which of ``x``, ``(n, d)``, it takes: ``(n,)``."""
        there = np.ones(len(x), dtype=bool)
        for column, values in self.takes:
            there &= np.isin(x[:, column], values)
        return there


def sites_of(space: Space, resources: Iterable[Resource]) -> tuple[Site, ...]:
    """The resources in coordinates of a space. Values of other spaces are passed over: nothing has them."""
    return tuple(
        Site(
            tuple((space.names.index(name), _coordinates(space, name, values)) for name, values in r.takes.items()
                  if name in space.names),
            r.tries,
            r.tries * r.delay,
        )
        for r in resources
    )  # fmt: skip


def said_hours(hours: float) -> str:
    """Hours as a person reads them, with three digits."""
    much, unit = as_time(hours)
    return f"{much:.3g} {unit}"


def notes_on(sites: Sequence[Site], resources: Sequence[Resource]) -> tuple[str, ...]:
    """A note on what resources add to costs; none where they add nothing."""
    parts = [
        f"{r.name} x {s.tries:.3g}" + (f" and {said_hours(s.waited)} of waiting" if s.waited else "")
        for r, s in zip(resources, sites, strict=True)
        if s.tries > 1 or s.waited
    ]
    return (f"costs expected with accidents and waiting, by the record: {', '.join(parts)}",) if parts else ()


def _coordinates(space: Space, name: str, values: Sequence[str | float]) -> Floats:
    parameter = space.parameters[space.names.index(name)]
    found = []
    for value in values:
        try:
            found.append(float(parameter.index(value)))
        except (SpaceError, ValueError, TypeError):
            continue
    return np.array(found, dtype=np.float64)
