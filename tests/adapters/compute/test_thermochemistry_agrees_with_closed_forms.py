"""Rigid rotor and harmonic oscillators against closed forms and measured entropies."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.compute.constants import AMU, BOHR
from adapters.compute.dft.thermo import (
    frequencies,
    is_linear,
    isotope_masses,
    rotational_constants,
    symmetry_number,
    thermochemistry,
)
from adapters.compute.geometry import embed, read_xyz

R = 1.98720425864083  # cal/mol/K, CODATA 2018
HARTREE_CAL = 627509.4740631


def test_argon_has_the_entropy_that_was_measured() -> None:
    masses = isotope_masses((18,))
    found = thermochemistry(masses, (18,), np.zeros((1, 3)), np.zeros(0), pressure=1e5)

    # S(298.15 K, 1 bar) = 154.846 J/mol/K, CODATA key values; the isotope is 0.04 % heavier than the mixture
    assert (found.enthalpy - found.free_energy) / 298.15 * HARTREE_CAL * 4.184 == pytest.approx(154.846, abs=0.01)
    assert found.heat_capacity == pytest.approx(1.5 * R, abs=1e-6)
    assert found.thermal_energy == pytest.approx(1.5 * R * 298.15 / HARTREE_CAL, rel=1e-6)


def test_two_masses_on_a_spring_vibrate_as_they_should() -> None:
    masses, k = np.array([12.0, 15.99491]), 1.2  # hartree/bohr^2
    positions = np.array([[0.0, 0.3, 0.1], [0.8, 0.8, 0.9]])
    axis = (positions[1] - positions[0]) / np.linalg.norm(positions[1] - positions[0])
    block = k * np.outer(axis, axis)
    found, modes = frequencies(masses, positions, np.block([[block, -block], [-block, block]]))

    reduced = masses.prod() / masses.sum() * AMU
    assert found == pytest.approx([np.sqrt(k / reduced) * 219474.6313632], rel=1e-7)  # hartree in 1/cm
    assert modes.shape == (1, 2, 3)
    assert is_linear(masses, positions)
    length = np.linalg.norm(positions[1] - positions[0]) / BOHR
    # B = 1 / (2 I) in atomic units, 6.579683920502e6 GHz to the hartree
    assert rotational_constants(masses, positions) == pytest.approx((6.579683920502e6 / (2 * reduced * length**2),))


def test_an_imaginary_frequency_is_negative() -> None:
    positions = np.array([[0.0, 0, 0], [0, 0, 1.0]])
    block = np.diag([0, 0, -0.5])
    found, _ = frequencies(np.array([1.0, 1.0]), positions, np.block([[block, -block], [-block, block]]))

    assert found[0] < -1000


def test_a_stiff_oscillator_holds_its_zero_point_energy_and_nothing_more() -> None:
    positions = np.array([[0.0, 0, 0], [0, 0, 0.74]])
    found = thermochemistry(np.array([1.00783, 1.00783]), (1, 1), positions, np.array([4400.0]))

    assert found.zpve == pytest.approx(2200.0 / 219474.6313632, rel=1e-8)
    assert found.heat_capacity == pytest.approx(2.5 * R, abs=1e-3)
    assert found.thermal_energy - found.zpve == pytest.approx(2.5 * R * 298.15 / HARTREE_CAL, rel=1e-5)


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [("O", 2), ("N", 3), ("C", 12), ("c1ccccc1", 12), ("C=C", 4), ("C1CC1", 6), ("CC", 6), ("FC(Cl)Br", 1), ("CO", 1)],
)
def test_symmetry_numbers_are_those_of_the_point_groups(smiles: str, expected: int) -> None:
    geometry = embed(smiles)

    assert symmetry_number(geometry.numbers, geometry.positions, tolerance=0.05) == expected


@pytest.mark.parametrize(
    ("xyz", "expected"),
    [
        ("4\n\nH 0 0 -1.66\nC 0 0 -0.6\nC 0 0 0.6\nH 0 0 1.66", 2),
        ("3\n\nC 0 0 -0.499\nN 0 0 0.65\nH 0 0 -1.567", 1),
        ("1\n\nHe 0 0 0", 1),
    ],
)
def test_lines_and_points_have_theirs(xyz: str, expected: int) -> None:
    geometry = read_xyz(xyz)

    assert symmetry_number(geometry.numbers, geometry.positions) == expected
