"""Whether a molecule in space still has the bonds of its structure: an optimisation may end in another molecule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from adapters.compute.geometry import Geometry

# Shares of the sum of two covalent radii (RDKit's). A proton in a hydrogen bond is within 1.25 of its own end and
# beyond 1.5 of the other; bonds that hold are within 1.4, however weak (N-N of N2O4).
_OPEN: Final = 1.5
_FORMED: Final = 1.15
_CLOSED: Final = 1.0  # the same of the ends of an angle, which are apart by 1.2 in the tightest cage


def rearranged(geometry: Geometry) -> str:
    """Which bonds of the structure are open and which others there are, as ``N2-H6 opened, O5-H6 formed``.

    Atoms are numbered as in the XYZ block, from 1. "" where all is as the structure says, or no structure is known.
    """
    if not geometry.bonds:
        return ""
    opened = [(i, j) for i, j in geometry.bonds if _stretch(geometry, i, j) > _OPEN]
    lost = {atom for bond in opened for atom in bond}
    formed = [(i, j) for i, j, share in _strangers(geometry, lost) if _stretch(geometry, i, j) < share]
    found = [f"{_named(geometry, i)}-{_named(geometry, j)} opened" for i, j in opened]
    return ", ".join([*found, *(f"{_named(geometry, i)}-{_named(geometry, j)} formed" for i, j in formed)])


def told_of(geometry: Geometry) -> dict[str, str]:
    """The same as what an evaluation's details say of it: nothing where there is nothing to be said."""
    found = rearranged(geometry)
    return {"rearranged": found} if found else {}


def _strangers(geometry: Geometry, lost: set[int]) -> Iterator[tuple[int, int, float]]:
    """Pairs without a bond, and below which share of their radii one has formed; a bond of ``lost`` atoms opened."""
    beside: dict[int, set[int]] = {i: set() for i in range(len(geometry.numbers))}
    for i, j in geometry.bonds:
        beside[i].add(j)
        beside[j].add(i)
    for i in beside:
        for j in range(i):
            if j not in beside[i]:
                is_angle = bool(beside[i] & beside[j]) and not {i, j} & lost
                yield j, i, _CLOSED if is_angle else _FORMED


def _stretch(geometry: Geometry, i: int, j: int) -> float:
    from rdkit import Chem

    table = Chem.GetPeriodicTable()
    apart = float(((geometry.positions[i] - geometry.positions[j]) ** 2).sum() ** 0.5)
    return apart / sum(table.GetRcovalent(geometry.numbers[at]) for at in (i, j))


def _named(geometry: Geometry, atom: int) -> str:
    return f"{geometry.symbols[atom]}{atom + 1}"
