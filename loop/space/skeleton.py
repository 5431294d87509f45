"""Skeletons: the combinations that constraints leave, built column by column and pruned on the way.

A row gives each column the interval from ``low`` to ``high``: both alike for an option, a step or a zero, apart for a
number that is continuous. Columns that no constraint ties together are independent, so a space is a product of
small tables instead of one that nobody could store.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loop.space.constraints import Constraint, Count
from loop.space.parameters import Continuous, Discrete
from loop.space.pruning import open_levels, possible
from loop.space.space import Space
from loop.space.structure import inactive_coordinate

CHUNK = 262_144  # rows handled at once
_Ends: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]
TINY = 1e-6  # of its range: the least that counts as used of a fraction from zero up


@dataclass(frozen=True)
class Skeleton:
    """Allowed combinations of some columns; ``low`` and ``high`` have shape ``(rows, columns)``.

    ``weight`` is how many combinations each row stands for: 1 where every one is there (``is_whole``), more where
    they are a random part of too many.
    """

    columns: tuple[int, ...]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    weight: float
    is_whole: bool

    def __len__(self) -> int:
        return len(self.low)

    @property
    def number(self) -> float:
        """How many combinations there are, as far as the rows tell."""
        return len(self.low) * self.weight


def components(space: Space) -> tuple[tuple[int, ...], ...]:
    """Columns that constraints, conditions or a mixture tie together, in order of their first columns."""
    parent = list(range(len(space.parameters)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    ties = [c.columns for c in space.constraints] + [(c.column, *c.columns) for c in space.conditions]
    for columns in ties:
        for other in columns[1:]:
            a, b = sorted((root(columns[0]), root(other)))
            parent[b] = a
    groups: dict[int, list[int]] = {}
    for column in range(len(parent)):
        groups.setdefault(root(column), []).append(column)
    return tuple(tuple(g) for g in groups.values())


def combinations(space: Space, columns: Sequence[int]) -> int:
    """How many combinations some columns have before constraints and conditions; a continuous one has one or two."""
    return math.prod(len(levels(space, c)[0]) for c in columns)


def levels(space: Space, column: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest coordinates of each choice in a column: two of shape ``(levels,)``."""
    p = space.parameters[column]
    if isinstance(p, Continuous):
        if p.or_zero:
            return np.array([0.0, p.low]), np.array([0.0, p.high])
        if p.low == 0.0 and any(isinstance(c, Count) and column in c.columns for c in space.constraints):
            return np.array([0.0, TINY * p.high]), np.array([0.0, p.high])
        return np.array([p.low]), np.array([p.high])
    values = np.asarray(p.values) if isinstance(p, Discrete) else np.arange(p.size, dtype=np.float64)
    return values, values


