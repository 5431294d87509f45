"""Numbers that can be set at the bench: where a continuous number is free, it is chosen with few digits.

Nobody sets 96.9389222173 degC, and what was asked for should be what is on record. A range keeps some thousand
different values, a logarithmic one three significant digits, a fraction of a mixture thousandths, so that nothing worth
telling apart is lost. A part of which next to nothing would be used is left out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Sequence

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
NEGLIGIBLE = 0.005  # a fraction below it becomes none, where the file does not say how little can be used
FINER = 2  # digits more where a row would be another, or where nothing rounder lies beside it
MOVED = 12  # numbers of a row, each up or down: 4,096 ways
ALIKE = 1e-6  # of the last digit: nearer than this a number has those digits already


def rounded(space: Space, x: Array, known: Array, spared: Collection[int] = ()) -> Array:
    """Rows ``x``, ``(n, d)``, of the space, continuous numbers rounded as far as the space allows: ``(n, d)``.

    Where a constraint forbids a row with all its numbers rounded, those that it ties go up or down to the nearest that
    are allowed together, if need be with a digit or two more (docs/decisions/0147). Where there are none, those that
    linear constraints or expressions tie stay as they are; where that does not help, the row does. A number that stands
    in the same column of ``known``,
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


def rounded_where(space: Space, row: Array, known: Array, allowed: Callable[[Array], NDArray[np.bool_]]) -> Array:
    """A row, ``(d,)``, with the fewest digits with which it is ``allowed``, up to two more than usual; or as it is."""
    ways = (_allowed(space, row[None], known, set(), more) for more in range(FINER + 1))
    return next((way[0] for way in ways if allowed(way)[0] and not is_among(way, known)[0]), row)


def rounded_by_itself(space: Space, x: Array, known: Array) -> Array:
    """Rows ``x``, ``(n, d)``, each rounded where the space allows it, whatever becomes of others: ``(n, d)``."""
    found = _with_few_digits(space, x, known, set())
    return np.where(space.holds(found)[:, None], found, x)


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
    best, is_allowed = x, np.zeros(len(x), dtype=bool)
    for left in (tied, set[int]()):
        tried = _with_few_digits(space, x, known, spared | left, more)
        is_allowed = space.holds(tried)
        best = np.where(is_allowed[:, None], tried, best)
    for i in np.flatnonzero(~is_allowed):
        ways = (_beside(space, x[i], known, spared, more + finer) for finer in range(FINER + 1))
        best[i] = next((row for row in ways if row is not None), best[i])
    return best


def _beside(space: Space, row: Array, known: Array, spared: set[int], more: int) -> Array | None:
    """The nearest row to ``row``, ``(d,)``, that the space allows with the numbers that forbid it rounded each up or
    down, and all others rounded as usual; None where there is none."""
    near = _with_few_digits(space, row[None], known, spared, more)
    columns = [c for c in _forbidding(space, near) if _moves(space, row, c, known, spared)]
    digits = _common_digits(space, row, columns, more)
    below, above = (_to_digits(space, row, digits, up) for up in (False, True))
    free = [c for c in columns if below[c] != above[c]]
    free = sorted(free, key=lambda c: -abs(row[c] - near[0, c]) * 10.0 ** digits[c])[:MOVED]
    tried = np.repeat(near, 2 ** len(free), axis=0)
    tried[:, columns] = [near[0, c] if below[c] != above[c] else below[c] for c in columns]
    tried[:, free] = list(itertools.product(*((below[c], above[c]) for c in free)))
    tried = tried[space.holds(tried)]
    place = space.frame.on_scales
    off = ((place(tried) - place(row[None])) ** 2).sum(axis=1)
    return tried[off.argmin()] if len(tried) else None


def _forbidding(space: Space, row: Array) -> list[int]:
    """Columns of what forbids a row, ``(1, d)``, and of the sums that go with them, since these have to come out."""
    found = {c for rule in space.constraints if not rule.allows(row)[0] for c in rule.columns}
    sums = [set(m.columns) for m in space.mixtures]
    sums += [set(rule.columns) for rule in space.constraints if isinstance(rule, Linear) and rule.is_equality]
    while wider := [one for one in sums if one & found and not one <= found]:
        found = found.union(*wider)
    return sorted(found)


