"""Settings that a bench cannot tell apart: nothing differs but continuous numbers, by little of their scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from loop.space.parameters import Continuous

if TYPE_CHECKING:
    from loop.space.space import Space

SAME = 5e-3  # share of a scale up to which two continuous numbers are one setting
_FAR = 10.0  # in units of what is one setting, between values that are told apart whatever they are


def is_same(space: Space, x: NDArray[np.float64], others: NDArray[np.float64]) -> bool:
    """Whether one of ``others``, ``(n, d)``, is the same experiment as ``x``, ``(d,)``."""
    numbers = _continuous(space)
    apart = np.abs(space.frame.on_scales(others) - space.frame.on_scales(x[None]))
    return bool(np.where(numbers, apart <= SAME, others == x).all(axis=1).any())


def told_apart(
    space: Space,
    x: NDArray[np.float64],
    score: NDArray[np.float64],
    tried: NDArray[np.float64],
    within: float = SAME,
) -> NDArray[np.bool_]:
    """Which rows of ``x``, ``(n, d)``, are left where one experiment is the row with its highest score: ``(n,)``.

    None of them is the same as one that was ``tried``, ``(t, d)``. ``within`` is the share of a scale up to which two
    continuous numbers are one setting.
    """
    from scipy.spatial import cKDTree

    n, every = len(x), np.vstack([tried, x])
    numbers, placed = _continuous(space), space.frame.on_scales(every) / within
    for column in np.flatnonzero(~numbers):
        placed[:, column] = _FAR * np.unique(every[:, column], return_inverse=True)[1].ravel()
    first = np.concatenate([np.arange(len(tried)), len(tried) + np.argsort(-score, kind="stable")])
    pairs = cKDTree(placed[first]).query_pairs(1.0, p=np.inf, output_type="ndarray")
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]  # each row (i, j) has i < j: i comes first
    begin = np.searchsorted(pairs[:, 0], np.arange(len(first) + 1))
    is_left = np.ones(len(first), dtype=bool)
    for i in range(len(first)):
        if is_left[i]:
            is_left[pairs[begin[i] : begin[i + 1], 1]] = False
    found = np.zeros(len(first), dtype=bool)
    found[first] = is_left
    return found[len(every) - n :]


def _continuous(space: Space) -> NDArray[np.bool_]:
    return np.array([isinstance(p, Continuous) for p in space.parameters])
