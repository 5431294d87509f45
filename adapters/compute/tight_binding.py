"""Tight binding by tblite: energy, gradient and orbitals of one geometry by GFN2-xTB or GFN1-xTB.

Sources: GFN2, Bannwarth, Ehlert and Grimme, J. Chem. Theory Comput. 15 (2019) 1652; GFN1, Grimme, Bannwarth and
Shushkov, J. Chem. Theory Comput. 13 (2017) 1989; ALPB and GBSA, Ehlert, Stahn, Spicher and Grimme, J. Chem. Theory
Comput. 17 (2021) 4250.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from adapters.compute.constants import BOHR
from adapters.compute.geometry import Geometry
from adapters.errors import InputRefused, ScfNotConverged
from loop.errors import did_you_mean

METHODS: Final = ("GFN2-xTB", "GFN1-xTB")
# Solvents for which ALPB and GBSA have parameters, by tblite's names; GFN1 lacks some.
SOLVENTS: Final = (
    "acetone", "acetonitrile", "aniline", "benzaldehyde", "benzene", "ch2cl2", "chcl3", "cs2", "dioxane", "dmf", "dmso",
    "ether", "ethylacetate", "furane", "hexadecane", "hexane", "methanol", "nitromethane", "octanol", "phenol", "thf",
    "toluene", "water", "woctanol",
)  # fmt: skip
MODELS: Final = ("alpb", "gbsa")
# Those without parameters of GBSA, by method; ALPB has all.
_NOT_GBSA: Final = frozenset(
    {"aniline", "benzaldehyde", "dioxane", "ethylacetate", "furane", "hexadecane", "nitromethane", "octanol", "phenol"}
    | {"woctanol"}
)
_WITHOUT: Final = {"GFN2-xTB": _NOT_GBSA, "GFN1-xTB": _NOT_GBSA | {"dmf", "hexane"}}
# The same as SMD has them, in PySCF's spelling, where that is another one.
_OF_SMD: Final = {
    "1,4-dioxane": "dioxane",
    "1-octanol": "octanol",
    "N,N-dimethylformamide": "dmf",
    "carbon disulfide": "cs2",
    "chloroform": "chcl3",
    "dichloromethane": "ch2cl2",
    "diethylether": "ether",
    "dimethylsulfoxide": "dmso",
    "ethylethanoate": "ethylacetate",
    "n-hexadecane": "hexadecane",
    "n-hexane": "hexane",
    "tetrahydrofuran": "thf",
}


@dataclass(frozen=True, slots=True)
class Method:
    """How xTB is run; ``solvent`` None is the gas phase."""

    name: str = "GFN2-xTB"
    solvent: str | None = None
    solvation: str = "alpb"
    iterations: int = 250
    accuracy: float = 1.0  # tblite's; smaller is tighter
    verbosity: int = 0

    def __str__(self) -> str:
        return self.name if self.solvent is None else f"{self.name}/{self.solvation.upper()}({self.solvent})"


def lacks_solvent(name: str, solvent: str | None, solvation: str) -> str:
    """What is wrong with a solvent for a method and a model, and how to mend it; "" where nothing is."""
    if solvent is not None and solvent not in SOLVENTS:
        return f"solvent {solvent!r} is unknown to xTB{did_you_mean(solvent, SOLVENTS)}"
    if solvation == "gbsa" and solvent in _WITHOUT[name]:
        known = ", ".join(s for s in SOLVENTS if s not in _WITHOUT[name])
        return f"GBSA has no parameters for {solvent!r} with {name}; use solvation: alpb, or one of {known}"
    return ""


def in_solvent_of(smd: str | None) -> tuple[Method, str]:
    """GFN2-xTB in the solvent that SMD calls so; where xTB knows none such, in the gas phase and why, else ""."""
    if smd is None:
        return Method(), ""
    if (solvent := _OF_SMD.get(smd, smd)) in SOLVENTS:
        return Method(solvent=solvent), ""
    return Method(), f"GFN2-xTB has no parameters for {smd}: its geometries are those of the gas phase"


def energy_and_gradient(geometry: Geometry, method: Method) -> tuple[float, Any]:
    """Energy in hartree and gradient in hartree/bohr, shape ``(n_atoms, 3)``; raises ``ScfNotConverged``."""
    found = solve(geometry, method)
    return float(found["energy"]), found["gradient"]


def solve(geometry: Geometry, method: Method) -> Any:
    """tblite's result about the centre of mass."""
    import numpy as np
    from tblite.exceptions import TBLiteRuntimeError
    from tblite.interface import Calculator

    masses = np.array([_mass(number) for number in geometry.numbers])
    positions = geometry.positions - masses @ geometry.positions / masses.sum()
    try:
        calculator = Calculator(
            method.name,
            np.array(geometry.numbers),
            positions / BOHR,
            charge=float(geometry.charge),
            uhf=geometry.unpaired,
        )
        calculator.set("max-iter", method.iterations)
        calculator.set("accuracy", method.accuracy)
        calculator.set("verbosity", method.verbosity)
        if method.solvent is not None:
            calculator.add(f"{method.solvation}-solvation", method.solvent)
    except TBLiteRuntimeError as error:
        raise InputRefused(f"{method} cannot treat this molecule: {error}") from None
    try:
        return calculator.singlepoint()
    except TBLiteRuntimeError as error:
        said = f"{method} found no solution within {method.iterations} iterations: {error}"
        raise ScfNotConverged(said, details={"iterations": method.iterations}) from None


def _mass(number: int) -> float:
    from rdkit import Chem

    return float(Chem.GetPeriodicTable().GetAtomicWeight(number))
