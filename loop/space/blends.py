"""Blends: parameters with a fixed sum, such as the parts of a mixture or volumes that make up 100 uL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.as_written import in_order
from loop.space.constraints import Linear
from loop.space.parameters import Continuous, Discrete, Parameter
from loop.space.space import Space

ALIKE: Final = 1e-12  # of a share


@dataclass(frozen=True, slots=True)
class Blend:
    """Columns of coordinates of which a weighted sum is ``total``; the share of each is its part of that."""

    name: str
    columns: tuple[int, ...]
    weights: tuple[float, ...]
    total: float

    def shares(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The shares in coordinates ``x``, ``(n, d)``: shape ``(n, parts)``, rows that sum to one."""
        return np.asarray(x[:, list(self.columns)] * np.array(self.weights) / self.total)

    def values(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """The coordinates of shares, both ``(n, parts)``."""
        return np.asarray(shares * self.total / np.array(self.weights))

    def with_share(self, x: NDArray[np.float64], z: NDArray[np.float64], part: int) -> NDArray[np.float64]:
        """Coordinates ``x``, ``(n, d)``, with the share of a part that ``z``, ``(n, d)``, has; others in proportion.

        Where ``x`` has nothing of the others, in the proportions of ``z``.
        """
        before, after = self.shares(x), self.shares(z)[:, part]
        others = 1.0 - before[:, part]
        is_pure = others <= ALIKE
        rest = np.where(is_pure[:, None], self.shares(z), before)
        scale = (1.0 - after) / np.where(is_pure, 1.0 - after, others).clip(ALIKE)
        shares = rest * scale[:, None]
        shares[:, part] = after
        made = x.copy()
        made[:, list(self.columns)] = self.values(shares)
        made[:, self.columns[part]] = z[:, self.columns[part]]
        return made

    def made(self, space: Space, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The shares in those of ``x``, ``(n, d)``, in which it applies: shape ``(k, parts)``."""
        return self.shares(x[space.frame.active(x)[:, self.columns[0]]])


def blends_of(space: Space) -> tuple[Blend, ...]:
    """What is mixed: numbers on linear scales that an equality ties, each counted the same way; each in one blend."""
    called = {frozenset(m.columns): m.name for m in space.mixtures}
    found: list[Blend] = []
    for rule in space.constraints:
        if not (isinstance(rule, Linear) and rule.is_equality and len(rule.columns) > 1):
            continue
        columns, taken = tuple(sorted(rule.columns)), {c for blend in found for c in blend.columns}
        weights = [rule.weights[c] for c in columns]
        is_plain = all(_is_plain(space.parameters[c]) for c in columns)
        if is_plain and not taken & {*columns} and all(weight * rule.at_most > 0.0 for weight in weights):
            names = in_order([space.names[c] for c in columns], space.written)
            name = called.get(frozenset(columns)) or " + ".join(names)
            found.append(Blend(name, columns, tuple(weights), rule.at_most))
    return tuple(found)


def _is_plain(p: Parameter) -> bool:
    return isinstance(p, Continuous | Discrete) and p.scale == "linear"
