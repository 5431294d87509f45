"""Any ASE calculator as an evaluator: a structure in, energy, forces and what else it gives out.

Source: Larsen et al., J. Phys.: Condens. Matter 29 (2017) 273002.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final

from adapters.compute.ani import ELEMENTS
from adapters.compute.bonding import told_of
from adapters.compute.constants import DEBYE_EA
from adapters.compute.evaluation import Evaluation, Request
from adapters.compute.geometry import Geometry, embed, foresee_elements, is_xyz, read_xyz
from adapters.compute.geometry import foresee as foresee_structure
from adapters.errors import GeometryNotConverged, InputRefused, NotConverged, SettingUnknown
from loop.contracts import Problem

PROPERTIES: Final = {"energy": "eV", "max_force": "eV/angstrom", "dipole": "debye", "magnetic_moment": "bohr_magneton"}


def evaluate(
    smiles: str,
    *,
    calculator: str,
    arguments: Mapping[str, Any] | None = None,
    properties: Sequence[str] = ("energy",),
    optimise: bool = False,
    fmax: float = 0.01,
    steps: int = 500,
    conformers: int = 1,
    seed: int = 0,
    charge: int | None = None,
    unpaired: int | None = None,
) -> Evaluation:
    """Properties of one molecule by an ASE calculator, in its own units: eV and angstrom, dipole in debye.

    Args:
        smiles: One molecule, no salt; or its geometry as an XYZ block.
        calculator: The class (or a function that makes one) as ``module:name``, such as ``ase.calculators.emt:EMT``.
        arguments: What it is made with.
        properties: Some of ``PROPERTIES``.
        optimise: Whether the geometry is optimised (BFGS) until no force is above ``fmax`` (eV/angstrom).
        fmax: See ``optimise``.
        steps: Most steps of an optimisation.
        conformers: How many are embedded; from two on they are ranked (GFN2-xTB where tblite is there).
        seed: Chooses conformers, together with the canonical SMILES.
        charge: Total charge, that of the structure when left out. ASE keeps it with the atoms; whether the calculator
            reads it is the calculator's affair.
        unpaired: Number of unpaired electrons, that of the structure when left out; kept likewise.

    Raises:
        SettingUnknown: There is no such calculator, its arguments are wrong, or it has not the property.
        InputRefused: It cannot treat the structure.
        GeometryNotConverged: The optimisation ended without a solution.
        NotConverged: The calculator did.
    """
    import ase
    from ase import Atoms
    from ase.calculators.calculator import CalculationFailed, CalculatorSetupError, PropertyNotImplementedError
    from ase.optimize import BFGS

    made = _make(calculator, arguments or {})
    geometry = _start(smiles, seed, conformers, charge=charge, unpaired=unpaired)
    atoms = Atoms(numbers=geometry.numbers, positions=geometry.positions)
    atoms.info.update(charge=geometry.charge, spin=geometry.unpaired + 1)
    atoms.set_initial_charges([geometry.charge, *[0.0] * (len(atoms) - 1)])
    atoms.set_initial_magnetic_moments([geometry.unpaired, *[0.0] * (len(atoms) - 1)])
    atoms.calc = made
    details: dict[str, Any] = {"calculator": calculator, "charge": geometry.charge, "unpaired": geometry.unpaired}
    try:
        if optimise and len(atoms) > 1:
            search = BFGS(atoms, logfile=None)
            if not search.run(fmax=fmax, steps=steps):
                said = f"forces are still above {fmax} eV/angstrom after {steps} steps; allow more 'steps'"
                raise GeometryNotConverged(said, details={"steps": steps})
            details["steps"] = search.nsteps
        values = {name: (_property(atoms, name), PROPERTIES[name]) for name in properties}
    except CalculationFailed as error:
        raise NotConverged(f"{calculator} found no solution: {error}") from None
    except PropertyNotImplementedError as error:
        raise SettingUnknown(f"{calculator} has no such property: {error}; take it out of 'properties'") from None
    except (CalculatorSetupError, NotImplementedError, KeyError) as error:  # an element that it lacks
        raise InputRefused(f"{calculator} cannot treat this: {type(error).__name__}: {error}") from None
    there = geometry.moved(atoms.positions)
    details |= {"xyz": there.xyz(), **told_of(there)}
    return Evaluation(values, f"ase {calculator}", ase.__version__, geometry.repairs, details)


def foresee(
    request: Request, *, calculator: str, charge: int | None = None, unpaired: int | None = None, **_: Any
) -> Sequence[Problem]:
    """Why ``evaluate`` is certain to refuse the structure, as far as that is known without loading the calculator."""
    if calculator == "adapters.compute.ani:ani_1x":
        return foresee_elements(request, ELEMENTS, of="ANI-1x", charge=charge, unpaired=unpaired)
    return foresee_structure(request, charge=charge, unpaired=unpaired)


def _make(calculator: str, arguments: Mapping[str, Any]) -> Any:
    module, _, name = calculator.partition(":")
    try:
        return getattr(import_module(module), name)(**arguments)
    except ModuleNotFoundError as error:
        raise SettingUnknown(
            f"no module {error.name!r} for the calculator {calculator!r}; install its package"
        ) from None
    except AttributeError:
        raise SettingUnknown(f"module {module!r} has no calculator {name!r}") from None
    except TypeError as error:
        raise SettingUnknown(f"calculator {calculator!r} cannot be made with these arguments: {error}") from None


def _start(structure: str, seed: int, conformers: int, **electrons: Any) -> Geometry:
    """The geometry that is given, or an embedded one; ``electrons`` are ``charge`` and ``unpaired``."""
    if is_xyz(structure):
        return read_xyz(structure, **electrons)
    if conformers == 1:
        return embed(structure, seed=seed, **electrons)
    from adapters.compute.conformers import search

    return search(structure, count=conformers, seed=seed, **electrons)[0].geometry


def _property(atoms: Any, name: str) -> float:
    import numpy as np

    match name:
        case "energy":
            return float(atoms.get_potential_energy())
        case "max_force":
            return float(np.linalg.norm(atoms.get_forces(), axis=1).max())
        case "dipole":
            return float(np.linalg.norm(atoms.get_dipole_moment())) * DEBYE_EA
        case "magnetic_moment":
            return float(atoms.get_magnetic_moment())
        case _:
            raise SettingUnknown(f"property {name!r} is unknown; there are {', '.join(PROPERTIES)}")
