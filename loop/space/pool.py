"""Pools: finite candidate sets, never written out as a table.

A product space is index arithmetic: candidate ``i`` is ``i`` written in the mixed radix of the parameters' sizes, or
of the tables of what constraints tie together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from loop.errors import SpaceError
from loop.space.constraints import Comparison, Computable, Count, InOrder, Linear, Require
from loop.space.drawing import beside, draw, refuse_empty
from loop.space.factors import ENUMERABLE, Counted, Factor, factors
from loop.space.parameters import Component, Discrete
from loop.space.raw import stretched
from loop.space.rows import different
from loop.space.sifting import LOOKED_AT as MADE
from loop.space.sifting import first_that
from loop.space.skeleton import levels
from loop.space.space import Space

METHODS = ("sobol", "random")  # of sampling
CHUNK = 262_144  # rows of coordinates handled at once; 5 parameters take 10 MB
NEAR = 48  # neighbours of a candidate in a table of tied columns, or levels of a column
LOOKED_AT = 20_000  # rows of a table among which neighbours are sought
FEW = 3_000  # products that are all made, so that what filters leave is known; some seconds
FEW_SLOW = 300  # the same where each takes tens of milliseconds


class Pool(Protocol):
    """A finite candidate set: how many, and the coordinates of some of them."""

    def __len__(self) -> int: ...

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Coordinates of the candidates at ``indices``, shape ``(n, d)``."""
        ...


@runtime_checkable
class LargePool(Pool, Protocol):
    """A pool that may be too large to score: it can be drawn from, and knows what lies near a candidate."""

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Up to ``n`` different candidates at random, shape ``(k, d)``."""
        ...

    def neighbours(self, x: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Candidates that differ from one at coordinates ``x``, ``(d,)``, in one choice: shape ``(k, d)``."""
        ...


