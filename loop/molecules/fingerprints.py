"""Count fingerprints, and the count Tanimoto (min-max) similarity between them.

A count vector is kept in unary code: a feature that occurs three times sets three bits. The sum of minima of two
count vectors is then the dot product of their codes, exactly, so sparse matrix products give whole blocks at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from scipy import sparse

from loop.molecules.condensed import is_reaction, sides

RADIUS = 2  # Morgan radius; the usual choice, as in ECFP4
SEVERAL: Final = ("morgan", "morgan-features", "atom-pair")  # fingerprints that see different things of a molecule


@lru_cache(maxsize=1)
def _morgan() -> Any:
    return rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS)


@lru_cache(maxsize=1)
def _features() -> Any:
    roles = rdFingerprintGenerator.GetMorganFeatureAtomInvGen()  # donor, acceptor, aromatic, ... in place of elements
    return rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, atomInvariantsGenerator=roles)


@lru_cache(maxsize=1)
def _pairs() -> Any:
    return rdFingerprintGenerator.GetAtomPairGenerator()


GENERATORS: Final[Mapping[str, Callable[[], Any]]] = {
    "morgan": _morgan,
    "morgan-features": _features,
    "atom-pair": _pairs,
}


def shares(shared: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of minima, ``(n, m)``, as shares of the sums of maxima, in their place; ``a`` and ``b`` are sums of counts.

    Two molecules without any feature (atom pairs of one atom) are alike.
    """
    union = a[:, None] + b[None, :]
    union -= shared
    if not a.all() and not b.all():
        both = np.ix_(a == 0.0, b == 0.0)
        shared[both], union[both] = 1.0, 1.0
    return np.divide(shared, union, out=shared)


@dataclass(frozen=True)
class Fingerprints:
    """Counts of ``n`` molecules: ``codes`` in unary, shape ``(n, bits)``, and their sums, shape ``(n,)``."""

    codes: sparse.csr_matrix
    totals: NDArray[np.float64]

    def similarity(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        """Count Tanimoto similarity of molecules ``a`` to molecules ``b``: shape ``(len(a), len(b))``, 0 to 1.

        Two without any feature are alike.
        """
        shared = (self.codes[a] @ self.codes[b].T).toarray().astype(np.float64)
        return shares(shared, self.totals[a], self.totals[b])


def count_fingerprints(smiles: Sequence[str], kind: str = "morgan") -> Fingerprints:
    """Count fingerprints (Morgan of radius 2 or another of ``GENERATORS``, not folded) of structures RDKit can read.

    Of a reaction the features of both sides are counted, each side apart.
    """
    columns: dict[tuple[int, int], int] = {}
    rows: list[int] = []
    bits: list[int] = []
    for row, counts in enumerate(_counts(smiles, kind)):
        for feature, count in counts.items():
            for level in range(count):
                rows.append(row)
                bits.append(columns.setdefault((feature, level), len(columns)))
    codes = sparse.csr_matrix(
        (np.ones(len(rows), dtype=np.float32), (rows, bits)), shape=(len(smiles), max(len(columns), 1))
    )
    return Fingerprints(codes, np.asarray(codes.sum(axis=1), dtype=np.float64).ravel())


def folded_counts(smiles: Sequence[str], size: int = 1024) -> NDArray[np.float32]:
    """Morgan counts folded to ``size`` columns, shape ``(n, size)``: dense features for trees.

    Of reactions, half of the columns are for either side.
    """
    if any(is_reaction(s) for s in smiles):
        return np.hstack([folded_counts(side, size // 2) for side in zip(*map(sides, smiles), strict=True)])
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=size)
    return np.array([generator.GetCountFingerprintAsNumPy(Chem.MolFromSmiles(s)) for s in smiles], dtype=np.float32)


def _counts(smiles: Sequence[str], kind: str) -> list[dict[int, int]]:
    generator = GENERATORS[kind]()

    def counts(text: str) -> dict[int, int]:
        if is_reaction(text):
            both = [counts(side) for side in sides(text)]
            return {2 * feature + place: n for place, side in enumerate(both) for feature, n in side.items()}
        found: dict[int, int] = generator.GetSparseCountFingerprint(Chem.MolFromSmiles(text)).GetNonzeroElements()
        return found

    return [counts(s) for s in smiles]
