"""``approve`` and ``resolve``: what only a person can decide."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli.naming import Campaign, settings
from flows.cli.screen import Json, Screen


def approve(
    campaign: Campaign,
    round_number: Annotated[int, typer.Argument(metavar="ROUND", min=1, help="Number of the round.")],
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse it instead.")] = False,
    why: Annotated[str, typer.Option("--why", help="The reason, kept on record.")] = "",
    as_json: Json = False,
) -> None:
    """Approve (or refuse) a batch that waits for a person. hakken show says what is in it, and why."""
    from flows import engine

    where, screen = settings(), Screen(as_json)
    engine.approve(where, campaign, round_number, by=where.by, why=why, refuse=refuse)
    screen.document({"campaign": campaign, "round": round_number, "approved": not refuse, "by": where.by, "why": why})
    screen.say(f"round {round_number} of {campaign} is {'refused' if refuse else 'approved'} by {where.by}")
    screen.next_step(f"hakken run {campaign} {'plans another batch' if refuse else 'sends it'}")


def resolve(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The attempt's key, or a beginning of it.")],
    ran: Annotated[
        bool, typer.Option("--ran/--never-ran", help="If it ran, tell its result, or let it end as a fault.")
    ],
    as_json: Json = False,
) -> None:
    """Say whether an experiment ran of which the laboratory cannot tell (state ambiguous).

    Is its result at hand? Then hakken tell brings it in, with the attempt's key in a column of that name.
    """
    from flows import engine

    where, screen = settings(), Screen(as_json)
    engine.resolve(where, key, ran=ran, by=where.by)
    screen.document({"key": key, "ran": ran, "by": where.by})
    became = "ran: it ends as a fault that says nothing about its candidate" if ran else "never ran: it is sent again"
    screen.say(f"attempt {key} {became}")
    screen.next_step("hakken status shows which campaigns wait; hakken run CAMPAIGN goes on")
