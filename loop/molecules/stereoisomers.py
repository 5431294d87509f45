"""Stereoisomers: molecules that differ in R and S or E and Z alone, which fingerprints and descriptors do not see."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from rdkit import Chem

_MARKS: Final = ("@", "/", "\\")  # of a SMILES that says something of stereochemistry


@lru_cache(maxsize=8)
def has_stereoisomers(smiles: Sequence[str]) -> bool:
    """Whether two of some canonical SMILES, none of them given twice, are one molecule but for their stereochemistry.

    A molecule of which nothing is said, such as a racemate, is one beside its enantiomer.
    """
    flat: set[str] = set()
    for one in smiles:
        molecule = Chem.MolFromSmiles(one) if any(mark in one for mark in _MARKS) else None
        without = one if molecule is None else Chem.MolToSmiles(molecule, isomericSmiles=False)
        if without in flat:
            return True
        flat.add(without)
    return False