def enumerate_rows(
    space: Space, columns: Sequence[int], most: int, rng: np.random.Generator, rules: Sequence[Constraint] | None = None
) -> Skeleton:
    """The allowed combinations of ``columns``; where they are more than ``most`` at any step, a random part of them.

    Args:
        columns: A component of the space.
        rules: Constraints to keep, all of the space's by default; only those on ``columns`` count.

    The number of rows times ``weight`` is an unbiased estimate of the number of combinations.
    Source: Knuth, Mathematics of Computation 29 (1975) 121; Vaisman and Kroese, Stochastic Enumeration (2014).
    """
    inside = set(columns)
    mine = [c for c in (space.constraints if rules is None else rules) if set(c.columns) <= inside]
    order = gates_first(space, columns)
    d = len(space.parameters)
    low = np.zeros((1, d))
    is_finite = not any(isinstance(space.parameters[c], Continuous) for c in columns)
    high = low if is_finite else low.copy()  # one array does for both where nothing is continuous
    weight, is_whole = 1.0, True
    done: set[int] = set()
    for column in order:
        ends = levels(space, column)
        done.add(column)
        start, stop = open_levels(space, mine, done, column, low, high, *ends)
        total = int((stop - start).sum())
        if total > most * 2 and (kept := max(len(low) * most // total, 1)) < len(low):
            pick = np.sort(rng.choice(len(low), kept, replace=False))
            weight, is_whole = weight * len(low) / kept, False
            (low, high), start, stop = _picked(low, high, pick), start[pick], stop[pick]
        parts = []
        for some in _chunks(stop - start):
            parts.append(_extended(space, column, *_picked(low, high, some), start[some], stop[some], *ends))
            keep = possible(space, mine, done, column, *parts[-1])
            parts[-1] = _picked(*parts[-1], keep)
        low = np.concatenate([p[0] for p in parts])
        high = low if is_finite else np.concatenate([p[1] for p in parts])
        if not len(low):
            break
    if len(low) > most:
        pick = np.sort(rng.choice(len(low), most, replace=False))
        weight, is_whole = weight * len(low) / most, False
        low, high = _picked(low, high, pick)
    low, high = _picked(low, high, (slice(None), list(columns)))
    return Skeleton(tuple(columns), low, high, weight, is_whole)


def every_row(space: Space, columns: Sequence[int], most: int) -> NDArray[np.float64] | None:
    """All allowed combinations of finite ``columns``, ``(rows, columns)``, in the order of ``enumerate_rows``.

    They are gone through block after block, each to its end, so that only what is allowed takes memory; None where that
    is more than ``most``.
    """
    inside = set(columns)
    mine = [c for c in space.constraints if set(c.columns) <= inside]
    order = gates_first(space, columns)
    found = [np.empty((0, len(columns)))]
    left = [(0, np.zeros((1, len(space.parameters))))]  # columns that are settled, and rows; the first block comes last
    while left:
        depth, rows = left.pop()
        if depth == len(order):
            found.append(rows[:, list(columns)])
            if sum(map(len, found)) > most:
                return None
            continue
        column, done, ends = order[depth], set(order[: depth + 1]), levels(space, order[depth])
        start, stop = open_levels(space, mine, done, column, rows, rows, *ends)
        blocks = _chunks(stop - start)
        if len(blocks) > 1:
            left += [(depth, rows[some]) for some in reversed(blocks)]
            continue
        rows = _extended(space, column, rows, rows, start, stop, *ends)[0]
        rows = rows[possible(space, mine, done, column, rows, rows)]
        if len(rows):
            left.append((depth + 1, rows))
    return np.concatenate(found)


def _picked(low: NDArray[np.float64], high: NDArray[np.float64], which: Any) -> _Ends:
    """Some of both; one array stays one."""
    picked = low[which]
    return picked, (picked if high is low else high[which])


def gates_first(space: Space, columns: Sequence[int]) -> list[int]:
    """The columns with gates before what they gate, otherwise as they are."""
    gates = {c.column: c.columns for c in space.conditions}
    order: list[int] = []

    def place(column: int) -> None:
        for gate in gates.get(column, ()):
            place(gate)
        if column not in order:
            order.append(column)

    for column in columns:
        place(column)
    return order


def _chunks(counts: NDArray[np.int64]) -> list[slice]:
    """Rows that become so many each, ``(n,)``, in runs that become some ``CHUNK`` together."""
    after = np.cumsum(counts)
    total = int(after[-1]) if len(after) else 0
    cuts = np.unique(np.searchsorted(after, np.arange(CHUNK, total, CHUNK), side="right"))
    ends = [0, *(cut for cut in cuts.tolist() if 0 < cut < len(counts)), len(counts)]
    return [slice(a, b) for a, b in itertools.pairwise(ends)]


def _extended(
    space: Space,
    column: int,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    first: NDArray[np.float64],
    last: NDArray[np.float64],
) -> _Ends:
    """Every row with its levels from ``start`` to ``stop`` of one more column; one level, its own, where the parameter
    does not apply."""
    counts = stop - start
    rows = np.repeat(np.arange(len(low)), counts)
    level = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts - start, counts)
    wide = _picked(low, high, rows)
    wide[0][:, column], wide[1][:, column] = first[level], last[level]
    if column in space.frame.conditional:
        there = space.frame.active(wide[0])[:, column]
        for side in wide:
            side[~there, column] = inactive_coordinate(space.parameters[column])
    return wide
