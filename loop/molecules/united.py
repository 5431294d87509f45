"""Structures of a union: those of its library, and products that are made when they are asked for and remembered.

A product's features are counted on demand, some 0.6 ms each, and mapped into the vocabulary of the library, which is
extended by what it lacks. What gives no product has a feature of its own, so that it is like nothing else.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from loop.errors import MoleculeError
from loop.molecules.fingerprints import shares
from loop.molecules.graphs import MolecularGraphs, joined, molecular_graphs
from loop.molecules.packed import MORGAN, Against, PackedCounts, Rows, folded, generator_of, pack, taken, totals_of
from loop.molecules.sieve import NO_PRODUCT, Taken, product_of
from loop.molecules.standardise import canonical_smiles
from loop.molecules.structures import StoredLibrary, Structures
from loop.space.united import Listed, Made, UnionNames
from loop.text_sequence import TextSequence

KEPT: Final = 400_000  # products that are remembered, and their features of each kind; about 0.3 kB each
PREPARED: Final = 4  # training sets, of a committee's members and of feasibility
NONE_MADE: Final = 1 << 62  # the first of the features of what gives no product; RDKit's identifiers lie below

Features: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint16]]  # places in the vocabulary, and counts


@dataclass(frozen=True, eq=False, repr=False)
class United(TextSequence):
    """Canonical SMILES of a union's candidates, in the order of ``names``; "" of reagents that do not react.

    A SMILES is found again where it is the library's; of a product there is no telling without making all of them.
    """

    names: UnionNames
    library: Structures | None
    _made: OrderedDict[int, Taken] = field(default_factory=OrderedDict, init=False)
    _counts: dict[str, UnionCounts] = field(default_factory=dict, init=False)

    is_made = True

    def some(self, n: int) -> NDArray[np.int64]:
        """Up to ``n`` numbers, as many of one source as of another, evenly spread over each: ``(k,)``."""
        each = max(n // len(self.names.sources), 1)
        ends = pairwise(self.names.starts)
        return np.concatenate([np.unique(np.linspace(a, b - 1, min(b - a, each)).astype(np.int64)) for a, b in ends])

    def counts(self, kind: str = MORGAN) -> UnionCounts:
        """Count fingerprints, in order. Raises ``UnknownName``."""
        if kind not in self._counts:
            generator_of(kind)
            self._counts[kind] = UnionCounts(self, kind)
        return self._counts[kind]

    def descriptors(self) -> UnionDescriptors:
        """RDKit's descriptors; about 3 ms for each product that is asked for."""
        return UnionDescriptors(self)

    def graphs(self) -> UnionGraphs:
        """Molecular graphs; about 0.4 ms for each product that is asked for."""
        return UnionGraphs(self)

    def keeps(self, indices: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which are candidates: ``(n,)``. Others are products in the library, or refused, and reagents without one."""
        found = np.ones(len(indices), dtype=bool)
        for i in np.flatnonzero(indices >= self.names.listed).tolist():
            found[i] = self.refusal(int(indices[i])) is None
        return found

    def refusal(self, index: int) -> str | None:
        """Why a number means no candidate; None where it means one."""
        if index < self.names.listed:
            return None
        made = self._taken(index)
        if self.library is not None and made.smiles in self.library:
            return f"gives {made.smiles}, which is {self.names[self.index(made.smiles)]} and counts there"
        if made.refusal not in (None, NO_PRODUCT):
            what = f"gives {made.smiles}" if made.smiles else "gives no molecule that can be judged"
            return f"{what}, and {made.refusal} of {self.names.place(index)[0].name!r} leaves it out"
        return None if made.smiles else "is no product: these do not react"

    def product(self, index: int) -> str:
        """The canonical SMILES of the product at ``index``; "" of reagents that do not react."""
        return self._taken(index).smiles

    def as_made(self, index: int) -> str | None:
        """What the reaction gave, where standardising made another structure of it."""
        if index < self.names.listed:
            return None
        source, number = self._place(index)
        if source.sieve is None or not source.sieve.policy.changes:
            return None
        raw = product_of(source.reaction, source.structures(number)).smiles
        return raw if raw and canonical_smiles(raw) != self.product(index) else None

    def _taken(self, index: int) -> Taken:
        if index not in self._made:
            source, number = self._place(index)
            made = product_of(source.reaction, source.structures(number), source.sieve)
            try:
                smiles = canonical_smiles(made.smiles) if made.smiles else ""  # as the library's are: from text
            except MoleculeError:
                smiles = ""
            self._made[index] = Taken(smiles, made.refusal)
            if len(self._made) > KEPT:
                self._made.popitem(last=False)
        return self._made[index]

    def _place(self, index: int) -> tuple[Made, int]:
        source, number = self.names.place(index)
        assert isinstance(source, Made)
        return source, number

    def __len__(self) -> int:
        return len(self.names)

    def text(self, index: int) -> str:
        """The structure at ``index``."""
        return self.library[index] if self.library is not None and index < self.names.listed else self.product(index)

    def find(self, text: str) -> int | None:
        """Where a structure of the library stands; None where it is none."""
        return None if self.library is None else self.library.find(text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, United) or self.names != other.names:
            return False
        return self.library == other.library if self.library is not None else other.library is None

    def __hash__(self) -> int:
        return hash(self.names)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)}>"


@dataclass(eq=False)
class UnionCounts:
    """Count fingerprints of one kind of a union's candidates."""

    structures: United
    kind: str
    _library: PackedCounts | None = field(init=False, repr=False)
    _known: OrderedDict[int, Features] = field(default_factory=OrderedDict, init=False, repr=False)
    _more: dict[int, int] = field(default_factory=dict, init=False, repr=False)  # features that the library lacks
    _prepared: dict[bytes, tuple[Against, NDArray[np.float64]]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        library = self.structures.library
        self._library = None if library is None else library.counts(self.kind)

    def __len__(self) -> int:
        return len(self.structures)

    @property
    def vocabulary(self) -> NDArray[np.uint64]:
        """RDKit's identifiers of the features that were met so far: those of the library, then others as they came."""
        more = np.fromiter(self._more, dtype=np.uint64, count=len(self._more))
        return more if self._library is None else np.concatenate([self._library.vocabulary, more])

    def rows(self, indices: NDArray[np.int64]) -> Rows:
        """Entries of the candidates at ``indices``, with features as places in the vocabulary."""
        is_made = indices >= self.structures.names.listed
        if self._library is not None and not is_made.any():
            return self._library.rows(indices)
        parts = [] if self._library is None else [self._library.rows(indices[~is_made])]
        products = self._products(indices[is_made].tolist())
        pointers = np.concatenate([[0], np.cumsum([len(f) for f, _ in products])]).astype(np.int64)
        parts.append(
            Rows(
                pointers,
                np.concatenate([np.empty(0, np.int64), *(f for f, _ in products)]),
                np.concatenate([np.empty(0, np.uint16), *(n for _, n in products)]),
            )
        )
        both = Rows(
            np.concatenate([parts[0].indptr, *(parts[0].indptr[-1] + p.indptr[1:] for p in parts[1:])]),
            np.concatenate([p.features for p in parts]).astype(np.int64),
            np.concatenate([p.counts for p in parts]),
        )
        order = np.argsort(np.argsort(is_made, kind="stable"), kind="stable")  # where each of ``indices`` now stands
        return both if (np.diff(order) == 1).all() else taken(both, order)

    def similarity(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        """Count Tanimoto similarity of candidates ``a`` to candidates ``b``: shape ``(len(a), len(b))``, 0 to 1.

        Two without any feature are alike, except for products that cannot be made: each is like nothing but itself.
        """
        if not len(a) or not len(b):
            return np.zeros((len(a), len(b)))
        against, theirs = self._against(b)
        rows = self.rows(a)
        mine = totals_of(rows.indptr, rows.counts).astype(np.float64)
        is_known = rows.features < len(against.levels)  # of what came later ``b`` has nothing
        rows = Rows(rows.indptr, np.where(is_known, rows.features, 0), np.where(is_known, rows.counts, 0))
        return shares(against.shared(rows).astype(np.float64), mine, theirs)

    def folded(self, indices: NDArray[np.int64], size: int) -> NDArray[np.float32]:
        """Counts folded to ``size`` columns, as ``fingerprints.folded_counts`` gives them: ``(len(indices), size)``."""
        rows = self.rows(indices)
        return folded(rows, self.vocabulary, size)

    def _against(self, b: NDArray[np.int64]) -> tuple[Against, NDArray[np.float64]]:
        key = b.tobytes()
        if key not in self._prepared:
            rows = self.rows(b)
            while len(self._prepared) >= PREPARED:
                self._prepared.pop(next(iter(self._prepared)))
            totals = totals_of(rows.indptr, rows.counts).astype(np.float64)
            self._prepared[key] = Against.of(rows, self._size), totals
        return self._prepared[key]

    @property
    def _size(self) -> int:
        return len(self._more) + (0 if self._library is None else len(self._library.vocabulary))

    def _products(self, indices: Sequence[int]) -> list[Features]:
        """Features of products, those that are new counted together."""
        missing = [i for i in dict.fromkeys(indices) if i not in self._known]
        fresh = dict(zip(missing, self._counted(missing), strict=True))
        found = [fresh[i] if i in fresh else self._known[i] for i in indices]
        self._known.update(fresh)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return found

    def _counted(self, indices: Sequence[int]) -> Iterator[Features]:
        smiles = [self.structures.product(i) for i in indices]
        rows = pack((Chem.MolFromSmiles(s) for s in smiles if s), self.kind)
        features = self._places(rows.features)
        row = 0
        for i, s in zip(indices, smiles, strict=True):
            if not s:
                yield self._places(np.array([NONE_MADE + i], dtype=np.uint64)), np.ones(1, dtype=np.uint16)
                continue
            first, last = rows.indptr[row], rows.indptr[row + 1]
            yield features[first:last].copy(), rows.counts[first:last].copy()
            row += 1

    def _places(self, features: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Places of RDKit's identifiers in the vocabulary, which is extended by what it lacks."""
        different, back = np.unique(features, return_inverse=True)
        places = np.empty(len(different), dtype=np.int64)
        there = np.zeros(len(different), dtype=bool)
        first = 0
        if self._library is not None and (first := len(self._library.vocabulary)):
            at = np.searchsorted(self._library.vocabulary, different).clip(0, first - 1)
            there = np.asarray(self._library.vocabulary[at] == different)
            places[there] = at[there]
        for i in np.flatnonzero(~there):
            places[i] = first + self._more.setdefault(int(different[i]), len(self._more))
        return np.asarray(places[back])


@dataclass(frozen=True, eq=False)
class UnionDescriptors:
    """RDKit's descriptors of a union's candidates."""

    structures: United

    def __len__(self) -> int:
        return len(self.structures)

    def __getitem__(self, indices: NDArray[np.int64], /) -> NDArray[np.float32]:
        """In RDKit's order, shape ``(n, descriptors)``; what cannot be computed is not finite."""
        from loop.molecules.descriptors import raw_descriptors  # what it imports takes long, and is seldom wanted

        is_made = indices >= self.structures.names.listed
        made = raw_descriptors([self.structures.product(i) for i in indices[is_made].tolist()])
        if self.structures.library is None:
            return made
        library = np.asarray(self.structures.library.descriptors()[indices[~is_made]])
        found = np.empty((len(indices), library.shape[1]), dtype=np.float32)
        found[~is_made] = library
        if is_made.any():
            found[is_made] = made
        return found


@dataclass(frozen=True, eq=False)
class UnionGraphs:
    """Molecular graphs of a union's candidates."""

    structures: United

    def take(self, which: NDArray[np.int64], /) -> MolecularGraphs:
        """The molecules at ``which``, shape ``(k,)``, in that order."""
        is_made = which >= self.structures.names.listed
        parts = [molecular_graphs([self.structures.product(i) for i in which[is_made].tolist()])]
        if self.structures.library is not None:
            parts.insert(0, self.structures.library.graphs().take(which[~is_made]))
        order = np.argsort(np.argsort(is_made, kind="stable"), kind="stable")
        return joined(parts).take(order)


@lru_cache(maxsize=8)  # the rounds of a campaign share what was made
def united(name: str, library: StoredLibrary | None, made: tuple[Made, ...]) -> United:
    """The structures of a union; ``name`` is its library's, "" where there is none."""
    listed = None if library is None else Listed(name, library.names)
    return United(UnionNames(listed, made), None if library is None else library.structures)
