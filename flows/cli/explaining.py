"""``explain``: what atoms and fragments add to what is believed of molecules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from flows.cli.naming import Campaign, settings, typed
from flows.cli.screen import Json, Screen


def explain(
    campaign: Campaign,
    molecules: Annotated[
        list[str] | None,
        typer.Option("--molecule", "-m", help="Also a molecule, by its name or its SMILES, measured or not."),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=0, help="How many of the best measured molecules.")] = 3,
    as_json: Json = False,
) -> None:
    """Say what atoms and fragments add to what is believed of molecules, and what that rests on."""
    from flows import engine
    from loop.insight.explaining import called, domain_line, fragment_line, neighbour_line, predicted_line

    screen = Screen(as_json)
    found = engine.explain(settings(), campaign, top=top, also=molecules or ())
    screen.document({"campaign": campaign, "targets": found})
    if as_json:
        return
    if not found:
        screen.say(f"{campaign}: too little was measured to explain anything yet")
        screen.next_step(f"hakken status {typed(campaign)} says where it stands, and what to do")
        return
    for target in found:
        unit = f", in {target.unit}" if target.unit else ""
        screen.say(f"{target.target}{unit}, by {', '.join(target.by)}", bold=True)
        for one in target.molecules:
            screen.say(f"{called(one)}: {predicted_line(one, target)}", bold=True)
            for line in (fragment_line(one, ""), neighbour_line(one, target.unit, target.words), domain_line(one)):
                if line:
                    screen.say(f"  {line}")
            if not one.fragments:
                screen.say(f"  {_strongest(one.smiles, one.atoms)}")
    screen.next_step(f"hakken report {typed(campaign)} draws them with their atoms coloured")


def _strongest(smiles: str, adds: Sequence[float]) -> str:
    """The three atoms that add most, each with its element and its number in the SMILES, from 1."""
    from rdkit import Chem

    elements = [atom.GetSymbol() for atom in Chem.MolFromSmiles(smiles).GetAtoms()]
    first = sorted(range(len(adds)), key=lambda i: -abs(adds[i]))[:3]
    said = ", ".join(f"{elements[i]}{i + 1} {adds[i]:+.3g}" for i in first)
    return f"atoms that add most, counted from 1 in the SMILES: {said}"
