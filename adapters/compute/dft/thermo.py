"""Thermochemistry of one geometry: rigid rotor, harmonic oscillators, ideal gas.

Masses are those of the most abundant isotopes, as in Gaussian, where a structure says no other. Source: McQuarrie,
Statistical Mechanics (1976), ch. 8;
Ochterski, Thermochemistry in Gaussian (2000).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from adapters.compute.constants import AMU, BOHR, BOLTZMANN, DALTON, HARTREE_KCAL, JOULE, LIGHT, PLANCK

Array = NDArray[np.float64]

_STRAIGHT: Final = 1e-4  # a moment of inertia below this share of the largest: the molecule is linear
_SAME: Final = 0.02  # angstrom: how far an atom may be from its image under a rotation that counts as a symmetry


@dataclass(frozen=True, slots=True)
class Thermochemistry:
    """Corrections to the electronic energy, in hartree; heat capacity in cal/mol/K; frequencies in 1/cm."""

    zpve: float
    thermal_energy: float  # U - electronic energy
    enthalpy: float  # H - electronic energy
    free_energy: float  # G - electronic energy
    heat_capacity: float  # at constant volume
    frequencies: tuple[float, ...]  # ascending; an imaginary one is negative
    symmetry_number: int


def isotope_masses(numbers: tuple[int, ...], isotopes: tuple[int, ...] = ()) -> Array:
    """Masses in dalton, shape ``(n_atoms,)``: of the isotope whose mass number is given, else of the most abundant."""
    from rdkit import Chem

    table = Chem.GetPeriodicTable()
    given = isotopes or (0,) * len(numbers)
    return np.array(
        [
            (table.GetMassForIsotope(number, isotope) or isotope) if isotope else table.GetMostCommonIsotopeMass(number)
            for number, isotope in zip(numbers, given, strict=True)
        ]
    )


def centred(masses: Array, positions: Array) -> Array:
    """The positions about the centre of mass."""
    return np.asarray(positions - masses @ positions / masses.sum(), dtype=np.float64)


def moments(masses: Array, positions: Array) -> tuple[Array, Array]:
    """Principal moments of inertia, in dalton * angstrom^2, ascending, and the axes as columns."""
    r = centred(masses, positions)
    inertia = (masses * (r**2).sum(axis=1)).sum() * np.eye(3) - (r.T * masses) @ r
    found, axes = np.linalg.eigh(inertia)
    return np.asarray(np.clip(found, 0.0, None), dtype=np.float64), np.asarray(axes, dtype=np.float64)


def is_linear(masses: Array, positions: Array) -> bool:
    """Whether all atoms lie on one line (a single atom does not count)."""
    found, _ = moments(masses, positions)
    return len(masses) > 1 and bool(found[0] < _STRAIGHT * found[2])


def rotational_constants(masses: Array, positions: Array) -> tuple[float, ...]:
    """A, B and C in GHz, descending; of a linear molecule B alone, of an atom none."""
    found, _ = moments(masses, positions)
    kept = () if len(masses) == 1 else found[2:] if is_linear(masses, positions) else found
    return tuple(1e-9 * PLANCK / (8 * np.pi**2 * float(moment) * DALTON * 1e-20) for moment in kept)


def frequencies(masses: Array, positions: Array, hessian: Array) -> tuple[Array, Array]:
    """Harmonic wavenumbers in 1/cm, ascending, and the Cartesian modes as rows, shape ``(n_modes, n_atoms, 3)``.

    Translation and rotation are projected out first. An imaginary wavenumber is given as a negative one.

    Args:
        masses: Dalton, shape ``(n_atoms,)``.
        positions: Angstrom, shape ``(n_atoms, 3)``.
        hessian: Second derivatives in hartree/bohr^2, shape ``(3 n_atoms, 3 n_atoms)``.
    """
    n = len(masses)
    if n == 1:
        return np.zeros(0), np.zeros((0, 1, 3))
    root = np.repeat(np.sqrt(masses * AMU), 3)
    basis = _vibrations(masses, positions)
    weighted = basis.T @ (hessian / np.outer(root, root)) @ basis
    found, vectors = np.linalg.eigh(0.5 * (weighted + weighted.T))
    modes = (basis @ vectors / root[:, None]).T.reshape(-1, n, 3)
    atomic = np.sign(found) * np.sqrt(np.abs(found))  # angular, in hartree (hbar is 1)
    return atomic * JOULE / (PLANCK * LIGHT * 100), modes


def thermochemistry(
    masses: Array,
    numbers: tuple[int, ...],
    positions: Array,
    wavenumbers: Array,
    *,
    multiplicity: int = 1,
    temperature: float = 298.15,
    pressure: float = 101325.0,
) -> Thermochemistry:
    """Zero-point energy and thermal corrections at ``temperature`` (K) and ``pressure`` (Pa).

    ``numbers`` tell which atoms can take each other's places: ``Geometry.kinds`` where there are isotopes.

    Imaginary frequencies count for nothing here; whoever calls refuses them first.
    """
    kt = BOLTZMANN * temperature
    real = wavenumbers[wavenumbers > 0] * PLANCK * LIGHT * 100 / JOULE  # hartree
    zpve = 0.5 * float(real.sum())
    x = real / kt
    energy = zpve + float((real / np.expm1(x)).sum())
    entropy = float((x / np.expm1(x) - np.log(-np.expm1(-x))).sum())  # in units of the Boltzmann constant
    capacity = float((x**2 * np.exp(-x) / np.expm1(-x) ** 2).sum())
    sigma = symmetry_number(numbers, positions)
    turning = rotational_constants(masses, positions)
    if len(turning) == 1:
        q_rot, freedom = kt * JOULE / (PLANCK * turning[0] * 1e9 * sigma), 2
    else:
        q_rot, freedom = 1.0, 0
        if turning:
            q_rot, freedom = np.sqrt(np.pi * np.prod([kt * JOULE / (PLANCK * c * 1e9) for c in turning])) / sigma, 3
    mass = float(masses.sum()) * DALTON
    q_trans = (2 * np.pi * mass * kt * JOULE / PLANCK**2) ** 1.5 * kt * JOULE / pressure
    energy += (1.5 + 0.5 * freedom) * kt
    capacity += 1.5 + 0.5 * freedom
    entropy += 2.5 + float(np.log(q_trans)) + 0.5 * freedom + float(np.log(q_rot)) + float(np.log(multiplicity))
    enthalpy = energy + kt
    return Thermochemistry(
        zpve=zpve,
        thermal_energy=energy,
        enthalpy=enthalpy,
        free_energy=enthalpy - kt * entropy,
        heat_capacity=capacity * BOLTZMANN * HARTREE_KCAL * 1000,
        frequencies=tuple(float(w) for w in wavenumbers),
        symmetry_number=sigma,
    )


def symmetry_number(numbers: tuple[int, ...], positions: Array, *, tolerance: float = _SAME) -> int:
    """How many proper rotations carry the molecule into itself: 12 for methane, 2 for water, 1 for most.

    Two atoms that span a plane with the centre fix a rotation by where they go, so every such pair of images is tried.
    """
    kinds = np.array(numbers)
    weights = kinds.astype(np.float64)
    r = centred(weights, positions)
    if len(r) == 1:
        return 1
    if is_linear(weights, positions):
        return 2 if _is_carried(kinds, r, -r, tolerance) else 1
    first = int(np.argmax((r**2).sum(axis=1)))
    second = int(np.argmax(np.linalg.norm(np.cross(r[first], r), axis=1)))
    frame = _frame(r[first], r[second])
    found = 0
    for i in np.flatnonzero(kinds == kinds[first]):
        if abs(np.linalg.norm(r[i]) - np.linalg.norm(r[first])) > tolerance:
            continue
        for j in np.flatnonzero(kinds == kinds[second]):
            apart = abs(np.linalg.norm(r[i] - r[j]) - np.linalg.norm(r[first] - r[second]))
            if i == j or apart > tolerance or abs(np.linalg.norm(r[j]) - np.linalg.norm(r[second])) > tolerance:
                continue
            rotation = _frame(r[i], r[j]) @ frame.T
            found += _is_carried(kinds, r, r @ rotation.T, 2 * tolerance)
    return found


def _frame(a: Array, b: Array) -> Array:
    """A right-handed frame, as columns: along ``a``, in the plane of ``a`` and ``b``, and across it."""
    along = a / np.linalg.norm(a)
    across = np.cross(a, b)
    across = across / np.linalg.norm(across)
    return np.stack([along, np.cross(across, along), across], axis=1)


def _is_carried(kinds: Any, places: Array, images: Array, tolerance: float) -> bool:
    """Whether every image lies on an atom of its own kind."""
    apart = np.linalg.norm(places[:, None] - images[None], axis=2)
    apart[kinds[:, None] != kinds[None]] = np.inf
    return bool((apart.min(axis=0) < tolerance).all())


def _vibrations(masses: Array, positions: Array) -> Array:
    """An orthonormal basis of mass-weighted displacements without translation and rotation, as columns."""
    n = len(masses)
    r = centred(masses, positions) / BOHR
    _, axes = moments(masses, positions)
    root = np.sqrt(masses)[:, None]
    moving = [(root * axis).ravel() for axis in np.eye(3)]
    turning = [(root * np.cross(axis, r)).ravel() for axis in axes.T[1 if is_linear(masses, positions) else 0 :]]
    rigid = np.stack([*moving, *turning], axis=1)
    full, _, _ = np.linalg.svd(rigid, full_matrices=True)
    return np.asarray(full[:, rigid.shape[1] :], dtype=np.float64).reshape(3 * n, -1)
