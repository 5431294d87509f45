"""``window``: how far each setting of a candidate may be off before what is asked of it is in doubt."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from flows.cli.naming import Campaign, conditions, settings, typed
from flows.cli.screen import Json, Screen, computing
from flows.shown.windows import asked_line, instead_lines, range_words, strayed_line, together_line

WHY: Final = "most in doubt in the operating window"


def window(
    campaign: Campaign,
    at: Annotated[
        list[str] | None,
        typer.Option("--at", help="Such as temperature=80: the believed best with that changed."),
    ] = None,
    loses: Annotated[
        list[str] | None,
        typer.Option("--loses", help="How much worse a target may be than there, beside thresholds: 5, or yield=5."),
    ] = None,
    chance: Annotated[float, typer.Option("--chance", min=0.001, max=0.999, help="How sure that has to be.")] = 0.9,
    as_json: Json = False,
) -> None:
    """Say how far each setting of the believed best may be off, alone and all at once, before thresholds are in doubt.

    Nothing is recorded or sent. Chances are of the true values, by what is believed now.
    """
    from flows import engine

    where, screen = settings(), Screen(as_json)
    with computing():
        found = engine.window(where, campaign, at=at or (), loses=loses or (), chance=chance)
    screen.document({"campaign": campaign, "window": found})
    if as_json:
        return
    screen.say(f"about {found.label}", bold=True)
    screen.say(asked_line(found))
    it = typed(campaign)
    if found.here < chance:
        doubt = "more likely missed than not" if found.here < 0.5 else "too much in doubt already"
        screen.say(f"so no setting may be off at all: where it is set, {found.doubt} is {doubt}")
        step = f"hakken window {it} --at NAME=VALUE looks elsewhere, --chance less asks for less"
        if found.strayed is None:
            step += "; a tolerance of its numbers in the campaign file has candidates chosen that allow for it"
        screen.next_step(step)
        return
    if not found.ranges:
        screen.say("none of its numbers can be a little off: those with a fixed sum and what is not used are left out")
        screen.next_step(f"hakken window {it} --at NAME=VALUE looks elsewhere")
        return
    screen.table(
        ["each by itself", "set to", "from", "to", "beyond it breaks first"], [range_words(one) for one in found.ranges]
    )
    for line in (together_line(found), *strayed_line(found), *instead_lines(found)):
        screen.say(line)
    screen.say(f"by {found.model}; of the true values, without the noise of a new measurement")
    if found.worst is not None:
        again = " --again" if found.measured else ""
        screen.next_step(
            f"measure where it is most in doubt: hakken pin {it} {conditions(found.worst)}{again} --why {typed(WHY)}"
        )
    else:
        less = f"hakken window {it} --chance {chance / 2:.2g}"
        screen.next_step(f"{less} asks for less; more results near it would tell more")
