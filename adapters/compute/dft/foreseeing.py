"""What ``evaluate`` and ``evaluate_given`` are certain to refuse, told without PySCF."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.compute import geometry
from adapters.compute.dft.properties import ATOMS
from adapters.compute.evaluation import Request
from adapters.errors import InputRefused
from loop.contracts import Problem


def foresee(
    request: Request, *, properties: Sequence[str], reaction: str | None, partners: Sequence[str], **options: Any
) -> Sequence[Problem]:
    """Why no geometry, no atomisation energy or no product can be had of the structure.

    Whether the basis has each element is PySCF's to know.
    """
    if found := geometry.foresee(request, **options):
        return found
    if set(properties) & set(ATOMS):
        found = geometry.foresee_elements(request, _atoms(), of="our table of free atoms (for atomisation energies)")
    if found or reaction is None or len(request.smiles) != 1:
        return found
    return _misfit(next(iter(request.smiles.values())), reaction, partners)


def foresee_given(
    request: Request, *, parameter: str, given: Mapping[str, Mapping[str, Any]], **_: Any
) -> Sequence[Problem]:
    """Why nothing can be computed for the option: nothing is given for it."""
    if (option := str(request.settings.get(parameter))) in given:
        return ()
    return (Problem(f"{parameter} {option!r}", "has no structure given", "add it to 'given', or take the option out"),)


def _atoms() -> list[str]:
    from rdkit import Chem

    from adapters.compute.dft.atoms import UNPAIRED  # brings SciPy: only where it is asked for

    return [Chem.GetPeriodicTable().GetElementSymbol(number) for number in UNPAIRED]


def _misfit(smiles: str, reaction: str, partners: Sequence[str]) -> Sequence[Problem]:
    from adapters.compute.dft.reactions import possible_products

    try:
        n = len(possible_products(smiles, reaction, partners))
    except InputRefused as error:
        rule, _, remedy = str(error).partition("; ")
        return (Problem("option 'reaction'", rule, remedy or "mend it"),)
    if n == 1:
        return ()
    rule = "is no reactant of the reaction" if not n else "has several products by the reaction"
    return (Problem(f"SMILES {smiles!r}", rule, "make its SMARTS say which atoms react, or leave the molecule out"),)
