"""Solvents as people call them, where a recipe gives them no structure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

SOLVENTS: Final[Mapping[str, str]] = {
    "water": "O",
    "methanol": "CO",
    "MeOH": "CO",
    "ethanol": "CCO",
    "EtOH": "CCO",
    "2-propanol": "CC(C)O",
    "iPrOH": "CC(C)O",
    "tBuOH": "CC(C)(C)O",
    "acetone": "CC(C)=O",
    "acetonitrile": "CC#N",
    "MeCN": "CC#N",
    "ethyl acetate": "CCOC(C)=O",
    "EtOAc": "CCOC(C)=O",
    "diethyl ether": "CCOCC",
    "Et2O": "CCOCC",
    "THF": "C1CCOC1",
    "dioxane": "C1COCCO1",
    "1,4-dioxane": "C1COCCO1",
    "DCM": "ClCCl",
    "dichloromethane": "ClCCl",
    "chloroform": "ClC(Cl)Cl",
    "DCE": "ClCCCl",
    "toluene": "Cc1ccccc1",
    "benzene": "c1ccccc1",
    "hexane": "CCCCCC",
    "heptane": "CCCCCCC",
    "DMF": "CN(C)C=O",
    "DMAc": "CC(=O)N(C)C",
    "DMSO": "CS(C)=O",
    "NMP": "CN1CCCC1=O",
    "H2O": "O",
    "methyl alcohol": "CO",
    "CH3OH": "CO",
    "ethyl alcohol": "CCO",
    "propan-2-ol": "CC(C)O",
    "isopropanol": "CC(C)O",
    "isopropyl alcohol": "CC(C)O",
    "IPA": "CC(C)O",
    "tert-butanol": "CC(C)(C)O",
    "ACN": "CC#N",
    "CH3CN": "CC#N",
    "ether": "CCOCC",
    "tetrahydrofuran": "C1CCOC1",
    "methylene chloride": "ClCCl",
    "CH2Cl2": "ClCCl",
    "trichloromethane": "ClC(Cl)Cl",
    "CHCl3": "ClC(Cl)Cl",
    "1,2-dichloroethane": "ClCCCl",
    "PhMe": "Cc1ccccc1",
    "n-hexane": "CCCCCC",
    "hexanes": "CCCCCC",
    "n-heptane": "CCCCCCC",
    "heptanes": "CCCCCCC",
    "dimethylformamide": "CN(C)C=O",
    "N,N-dimethylformamide": "CN(C)C=O",
    "dimethylacetamide": "CC(=O)N(C)C",
    "N,N-dimethylacetamide": "CC(=O)N(C)C",
    "dimethyl sulfoxide": "CS(C)=O",
    "dimethyl sulphoxide": "CS(C)=O",
    "N-methylpyrrolidone": "CN1CCCC1=O",
    "N-methyl-2-pyrrolidone": "CN1CCCC1=O",
}


def structure_of(name: str, own: Mapping[str, str]) -> str | None:
    """The SMILES of a solvent, by one's ``own`` names or by the usual ones, however spelt; None if unknown."""
    return own.get(name) or _by_plain_name().get(_plain(name))


@lru_cache(maxsize=4096)
def names_of(smiles: str) -> frozenset[str]:
    """Every usual name of a solvent with this structure. Raises ``MoleculeError``."""
    from loop.molecules.standardise import canonical_smiles

    written = canonical_smiles(smiles)
    return frozenset(name for name, known in SOLVENTS.items() if canonical_smiles(known) == written)


@lru_cache(maxsize=1)
def _by_plain_name() -> Mapping[str, str]:
    return {_plain(name): smiles for name, smiles in SOLVENTS.items()}


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    """A name without capitals and what stands between its parts: ``i-PrOH`` and ``iPrOH`` are the same."""
    return re.sub(r"[\W_]+", "", name.casefold())
