"""What changes by itself, and what a candidate becomes where it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from loop.circumstances import SUMS
from loop.fidelity import fidelity_column
from loop.space import Space
from loop.space.blends import Blend, blends_of
from loop.space.leaving_out import still_has

Floats: TypeAlias = NDArray[np.float64]


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
    held: tuple[int, ...] = ()  # of slots: the column of each that holds the options, whichever of them does

    def changed(self, space: Space, x: Floats, z: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Rows of ``x``, ``(n, d)``, with the values of ``z``, ``(n, d)``; and which are candidates, ``(n,)``.

        Those of a blend may lie between its steps, on which few are that keep their proportions. A part alone has less
        only where ``z`` says what of the others is there instead.
        """
        if self.blend is None:
            return swapped(space, x, z, self.columns)
        made = self.blend.with_share(x, z, self.blend.columns.index(self.columns[0]))
        there = space.frame.active(x)[:, self.columns[0]] & space.frame.active(z)[:, self.columns[0]]
        made = np.where(there[:, None], made, x)
        is_same_otherwise = (space.frame.canonical(made) == made).all(axis=1)
        is_whole = np.abs(self.blend.shares(made).sum(axis=1) - 1.0) <= SUMS
        return made, there & is_same_otherwise & is_whole & still_has(space, made)


def ways(space: Space) -> list[Way]:
    """All that changes by itself, in the space's order; a version does not, a blend does and then each of its parts.

    What slots hold changes together, since nothing says which of them holds what.
    """
    mixed = {c: blend for blend in blends_of(space) for c in blend.columns}
    pooled = {c: slots for slots in space.frame.pooled for c in slots.every}
    found = []
    for column, name in enumerate(space.names):
        if (slots := pooled.get(column)) is not None:
            if column == min(slots.every):
                held = tuple(slot[0] for slot in slots.columns)
                found.append(Way(" or ".join(space.called(held)), slots.every, held=held))
        elif column not in mixed:
            found += [Way(name, (column,))] if column != fidelity_column(space) else []
        elif column == min((blend := mixed[column]).columns):
            found += [Way(blend.name, blend.columns), *(Way(space.names[c], (c,), blend) for c in blend.columns)]
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
    made = space.frame.arranged(space.frame.canonical(made))
    taken = np.isin(np.arange(x.shape[1]), columns)
    kept = ~(now & (taken | ~before) & ~there).any(axis=1) & space.allows(made)
    if space.is_sieved:
        kept[kept] = space.keeps(made[kept])
    return made, kept
