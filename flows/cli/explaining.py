"""``explain``: what atoms and fragments add to what is believed of molecules, and parameters to that of conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from flows.cli.naming import Campaign, settings, typed
from flows.cli.screen import Json, Screen, computing
from loop.errors import PlanError
from loop.wording import in_digits, in_places, plural, signed_in_places

if TYPE_CHECKING:
    from loop.insight.designed import Designed
    from loop.insight.statements import Adds, Influence, Reliance

FEW: Final = 8  # values of a parameter that are all shown


def explain(
    campaign: Campaign,
    molecules: Annotated[
        list[str] | None,
        typer.Option("--molecule", "-m", help="Also a molecule, by its name or its SMILES, measured or not."),
    ] = None,
    top: Annotated[
        int, typer.Option("--top", min=0, help="How many of the best measured molecules, or values at either end.")
    ] = 3,
    as_json: Json = False,
) -> None:
    """Say what atoms and fragments add to what is believed of molecules, and what that rests on.

    Of conditions: how much of what is believed follows each parameter, and what its values add.
    """
    from flows import engine

    where, screen = settings(), Screen(as_json)
    if not molecules and not engine.is_about_molecules(where, campaign):
        with computing():
            by_design = engine.told_by_design(where, campaign)
            try:
                found, why_not = engine.rests_on(where, campaign), ""
            except PlanError as error:
                if not by_design:
                    raise
                found, why_not = (), str(error)
        screen.document({"campaign": campaign, "targets": found, "designed": by_design})
        if why_not and not as_json:
            screen.say(f"note: {why_not}")
        if not as_json:
            _show_parameters(screen, campaign, found, by_design, top)
        return
    _explain_molecules(screen, campaign, molecules or (), top)


def _explain_molecules(screen: Screen, campaign: str, molecules: Sequence[str], top: int) -> None:
    from flows import engine
    from loop.insight.explaining import called, chances_line, domain_line, fragment_line, neighbour_line, predicted_line

    found = engine.explain(settings(), campaign, top=top, also=molecules)
    screen.document({"campaign": campaign, "targets": found})
    if screen.as_json:
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
        if line := chances_line(target):
            screen.say(f"note: {line}")
    screen.next_step(f"hakken report {typed(campaign)} draws them with their atoms coloured")


def _strongest(smiles: str, adds: Sequence[float]) -> str:
    """The three atoms that add most, each with its element and its number in the SMILES, from 1."""
    from rdkit import Chem

    elements = [atom.GetSymbol() for atom in Chem.MolFromSmiles(smiles).GetAtoms()]
    first = sorted(range(len(adds)), key=lambda i: -abs(adds[i]))[:3]
    said = ", ".join(f"{elements[i]}{i + 1} {adds[i]:+.3g}" for i in first)
    return f"atoms that add most, counted from 1 in the SMILES: {said}"


def _show_parameters(
    screen: Screen, campaign: str, found: Sequence[Reliance], by_design: Sequence[Designed], top: int
) -> None:
    from loop.insight.saying import reliance_notes

    for one in found:
        screen.say(f"{one.target}: {plural(one.results, 'result')}, believed by {one.model}", bold=True)
        if one.parameters:
            over = f"of the variance over {one.candidates:,} candidates, interactions included"
            screen.say(f"what follows each parameter, {over}:")
            several = len(one.members) > 1
            screen.table(
                ["parameter", "share", "90 %", *(["by model"] if several else []), "by itself"],
                [_row(p, several) for p in one.parameters],
            )
            of_what = f", in {one.unit}" if one.unit else ""
            screen.say(f"what their values add{of_what}, and the mean of what was measured with them:")
        for p in one.parameters:
            if p.adds:
                some = f" ({len(p.adds)} of {p.values} looked at)" if len(p.adds) < p.values else ""
                near = " near it" if p.is_nearest else ""
                screen.table(
                    [p.parameter + some, "adds", "90 %", f"tried{near}", f"measured{near}"],
                    [_adds_row(a) for a in _ends(p, top)],
                )
        for line in reliance_notes(one):
            screen.say(f"note: {line}")
    if found:
        screen.say(
            "This is what models make of experiments that were chosen to find the best, and shows no cause: only "
            "experiments that change one thing alone do."
        )
    for told in by_design:
        _show_design(screen, told)
    it = typed(campaign)
    screen.next_step(
        f"hakken pairs {it} says what experiments that differ in one thing alone tell, and plans more of them; hakken "
        f"predict {it} says what is expected of any"
    )


def _show_design(screen: Screen, told: Designed) -> None:
    from loop.insight.saying import design_notes, why_effects

    unit = f", in {told.unit}" if told.unit else ""
    of = f"{plural(told.experiments, 'result')} of {told.design}{unit}"
    screen.say(f"{told.target} by the first design alone ({of})", bold=True)
    if told.effects:
        screen.say(why_effects(told))
        screen.table(
            ["of", "change", "95 %", "by scatter alone", ""],
            [
                (
                    one.term,
                    signed_in_places(one.change, (one.high - one.low) / 2),
                    f"{in_places(one.low, reach)} to {in_places(one.high, reach)}",
                    "" if one.chance is None else f"{one.chance:.2g}",
                    one.what,
                )
                for one in told.effects
                for reach in [(one.high - one.low) / 2]
            ],
        )
    for line in design_notes(told):
        screen.say(f"note: {line}")


def _row(p: Influence, has_several: bool) -> list[object]:
    several = [f"{p.least:.2f} to {p.most:.2f}"] if has_several else []
    alone = "" if p.alone is None else f"{p.alone:.2f}"
    return [p.parameter, f"{p.share:.2f}", f"{p.low:.2f} to {p.high:.2f}", *several, alone]


def _ends(p: Influence, top: int) -> Iterator[Adds]:
    """All values of a number and where they are few, else those that add most and least."""
    if p.is_of_number or len(p.adds) <= max(FEW, 2 * top):
        yield from p.adds
        return
    yield from p.adds[:top]
    yield from p.adds[len(p.adds) - top :]


def _adds_row(one: Adds) -> list[object]:
    low, high = one.low, one.high
    doubt = (high - low) / 2
    within = f"{in_places(low, doubt)} to {in_places(high, doubt)}"
    signed = signed_in_places(one.mean, doubt)
    value = [] if one.measured is None else [in_digits(one.measured, 4)]
    limits = [plural(one.limits, "limit")] if one.limits else []
    return [one.label, signed, within, one.tried, ", ".join([*value, *limits])]
