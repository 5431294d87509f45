"""Structures of a library: canonical SMILES that need not lie in memory, and the features stored beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from loop.molecules.graphs import MolecularGraphs
from loop.molecules.packed import MORGAN, PackedCounts
from loop.molecules.texts import Texts


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

    def counts(self, kind: str = MORGAN) -> PackedCounts:
        """Count fingerprints, in order. Raises ``UnknownName``."""
        return self.features.counts(kind)

    def descriptors(self) -> NDArray[np.float32]:
        """RDKit's descriptors, shape ``(n, descriptors)``; about 3 ms a molecule the first time."""
        return self.features.descriptors()

    def graphs(self) -> MolecularGraphs:
        """Molecular graphs, in order; about 0.4 ms a molecule the first time."""
        return self.features.graphs()


@dataclass(frozen=True, slots=True)
class StoredLibrary:
    """A library as a campaign chooses from it: a name and a structure for each molecule, in order."""

    names: Texts  # the structures themselves where the file names none
    structures: Structures
