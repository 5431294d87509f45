"""Stored libraries as models see them: features looked up by number, in chunks, and never all at once.

The numbers are those of the same molecules given as options, except where a library has more molecules than
``STANDARDISED``: which descriptors tell them apart is then told from so many of them, evenly spread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.molecules.descriptors import OF_RDKIT, told_apart
from loop.molecules.on_device import ComparedOnDevice
from loop.molecules.packed import PackedCounts
from loop.molecules.structures import Structures

FOLDED = 1024  # columns of the counts that trees see
STANDARDISED = 20_000  # molecules whose descriptors lie in memory: 35 MB
CHUNK = 8_192

Block = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class TanimotoDistances:
    """Squared distances ``2 (1 - s)`` of mean count Tanimoto similarities ``s`` over some kinds of fingerprint."""

    counts: tuple[PackedCounts, ...]

    @staticmethod
    def of(structures: Structures, kinds: Sequence[str]) -> TanimotoDistances:
        return TanimotoDistances(tuple(structures.counts(kind) for kind in kinds))

    def __call__(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of molecules by number: ``(a,)`` and ``(b,)`` to ``(a, b)``."""
        found = self.counts[0].similarity(a, b)
        for other in self.counts[1:]:
            found += other.similarity(a, b)
        if len(self.counts) > 1:
            found /= len(self.counts)
        np.subtract(1.0, found, out=found)
        found *= 2.0
        return found

    def on(self, device: torch.device, b: NDArray[np.int64]) -> Callable[[NDArray[np.int64]], Tensor]:
        """The same to the molecules ``b`` on a device, in single precision: ``(a,)`` to ``(a, b)``."""
        known = [ComparedOnDevice.of(counts, b, device) for counts in self.counts]

        def distances(a: NDArray[np.int64]) -> Tensor:
            total = known[0].similarity(a)
            for other in known[1:]:
                total += other.similarity(a)
            return total.mul_(-2.0 / len(known)).add_(2.0)

        return distances


def described(structures: Structures) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    """Standardised RDKit descriptors that tell the molecules apart, by number: ``(n,)`` to ``(n, k)``."""
    raw = structures.descriptors()
    some = np.unique(np.linspace(0, len(raw) - 1, min(len(raw), STANDARDISED)).astype(np.int64))
    chosen = told_apart(np.asarray(raw[some], dtype=np.float64), OF_RDKIT)
    features = chosen.of(np.asarray(raw[some], dtype=np.float64))
    if len(some) == len(raw):
        return lambda indices: np.asarray(features[indices])
    return lambda indices: np.nan_to_num(chosen.of(np.asarray(raw[indices], dtype=np.float64)))


def folded_counts_at(structures: Structures, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """Folded Morgan counts of some molecules, those columns that vary over the library: ``(n, k)``; at least one."""
    varying = _varying(structures)
    if not len(varying):
        return np.zeros((len(indices), 1), dtype=np.float32)
    folded = structures.counts().folded(indices, FOLDED)
    return folded if len(varying) == FOLDED else folded[:, varying]


@lru_cache(maxsize=8)
def _varying(structures: Structures) -> NDArray[np.int64]:
    """Columns of the folded counts that differ between any two molecules; a pass over all of them, once a process."""
    counts = structures.counts()
    first = counts.folded(np.zeros(1, dtype=np.int64), FOLDED)
    differs = np.zeros(FOLDED, dtype=bool)
    for start in range(0, len(counts), CHUNK):
        some = counts.folded(np.arange(start, min(start + CHUNK, len(counts)), dtype=np.int64), FOLDED)
        differs |= (some != first).any(axis=0)
        if differs.all():
            break
    return np.flatnonzero(differs)
