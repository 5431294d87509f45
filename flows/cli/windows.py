"""``window``: how far each setting of a candidate may be off before what is asked of it is in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.naming import Campaign, settings, typed
from flows.cli.screen import Json, Screen, computing

if TYPE_CHECKING:
    from loop.insight.window import Range, Window


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
    screen.say(f"asked: {'; '.join(found.asked)}; with a chance of at least {chance:g} ({found.here:.2f} there)")
    it = typed(campaign)
    if not found.ranges:
        screen.say("so no setting may be off at all: where it is set that is too much in doubt already")
        screen.next_step(
            f"hakken window {it} --at NAME=VALUE looks elsewhere, --chance less asks for less; a tolerance of its "
            "numbers in the campaign file has candidates chosen that allow for it"
        )
        return
    screen.table(
        ["each by itself", "set to", "from", "to", "beyond it breaks first"], [_row(one) for one in found.ranges]
    )
    screen.say(_together(found))
    if found.strayed is not None:
        screen.say(f"where settings stray ({found.straying} by the campaign file), it is {found.strayed:.2f} or more")
    for name, options in found.instead.items():
        screen.say(f"{name} may be {' or '.join(options)} as well" if options else f"no other {name} keeps it")
    screen.say(f"by {found.model}; of the true values, without the noise of a new measurement")
    if found.worst is not None:
        corner = " ".join(f"--where {typed(f'{name}={_plain(value)}')}" for name, value in found.worst.items())
        screen.next_step(f"measure where it is most in doubt: hakken pin {it} {corner}")
    else:
        screen.next_step(f"hakken window {it} --chance 0.8 asks for less; more results near it would tell more")


def _row(one: Range) -> tuple[str, str, str, str, str]:
    unit = f" {one.unit}" if one.unit else ""
    breaks = [f"{b} {side}" for b, side in ((one.low_breaks, "below"), (one.high_breaks, "above")) if b]
    low, high = (f"{end:.4g}{unit}" for end in (one.low, one.high))
    return one.name, f"{one.at:.4g}{unit}", low, high, ", ".join(breaks) or "nothing within the space"


def _together(found: Window) -> str:
    if not found.together:
        return "all of them at once: not even by a twentieth of these ranges"
    units = {one.name: f" {one.unit}" if one.unit else "" for one in found.ranges}
    parts = [f"{name} {low:.4g} to {high:.4g}{units[name]}" for name, (low, high) in found.boxed.items()]
    return f"all of them at once: by {found.together:.0%} of these ranges ({', '.join(parts)})"


def _plain(value: str | float) -> str:
    return f"{value:.6g}" if isinstance(value, float) else value
