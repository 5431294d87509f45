"""Leaving groups of aryl and alkenyl electrophiles, and what tells that a metal couples them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

# From the best to the worst, as palladium(0) takes them up: Fitton and Rick, J. Organomet. Chem. 28 (1971) 287.
_SP2: Final = "[$(c),$([CX3]=[CX3])]"
_GROUPS: Final = tuple(
    tuple(Chem.MolFromSmarts(f"{_SP2}-{group}") for group in groups)
    for groups in (("[IX1]",), ("[BrX1]", "[OX2]S(=O)(=O)C(F)(F)F"), ("[ClX1]",))
)
_METALS: Final = frozenset({28, 29, 46})  # nickel, copper, palladium
_LIGANDS: Final = tuple(
    Chem.MolFromSmarts(one)
    for one in (
        "[PX3]([#6,#7,#8])([#6,#7,#8])[#6,#7,#8]",
        "[PX4H1+]([#6])([#6])[#6]",  # a phosphine's salt
        "[#6;R](~[#7;R]-[c,CX4H0,CX4H1])~[#7+;R]-[c,CX4H0,CX4H1]",  # of a carbene; an ionic liquid has thin chains
    )
)


def outdone(smiles: Sequence[str]) -> NDArray[np.bool_]:
    """Of which molecules, ``n`` SMILES, another is the same one with a better leaving group on sp2 carbon: ``(n,)``.

    Iodides go before bromides and triflates, these before chlorides. What has no such group, or its best one twice, is
    compared with nothing.
    """
    found = [_electrophile(one) for one in smiles]
    best: dict[str, int] = {}
    for one in found:
        if one is not None:
            best[one[0]] = min(one[1], best.get(one[0], one[1]))
    return np.array([one is not None and one[1] > best[one[0]] for one in found], dtype=bool)


@lru_cache(maxsize=4096)
def serves_couplings(smiles: str) -> bool:
    """Whether a substance has nickel, copper or palladium, or is a phosphine or a carbene's salt that binds to them."""
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return False
    if any(atom.GetAtomicNum() in _METALS for atom in molecule.GetAtoms()):
        return True
    return any(molecule.HasSubstructMatch(one) for one in _LIGANDS)


@lru_cache(maxsize=4096)
def _electrophile(smiles: str) -> tuple[str, int] | None:
    """What is left of a molecule without its best leaving group, and the rank of that, 0 for iodide; None for none."""
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        return None
    for rank, groups in enumerate(_GROUPS):
        bonds = [m[:2] for group in groups for m in molecule.GetSubstructMatches(group)]
        if len(bonds) > 1:
            return None
        if bonds:
            carbon, atom = bonds[0]
            cut = molecule.GetBondBetweenAtoms(carbon, atom).GetIdx()
            parts: list[tuple[int, ...]] = []
            rest = Chem.GetMolFrags(
                Chem.FragmentOnBonds(molecule, [cut], dummyLabels=[(0, 0)]), asMols=True, fragsMolAtomMapping=parts
            )
            return next(Chem.MolToSmiles(r) for r, own in zip(rest, parts, strict=True) if carbon in own), rank
    return None
