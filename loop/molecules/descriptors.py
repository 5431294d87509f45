"""Descriptors of options, RDKit's or Mordred's: finite, standardised over the set, none that follows another."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import Descriptors

from loop.molecules.condensed import is_reaction, sides
from loop.progress import progress


class Cut(NamedTuple):
    """How descriptors become features."""

    correlated: float  # of two that correlate more, one is left out
    limit: float  # deviations from the mean beyond which a value counts as no further away


OF_RDKIT: Final = Cut(0.95, 3.0)  # judged on five tables of molecules: docs/decisions/0052
OF_MORDRED: Final = Cut(0.7, math.inf)  # the usual cut in this field (BayBE's default too), judged on few options
TELL: Final = 50  # molecules, half a minute of Mordred's descriptors at most, after which it is told how far it is
OF_GIVEN: Final = OF_MORDRED  # of descriptors of one's own: docs/decisions/0051


def descriptor_features(smiles: Sequence[str]) -> NDArray[np.float64]:
    """RDKit descriptors that differ between the options, each with mean 0 and deviation 1: shape ``(n, k)``.

    What lies more than three deviations off counts as three. Of two descriptors that correlate above 0.95 the first
    in RDKit's order is kept. Fewer than two options, or options that no descriptor tells apart, give ``k = 0``. About
    3 ms a molecule.
    """
    raw = _each(_descriptors, smiles)
    return told_apart(raw, OF_RDKIT).of(raw)


def mordred_features(smiles: Sequence[str]) -> NDArray[np.float64]:
    """The same of Mordred's two-dimensional descriptors, in Mordred's order, with a cut at 0.7 and no limit.

    30 ms for a small molecule, half a second for a large phosphine; what cannot be computed for all is left out.

    Source: Moriwaki, Tian, Kawashita and Takagi, J. Cheminform. 10 (2018) 4.
    """
    raw = _each(_mordred, smiles)
    return told_apart(raw, OF_MORDRED).of(raw)


def raw_descriptors(smiles: Sequence[str]) -> NDArray[np.float32]:
    """RDKit's descriptors in RDKit's order, shape ``(n, descriptors)``; not finite where there is none."""
    with np.errstate(over="ignore"):  # Ipc is too large for many a molecule
        found = [_descriptors(s) if s else np.full(len(Descriptors.descList), np.nan) for s in smiles]
        columns = len(found[0]) if found else len(Descriptors.descList)
        return np.array(found, dtype=np.float64).reshape(len(smiles), columns).astype(np.float32)


def _each(
    describe: Callable[[str], Sequence[float] | NDArray[np.float64]], smiles: Sequence[str]
) -> NDArray[np.float64]:
    """The raw descriptors of every molecule, ``(n, all)``, telling whoever watches how far it is."""
    found = []
    for done, text in enumerate(smiles):
        if done and done % TELL == 0:
            progress("describing molecules", done / len(smiles))
        found.append(describe(text))
    if len(smiles) > TELL:
        progress("describing molecules", 1.0)
    return np.array(found, dtype=np.float64).reshape(len(smiles), -1)


@dataclass(frozen=True)
class Chosen:
    """Which columns of raw descriptors are used, and what standardises them: shapes ``(k,)``."""

    columns: NDArray[np.int64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    limit: float

    def of(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Raw descriptors ``(n, all)`` as features ``(n, k)``."""
        return np.clip((raw[:, self.columns] - self.mean) / self.deviation, -self.limit, self.limit)


def told_apart(raw: NDArray[np.float64], cut: Cut) -> Chosen:
    """Columns of ``raw``, ``(n, all)``, that differ between rows and follow from no other."""
    usable = np.isfinite(raw).all(axis=0) & (np.abs(raw) < 1e10).all(axis=0)  # Ipc overflows on large molecules
    columns = np.flatnonzero(usable)
    raw = raw[:, usable]
    differs = raw.std(axis=0) > 1e-9 * (1 + np.abs(raw).max(axis=0, initial=0.0))
    raw, columns = raw[:, differs], columns[differs]
    mean, deviation = raw.mean(axis=0), raw.std(axis=0)
    if raw.shape[1] == 0:
        return Chosen(columns, mean, deviation, cut.limit)
    features = (raw - mean) / deviation
    correlation = np.abs(np.corrcoef(features.T)).reshape(features.shape[1], -1)
    kept: list[int] = []
    for column in range(features.shape[1]):
        if all(correlation[column, k] < cut.correlated for k in kept):
            kept.append(column)
    return Chosen(columns[kept], mean[kept], deviation[kept], cut.limit)


@lru_cache(maxsize=8_192)  # 14 MB; a molecule is in many a set: of several campaigns, of parts of a space
def _descriptors(smiles: str) -> NDArray[np.float64]:
    if is_reaction(smiles):  # those of either side
        return np.concatenate([_descriptors(side) for side in sides(smiles)])
    return np.array(descriptors_of(Chem.MolFromSmiles(smiles)))


def descriptors_of(molecule: Chem.Mol) -> list[float]:
    """RDKit's descriptors of one molecule, in RDKit's order; NaN where it has none."""
    return [computed(function, molecule) for _, function in Descriptors.descList]


def computed(function: Callable[[Chem.Mol], float], molecule: Chem.Mol) -> float:
    """What RDKit computes of a molecule; NaN where it fails, as some do on molecules without heavy atoms."""
    try:
        return float(function(molecule))
    except (ArithmeticError, ValueError, RuntimeError):
        return np.nan


@lru_cache(maxsize=4_096)  # a molecule is in many a set: of several campaigns, of mixtures, of parts of a space
def _mordred(smiles: str) -> tuple[float, ...]:
    if is_reaction(smiles):
        return tuple(value for side in sides(smiles) for value in _mordred(side))
    # what would divide by zero and the like is left out, without a word
    with (
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        values = _calculator()(Chem.MolFromSmiles(smiles))
    return tuple(float(v) if isinstance(v, int | float | np.number) else np.nan for v in values)


@lru_cache(maxsize=1)
def _calculator() -> Callable[[Chem.Mol], Iterable[object]]:
    from mordred import Calculator, descriptors  # half a second

    made: Callable[[Chem.Mol], Iterable[object]] = Calculator(descriptors, ignore_3D=True)
    return made
