"""``compare``: by how much the believed best is better than another candidate, such as the process of today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from flows.cli.naming import Campaign, conditions, settings, typed
from flows.cli.screen import Json, Screen, computing

if TYPE_CHECKING:
    from loop.insight.statements import Comparison

WHY: Final = "to tell it from another"
SURE: Final = 0.95  # from which on no more is measured of the two


def compare(
    campaign: Campaign,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", help="What is other there, such as ligand=PPh3; give every one of today's process."),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option("--at", help="Such as temperature=80: the believed best with that changed is compared."),
    ] = None,
    by: Annotated[
        list[str] | None, typer.Option("--by", help="How much better it has to be to be worth it: 5, or yield=5.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say by how much the believed best is better than another candidate, with an interval, and the chance that it is.

    Nothing is recorded or sent. What is said is of true values, by what is believed now.
    """
    from flows import engine
    from flows.shown.comparisons import compared_lines

    where, screen = settings(), Screen(as_json)
    with computing():
        found = engine.compare(where, campaign, to=to or (), at=at or (), by=by or ())
    screen.document({"campaign": campaign, "comparison": found})
    if as_json:
        return
    screen.say(f"{found.labels[0]} against {found.labels[1]}", bold=True)
    for line in (*compared_lines(found), *(f"note: {note}" for note in found.notes)):
        screen.say(line)
    screen.say(f"by {found.model}; of the true values, without the noise of a new measurement")
    screen.next_step(_next(campaign, found))


def _next(campaign: str, found: Comparison) -> str:
    """What to do about the doubt that is left: the less measured of the two once more, or nothing."""
    it = typed(campaign)
    chances = [c for one in found.targets if (c := one.better if one.enough is None else one.enough) is not None]
    if not any(1 - SURE < chance < SURE for chance in chances):
        return f"hakken report {it} draws all that is believed"
    place = min((0, 1), key=lambda i: (found.measured[i] != "", found.measured[i] != "once", i != 1))
    again = " --again" if found.measured[place] else ""
    pin = f"hakken pin {it} {conditions(found.settings[place])}{again} --why {typed(WHY)}"
    return f"measuring one of them tells more: {pin}"
