"""Molecular graphs: atoms and bonds of many molecules in flat arrays of small whole numbers.

Every code is a property of the molecule and not of the order in which its atoms were written: chirality is R or S, not
the direction in which a string goes round, and a double bond is E or Z. A molecule may have no bond, no atom ("", where
nothing is added), or several parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase

from loop.errors import MoleculeError

rdBase.DisableLog("rdApp.*")  # RDKit prints each fault to stderr; ours go into messages

Codes = NDArray[np.uint8]

_HYBRIDS: Final = {
    h: code
    for code, h in enumerate(
        (
            Chem.HybridizationType.S,
            Chem.HybridizationType.SP,
            Chem.HybridizationType.SP2,
            Chem.HybridizationType.SP2D,
            Chem.HybridizationType.SP3,
            Chem.HybridizationType.SP3D,
            Chem.HybridizationType.SP3D2,
        )
    )
}
_CHIRAL: Final = {"R": 1, "S": 2}
_BONDS: Final = {Chem.BondType.SINGLE: 0, Chem.BondType.DOUBLE: 1, Chem.BondType.TRIPLE: 2, Chem.BondType.AROMATIC: 3}
_STEREO: Final = {Chem.BondStereo.STEREOZ: 1, Chem.BondStereo.STEREOE: 2}
_ELEMENTS: Final = np.full(256, 37, dtype=np.int64)  # columns: H to Kr, I, any other
_ELEMENTS[1:37] = np.arange(36)
_ELEMENTS[53] = 36

# How many columns each code takes: element, neighbours, charge (-2 to 2, other), hydrogens, hybridisation, aromatic,
# chirality; and type of bond (single, double, triple, aromatic, other), conjugated, in a ring, E or Z.
ABSENT: Final = 255  # type of a bond that one side of a reaction lacks (``condensed``)
ATOM_SIZES: Final = (38, 7, 6, 6, 8, 1, 2)
BOND_SIZES: Final = (5, 1, 1, 2)
ATOM_FEATURES: Final = sum(ATOM_SIZES) + 1  # and the mass
BOND_FEATURES: Final = sum(BOND_SIZES)


@dataclass(frozen=True)
class MolecularGraphs:
    """``n`` molecules: ``v`` atoms and ``e`` bonds in all, those of one molecule next to each other.

    Attributes:
        atoms: A code for each property, shape ``(v, 7)``; the first is the atomic number.
        bonds: Likewise, shape ``(e, 4)``.
        ends: The two atoms of each bond, counted within their molecule from 0, shape ``(e, 2)``.
        first_atom, first_bond: Where each molecule begins, and where the last ends: shape ``(n + 1,)``.
    """

    atoms: Codes
    bonds: Codes
    ends: NDArray[np.int32]
    first_atom: NDArray[np.int64]
    first_bond: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first_atom) - 1

    @property
    def n_atoms(self) -> NDArray[np.int64]:
        """Of each molecule, hydrogens that are not written apart: shape ``(n,)``."""
        return np.diff(self.first_atom)

    @property
    def n_bonds(self) -> NDArray[np.int64]:
        return np.diff(self.first_bond)

    def take(self, which: NDArray[np.int64]) -> MolecularGraphs:
        """The molecules at ``which``, shape ``(k,)``, in that order; one may come twice."""
        atoms, first_atom = _ranges(self.first_atom, which)
        bonds, first_bond = _ranges(self.first_bond, which)
        return MolecularGraphs(self.atoms[atoms], self.bonds[bonds], self.ends[bonds], first_atom, first_bond)

    def atom_features(self) -> NDArray[np.float32]:
        """Codes one-hot, and the atomic mass in 100 g/mol: shape ``(v, ATOM_FEATURES)``."""
        codes = self.atoms.astype(np.int64)
        element = codes[:, 0].copy()
        codes[:, 0] = _ELEMENTS[element]
        mass = _masses()[element][:, None] / 100.0
        return np.concatenate([_one_hot(codes, ATOM_SIZES), mass.astype(np.float32)], axis=1)

    def bond_features(self) -> NDArray[np.float32]:
        """Codes one-hot: shape ``(e, BOND_FEATURES)``; all nought where a bond is absent."""
        there = self.bonds[:, 0] != ABSENT
        features = _one_hot(np.where(there[:, None], self.bonds, 0).astype(np.int64), BOND_SIZES)
        features[~there] = 0.0
        return features


def molecular_graphs(smiles: Sequence[str]) -> MolecularGraphs:
    """The graphs of structures, some 0.4 ms each; the last hundred thousand are remembered.

    Raises:
        MoleculeError: RDKit cannot read one of them.
    """
    return joined([_graph(s) for s in smiles])


def joined(parts: Sequence[MolecularGraphs]) -> MolecularGraphs:
    """The molecules of all parts, one part after the other."""
    if not parts:
        return _EMPTY
    n_atoms, n_bonds = (np.concatenate([getattr(p, name) for p in parts]) for name in ("n_atoms", "n_bonds"))
    atoms, bonds, ends = (np.concatenate([getattr(p, name) for p in parts]) for name in ("atoms", "bonds", "ends"))
    return MolecularGraphs(atoms, bonds, ends, offsets(n_atoms), offsets(n_bonds))


@lru_cache(maxsize=100_000)
def _graph(smiles: str) -> MolecularGraphs:
    if not smiles:
        return _NOTHING
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise MoleculeError(f"SMILES {smiles!r} cannot be read; correct it or leave it out")
    return graph_of(molecule)


def graph_of(molecule: Chem.Mol) -> MolecularGraphs:
    """The graph of one sanitised molecule."""
    atoms = [
        (
            a.GetAtomicNum(),
            min(a.GetTotalDegree() - (hydrogens := a.GetTotalNumHs()), 6),
            charge + 2 if -2 <= (charge := a.GetFormalCharge()) <= 2 else 5,
            min(hydrogens, 5),
            _HYBRIDS.get(a.GetHybridization(), 7),
            a.GetIsAromatic(),
            _CHIRAL.get(a.GetProp("_CIPCode"), 0) if a.HasProp("_CIPCode") else 0,
        )
        for a in molecule.GetAtoms()
    ]
    bonds, ends = [], []
    for b in molecule.GetBonds():
        bonds.append((_BONDS.get(b.GetBondType(), 4), b.GetIsConjugated(), b.IsInRing(), _STEREO.get(b.GetStereo(), 0)))
        ends.append((b.GetBeginAtomIdx(), b.GetEndAtomIdx()))
    return MolecularGraphs(
        np.array(atoms, dtype=np.uint8).reshape(-1, len(ATOM_SIZES)),
        np.array(bonds, dtype=np.uint8).reshape(-1, len(BOND_SIZES)),
        np.array(ends, dtype=np.int32).reshape(-1, 2),
        np.array([0, len(atoms)]),
        np.array([0, len(bonds)]),
    )


def _ranges(first: NDArray[np.int64], which: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of all that belongs to molecules ``which``, and where each begins among them."""
    sizes = np.diff(first)[which]
    starts = offsets(sizes)
    return np.repeat(first[which] - starts[:-1], sizes) + np.arange(starts[-1]), starts


