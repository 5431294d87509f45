"""What it costs to take an electron away and what it brings to add one, as energies and as potentials.

Electronic energies: zero-point and thermal motion are left out. Source of the potential of the standard hydrogen
electrode: Isse and Gennaro, J. Phys. Chem. B 114 (2010) 7894.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from adapters.compute.constants import HARTREE
from adapters.compute.dft.treatment import Notes, Treatment, settle
from adapters.compute.geometry import Geometry

HYDROGEN_ELECTRODE: Final = 4.281  # V, absolute, in water


def redox(
    energy: float, geometry: Geometry, treatment: Treatment, wanted: Collection[str], notes: Notes
) -> dict[str, tuple[float, str]]:
    """Ionisation energy and electron affinity (eV), oxidation and reduction potential (V against SHE), as wanted.

    The ion is optimised as the molecule was, from the molecule's geometry; without optimisation the values are
    vertical.

    Args:
        energy: Of the molecule at ``geometry``, in hartree.
        geometry: Of the molecule.
        treatment: How the ion is treated.
        wanted: Names of properties.
        notes: Gets what the ion's run has to say.

    Raises:
        NotConverged: SCF or optimisation of an ion.
    """
    found: dict[str, tuple[float, str]] = {}
    for change, gap, potential in (
        (1, "ionisation_energy", "oxidation_potential"),
        (-1, "electron_affinity", "reduction_potential"),
    ):
        if not {gap, potential} & set(wanted):
            continue
        apart = change * (_of_ion(geometry, change, treatment, notes) - energy) * HARTREE
        found |= {gap: (apart, "eV"), potential: (apart - HYDROGEN_ELECTRODE, "V")}
    return found


def _of_ion(geometry: Geometry, change: int, treatment: Treatment, notes: Notes) -> float:
    """Energy of the ion in hartree."""
    its = Notes()
    ion = _in_its_spin(geometry, change, treatment, its)
    ion, start = settle(ion, treatment, its)
    solution = treatment.solver.solve(ion, start=start)
    sign = "cation" if change > 0 else "anion"
    its.took(solution)
    notes.took_in(its, sign)
    notes.bound(ion, sign)
    notes.details[sign] = {"unpaired": ion.unpaired, "xyz": ion.xyz()}
    return float(solution.mean_field.e_tot)


def _in_its_spin(geometry: Geometry, change: int, treatment: Treatment, notes: Notes) -> Geometry:
    """The ion at the molecule's geometry; of a radical, in the lower of the two spins that are possible."""
    spins = (geometry.unpaired - 1, geometry.unpaired + 1) if geometry.unpaired else (1,)
    charge = geometry.charge + change
    ions = [replace(geometry, charge=charge, unpaired=n, repairs=()) for n in spins]
    if len(ions) == 1:
        return ions[0]
    energies = []
    for ion in ions:
        solution = treatment.optimiser.solve(ion)
        notes.took(solution, f"choice of spin ({ion.unpaired} unpaired)")
        energies.append(float(solution.mean_field.e_tot))
    return ions[energies.index(min(energies))]
