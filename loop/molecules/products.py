"""Count fingerprints of products, made when they are asked for and remembered, and their count Tanimoto similarity.

Products are numbers of reagents, ``(n, lists)``. A structure is made, its features are counted, and these are
kept: some 0.4 ms and 0.3 kB for each.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from scipy import sparse

from loop.molecules.fingerprints import GENERATORS
from loop.molecules.reactions import Reaction
from loop.molecules.sieve import Sieve, product_of

KEPT = 400_000  # products whose fingerprints are remembered
BLOCK = 4_096  # rows of a block of similarities that are looked at together


@dataclass
class ProductFingerprints:
    """Fingerprints of the products of some lists of reagents, in unary code; ``kinds`` are names in ``GENERATORS``.

    What gives no product has a fingerprint of its own, like nothing else.
    """

    smarts: str
    reagents: tuple[tuple[str, ...], ...]
    kinds: tuple[str, ...]
    sieve: Sieve | None = None  # it has made and remembers many of them, standardised
    _rows: OrderedDict[bytes, tuple[NDArray[np.int32], ...]] = field(default_factory=OrderedDict, repr=False)
    _columns: list[dict[tuple[int, int], int]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self._columns = [{} for _ in self.kinds]

    def similarity(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        """Mean count Tanimoto similarity of products ``a``, ``(n, lists)``, to ``b``, ``(m, lists)``: ``(n, m)``."""
        rows, columns = self._features(a), self._features(b)
        total = np.zeros((len(a), len(b)))
        for kind in range(len(self.kinds)):
            width = max(len(self._columns[kind]), 1)
            theirs = _codes([row[kind] for row in columns], width)
            their_sum = np.asarray(theirs.sum(axis=1), dtype=np.float64).ravel()
            turned = theirs.T.tocsr()
            for start in range(0, len(a), BLOCK):
                mine = _codes([row[kind] for row in rows[start : start + BLOCK]], width)
                my_sum = np.asarray(mine.sum(axis=1), dtype=np.float64).ravel()
                shared = (mine @ turned).toarray().astype(np.float64)
                every = my_sum[:, None] + their_sum[None, :] - shared
                total[start : start + BLOCK] += shared / np.where(every > 0, every, 1.0)
        return total / len(self.kinds)

    def sample(self, n: int, seed: int) -> NDArray[np.int64]:
        """``n`` products at random, perhaps some of them the same: ``(n, lists)``."""
        rng = np.random.default_rng(seed)
        return np.column_stack([rng.integers(0, len(r), n) for r in self.reagents])

    def _features(self, numbers: NDArray[np.int64]) -> list[tuple[NDArray[np.int32], ...]]:
        found = []
        for row in np.ascontiguousarray(numbers):
            key = row.tobytes()
            if key not in self._rows:
                self._rows[key] = tuple(self._counted(row))
                if len(self._rows) > KEPT:
                    self._rows.popitem(last=False)
            found.append(self._rows[key])
        return found

    def _counted(self, row: NDArray[np.int64]) -> Iterator[NDArray[np.int32]]:
        made = self._made([r[i] for r, i in zip(self.reagents, row.tolist(), strict=True)])
        for kind, columns in zip(self.kinds, self._columns, strict=True):
            counts = {} if made is None else GENERATORS[kind]().GetSparseCountFingerprint(made).GetNonzeroElements()
            levels = [(feature, level) for feature, count in counts.items() for level in range(count)]
            yield np.array([columns.setdefault(f, len(columns)) for f in levels], dtype=np.int32)

    def _made(self, reagents: Sequence[str]) -> Chem.Mol | None:
        if self.sieve is None:
            return Reaction(self.smarts).made(reagents)
        smiles = product_of(self.smarts, reagents, self.sieve).smiles
        return Chem.MolFromSmiles(smiles) if smiles else None


@lru_cache(maxsize=16)
def product_fingerprints(
    smarts: str, reagents: tuple[tuple[str, ...], ...], kinds: tuple[str, ...], sieve: Sieve | None = None
) -> ProductFingerprints:
    """The fingerprints of a space's products; the same arguments share what was made."""
    return ProductFingerprints(smarts, reagents, kinds, sieve)


def _codes(rows: Sequence[NDArray[np.int32]], width: int) -> sparse.csr_matrix:
    ends = np.cumsum([0, *(len(row) for row in rows)])
    columns = np.concatenate(rows) if rows else np.empty(0, dtype=np.int32)
    return sparse.csr_matrix((np.ones(len(columns), dtype=np.float32), columns, ends), shape=(len(rows), width))
