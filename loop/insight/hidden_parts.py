"""Molecules with a part hidden: its atoms made of no element, so that no fingerprint sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rdkit import Chem, rdBase
from rdkit.Chem import BRICS


@dataclass(frozen=True)
class HiddenParts:
    """A molecule with one atom hidden, or one fragment.

    Attributes:
        fragments: The SMILES of each fragment, and the numbers of its atoms.
        atoms: The SMILES of the molecule with each atom hidden.
        without_fragments: The same with each fragment hidden.
    """

    fragments: tuple[tuple[str, tuple[int, ...]], ...]
    atoms: tuple[str, ...]
    without_fragments: tuple[str, ...]

    @property
    def forms(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.atoms, *self.without_fragments)

    @staticmethod
    def of(smiles: str) -> HiddenParts:
        molecule = Chem.MolFromSmiles(smiles)
        fragments = tuple(_fragments(molecule))
        return HiddenParts(
            fragments,
            tuple(_without(molecule, (i,)) for i in range(molecule.GetNumAtoms())),
            tuple(_without(molecule, atoms) for _, atoms in fragments),
        )


def _fragments(molecule: Chem.Mol) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Parts between the bonds that BRICS would cut; nothing where it cuts none."""
    cut = BRICS.FindBRICSBonds(molecule)  # type: ignore[no-untyped-call]
    bonds = [molecule.GetBondBetweenAtoms(*atoms).GetIdx() for atoms, _ in cut]
    if not bonds:
        return
    pieces = Chem.FragmentOnBonds(molecule, bonds, addDummies=False)
    for atoms in Chem.GetMolFrags(pieces):
        yield Chem.MolFragmentToSmiles(molecule, list(atoms)), tuple(atoms)


def _without(molecule: Chem.Mol, atoms: Sequence[int]) -> str:
    """The canonical SMILES with some atoms made of no element."""
    for is_kekule in (False, True):  # a ring may only be readable with its double bonds fixed
        form = Chem.RWMol(molecule)
        if is_kekule:
            Chem.Kekulize(form, clearAromaticFlags=True)
        for i in atoms:
            atom = form.GetAtomWithIdx(i)
            atom.SetAtomicNum(0)
            atom.SetFormalCharge(0)
            atom.SetIsotope(0)
            atom.SetNumExplicitHs(0)
            atom.SetNumRadicalElectrons(0)
            atom.SetNoImplicit(True)
            atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
        with rdBase.BlockLogs():
            read = Chem.MolFromSmiles(Chem.MolToSmiles(form))
        if read is not None:
            return str(Chem.MolToSmiles(read))
    raise AssertionError("with fixed double bonds an atom of no element fits anywhere")
