"""Constraints: which combinations are not to be tried. Each is a vectorised test on coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Exclude:
    """Combinations that must not occur: all the conditions at once.

    Of each named parameter, ``conditions`` gives the coordinates that take part (option indices or values).
    """

    name: str
    conditions: Mapping[int, frozenset[float]]  # column of the coordinates -> values

    def allows(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of ``x``, shape ``(n, d)``, are allowed: shape ``(n,)``."""
        hit = np.ones(len(x), dtype=bool)
        for column, values in self.conditions.items():
            hit &= np.isin(x[:, column], list(values))
        return ~hit


@dataclass(frozen=True, slots=True)
class Linear:
    """A weighted sum of numeric parameters, in their own units, kept between two bounds."""

    name: str
    weights: Mapping[int, float]  # column of the coordinates -> weight
    at_least: float = -np.inf
    at_most: float = np.inf

    def allows(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of ``x``, shape ``(n, d)``, are allowed: shape ``(n,)``."""
        total = sum(weight * x[:, column] for column, weight in self.weights.items())
        slack = 1e-9 * max(1.0, *(abs(b) for b in (self.at_least, self.at_most) if np.isfinite(b)))
        return np.asarray((total >= self.at_least - slack) & (total <= self.at_most + slack))


Constraint: TypeAlias = Exclude | Linear
