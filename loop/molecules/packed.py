"""Packed count fingerprints: which features each molecule has and how often, as arrays that may lie in a memory map.

The sum of minima of two count vectors is a dot product of their unary codes (see ``fingerprints``). Of a pool against
some hundred training molecules, the few codes that most of those have are multiplied as dense matrices and the many
rare ones as sparse ones: whole numbers below 2**24 either way, so the similarity is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from scipy import sparse

from loop.errors import UnknownName
from loop.molecules.fingerprints import GENERATORS, shares

MORGAN: Final = "morgan"
COMMON = 0.03  # share of the training molecules above which a code is multiplied as a dense column
FEW = 64  # training molecules below which everything is multiplied sparsely
KEPT = 4  # prepared training sets, of a committee's members and of feasibility
_HEADER, _IDENTIFIER = 24, 8  # bytes of RDKit's serialised counts: version, size of an identifier, length, entries
_ENTRY = np.dtype([("feature", "<u8"), ("count", "<i4")])

_GENERATORS: Final[Mapping[str, Callable[[], Any]]] = {
    **GENERATORS,
    "torsion": rdFingerprintGenerator.GetTopologicalTorsionGenerator,
}
KINDS: Final = tuple(_GENERATORS)


class Rows(NamedTuple):
    """Entries of some molecules: ``indptr`` of shape ``(n + 1,)``, features and counts of shape ``(entries,)``."""

    indptr: NDArray[np.int64]
    features: NDArray[Any]
    counts: NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class PackedCounts:
    """Count fingerprints of ``n`` molecules.

    Attributes:
        indptr: Where the entries of each molecule begin, and of the last end, shape ``(n + 1,)``.
        columns: Which feature, as its place in the vocabulary, shape ``(entries,)``.
        counts: How often, shape ``(entries,)``.
        totals: Sum of each molecule's counts, shape ``(n,)``.
        vocabulary: RDKit's identifiers of the features, in rising order, shape ``(features,)``.
    """

    indptr: NDArray[np.int64]
    columns: NDArray[np.uint32]
    counts: NDArray[np.uint16]
    totals: NDArray[np.uint32]
    vocabulary: NDArray[np.uint64]
    _prepared: dict[bytes, Against] = field(default_factory=dict, init=False, repr=False)

    @staticmethod
    def of(rows: Rows) -> PackedCounts:
        """Pack entries whose features are RDKit's identifiers."""
        vocabulary, columns = np.unique(rows.features.astype(np.uint64), return_inverse=True)
        return PackedCounts(
            rows.indptr, columns.astype(np.uint32), rows.counts, totals_of(rows.indptr, rows.counts), vocabulary
        )

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def rows(self, indices: NDArray[np.int64]) -> Rows:
        """Entries of the molecules at ``indices``, with features as places in the vocabulary."""
        if len(indices) and len(indices) == indices[-1] - indices[0] + 1 and bool((np.diff(indices) == 1).all()):
            first, last = self.indptr[indices[0]], self.indptr[indices[-1] + 1]
            pointers = self.indptr[indices[0] : indices[-1] + 2] - first
            return Rows(np.asarray(pointers), np.asarray(self.columns[first:last]), np.asarray(self.counts[first:last]))
        return taken(Rows(self.indptr, self.columns, self.counts), indices)

    def similarity(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        """Count Tanimoto similarity of molecules ``a`` to molecules ``b``: shape ``(len(a), len(b))``, 0 to 1.

        Two without any feature are alike. What ``b`` needs is prepared once and kept, so a pool is asked about in
        chunks of ``a``.
        """
        shared = self._against(b).shared(self.rows(a)).astype(np.float64)
        return shares(shared, *(self.totals[i].astype(np.float64) for i in (a, b)))

    def folded(self, indices: NDArray[np.int64], size: int) -> NDArray[np.float32]:
        """Counts folded to ``size`` columns, as ``fingerprints.folded_counts`` gives them: ``(len(indices), size)``."""
        return folded(self.rows(indices), self.vocabulary, size)

    def _against(self, b: NDArray[np.int64]) -> Against:
        key = b.tobytes()
        found = self._prepared.get(key)
        if found is None:
            found = Against.of(self.rows(b), len(self.vocabulary))
            while len(self._prepared) >= KEPT:
                self._prepared.pop(next(iter(self._prepared)))
            self._prepared[key] = found
        return found


class Codes(NamedTuple):
    """The codes of some molecules. A code is a feature at a level: a count of three is the levels 0, 1 and 2."""

    first: NDArray[np.int64]  # of each feature: its first code, shape (features,)
    levels: NDArray[np.uint16]  # how many codes it has; 0 where none of the molecules has it
    molecules: NDArray[np.int64]  # of each entry: which molecule, shape (entries,)
    codes: NDArray[np.int64]  # of each entry: which code

    @property
    def size(self) -> int:
        """How many codes there are."""
        return int(self.levels.sum(dtype=np.int64))


def codes_of(rows: Rows, features: int) -> Codes:
    """The codes of molecules whose features are places in a vocabulary of ``features``."""
    levels = np.zeros(features, dtype=np.uint16)
    np.maximum.at(levels, rows.features, rows.counts)
    first = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(levels, dtype=np.int64)])[:-1]
    return Codes(first, levels, *_expanded(rows, rows.features, rows.counts, first))


