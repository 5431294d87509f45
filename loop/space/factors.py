"""Factors: a finite space as a product of independent tables, each written out, or drawn from where it is too large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from loop.space.rows import different
from loop.space.skeleton import Skeleton, combinations, components, enumerate_rows, every_row, levels
from loop.space.space import Space

ENUMERABLE = 2_000_000  # up to this many combinations, constraints are settled once and for all
WRITTEN = 1_000_000  # up to this many allowed combinations, a component is written out
GONE_THROUGH = 30_000_000  # combinations that are gone through one by one where few are allowed; some seconds
LOOK = 20_000  # rows of a look at a component that may be larger
HOPEFUL = 2 * WRITTEN  # combinations by one look, up to which writing them out is tried before more looks are taken
REPEATS = 12  # looks, for an estimate with an interval
STUDENT = 2.2  # two-sided 95 % quantile of Student's t for 11 degrees of freedom
WORTH_DRAWING = 1e-2  # share of allowed draws above which drawing and throwing away is quick, and always finds one
RESERVOIR = 200_000  # combinations kept of a component too large to write out and too thin to draw from
TRIES = 64  # rounds of draws


class Factor(Protocol):
    """Allowed combinations of some columns."""

    @property
    def columns(self) -> tuple[int, ...]: ...

    @property
    def count(self) -> Counted: ...

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Combinations by number, shape ``(n, columns)``."""
        ...

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """``n`` combinations at random, some perhaps more than once: ``(n, columns)``."""
        ...


@dataclass(frozen=True, slots=True)
class Counted:
    """How many: exactly, or estimated with a 95 % interval."""

    number: int
    low: int
    high: int
    is_exact: bool


@dataclass(frozen=True)
class Table:
    """Every allowed combination, written out: ``rows`` of shape ``(n, columns)``."""

    columns: tuple[int, ...]
    rows: NDArray[np.float64]

    @property
    def count(self) -> Counted:
        n = len(self.rows)
        return Counted(n, n, n, True)

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.rows[indices]

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        return self.rows[rng.integers(0, len(self.rows), n)]


@dataclass(frozen=True)
class Drawn:
    """Too many to write out: number ``i`` is the first allowed one of a pseudo-random sequence of its own.

    So it is some candidate for each number, the same each time, but two numbers may mean the same one.
    """

    columns: tuple[int, ...]
    space: Space
    count: Counted

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        found = np.full((len(indices), len(self.columns)), np.nan)
        missing = np.arange(len(indices))
        for attempt in range(TRIES * 64):
            keys = np.asarray(indices[missing], dtype=np.uint64)
            unit = np.column_stack([_hashed(keys, column, attempt) for column in self.columns])
            x, keep = _placed(self.space, self.columns, unit)
            found[missing[keep]] = x[keep]
            missing = missing[~keep]
            if not len(missing):
                return found
        raise AssertionError("a component that is drawn from is not so thin")

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        return self.take(rng.integers(0, 2**62, n, dtype=np.int64))


@dataclass(frozen=True)
class Reservoir:
    """Too many to write out and too thin to draw from: a random part stands for all of them."""

    columns: tuple[int, ...]
    rows: NDArray[np.float64]
    count: Counted

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.rows[indices % len(self.rows)]

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        return self.rows[rng.integers(0, len(self.rows), n)]


def factors(space: Space) -> tuple[Factor, ...]:
    """The allowed combinations of a finite space, component by component; one may be empty."""
    return tuple(_factor(space, columns) for columns in components(space))


def estimate(space: Space, columns: tuple[int, ...]) -> Counted:
    """How many combinations a component has: exact where a look takes all in, else with a 95 % interval."""
    looks = []
    for repeat in range(REPEATS):
        seen = _look(space, columns, repeat)
        if seen.is_whole:
            return Counted(len(seen), len(seen), len(seen), True)
        looks.append(seen.number)
    mean, error = float(np.mean(looks)), float(np.std(looks, ddof=1)) / REPEATS**0.5
    low, high = max(mean - STUDENT * error, 0.0), mean + STUDENT * error
    return Counted(round(mean), round(low), round(high), False)


def _look(space: Space, columns: tuple[int, ...], repeat: int) -> Skeleton:
    return enumerate_rows(space, columns, LOOK, np.random.default_rng([repeat, *columns]))


def _factor(space: Space, columns: tuple[int, ...]) -> Factor:
    rng = np.random.default_rng(0)
    if len(columns) == 1 and not space.constraints:
        return Table(columns, levels(space, columns[0])[0][:, None])
    is_hopeful = combinations(space, columns) <= WRITTEN or _look(space, columns, 0).number <= HOPEFUL
    guess = None if is_hopeful else estimate(space, columns)
    if guess is None or guess.number <= WRITTEN:
        rows = enumerate_rows(space, columns, WRITTEN, rng)
        if rows.is_whole:
            return Table(columns, rows.low)
        is_soon_done = combinations(space, columns) <= GONE_THROUGH
        if is_soon_done and (every := every_row(space, columns, HOPEFUL)) is not None:
            return Table(columns, every)
    guess = estimate(space, columns) if guess is None else guess
    unit = rng.random((LOOK, len(columns)))
    if _placed(space, columns, unit)[1].mean() > WORTH_DRAWING:
        return Drawn(columns, space, guess)
    return Reservoir(columns, _some(space, columns, rng), guess)


def _some(space: Space, columns: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Combinations of a thin component, shape ``(n, columns)``: of one look few may be left, so several are taken."""
    found = enumerate_rows(space, columns, RESERVOIR, rng).low
    for _ in range(REPEATS):
        if len(found) >= RESERVOIR // 2:
            break
        found = different(np.vstack([found, enumerate_rows(space, columns, RESERVOIR, rng).low]))
    return found


def _placed(
    space: Space, columns: tuple[int, ...], unit: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Numbers from 0 to 1 as canonical coordinates of the columns, and which rows the constraints on them allow."""
    x = np.zeros((len(unit), len(space.parameters)))
    for place, column in enumerate(columns):
        values = levels(space, column)[0]
        x[:, column] = values[np.minimum((unit[:, place] * len(values)).astype(np.int64), len(values) - 1)]
    x = space.frame.canonical(x)
    keep = np.ones(len(x), dtype=bool)
    for constraint in space.constraints:
        if set(constraint.columns) <= set(columns):
            keep &= constraint.allows(x)
    return x[:, list(columns)], keep


def _hashed(keys: NDArray[np.uint64], column: int, attempt: int) -> NDArray[np.float64]:
    """Numbers from 0 to 1 that depend on the key, the column and the attempt alone.

    Source: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), in arithmetic modulo 2**64.
    """
    salt = np.uint64((column * 0x9E3779B97F4A7C15 + attempt * 0xD1B54A32D192ED03 + 1) % 2**64)
    z = keys * np.uint64(0x9E3779B97F4A7C15) + salt
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray((z ^ (z >> np.uint64(31))) >> np.uint64(11)) / float(2**53)
