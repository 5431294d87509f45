"""xTB of one molecule by tblite: GFN2 or GFN1, in the gas phase or in a solvent, as embedded or optimised."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from adapters.compute.bonding import told_of
from adapters.compute.constants import DEBYE, HARTREE, HARTREE_KCAL
from adapters.compute.evaluation import Evaluation
from adapters.compute.geometry import Geometry, embed, is_xyz, read_xyz
from adapters.compute.tight_binding import Method, energy_and_gradient, lacks_solvent, solve
from adapters.errors import InputRefused, SettingUnknown

PROPERTIES: Final = {
    "energy": "hartree",
    "homo": "eV",
    "lumo": "eV",
    "gap": "eV",
    "dipole": "debye",
    "solvation_energy": "kcal/mol",
}
SHARED: Final = 0.1  # eV between HOMO and LUMO, a few times what the electrons' temperature of 300 K is worth


def evaluate(
    smiles: str,
    *,
    seed: int = 0,
    charge: int | None = None,
    unpaired: int | None = None,
    iterations: int = 250,
    verbosity: int = 1,
    method: str = "GFN2-xTB",
    optimise: bool = False,
    steps: int = 100,
    conformers: int = 1,
    solvent: str | None = None,
    solvation: str = "alpb",
) -> Evaluation:
    """Energy (hartree), HOMO, LUMO and gap (eV) and dipole moment (debye) at one conformer.

    Unless told otherwise the conformer is found by distance geometry and force field, not by xTB, and is one of many:
    orbital energies move by about 0.1 eV between conformers. The dipole of a charged molecule is taken about its
    centre of mass. In a solvent ``solvation_energy`` (kcal/mol) is the energy there less that of the gas phase, at the
    same geometry, in the state that tblite calls ``gsolv`` (no change of concentration).

    Args:
        smiles: One molecule, no salt; or its geometry as an XYZ block.
        seed: Chooses the conformer, together with the canonical SMILES.
        charge: Total charge, the formal one when left out.
        unpaired: Number of unpaired electrons, that of the structure when left out.
        iterations: Most SCF iterations.
        verbosity: How much tblite prints; its output is kept as raw output.
        method: One of ``tight_binding.METHODS``.
        optimise: Whether the geometry is optimised, by this method, in the solvent where there is one.
        steps: Most steps of that optimisation.
        conformers: How many are embedded; from two on, each is optimised by GFN2-xTB, in the solvent by ALPB, and
            the lowest is taken.
        solvent: One of ``tight_binding.SOLVENTS``.
        solvation: One of ``tight_binding.MODELS``.

    Raises:
        InputRefused: The SMILES cannot be read or embedded, or has elements that the method does not know.
        SettingUnknown: There is no such solvent, or none of its parameters.
        ScfNotConverged, GeometryNotConverged: The SCF or the optimisation ended without a solution.
    """
    if wrong := lacks_solvent(method, solvent, solvation):
        raise SettingUnknown(wrong)
    said: dict[str, Any] = {}
    how = Method(method, solvent, solvation, iterations, 1.0, verbosity)
    if is_xyz(smiles):
        geometry = read_xyz(smiles, charge=charge, unpaired=unpaired)
    elif conformers > 1:
        from adapters.compute.conformers import search, told_of_search

        ways: dict[str, Any] = {"charge": charge, "unpaired": unpaired, "method": Method(solvent=solvent)}
        found = search(smiles, count=conformers, seed=seed, **ways)
        geometry = found[0].geometry
        said = {"conformers": told_of_search(found, conformers)}
    else:
        geometry = embed(smiles, seed=seed, charge=charge, unpaired=unpaired)
    if optimise:
        from adapters.compute.optimising import optimise as relax

        quiet = replace(how, verbosity=0)
        geometry, said["steps"] = relax(geometry, lambda at: energy_and_gradient(at, quiet), steps=steps)
    found_here = single_point(geometry, how)
    return replace(found_here, details={**found_here.details, **said})


def single_point(geometry: Geometry, method: Method | None = None, **settings: Any) -> Evaluation:
    """xTB at this geometry; ``settings`` are those of ``Method``.

    Raises:
        InputRefused: There is no electron, or there are more than the orbitals hold.
        ScfNotConverged: There is no solution.
    """
    from tblite.library import get_version

    method = method or Method(**settings)
    found = solve(geometry, method)
    if abs(float(sum(found["charges"])) - geometry.charge) > 0.5:  # tblite fills what it has, and says nothing
        raise InputRefused(
            f"xTB has {len(found['orbital-energies'])} orbitals of valence electrons for it, and with a charge of "
            f"{geometry.charge} more would have to be filled; give another charge, or leave the molecule out"
        )
    homo, lumo = frontier(found["orbital-energies"], found["orbital-occupations"], geometry.unpaired)
    values = {
        "energy": (float(found["energy"]), "hartree"),
        "dipole": (_norm(found["dipole"]) * DEBYE, "debye"),
        "homo": (homo * HARTREE, "eV"),
    }
    lacking: dict[str, str] = {}
    repairs = geometry.repairs
    if lumo is None:
        lacking = dict.fromkeys(("lumo", "gap"), "the minimal basis has no empty orbital")
    else:
        values |= {"lumo": (lumo * HARTREE, "eV"), "gap": ((lumo - homo) * HARTREE, "eV")}
        if (lumo - homo) * HARTREE < SHARED:
            repairs += (
                "HOMO and LUMO have one energy and share their electrons, as in a diradical, whose ground state may "
                f"have unpaired: {geometry.unpaired + 2}",
            )
    if method.solvent is not None:
        gas = solve(geometry, replace(method, solvent=None, verbosity=0))
        moved = float(found["energy"]) - float(gas["energy"])
        values["solvation_energy"] = (moved * HARTREE_KCAL, "kcal/mol")
    details: dict[str, Any] = {
        "method": str(method),
        "charge": geometry.charge,
        "unpaired": geometry.unpaired,
        "xyz": geometry.xyz(),
    }
    details |= told_of(geometry)
    version = ".".join(str(part) for part in get_version())
    return Evaluation(values, "tblite", version, repairs, details, lacking=lacking)


def frontier(energies: Any, occupations: Any, unpaired: int) -> tuple[float, float | None]:
    """Highest occupied orbital and the next above it, both in hartree, as the xtb program has them.

    The orbitals are counted, one for each electron of the spin that has more: at the temperature of the electrons two
    of nearly one energy share what one of them holds (a diradical, a bond that is nearly broken).

    Raises:
        InputRefused: There is no electron.
    """
    filled = round((float(sum(occupations)) + unpaired) / 2)
    if filled < 1:
        raise InputRefused("xTB has orbitals for valence electrons alone, and there are none; leave the molecule out")
    ordered = sorted(float(energy) for energy in energies)
    return ordered[filled - 1], ordered[filled] if filled < len(ordered) else None


def _norm(vector: Any) -> float:
    return float(sum(float(part) ** 2 for part in vector) ** 0.5)
