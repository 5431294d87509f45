"""Numbers that can be set at the bench: where a continuous number is free, it is chosen with few digits.

Nobody sets 96.9389222173 degC, and what was asked for should be what is on record. A range keeps some thousand
different values, a logarithmic one three significant digits, a fraction of a mixture thousandths, so that nothing worth
telling apart is lost.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from loop.space.constraints import Comparison, Linear
from loop.space.parameters import Continuous
from loop.space.rows import different, is_among
from loop.space.space import Space

Array = NDArray[np.float64]

VALUES = 1_000  # that a range keeps, or a third, or three times as many
SIGNIFICANT = 3  # digits on a logarithmic scale that spans a decade or more
THOUSANDTHS = 3  # digits of a fraction
FINER = 2  # digits more where a row would be another


def rounded(space: Space, x: Array, known: Array, spared: Collection[int] = ()) -> Array:
    """Rows ``x``, ``(n, d)``, of the space, continuous numbers rounded as far as the space allows: ``(n, d)``.

    Where a constraint forbids a row with all its numbers rounded, those that linear constraints or expressions tie stay
    as they are; where that does not help, the row does. A number that stands in the same column of ``known``,
    ``(k, d)``, is a value that was set before, and stays; so do the columns ``spared``. No row becomes one of
    ``known``, or another: it gets one digit more, or two, or keeps all of them.
    """
    if not len(x) or space.is_finite:
        return x
    finer = [_allowed(space, x, known, set(spared), more) for more in range(FINER + 1)]
    is_round = (finer[0] == x).all(axis=1)
    taken, found = np.vstack([known, x[is_round]]), x.copy()
    for i in np.flatnonzero(~is_round):
        ways = (way[i] for way in finer)
        found[i] = next((row for row in ways if not is_among(row[None], taken)[0]), x[i])
        taken = np.vstack([taken, found[i]])
    return found


def rounded_alike(space: Space, x: Array, known: Array, columns: Collection[int]) -> Array:
    """Rows ``x``, ``(n, d)``, with the numbers of these columns rounded: ``(n, d)``.

    A value becomes the same in all rows, as where wells of a plate share it: one row that is not allowed, or two that
    become one, keep all of them from being rounded.
    """
    found = _with_few_digits(space, x, known, set(range(x.shape[1])) - set(columns))
    is_allowed = bool(space.holds(found).all()) and len(different(found)) == len(different(x))
    return found if is_allowed else x


def _allowed(space: Space, x: Array, known: Array, spared: set[int], more: int) -> Array:
    """Rows ``x``, ``(n, d)``, with as many of their numbers rounded as the space allows: ``(n, d)``."""
    tied = {c for rule in space.constraints if isinstance(rule, Linear | Comparison) for c in rule.columns}
    best = x
    for left in (tied, set[int]()):
        tried = _with_few_digits(space, x, known, spared | left, more)
        best = np.where(space.holds(tried)[:, None], tried, best)
    return best


def _with_few_digits(space: Space, x: Array, known: Array, spared: set[int], more: int = 0) -> Array:
    """Rows ``x``, ``(n, d)``, with numbers rounded that are used, but for the columns ``spared``; allowed or not.

    ``more`` is how many digits they get beyond the usual.
    """
    found = x.copy()
    active = space.frame.active(x)
    mixed = {c for m in space.mixtures for c in m.columns}
    for column, p in enumerate(space.parameters):
        if not isinstance(p, Continuous) or column in spared | mixed:
            continue
        moves = active[:, column] & (x[:, column] >= p.low) & ~np.isin(x[:, column], known[:, column])
        found[moves, column] = np.clip(_few_digits(p, x[moves, column], more), p.low, p.high)
    for mixture in space.mixtures:
        columns = list(mixture.columns)
        if spared & set(columns) or not all(isinstance(space.parameters[c], Continuous) for c in columns):
            continue
        moves = active[:, columns].all(axis=1) & ~is_among(x[:, columns], known[:, columns])
        which = np.ix_(np.flatnonzero(moves), np.array(columns))
        found[which] = _in_shares(x[which], THOUSANDTHS + more)
    return found


def _few_digits(p: Continuous, values: Array, more: int) -> Array:
    """Values, ``(n,)``, of a parameter with as many digits as its range asks for."""
    digits = np.full(len(values), round(-math.log10((p.high - p.low) / VALUES)))
    if p.scale == "log" and p.high >= 10 * p.low:
        digits = SIGNIFICANT - 1 - np.floor(np.log10(values)).astype(int)
    return np.array([round(float(v), int(d) + more) for v, d in zip(values, digits, strict=True)])


def _in_shares(fractions: Array, digits: int) -> Array:
    """Fractions that sum to one, ``(n, k)``, with so many digits, and still so; what is used stays used."""
    found = np.where(fractions > 0.0, np.maximum(fractions.round(digits), 10.0**-digits), fractions)
    rows, largest = np.arange(len(found)), found.argmax(axis=1)
    found[rows, largest] = (found[rows, largest] + 1.0 - found.sum(axis=1)).round(digits)
    return np.asarray(found)
