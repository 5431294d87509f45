"""What the evaluator ``pyscf`` reports, in which units, and what each property needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from loop.errors import did_you_mean

ELECTRONIC: Final = {
    "energy": "hartree",
    "homo": "eV",
    "lumo": "eV",
    "gap": "eV",
    "dipole": "debye",  # size; of an ion about the centre of mass
    "r2": "bohr^2",  # electronic spatial extent, about the centre of nuclear charge
}
_RESPONSE: Final = {"polarisability": "bohr^3"}  # a third of the trace
TURNING: Final = {"rotational_a": "GHz", "rotational_b": "GHz", "rotational_c": "GHz"}  # a linear molecule has b alone
_THERMAL: Final = {  # at 298.15 K and 1 atm; u0 is the energy with zero-point motion
    "zpve": "hartree",
    "u0": "hartree",
    "u": "hartree",
    "h": "hartree",
    "g": "hartree",
    "cv": "cal/mol/K",
}
ATOMS: Final = {  # free atoms less the molecule: above zero where it is bound
    "atomisation_energy": "kcal/mol",
    "atomisation_u0": "kcal/mol",
    "atomisation_u": "kcal/mol",
    "atomisation_h": "kcal/mol",
    "atomisation_g": "kcal/mol",
}
_SOLVENT: Final = {"solvation_energy": "kcal/mol"}  # in the solvent less the gas phase, at one geometry
REDOX: Final = {  # adiabatic where geometries are optimised, vertical otherwise; potentials against SHE, in the solvent
    "ionisation_energy": "eV",
    "electron_affinity": "eV",
    "oxidation_potential": "V",
    "reduction_potential": "V",
}
_REACTION: Final = {  # without zero-point motion
    "reaction_energy": "kcal/mol",  # products less reactants
    "barrier": "kcal/mol",  # saddle point less reactants
}
PROPERTIES: Final = ELECTRONIC | _RESPONSE | TURNING | _THERMAL | ATOMS | _SOLVENT | REDOX | _REACTION

# What needs second derivatives, and so a geometry that the same level has optimised.
NEEDS_MINIMUM: Final = frozenset({*_THERMAL, *ATOMS} - {"atomisation_energy"})
_NEEDS_SOLVENT: Final = frozenset({*_SOLVENT, "oxidation_potential", "reduction_potential"})


def contradictions(
    properties: Sequence[str],
    optimise: str,
    solvent: str | None,
    reaction: str | None,
    products: Sequence[str] = (),
    saddle: str | None = None,
) -> list[str]:
    """What is asked for and needs what is not done, one message for each."""
    found = []
    if reaction is not None and products:
        found.append("products are said twice; give 'reaction', which makes them, or 'products', and not both")
    for name in properties:
        if name not in PROPERTIES:
            found.append(
                f"property {name!r} is unknown{did_you_mean(name, PROPERTIES)}; known: {', '.join(PROPERTIES)}"
            )
        elif name in NEEDS_MINIMUM and optimise != "dft":
            found.append(f"property {name!r} needs a minimum of the same level; set optimise to 'dft'")
        elif name in _NEEDS_SOLVENT and solvent is None:
            found.append(f"property {name!r} needs a solvent; name one, such as water")
        elif name == "reaction_energy" and reaction is None and not products:
            found.append(f"property {name!r} needs a reaction; give its SMARTS as 'reaction', or the 'products'")
        elif name == "barrier" and saddle is None:
            found.append(f"property {name!r} needs a structure near the saddle point; give it as 'saddle'")
        elif name == "barrier" and optimise != "dft":
            found.append(f"property {name!r} needs reactants optimised as the saddle point is; set optimise to 'dft'")
    return found
