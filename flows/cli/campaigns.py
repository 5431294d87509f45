"""``stop`` and ``resume``: end a campaign for now, and take it up again."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli.naming import Campaign, file_of, settings, typed
from flows.cli.screen import Json, Screen

Why = Annotated[str, typer.Option("--why", help="The reason, kept on record.")]


def stop(campaign: Campaign, why: Why = "stopped by a person", as_json: Json = False) -> None:
    """End a campaign: nothing more is planned or sent. What is on record stays."""
    from flows import engine

    where, screen = settings(), Screen(as_json)
    engine.stop(where, campaign, by=where.by, why=why)
    screen.document({"campaign": campaign, "state": "stopped", "reason": why})
    screen.say(f"{campaign} is stopped: {why}")
    it = typed(campaign)
    screen.next_step(f"hakken resume {it} takes it up again; hakken report {it} shows what it found")


def resume(campaign: Campaign, why: Why = "resumed by a person", as_json: Json = False) -> None:
    """Take up a campaign that was stopped or is finished."""
    from flows import engine

    where, screen = settings(), Screen(as_json)
    (before,) = engine.status(where, campaign)
    engine.resume(where, campaign, by=where.by, why=why)
    screen.document({"campaign": campaign, "state": "active", "reason": why})
    screen.say(f"{campaign} is active again")
    if before.state == "finished":
        file = file_of(where, campaign) or "its campaign file"
        screen.say(f"it had finished: {before.reason}")
        screen.next_step(
            f"hakken run {typed(campaign)} goes on, and ends at once where that still holds: change it in {file} first"
        )
    else:
        screen.next_step(f"hakken run {typed(campaign)} goes on")