@dataclass(frozen=True, eq=False)
class Against:
    """What is needed of ``m`` molecules to be compared with any others that have the same vocabulary, in codes."""

    first: NDArray[np.int64]  # of each feature: its first code, shape (features,)
    levels: NDArray[np.uint16]  # how many codes it has; 0 where none of the molecules has it
    place: NDArray[np.int64]  # of each code: its column among the common, or -1 less its row among the rare
    common: NDArray[np.float32]  # (common codes, m)
    rare: sparse.csr_matrix  # (rare codes, m)

    @staticmethod
    def of(rows: Rows, features: int) -> Against:
        m = len(rows.indptr) - 1
        known = codes_of(rows, features)
        degree = np.bincount(known.codes, minlength=known.size)
        is_common = degree >= COMMON * m if m >= FEW else np.zeros(len(degree), dtype=bool)
        place = np.where(is_common, np.cumsum(is_common) - 1, -np.cumsum(~is_common))
        dense = np.zeros((int(is_common.sum()), m), dtype=np.float32)
        at = place[known.codes]
        dense[at[at >= 0], known.molecules[at >= 0]] = 1.0
        rare = _matrix(-1 - at[at < 0], known.molecules[at < 0], (int((~is_common).sum()), m))
        return Against(known.first, known.levels, place, dense, rare)

    def shared(self, rows: Rows) -> NDArray[np.float32]:
        """Sums of minima of the counts of other molecules with these: shape ``(n, m)``, whole numbers."""
        n = len(rows.indptr) - 1
        molecule, codes = _expanded(
            rows, rows.features, np.minimum(rows.counts, self.levels[rows.features]), self.first
        )
        at = self.place[codes]
        is_common = at >= 0
        rare = _matrix(molecule[~is_common], -1 - at[~is_common], (n, self.rare.shape[0])) @ self.rare
        if not len(self.common):
            return np.asarray(rare.toarray())
        dense = np.zeros((n, len(self.common)), dtype=np.float32)
        dense[molecule[is_common], at[is_common]] = 1.0
        found = dense @ self.common
        entries = np.repeat(np.arange(n), np.diff(rare.indptr)), rare.indices
        found[entries] += rare.data
        return np.asarray(found)


