"""Pruning: what sums, counts and other constraints leave open while combinations are built column by column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loop.space.constraints import Constraint, Count, Linear
from loop.space.parameters import least_and_most
from loop.space.space import Space

NEGLIGIBLE = 1e-12  # of the terms of a sum: what adding them up in another order changes


def open_levels(
    space: Space,
    rules: Sequence[Constraint],
    done: set[int],
    column: int,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    first: NDArray[np.float64],
    last: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """From which level of a column to before which each row may go on, as sums and counts tell: two of shape ``(n,)``.

    Those between are looked at one by one; so of a mixture's last fraction one is, and not every step.
    """
    start, stop = np.zeros(len(low), dtype=np.int64), np.full(len(low), len(first), dtype=np.int64)
    is_rising = bool((np.diff(first) >= 0).all() and (np.diff(last) >= 0).all())
    for rule in rules:
        if column not in rule.columns:
            continue
        if isinstance(rule, Linear) and is_rising and rule.weights[column]:
            weight = rule.weights[column]
            least, most, size = _sums(space, rule, rules, done - {column}, low, high, but=column)
            slack = rule.slack(size) + NEGLIGIBLE * size
            ends = (rule.at_least - slack - most) / weight, (rule.at_most + slack - least) / weight
            lowest, highest = ends if weight > 0 else ends[::-1]
            is_asked = ~rule.exempt(low)
            start = np.where(is_asked, np.maximum(start, np.searchsorted(last, lowest)), start)
            stop = np.where(is_asked, np.minimum(stop, np.searchsorted(first, highest, side="right")), stop)
        elif isinstance(rule, Count) and rule.at_most is not None:
            nothing = np.flatnonzero(np.isin(last, list(rule.nothing[column])))
            if len(nothing) == 1:
                is_full = _used(rule, done - {column}, high) >= rule.at_most
                start = np.where(is_full, np.maximum(start, nothing[0]), start)
                stop = np.where(is_full, np.minimum(stop, nothing[0] + 1), stop)
    stop = np.maximum(stop, start)
    if column in space.frame.conditional:
        there = space.frame.active(low)[:, column]
        start, stop = np.where(there, start, 0), np.where(there, stop, 1)
    return start, stop


def possible(
    space: Space,
    rules: Sequence[Constraint],
    done: set[int],
    column: int,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Which rows may still become allowed, as far as the columns ``done`` tell: shape ``(n,)``."""
    keep = np.ones(len(low), dtype=bool)
    for rule in rules:
        if column not in rule.columns:
            continue
        rest = [c for c in rule.columns if c not in done]
        if isinstance(rule, Linear):
            least, most, size = _sums(space, rule, rules, done, low, high)
            slack = rule.slack(size)
            can = (most >= rule.at_least - slack) & (least <= rule.at_most + slack)
            keep &= can | rule.exempt(low)
        elif isinstance(rule, Count):
            used = _used(rule, done, high)
            top = len(rule.nothing) if rule.at_most is None else rule.at_most
            keep &= (used <= top) & (used + len(rest) >= rule.at_least)
        elif not rest:
            mine = list(rule.columns)
            is_fixed = (low[:, mine] == high[:, mine]).all(axis=1)
            keep &= ~is_fixed | rule.allows(low)
    return keep


def _sums(
    space: Space,
    rule: Linear,
    rules: Sequence[Constraint],
    done: set[int],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    but: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The least and the most that a sum may become, where only the columns ``done`` are settled, and how large its
    terms may be together: three of shape ``(n,)``.

    The column ``but`` counts for the last alone. Of numbers of which no more may be used, nothing is to come.
    """
    least, most, size = np.zeros(len(low)), np.zeros(len(low)), np.zeros(len(low))
    spent = _spent(rules, rule, done, high)
    for c, w in rule.weights.items():
        lower: Any  # of shape (n,), or one number for all rows
        if c in done:
            lower = w * low[:, c]
            upper = lower if high is low else w * high[:, c]
        else:
            span = least_and_most(space.parameters[c])
            if c in space.frame.conditional:
                span = min(span[0], 0.0), max(span[1], 0.0)
            may = ~spent[c] if c in spent else 1.0
            lower, upper = w * span[0] * may, w * span[1] * may
        if c != but:
            least += lower if upper is lower else np.minimum(lower, upper)
            most += lower if upper is lower else np.maximum(lower, upper)
        size += np.abs(lower) if upper is lower else np.maximum(np.abs(lower), np.abs(upper))
    return least, most, size


def _spent(
    rules: Sequence[Constraint], of: Linear, done: set[int], high: NDArray[np.float64]
) -> dict[int, NDArray[np.bool_]]:
    """By column of a sum that is not settled, in which rows a count lets it be nothing but zero: ``(n,)``."""
    found: dict[int, NDArray[np.bool_]] = {}
    for rule in rules:
        if not isinstance(rule, Count) or rule.at_most is None:
            continue
        mine = [c for c in rule.columns if c in of.weights and c not in done and rule.nothing[c] == {0.0}]
        if mine:
            is_full = _used(rule, done, high) >= rule.at_most
            found |= {c: is_full | found.get(c, is_full) for c in mine}
    return found


def _used(rule: Count, done: set[int], high: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of the columns ``done`` that a count is about are used in each row: ``(n,)``."""
    part = Count(rule.name, {c: none for c, none in rule.nothing.items() if c in done})
    return np.asarray(part.used(high).sum(axis=1))
