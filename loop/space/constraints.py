"""Constraints: which combinations are not to be tried. Each is a vectorised test on coordinates.

In sums and expressions a number that does not apply counts as 0; what does not apply meets no condition on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loop.space.expressions import Expression
from loop.space.intervals import Span
from loop.space.parameters import Parameter, least_and_most
from loop.space.slots import Slots

Tests: TypeAlias = Mapping[int, Callable[[NDArray[np.float64]], NDArray[np.bool_]]]  # column -> where it applies

EQUAL = 1e-6  # how far from an equality a sum may be, as a share of what goes into it
ROUNDING = 1e-9  # the same of an inequality, beyond its bound


@dataclass(frozen=True, slots=True)
class Exclude:
    """Combinations that must not occur: all the conditions at once.

    Of each named parameter, ``conditions`` gives the coordinates that take part (option indices or values).
    """

    name: str
    conditions: Mapping[int, frozenset[float]]  # column of the coordinates -> values
    applies: Tests = field(default_factory=dict)  # of the conditional ones among them
    for_now: bool = False  # none of them is proposed, and what was measured of them counts on

    @property
    def columns(self) -> tuple[int, ...]:
        return tuple(self.conditions)

    def allows(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of ``x``, shape ``(n, d)``, are allowed: shape ``(n,)``."""
        return ~(_meets(x, self.conditions) & _apply(x, self.applies))


