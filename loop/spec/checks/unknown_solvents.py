"""Solvents of a recipe that no rule of hazards can know, since nobody says what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loop.spec.models import CampaignSpec


def unknown_solvents(spec: CampaignSpec) -> list[str]:
    """What is to be said of each solvent of which neither a structure nor a kind of hazard is known."""
    from loop.recipe.solvents import structure_of
    from loop.spec.recipe.building import build_recipe

    recipe = build_recipe(spec)
    if recipe is None:
        return []
    named = dict.fromkeys(stock.solvent for stock in recipe.stocks.values() if stock.solvent)
    return [
        f"solvent {name!r} of the recipe has no structure that is known, so that no rule of hazards and no boiling "
        f"point is looked at for it; write solvents: {{{name}: SMILES}} under recipe, or correct the name"
        for name in named
        if structure_of(name, recipe.solvents) is None
        and not ((stock := recipe.stocks.get(name)) and (stock.smiles or stock.kinds))
    ]
