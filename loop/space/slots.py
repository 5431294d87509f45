"""Slots: parameters, or groups of them, of which it says nothing which is which, such as two additives of one list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Slots:
    """Groups of columns that hold alike things; of candidates that differ only in which group holds what, one is tried.

    It is the one whose groups are in order: by the names of their options, or the ranks of an ordinal, what adds
    nothing last; then by their numbers, the largest first.
    """

    name: str
    columns: tuple[tuple[int, ...], ...]  # of each slot, options before numbers, all slots alike
    ranks: tuple[tuple[int, ...], ...]  # of each column with options: the place of every option in the order
    nothing: tuple[int | None, ...]  # of each column with options: the option that adds nothing
    distinct: bool = False  # no option of the first column is in two slots, but for nothing

    @property
    def size(self) -> int:
        return len(self.columns)

    @property
    def every(self) -> tuple[int, ...]:
        """The columns of all slots."""
        return tuple(c for slot in self.columns for c in slot)

    @property
    def optional(self) -> int:
        """How many columns of a slot hold options."""
        return len(self.ranks)

    def exchanged(self) -> tuple[Mapping[int, int], ...]:
        """Each exchange of two neighbouring slots, by column: all others follow from these."""
        return tuple(
            dict(zip((*mine, *other), (*other, *mine), strict=True))
            for mine, other in zip(self.columns, self.columns[1:], strict=False)
        )

    def arranged(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows of ``x``, ``(n, d)``, with their slots in order: ``(n, d)``."""
        x = x.copy()
        for last in range(self.size - 1, 0, -1):  # the last slot of the first so many settles with each turn
            for i in range(last):
                mine, other = self.columns[i : i + 2]
                wrong = np.flatnonzero(self.after(x, i))[:, None]
                x[wrong, [*mine, *other]] = x[wrong, [*other, *mine]]
        return x

    def order(self, x: NDArray[np.float64]) -> list[int]:
        """Which slot of a candidate at ``x``, ``(d,)``, comes first, second and so on."""
        columns = range(len(self.columns[0]))
        return sorted(range(self.size), key=lambda i: tuple(float(self._key(x[None], i, k)[0]) for k in columns))

    def after(self, x: NDArray[np.float64], i: int, *, by_options: bool = False) -> NDArray[np.bool_]:
        """Where slot ``i`` comes after the next one, rows ``(n, d)`` to ``(n,)``; ``by_options``: by these alone."""
        found, equal = np.zeros(len(x), dtype=bool), np.ones(len(x), dtype=bool)
        for k in range(self.optional if by_options else len(self.columns[0])):
            mine, other = self._key(x, i, k), self._key(x, i + 1, k)
            found |= equal & (mine > other)
            equal &= mine == other
        return found

    def repeats(self, x: NDArray[np.float64], i: int) -> NDArray[np.bool_]:
        """Where slot ``i`` and the next hold the same option of the first column, not nothing: rows to ``(n,)``."""
        mine, other = (x[:, self.columns[j][0]] for j in (i, i + 1))
        there = mine >= 0 if self.nothing[0] is None else (mine >= 0) & (mine != self.nothing[0])
        return np.asarray(there & (mine == other))

    def _key(self, x: NDArray[np.float64], i: int, k: int) -> NDArray[np.float64]:
        """What slot ``i`` is put in order by in its column ``k``."""
        values = x[:, self.columns[i][k]]
        if k >= self.optional:
            return -values
        places = np.array([*self.ranks[k], len(self.ranks[k])], dtype=np.float64)  # what does not apply (-1) comes last
        return np.asarray(places[np.rint(values).astype(np.int64)])


def ranked(options: Sequence[str], nothing: int | None, *, by_name: bool) -> tuple[int, ...]:
    """The place of each option in the order, nothing last; those of an ordinal stand in it."""
    key = [(i == nothing, name if by_name else "", i) for i, name in enumerate(options)]
    place = {i: rank for rank, (_, _, i) in enumerate(sorted(key))}
    return tuple(place[i] for i in range(len(options)))
