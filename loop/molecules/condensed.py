"""Reactions as condensed graphs: reactants and products merged atom by atom, by the numbers that atoms carry.

A reaction is written as ``reactants>>products`` with a number on every atom, such as
``[CH3:1][Br:2].[OH-:3]>>[CH3:1][OH:3].[Br-:2]``. Its graph has an atom for each number and a bond wherever either side
has one; what is seen of each is how it was before, and how that changes.

Source: Heid and Green, J. Chem. Inf. Model. 62 (2022) 2101; doubled features as chemprop's ``REAC_DIFF``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from loop.errors import MoleculeError
from loop.molecules.graphs import ABSENT, MolecularGraphs, graph_of, joined, molecular_graphs

ARROW = ">>"
SIDES = ("reactants", "products")


@dataclass(frozen=True)
class CondensedGraphs:
    """``n`` reactions, or molecules that nothing happens to: the same atoms and bonds before and after.

    A bond that one side lacks has the type ``ABSENT`` there.
    """

    before: MolecularGraphs
    after: MolecularGraphs

    def __len__(self) -> int:
        return len(self.before)

    @property
    def n_atoms(self) -> NDArray[np.int64]:
        """Of each reaction, shape ``(n,)``."""
        return self.before.n_atoms

    @property
    def ends(self) -> NDArray[np.int32]:
        return self.before.ends

    @property
    def first_atom(self) -> NDArray[np.int64]:
        return self.before.first_atom

    @property
    def first_bond(self) -> NDArray[np.int64]:
        return self.before.first_bond

    def atom_features(self) -> NDArray[np.float32]:
        """Of the reactants, and by how much they change: shape ``(v, 2 * ATOM_FEATURES)``."""
        return _doubled(self.before.atom_features(), self.after.atom_features())

    def bond_features(self) -> NDArray[np.float32]:
        """Likewise, nought where there is no bond: shape ``(e, 2 * BOND_FEATURES)``."""
        return _doubled(self.before.bond_features(), self.after.bond_features())


def is_reaction(smiles: str) -> bool:
    """Whether a text is meant as a reaction rather than as a molecule."""
    return ">" in smiles


def sides(reaction: str) -> tuple[str, str]:
    """Reactants and products of a reaction, each as SMILES."""
    before, after = reaction.split(ARROW)
    return before, after


def canonical_reaction(text: str) -> str:
    """The reaction with numbers from 1 in the canonical order of its reactants, and each side as canonical SMILES.

    Two ways to write one reaction give one text, but for atoms that only the products tell apart.

    Raises:
        MoleculeError: It cannot be read, an atom has no number, or the two sides do not balance.
    """
    before, after = _read(text)
    order = np.argsort(list(Chem.CanonicalRankAtoms(_plain(before))))
    number = {before.GetAtomWithIdx(int(i)).GetAtomMapNum(): place for place, i in enumerate(order, start=1)}
    for side in (before, after):
        for atom in side.GetAtoms():
            atom.SetAtomMapNum(number[atom.GetAtomMapNum()])
    return ARROW.join(str(Chem.MolToSmiles(side)) for side in (before, after))


def condensed_graphs(smiles: Sequence[str]) -> CondensedGraphs:
    """The condensed graphs of reactions; a molecule, or nothing (""), is a reaction in which nothing happens.

    Raises:
        MoleculeError: As ``canonical_reaction``.
    """
    parts = [_condensed(s) for s in smiles]
    return CondensedGraphs(joined([p.before for p in parts]), joined([p.after for p in parts]))


@lru_cache(maxsize=20_000)
def _condensed(smiles: str) -> CondensedGraphs:
    if not is_reaction(smiles):
        graph = molecular_graphs([smiles])
        return CondensedGraphs(graph, graph)
    before, after = (graph_of(_plain(_by_number(side))) for side in _read(smiles))
    places = [{frozenset(pair): row for row, pair in enumerate(g.ends.tolist())} for g in (before, after)]
    bonds = sorted(sorted(pair) for pair in places[0].keys() | places[1].keys())
    return CondensedGraphs(*(_with(g, rows, bonds) for g, rows in zip((before, after), places, strict=True)))


def _with(graph: MolecularGraphs, rows: Mapping[frozenset[int], int], bonds: Sequence[list[int]]) -> MolecularGraphs:
    """The graph with the bonds ``bonds``, those it does not have being absent; ``rows`` are of those that it has."""
    codes = np.zeros((len(bonds), graph.bonds.shape[1]), dtype=np.uint8)
    for place, pair in enumerate(bonds):
        row = rows.get(frozenset(pair))
        if row is None:
            codes[place, 0] = ABSENT
        else:
            codes[place] = graph.bonds[row]
    ends = np.array(bonds, dtype=np.int32).reshape(-1, 2)
    return MolecularGraphs(graph.atoms, codes, ends, graph.first_atom, np.array([0, len(bonds)]))


def _read(text: str) -> tuple[Chem.Mol, Chem.Mol]:
    """Both sides of a reaction, each atom of which has a number that stands once on either side."""
    parts = text.split(">")
    if len(parts) != 3 or not parts[0].strip() or not parts[2].strip():
        raise MoleculeError(f"reaction {text!r} cannot be read; write it as reactants>>products")
    if parts[1].strip():
        raise MoleculeError(
            f"reaction {text!r} has agents between its arrows ({parts[1]}); leave them out, or give them a parameter "
            "of their own"
        )
    found = [_side(text, side, name) for side, name in zip((parts[0], parts[2]), SIDES, strict=True)]
    numbers = [{a.GetAtomMapNum(): a.GetSymbol() for a in side.GetAtoms()} for side in found]
    for here, there, name, remedy in (
        (numbers[0], numbers[1], SIDES[0], "write what becomes of them, by-products included"),
        (numbers[1], numbers[0], SIDES[1], "write the reactants that they come from"),
    ):
        if alone := sorted(here.keys() - there.keys()):
            said = ", ".join(f"{here[n]}:{n}" for n in alone[:5]) + (", …" if len(alone) > 5 else "")
            raise MoleculeError(f"reaction {text!r} does not balance: {said} only among its {name}; {remedy}")
    if other := sorted(n for n, symbol in numbers[0].items() if numbers[1][n] != symbol):
        n = other[0]
        raise MoleculeError(
            f"reaction {text!r} contradicts itself: number {n} is {numbers[0][n]} among its reactants and "
            f"{numbers[1][n]} among its products; mend the numbers"
        )
    return found[0], found[1]


def _side(text: str, side: str, name: str) -> Chem.Mol:
    reading: Any = Chem.SmilesParserParams()  # rdkit's stubs give its fields the wrong types
    reading.removeHs = False  # a hydrogen with a number is an atom of the reaction
    molecule = Chem.MolFromSmiles(side.strip(), reading)
    if molecule is None:
        raise MoleculeError(f"reaction {text!r}: its {name} {side!r} cannot be read; correct them")
    removing: Any = Chem.RemoveHsParameters()
    removing.removeMapped = False
    molecule = Chem.RemoveHs(molecule, removing)
    numbers = [a.GetAtomMapNum() for a in molecule.GetAtoms()]
    if bare := [a.GetSymbol() for a in molecule.GetAtoms() if not a.GetAtomMapNum()]:
        raise MoleculeError(
            f"reaction {text!r}: {len(bare)} of {len(numbers)} atoms of its {name} have no number (the first is "
            f"{bare[0]}); number every atom on both sides, such as [CH3:1], with an atom mapper"
        )
    if twice := sorted({n for n in numbers if numbers.count(n) > 1}):
        raise MoleculeError(
            f"reaction {text!r}: number {twice[0]} stands twice among its {name}; give each atom one of its own"
        )
    return molecule


def _by_number(molecule: Chem.Mol) -> Chem.Mol:
    """The molecule with its atoms in the order of their numbers."""
    numbers = [a.GetAtomMapNum() for a in molecule.GetAtoms()]
    return Chem.RenumberAtoms(molecule, np.argsort(numbers).tolist())


def _plain(molecule: Chem.Mol) -> Chem.Mol:
    """The molecule without numbers, which must not tell atoms apart that are alike, nor make hands of them."""
    plain = Chem.Mol(molecule)
    for atom in plain.GetAtoms():
        atom.SetAtomMapNum(0)
    Chem.AssignStereochemistry(plain, cleanIt=True, force=True)
    return plain


def _doubled(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([before, after - before], axis=1)
