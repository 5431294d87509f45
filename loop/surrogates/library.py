"""Stored libraries as models see them: features looked up by number, in chunks, and never all at once.

The numbers are those of the same molecules given as options, except where a library has more molecules than
``STANDARDISED``: which descriptors tell them apart is then told from so many of them, evenly spread. Of a union
(``loop.molecules.united``) it is told from ``MADE``, and trees see columns of counts that do not differ too.
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
from loop.molecules.structures import Counts, Featured

FOLDED = 1024  # columns of the counts that trees see
STANDARDISED = 20_000  # molecules whose descriptors lie in memory: 35 MB
MADE = 2_000  # likewise of a union, some of which must be made first: 3 ms each
CHUNK = 8_192

Block = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class TanimotoDistances:
    """Squared distances ``2 (1 - s)`` of mean count Tanimoto similarities ``s`` over some kinds of fingerprint."""

    counts: tuple[Counts, ...]

    @staticmethod
    def of(structures: Featured, kinds: Sequence[str]) -> TanimotoDistances:
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

    def on(self, device: torch.device, b: NDArray[np.int64]) -> Callable[[NDArray[np.int64]], Tensor] | None:
        """The same to the molecules ``b`` on a device, in single precision: ``(a,)`` to ``(a, b)``.

        None where molecules are made on demand: what they have of features is not known beforehand.
        """
        stored = [counts for counts in self.counts if isinstance(counts, PackedCounts)]
        if len(stored) < len(self.counts):
            return None
        known = [ComparedOnDevice.of(counts, b, device) for counts in stored]

        def distances(a: NDArray[np.int64]) -> Tensor:
            total = known[0].similarity(a)
            for other in known[1:]:
                total += other.similarity(a)
            return total.mul_(-2.0 / len(known)).add_(2.0)

        return distances


def described(structures: Featured) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    """Standardised RDKit descriptors that tell the molecules apart, by number: ``(n,)`` to ``(n, k)``."""
    raw = structures.descriptors()
    if structures.is_made:
        sample = np.asarray(raw[structures.some(MADE)], dtype=np.float64)
        chosen = told_apart(sample[np.isfinite(sample).any(axis=1)], OF_RDKIT)  # without what could not be made
    else:
        some = structures.some(STANDARDISED)
        sample = np.asarray(raw[some], dtype=np.float64)
        chosen = told_apart(sample, OF_RDKIT)
        if len(some) == len(raw):
            features = chosen.of(sample)
            return lambda indices: np.asarray(features[indices])
    return lambda indices: np.nan_to_num(chosen.of(np.asarray(raw[indices], dtype=np.float64)))


def folded_counts_at(structures: Featured, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """Folded Morgan counts of some molecules, those columns that vary over the library: ``(n, k)``; at least one."""
    varying = _varying(structures)
    if not len(varying):
        return np.zeros((len(indices), 1), dtype=np.float32)
    folded = structures.counts().folded(indices, FOLDED)
    return folded if len(varying) == FOLDED else folded[:, varying]


@lru_cache(maxsize=8)
def _varying(structures: Featured) -> NDArray[np.int64]:
    """Columns of the folded counts that differ between any two molecules; a pass over all of them, once a process.

    All columns where some molecules are made on demand: there is no such pass.
    """
    if structures.is_made:
        return np.arange(FOLDED)
    counts = structures.counts()
    first = counts.folded(np.zeros(1, dtype=np.int64), FOLDED)
    differs = np.zeros(FOLDED, dtype=bool)
    for start in range(0, len(counts), CHUNK):
        some = counts.folded(np.arange(start, min(start + CHUNK, len(counts)), dtype=np.int64), FOLDED)
        differs |= (some != first).any(axis=0)
        if differs.all():
            break
    return np.flatnonzero(differs)
