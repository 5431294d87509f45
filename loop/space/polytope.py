"""Points of a polytope, one for each row: every row has its own bounds, all share the linear constraints.

BoTorch's samplers take one polytope at a time; here each row may fix other columns, so thousands of small ones are
walked through at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from loop.space.constraints import Linear

ROUNDS = 300  # of projections
STEPS = 24  # of the walk; some for each dimension that constraints leave
CLOSE = 1e-11
CUTS = 24  # of a line whose points are not allowed: down to 1e-5 of it or less

Array: TypeAlias = NDArray[np.float64]
Test: TypeAlias = Callable[[Array], NDArray[np.bool_]]  # rows (n, d) to whether they are allowed: (n,)


def inside(rules: Sequence[Linear], low: Array, high: Array, x: Array) -> Array:
    """Points near ``x``, ``(n, d)``, between ``low`` and ``high`` and on the constraints, where there are any.

    Alternating projections; among the columns that can still move in the wanted direction, so that they end.
    """
    x = np.clip(x, low, high)
    asked = [~rule.exempt(x) for rule in rules]  # what exempts a row is fixed in it
    left = np.arange(len(x))  # rows that are not there yet
    told = [_weights(rule, x.shape[1]) for rule in rules]
    for _ in range(ROUNDS if rules else 0):
        y, lowest, highest = x[left], low[left], high[left]
        free = highest > lowest
        worst = np.zeros(len(y))
        for rule, weights, is_asked in zip(rules, told, asked, strict=True):
            total = y @ weights
            gap = np.where(is_asked[left], np.clip(total, rule.at_least, rule.at_most) - total, 0.0)
            worst = np.maximum(worst, np.abs(gap))
            push = np.sign(gap)[:, None] * weights
            can = free & ((push > 0) & (y < highest) | (push < 0) & (y > lowest))
            step = np.where(can, weights, 0.0)
            size = (step**2).sum(axis=1)
            y = np.clip(y + step * (gap / np.where(size > 0, size, np.inf))[:, None], lowest, highest)
        is_stuck = np.array_equal(y, x[left])  # whatever comes nearer in one row moves there, or never
        x[left] = y
        left = left[worst > CLOSE]
        if is_stuck or not len(left):
            break
    return x


def walk(
    rules: Sequence[Linear],
    low: Array,
    high: Array,
    x: Array,
    rng: np.random.Generator,
    *,
    keeps: Test | None = None,
    steps: int = STEPS,
) -> Array:
    """Hit and run from the allowed points ``x``, ``(n, d)``: as many points, spread over each row's polytope.

    With ``keeps``, over the part of it that this allows: a line is cut back to where it starts until its point is
    allowed, so that a row never leaves what it started in.

    Source: Smith, Operations Research 32 (1984) 1296; the cutting back: Neal, Annals of Statistics 31 (2003) 705.
    """
    free = (high > low).astype(float)
    equal = np.array([_weights(r, x.shape[1]) for r in rules if r.is_equality]).reshape(-1, x.shape[1])
    others = [r for r in rules if not r.is_equality]
    masked = equal[None, :, :] * free[:, None, :]
    solved = np.linalg.pinv(masked @ masked.transpose(0, 2, 1)) if len(equal) else None
    for _ in range(steps):
        along = rng.normal(size=x.shape) * free * np.where(high > low, high - low, 1.0)
        if solved is not None:
            across = np.einsum("nmd,nd->nm", masked, along)
            along -= np.einsum("nmd,nmk,nk->nd", masked, solved, across)
        start, end = _chord(others, low, high, x, along)
        t = start + rng.random(len(x)) * (end - start)
        moved = np.clip(x + t[:, None] * along, low, high)
        if keeps is not None:
            for _ in range(CUTS):
                bad = np.flatnonzero(~keeps(moved))
                if not len(bad):
                    break
                start[bad], end[bad] = np.where(t[bad] < 0, t[bad], start[bad]), np.where(t[bad] < 0, end[bad], t[bad])
                t[bad] = start[bad] + rng.random(len(bad)) * (end[bad] - start[bad])
                moved[bad] = np.clip(x[bad] + t[bad, None] * along[bad], low[bad], high[bad])
            moved = np.where(keeps(moved)[:, None], moved, x)
        x = moved
    if keeps is None:
        return inside(rules, low, high, x)
    return x


def _chord(rules: Sequence[Linear], low: Array, high: Array, x: Array, along: Array) -> tuple[Array, Array]:
    """How far each row can go back and forth along its direction: two of shape ``(n,)``; 0 where it cannot move."""
    least, most = np.full(len(x), -np.inf), np.full(len(x), np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs = [((low - x) / along, (high - x) / along)]
        for rule in rules:
            weights = _weights(rule, x.shape[1])
            total, rate = x @ weights, along @ weights
            pairs.append((((rule.at_least - total) / rate)[:, None], ((rule.at_most - total) / rate)[:, None]))
    for a, b in pairs:
        ends = np.minimum(a, b), np.maximum(a, b)
        least = np.maximum(least, np.nan_to_num(ends[0], nan=-np.inf, posinf=np.inf, neginf=-np.inf).max(axis=1))
        most = np.minimum(most, np.nan_to_num(ends[1], nan=np.inf, posinf=np.inf, neginf=-np.inf).min(axis=1))
    is_way = np.isfinite(least) & np.isfinite(most) & (most > least)
    return np.where(is_way, least, 0.0), np.where(is_way, most, 0.0)


def _weights(rule: Linear, d: int) -> Array:
    weights = np.zeros(d)
    weights[list(rule.weights)] = list(rule.weights.values())
    return weights