def taken(rows: Rows, indices: NDArray[np.int64]) -> Rows:
    """The entries of some molecules, in the order of ``indices``; one may come twice."""
    begin = np.asarray(rows.indptr[indices])
    lengths = rows.indptr[indices + 1] - begin
    pointers = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    at = np.arange(pointers[-1]) + np.repeat(begin - pointers[:-1], lengths)
    return Rows(pointers, np.asarray(rows.features[at]), np.asarray(rows.counts[at]))


def folded(rows: Rows, vocabulary: NDArray[np.uint64], size: int) -> NDArray[np.float32]:
    """Counts of molecules, whose features are places in a vocabulary, folded to ``size`` columns: ``(n, size)``."""
    pointers, columns, counts = rows
    n = len(pointers) - 1
    place = (vocabulary % np.uint64(size)).astype(np.int64)[columns]
    row = np.repeat(np.arange(n, dtype=np.int64), np.diff(pointers))
    dense = np.bincount(row * size + place, weights=counts, minlength=n * size)
    return dense.astype(np.float32).reshape(n, size)


def _expanded(
    rows: Rows, features: NDArray[Any], counts: NDArray[np.uint16], first: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Entries as codes, and the molecule of each: two of shape ``(codes,)``."""
    molecule = np.repeat(np.arange(len(rows.indptr) - 1, dtype=np.int64), np.diff(rows.indptr))
    repeats = counts.astype(np.int64)
    ends = np.cumsum(repeats)
    codes = np.repeat(first[features] - (ends - repeats), repeats) + np.arange(ends[-1] if len(ends) else 0)
    return np.repeat(molecule, repeats), codes


def _matrix(rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, int]) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)


def totals_of(indptr: NDArray[np.int64], counts: NDArray[np.uint16]) -> NDArray[np.uint32]:
    """Sum of the counts of each molecule, shape ``(n,)``."""
    ends = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)])
    return np.asarray(ends[indptr[1:]] - ends[indptr[:-1]], dtype=np.uint32)


# Note [Fresh molecules]
# A molecule is fingerprinted when it is read, and let go before the next is. Of 5,000 that are kept until all are read
# each has left the cache: that costs a quarter more, parsing included. Even one that is kept costs 4 %, since the next
# is then not given memory that is warm.


def pack(molecules: Iterable[Chem.Mol], kind: str = MORGAN) -> Rows:
    """Count fingerprints of molecules, not folded; features are RDKit's identifiers.

    Molecules are best made while they are taken, as by a generator: see ``Note [Fresh molecules]``.

    Raises:
        UnknownName: There is no such kind of fingerprint.
    """
    return unpacked(list(map(partial(serialised, kind=kind), molecules)))


def serialised(molecule: Chem.Mol, kind: str) -> bytes:
    """RDKit's own serialisation of a molecule's counts: its dictionaries take longer to make than a fingerprint.

    Raises:
        UnknownName: There is no such kind of fingerprint.
    """
    text: bytes = generator_of(kind).GetSparseCountFingerprint(molecule).ToBinary()
    return text


def unpacked(texts: Sequence[bytes]) -> Rows:
    """The entries of ``serialised`` counts."""
    lengths = [(len(text) - _HEADER) // _ENTRY.itemsize for text in texts]
    pointers = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)])
    if texts and texts[0][4] != _IDENTIFIER:
        raise RuntimeError(f"RDKit writes identifiers of {texts[0][4]} bytes, and {_IDENTIFIER} are read; report this")
    entries = np.frombuffer(b"".join(text[_HEADER:] for text in texts), dtype=_ENTRY)
    counts = np.minimum(entries["count"], np.iinfo(np.uint16).max).astype(np.uint16)
    return Rows(pointers, entries["feature"].astype(np.uint64), counts)


@lru_cache(maxsize=8)
def generator_of(kind: str) -> Any:
    """RDKit's generator of a kind of fingerprint. Raises ``UnknownName``."""
    if kind not in _GENERATORS:
        raise UnknownName("fingerprint", kind, KINDS)
    return _GENERATORS[kind]()
