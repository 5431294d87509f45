"""``stop`` and ``resume``: end a campaign for now, or halt it for safety; and take it up again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from flows.cli.naming import Campaign, file_of, onward, settings, typed
from flows.cli.screen import Json, Screen
from loop.errors import LedgerError
from loop.wording import plural

_MOST: Final = 10_000  # safety stops that one range may name

Why = Annotated[str, typer.Option("--why", "--reason", help="The reason, kept on record.")]
By = Annotated[str | None, typer.Option("--by", help="Who says so; HAKKEN_USER or the login name if left out.")]


def stop(
    campaign: Campaign,
    why: Why = "stopped by a person",
    safety: Annotated[
        bool, typer.Option("--safety", help="For safety: at once, all campaigns of its bench; a named person lifts it.")
    ] = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """End a campaign: nothing more is planned or sent. What is on record stays, and what runs goes on.

    With --safety whoever is just sending is not waited for, and what runs is cancelled if the campaign file says so.
    """
    from flows import engine
    from flows.engine.looking.handouts import n_at_work, takes_in
    from flows.engine.looking.view import View
    from flows.wiring import open_record
    from loop.safety import lifting

    where, screen = settings(), Screen(as_json)
    who, it = by or where.by, typed(campaign)
    if safety:
        made, names, notes = engine.halt(where, campaign, by=who, why=why)
        screen.document({"campaign": campaign, "state": "halted", "stop": made, "halted": names, "notes": notes})
        screen.say(f"{', '.join(names)} halted for safety: {made.why} ({who})", bold=True)
        for note in notes:
            screen.say(f"note: {note}")
        only = f"; {' or '.join(made.may_lift)} may lift it" if made.may_lift else ""
        screen.next_step(f"{lifting(campaign, [made])} lifts it, when the laboratory is safe{only}")
        return
    engine.stop(where, campaign, by=who, why=why)
    (now,) = engine.status(where, campaign)
    screen.document({"campaign": campaign, "state": "stopped", "reason": why, "running": now.running})
    screen.say(f"{campaign} is stopped: {why}")
    with open_record(where) as ledger:
        view = View(ledger, campaign)
        n, takes = n_at_work(view), takes_in(view, it)
    if n:
        goes, result = ("goes", "its result") if n == 1 else ("go", "their results")
        screen.say(
            f"note: {plural(n, 'experiment')} that the laboratory has {goes} on, as nothing is called off there; "
            f"{takes} takes {result} in"
        )
    taken_up = onward(where, campaign, "goes on") if view.stops else f"hakken resume {it} takes it up again"
    screen.next_step(f"{taken_up}; hakken report {it} shows what it found")


def resume(
    campaign: Campaign,
    stops: Annotated[
        list[str] | None,
        typer.Option("--stop", metavar="NUMBER", help="A safety stop to lift, or several: 3-5; may be repeated."),
    ] = None,
    why: Why = "",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Take up a campaign that was stopped or is finished, or lift safety stops (then --by and --why are wanted)."""
    from flows import engine
    from flows.schedules import wake
    from loop.safety import told

    where, screen = settings(), Screen(as_json)
    numbers = _numbers(campaign, stops or [])
    (before,) = engine.status(where, campaign)
    lifted = engine.lift_halt(where, campaign, numbers, by=by, why=why) if numbers else ()
    if not numbers:
        engine.resume(where, campaign, by=by or where.by, why=why or "resumed by a person")
    (now,) = engine.status(where, campaign)
    others = [name for name in engine.let_go(where, lifted) if name != campaign]
    left = [stop_ for stop_ in engine.stops(where, campaign) if stop_.is_in_force]
    said = why or "resumed by a person"
    screen.document(
        {
            "campaign": campaign,
            "state": now.state,
            "reason": said,
            "lifted": lifted,
            "left": left,
            "also_lifted": others,
        }
    )
    for stop_ in lifted:
        screen.say(f"safety stop {stop_.number} lifted by {by}: {stop_.text}")
    if left:
        screen.say(f"{campaign} is still halted by {told(campaign, left)}")
    else:
        screen.say(f"{campaign} is {now.state}" + (" again" if now.state == "active" else ""))
    if others:
        screen.say(f"{', '.join(others)}: halted by {'it' if len(lifted) == 1 else 'them'} too, and no longer")
    for note in wake(where, campaign):
        screen.say(f"note: {note}")
    if left:
        screen.next_step(onward(where, campaign, "goes on"))
        return
    if now.state == "stopped":  # who lifts a stop does not take up what was stopped beside it
        screen.say(f"it had been stopped: {now.reason}")
    if before.state == "finished" or now.state == "finished":
        file = file_of(where, campaign) or "its campaign file"
        is_taken_up = now.state != "finished"
        screen.say(f"it had finished: {before.reason if is_taken_up else now.reason}")
        taken_up = "" if is_taken_up else f"hakken resume {typed(campaign)} takes it up, then "
        screen.next_step(
            f"{taken_up}hakken run {typed(campaign)} goes on, and ends at once where that still holds: change it in "
            f"{file} first"
        )
    else:
        screen.next_step(onward(where, campaign, "goes on"))


def _numbers(campaign: str, said: Sequence[str]) -> list[int]:
    """Numbers of safety stops, as they are typed: 3, or 3-5."""
    numbers: set[int] = set()
    for text in said:
        match = re.fullmatch(r"\s*(\d{1,9})(?:\s*-\s*(\d{1,9}))?\s*", text)
        low, high = (0, -1) if match is None else (int(match[1]), int(match[2] or match[1]))
        if not 0 <= high - low < _MOST:
            raise LedgerError(
                f"--stop {text!r} names no safety stop; it takes numbers, such as 3 or 3-5, and hakken decisions "
                f"{typed(campaign)} lists them"
            )
        numbers.update(range(low, high + 1))
    return sorted(numbers)
