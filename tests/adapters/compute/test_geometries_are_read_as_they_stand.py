"""XYZ blocks: read and written without loss, refused with the line that is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.compute.geometry import embed, is_xyz, read_xyz
from adapters.errors import InputRefused

WATER = "3\nwater\nO 0 0 0.1193\nh 0 0.7567 -0.4748\n1 0 -0.7567 -0.4748 0.25\n"


def test_an_xyz_block_is_read_and_written_again() -> None:
    geometry = read_xyz(WATER)
    again = read_xyz(geometry.xyz())

    assert geometry.symbols == ("O", "H", "H")
    assert (again.numbers, again.charge, again.unpaired, again.repairs) == ((8, 1, 1), 0, 0, ())
    assert np.array_equal(again.positions, geometry.positions)


def test_what_has_more_than_one_line_is_xyz() -> None:
    assert is_xyz(WATER)
    assert not is_xyz("CCO\n")


def test_the_number_of_unpaired_electrons_is_the_least_that_fits_unless_given() -> None:
    hydroxyl = "2\n\nO 0 0 0\nH 0 0 0.97"

    assert read_xyz(hydroxyl).unpaired == 1
    assert read_xyz(hydroxyl, charge=-1).unpaired == 0
    assert read_xyz("1\n\nO 0 0 0", unpaired=2).unpaired == 2


@pytest.mark.parametrize(("charge", "unpaired"), [(None, 1), (-1, 2), (0, 10)])
def test_a_number_of_unpaired_electrons_that_cannot_be_is_refused(charge: int | None, unpaired: int) -> None:
    """It was computed with another, and only the provenance said so."""
    with pytest.raises(InputRefused, match=rf"electrons, of which {unpaired} cannot be unpaired; give another number"):
        read_xyz("1\n\nO 0 0 0", charge=charge, unpaired=unpaired)


def test_an_embedded_molecule_can_be_handed_on_as_xyz() -> None:
    geometry = embed("CO")

    assert np.abs(read_xyz(geometry.xyz()).positions - geometry.positions).max() < 1e-6


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("water\n\nO 0 0 0", "line 1 must be the number of atoms, got 'water'"),
        ("2\n\nO 0 0 0", "line 1 says 2 atoms, and 1 follow line 2, the comment"),
        ("0\n\n", "line 1 says 0 atoms"),
        ("1\n\nO 0 0", "line 3 must be an element and three coordinates in angstrom, got 'O 0 0'"),
        ("2\n\nO 0 0 0\nQq 0 0 1", "line 4 must be an element and three coordinates"),
        ("1\n\nO 0 0 nan", "line 3 must be an element and three coordinates"),
        ("1\n\nU 0 0 0", "no parameters for element 92; elements go up to 86"),
        ("2\n\nH 0 0 0\nH 0 0 0.1", "atoms 1 and 2 are 0.10 angstrom apart"),
    ],
)
def test_a_wrong_block_is_refused_with_its_line(block: str, message: str) -> None:
    with pytest.raises(InputRefused, match=message):
        read_xyz(block)