def offsets(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where parts of these sizes begin, laid end to end, and where the last one ends: one more than there are sizes."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _one_hot(codes: NDArray[np.int64], sizes: tuple[int, ...]) -> NDArray[np.float32]:
    """Each code in columns of its own: of size 1 the flag itself, of size 2 nothing, first or second."""
    columns = np.zeros((len(codes), sum(sizes)), dtype=np.float32)
    rows, start = np.arange(len(codes)), 0
    for which, size in enumerate(sizes):
        code = codes[:, which]
        there = code > 0 if size <= 2 else np.ones(len(codes), dtype=bool)
        columns[rows[there], start + code[there] - (size <= 2)] = 1.0
        start += size
    return columns


@lru_cache(maxsize=1)
def _masses() -> NDArray[np.float64]:
    table = Chem.GetPeriodicTable()
    return np.array([0.0, *(table.GetAtomicWeight(z) for z in range(1, 119)), *([0.0] * 137)])


_NOTHING: Final = MolecularGraphs(
    np.empty((0, len(ATOM_SIZES)), dtype=np.uint8),
    np.empty((0, len(BOND_SIZES)), dtype=np.uint8),
    np.empty((0, 2), dtype=np.int32),
    np.zeros(2, dtype=np.int64),
    np.zeros(2, dtype=np.int64),
)
_EMPTY: Final = MolecularGraphs(
    _NOTHING.atoms, _NOTHING.bonds, _NOTHING.ends, np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
)
