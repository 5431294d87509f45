"""GFN2-xTB of one molecule: SMILES, conformer (ETKDG, MMFF), single point by tblite.

Source: Bannwarth, Ehlert and Grimme, J. Chem. Theory Comput. 15 (2019) 1652; conformer: Riniker and Landrum,
J. Chem. Inf. Model. 55 (2015) 2562, with the third version's torsion terms.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from adapters.compute.evaluation import Evaluation
from adapters.errors import InputRefused, NotConverged

# CODATA 2018
BOHR: Final = 0.529177210903  # angstrom
HARTREE: Final = 27.211386245988  # eV
DEBYE: Final = 2.541746473  # per atomic unit of dipole

PROPERTIES: Final = {"energy": "hartree", "homo": "eV", "lumo": "eV", "gap": "eV", "dipole": "debye"}
# Covalent radii in multiple bonds, in angstrom. Source: Pyykko and Atsumi, Chem. Eur. J. 15 (2009) 12770, and Pyykko,
# Riedel and Patzschke, Chem. Eur. J. 11 (2005) 3511.
_RADII: Final = {
    "DOUBLE": {"C": 0.67, "N": 0.60, "O": 0.57, "P": 1.02, "S": 0.94},
    "TRIPLE": {"C": 0.60, "N": 0.54, "O": 0.53, "P": 0.94, "S": 0.95},
}
_TOO_LONG: Final = 0.1  # above their sum: with parameters MMFF is within 0.07 (examples/data), without 0.15 and more
_HEAVIEST: Final = 86  # radon: GFN2-xTB has no parameters beyond


@dataclass(frozen=True, slots=True)
class Geometry:
    """A molecule in space."""

    numbers: tuple[int, ...]
    positions: Any  # array of shape (n_atoms, 3), in angstrom
    charge: int
    unpaired: int
    repairs: tuple[str, ...]


def evaluate(
    smiles: str, *, seed: int = 0, charge: int | None = None, iterations: int = 250, verbosity: int = 1
) -> Evaluation:
    """Energy (hartree), HOMO, LUMO and gap (eV) and dipole moment (debye) at one conformer.

    The conformer is found by distance geometry and force field, not by xTB, and is one of many: orbital energies
    move by about 0.1 eV between conformers. The dipole of a charged molecule is taken about its centre of mass.

    Args:
        smiles: One molecule, no salt.
        seed: Chooses the conformer, together with the canonical SMILES.
        charge: Total charge, the formal one when left out.
        iterations: Most SCF iterations.
        verbosity: How much tblite prints; its output is kept as raw output.

    Raises:
        InputRefused: The SMILES cannot be read or embedded, or has elements that the method does not know.
        NotConverged: The SCF ended without a solution.
    """
    geometry = embed(smiles, seed=seed, charge=charge)
    return single_point(geometry, iterations=iterations, verbosity=verbosity)


def embed(smiles: str, *, seed: int = 0, charge: int | None = None) -> Geometry:
    """A conformer of the molecule, hydrogens added; what did not go as first tried is named in ``repairs``."""
    from rdkit import Chem, rdBase
    from rdkit.Chem import AllChem

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is None or molecule.GetNumAtoms() == 0:
            raise InputRefused(f"SMILES {smiles!r} cannot be read; mend it or leave the molecule out")
        if (parts := len(Chem.GetMolFrags(molecule))) > 1:
            raise InputRefused(f"SMILES {smiles!r} has {parts} separate parts; keep the one that matters")
        canonical = Chem.MolToSmiles(molecule)
        # The order of atoms moves the force field's minimum by 1e-5 eV, so it is made the same for every spelling.
        molecule = Chem.AddHs(Chem.MolFromSmiles(canonical))
        unknown = sorted({atom.GetSymbol() for atom in molecule.GetAtoms() if not _is_known(atom.GetAtomicNum())})
        if unknown:
            raise InputRefused(f"GFN2-xTB has no parameters for {', '.join(unknown)} in {smiles!r}")
        repairs = _place(AllChem, molecule, smiles, _seed_of(canonical, seed))
        numbers = tuple(atom.GetAtomicNum() for atom in molecule.GetAtoms())
        total = Chem.GetFormalCharge(molecule) if charge is None else charge
        unpaired = sum(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms())
    electrons = sum(numbers) - total
    if (electrons - unpaired) % 2 or unpaired > electrons:
        unpaired = electrons % 2
        repairs.append(f"{electrons} electrons: calculated with {unpaired} unpaired")
    return Geometry(numbers, molecule.GetConformer().GetPositions(), total, unpaired, tuple(repairs))


def single_point(geometry: Geometry, *, iterations: int = 250, verbosity: int = 0) -> Evaluation:
    """GFN2-xTB at this geometry; raises ``NotConverged``."""
    import numpy as np
    from tblite.exceptions import TBLiteRuntimeError
    from tblite.interface import Calculator
    from tblite.library import get_version

    masses = np.array([_mass(number) for number in geometry.numbers])
    positions = geometry.positions - masses @ geometry.positions / masses.sum()
    try:
        calculator = Calculator(
            "GFN2-xTB",
            np.array(geometry.numbers),
            positions / BOHR,
            charge=float(geometry.charge),
            uhf=geometry.unpaired,
        )
        calculator.set("max-iter", iterations)
        calculator.set("verbosity", verbosity)
        found = calculator.singlepoint()
    except TBLiteRuntimeError as error:
        raise NotConverged(f"GFN2-xTB found no solution within {iterations} iterations: {error}") from None
    homo, lumo = frontier(found["orbital-energies"], found["orbital-occupations"])
    values = {
        "energy": (float(found["energy"]), "hartree"),
        "dipole": (float(np.linalg.norm(found["dipole"])) * DEBYE, "debye"),
        "homo": (homo * HARTREE, "eV"),
    }
    repairs = list(geometry.repairs)
    if lumo is None:
        repairs.append("the minimal basis has no empty orbital: no LUMO and no gap")
    else:
        values |= {"lumo": (lumo * HARTREE, "eV"), "gap": ((lumo - homo) * HARTREE, "eV")}
    details = {"method": "GFN2-xTB", "charge": geometry.charge, "unpaired": geometry.unpaired, "xyz": _xyz(geometry)}
    version = ".".join(str(part) for part in get_version())
    return Evaluation(values, "tblite", version, tuple(repairs), details)


def frontier(energies: Any, occupations: Any) -> tuple[float, float | None]:
    """Highest orbital with half an electron or more, and the next above it, both in hartree.

    A singly occupied orbital counts as occupied, as the xtb program has it.
    """
    filled = [float(e) for e, n in zip(energies, occupations, strict=True) if n >= 0.5]
    empty = [float(e) for e, n in zip(energies, occupations, strict=True) if n < 0.5]
    return max(filled), min(empty, default=None)


def _place(all_chem: Any, molecule: Any, smiles: str, seed: int) -> list[str]:
    """Give the molecule coordinates; returns what had to be done differently."""
    repairs = _embed(all_chem, molecule, smiles, seed)
    if molecule.GetNumAtoms() == 1:
        return repairs
    unfit = _why_not_mmff(all_chem, molecule)
    if not unfit:
        left = all_chem.MMFFOptimizeMolecule(molecule, maxIters=5000)
    elif all_chem.UFFHasAllMoleculeParams(molecule):
        repairs.append(f"optimised with UFF: {unfit}")
        left = all_chem.UFFOptimizeMolecule(molecule, maxIters=5000)
    else:
        repairs.append(f"not optimised: {unfit}, and UFF has no parameters either")
        left = 0
    if left != 0:
        repairs.append("force field not converged in 5,000 steps")
    return repairs


def _why_not_mmff(all_chem: Any, molecule: Any) -> str:
    """Why MMFF cannot optimise the molecule; "" where it can.

    Where MMFF has no parameters for a double or triple bond (CO2, CS2, N2, every isothiocyanate), RDKit makes it as
    long as a single one: C=S of R-N=C=S would be 1.80 angstrom, and the gap far too small.
    """
    if not all_chem.MMFFHasAllMoleculeParams(molecule):
        return "MMFF has no parameters"
    properties = all_chem.MMFFGetMoleculeProperties(molecule)
    for bond in molecule.GetBonds():
        radii = _RADII.get(str(bond.GetBondType()), {})
        ends = bond.GetBeginAtom().GetSymbol(), bond.GetEndAtom().GetSymbol()
        at = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        if all(end in radii for end in ends) and (found := properties.GetMMFFBondStretchParams(molecule, *at)):
            length = found[2]
            if length > sum(radii[end] for end in ends) + _TOO_LONG:
                sign = "=" if bond.GetBondTypeAsDouble() == 2 else "#"
                return f"MMFF takes {sign.join(ends)} for a bond of {length:.2f} angstrom"
    return ""


def _embed(all_chem: Any, molecule: Any, smiles: str, seed: int) -> list[str]:
    parameters = all_chem.ETKDGv3()
    parameters.randomSeed = seed
    # Most molecules need one try and nearly all that succeed need ten; RDKit's own limit of ten for each atom let one
    # molecule take minutes.
    parameters.maxIterations = 50
    if all_chem.EmbedMolecule(molecule, parameters) == 0:
        return []
    parameters.useRandomCoords = True
    if all_chem.EmbedMolecule(molecule, parameters) == 0:
        return ["embedded from random coordinates"]
    parameters.useExpTorsionAnglePrefs = parameters.useBasicKnowledge = False
    if all_chem.EmbedMolecule(molecule, parameters) == 0:
        return ["embedded from random coordinates, without torsion preferences"]
    raise InputRefused(f"no conformer of {smiles!r} could be embedded; leave the molecule out")


def _seed_of(canonical: str, seed: int) -> int:
    """A conformer's seed: the same molecule has the same conformer, in whatever order it is run."""
    return int.from_bytes(hashlib.sha256(f"{canonical} {seed}".encode()).digest()[:4], "big") & 0x7FFFFFFF


def _is_known(number: int) -> bool:
    return 1 <= number <= _HEAVIEST


def _mass(number: int) -> float:
    from rdkit import Chem

    return float(Chem.GetPeriodicTable().GetAtomicWeight(number))


def _xyz(geometry: Geometry) -> str:
    """The geometry as an XYZ block, in angstrom."""
    from rdkit import Chem

    table = Chem.GetPeriodicTable()
    rows = [
        f"{table.GetElementSymbol(number)} {x:.6f} {y:.6f} {z:.6f}"
        for number, (x, y, z) in zip(geometry.numbers, geometry.positions, strict=True)
    ]
    return "\n".join([str(len(rows)), "", *rows])
