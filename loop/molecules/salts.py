"""Salts: which of several parts is the substance, and which are its counter-ions and solvents.

The largest part is not always the substance: pamoic acid is larger than the hydroxyzine of its pamoate, and a borate
than many a cation. So parts that are known as counter-ions and solvents are set aside first, as the curators of ChEMBL
do (Bento et al., J. Cheminform. 12 (2020) 51), where another part with carbon is left.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from rdkit import Chem

VERSION: Final = 2  # of what is kept; a change makes every stored library of stripped salts another one
_CARBON: Final = 6
_TRANSITION: Final = frozenset({*range(21, 30), *range(39, 47), *range(57, 80), *range(89, 104)})  # not Zn, Ag, Cd, Hg

# Counter-ions as their acids or bases, without stereochemistry; those without a proton to give or take as they are.
_ACIDS: Final = """
O=CO CC(=O)O O=C(O)C(F)(F)F O=C(O)C(=O)O O=C(O)CC(=O)O O=C(O)CCC(=O)O O=C(O)CCCCC(=O)O O=C(O)C=CC(=O)O
O=C(O)CC(O)C(=O)O O=C(O)C(O)C(O)C(=O)O O=C(O)CC(O)(CC(=O)O)C(=O)O CC(O)C(=O)O O=C(O)C(O)C(O)C(O)C(O)CO
O=C(O)C(O)c1ccccc1 O=C(O)c1ccccc1 O=C(O)c1ccccc1O O=C(O)c1ccc2ccccc2c1O
O=C(O)c1cc2ccccc2c(Cc2c(O)c(C(=O)O)cc3ccccc23)c1O
O=C(OC(C(=O)O)C(OC(=O)c1ccccc1)C(=O)O)c1ccccc1 Cc1ccc(C(=O)OC(C(=O)O)C(OC(=O)c2ccc(C)cc2)C(=O)O)cc1
CS(=O)(=O)O CCS(=O)(=O)O O=S(=O)(O)CCS(=O)(=O)O O=S(=O)(O)CCO O=S(=O)(O)C(F)(F)F COS(=O)(=O)O
O=S(=O)(O)c1ccccc1 Cc1ccc(S(=O)(=O)O)cc1 O=S(=O)(O)c1ccc2ccccc2c1 O=S(=O)(O)c1cccc2c(S(=O)(=O)O)cccc12
CC1(C)C2CCC1(CS(=O)(=O)O)C(=O)C2 O=[N+]([O-])c1cc([N+](=O)[O-])c(O)c([N+](=O)[O-])c1
O=S(=O)(NS(=O)(=O)C(F)(F)F)C(F)(F)F
c1ccc([B-](c2ccccc2)(c2ccccc2)c2ccccc2)cc1
FC(F)(F)c1cc([B-](c2cc(C(F)(F)F)cc(C(F)(F)F)c2)(c2cc(C(F)(F)F)cc(C(F)(F)F)c2)c2cc(C(F)(F)F)cc(C(F)(F)F)c2)cc(C(F)(F)F)c1
Fc1c(F)c(F)c([B-](c2c(F)c(F)c(F)c(F)c2F)(c2c(F)c(F)c(F)c(F)c2F)c2c(F)c(F)c(F)c(F)c2F)c(F)c1F
"""
_BASES: Final = """
CCN(CC)CC CCN(C(C)C)C(C)C CC(C)(C)N C1CCC(NC2CCCCC2)CC1 NC(CO)(CO)CO CNCC(O)C(O)C(O)C(O)CO C[N+](C)(C)CCO OCCNCCO
NCCO c1ccc(CNCCNCc2ccccc2)cc1 CCCC[N+](CCCC)(CCCC)CCCC CC[N+](CC)(CC)CC C[N+](C)(C)C
"""
_SOLVENTS: Final = """
CO CCO CC(C)O CC#N CC(C)=O CN(C)C=O CS(C)=O ClCCl ClC(Cl)Cl CCOC(C)=O C1CCOC1 C1COCCO1 CCOCC COC(C)(C)C CCCCCC c1ccccc1
Cc1ccccc1
"""


def substance_of(molecule: Chem.Mol) -> Chem.Mol:
    """The part of a salt or solvate that is the substance; the molecule itself where no part alone is.

    That is so of a metal with its ligands beside it, and of what has no carbon.
    """
    parts = Chem.GetMolFrags(molecule, asMols=True)
    organic = [part for part in parts if _has_carbon(part)]
    if len(parts) == 1 or not organic or is_complex(molecule):
        return molecule
    left = [part for part in organic if _known_as(part) not in _beside()] or organic
    together = left[0]
    for part in left[1:]:
        together = Chem.CombineMols(together, part)
    largest: Chem.Mol = _tool("LargestFragmentChooser", True).choose(together)
    return largest


def is_complex(molecule: Chem.Mol) -> bool:
    """Whether a transition metal stands beside its ligands without a bond, so that no part is the substance."""
    parts = Chem.GetMolFrags(molecule, asMols=True)
    bare = (part for part in parts if not _has_carbon(part)) if len(parts) > 1 else ()
    return any(atom.GetAtomicNum() in _TRANSITION for part in bare for atom in part.GetAtoms())


def _has_carbon(part: Chem.Mol) -> bool:
    return any(atom.GetAtomicNum() == _CARBON for atom in part.GetAtoms())


@cache
def _beside() -> frozenset[str]:
    listed = f"{_ACIDS} {_BASES} {_SOLVENTS}".split()
    return frozenset(_known_as(Chem.MolFromSmiles(smiles)) for smiles in listed)


def _known_as(part: Chem.Mol) -> str:
    """A part as the lists have it: without charges that protons can take, stereochemistry and isotopes."""
    return str(Chem.MolToSmiles(_tool("Uncharger").uncharge(part), isomericSmiles=False))


@cache
def _tool(name: str, *arguments: object) -> Any:
    from rdkit.Chem.MolStandardize import rdMolStandardize  # 0.1 s: only where a salt is stripped

    return getattr(rdMolStandardize, name)(*arguments)
