"""Candidates as molecules: those of a library, and what reagents become."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loop.space.space import Space


def has_molecules(space: Space) -> bool:
    """Whether each candidate has a molecule: one of a library, or a product of reagents."""
    return space.molecule is not None


def are_molecules(space: Space) -> bool:
    """Whether each candidate is a molecule and nothing else."""
    if space.products:
        return len(space.products) == 1 and len(space.products[0].columns) == len(space.parameters)
    return space.library is not None and len(space.parameters) == 1


def molecules_at(space: Space, x: NDArray[np.float64]) -> list[str]:
    """The canonical SMILES of the molecule of each row of ``x``, ``(n, d)``; "" of reagents that do not react.

    Where a space has several, the one that ``Space.molecule`` names.
    """
    if not space.products:
        library = space.library
        assert library is not None
        column = space.parameters.index(library)
        return [library.smiles[int(i)] for i in x[:, column]]
    return [taken.smiles for taken in space.products[0].at(space.parameters, x)]
