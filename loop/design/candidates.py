"""Candidates for a design: allowed points that reach into the corners of a space, and moves that reach its edges."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.errors import SpaceError
from loop.space import Continuous, Discrete, Parameter, PointPool, Pool, Space, sample_space
from loop.space.pool import LargePool
from loop.space.rows import different

SAMPLED: Final = 512  # points drawn evenly, beside the corners
LATTICE: Final = 2_000  # points of a mixture's lattice; more parts than that allows see the first of them
HALVINGS: Final = 40  # of a line, to find where the space ends: to 1e-12 of it


@dataclass(frozen=True)
class Factor:
    """What is varied as one: a parameter, or all the fractions of a mixture. ``levels`` has shape ``(k, columns)``."""

    name: str
    columns: tuple[int, ...]
    levels: NDArray[np.float64]


def factors(space: Space, count: int | None, counts: Mapping[str, int] = MappingProxyType({})) -> list[Factor]:
    """The parameters with their levels: every option, and ``count`` values of a number with both ends among them.

    Without a count, a continuous number has its two ends and a stepped one every value. A mixture has the lattice of
    so many levels: pure parts for two, halves too for three.

    Args:
        space: The search space.
        count: Levels of each number and mixture.
        counts: The same by name, where it differs.
    """
    mixed = {m.columns[0]: m for m in space.mixtures}
    found = []
    for column, p in enumerate(space.parameters):
        if m := mixed.get(column):
            table = _lattice(len(m.columns), counts.get(m.name, count or 2) - 1)
            found.append(Factor(m.name, m.columns, table))
        elif column not in space.frame.mixed_columns:
            found.append(Factor(p.name, (column,), _levels(p, counts.get(p.name, count))[:, None]))
    return found


def _levels(p: Parameter, count: int | None) -> NDArray[np.float64]:
    match p:
        case Continuous():
            space_out = np.geomspace if p.scale == "log" else np.linspace
            values = np.array([p.low, *space_out(p.low, p.high, count or 2)[1:-1], p.high])
            return np.array([0.0, *values]) if p.or_zero else values
        case Discrete():
            every = np.asarray(p.values)
            if count is None or len(every) <= count:
                return every
            return np.asarray(every[np.rint(np.linspace(0, len(every) - 1, count)).astype(np.int64)])
    return np.arange(p.size, dtype=np.float64)


def _lattice(parts: int, degree: int) -> NDArray[np.float64]:
    """Fractions of ``parts`` parts in steps of one in ``degree``, rows that sum to one."""
    dividers = itertools.combinations(range(parts + degree - 1), parts - 1)
    rows = [np.diff([-1, *d, parts + degree - 1]) - 1 for d in itertools.islice(dividers, LATTICE)]
    return np.array(rows, dtype=np.float64) / degree


def combinations(space: Space, of: Sequence[Factor], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Allowed rows from the numbers of their levels, shape ``(n, factors)``: different ones, shape ``(k, d)``."""
    x = np.empty((len(numbers), len(space.parameters)))
    for factor, chosen in zip(of, numbers.T, strict=True):
        x[:, list(factor.columns)] = factor.levels[chosen]
    x = space.frame.canonical(x)
    return different(x[space.holds(x)])


def candidates(
    space: Space, pool: Pool | None, most: int, seed: int, levels: int = 3, shares: int = 3
) -> NDArray[np.float64]:
    """Up to ``most`` different allowed points, shape ``(n, d)``: all where there are no more.

    Corners, edges and middles come first, then points drawn evenly.

    Args:
        space: The search space.
        pool: The finite candidate set; None where numbers are continuous.
        most: How many are wanted.
        seed: Decides which, where there are more.
        levels: Of numbers in the corners: ends alone for two, middles too for three.
        shares: The same of mixtures: pure parts, or halves too.

    Raises:
        SpaceError: No allowed point turned up.
    """
    if pool is not None and len(pool) <= most:
        everything = pool.take(np.arange(len(pool), dtype=np.int64))
        return everything[space.keeps(everything)]
    rng = np.random.default_rng([seed, 0xD0E])
    corners = np.empty((0, len(space.parameters)))
    if not isinstance(pool, PointPool):  # corners of the space are no members of a list of points
        corners = _corners(space, factors(space, levels, {m.name: shares for m in space.mixtures}), 4 * most, rng)
        corners = corners[np.sort(rng.permutation(len(corners))[: (2 * most) // 3])]
    if pool is not None:
        rest = drawn_from(space, pool, most, rng)
    else:
        try:
            rest = sample_space(space, SAMPLED, int(rng.integers(2**31)), method="random")
        except SpaceError:
            if not len(corners):
                raise
            rest = corners[:0]
    rest = rest[rng.permutation(len(rest))[: most - len(corners)]]
    return np.unique(np.vstack([corners, rest]), axis=0)


def drawn_from(space: Space, pool: Pool, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Up to ``n`` candidates at random, shape ``(k, d)``."""
    if isinstance(pool, LargePool):
        return pool.sample(n, rng)
    x = pool.take(np.unique(rng.integers(0, len(pool), n, dtype=np.int64)))
    return x[space.keeps(x)]


def _corners(space: Space, of: Sequence[Factor], most: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Allowed combinations of levels: of all where there are no more than ``most``, else of so many at random."""
    sizes = [len(factor.levels) for factor in of]
    if math.prod(sizes) <= most:
        return combinations(space, of, np.indices(sizes).reshape(len(sizes), -1).T)
    return combinations(space, of, np.column_stack([rng.integers(0, size, most) for size in sizes]))


def reach(space: Space, x: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far one can go from ``x``, shape ``(d,)``, along each of ``directions``, shape ``(k, d)``: shape ``(k,)``.

    In multiples of the direction, within bounds and constraints; where the space is not convex, to some edge. Only
    continuous numbers that are used may move.
    """
    low = np.array([p.low if isinstance(p, Continuous) else -np.inf for p in space.parameters])
    high = np.array([p.high if isinstance(p, Continuous) else np.inf for p in space.parameters])
    with np.errstate(divide="ignore", invalid="ignore"):
        to_end = np.where(directions > 0, (high - x) / directions, (low - x) / directions)
    outer = np.where(directions == 0, np.inf, to_end).min(axis=1).clip(0.0)
    outer = np.where(np.isfinite(outer), outer, 0.0)
    is_free = space.allows(steps(space, x, directions, outer))
    good, bad = np.where(is_free, outer, 0.0), outer.copy()
    for _ in range(HALVINGS if not is_free.all() else 0):
        middle = (good + bad) / 2
        allowed = space.allows(steps(space, x, directions, middle))
        good = np.where(is_free, outer, np.where(allowed, middle, good))
        bad = np.where(allowed, bad, middle)
    return good


def steps(
    space: Space, x: NDArray[np.float64], directions: NDArray[np.float64], how_far: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The points ``how_far``, shape ``(k,)``, along ``directions`` from ``x``: shape ``(k, d)``."""
    points = x + how_far[:, None] * directions
    for column, p in enumerate(space.parameters):
        if isinstance(p, Continuous):
            moved = directions[:, column] != 0
            points[moved, column] = points[moved, column].clip(p.low, p.high)
    return points
