"""Conformers of a molecule: embedded (ETKDG), relaxed by a force field, ranked by GFN2-xTB where tblite is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from adapters.compute.geometry import Geometry, at_conformer, embed, read_smiles, seed_of, why_not_mmff

if TYPE_CHECKING:
    from adapters.compute.tight_binding import Method

_KCAL: Final = 1 / 627.5094740631  # hartree
_ALIKE: Final = 5e-3  # relative difference of every sorted moment of inertia below which two conformers are one


@dataclass(frozen=True, slots=True)
class Conformer:
    """A geometry and its energy above the lowest of its search, in hartree."""

    geometry: Geometry
    above: float
    ranked_by: str  # "MMFF", "UFF", or xTB and its solvent


def search(
    smiles: str,
    *,
    count: int = 20,
    seed: int = 0,
    charge: int | None = None,
    unpaired: int | None = None,
    method: Method | None = None,
) -> tuple[Conformer, ...]:
    """Different conformers, lowest energy first: at most ``count``, and at least one.

    With tblite and geomeTRIC each is optimised by GFN2-xTB (``method``, which may have a solvent) and ranked by its
    energy; without, the force field ranks.

    Raises:
        InputRefused, EmbeddingFailed: As in ``geometry.embed``.
    """
    geometries, energies, field = _force_field(smiles, count, seed, charge, unpaired)
    if find_spec("tblite") and find_spec("geometric"):
        from adapters.compute.tight_binding import Method

        method = method or Method()
        return _ranked(*_by_xtb(geometries, method), str(method))
    return _ranked(geometries, energies, field)


def told_of_search(found: Sequence[Conformer], count: int) -> dict[str, Any]:
    """What a search among so many embedded conformers found, as an evaluation's details have it."""
    return {
        "embedded": count,
        "different": len(found),
        "ranked_by": found[0].ranked_by,
        "above": [round(c.above, 6) for c in found],
    }


def _force_field(
    smiles: str, count: int, seed: int, charge: int | None, unpaired: int | None
) -> tuple[list[Geometry], list[float], str]:
    """Geometries relaxed by a force field, their energies in hartree, and its name."""
    from rdkit import rdBase

    all_chem: Any = import_module("rdkit.Chem.AllChem")

    with rdBase.BlockLogs():
        molecule, canonical = read_smiles(smiles)
        parameters = all_chem.ETKDGv3()
        parameters.randomSeed, parameters.maxIterations = seed_of(canonical, seed), 50
        parameters.pruneRmsThresh, parameters.onlyHeavyAtomsForRMS = 0.1, False  # angstrom
        found = list(all_chem.EmbedMultipleConfs(molecule, count, parameters)) if count > 1 else []
        if not found or molecule.GetNumAtoms() == 1:
            return [embed(smiles, seed=seed, charge=charge, unpaired=unpaired)], [0.0], "MMFF"
        unfit = why_not_mmff(all_chem, molecule)
        if unfit and not all_chem.UFFHasAllMoleculeParams(molecule):
            return [embed(smiles, seed=seed, charge=charge, unpaired=unpaired)], [0.0], "UFF"
        relax = all_chem.UFFOptimizeMoleculeConfs if unfit else all_chem.MMFFOptimizeMoleculeConfs
        energies = [energy * _KCAL for _, energy in relax(molecule, maxIters=5000)]
        repairs = [f"optimised with UFF: {unfit}"] if unfit else []
        geometries = [at_conformer(molecule, number, charge, repairs, unpaired) for number in found]
    return geometries, energies, "UFF" if unfit else "MMFF"


def _by_xtb(geometries: Sequence[Geometry], method: Method) -> tuple[list[Geometry], list[float]]:
    """The geometries optimised by xTB and their energies.

    One that fails, or ends in another molecule (whose energy may well be lower), is left out while another remains.
    """
    from adapters.compute.bonding import rearranged
    from adapters.compute.optimising import optimise
    from adapters.compute.tight_binding import energy_and_gradient
    from adapters.errors import EvaluationError

    surface: Callable[[Geometry], tuple[float, Any]] = lambda at: energy_and_gradient(at, method)  # noqa: E731
    done: list[tuple[Geometry, float]] = []
    for geometry in geometries:
        try:
            relaxed, _ = optimise(geometry, surface)
            done.append((relaxed, surface(relaxed)[0]))
        except EvaluationError:
            continue
    done = [one for one in done if not rearranged(one[0])] or done
    if not done:
        lost = geometries[0].moved(geometries[0].positions, "GFN2-xTB optimised none of the conformers")
        return [lost], [0.0]
    return [geometry for geometry, _ in done], [energy for _, energy in done]


def _ranked(geometries: Sequence[Geometry], energies: Sequence[float], by: str) -> tuple[Conformer, ...]:
    """Lowest first; of conformers with the same moments of inertia and energy one is kept."""
    from adapters.compute.dft.thermo import isotope_masses, moments

    lowest = min(energies)
    kept: list[tuple[Any, Conformer]] = []
    for at in np.argsort(energies, kind="stable"):
        geometry, above = geometries[at], energies[at] - lowest
        inertia, _ = moments(isotope_masses(geometry.numbers), geometry.positions)
        is_new = all(
            above - other.above > 0.05 * _KCAL or np.abs(inertia / np.maximum(theirs, 1e-3) - 1).max() > _ALIKE
            for theirs, other in kept
        )
        if is_new:
            kept.append((inertia, Conformer(geometry, float(above), by)))
    return tuple(conformer for _, conformer in kept)
