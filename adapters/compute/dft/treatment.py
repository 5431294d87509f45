"""How a structure is treated before its properties are taken: left as it is, optimised, made a true minimum."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from adapters.compute.bonding import rearranged
from adapters.compute.dft.scf import Solution, Solver
from adapters.compute.dft.thermo import Thermochemistry, frequencies, isotope_masses, thermochemistry
from adapters.compute.geometry import Geometry
from adapters.errors import ImaginaryMode, NotConverged

IMAGINARY: Final = 20.0  # 1/cm: what grids and optimisers leave of a flat mode is below
_LEFT: Final = 0.05  # hartree/bohr^2; a single bond has 0.3, and level 3 leaves about 1e-3
_RESPONSE: Final = (50, 194)  # radial and angular points of each atom
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
    lacking: dict[str, str] = field(default_factory=dict)  # properties that there cannot be, and why

    def took(self, solution: Solution, where: str = "") -> None:
        """Put on record what an SCF took, in words and as data; of the same words, the first time counts."""
        said = [f"{where}: {repair}" if where else repair for repair in solution.repairs]
        if set(said) <= set(self.repairs):
            return
        self.repairs += [repair for repair in said if repair not in self.repairs]
        place = {"where": where} if where else {}
        self.details.setdefault("remedies", []).extend({**remedy, **place} for remedy in solution.remedies)

    def bound(self, geometry: Geometry, where: str = "") -> None:
        """Put on record which bonds a geometry lacks of its structure, and which others it has."""
        if found := rearranged(geometry):
            said = f"{where}: {found}" if where else found
            self.details["rearranged"] = "; ".join(filter(None, (self.details.get("rearranged"), said)))

    def took_in(self, its: Notes, where: str) -> None:
        """Put on record what was noted of a part: an ion, a partner of a reaction."""
        self.repairs += [f"{where}: {repair}" for repair in its.repairs]
        for remedy in its.details.get("remedies", []):
            place = f"{where}, {remedy['where']}" if "where" in remedy else where
            self.details.setdefault("remedies", []).append({**remedy, "where": place})


def settle(geometry: Geometry, treatment: Treatment, notes: Notes) -> tuple[Geometry, Any]:
    """The geometry optimised as the treatment says, and a density to start from (None: there is none yet).

    Raises:
        NotConverged: An SCF or the optimisation.
    """
    match treatment.optimise:
        case "xtb":
            return _by_xtb(geometry, treatment, notes), None
        case "dft":
            return by_dft(geometry, treatment, notes)
        case _:
            return geometry, None


def _by_xtb(geometry: Geometry, treatment: Treatment, notes: Notes) -> Geometry:
    from adapters.compute.optimising import optimise
    from adapters.compute.tight_binding import energy_and_gradient, in_solvent_of

    method, lacking = in_solvent_of(treatment.solver.solvent)
    if lacking and lacking not in notes.repairs:
        notes.repairs.append(lacking)
    found, notes.details["steps"] = optimise(
        geometry, lambda at: energy_and_gradient(at, method), steps=treatment.steps, criteria=treatment.criteria
    )
    return found


def by_dft(geometry: Geometry, treatment: Treatment, notes: Notes) -> tuple[Geometry, Any]:
    """The optimised geometry, and the density of the last step to start from."""
    from adapters.compute.optimising import optimise

    last: dict[str, Any] = {"density": None}

    def surface(at: Geometry) -> tuple[float, Any]:
        solution = treatment.optimiser.solve(at, start=last["density"])
        notes.took(solution, "while optimising")
        last["density"] = solution.mean_field.make_rdm1()
        return float(solution.mean_field.e_tot), solution.gradient()

    found, steps = optimise(geometry, surface, steps=treatment.steps, criteria=treatment.criteria)
    notes.details["steps"] = notes.details.get("steps", 0) + steps
    return found, last["density"]


def minimum(
    geometry: Geometry, start: Any, treatment: Treatment, notes: Notes
) -> tuple[Geometry, Any, Thermochemistry]:
    """The vibrations of a minimum; a saddle point is left along its mode, once, and that is said."""
    masses = isotope_masses(geometry.numbers, geometry.isotopes)
    for again in (False, True):
        solution = treatment.optimiser.solve(geometry, start=start)
        notes.took(solution, "second derivatives")
        hessian = second_derivatives(solution)
        waves, modes = frequencies(masses, geometry.positions, hessian)
        if not waves.size or waves[0] > -IMAGINARY:
            found = thermochemistry(
                masses, geometry.kinds, geometry.positions, waves, multiplicity=geometry.unpaired + 1
            )
            if waves.size and waves[0] < 0:
                notes.repairs.append(f"a flat mode of {-waves[0]:.0f}i 1/cm was left out of the thermochemistry")
            return geometry, solution.mean_field.make_rdm1(), found
        if again:
            break
        notes.repairs.append(f"imaginary mode of {-waves[0]:.0f}i 1/cm: left along it and optimised again")
        push = modes[0] * (_PUSH / np.linalg.norm(modes[0], axis=1).max())
        geometry, start = by_dft(geometry.moved(geometry.positions + push), treatment, notes)
    raise ImaginaryMode(
        f"imaginary mode of {-waves[0]:.0f}i 1/cm remains after leaving a first one; start from another conformer "
        "(seed, conformers), or tighten 'criteria' and 'grid'",
        details={"imaginary_wavenumbers": [round(float(-wave), 1) for wave in waves if wave < -IMAGINARY]},  # 1/cm
    )


def second_derivatives(solution: Solution) -> Any:
    """The Hessian in hartree/bohr^2, shape ``(3 n_atoms, 3 n_atoms)``; of a lone atom all zero.

    Raises:
        NotConverged: Moving the whole molecule would change its forces: the grid is too coarse.
    """
    if solution.mean_field.mol.natm == 1:
        return np.zeros((3, 3))
    method = solution.mean_field.Hessian()
    solve, response = method.solve_mo1, _response(solution.mean_field)
    method.solve_mo1 = lambda energy, orbitals, occupations, slopes, _, *more: solve(
        energy, orbitals, occupations, slopes, response, *more
    )
    found = np.asarray(method.kernel())
    if (left := float(np.abs(found.sum(axis=1)).max())) > _LEFT:
        raise NotConverged(
            f"the grid is too coarse for second derivatives: moving the molecule as a whole changes its forces, by "
            f"{left:.2g} hartree/bohr^2; use a higher 'grid'"
        )
    return found.transpose(0, 2, 1, 3).reshape(3 * len(found), -1)


def _response(mean_field: Any) -> Any:
    """How the field follows the orbitals, on the points of ``_RESPONSE`` where the field's own grid has more.

    This is where most of the time of a Hessian goes, and Gaussian takes a coarser grid for it too (keyword CPHF);
    frequencies change by less than 0.01 1/cm.
    """
    from pyscf.dft.gen_grid import Grids
    from pyscf.hessian import rhf, uhf

    coarse = mean_field.copy()
    coarse.grids = Grids(mean_field.mol)
    coarse.grids.atom_grid = _RESPONSE
    coarse.grids.build(with_non0tab=True)
    if coarse.grids.weights.size >= mean_field.grids.weights.size:
        coarse = mean_field
    module = uhf if mean_field.mo_coeff[0].ndim == 2 else rhf
    return module.gen_vind(coarse, mean_field.mo_coeff, mean_field.mo_occ)
