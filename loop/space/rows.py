"""Rows of coordinates: which are the same, to the last bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loop.space.polytope import Array


def is_among(x: Array, rows: Array) -> NDArray[np.bool_]:
    """Which rows of ``x``, ``(n, d)``, are among ``rows``, ``(k, d)``, to the last bit (0 is -0): shape ``(n,)``."""
    if not len(x) or not len(rows):
        return np.zeros(len(x), dtype=bool)
    width = np.dtype((np.void, x.dtype.itemsize * x.shape[1]))
    mine, theirs = (np.ascontiguousarray(a + 0.0).view(width).ravel() for a in (x, rows))  # -0.0 is 0.0
    return np.isin(mine, theirs)


def different(x: Array) -> Array:
    """The rows of ``x``, ``(n, d)``, each once and where it first stood: shape ``(k, d)``."""
    order = np.lexsort(x.T)  # stable, and several times as fast as np.unique of rows
    ordered = x[order]
    is_first = np.ones(len(x), dtype=bool)
    is_first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return np.asarray(x[np.sort(order[is_first])])
