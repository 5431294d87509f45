"""RDKit descriptors of a set of options: finite, standardised over the set, and decorrelated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import Descriptors

MAX_CORRELATION = 0.7  # the usual cut in this field (BayBE's default too)


def descriptor_features(smiles: Sequence[str]) -> NDArray[np.float64]:
    """Descriptors that differ between the options, each with mean 0 and deviation 1: shape ``(n, k)``.

    Of two descriptors that correlate above 0.7 the first in RDKit's order is kept. Fewer than two options, or
    options that no descriptor tells apart, give ``k = 0``. About 3 ms a molecule.
    """
    raw = np.array([_descriptors(s) for s in smiles], dtype=np.float64).reshape(len(smiles), -1)
    usable = np.isfinite(raw).all(axis=0) & (np.abs(raw) < 1e10).all(axis=0)  # Ipc overflows on large molecules
    raw = raw[:, usable]
    raw = raw[:, raw.std(axis=0) > 1e-9 * (1 + np.abs(raw).max(axis=0, initial=0.0))]
    if raw.shape[1] == 0:
        return raw
    features = (raw - raw.mean(axis=0)) / raw.std(axis=0)
    correlation = np.abs(np.corrcoef(features.T)).reshape(features.shape[1], -1)
    kept: list[int] = []
    for column in range(features.shape[1]):
        if all(correlation[column, k] < MAX_CORRELATION for k in kept):
            kept.append(column)
    return np.asarray(features[:, kept])


def _descriptors(smiles: str) -> list[float]:
    molecule = Chem.MolFromSmiles(smiles)
    return [float(function(molecule)) for _, function in Descriptors.descList]
