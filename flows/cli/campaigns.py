"""``stop`` and ``resume``: end a campaign for now, or halt it for safety; and take it up again."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli.naming import Campaign, file_of, onward, settings, typed
from flows.cli.screen import Json, Screen
from loop.wording import plural

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

    where, screen = settings(), Screen(as_json)
    who, it = by or where.by, typed(campaign)
    if safety:
        made, names, notes = engine.halt(where, campaign, by=who, why=why)
        screen.document({"campaign": campaign, "state": "halted", "stop": made, "halted": names, "notes": notes})
        screen.say(f"{', '.join(names)} halted for safety: {made.why} ({who})", bold=True)
        for note in notes:
            screen.say(f"note: {note}")
        screen.next_step(f"hakken resume {it} --by NAME --why REASON lifts it, when the laboratory is safe")
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
    screen.next_step(f"hakken resume {it} takes it up again; hakken report {it} shows what it found")


def resume(campaign: Campaign, why: Why = "", by: By = None, as_json: Json = False) -> None:
    """Take up a campaign that was stopped or is finished, or lift a safety stop (then --by and --why are wanted)."""
    from flows import engine
    from flows.schedules import wake

    where, screen = settings(), Screen(as_json)
    (before,) = engine.status(where, campaign)
    lifted = engine.lift_halt(where, campaign, by=by, why=why)
    if not lifted:
        engine.resume(where, campaign, by=by or where.by, why=why or "resumed by a person")
    (now,) = engine.status(where, campaign)
    others = [name for name in engine.let_go(where, lifted) if name != campaign]
    said = why or "resumed by a person"
    screen.document({"campaign": campaign, "state": now.state, "reason": said, "lifted": lifted, "also_lifted": others})
    for stop_ in lifted:
        screen.say(f"safety stop lifted by {by}: {stop_.text}")
    screen.say(f"{campaign} is {now.state}" + (" again" if now.state == "active" else ""))
    if others:
        screen.say(f"{', '.join(others)}: halted by it too, and no longer")
    for note in wake(where, campaign):
        screen.say(f"note: {note}")
    if before.state == "finished" or now.state == "finished":
        file = file_of(where, campaign) or "its campaign file"
        is_taken_up = now.state != "finished"  # who lifts a stop does not take up what had finished before it
        screen.say(f"it had finished: {before.reason if is_taken_up else now.reason}")
        taken_up = "" if is_taken_up else f"hakken resume {typed(campaign)} takes it up, then "
        screen.next_step(
            f"{taken_up}hakken run {typed(campaign)} goes on, and ends at once where that still holds: change it in "
            f"{file} first"
        )
    else:
        screen.next_step(onward(where, campaign, "goes on"))
