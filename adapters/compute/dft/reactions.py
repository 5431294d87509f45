"""Energies of reactions, written as SMARTS or between given structures, and their barriers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adapters.compute.constants import HARTREE_KCAL
from adapters.compute.dft.given import read_given
from adapters.compute.dft.scf import Solution
from adapters.compute.dft.thermo import frequencies, isotope_masses
from adapters.compute.dft.treatment import IMAGINARY, Notes, Treatment, second_derivatives, settle
from adapters.compute.geometry import Geometry, embed, is_xyz
from adapters.compute.optimising import optimise
from adapters.errors import ImaginaryMode, InputRefused
from loop.wording import plural


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a molecule becomes, and what it takes for that; structures are SMILES or XYZ blocks."""

    partners: tuple[str, ...]  # the other reactants
    products: tuple[str, ...]
    conformers: int = 1
    seed: int = 0
    saddle: Geometry | None = None  # near the saddle point

    def energies(
        self, of_molecule: float, wanted: Collection[str], treatment: Treatment, notes: Notes
    ) -> dict[str, tuple[float, str]]:
        """``reaction_energy`` and ``barrier`` as wanted, in kcal/mol; each structure is treated as the molecule was.

        Raises:
            NotConverged: SCF or optimisation of one.
            ImaginaryMode: The saddle point has no imaginary mode, or more than one.
        """
        said = notes.details.setdefault("reaction", {"partners": [], "products": []})
        low = of_molecule + sum(
            self._of(structure, f"partner {at}", said["partners"], treatment, notes)
            for at, structure in enumerate(self.partners, start=1)
        )
        found = {}
        if "reaction_energy" in wanted:
            high = sum(
                self._of(structure, f"product {at}", said["products"], treatment, notes)
                for at, structure in enumerate(self.products, start=1)
            )
            found["reaction_energy"] = ((high - low) * HARTREE_KCAL, "kcal/mol")
        if "barrier" in wanted and self.saddle is not None:
            saddle, wavenumber, top = saddle_point(self.saddle, treatment, notes)
            found["barrier"] = ((float(top.mean_field.e_tot) - low) * HARTREE_KCAL, "kcal/mol")
            notes.details["saddle"] = {
                "imaginary_wavenumber": round(-wavenumber, 1),  # 1/cm
                "charge": saddle.charge,
                "unpaired": saddle.unpaired,
                "xyz": saddle.xyz(),
            }
        return found

    def _of(self, structure: str, name: str, said: list[str], treatment: Treatment, notes: Notes) -> float:
        """Its energy in hartree; ``said`` gets its SMILES, or where it was given as XYZ the geometry found."""
        its = Notes()
        geometry, start = settle(
            _start(structure, self.conformers, self.seed, treatment.solver.solvent), treatment, its
        )
        solution = treatment.solver.solve(geometry, start=start)
        its.took(solution)
        its.repairs[:0] = geometry.repairs
        notes.took_in(its, name if is_xyz(structure) else structure)
        notes.bound(geometry, structure)
        said.append(geometry.xyz() if is_xyz(structure) else structure)
        return float(solution.mean_field.e_tot)


def read_reaction(smiles: str, smarts: str, partners: Sequence[str], *, conformers: int = 1, seed: int = 0) -> Reaction:
    """The products that a reaction makes of a molecule and its partners.

    Raises:
        InputRefused: As ``possible_products``; or the SMARTS does not fit the molecule, or allows several different
            products.
    """
    sets = possible_products(smiles, smarts, partners)
    if len(sets) != 1:
        why = "does not fit" if not sets else f"makes {len(sets)} different products of"
        raise InputRefused(f"reaction {smarts!r} {why} {smiles!r}; make it say which atoms react")
    return Reaction(tuple(partners), next(iter(sets)), conformers, seed)


def possible_products(smiles: str, smarts: str, partners: Sequence[str]) -> set[tuple[str, ...]]:
    """Each set of products that a reaction can make of a molecule and its partners, as SMILES.

    Raises:
        InputRefused: The SMARTS or a reactant cannot be read, or it has another number of reactants.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdChemReactions

    if any(map(is_xyz, (smiles, *partners))):
        raise InputRefused("a reaction needs the reactants as SMILES; where they are XYZ blocks give the 'products'")
    with rdBase.BlockLogs():
        try:
            reaction = rdChemReactions.ReactionFromSmarts(smarts)
        except ValueError:
            raise InputRefused(f"reaction {smarts!r} is no SMARTS that RDKit can read") from None
        molecules = [Chem.MolFromSmiles(s) for s in (smiles, *partners)]
        for text, molecule in zip((smiles, *partners), molecules, strict=True):
            if molecule is None:
                raise InputRefused(f"SMILES {text!r} cannot be read; mend it or leave the molecule out")
        if (needs := reaction.GetNumReactantTemplates()) != len(molecules):
            raise InputRefused(
                f"reaction {smarts!r} has {plural(needs, 'reactant')}; give {plural(needs - 1, 'partner')}"
            )
        reaction.Initialize()
        return {_named(Chem, made) for made in reaction.RunReactants(tuple(molecules))}


def saddle_point(guess: Geometry, treatment: Treatment, notes: Notes) -> tuple[Geometry, float, Solution]:
    """The saddle point nearest to ``guess``, its imaginary mode (1/cm, negative), and the field there.

    Raises:
        NotConverged: SCF or optimisation.
        ImaginaryMode: What was found has no imaginary mode, or more than one; start from another guess.
    """
    its, solver = Notes(), treatment.optimiser

    def solved(at: Geometry, where: str) -> Solution:
        solution = solver.solve(at)
        its.took(solution, where)
        return solution

    def surface(at: Geometry) -> tuple[float, Any]:
        solution = solved(at, "while optimising")
        return float(solution.mean_field.e_tot), solution.gradient()

    saddle, its.details["steps"] = optimise(
        guess,
        surface,
        steps=treatment.steps,
        criteria=treatment.criteria,
        is_saddle=True,
        hessian=second_derivatives(solved(guess, "second derivatives of the guess")),
    )
    solution = solved(saddle, "second derivatives")
    waves, _ = frequencies(
        isotope_masses(saddle.numbers, saddle.isotopes), saddle.positions, second_derivatives(solution)
    )
    if (count := int(np.sum(waves < -IMAGINARY))) != 1:
        found = [round(float(-wave), 1) for wave in waves if wave < -IMAGINARY]
        raise ImaginaryMode(
            f"the saddle point has {count} imaginary modes and needs one; start from another guess",
            details={"imaginary_wavenumbers": found},  # 1/cm
        )
    top = treatment.solver.solve(saddle)
    its.took(top)
    its.repairs[:0] = guess.repairs
    notes.took_in(its, "saddle point")
    notes.details["steps"] = notes.details.get("steps", 0) + its.details["steps"]
    return saddle, float(waves[0]), top


def _start(smiles: str, conformers: int, seed: int, solvent: str | None) -> Geometry:
    if is_xyz(smiles):
        return read_given(smiles)
    if conformers == 1:
        return embed(smiles, seed=seed)
    from adapters.compute.conformers import search
    from adapters.compute.tight_binding import in_solvent_of

    return search(smiles, count=conformers, seed=seed, method=in_solvent_of(solvent)[0])[0].geometry


def _named(chem: Any, made: Sequence[Any]) -> tuple[str, ...]:
    for product in made:
        chem.SanitizeMol(product)
    return tuple(sorted(chem.MolToSmiles(product) for product in made))
