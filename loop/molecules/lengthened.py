"""Lengthened libraries: one library and then another, each with the features that are stored beside it.

So a source of other molecules is learnt from beside a stored library, and nothing of either is computed anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.molecules.fingerprints import shares
from loop.molecules.graphs import MolecularGraphs, joined
from loop.molecules.packed import MORGAN, Against, PackedCounts, Rows, folded, taken, totals_of
from loop.molecules.structures import Descriptors, Graphs, Structures
from loop.text_sequence import TextSequence

PREPARED: Final = 4  # training sets, of a committee's members and of feasibility


@dataclass(frozen=True, eq=False, repr=False)
class Lengthened(TextSequence):
    """The texts of one sequence, then those of another; what is in both is found in the first."""

    first: TextSequence
    more: TextSequence

    def text(self, index: int) -> str:
        """The text at ``index``."""
        return self.first.text(index) if index < len(self.first) else self.more.text(index - len(self.first))

    def find(self, text: str) -> int | None:
        """Where a text stands; None where it does not."""
        if (found := self.first.find(text)) is not None:
            return found
        later = self.more.find(text)
        return None if later is None else len(self.first) + later

    def __len__(self) -> int:
        return len(self.first) + len(self.more)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (self.first, self.more) == (other.first, other.more)

    def __hash__(self) -> int:
        return hash((self.first, self.more))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)}>"


@dataclass(frozen=True, eq=False, repr=False)
class LengthenedStructures(Lengthened):
    """The structures of two libraries, the first before the second; ``Featured``."""

    first: Structures
    more: Structures

    is_made = False

    def some(self, n: int) -> NDArray[np.int64]:
        """Up to ``n`` numbers, evenly spread: ``(k,)``."""
        return np.unique(np.linspace(0, len(self) - 1, min(len(self), n)).astype(np.int64))

    def counts(self, kind: str = MORGAN) -> LengthenedCounts:
        """Count fingerprints, in order. Raises ``UnknownName``."""
        return _counts(self.first, self.more, kind)

    def descriptors(self) -> LengthenedDescriptors:
        """RDKit's descriptors, in order."""
        return LengthenedDescriptors(self.first.descriptors(), self.more.descriptors())

    def graphs(self) -> LengthenedGraphs:
        """Molecular graphs, in order."""
        return LengthenedGraphs(self.first.graphs(), self.more.graphs(), len(self.first))


@dataclass(frozen=True, eq=False)
class LengthenedCounts:
    """Count fingerprints of one library and of another, with one vocabulary: the first's, then what that lacks."""

    first: PackedCounts
    more: PackedCounts  # with places in the vocabulary of both
    vocabulary: NDArray[np.uint64]
    _prepared: dict[bytes, tuple[Against, NDArray[np.float64]]] = field(default_factory=dict, init=False, repr=False)

    @staticmethod
    def of(first: PackedCounts, more: PackedCounts) -> LengthenedCounts:
        """Of two libraries, each with a vocabulary of its own in rising order."""
        known, theirs = first.vocabulary, more.vocabulary
        at = np.searchsorted(known, theirs)
        there = np.zeros(len(theirs), dtype=bool)
        inside = at < len(known)
        there[inside] = known[at[inside]] == theirs[inside]
        places = np.where(there, at, len(known) + np.cumsum(~there) - 1).astype(np.uint32)
        both = np.concatenate([known, theirs[~there]])
        return LengthenedCounts(first, replace(more, columns=places[more.columns]), both)

    def __len__(self) -> int:
        return len(self.first) + len(self.more)

    def rows(self, indices: NDArray[np.int64]) -> Rows:
        """Entries of the molecules at ``indices``, with features as places in the vocabulary."""
        is_later = indices >= len(self.first)
        if not is_later.any():
            return self.first.rows(indices)
        some, later = self.first.rows(indices[~is_later]), self.more.rows(indices[is_later] - len(self.first))
        both = Rows(
            np.concatenate([some.indptr, some.indptr[-1] + later.indptr[1:]]),
            np.concatenate([some.features, later.features]),
            np.concatenate([some.counts, later.counts]),
        )
        return taken(both, _places(is_later))

    def similarity(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        """Count Tanimoto similarity of molecules ``a`` to molecules ``b``: shape ``(len(a), len(b))``, 0 to 1."""
        key = b.tobytes()
        if key not in self._prepared:
            rows = self.rows(b)
            while len(self._prepared) >= PREPARED:
                self._prepared.pop(next(iter(self._prepared)))
            self._prepared[key] = Against.of(rows, len(self.vocabulary)), _totals(rows)
        against, theirs = self._prepared[key]
        mine = self.rows(a)
        return shares(against.shared(mine).astype(np.float64), _totals(mine), theirs)

    def folded(self, indices: NDArray[np.int64], size: int) -> NDArray[np.float32]:
        """Counts folded to ``size`` columns, as ``fingerprints.folded_counts`` gives them: ``(len(indices), size)``."""
        return folded(self.rows(indices), self.vocabulary, size)


@dataclass(frozen=True, eq=False)
class LengthenedDescriptors:
    """RDKit's descriptors of one library and of another."""

    first: Descriptors
    more: Descriptors

    def __len__(self) -> int:
        return len(self.first) + len(self.more)

    def __getitem__(self, indices: NDArray[np.int64], /) -> NDArray[np.float32]:
        """In RDKit's order, shape ``(n, descriptors)``; what cannot be computed is not finite."""
        is_later = indices >= len(self.first)
        some, later = self.first[indices[~is_later]], self.more[indices[is_later] - len(self.first)]
        return np.concatenate([some, later])[_places(is_later)]


@dataclass(frozen=True, eq=False)
class LengthenedGraphs:
    """Molecular graphs of one library, which has ``n``, and of another."""

    first: Graphs
    more: Graphs
    n: int

    def take(self, which: NDArray[np.int64], /) -> MolecularGraphs:
        """The molecules at ``which``, shape ``(k,)``, in that order."""
        is_later = which >= self.n
        parts = [self.first.take(which[~is_later]), self.more.take(which[is_later] - self.n)]
        return joined(parts).take(_places(is_later))


@lru_cache(maxsize=8)  # members of a committee ask for the same kinds
def _counts(first: Structures, more: Structures, kind: str) -> LengthenedCounts:
    return LengthenedCounts.of(first.counts(kind), more.counts(kind))


def _places(is_later: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Where each stands once those of the first library come before the others: ``(n,)``."""
    return np.argsort(np.argsort(is_later, kind="stable"), kind="stable")


def _totals(rows: Rows) -> NDArray[np.float64]:
    return totals_of(rows.indptr, rows.counts).astype(np.float64)
