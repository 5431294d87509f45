"""What changes by itself, and what a candidate becomes where it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loop.fidelity import fidelity_column
from loop.space import Discrete, Space
from loop.space.blends import Blend, blends_of

Floats: TypeAlias = NDArray[np.float64]
ROUNDING: Final = 1e-9  # of the highest value


@dataclass(frozen=True, slots=True)
class Way:
    """A parameter, a whole blend, or one part of it while the others keep their proportions.

    Attributes:
        name: As people call it.
        columns: Whose values it takes from another candidate.
        blend: What it is a part of; None where it is none.
    """

    name: str
    columns: tuple[int, ...]
    blend: Blend | None = None

    def changed(self, space: Space, x: Floats, z: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Rows of ``x``, ``(n, d)``, with the values of ``z``, ``(n, d)``; and which are candidates, ``(n,)``."""
        if self.blend is None:
            return swapped(space, x, z, self.columns)
        made = self.blend.with_share(x, z, self.blend.columns.index(self.columns[0]))
        there = space.frame.active(x)[:, self.columns[0]] & space.frame.active(z)[:, self.columns[0]]
        made = np.where(there[:, None], _on_steps(space, made, self.blend.columns), x)
        return made, there & space.holds(made)


def ways(space: Space) -> list[Way]:
    """All that changes by itself, in the space's order; a version does not, a blend does and then each of its parts."""
    mixed = {c: blend for blend in blends_of(space) for c in blend.columns}
    found = []
    for column, name in enumerate(space.names):
        if column not in mixed:
            found += [Way(name, (column,))] if column != fidelity_column(space) else []
        elif column == min((blend := mixed[column]).columns):
            found += [Way(blend.name, blend.columns), *(Way(space.names[c], (c,), blend) for c in blend.columns)]
    return found


def _on_steps(space: Space, x: Floats, columns: Sequence[int]) -> Floats:
    """Rows ``x``, ``(n, d)``, whose stepped numbers in ``columns`` have what shares are rounded by taken off."""
    found = x.copy()
    for column in columns:
        p = space.parameters[column]
        if isinstance(p, Discrete):
            values = np.array(p.values)
            nearest = values[np.abs(x[:, [column]] - values).argmin(axis=1)]
            found[:, column] = np.where(np.abs(nearest - x[:, column]) <= ROUNDING * p.high, nearest, x[:, column])
    return found


def swapped(space: Space, x: Floats, z: Floats, columns: Sequence[int]) -> tuple[Floats, NDArray[np.bool_]]:
    """Rows of ``x``, ``(n, d)``, with the values that ``z``, ``(n, d)``, has in ``columns``; and which are candidates.

    What begins to apply takes the value of ``z``, where it applies there; what applies and does not in ``z`` has no
    value to take.
    """
    made = x.copy()
    made[:, list(columns)] = z[:, list(columns)]
    before, there = space.frame.active(x), space.frame.active(z)
    for _ in range(len(space.conditions)):  # what applies now may let another one apply
        new = space.frame.active(made) & ~before
        made = np.where(new & there, z, made)
    now = space.frame.active(made)
    made = space.frame.canonical(made)
    taken = np.isin(np.arange(x.shape[1]), columns)
    kept = ~(now & (taken | ~before) & ~there).any(axis=1) & space.allows(made)
    if space.is_sieved:
        kept[kept] = space.keeps(made[kept])
    return made, kept
