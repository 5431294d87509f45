"""Points of a polytope, one for each row: every row has its own bounds, all share the linear constraints.

BoTorch's samplers take one polytope at a time; here each row may fix other columns, so thousands of small ones are
walked through at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from loop.space.constraints import Linear

ROUNDS = 300  # of projections
STEPS = 24  # of the walk; some for each dimension that constraints leave
CLOSE = 1e-11

Array = NDArray[np.float64]


def inside(rules: Sequence[Linear], low: Array, high: Array, x: Array) -> Array:
    """Points near ``x``, ``(n, d)``, between ``low`` and ``high`` and on the constraints, where there are any.

    Alternating projections; among the columns that can still move in the wanted direction, so that they end.
    """
    x = np.clip(x, low, high)
    free = high > low
    asked = [~rule.exempt(x) for rule in rules]  # what exempts a row is fixed in it
    for _ in range(ROUNDS):
        worst = np.zeros(len(x))
        for rule, is_asked in zip(rules, asked, strict=True):
            weights = _weights(rule, x.shape[1])
            total = x @ weights
            gap = np.where(is_asked, np.clip(total, rule.at_least, rule.at_most) - total, 0.0)
            worst = np.maximum(worst, np.abs(gap))
            push = np.sign(gap)[:, None] * weights
            can = free & ((push > 0) & (x < high) | (push < 0) & (x > low))
            step = np.where(can, weights, 0.0)
            size = (step**2).sum(axis=1)
            x = np.clip(x + step * (gap / np.where(size > 0, size, np.inf))[:, None], low, high)
        if (worst <= CLOSE).all():
            break
    return x


def walk(rules: Sequence[Linear], low: Array, high: Array, x: Array, rng: np.random.Generator) -> Array:
    """Hit and run from the allowed points ``x``, ``(n, d)``: as many points, spread over each row's polytope.

    Source: Smith, Operations Research 32 (1984) 1296.
    """
    free = (high > low).astype(float)
    equal = np.array([_weights(r, x.shape[1]) for r in rules if r.is_equality]).reshape(-1, x.shape[1])
    others = [r for r in rules if not r.is_equality]
    masked = equal[None, :, :] * free[:, None, :]
    solved = np.linalg.pinv(masked @ masked.transpose(0, 2, 1)) if len(equal) else None
    for _ in range(STEPS):
        along = rng.normal(size=x.shape) * free * np.where(high > low, high - low, 1.0)
        if solved is not None:
            across = np.einsum("nmd,nd->nm", masked, along)
            along -= np.einsum("nmd,nmk,nk->nd", masked, solved, across)
        least, most = np.full(len(x), -np.inf), np.full(len(x), np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            pairs = [((low - x) / along, (high - x) / along)]
            for rule in others:
                weights = _weights(rule, x.shape[1])
                total, rate = x @ weights, along @ weights
                pairs.append((((rule.at_least - total) / rate)[:, None], ((rule.at_most - total) / rate)[:, None]))
        for a, b in pairs:
            ends = np.minimum(a, b), np.maximum(a, b)
            least = np.maximum(least, np.nan_to_num(ends[0], nan=-np.inf, posinf=np.inf, neginf=-np.inf).max(axis=1))
            most = np.minimum(most, np.nan_to_num(ends[1], nan=np.inf, posinf=np.inf, neginf=-np.inf).min(axis=1))
        is_way = np.isfinite(least) & np.isfinite(most) & (most > least)
        start, end = np.where(is_way, least, 0.0), np.where(is_way, most, 0.0)  # a row with nothing free stays
        t = start + rng.random(len(x)) * (end - start)
        x = np.clip(x + t[:, None] * along, low, high)
    return inside(rules, low, high, x)


def _weights(rule: Linear, d: int) -> Array:
    weights = np.zeros(d)
    weights[list(rule.weights)] = list(rule.weights.values())
    return weights
