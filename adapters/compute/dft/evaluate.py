"""The evaluator ``pyscf``: a structure in, its geometry found, Kohn-Sham DFT, properties with units out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from adapters.compute.constants import BOHR, HARTREE, HARTREE_KCAL
from adapters.compute.dft.atoms import atomisation, check_elements
from adapters.compute.dft.level import NAMED, Level
from adapters.compute.dft.properties import ATOMS, ELECTRONIC, NEEDS_MINIMUM, PROPERTIES, TURNING, contradictions
from adapters.compute.dft.scf import Solution, Solver
from adapters.compute.dft.thermo import (
    Thermochemistry,
    frequencies,
    isotope_masses,
    rotational_constants,
    thermochemistry,
)
from adapters.compute.evaluation import Evaluation
from adapters.compute.geometry import Geometry, embed, is_xyz, read_xyz
from adapters.errors import ImaginaryMode, InputRefused

_IMAGINARY: Final = 20.0  # 1/cm: what grids and optimisers leave of a flat mode is below
_PUSH: Final = 0.15  # angstrom, the largest displacement along an imaginary mode


@dataclass(frozen=True, slots=True)
class Treatment:
    """How a structure is treated before its properties are taken."""

    solver: Solver
    optimiser: Solver  # gives gradients and second derivatives; the solver itself, or with density fitting
    optimise: str = "none"  # "none", "xtb" or "dft"
    criteria: str = "GAU"
    steps: int = 100


@dataclass
class Notes:
    """What a run has to say besides its numbers."""

    repairs: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)


def evaluate(
    smiles: str,
    *,
    properties: Sequence[str] = tuple(ELECTRONIC),
    level: str | None = None,
    functional: str = "b3lyp",
    basis: str = "def2-svp",
    density_fit: bool = True,
    fit_derivatives: bool = False,
    grid: int | Sequence[int] = 3,
    seed: int = 0,
    charge: int | None = None,
    unpaired: int | None = None,
    conformers: int = 1,
    optimise: str = "none",
    criteria: str = "GAU",
    steps: int = 100,
    iterations: int = 100,
    solvent: str | None = None,
    solvation: str = "smd",
    memory: int = 4000,
    threads: int = 1,
    verbosity: int = 3,
) -> Evaluation:
    """Properties of one molecule by Kohn-Sham DFT.

    Args:
        smiles: One molecule, no salt; or its geometry as an XYZ block.
        properties: Some of ``PROPERTIES``; only what they need is computed.
        level: ``qm9`` for B3LYP/6-31G(2df,p) as the QM9 data set has it, instead of the next four.
        functional: As libxc and PySCF name it.
        basis: As PySCF names it.
        density_fit: Whether Coulomb and exchange integrals are fitted; exact ones take several times as long.
        fit_derivatives: Whether gradients and second derivatives are fitted although the energy is not.
        grid: PySCF's level from 0 to 9, or the numbers of radial and angular points.
        seed: Chooses conformers, together with the canonical SMILES.
        charge: Total charge; that of the SMILES, or 0 of an XYZ block, when left out.
        unpaired: Number of unpaired electrons of an XYZ block; the least that fits when left out.
        conformers: How many are embedded; from two on they are ranked (GFN2-xTB where tblite is there).
        optimise: ``none``, ``xtb`` (GFN2) or ``dft``.
        criteria: When an optimisation has converged, by geomeTRIC's names.
        steps: Most steps of an optimisation.
        iterations: Most cycles of an SCF, and of each remedy.
        solvent: A name that SMD knows; None for the gas phase. Everything is then computed in it.
        solvation: ``smd``, ``cpcm`` or ``iefpcm``.
        memory: MiB that PySCF plans with; it takes somewhat more.
        threads: Threads of PySCF.
        verbosity: How much PySCF prints; kept as raw output.

    Raises:
        InputRefused: The structure cannot be read, or options contradict each other.
        EmbeddingFailed: No conformer could be built.
        BasisMissing: The basis is unknown or lacks an element.
        NotConverged: SCF (all remedies named), optimisation or response equations.
        ImaginaryMode: No minimum was found, although the saddle point was left along its mode.
    """
    from pyscf import lib

    lib.num_threads(threads)
    if wrong := contradictions(properties, optimise, solvent):
        raise InputRefused("; ".join(wrong))
    method = _level(level, functional, basis, density_fit, grid)
    solver = Solver(method, iterations, memory=memory, solvent=solvent, solvation=solvation, verbose=verbosity)
    optimiser = replace(solver, level=replace(method, density_fit=True)) if fit_derivatives else solver
    treatment = Treatment(solver, optimiser, optimise, criteria, steps)
    notes = Notes()
    geometry = _start(smiles, seed, charge, unpaired, conformers, notes)
    return _treat(geometry, treatment, tuple(properties), notes)


def _level(name: str | None, functional: str, basis: str, density_fit: bool, grid: int | Sequence[int]) -> Level:
    if name is None:
        points = grid if isinstance(grid, int) else (int(grid[0]), int(grid[1]))
        return Level(functional, basis, density_fit, points)
    if name not in NAMED:
        raise InputRefused(f"level {name!r} is unknown; there are {', '.join(NAMED)}, or give functional and basis")
    return NAMED[name]


def _start(
    structure: str, seed: int, charge: int | None, unpaired: int | None, conformers: int, notes: Notes
) -> Geometry:
    if is_xyz(structure):
        return read_xyz(structure, charge=charge, unpaired=unpaired)
    if conformers == 1:
        return embed(structure, seed=seed, charge=charge)
    from adapters.compute.conformers import search

    found = search(structure, count=conformers, seed=seed, charge=charge)
    notes.details["conformers"] = {
        "embedded": conformers,
        "different": len(found),
        "ranked_by": found[0].ranked_by,
        "above": [round(c.above, 6) for c in found],
    }
    return found[0].geometry


def _treat(geometry: Geometry, treatment: Treatment, properties: Sequence[str], notes: Notes) -> Evaluation:
    import pyscf

    wanted = set(properties)
    if wanted & set(ATOMS):
        check_elements(geometry.numbers)
    masses = isotope_masses(geometry.numbers)
    if treatment.optimise == "xtb":
        geometry = _by_xtb(geometry, treatment, notes)
    thermal = None
    if treatment.optimise == "dft":
        geometry, start = _by_dft(geometry, treatment, notes)
        if wanted & NEEDS_MINIMUM:
            geometry, start, thermal = _minimum(geometry, start, treatment, notes)
        solution = treatment.solver.solve(geometry, start=start)
    else:
        solution = treatment.solver.solve(geometry)
    notes.repairs += solution.repairs
    values = _values(solution, geometry, masses, wanted, notes)
    if thermal is not None:
        values |= _thermal_values(values["energy"][0], thermal)
        notes.details |= {
            "frequencies": [round(w, 2) for w in thermal.frequencies],
            "symmetry_number": thermal.symmetry_number,
        }
    if wanted & set(ATOMS):
        values |= atomisation(values, geometry, treatment.solver, is_thermal=thermal is not None)
    if "solvation_energy" in wanted:
        gas = replace(treatment.solver, solvent=None).solve(geometry)
        values["solvation_energy"] = ((values["energy"][0] - float(gas.mean_field.e_tot)) * HARTREE_KCAL, "kcal/mol")
    details: dict[str, Any] = {
        "level": str(treatment.solver.level),
        "grid": treatment.solver.level.grid,
        "charge": geometry.charge,
        "unpaired": geometry.unpaired,
        "xyz": geometry.xyz(),
        **notes.details,
    }
    if treatment.solver.solvent is not None:
        details["solvent"] = f"{treatment.solver.solvent} by {treatment.solver.solvation}"
    kept = {name: values[name] for name in PROPERTIES if name in wanted and name in values}
    return Evaluation(kept, "pyscf", pyscf.__version__, (*geometry.repairs, *notes.repairs), details)


def _by_xtb(geometry: Geometry, treatment: Treatment, notes: Notes) -> Geometry:
    from adapters.compute.optimising import optimise
    from adapters.compute.xtb import Method, energy_and_gradient

    method = Method()
    found, notes.details["steps"] = optimise(
        geometry, lambda at: energy_and_gradient(at, method), steps=treatment.steps, criteria=treatment.criteria
    )
    return found


def _by_dft(geometry: Geometry, treatment: Treatment, notes: Notes, hessian: Any = None) -> tuple[Geometry, Any]:
    """The optimised geometry, and the density of the last step to start from."""
    from adapters.compute.optimising import optimise

    last: dict[str, Any] = {"density": None}

    def surface(at: Geometry) -> tuple[float, Any]:
        solution = treatment.optimiser.solve(at, start=last["density"])
        for repair in solution.repairs:
            if f"while optimising: {repair}" not in notes.repairs:
                notes.repairs.append(f"while optimising: {repair}")
        last["density"] = solution.mean_field.make_rdm1()
        gradient = solution.mean_field.nuc_grad_method().kernel()
        return float(solution.mean_field.e_tot), gradient

    found, steps = optimise(geometry, surface, steps=treatment.steps, criteria=treatment.criteria, hessian=hessian)
    notes.details["steps"] = notes.details.get("steps", 0) + steps
    return found, last["density"]


def _minimum(
    geometry: Geometry, start: Any, treatment: Treatment, notes: Notes
) -> tuple[Geometry, Any, Thermochemistry]:
    """The vibrations of a minimum; a saddle point is left along its mode, once, and that is said."""
    masses = isotope_masses(geometry.numbers)
    for again in (False, True):
        solution = treatment.optimiser.solve(geometry, start=start)
        hessian = second_derivatives(solution)
        waves, modes = frequencies(masses, geometry.positions, hessian)
        if not waves.size or waves[0] > -_IMAGINARY:
            found = thermochemistry(
                masses, geometry.numbers, geometry.positions, waves, multiplicity=geometry.unpaired + 1
            )
            if waves.size and waves[0] < 0:
                notes.repairs.append(f"a flat mode of {-waves[0]:.0f}i 1/cm was left out of the thermochemistry")
            return geometry, solution.mean_field.make_rdm1(), found
        if again:
            break
        notes.repairs.append(f"imaginary mode of {-waves[0]:.0f}i 1/cm: left along it and optimised again")
        push = modes[0] * (_PUSH / np.linalg.norm(modes[0], axis=1).max())
        geometry, start = _by_dft(geometry.moved(geometry.positions + push), treatment, notes)
    raise ImaginaryMode(
        f"imaginary mode of {-waves[0]:.0f}i 1/cm remains after leaving a first one; start from another conformer "
        "(seed, conformers), or tighten 'criteria' and 'grid'"
    )


def second_derivatives(solution: Solution) -> Any:
    """The Hessian in hartree/bohr^2, shape ``(3 n_atoms, 3 n_atoms)``; of a lone atom all zero."""
    if solution.mean_field.mol.natm == 1:
        return np.zeros((3, 3))
    found = np.asarray(solution.mean_field.Hessian().kernel())
    return found.transpose(0, 2, 1, 3).reshape(3 * len(found), -1)


def _values(
    solution: Solution, geometry: Geometry, masses: Any, wanted: set[str], notes: Notes
) -> dict[str, tuple[float, str]]:
    """What one converged SCF and the geometry give."""
    from adapters.compute.dft import response

    mf = solution.mean_field
    homo, lumo = response.frontier(mf)
    centre = masses @ geometry.positions / masses.sum() / BOHR
    values = {
        "energy": (float(mf.e_tot), "hartree"),
        "homo": (homo * HARTREE, "eV"),
        "dipole": (response.dipole(mf, centre), "debye"),
        "r2": (response.spatial_extent(mf), "bohr^2"),
    }
    if lumo is None:
        notes.repairs.append("the basis has no empty orbital: no LUMO and no gap")
    else:
        values |= {"lumo": (lumo * HARTREE, "eV"), "gap": ((lumo - homo) * HARTREE, "eV")}
    if "polarisability" in wanted:
        values["polarisability"] = (response.polarisability(mf), "bohr^3")
    turning = rotational_constants(masses, geometry.positions)
    names = ("rotational_b",) if len(turning) == 1 else tuple(TURNING)
    values |= {name: (value, "GHz") for name, value in zip(names, turning, strict=False)}
    return values


def _thermal_values(energy: float, thermal: Thermochemistry) -> Mapping[str, tuple[float, str]]:
    return {
        "zpve": (thermal.zpve, "hartree"),
        "u0": (energy + thermal.zpve, "hartree"),
        "u": (energy + thermal.thermal_energy, "hartree"),
        "h": (energy + thermal.enthalpy, "hartree"),
        "g": (energy + thermal.free_energy, "hartree"),
        "cv": (thermal.heat_capacity, "cal/mol/K"),
    }