def _moves(space: Space, row: Array, column: int, known: Array, spared: set[int]) -> bool:
    """Whether a number of a row may be another: it is continuous, used, and no value that was set before."""
    p = space.parameters[column]
    if not isinstance(p, Continuous) or not space.frame.active(row[None])[0, column]:
        return False
    mixture = next((list(m.columns) for m in space.mixtures if column in m.columns), None)
    if mixture is not None:
        is_free = all(isinstance(space.parameters[c], Continuous) for c in mixture) and not spared & {*mixture}
        return bool(is_free and row[column] > 0.0 and not is_among(row[None, mixture], known[:, mixture])[0])
    return bool(column not in spared and row[column] >= p.low and row[column] not in known[:, column])


def _common_digits(space: Space, row: Array, columns: Sequence[int], more: int) -> dict[int, int]:
    """Decimal places of these numbers of a row; those of one equality have the same, so that they can sum to it."""
    mixed = {c for m in space.mixtures for c in m.columns}
    places = {
        c: THOUSANDTHS + more if c in mixed else int(_places(p, row[c : c + 1])[0]) + more
        for c in columns
        if isinstance(p := space.parameters[c], Continuous)
    }
    for rule in space.constraints:
        if isinstance(rule, Linear) and rule.is_equality and (tied := [c for c in rule.columns if c in places]):
            places.update(dict.fromkeys(tied, min(places[c] for c in tied)))
    return places


def _to_digits(space: Space, row: Array, digits: dict[int, int], up: bool) -> Array:
    """A row, ``(d,)``, with these numbers at so many decimal places, all of them up or all of them down; what is used
    stays used."""
    found, mixed = row.copy(), {c for m in space.mixtures for c in m.columns}
    for c, places in digits.items():
        steps = row[c] * 10.0**places
        number = round(float(math.ceil(steps - ALIKE) if up else math.floor(steps + ALIKE)) / 10.0**places, places)
        p = space.parameters[c]
        assert isinstance(p, Continuous)
        found[c] = max(number, 10.0**-places) if c in mixed else min(max(number, p.low), p.high)
    return found


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
        found[moves, column] = np.clip(few_digits(p, x[moves, column], more), p.low, p.high)
    for mixture in space.mixtures:
        columns = list(mixture.columns)
        if spared & set(columns) or not all(isinstance(space.parameters[c], Continuous) for c in columns):
            continue
        moves = active[:, columns].all(axis=1) & ~is_among(x[:, columns], known[:, columns])
        which = np.ix_(np.flatnonzero(moves), np.array(columns))
        shares = x[which]
        if not more and not mixture.least:
            shares[shares < NEGLIGIBLE] = 0.0
        found[which] = _in_shares(shares, THOUSANDTHS + more)
    return found


def few_digits(p: Continuous, values: Array, more: int = 0) -> Array:
    """Values, ``(n,)``, of a parameter with as many digits as its range asks for."""
    return np.array([round(float(v), int(d) + more) for v, d in zip(values, _places(p, values), strict=True)])


def _places(p: Continuous, values: Array) -> NDArray[np.int64]:
    """How many decimal places each of these values, ``(n,)``, of a parameter has."""
    if p.scale == "log" and p.high >= 10 * p.low:
        return SIGNIFICANT - 1 - np.floor(np.log10(values)).astype(int)
    return np.full(len(values), round(-math.log10((p.high - p.low) / VALUES)))


def _in_shares(fractions: Array, digits: int) -> Array:
    """Fractions that sum to one, ``(n, k)``, with so many digits, and still so; what is used stays used."""
    found = np.where(fractions > 0.0, np.maximum(fractions.round(digits), 10.0**-digits), fractions)
    rows, largest = np.arange(len(found)), found.argmax(axis=1)
    found[rows, largest] = (found[rows, largest] + 1.0 - found.sum(axis=1)).round(digits)
    return np.asarray(found)