@dataclass(frozen=True)
class ProductPool:
    """Every allowed combination of a finite space, by index arithmetic.

    Up to two million combinations, and those of more that no constraint touches, each number is one candidate and
    each candidate one number. Columns that constraints tie are tables of their own; of one with more than two
    million rows the number is an estimate, and numbers mean candidates drawn at random (``counted`` says so).
    """

    space: Space
    _kept: NDArray[np.int64] | None = field(init=False, repr=False)  # allowed indices, where constraints remove some
    _factors: tuple[Factor, ...] = field(init=False, repr=False)  # instead, for what is large or tied otherwise

    def __post_init__(self) -> None:
        _refuse_ties(self.space)
        is_plain = not self.space.conditions and (not self.space.constraints or self.space.size <= ENUMERABLE)
        is_settled = is_plain and (self.space.constraints or are_all_made(self.space))
        object.__setattr__(self, "_kept", self._allowed() if is_settled else None)
        tables = () if is_plain else factors(self.space)
        if any(not table.count.number for table in tables):
            refuse_empty(self.space)  # names the constraint
        object.__setattr__(self, "_factors", tables)

    def __len__(self) -> int:
        if self._factors:
            return math.prod(f.count.number for f in self._factors)
        return self.space.size if self._kept is None else len(self._kept)

    @property
    def counted(self) -> Counted:
        """How many candidates there are: exactly, or an estimate with its interval; before filters, where those of
        products are not settled (``counting``)."""
        parts = [f.count for f in self._factors]
        if not parts:
            size = self.space.size if self._kept is None else len(self._kept)
            return Counted(size, size, size, True)
        number, low, high = (math.prod(getattr(p, side) for p in parts) for side in ("number", "low", "high"))
        return Counted(number, low, high, all(p.is_exact for p in parts))

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Coordinates of the candidates at ``indices``, shape ``(n, d)``."""
        rest = np.asarray(indices, dtype=np.int64)
        if self._factors:
            x = np.empty((len(rest), len(self.space.parameters)))
            for factor in reversed(self._factors):
                rest, digit = np.divmod(rest, factor.count.number)
                x[:, list(factor.columns)] = factor.take(digit)
            return x
        if self._kept is not None:
            rest = self._kept[rest]
        return self._unpack(rest)

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Up to ``n`` different candidates at random, shape ``(k, d)``; where filters leave few, fewer."""
        if not self.space.is_sieved or are_all_made(self.space):
            return self._drawn(n, rng)
        found, looked = np.empty((0, len(self.space.parameters))), 0
        while len(found) < n and looked < MADE:
            x = self._drawn(min(max(n - len(found), 256), MADE - looked), rng)
            looked += len(x)
            found = different(np.vstack([found, x[self.space.keeps(x)]]))
            if not len(x) or looked >= 8 * len(self):
                break
        return found[:n]

    def _drawn(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        if self._factors:
            x = np.empty((n, len(self.space.parameters)))
            for factor in self._factors:
                x[:, list(factor.columns)] = factor.sample(n, rng)
            return different(x)
        return self.take(np.unique(rng.integers(0, len(self), n, dtype=np.int64)))

    def neighbours(self, x: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Candidates that differ from one at coordinates ``x``, ``(d,)``, in one choice: shape ``(k, d)``.

        Of tied columns, the nearest rows of their table; of anything with many choices, the nearest and some others.
        """
        found = [self._exchanged(x, column, rng) for column in range(len(x))]
        for factor in self._factors:
            if len(factor.columns) > 1 and isinstance(rows := getattr(factor, "rows", None), np.ndarray):
                some = rows if len(rows) <= LOOKED_AT else rows[rng.integers(0, len(rows), LOOKED_AT)]
                columns = list(factor.columns)
                span = np.ptp(some, axis=0)
                distance = (((some - x[columns]) / np.where(span > 0, span, 1.0)) ** 2).sum(axis=1)
                near = some[np.argsort(distance, kind="stable")[:NEAR]]
                changed = np.repeat(x[None, :], len(near), axis=0)
                changed[:, columns] = near
                found.append(changed)
        everything = different(np.concatenate(found))
        return np.asarray(everything[self.space.holds(everything) & (everything != x).any(axis=1)])

    def _exchanged(self, x: NDArray[np.float64], column: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """``x`` with other choices in one column; what begins to apply gets a choice at random."""
        p = self.space.parameters[column]
        union = p.united if isinstance(p, Component) else None
        if union is not None:
            values = union.neighbours(int(x[column]), rng).astype(np.float64)
        else:
            values = levels(self.space, column)[0]
        if union is None and len(values) > NEAR:
            near = np.argsort(np.abs(values - x[column]), kind="stable")[: NEAR // 2]
            values = values[np.unique(np.concatenate([near, rng.integers(0, len(values), NEAR // 2)]))]
        changed = np.repeat(x[None, :], len(values), axis=0)
        changed[:, column] = values
        was = self.space.frame.active(x[None, :])[0]
        for condition in self.space.conditions:
            there = self.space.frame.active(changed)[:, condition.column] & ~was[condition.column]
            options = levels(self.space, condition.column)[0]
            changed[there, condition.column] = options[rng.integers(0, len(options), int(there.sum()))]
        return self.space.frame.arranged(self.space.frame.canonical(changed))

    def _unpack(self, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        parameters = self.space.finite_parameters()
        x = np.empty((len(numbers), len(parameters)))
        rest = numbers
        for column in range(len(parameters) - 1, -1, -1):
            parameter = parameters[column]
            rest, digit = np.divmod(rest, parameter.size)
            x[:, column] = np.asarray(parameter.values)[digit] if isinstance(parameter, Discrete) else digit
        return x

    def _allowed(self) -> NDArray[np.int64]:
        size = self.space.size
        kept = [
            chunk[self._keeps(self._unpack(chunk))]
            for chunk in np.split(np.arange(size, dtype=np.int64), range(CHUNK, size, CHUNK))
        ]
        allowed = np.concatenate(kept)
        if not len(allowed):
            raise SpaceError(_which_empties(self))
        return allowed

    def _keeps(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        kept = self.space.allows(x)
        if are_all_made(self.space):
            kept[kept] = self.space.keeps(x[kept])
        return kept


def said_size(pool: Pool) -> str:
    """How many candidates a pool has, for a sentence: "the 8,000", or "about 8.41e+09" where that is an estimate.

    "at most 8,000" where a filter of products is asked only of those that are made.
    """
    if isinstance(pool, ProductPool):
        if not pool.counted.is_exact:
            return f"about {len(pool):.3g}"
        if any(p.sieve is not None for p in pool.space.products) and not are_all_made(pool.space):
            return f"at most {len(pool):,}"
    return f"the {len(pool):,}"


def are_all_made(space: Space) -> bool:
    """Whether every product is made where candidates are counted, so that filters of products are settled."""
    sieves = [p for p in space.products if p.sieve is not None]
    if space.union is not None and not space.conditions and space.is_finite and space.size <= ENUMERABLE:
        union = space.union[1]
        return len(union) - union.listed <= (FEW_SLOW if union.is_slow else FEW)
    if not sieves or space.conditions or not space.is_finite or space.size > ENUMERABLE:
        return False
    few = FEW_SLOW if any(p.sieve is not None and p.sieve.is_slow for p in sieves) else FEW
    lists = {c for p in sieves for c in p.columns}
    return math.prod(p.size for i, p in enumerate(space.finite_parameters()) if i in lists) <= few


def goes_untied(space: Space) -> bool:
    """Whether a space has a union and is too large to be written out, so that nothing may tie its parameters."""
    return space.union is not None and space.size > ENUMERABLE


def _refuse_ties(space: Space) -> None:
    """A union that is too large to be written out is tied to nothing, since that would write it out.

    Raises:
        SpaceError: There are constraints, or parameters that do not always apply.
    """
    if not goes_untied(space) or not (space.constraints or space.conditions):
        return
    assert space.union is not None
    name = space.names[space.union[0]]
    what = f"constraint {space.constraints[0].name!r}" if space.constraints else "when and unless"
    raise SpaceError(
        f"parameter {name!r} is a union in a space of {space.size} combinations, and {what} would write them out (of "
        f"more than {ENUMERABLE}); leave constraints, when and unless out, or shorten the lists of reagents"
    )


def _which_empties(pool: ProductPool) -> str:
    """Name the first constraint with which nothing is left."""
    left = np.ones(pool.space.size, dtype=bool)
    everything = pool._unpack(np.arange(pool.space.size, dtype=np.int64))
    for k, constraint in enumerate(pool.space.constraints):
        allowed = constraint.allows(everything)
        left &= allowed
        if not left.any():
            others = beside(pool.space.constraints[:k]) if allowed.any() else ""
            return (
                f"constraint {constraint.name!r} leaves no candidate{others} (of {pool.space.size} combinations); "
                "loosen or remove it"
            )
    if are_all_made(pool.space):
        rest = " beside the constraints" if pool.space.constraints else ""
        products = [p.name for p in pool.space.products if p.sieve is not None]
        name = products[0] if products else pool.space.molecule
        return f"parameter {name!r}: filters leave no candidate{rest}; loosen or remove some of them"
    raise AssertionError("some candidate is left")


@dataclass(frozen=True)
class PointPool:
    """A pool of given points, such as a sample of a continuous space. Coordinates have shape ``(n, d)``."""

    points: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.points)

    def take(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.points[indices]


def sample_space(space: Space, n: int, seed: int, *, method: str = "sobol") -> NDArray[np.float64]:
    """Up to ``n`` different allowed points that stand for the space: coordinates ``(n, d)``.

    A sample to look at or to choose from. Designs are ``loop.space.filling``'s.

    Args:
        space: Any space, with or without continuous parameters.
        n: How many are wanted; a small finite space may hold fewer.
        seed: Decides every random choice.
        method: ``"sobol"`` for evener ones where there is neither a mixture nor an equality; or ``"random"``.

    Raises:
        SpaceError: A constraint leaves nothing, or no allowed point turned up; names the constraint. Or there is no
            such method.
    """
    if method not in METHODS:
        raise SpaceError(
            f"method {method!r} samples no space; use 'sobol' or 'random', or loop.space.filling.fill for a design "
            "such as a Latin hypercube"
        )
    rng = np.random.default_rng(seed)
    if space.mixtures or any(isinstance(c, Linear) and c.is_equality for c in space.constraints):
        if space.is_finite and space.is_sieved:
            return ProductPool(space).sample(n, rng)
        if space.is_finite:
            pool = ProductPool(space)
            return pool.take(rng.permutation(len(pool))[:n]) if len(pool) <= ENUMERABLE else pool.sample(2 * n, rng)[:n]
        return different(draw(space, n, rng))  # nothing drawn from a box would keep an equality
    from scipy.stats import qmc  # 1 s: only where a space is sampled

    d = len(space.parameters)
    is_tied = bool(space.conditions) or any(
        isinstance(c, Comparison | Computable | Count | InOrder | Require) for c in space.constraints
    )
    found = np.empty((0, d))
    drawn = made = 0
    wanted = _at_most(space, n)
    while len(found) < wanted and drawn < (8 if is_tied else 64) * max(n, 64):
        size = int(max(n, 64))
        if method == "sobol":
            unit = qmc.Sobol(d, rng=rng).random_base2(int(np.ceil(np.log2(size))))
        else:
            unit = rng.random((size, d))
        drawn += len(unit)
        x = _stretch(space, unit)
        x = x[space.allows(x)]
        if space.is_sieved:
            if made >= MADE:
                break
            made += len(x)
            x = x[first_that(x, n - len(found), space.keeps)]
        found = different(np.vstack([found, x]))
    if len(found) < max(wanted, 1) and (space.constraints or space.conditions):
        found = different(np.vstack([found, draw(space, n, rng)]))
    return found[:n]


def _at_most(space: Space, n: int) -> int:
    """How many of ``n`` different points there can be, where a space is so small that all of it is soon looked at."""
    if space.conditions or space.is_sieved or not space.is_finite or space.size > n:
        return n
    everything = ProductPool(replace(space, constraints=()))
    return int(space.allows(everything.take(np.arange(space.size, dtype=np.int64))).sum())


def _stretch(space: Space, unit: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.column_stack([stretched(p, unit[:, column]) for column, p in enumerate(space.parameters)])
    return space.frame.canonical(x)
