"""Molecules that force fields and distance geometry know little of: five or six bonds at one atom, rare elements."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from adapters.compute import geometry as geometries
from adapters.compute.bonding import rearranged
from adapters.compute.conformers import search
from adapters.compute.geometry import Geometry, embed
from adapters.compute.xtb import evaluate

pytest.importorskip("tblite", reason="tblite is not installed: pip install 'hakken[xtb]'")
pytest.importorskip("geometric", reason="geometric is not installed: pip install 'hakken[xtb]'")

OCTAHEDRON = [90] * 12 + [180] * 3
BIPYRAMID = [90] * 6 + [120] * 3 + [180]


def angles(geometry: Geometry) -> list[float]:
    """Between the bonds of the atom that has most, in degrees, ascending."""
    centre = max(range(len(geometry.numbers)), key=lambda i: sum(i in bond for bond in geometry.bonds))
    ends = [i if j == centre else j for i, j in geometry.bonds if centre in (i, j)]
    along = [geometry.positions[i] - geometry.positions[centre] for i in ends]
    along = [v / np.linalg.norm(v) for v in along]
    return sorted(float(np.degrees(np.arccos(np.clip(a @ b, -1, 1)))) for a, b in combinations(along, 2))


@pytest.mark.parametrize(
    ("smiles", "ideal"),
    [
        ("F[P-](F)(F)(F)(F)F", OCTAHEDRON),
        ("FS(F)(F)(F)(F)F", OCTAHEDRON),
        ("FS(F)(F)(F)(F)CO", OCTAHEDRON),
        ("FP(F)(F)(F)F", BIPYRAMID),
    ],
)
def test_bonds_point_as_far_from_each_other_as_they_can(smiles: str, ideal: list[float]) -> None:
    found = embed(smiles)

    assert angles(found) == pytest.approx(ideal, abs=8)  # beside a bulky neighbour they give way a little
    assert rearranged(found) == ""


def test_a_symmetric_molecule_has_no_dipole_and_the_bonds_that_were_measured() -> None:
    found = evaluate("FS(F)(F)(F)(F)F", verbosity=0)
    sulphur_first = search("FS(F)(F)(F)(F)F", count=3)[0].geometry
    lengths = [
        float(np.linalg.norm(sulphur_first.positions[i] - sulphur_first.positions[j])) for i, j in sulphur_first.bonds
    ]

    assert found.values["dipole"][0] < 0.05
    assert found.values["gap"][0] > 6  # on each other the atoms of fluorine left 0.8
    assert lengths == pytest.approx([1.561] * 6, abs=0.04)  # CRC Handbook of Chemistry and Physics
    assert found.repairs == ("optimised with GFN2-xTB: MMFF has no parameters, and UFF has no parameters either",)


def test_what_nothing_here_can_optimise_is_left_as_embedded_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometries, "find_spec", lambda _: None)

    assert embed("F[Xe]F").repairs == (
        "not optimised: MMFF has no parameters, and UFF has no parameters either; hakken[xtb] would do it",
    )


def test_atoms_that_lie_on_each_other_are_named() -> None:
    sound = embed("F[P-](F)(F)(F)(F)F")
    positions = sound.positions.copy()
    positions[3] = positions[2] + np.array([0.0, 0.0, 0.87])

    assert "formed" in rearranged(sound.moved(positions))
