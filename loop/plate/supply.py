"""Supply: what the wells of a plate take of things of which there is so much, such as the uses of a ligand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SLACK = 1e-9  # of what is left: by how much a sum of floating-point numbers may pass it


@dataclass(frozen=True)
class Stocked:
    """Things of which there is so much.

    Attributes:
        of: What each experiment takes of them, coordinates ``(n, d)`` to ``(n, t)``.
        left: What is left of each, shape ``(t,)``.
    """

    of: Callable[[Floats], Floats]
    left: Floats

    def less(self, x: Floats) -> Stocked:
        """The same once the wells ``x``, ``(n, d)``, are filled."""
        return replace(self, left=self.left - self.of(x).sum(axis=0)) if len(x) else self

    def have(self, x: Floats) -> bool:
        """Whether there is enough for one more well of ``x``, ``(d,)``."""
        return bool(_enough(self.of(x[None]), self.left)[0])

    def supply(self, x: Floats) -> Supply:
        """What candidates ``x``, ``(n, d)``, take of it."""
        return Supply(self.of(x), self.left)


@dataclass(frozen=True)
class Supply:
    """What each of some candidates takes, shape ``(n, t)``, and what is left of each thing, shape ``(t,)``."""

    takes: Floats
    left: Floats

    def among(self, rows: NDArray[np.int64]) -> Supply:
        return replace(self, takes=self.takes[rows])

    def less(self, i: int) -> Supply:
        """The same once candidate ``i`` has a well."""
        return replace(self, left=self.left - self.takes[i])

    @property
    def enough(self) -> NDArray[np.bool_]:
        """For which candidates, each by itself, there is enough: ``(n,)``."""
        return _enough(self.takes, self.left)


def _enough(takes: Floats, left: Floats) -> NDArray[np.bool_]:
    is_enough = takes <= left + SLACK * np.maximum(1.0, np.abs(left))
    return np.asarray((is_enough | (takes <= 0.0)).all(axis=1))  # who takes nothing needs nothing
