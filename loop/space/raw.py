"""Raw draws of a space's frame, constraints apart: fractions that sum to one, and one coordinate for what is absent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loop.space.parameters import Continuous, Discrete, Parameter
from loop.space.structure import Frame, Mixture

ZERO_SHARE = 0.5  # of the draws of a number that is zero or an amount


def stretched(p: Parameter, unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers from 0 to 1 (1 excluded) as coordinates of ``p``, evenly over its range or its scale."""
    if isinstance(p, Continuous):
        if p.or_zero:
            rest = (unit - ZERO_SHARE) / (1 - ZERO_SHARE)
            return np.where(unit < ZERO_SHARE, 0.0, _between(p, np.maximum(rest, 0.0)))
        return _between(p, unit)
    level = np.minimum((unit * p.size).astype(np.int64), p.size - 1)
    return np.asarray(p.values)[level] if isinstance(p, Discrete) else level.astype(np.float64)


def draw_mixture(mixture: Mixture, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Fractions evenly over each face of the simplex, every allowed number of parts alike: ``(n, parts)``."""
    parts = len(mixture.parts)
    most = min(parts if mixture.at_most is None else mixture.at_most, parts)
    if mixture.least:
        most = min(most, int(np.floor(1 / mixture.least + 1e-9)))
    number = rng.integers(1, max(most, 1) + 1, n)
    rank = rng.random((n, parts)).argsort(axis=1).argsort(axis=1)
    used = rank < number[:, None]
    share = np.where(used, rng.exponential(size=(n, parts)), 0.0)
    share /= share.sum(axis=1, keepdims=True)
    return np.where(used, mixture.least + (1 - mixture.least * number[:, None]) * share, 0.0)


def raw_sample(frame: Frame, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """``n`` canonical rows with mixtures that sum to one, constraints apart: ``(n, d)``. Stepped fractions are not on
    their steps."""
    x = np.column_stack([stretched(p, rng.random(n)) for p in frame.parameters])
    for mixture in frame.mixtures:
        x[:, list(mixture.columns)] = draw_mixture(mixture, n, rng)
    return frame.canonical(x)


def filled(
    frame: Frame, low: NDArray[np.float64], high: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """A point of each row's box: evenly, over the logarithm where the scale says so; fractions evenly on their face."""
    x = low.copy()
    mixed = frame.mixed_columns
    for column, p in enumerate(frame.parameters):
        open_ = high[:, column] > low[:, column]
        if isinstance(p, Continuous) and open_.any():
            plain = Continuous(p.name, p.low, p.high, scale=p.scale)
            if column in mixed:
                x[open_, column] = rng.exponential(size=int(open_.sum()))
            else:
                drawn = stretched(plain, rng.random(int(open_.sum())))
                x[open_, column] = np.clip(drawn, low[open_, column], high[open_, column])
    for mixture in frame.mixtures:
        columns = list(mixture.columns)
        open_ = high[:, columns] > low[:, columns]
        fixed = np.where(open_, 0.0, low[:, columns]).sum(axis=1) + np.where(open_, low[:, columns], 0.0).sum(axis=1)
        share = np.where(open_, x[:, columns], 0.0)
        total = share.sum(axis=1, keepdims=True)
        share = np.divide(share, total, out=np.zeros_like(share), where=total > 0) * (1 - fixed)[:, None]
        x[:, columns] = low[:, columns] + share
    return x


def _between(p: Continuous, unit: NDArray[np.float64]) -> NDArray[np.float64]:
    if p.scale == "log":
        return np.clip(p.low * (p.high / p.low) ** unit, p.low, p.high)
    return p.low + unit * (p.high - p.low)
