"""Reading structures: canonical SMILES and InChIKey through RDKit."""

from __future__ import annotations

from functools import lru_cache

from rdkit import Chem, rdBase
from rdkit.Chem.rdinchi import MolToInchiKey

from loop.errors import MoleculeError

rdBase.DisableLog("rdApp.*")  # RDKit prints each fault to stderr; ours go into messages


@lru_cache(maxsize=100_000)
def canonical_smiles(smiles: str) -> str:
    """The canonical SMILES of a structure, salts and charges as given.

    Raises:
        MoleculeError: RDKit cannot read it, or it is empty.
    """
    molecule = Chem.MolFromSmiles(smiles) if smiles.strip() else None
    if molecule is None or molecule.GetNumAtoms() == 0:
        raise MoleculeError(f"SMILES {smiles!r} cannot be read ({_why(smiles)}); correct it or leave it out")
    return str(Chem.MolToSmiles(molecule))


def inchikey(smiles: str) -> str:
    """The InChIKey of a structure that RDKit can read."""
    return str(MolToInchiKey(Chem.MolFromSmiles(smiles)))


def _why(smiles: str) -> str:
    if not smiles.strip():
        return "it is empty"
    molecule = Chem.MolFromSmiles(smiles, sanitize=False)
    if molecule is None:
        return "its syntax is wrong"
    problems = Chem.DetectChemistryProblems(molecule)
    return problems[0].Message() if problems else "it cannot be sanitised"
