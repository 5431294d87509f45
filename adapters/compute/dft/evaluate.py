"""The evaluator ``pyscf``: a structure in, its geometry found, Kohn-Sham DFT, properties with units out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, Final

from adapters.compute.constants import BOHR, HARTREE, HARTREE_KCAL
from adapters.compute.dft.atoms import atomisation, check_elements
from adapters.compute.dft.given import check_balance, read_given
from adapters.compute.dft.level import NAMED, Level
from adapters.compute.dft.properties import ATOMS, ELECTRONIC, NEEDS_MINIMUM, PROPERTIES, REDOX, TURNING, contradictions
from adapters.compute.dft.reactions import Reaction, read_reaction
from adapters.compute.dft.redox import redox
from adapters.compute.dft.scf import Solution, Solver
from adapters.compute.dft.thermo import (
    Thermochemistry,
    isotope_masses,
    rotational_constants,
)
from adapters.compute.dft.treatment import Notes, Treatment, minimum, settle
from adapters.compute.evaluation import Evaluation
from adapters.compute.geometry import Geometry, embed, is_xyz
from adapters.errors import InputRefused

_MIXED: Final = 0.1  # of S^2 above that of the pure spin: a rule of thumb, beyond which energies and gaps are in doubt


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
    reaction: str | None = None,
    partners: Sequence[str] = (),
    products: Sequence[str] = (),
    saddle: str | None = None,
    memory: int = 4000,
    threads: int = 1,
    verbosity: int = 3,
) -> Evaluation:
    """Properties of one molecule by Kohn-Sham DFT.

    Args:
        smiles: One molecule, no salt; or its geometry as an XYZ block, whose comment may say its charge and spin, as
            in ``charge=1 unpaired=1``.
        properties: Some of ``PROPERTIES``; only what they need is computed.
        level: ``qm9`` for B3LYP/6-31G(2df,p) as the QM9 data set has it, instead of the next four.
        functional: As libxc and PySCF name it.
        basis: As PySCF names it.
        density_fit: Whether Coulomb and exchange integrals are fitted; exact ones take several times as long.
        fit_derivatives: Whether gradients and second derivatives are fitted although the energy is not.
        grid: PySCF's level from 0 to 9, or the numbers of radial and angular points.
        seed: Chooses conformers, together with the canonical SMILES.
        charge: Total charge; that of the SMILES, or 0 of an XYZ block that says nothing, when left out.
        unpaired: Number of unpaired electrons; that of the SMILES, or the least that fits of an XYZ block that says
            nothing, when left out.
        conformers: How many are embedded; from two on they are ranked (GFN2-xTB where tblite is there).
        optimise: ``none``, ``xtb`` (GFN2) or ``dft``.
        criteria: When an optimisation has converged, by geomeTRIC's names.
        steps: Most steps of an optimisation.
        iterations: Most cycles of an SCF, and of each remedy.
        solvent: A name that SMD knows; None for the gas phase. Everything is then computed in it.
        solvation: ``smd``, ``cpcm`` or ``iefpcm``.
        reaction: A reaction as SMARTS, whose first reactant the molecule is.
        partners: The other reactants, in the order of the SMARTS, as SMILES; without it as XYZ blocks too.
        products: The products as SMILES or XYZ blocks, instead of ``reaction``.
        saddle: An XYZ block near the saddle point, for ``barrier``.
        memory: MiB that PySCF plans with; it takes somewhat more.
        threads: Threads of PySCF.
        verbosity: How much PySCF prints; kept as raw output.

    Raises:
        InputRefused: The structure cannot be read, or options contradict each other.
        EmbeddingFailed: No conformer could be built.
        BasisMissing: The basis is unknown or lacks an element.
        ScfNotConverged: No remedy helped; the details hold each.
        GeometryNotConverged: The optimisation did not come to an end.
        NotConverged: Response equations, or second derivatives on too coarse a grid.
        ImaginaryMode: No minimum was found, although the saddle point was left along its mode.
    """
    from pyscf import lib

    lib.num_threads(threads)
    if wrong := contradictions(properties, optimise, solvent, reaction, products, saddle):
        raise InputRefused("; ".join(wrong))
    method = _level(level, functional, basis, density_fit, grid)
    solver = Solver(method, iterations, memory=memory, solvent=solvent, solvation=solvation, verbose=verbosity)
    optimiser = replace(solver, level=replace(method, density_fit=True)) if fit_derivatives else solver
    treatment = Treatment(solver, optimiser, optimise, criteria, steps)
    turned = Reaction(tuple(partners), tuple(products), conformers, seed)
    if reaction is not None:
        turned = read_reaction(smiles, reaction, partners, conformers=conformers, seed=seed)
    notes = Notes()
    geometry = _start(smiles, seed, charge, unpaired, conformers, solvent, notes)
    if products:
        check_balance("the products", products, geometry, partners)
    if saddle is not None:
        check_balance("the saddle point", [saddle], geometry, partners)
        turned = replace(turned, saddle=read_given(saddle))
    return _treat(geometry, treatment, tuple(properties), turned, notes)


def _level(name: str | None, functional: str, basis: str, density_fit: bool, grid: int | Sequence[int]) -> Level:
    if name is None:
        points = grid if isinstance(grid, int) else (int(grid[0]), int(grid[1]))
        return Level(functional, basis, density_fit, points)
    if name not in NAMED:
        raise InputRefused(f"level {name!r} is unknown; there are {', '.join(NAMED)}, or give functional and basis")
    return NAMED[name]


def _start(
    structure: str,
    seed: int,
    charge: int | None,
    unpaired: int | None,
    conformers: int,
    solvent: str | None,
    notes: Notes,
) -> Geometry:
    if is_xyz(structure):
        return read_given(structure, charge=charge, unpaired=unpaired)
    if conformers == 1:
        return embed(structure, seed=seed, charge=charge, unpaired=unpaired)
    from adapters.compute.conformers import search, told_of_search
    from adapters.compute.tight_binding import in_solvent_of

    method, lacking = in_solvent_of(solvent)
    found = search(structure, count=conformers, seed=seed, charge=charge, unpaired=unpaired, method=method)
    notes.repairs += [lacking] if lacking and find_spec("tblite") else []
    notes.details["conformers"] = told_of_search(found, conformers)
    return found[0].geometry


def _treat(
    geometry: Geometry, treatment: Treatment, properties: Sequence[str], reaction: Reaction, notes: Notes
) -> Evaluation:
    import pyscf

    wanted = set(properties)
    if wanted & set(ATOMS):
        check_elements(geometry.numbers)
    masses = isotope_masses(geometry.numbers, geometry.isotopes)
    thermal = None
    geometry, start = settle(geometry, treatment, notes)
    if wanted & NEEDS_MINIMUM:
        geometry, start, thermal = minimum(geometry, start, treatment, notes)
    notes.bound(geometry)
    solution = treatment.solver.solve(geometry, start=start)
    notes.took(solution)
    values = _values(solution, geometry, masses, wanted, notes)
    _note_spin(solution, notes)
    if thermal is not None:
        values |= _thermal_values(values["energy"][0], thermal)
        notes.details |= {
            "frequencies": [round(w, 2) for w in thermal.frequencies],
            "symmetry_number": thermal.symmetry_number,
        }
    if wanted & set(ATOMS):
        values |= atomisation(values, geometry, treatment.solver, notes, is_thermal=thermal is not None)
    if wanted & set(REDOX):
        values |= redox(values["energy"][0], geometry, treatment, wanted, notes)
    if wanted & {"reaction_energy", "barrier"}:
        values |= reaction.energies(values["energy"][0], wanted, treatment, notes)
    if "solvation_energy" in wanted:
        gas = replace(treatment.solver, solvent=None).solve(geometry)
        notes.took(gas, "gas phase")
        values["solvation_energy"] = ((values["energy"][0] - float(gas.mean_field.e_tot)) * HARTREE_KCAL, "kcal/mol")
    details: dict[str, Any] = {
        "level": str(treatment.solver.level),
        "grid": treatment.solver.level.grid,
        "charge": geometry.charge,
        "unpaired": geometry.unpaired,
        "xyz": geometry.xyz(),
        **notes.details,
    }
    if potentials := solution.mean_field.mol._ecp:
        details["core_electrons"] = {symbol: int(potential[0]) for symbol, potential in potentials.items()}
    if treatment.solver.solvent is not None:
        details["solvent"] = f"{treatment.solver.solvent} by {treatment.solver.solvation}"
    kept = {name: values[name] for name in PROPERTIES if name in wanted and name in values}
    repairs, lacking = (*geometry.repairs, *notes.repairs), {n: why for n, why in notes.lacking.items() if n in wanted}
    return Evaluation(kept, "pyscf", pyscf.__version__, repairs, details, lacking=lacking)


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
        notes.lacking |= dict.fromkeys(("lumo", "gap"), "the basis has no empty orbital")
    else:
        values |= {"lumo": (lumo * HARTREE, "eV"), "gap": ((lumo - homo) * HARTREE, "eV")}
    if "polarisability" in wanted:
        values["polarisability"] = (response.polarisability(mf), "bohr^3")
    turning = rotational_constants(masses, geometry.positions)
    names = ("rotational_b",) if len(turning) == 1 else tuple(TURNING)
    values |= {name: (value, "GHz") for name, value in zip(names, turning, strict=False)}
    why = "an atom does not turn" if len(masses) == 1 else "a linear molecule has rotational_b alone"
    notes.lacking |= {name: why for name in TURNING if name not in values}
    return values


def _note_spin(solution: Solution, notes: Notes) -> None:
    """Put S^2 of an open shell on record, and say where states of other spins are mixed in."""
    from adapters.compute.dft import response

    if (found := response.spin_squared(solution.mean_field)) is None:
        return
    here, pure = found
    notes.details["spin_squared"] = round(here, 4)
    if here - pure > _MIXED:
        notes.repairs.append(f"spin contamination: S^2 is {here:.2f}, and {pure:.2f} of the pure spin")


def _thermal_values(energy: float, thermal: Thermochemistry) -> Mapping[str, tuple[float, str]]:
    return {
        "zpve": (thermal.zpve, "hartree"),
        "u0": (energy + thermal.zpve, "hartree"),
        "u": (energy + thermal.thermal_energy, "hartree"),
        "h": (energy + thermal.enthalpy, "hartree"),
        "g": (energy + thermal.free_energy, "hartree"),
        "cv": (thermal.heat_capacity, "cal/mol/K"),
    }
