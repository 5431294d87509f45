"""Rows of coordinates: which are the same, to the last bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loop.space.polytope import Array


def is_among(x: Array, rows: Array) -> NDArray[np.bool_]:
    """Which rows of ``x``, ``(n, d)``, are among ``rows``, ``(k, d)``, to the last bit (0 is -0): shape ``(n,)``."""
    if not len(x) or not len(rows):
        return np.zeros(len(x), dtype=bool)
    return np.isin(_as_words(x), _as_words(rows))


def places_among(x: Array, rows: Array) -> NDArray[np.int64]:
    """Which of ``rows``, ``(k, d)``, each of ``x``, ``(n, d)``, is, to the last bit; -1 for none: shape ``(n,)``.

    Each of ``rows`` is there once.
    """
    if not len(x) or not len(rows):
        return np.full(len(x), -1, dtype=np.int64)
    mine, theirs = _as_words(x), _as_words(rows)
    order = np.argsort(theirs)
    at = order[np.searchsorted(theirs, mine, sorter=order).clip(max=len(rows) - 1)]
    return np.where(theirs[at] == mine, at, -1)


def key_of(x: Array) -> bytes:
    """One row, ``(d,)``, as a key of a table: that of the same coordinates, to the last bit (0 is -0)."""
    return (x + 0.0).tobytes()


def _as_words(x: Array) -> NDArray[np.void]:
    """Each row of ``(n, d)`` as one thing that can be compared: shape ``(n,)``."""
    width = np.dtype((np.void, x.dtype.itemsize * x.shape[1]))
    return np.ascontiguousarray(x + 0.0).view(width).ravel()  # -0.0 is 0.0


def different(x: Array) -> Array:
    """The rows of ``x``, ``(n, d)``, each once and where it first stood: shape ``(k, d)``."""
    order = np.lexsort(x.T)  # stable, and several times as fast as np.unique of rows
    ordered = x[order]
    is_first = np.ones(len(x), dtype=bool)
    is_first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return np.asarray(x[np.sort(order[is_first])])