@dataclass(frozen=True, slots=True)
class Region:
    """A region that is left out: some options at once with numbers in some ranges."""

    name: str
    conditions: Mapping[int, frozenset[float]]  # column of the coordinates -> values
    ranges: Mapping[int, tuple[float, float]]  # column -> smallest and largest that take part
    applies: Tests = field(default_factory=dict)  # of the conditional ones among them
    for_now: bool = False  # as of ``Exclude``

    @property
    def columns(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys((*self.conditions, *self.ranges)))

    def allows(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of ``x``, shape ``(n, d)``, are allowed: shape ``(n,)``."""
        hit = _meets(x, self.conditions) & _apply(x, self.applies)
        for column, (low, high) in self.ranges.items():
            hit &= (x[:, column] >= low) & (x[:, column] <= high)
        return ~hit


@dataclass(frozen=True, slots=True)
class Require:
    """A dependency: where all of ``when`` holds, all of ``require`` must hold too."""

    name: str
    when: Mapping[int, frozenset[float]]
    require: Mapping[int, frozenset[float]]
    applies: Tests = field(default_factory=dict)  # of the conditional ones among both

    @property
    def columns(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys((*self.when, *self.require)))

    def allows(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of ``x``, shape ``(n, d)``, are allowed: shape ``(n,)``."""
        return ~self._all(x, self.when) | self._all(x, self.require)

    def _all(self, x: NDArray[np.float64], conditions: Mapping[int, frozenset[float]]) -> NDArray[np.bool_]:
        return _meets(x, conditions) & _apply(x, {c: test for c, test in self.applies.items() if c in conditions})


@dataclass(frozen=True, slots=True)
class Linear:
    """A weighted sum of numeric parameters, in their own units, kept between two bounds (equal ones: an equality).

    Where ``applies`` is given, rows of which it says no are allowed whatever their sum.
    """

    name: str
    weights: Mapping[int, float]  # column of the coordinates -> weight
    at_least: float = -np.inf
    at_most: float = np.inf
    applies: Callable[[NDArray[np.float64]], NDArray[np.bool_]] | None = None  # rows ``(n, d)`` to ``(n,)``

    @property
    def columns(self) -> tuple[int, ...]:
        return tuple(self.weights)

    @property
    def is_equality(self) -> bool:
        return self.at_least == self.at_most

    def slack(self, size: Any) -> Any:
        """How far beyond a bound a sum may lie whose terms together are as large as ``size``: rounding, not chemistry.

        A part of the bound, or of the terms where they are larger, though then of 1 at most; so that amounts of a
        millionth of a mole are not all alike.
        """
        share = EQUAL if self.is_equality else ROUNDING
        bound = max((abs(b) for b in (self.at_least, self.at_most) if np.isfinite(b)), default=0.0)
        return share * np.maximum(bound, np.minimum(size, 1.0))

    def allows(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of ``x``, shape ``(n, d)``, are allowed: shape ``(n,)``."""
        terms = [weight * x[:, column] for column, weight in self.weights.items()]
        total, slack = sum(terms), self.slack(sum(np.abs(term) for term in terms))
        kept = np.asarray((total >= self.at_least - slack) & (total <= self.at_most + slack))
        return kept | self.exempt(x)

    def exempt(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of ``x``, shape ``(n, d)``, the sum is not asked of: shape ``(n,)``."""
        return np.zeros(len(x), dtype=bool) if self.applies is None else ~self.applies(x)


@dataclass(frozen=True, slots=True)
class Count:
    """How many of some parameters are used: not zero, and not the option that adds nothing."""

    name: str
    nothing: Mapping[int, frozenset[float]]  # column of the coordinates -> the coordinates that mean none
    at_least: int = 0
    at_most: int | None = None

    @property
    def columns(self) -> tuple[int, ...]:
        return tuple(self.nothing)

    def used(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the named parameters each row of ``x``, shape ``(n, d)``, uses: shape ``(n, k)``."""
        used = [~np.isin(x[:, column], list(none)) for column, none in self.nothing.items()]
        return np.array(used, dtype=bool).reshape(len(used), len(x)).T

    def allows(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of ``x``, shape ``(n, d)``, are allowed: shape ``(n,)``."""
        number = self.used(x).sum(axis=1)
        high = len(self.nothing) if self.at_most is None else self.at_most
        return np.asarray((number >= self.at_least) & (number <= high))


@dataclass(frozen=True, slots=True)
class Formula:
    """An expression with the column of each name: a number at each row of coordinates."""

    expression: Expression
    columns: tuple[int, ...]  # of ``expression.names``, in their order

    def __call__(self, x: Any) -> Any:
        """Values at ``x``, numpy or torch, shape ``(*b, d)``: shape ``(*b,)``."""
        return self.expression(self._values(x))

    def size(self, x: NDArray[np.float64]) -> Any:
        """How large the terms are that are added and subtracted at ``x``, shape ``(n, d)``: shape ``(n,)``."""
        return self.expression.size(self._values(x))

    def ranges(self, parameters: Sequence[Parameter]) -> dict[str, Span]:
        """Between which values each of its names lies, by the parameters of the space."""
        return {n: least_and_most(parameters[c]) for n, c in zip(self.expression.names, self.columns, strict=True)}

    def _values(self, x: Any) -> dict[str, Any]:
        return {n: x[..., c] for n, c in zip(self.expression.names, self.columns, strict=True)}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison such as ``temperature * time <= 500``: ``sides`` are zero or above where it holds.

    Of those that are ``strict`` (``<`` or ``>``) zero itself is not allowed.
    """

    name: str
    text: str
    sides: tuple[Formula, ...]
    strict: tuple[bool, ...]  # for each side

    @property
    def columns(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(c for side in self.sides for c in side.columns))

    def allows(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of ``x``, shape ``(n, d)``, are allowed: shape ``(n,)``. A value that is none allows nothing."""
        allowed = np.ones(len(x), dtype=bool)
        for side, is_strict in zip(self.sides, self.strict, strict=True):
            value, slack = side(x), ROUNDING * np.fmin(side.size(x), 1.0)
            allowed &= np.broadcast_to(value > slack if is_strict else value >= -slack, len(x))
        return allowed


@dataclass(frozen=True, slots=True)
class Computable:
    """A derived number has a value: its formula gives a finite one, wherever all that it is made of applies."""

    of: str  # the derived number
    formula: Formula
    applies: Tests = field(default_factory=dict)  # of the conditional ones among its columns

    @property
    def columns(self) -> tuple[int, ...]:
        return self.formula.columns

    @property
    def name(self) -> str:
        return f"{self.of}: it has a value"

    def allows(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of ``x``, shape ``(n, d)``, are allowed: shape ``(n,)``."""
        has_value = np.isfinite(np.broadcast_to(self.formula(x), len(x)))
        return np.asarray(has_value | ~_apply(x, self.applies))


@dataclass(frozen=True, slots=True)
class InOrder:
    """One of the slots comes before the next, as ``Slots`` has them; of those that are distinct, no option comes twice.

    ``by_options``: whatever the numbers beside them, so that this is told before they are.
    """

    slots: Slots
    first: int  # which of them
    by_options: bool = False

    @property
    def name(self) -> str:
        return self.slots.name

    @property
    def columns(self) -> tuple[int, ...]:
        kept = self.slots.optional if self.by_options else None
        return tuple(c for slot in self.slots.columns[self.first : self.first + 2] for c in slot[:kept])

    def allows(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of ``x``, shape ``(n, d)``, are allowed: shape ``(n,)``."""
        allowed = ~self.slots.after(x, self.first, by_options=self.by_options)
        return allowed & ~self.slots.repeats(x, self.first) if self.slots.distinct else allowed


Constraint: TypeAlias = Exclude | Region | Require | Linear | Count | Comparison | Computable | InOrder


def _apply(x: NDArray[np.float64], tests: Tests) -> NDArray[np.bool_]:
    there = np.ones(len(x), dtype=bool)
    for test in tests.values():
        there &= test(x)
    return there


def _meets(x: NDArray[np.float64], conditions: Mapping[int, frozenset[float]]) -> NDArray[np.bool_]:
    hit = np.ones(len(x), dtype=bool)
    for column, values in conditions.items():
        hit &= np.isin(x[:, column], list(values))
    return hit
