"""Free atoms in their ground states, and what it costs to take a molecule apart into them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from adapters.compute.constants import HARTREE_KCAL
from adapters.compute.dft.scf import Solver
from adapters.compute.dft.thermo import Thermochemistry, isotope_masses, thermochemistry
from adapters.compute.dft.treatment import Notes
from adapters.compute.geometry import Geometry
from adapters.errors import InputRefused

# Unpaired electrons of the ground state, by group of the periodic table. Source: Hund's rules; NIST Atomic Spectra.
_S: Final = {1: 1, 2: 0, 3: 1, 4: 0, 11: 1, 12: 0, 19: 1, 20: 0, 37: 1, 38: 0}
_P: Final = (1, 2, 3, 2, 1, 0)
_P_FIRST: Final = (5, 13, 31, 49)  # boron, aluminium, gallium, indium
UNPAIRED: Final[Mapping[int, int]] = _S | {first + i: n for first in _P_FIRST for i, n in enumerate(_P)}


def check_elements(numbers: Iterable[int]) -> None:
    """Raises ``InputRefused`` where the ground state of an element is not in the table (transition metals)."""
    if unknown := sorted(set(numbers) - set(UNPAIRED)):
        raise InputRefused(f"no atomisation energies for element {unknown[0]}: its ground state is not in our table")


def atom(number: int, solver: Solver, notes: Notes, *, isotope: int = 0) -> tuple[float, Thermochemistry]:
    """Energy of a free atom in hartree, and its thermal corrections; raises ``ScfNotConverged``.

    What its SCF took is noted.
    """
    alone = Geometry((number,), np.zeros((1, 3)), 0, UNPAIRED[number], ())
    found = solver.solve(alone)
    notes.took(found, f"atom {alone.symbols[0]}")
    masses = isotope_masses(alone.numbers, (isotope,))
    corrections = thermochemistry(
        masses, alone.numbers, alone.positions, np.zeros(0), multiplicity=UNPAIRED[number] + 1
    )
    return float(found.mean_field.e_tot), corrections


def atomisation(
    values: Mapping[str, tuple[float, str]], geometry: Geometry, solver: Solver, notes: Notes, *, is_thermal: bool
) -> dict[str, tuple[float, str]]:
    """Energies of the free atoms less that of the molecule, in kcal/mol: above zero where it is bound.

    QM9's table has the opposite sign. ``u0``, ``u``, ``h`` and ``g`` are taken where ``is_thermal``.
    """
    gas = replace(solver, solvent=None)
    totals = dict.fromkeys(("energy", "u0", "u", "h", "g"), 0.0)
    for kind in sorted(set(geometry.kinds)):
        energy, thermal = atom(kind // 1000, gas, notes, isotope=kind % 1000)
        count = geometry.kinds.count(kind)
        parts = {
            "energy": energy,
            "u0": energy,
            "u": energy + thermal.thermal_energy,
            "h": energy + thermal.enthalpy,
            "g": energy + thermal.free_energy,
        }
        for name, part in parts.items():
            totals[name] += count * part
    kept = totals if is_thermal else {"energy": totals["energy"]}
    return {
        f"atomisation_{name}": ((total - values[name][0]) * HARTREE_KCAL, "kcal/mol") for name, total in kept.items()
    }
