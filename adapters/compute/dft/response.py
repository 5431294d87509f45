"""What a converged density says: orbital energies, dipole, spatial extent, polarisability."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.compute.constants import DEBYE
from adapters.errors import NotConverged

Array = NDArray[np.float64]


def frontier(mean_field: Any) -> tuple[float, float | None]:
    """Highest occupied and lowest empty orbital in hartree, over both spins; None where no orbital is empty."""
    energies, occupied = np.atleast_2d(mean_field.mo_energy), np.atleast_2d(mean_field.mo_occ) > 0
    empty = energies[~occupied]
    return float(energies[occupied].max()), float(empty.min()) if empty.size else None


def dipole(mean_field: Any, centre: Array) -> float:
    """Size of the dipole moment about ``centre`` (bohr), in debye; the centre matters for ions only."""
    with mean_field.mol.with_common_orig(centre):
        found = mean_field.dip_moment(unit="AU", verbose=0, origin=centre)
    return float(np.linalg.norm(found)) * DEBYE


def spin_squared(mean_field: Any) -> tuple[float, float] | None:
    """The expectation value of S^2, and that of the pure spin; None of a closed shell."""
    if np.ndim(mean_field.mo_occ) != 2:
        return None
    spin = mean_field.mol.spin / 2
    return float(mean_field.spin_square()[0]), spin * (spin + 1)


def spatial_extent(mean_field: Any) -> float:
    """The expectation value of r^2 over the electrons, about the centre of nuclear charge, in bohr^2."""
    molecule = mean_field.mol
    charges, places = molecule.atom_charges(), molecule.atom_coords()
    with molecule.with_common_orig(charges @ places / charges.sum()):
        r2 = molecule.intor_symmetric("int1e_r2")
    density = np.asarray(mean_field.make_rdm1())
    density = density.sum(axis=0) if density.ndim == 3 else density
    return float(np.einsum("ij,ji->", r2, density))


def polarisability(mean_field: Any) -> float:
    """A third of the trace of the static dipole polarisability, in bohr^3, by the coupled-perturbed equations.

    Raises:
        NotConverged: The equations were not solved.
    """
    from pyscf.scf import cphf, ucphf

    molecule = mean_field.mol
    charges, places = molecule.atom_charges(), molecule.atom_coords()
    with molecule.with_common_orig(charges @ places / charges.sum()):
        operator = -molecule.intor_symmetric("int1e_r", comp=3)
    coefficients, occupations = mean_field.mo_coeff, mean_field.mo_occ
    is_open = np.ndim(occupations) == 2
    spins = list(zip(coefficients, occupations, strict=True)) if is_open else [(coefficients, occupations)]
    empty, full = [c[:, n == 0] for c, n in spins], [c[:, n > 0] for c, n in spins]
    if any(c.shape[1] == 0 for c in empty):
        return 0.0
    driving = [np.einsum("pa,xpq,qi->xai", v, operator, o) for v, o in zip(empty, full, strict=True)]
    response = mean_field.gen_response(hermi=1) if is_open else mean_field.gen_response(singlet=None, hermi=1)

    def induced(flat: Array) -> Any:
        """What the response of the density adds to the perturbation, in the same shape."""
        rows = flat.reshape(-1, sum(v.shape[1] * o.shape[1] for v, o in zip(empty, full, strict=True)))
        parts, done = [], 0
        for v, o in zip(empty, full, strict=True):
            size = v.shape[1] * o.shape[1]
            parts.append(rows[:, done : done + size].reshape(-1, v.shape[1], o.shape[1]))
            done += size
        share = 1.0 if is_open else 2.0
        densities = np.array(
            [np.einsum("pa,xai,qi->xpq", v, share * u, o) for v, u, o in zip(empty, parts, full, strict=True)]
        )
        densities = densities + densities.transpose(0, 1, 3, 2)
        potentials = response(densities) if is_open else response(densities[0])[None]
        return np.concatenate(
            [
                np.einsum("pa,xpq,qi->xai", v, w, o).reshape(len(rows), -1)
                for v, w, o in zip(empty, potentials, full, strict=True)
            ],
            axis=1,
        )

    energies = mean_field.mo_energy
    if is_open:
        moved, _ = ucphf.solve(induced, energies, occupations, driving, max_cycle=50, tol=1e-7, hermi=False)
    else:
        moved, _ = cphf.solve(induced, energies, occupations, driving[0], max_cycle=50, tol=1e-7, hermi=False)
        moved = [moved]
    trace = sum(float((h * np.asarray(u).reshape(h.shape)).sum()) for h, u in zip(driving, moved, strict=True))
    found = -(2.0 if is_open else 4.0) * trace / 3.0
    if not np.isfinite(found):
        raise NotConverged("the coupled-perturbed equations of the polarisability did not converge")
    return found
