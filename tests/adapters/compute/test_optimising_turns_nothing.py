"""Geometries are optimised in the orientation in which they came, whatever an energy says of turning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("geometric", reason="geometric is not installed: pip install 'hakken[dft]'")

from adapters.compute.constants import BOHR
from adapters.compute.geometry import Geometry, read_xyz
from adapters.compute.optimising import as_it_lay, optimise, without_turning

WATER = read_xyz("3\n\nO 0.02 0.01 0.12\nH 0.03 0.80 -0.50\nH 0 -0.72 -0.43")


def springs(positions: Any) -> float:
    """Hartree; three springs, and a little that follows how the molecule lies, as the points of a grid do."""
    apart = [np.linalg.norm(positions[i] - positions[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    bent = 0.5 * sum((d - rest) ** 2 for d, rest in zip(apart, (0.96, 0.96, 1.51), strict=True))
    lies = positions - positions.mean(axis=0)
    return float(bent + 1e-4 * np.sum(lies[:, 0] * lies[:, 1] + lies[:, 2] ** 3))


def with_slope(at: Geometry) -> tuple[float, Any]:
    slope, step = np.zeros((3, 3)), 1e-4
    for place in np.ndindex(3, 3):
        moved = np.zeros((3, 3))
        moved[place] = step
        slope[place] = (springs(at.positions + moved) - springs(at.positions - moved)) / (2 * step)
    return springs(at.positions), slope * BOHR


def test_an_energy_that_follows_the_orientation_is_not_followed() -> None:
    found, energies = optimise(WATER, with_slope, criteria="GAU_TIGHT")
    turn, _ = as_it_lay(found.positions, WATER.positions)
    still = without_turning(with_slope(found)[1], found.positions)

    assert turn.magnitude() < 1e-6
    assert np.abs(still).max() < 1.5e-5
    assert energies <= 12


@pytest.mark.parametrize("straight", [False, True])
def test_only_what_moves_or_turns_the_whole_is_taken_away(straight: bool) -> None:
    positions = np.array([[0, 0, -1.2], [0, 0, 0], [0, 0, 1.2]]) if straight else WATER.positions
    stretch = np.array([[0, 0, -1.0], [0, 0, 0], [0, 0, 1.0]])
    whole = np.array([0.3, -0.2, 0.5]) + np.cross([0.4, 0.1, -0.7], positions)

    assert without_turning(whole, positions) == pytest.approx(0, abs=1e-12)
    left = without_turning(stretch + whole, positions)
    assert left == pytest.approx(without_turning(stretch, positions), abs=1e-12)
    assert np.linalg.norm(left) > 0.5


@pytest.mark.parametrize("straight", [False, True])
def test_what_was_turned_is_laid_as_it_was(straight: bool) -> None:
    from scipy.spatial.transform import Rotation

    positions = np.array([[0, 0, -1.2], [0, 0, 0.1], [0, 0, 1.1]]) if straight else WATER.positions
    elsewhere = Rotation.from_rotvec([0.3, -0.4, 0.2]).apply(positions) + np.array([1.0, 2.0, 3.0])

    assert as_it_lay(elsewhere, positions)[1] == pytest.approx(positions, abs=1e-9)
