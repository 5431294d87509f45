"""Reading structures: canonical SMILES and InChIKey through RDKit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from rdkit import Chem, rdBase
from rdkit.Chem.rdinchi import InchiToMol, MolToInchiKey

from loop.errors import MoleculeError
from loop.molecules.salts import substance_of

rdBase.DisableLog("rdApp.*")  # RDKit prints each fault to stderr; ours go into messages


@lru_cache(maxsize=100_000)
def canonical_smiles(smiles: str) -> str:
    """The canonical SMILES of a structure, salts and charges as given.

    Raises:
        MoleculeError: RDKit cannot read it, or it is empty.
    """
    molecule = Chem.MolFromSmiles(smiles) if smiles.strip() else None
    if molecule is None or not _has_atoms(molecule):
        raise MoleculeError(f"SMILES {smiles!r} cannot be read ({_why(smiles)}); correct it or leave it out")
    return str(Chem.MolToSmiles(molecule))


@dataclass(frozen=True, slots=True)
class Policy:
    """What of a structure counts. As it stands, a structure is taken as it is given.

    Attributes:
        salts: ``strip`` keeps the substance of several fragments (``loop.molecules.salts``).
        charges: ``neutralise`` adds and removes protons where that takes charges away.
        tautomers: ``canonical`` takes one tautomer for all; tens of milliseconds a molecule, and a choice of RDKit's
            rules, which need not be the tautomer that is there.
    """

    salts: Literal["keep", "strip"] = "keep"
    charges: Literal["keep", "neutralise"] = "keep"
    tautomers: Literal["keep", "canonical"] = "keep"

    @property
    def changes(self) -> bool:
        """Whether it changes any structure."""
        return self != Policy()


def standardised(molecule: Chem.Mol, policy: Policy) -> Chem.Mol:
    """A molecule under a policy: salts first, then charges, then tautomers, by RDKit's MolStandardize.

    Raises:
        MoleculeError: RDKit could not do it.
    """
    try:
        if policy.salts == "strip":
            molecule = substance_of(molecule)
        if policy.charges == "neutralise":
            molecule = _tool("Uncharger").uncharge(molecule)
        if policy.tautomers == "canonical":
            molecule = _tool("TautomerEnumerator").Canonicalize(molecule)
    except (RuntimeError, ValueError) as error:
        raise MoleculeError(f"it cannot be standardised ({str(error).strip().splitlines()[0]})") from None
    return molecule


def standardised_smiles(smiles: str, policy: Policy) -> str:
    """The canonical SMILES of a structure under a policy.

    Raises:
        MoleculeError: RDKit cannot read it, or could not standardise it.
    """
    return str(Chem.MolToSmiles(standardised(read_structure(smiles), policy)))


@lru_cache(maxsize=100_000)
def substance(smiles: str) -> str:
    """One canonical SMILES for every writing of a substance, of ``CC(=O)O[K]`` and ``CC(=O)[O-].[K+]`` alike.

    Metals are set free, groups are normalised, and charges go where protons can be moved, by RDKit's MolStandardize;
    counter-ions stay, so that two salts of one acid are two substances. What cannot be standardised is as written.

    Raises:
        MoleculeError: RDKit cannot read it, or it is empty.
    """
    written = canonical_smiles(smiles)
    try:
        from rdkit.Chem.MolStandardize import rdMolStandardize  # 0.1 s: only where substances are compared

        clean = rdMolStandardize.Cleanup(Chem.MolFromSmiles(written))
        return str(Chem.MolToSmiles(_tool("Uncharger").uncharge(clean)))
    except (RuntimeError, ValueError):
        return written


@lru_cache(maxsize=8)
def _tool(name: str, *arguments: object) -> Any:
    from rdkit.Chem.MolStandardize import rdMolStandardize  # 0.1 s: only where a policy asks for it

    return getattr(rdMolStandardize, name)(*arguments)


def smiles_of_inchi(inchi: str) -> str:
    """The canonical SMILES of the structure that an InChI says, as far as it says one.

    Raises:
        MoleculeError: RDKit cannot read it.
    """
    with rdBase.BlockLogs():
        molecule = InchiToMol(inchi)[0]
    if molecule is None or not _has_atoms(molecule):
        raise MoleculeError(f"InChI {inchi!r} cannot be read; correct it or leave it out")
    return str(Chem.MolToSmiles(molecule))


def read_structure(text: str) -> Chem.Mol:
    """The molecule of a SMILES.

    Raises:
        MoleculeError: RDKit cannot read it, or it is empty; says only why.
    """
    molecule = Chem.MolFromSmiles(text) if text.strip() else None
    if molecule is None or not _has_atoms(molecule):
        raise MoleculeError(_why(text))
    return molecule


def inchikey(smiles: str) -> str:
    """The InChIKey of a structure that RDKit can read."""
    return str(MolToInchiKey(Chem.MolFromSmiles(smiles)))


def _has_atoms(molecule: Chem.Mol) -> bool:
    """Whether there is any atom; a star stands for whatever is bound there, and alone for nothing."""
    return any(atom.GetAtomicNum() for atom in molecule.GetAtoms())


def _why(smiles: str) -> str:
    if not smiles.strip():
        return "it is empty"
    if ">" in smiles:
        return "it is a reaction, and only options of a parameter of type component may be reactions, all of them"
    molecule = Chem.MolFromSmiles(smiles, sanitize=False)
    if molecule is None:
        return "its syntax is wrong"
    if not _has_atoms(molecule):
        return "a star is no atom"
    problems = Chem.DetectChemistryProblems(molecule)
    return problems[0].Message() if problems else "it cannot be sanitised"
