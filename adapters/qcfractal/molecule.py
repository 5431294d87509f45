"""A candidate as QCFractal's molecule: a conformer in bohr, with charge, multiplicity and bonds."""

from __future__ import annotations

from typing import Any

from adapters.compute.constants import BOHR
from adapters.compute.geometry import embed, is_xyz, read_smiles, read_xyz


def molecule(structure: str, seed: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The molecule as QCSchema has it, and what had to be done differently; the same structure gives the same one.

    Args:
        structure: SMILES, or an XYZ block, which has no bonds.
        seed: Chooses the conformer.

    Raises:
        InputRefused: The structure cannot be read.
        EmbeddingFailed: No conformer could be embedded.
    """
    geometry = read_xyz(structure) if is_xyz(structure) else embed(structure, seed=seed)
    found: dict[str, Any] = {
        "symbols": list(geometry.symbols),
        "geometry": [round(float(at) / BOHR, 8) for place in geometry.positions for at in place],
        "molecular_charge": float(geometry.charge),
        "molecular_multiplicity": float(geometry.unpaired + 1),
    }
    if not is_xyz(structure) and (bonds := _bonds(structure)):
        found["connectivity"] = bonds
    return found, geometry.repairs


def _bonds(smiles: str) -> list[tuple[int, int, float]]:
    """Pairs of atoms with orders, single and double in turn where they are aromatic."""
    from rdkit import Chem

    known, _ = read_smiles(smiles)
    Chem.Kekulize(known, clearAromaticFlags=True)
    return [(b.GetBeginAtomIdx(), b.GetEndAtomIdx(), b.GetBondTypeAsDouble()) for b in known.GetBonds()]
