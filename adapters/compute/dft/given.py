"""Given structures: XYZ blocks that say their charge and spin, and the balance of what is given together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from adapters.compute.geometry import Geometry, is_xyz, read_smiles, read_xyz
from adapters.errors import InputRefused


def read_given(block: str, *, charge: int | None = None, unpaired: int | None = None) -> Geometry:
    """A molecule from an XYZ block, whose comment may say ``charge=-1`` and ``unpaired=2``; arguments go before it.

    Raises:
        InputRefused: As ``read_xyz``.
    """
    comment = block.strip("\n").splitlines()[1:2]
    said = dict(re.findall(r"\b(charge|unpaired)=([+-]?\d+)", comment[0])) if comment else {}
    return read_xyz(
        block,
        charge=int(said["charge"]) if charge is None and "charge" in said else charge,
        unpaired=int(said["unpaired"]) if unpaired is None and "unpaired" in said else unpaired,
    )


def check_balance(what: str, structures: Sequence[str], molecule: str | Geometry, partners: Sequence[str]) -> None:
    """Raises ``InputRefused`` where structures do not have the atoms and the charge of the reactants together."""
    there = _sum(list(map(_made_of, [molecule, *partners])))
    here = _sum(list(map(_made_of, structures)))
    if here != there:
        raise InputRefused(
            f"{what} must have the atoms and the charge of the reactants, {_said(*there)}, got {_said(*here)}; give "
            "every partner and product, and a charge in the comment of its XYZ block, such as charge=-1"
        )


def molecule_of(smiles: str) -> Any:
    """RDKit's molecule with its hydrogens, and nothing said about lone ones; raises ``InputRefused``."""
    from rdkit import rdBase

    with rdBase.BlockLogs():
        return read_smiles(smiles)[0]


def _made_of(structure: str | Geometry) -> tuple[Counter[str], int]:
    """Atoms by their elements, and charge."""
    if isinstance(structure, str) and is_xyz(structure):
        structure = read_given(structure)
    if isinstance(structure, Geometry):
        return Counter(structure.symbols), structure.charge
    atoms = list(molecule_of(structure).GetAtoms())
    return Counter(atom.GetSymbol() for atom in atoms), sum(atom.GetFormalCharge() for atom in atoms)


def _sum(parts: Sequence[tuple[Counter[str], int]]) -> tuple[Counter[str], int]:
    return sum((atoms for atoms, _ in parts), Counter()), sum(charge for _, charge in parts)


def _said(atoms: Counter[str], charge: int) -> str:
    formula = "".join(f"{element}{count if count > 1 else ''}" for element, count in sorted(atoms.items()))
    return f"{formula} ({charge:+d})" if charge else formula
