"""``window``: how far each setting of a candidate may be off before what is asked of it is in doubt."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Final

import typer

from flows.cli.naming import Campaign, settings, typed
from flows.cli.screen import Json, Screen, computing

if TYPE_CHECKING:
    from loop.insight.window import Range, Window

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
    screen.say(f"asked: {'; '.join(found.asked)}; with a chance of at least {chance:g} ({found.here:.2f} there)")
    it = typed(campaign)
    if found.here < chance:
        screen.say("so no setting may be off at all: where it is set that is too much in doubt already")
        step = f"hakken window {it} --at NAME=VALUE looks elsewhere, --chance less asks for less"
        if found.strayed is None:
            step += "; a tolerance of its numbers in the campaign file has candidates chosen that allow for it"
        screen.next_step(step)
        return
    if not found.ranges:
        screen.say("none of its numbers can be a little off: parts of mixtures and what is not used are left out")
        screen.next_step(f"hakken window {it} --at NAME=VALUE looks elsewhere")
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
        again = " --again" if found.measured else ""
        screen.next_step(f"measure where it is most in doubt: hakken pin {it} {corner}{again} --why {typed(WHY)}")
    else:
        less = f"hakken window {it} --chance {chance / 2:.2g}"
        screen.next_step(f"{less} asks for less; more results near it would tell more")


def _row(one: Range) -> tuple[str, str, str, str, str]:
    unit = f" {one.unit}" if one.unit else ""
    breaks = [f"{b} {side}" for b, side in ((one.low_breaks, "below"), (one.high_breaks, "above")) if b]
    low, high = (f"{_shown(end, one)}{unit}" for end in (one.low, one.high))
    return one.name, f"{one.at:.6g}{unit}", low, high, ", ".join(breaks) or "nothing within the space"


def _together(found: Window) -> str:
    if not found.together:
        return "all of them at once: not even by a twentieth of these ranges"
    parts = []
    for one in found.ranges:
        low, high = (_shown(end, one) for end in found.boxed[one.name])
        parts.append(f"{one.name} {low} to {high} {one.unit}".rstrip())
    return f"all of them at once: by {found.together:.0%} of these ranges ({', '.join(parts)})"


def _shown(value: float, one: Range) -> str:
    """A value in four digits, or as many as tell a hundredth of a range apart."""
    width = abs(value) / (one.high - one.low) if one.high > one.low else 1.0
    digits = max(4, math.ceil(math.log10(width)) + 3) if width > 0.0 else 4
    return f"{float(f'{value:.{digits}g}'):.12g}"


def _plain(value: str | float) -> str:
    return f"{value:.12g}" if isinstance(value, float) else value
