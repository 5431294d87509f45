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


def test_isotopes_have_their_masses() -> None:
    assert isotope_masses((1, 1, 6, 8), (2, 0, 13, 18)) == pytest.approx([2.014102, 1.007825, 13.003355, 17.999160])


@pytest.mark.parametrize(
    ("smiles", "expected"), [("C", 12), ("[2H]C", 3), ("[2H]C[2H]", 2), ("[2H]C([2H])([2H])[2H]", 12), ("[2H]O", 1)]
)
def test_isotopes_cannot_take_each_others_places(smiles: str, expected: int) -> None:
    geometry = embed(smiles)

    assert symmetry_number(geometry.kinds, geometry.positions, tolerance=0.05) == expected


@pytest.mark.parametrize("structure", ["[2H]O[2H]", "3\n\nO 0 0 0.12\nD 0 0.757 -0.475\nD 0 -0.757 -0.475"])
def test_heavy_water_has_less_zero_point_energy_by_its_masses(structure: str) -> None:
    pytest.importorskip("pyscf", reason="pyscf is not installed: pip install 'hakken[dft]'")
    from adapters.compute.dft.evaluate import evaluate

    how = {"functional": "hf", "basis": "sto-3g", "density_fit": False, "optimise": "dft", "verbosity": 0}
    asked = ["zpve", "rotational_b", "energy"]
    heavy, light = (evaluate(s, properties=asked, **how).values for s in (structure, "O"))

    # each frequency falls by a factor between 1/sqrt(2) and 1 (the rule of Teller and Redlich); of water by 0.73 or so
    assert heavy["zpve"][0] / light["zpve"][0] == pytest.approx(0.73, abs=0.01)
    # the axis goes through oxygen, so that hydrogen's mass alone is turned
    assert heavy["rotational_b"][0] / light["rotational_b"][0] == pytest.approx(1.00784 / 2.0141, rel=0.01)
    assert heavy["energy"][0] == pytest.approx(light["energy"][0], abs=1e-6)
