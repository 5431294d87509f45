"""Worlds: what answers in place of a laboratory when a campaign is rehearsed.

A world knows what is true of each candidate, and gives measurements of it. It is asked in the order of the play, and
the same seed gives the same answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loop.objective import Objective
from loop.outcome import Outcome
from loop.space.rows import key_of
from loop.values import sure_of

Truth: TypeAlias = Mapping[str, float]  # by target, in its unit; empty where the candidate has no value


class World(Protocol):
    """What experiments meet."""

    def measure(self, points: NDArray[np.float64]) -> list[Outcome]:
        """What comes of an experiment at each of ``points``, ``(n, d)``; a row twice is measured twice."""
        ...

    def truth(self, points: NDArray[np.float64]) -> list[Truth]:
        """What is true of candidates at ``points``, ``(n, d)``."""
        ...


class TableWorld:
    """A table of results: an experiment is one of the rows of its candidate, and the truth the mean of their values."""

    def __init__(
        self, points: NDArray[np.float64], outcomes: Sequence[Outcome], objective: Objective, *, seed: int
    ) -> None:
        """``points``, ``(n, d)``, are the candidates of the rows; replicates have the same."""
        self._objective = objective
        self._rng = np.random.default_rng(seed)
        self._rows: dict[bytes, list[Outcome]] = {}
        for x, outcome in zip(points, outcomes, strict=True):
            self._rows.setdefault(key_of(x), []).append(outcome)

    def measure(self, points: NDArray[np.float64]) -> list[Outcome]:
        found = (self._rows[key_of(x)] for x in points)
        return [rows[int(self._rng.integers(len(rows)))] for rows in found]

    def truth(self, points: NDArray[np.float64]) -> list[Truth]:
        return [mean_of(self._rows[key_of(x)], self._objective) for x in points]


def mean_of(outcomes: Sequence[Outcome], objective: Objective) -> dict[str, float]:
    """The mean of each target over the outcomes in which it is no worse than is known: 95, or > 95 of a yield."""
    rows = [{name: value for name, (value, _) in sure_of(outcome, objective).items()} for outcome in outcomes]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}
