"""Totals: energies of different molecules, of which the lowest says how many electrons there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from adapters.registry import laboratories_in, total_energies
from flows.engine.looking.resources import sample_experiments
from loop.objective import Goal
from loop.spec import build_objective

if TYPE_CHECKING:
    from loop.spec import CampaignSpec


def incomparable(spec: CampaignSpec) -> list[str]:
    """What is to be said of each target that is a total energy, where candidates have different atoms."""
    measured = laboratories_in(spec.laboratory.adapter, spec.laboratory.options)
    totals = frozenset[str]().union(*(total_energies(name, options) for name, options in measured))
    sought = [t for t in build_objective(spec).targets if t.name in totals and t.expression is None]
    sought = [t for t in sought if not t.is_only_measured and t.goal is not Goal.KEEP]
    if not sought or len(unlike := _of_other_atoms(spec)) < 2:
        return []
    (one, atoms), (other, others) = unlike
    return [
        f"{t.name} is a total energy, and those of different molecules cannot be compared: the lower one has more or "
        f"heavier atoms ({one} is {atoms}, {other} {others}). Aim at what compares them, such as atomisation_energy or "
        "reaction_energy of pyscf, or a gap; or leave isomers of one formula alone in the space"
        for t in sought
    ]


def _of_other_atoms(spec: CampaignSpec) -> Sequence[tuple[str, str]]:
    """Two candidates of one structure each that differ in their atoms or charge, by name and formula; else fewer."""
    from rdkit import Chem
    from rdkit.Chem.rdMolDescriptors import CalcMolFormula

    found: dict[str, str] = {}
    for experiment in sample_experiments(spec):
        structures = {name: smiles for name, smiles in experiment.smiles.items() if smiles}
        if len(structures) != 1:
            continue
        ((name, smiles),) = structures.items()
        if (molecule := Chem.MolFromSmiles(smiles)) is None:
            continue
        found.setdefault(CalcMolFormula(molecule), str(experiment.settings[name]))
        if len(found) > 1:
            break
    return [(name, formula) for formula, name in found.items()]
