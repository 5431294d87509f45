"""Butina's clusters of molecules by count Tanimoto distance, found in blocks: memory does not grow with all pairs.

Source: Butina, J. Chem. Inf. Comput. Sci. 39 (1999) 747.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.molecules.fingerprints import Fingerprints, count_fingerprints

WHOLE: Final = 4_000  # molecules of which every pair is looked at: 16 MB that say which are neighbours
BLOCK: Final = 512  # rows of similarities that are held at once


def clusters(smiles: Sequence[str], apart: float) -> NDArray[np.int64]:
    """The number of the cluster of each of ``n`` different molecules, ``(n,)``: around who has most neighbours first.

    Who has been taken is no neighbour any more. Of more than 4,000 molecules as many, evenly spaced, are clustered so;
    each of the others goes to the nearest centre that is not farther than ``apart``, or becomes a centre itself.
    """
    prints = count_fingerprints(smiles)
    n = len(smiles)
    first = np.unique(np.linspace(0, n - 1, min(n, WHOLE)).round().astype(np.int64)) if n else np.empty(0, np.int64)
    number = np.full(n, -1, dtype=np.int64)
    number[first], centres = _butina(prints, first, apart)
    others = np.setdiff1d(np.arange(n), first)
    for start in range(0, len(others), BLOCK):
        _join(prints, others[start : start + BLOCK], number, centres, apart)
    return number


def _butina(prints: Fingerprints, rows: NDArray[np.int64], apart: float) -> tuple[NDArray[np.int64], list[int]]:
    """Clusters of some rows, and the row at the centre of each. Of equals the last is a centre, as in RDKit."""
    n = len(rows)
    is_near = np.empty((n, n), dtype=bool)
    for start in range(0, n, BLOCK):
        is_near[start : start + BLOCK] = 1.0 - prints.similarity(rows[start : start + BLOCK], rows) <= apart
    np.fill_diagonal(is_near, False)
    neighbours = is_near.sum(axis=1)
    number, centres = np.full(n, -1, dtype=np.int64), []
    for k in range(n):
        centre = n - 1 - int(neighbours[::-1].argmax())
        if neighbours[centre] < 0:
            break
        members = is_near[centre] & (number < 0)
        members[centre] = True
        number[members] = k
        centres.append(int(rows[centre]))
        neighbours -= is_near[:, members].sum(axis=1)
        neighbours[number >= 0] = -1
    return number, centres


def _join(
    prints: Fingerprints, rows: NDArray[np.int64], number: NDArray[np.int64], centres: list[int], apart: float
) -> None:
    """Put some rows to the nearest centre; what is farther than ``apart`` from all becomes a further one, in turn."""
    similarity = prints.similarity(rows, np.array(centres))
    nearest = similarity.argmax(axis=1)
    is_near = 1.0 - similarity[np.arange(len(rows)), nearest] <= apart
    number[rows[is_near]] = nearest[is_near]
    left = rows[~is_near]
    among = prints.similarity(left, left)
    for i, row in enumerate(left):
        if number[row] < 0:
            members = left[(1.0 - among[i] <= apart) & (number[left] < 0)]
            number[members] = len(centres)
            centres.append(int(row))
