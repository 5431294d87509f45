"""The objective: which targets are measured and what is wanted of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from loop.errors import ObjectiveError
from loop.units import check_unit


class Goal(StrEnum):
    """What is wanted of a target."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


@dataclass(frozen=True, slots=True)
class Target:
    """A measured quantity, in ``unit``, and what is wanted of it.

    ``low`` and ``high`` are what the quantity can be at all (a yield lies between 0 and 100 %);
    ``at_least`` and ``at_most`` are thresholds: a result beyond them is of no use.
    """

    name: str
    goal: Goal
    unit: str = ""
    low: float | None = None
    high: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        check_unit(self.unit)
        for what, low, high in (("low", self.low, self.high), ("at_least", self.at_least, self.at_most)):
            for number in (low, high):
                if number is not None and not math.isfinite(number):
                    raise ObjectiveError(f"target {self.name!r}: bounds must be finite, got {number}")
            if low is not None and high is not None and not low < high:
                raise ObjectiveError(f"target {self.name!r}: {what} must be below its partner, got {low} and {high}")

    @property
    def sign(self) -> float:
        """1 when larger is better, -1 when smaller is: ``sign * value`` is to be maximised."""
        return 1.0 if self.goal is Goal.MAXIMIZE else -1.0

    def meets(self, value: float) -> bool:
        """Whether a value keeps the thresholds."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


@dataclass(frozen=True, slots=True)
class Objective:
    """One or several targets."""

    targets: tuple[Target, ...]

    def __post_init__(self) -> None:
        if not self.targets:
            raise ObjectiveError("the objective names no target; name at least one, such as yield")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(t.name for t in self.targets)

    @property
    def units(self) -> dict[str, str]:
        return {t.name: t.unit for t in self.targets}

    @property
    def signs(self) -> NDArray[np.float64]:
        """Shape ``(m,)``: multiply values by it and larger is better."""
        return np.array([t.sign for t in self.targets])

    def best(self, rows: Sequence[Mapping[str, float]]) -> tuple[int, ...]:
        """Indices of the best rows: the single best that keeps the thresholds, or the Pareto front.

        Rows that lack a target or break a threshold are passed over; where all break one, thresholds are ignored.
        """
        complete = [i for i, row in enumerate(rows) if all(t.name in row for t in self.targets)]
        keeping = [i for i in complete if all(t.meets(rows[i][t.name]) for t in self.targets)]
        chosen = keeping or complete
        if not chosen:
            return ()
        values = np.array([[rows[i][t.name] for t in self.targets] for i in chosen]) * self.signs
        if len(self.targets) == 1:
            return (chosen[int(values[:, 0].argmax())],)
        front = [k for k, v in enumerate(values) if not ((values >= v).all(axis=1) & (values > v).any(axis=1)).any()]
        return tuple(chosen[k] for k in front)
