"""Molecules in space: read from SMILES or XYZ, embedded by distance geometry and force field, written as XYZ.

Source of the conformer: Riniker and Landrum, J. Chem. Inf. Model. 55 (2015) 2562, with the third version's torsion
terms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, Final

from adapters.compute.evaluation import Request
from adapters.errors import EmbeddingFailed, EvaluationError, InputRefused
from loop.contracts import Problem

# Covalent radii in multiple bonds, in angstrom. Source: Pyykko and Atsumi, Chem. Eur. J. 15 (2009) 12770, and Pyykko,
# Riedel and Patzschke, Chem. Eur. J. 11 (2005) 3511.
_RADII: Final = {
    "DOUBLE": {"C": 0.67, "N": 0.60, "O": 0.57, "P": 1.02, "S": 0.94},
    "TRIPLE": {"C": 0.60, "N": 0.54, "O": 0.53, "P": 0.94, "S": 0.95},
}
_TOO_LONG: Final = 0.1  # above their sum: with parameters MMFF is within 0.07 (examples/data), without 0.15 and more
_HYDROGENS: Final = {"D": 2, "T": 3}  # mass numbers of those with a symbol of their own
_HEAVIEST: Final = 86  # radon: neither GFN2-xTB nor the def2 basis sets have parameters beyond


@dataclass(frozen=True, slots=True)
class Geometry:
    """A molecule in space."""

    numbers: tuple[int, ...]
    positions: Any  # array of shape (n_atoms, 3), in angstrom
    charge: int
    unpaired: int
    repairs: tuple[str, ...]
    bonds: tuple[tuple[int, int], ...] = ()  # of the structure that it was embedded from, by pairs of atoms from 0
    isotopes: tuple[int, ...] = ()  # mass numbers, 0 where none is said; () where none is of any atom

    @property
    def symbols(self) -> tuple[str, ...]:
        """The elements, one for each atom."""
        from rdkit import Chem

        table = Chem.GetPeriodicTable()
        return tuple(table.GetElementSymbol(number) for number in self.numbers)

    @property
    def kinds(self) -> tuple[int, ...]:
        """A number for each atom that tells elements and isotopes apart."""
        of = self.isotopes or (0,) * len(self.numbers)
        return tuple(1000 * number + isotope for number, isotope in zip(self.numbers, of, strict=True))

    def moved(self, positions: Any, *repairs: str) -> Geometry:
        """The same molecule at other positions (angstrom), with further repairs."""
        return replace(self, positions=positions, repairs=(*self.repairs, *repairs))

    def xyz(self) -> str:
        """The geometry as an XYZ block, in angstrom."""
        rows = [f"{s} {x:.6f} {y:.6f} {z:.6f}" for s, (x, y, z) in zip(self.symbols, self.positions, strict=True)]
        return "\n".join([str(len(rows)), "", *rows])


def is_xyz(structure: str) -> bool:
    """Whether a structure is an XYZ block: more than one line, where a SMILES has one."""
    return "\n" in structure.strip()


def read_xyz(block: str, *, charge: int | None = None, unpaired: int | None = None) -> Geometry:
    """A molecule from an XYZ block (angstrom): the number of atoms, a line of comment, a line for each atom.

    Charge is 0 and the number of unpaired electrons the least that fits, unless given.

    Raises:
        InputRefused: A line cannot be read, or two atoms lie on each other, which the message names; or ``unpaired``
            electrons are given, and there are not so many that they can be.
    """
    import numpy as np
    from rdkit import Chem

    lines = block.strip("\n").splitlines()
    try:
        count = int(lines[0])
    except ValueError:
        raise InputRefused(f"XYZ line 1 must be the number of atoms, got {lines[0]!r}") from None
    rows = [line for line in lines[2:] if line.strip()]
    if count < 1 or len(rows) != count:
        raise InputRefused(
            f"XYZ line 1 says {count} atoms, and {len(rows)} follow line 2, the comment; make them agree"
        )
    table = Chem.GetPeriodicTable()
    numbers, places, heavy = [], [], []
    for at, row in enumerate(rows, start=3):
        words = row.split()
        try:
            symbol = "H" if words[0] in _HYDROGENS else words[0]
            numbers.append(int(symbol) if symbol.isdigit() else _number_of(table, symbol))
            heavy.append(_HYDROGENS.get(words[0], 0))
            places.append([float(word) for word in words[1:4]])
        except (ValueError, RuntimeError):
            places.append([])
        if len(places[-1]) != 3 or not np.isfinite(places[-1]).all():
            raise InputRefused(f"XYZ line {at} must be an element and three coordinates in angstrom, got {row!r}")
    positions = np.array(places)
    if not all(map(_is_known, numbers)):
        raise InputRefused(f"XYZ: no parameters for element {max(numbers)}; elements go up to {_HEAVIEST}")
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2) + np.eye(count) * 9.0
    if apart.min() < 0.3:
        first, second = sorted(int(i) for i in np.unravel_index(apart.argmin(), apart.shape))
        raise InputRefused(
            f"XYZ: atoms {first + 1} and {second + 1} are {apart.min():.2f} angstrom apart; mend the geometry"
        )
    total = 0 if charge is None else charge
    if unpaired is not None and (wrong := _unfit(sum(numbers) - total, unpaired)):
        raise InputRefused(f"XYZ: the molecule {wrong}")
    alone, _ = _spin(sum(numbers) - total, unpaired or 0)
    return Geometry(tuple(numbers), positions, total, alone, (), isotopes=_if_any(heavy))


def embed(smiles: str, *, seed: int = 0, charge: int | None = None, unpaired: int | None = None) -> Geometry:
    """A conformer of the molecule, hydrogens added; what did not go as first tried is named in ``repairs``.

    Charge and number of unpaired electrons are those of the structure, unless given.

    Raises:
        InputRefused: The SMILES cannot be read, has several parts, or elements beyond radon; or its electrons are not
            so many that ``unpaired`` of them can be.
        EmbeddingFailed: No conformer could be embedded.
    """
    from rdkit import rdBase
    from rdkit.Chem import AllChem

    with rdBase.BlockLogs():
        molecule, canonical = read_smiles(smiles)
        repairs, unfit = _place(AllChem, molecule, smiles, seed_of(canonical, seed))
        geometry = at_conformer(molecule, -1, charge, repairs, unpaired)
        return _by_xtb(geometry, f"{unfit}, and UFF has no parameters either") if unfit else geometry


def read_smiles(smiles: str) -> tuple[Any, str]:
    """The molecule with its hydrogens as RDKit has it, without coordinates, and its canonical SMILES.

    Raises:
        InputRefused: As in ``embed``.
    """
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    if (problem := _why_not(molecule, smiles)) is not None:
        raise InputRefused(f"{problem.subject} {problem.rule}; {problem.remedy}")
    canonical = Chem.MolToSmiles(molecule)
    # The order of atoms moves the force field's minimum by 1e-5 eV, so it is made the same for every spelling.
    return _with_directions(Chem.AddHs(Chem.MolFromSmiles(canonical))), canonical


def _with_directions(molecule: Any) -> Any:
    """The molecule, told how five or six bonds of one atom point: RDKit lays those of PF6- on each other otherwise."""
    from rdkit import Chem

    shapes = {5: Chem.ChiralType.CHI_TRIGONALBIPYRAMIDAL, 6: Chem.ChiralType.CHI_OCTAHEDRAL}
    for atom in molecule.GetAtoms():
        if atom.GetDegree() in shapes and atom.GetChiralTag() == Chem.ChiralType.CHI_UNSPECIFIED:
            atom.SetChiralTag(shapes[atom.GetDegree()])
            atom.SetIntProp("_chiralPermutation", 1)
    return molecule


def _without_directions(molecule: Any) -> bool:
    """Take back what ``_with_directions`` told; whether there was anything."""
    from rdkit import Chem

    told = [atom for atom in molecule.GetAtoms() if atom.HasProp("_chiralPermutation") and atom.GetDegree() in (5, 6)]
    for atom in told:
        atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    return bool(told)


def foresee(
    request: Request, *, charge: int | None = None, unpaired: int | None = None, **_: Any
) -> tuple[Problem, ...]:
    """Why ``embed`` is certain to refuse the one structure of a request; nothing of an XYZ block."""
    return foresee_elements(request, charge=charge, unpaired=unpaired)


def foresee_elements(
    request: Request,
    elements: Collection[str] = (),
    of: str = "",
    *,
    charge: int | None = None,
    unpaired: int | None = None,
) -> tuple[Problem, ...]:
    """As ``foresee``; and where ``of`` knows ``elements`` alone, the first other one that the structure has."""
    from rdkit import Chem, rdBase

    structures = list(request.smiles.values())
    if len(structures) != 1 or is_xyz(structures[0]):
        return ()
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(structures[0])
    if (problem := _why_not(molecule, structures[0])) is not None:
        return (problem,)
    if (charge, unpaired) != (None, None):
        of_atoms = sum(a.GetAtomicNum() + a.GetTotalNumHs() for a in molecule.GetAtoms())
        total = Chem.GetFormalCharge(molecule) if charge is None else charge
        least = (of_atoms - total) % 2
        if wrong := _unfit(of_atoms - total, least if unpaired is None else unpaired):
            rule, _, remedy = wrong.partition("; ")
            return (Problem(f"SMILES {structures[0]!r}", rule, remedy),)
    there = {atom.GetSymbol() for atom in molecule.GetAtoms()}
    if of and (strange := sorted(there - set(elements))):
        rule, remedy = f"has {strange[0]}, which {of} does not know", "leave the molecule out"
        return (Problem(f"SMILES {structures[0]!r}", rule, remedy),)
    return ()


def _why_not(molecule: Any, smiles: str) -> Problem | None:
    """Why no geometry is made of a molecule that RDKit read (None where it could not), whatever the method."""
    from rdkit import Chem

    subject = f"SMILES {smiles!r}"
    if molecule is None or molecule.GetNumAtoms() == 0:
        return Problem(subject, "cannot be read", "mend it or leave the molecule out")
    if len(Chem.GetMolFrags(molecule)) > 1:
        from loop.molecules.salts import substance_of

        remedy = "keep the part that matters (standardise: {salts: strip} of a library does), or leave the molecule out"
        if substance_of(molecule) is molecule:
            remedy = "leave the molecule out: a complex, or what has no carbon, has no part to keep"
        return Problem(subject, "has separate parts, as a salt has", remedy)
    unknown = sorted({atom.GetSymbol() for atom in molecule.GetAtoms() if not _is_known(atom.GetAtomicNum())})
    if "*" in unknown:
        remedy = 'put an atom there, or leave the molecule out (filters: {forbid: "[#0]"} of a library does)'
        return Problem(subject, "has a dummy atom, *", remedy)
    if unknown:
        pattern = ",".join(f"#{Chem.GetPeriodicTable().GetAtomicNumber(symbol)}" for symbol in unknown)
        remedy = f'leave the molecule out (filters: {{forbid: "[{pattern}]"}} of a library does)'
        rule = f"has {', '.join(unknown)}, and there are no parameters for elements beyond radon"
        return Problem(subject, rule, remedy)
    if sum(a.GetAtomicNum() + a.GetTotalNumHs() for a in molecule.GetAtoms()) <= Chem.GetFormalCharge(molecule):
        return Problem(subject, "has no electrons", "leave the molecule out")
    return None


def at_conformer(
    molecule: Any, number: int, charge: int | None, repairs: Sequence[str], unpaired: int | None = None
) -> Geometry:
    """One conformer of an RDKit molecule (-1: the only one) with the charge and spin of its structure, unless given.

    Raises:
        InputRefused: ``unpaired`` electrons are given, and there are not so many that they can be.
    """
    from rdkit import Chem

    numbers = tuple(atom.GetAtomicNum() for atom in molecule.GetAtoms())
    total = Chem.GetFormalCharge(molecule) if charge is None else charge
    if unpaired is not None and (wrong := _unfit(sum(numbers) - total, unpaired)):
        raise InputRefused(f"the molecule {wrong}")
    radicals = sum(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms())
    alone, more = _spin(sum(numbers) - total, radicals if unpaired is None else unpaired)
    bonds = tuple((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds())
    isotopes = _if_any([atom.GetIsotope() for atom in molecule.GetAtoms()])
    positions = molecule.GetConformer(number).GetPositions()
    return Geometry(numbers, positions, total, alone, (*repairs, *more), bonds, isotopes)


def _place(all_chem: Any, molecule: Any, smiles: str, seed: int) -> tuple[list[str], str]:
    """Give the molecule coordinates; what had to be done differently, and why MMFF cannot where no force field can."""
    repairs = _embed(all_chem, molecule, smiles, seed)
    if molecule.GetNumAtoms() == 1:
        return repairs, ""
    unfit = why_not_mmff(all_chem, molecule)
    if not unfit:
        left = all_chem.MMFFOptimizeMolecule(molecule, maxIters=5000)
    elif all_chem.UFFHasAllMoleculeParams(molecule):
        repairs.append(f"optimised with UFF: {unfit}")
        left = all_chem.UFFOptimizeMolecule(molecule, maxIters=5000)
    else:
        return repairs, unfit
    if left != 0:
        repairs.append("force field not converged in 5,000 steps")
    return repairs, ""


def _by_xtb(geometry: Geometry, unfit: str) -> Geometry:
    """As embedded, which is rough where no force field knows the elements, and optimised by GFN2-xTB where that can."""
    if not (find_spec("tblite") and find_spec("geometric")):
        return geometry.moved(geometry.positions, f"not optimised: {unfit}; hakken[xtb] would do it")
    from adapters.compute.optimising import optimise
    from adapters.compute.tight_binding import Method, energy_and_gradient

    method = Method()
    try:
        found, _ = optimise(geometry, lambda at: energy_and_gradient(at, method))
    except EvaluationError as error:
        return geometry.moved(geometry.positions, f"not optimised: {unfit}, and by GFN2-xTB {error}")
    return found.moved(found.positions, f"optimised with GFN2-xTB: {unfit}")


def why_not_mmff(all_chem: Any, molecule: Any) -> str:
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
    if _without_directions(molecule) and all_chem.EmbedMolecule(molecule, parameters) == 0:
        return ["embedded without directions of five or six bonds at one atom"]
    parameters.useRandomCoords = True
    if all_chem.EmbedMolecule(molecule, parameters) == 0:
        return ["embedded from random coordinates"]
    parameters.useExpTorsionAnglePrefs = parameters.useBasicKnowledge = False
    if all_chem.EmbedMolecule(molecule, parameters) == 0:
        return ["embedded from random coordinates, without torsion preferences"]
    raise EmbeddingFailed(f"no conformer of {smiles!r} could be embedded; leave the molecule out")


def seed_of(canonical: str, seed: int) -> int:
    """A conformer's seed: the same molecule has the same conformer, in whatever order it is run."""
    return int.from_bytes(hashlib.sha256(f"{canonical} {seed}".encode()).digest()[:4], "big") & 0x7FFFFFFF


def _unfit(electrons: int, unpaired: int) -> str:
    """Why so many electrons cannot be unpaired; "" where they can."""
    if electrons < 1:
        return "has no electrons with that charge; give another charge, or leave it out"
    if unpaired > electrons or (electrons - unpaired) % 2:
        return (
            f"has {electrons} electrons, of which {unpaired} cannot be unpaired; give another number, or leave the "
            "molecule out"
        )
    return ""


def _spin(electrons: int, unpaired: int) -> tuple[int, list[str]]:
    """The number of unpaired electrons that fits, and what had to be said."""
    if (electrons - unpaired) % 2 or unpaired > electrons:
        return electrons % 2, [f"{electrons} electrons: calculated with {electrons % 2} unpaired"]
    return unpaired, []


def _if_any(isotopes: Sequence[int]) -> tuple[int, ...]:
    return tuple(isotopes) if any(isotopes) else ()


def _is_known(number: int) -> bool:
    return 1 <= number <= _HEAVIEST


def _number_of(table: Any, symbol: str) -> int:
    from rdkit import rdBase

    with rdBase.BlockLogs():
        return int(table.GetAtomicNumber(symbol.capitalize()))
