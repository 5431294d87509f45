"""Structures of a library: canonical SMILES that need not lie in memory, and the features stored beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from loop.molecules.graphs import MolecularGraphs, molecular_graphs
from loop.molecules.packed import MORGAN, PackedCounts, pack
from loop.molecules.texts import Texts


class Counts(Protocol):
    """Count fingerprints, looked up by number."""

    def __len__(self) -> int: ...

    def similarity(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        """Count Tanimoto similarity of molecules ``a`` to molecules ``b``: shape ``(len(a), len(b))``, 0 to 1."""
        ...

    def folded(self, indices: NDArray[np.int64], size: int) -> NDArray[np.float32]:
        """Counts folded to ``size`` columns: shape ``(len(indices), size)``."""
        ...


class Descriptors(Protocol):
    """RDKit's descriptors, looked up by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, indices: NDArray[np.int64], /) -> NDArray[np.float32]:
        """In RDKit's order, shape ``(n, descriptors)``; what cannot be computed is not finite."""
        ...


class Graphs(Protocol):
    """Molecular graphs, looked up by number."""

    def take(self, which: NDArray[np.int64], /) -> MolecularGraphs:
        """The molecules at ``which``, shape ``(k,)``, in that order."""
        ...


@runtime_checkable
class Featured(Protocol):
    """Structures that need not lie in memory, with features that are looked up by number.

    Attributes:
        is_made: Whether some of them are made when they are asked for, so that a pass over all is out of the question.
    """

    is_made: bool

    def __hash__(self) -> int: ...

    def some(self, n: int) -> NDArray[np.int64]:
        """Up to ``n`` numbers that stand for all: ``(k,)``."""
        ...

    def counts(self, kind: str = MORGAN) -> Counts:
        """Count fingerprints of one of ``packed.KINDS``, in order. Raises ``UnknownName``."""
        ...

    def descriptors(self) -> Descriptors: ...

    def graphs(self) -> Graphs: ...


class Features(Protocol):
    """Where the features of a library come from: computed once for all of it, then looked up."""

    def counts(self, kind: str) -> PackedCounts:
        """Count fingerprints of one of ``packed.KINDS``, in the library's order. Raises ``UnknownName``."""
        ...

    def descriptors(self) -> NDArray[np.float32]:
        """RDKit's descriptors in RDKit's order, shape ``(n, descriptors)``; what cannot be computed is not finite."""
        ...

    def graphs(self) -> MolecularGraphs:
        """Molecular graphs, in the library's order."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class Structures(Texts):
    """Canonical SMILES of a stored library, all different; equal to any others with the same content."""

    features: Features

    is_made = False

    def some(self, n: int) -> NDArray[np.int64]:
        """Up to ``n`` numbers, evenly spread: ``(k,)``."""
        return np.unique(np.linspace(0, len(self) - 1, min(len(self), n)).astype(np.int64))

    def counts(self, kind: str = MORGAN) -> PackedCounts:
        """Count fingerprints, in order. Raises ``UnknownName``."""
        return self.features.counts(kind)

    def descriptors(self) -> NDArray[np.float32]:
        """RDKit's descriptors, shape ``(n, descriptors)``; about 3 ms a molecule the first time."""
        return self.features.descriptors()

    def graphs(self) -> MolecularGraphs:
        """Molecular graphs, in order; about 0.4 ms a molecule the first time."""
        return self.features.graphs()


@dataclass(frozen=True)
class InMemory:
    """Features of a few structures that lie in memory, each kind made once; a ``Features``."""

    smiles: tuple[str, ...]
    _made: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def counts(self, kind: str) -> PackedCounts:
        """Count fingerprints, in order. Raises ``UnknownName``."""
        if kind not in self._made:
            self._made[kind] = PackedCounts.of(pack(map(Chem.MolFromSmiles, self.smiles), kind))
        found: PackedCounts = self._made[kind]
        return found

    def descriptors(self) -> NDArray[np.float32]:
        """RDKit's descriptors, shape ``(n, descriptors)``."""
        from loop.molecules.descriptors import raw_descriptors  # what it imports takes long, and is seldom wanted

        if "descriptors" not in self._made:
            self._made["descriptors"] = raw_descriptors(self.smiles)
        found: NDArray[np.float32] = self._made["descriptors"]
        return found

    def graphs(self) -> MolecularGraphs:
        """Molecular graphs, in order."""
        return molecular_graphs(self.smiles)


@dataclass(frozen=True, slots=True)
class StoredLibrary:
    """A library as a campaign chooses from it: a name and a structure for each molecule, in order."""

    names: Texts  # the structures themselves where the file names none
    structures: Structures
    aliases: Texts | None = field(default=None, compare=False)  # other names that the file has for its molecules
    meanings: NDArray[np.int64] | None = field(default=None, compare=False)  # the number of the molecule of each

    def meant(self, alias: str) -> str | None:
        """The structure that another name of the file stands for; None where it is none."""
        if self.aliases is None or self.meanings is None or (found := self.aliases.find(alias)) is None:
            return None
        return self.structures[int(self.meanings[found])]


@lru_cache(maxsize=8)
def few(names: tuple[str, ...], smiles: tuple[str, ...]) -> StoredLibrary:
    """A library that stands in a spec, as if it were stored: different names, and canonical SMILES."""
    texts = Texts.of(smiles)
    found = Structures(texts.data, texts.offsets, texts.hashes, texts.order, texts.digest, features=InMemory(smiles))
    return StoredLibrary(Texts.of(names), found)
