"""``listen``: signed messages of a laboratory, kept as they come and judged as any result."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli.naming import Campaign, settings, typed
from flows.cli.screen import Json, Screen
from loop.wording import plural


def listen(
    campaign: Campaign,
    host: Annotated[
        str, typer.Option(help="Address to listen at; put a proxy that speaks TLS before it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes any.")] = 8766,
    poll: Annotated[
        bool, typer.Option("--poll", help="Fetch messages by long polls instead: where none can reach this machine.")
    ] = False,
    max_seconds: Annotated[
        float | None, typer.Option(min=0, help="End after so many seconds; 0 takes in what is there now.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take in signed messages of a campaign's laboratory, beside hakken run or between two ticks.

    Whatever comes is kept, forged and broken messages too; only what the laboratory signed just now can count.
    """
    from flows.webhooks.listening import listen as take_in_messages

    where, screen = settings(), Screen(as_json)
    address = None if poll or max_seconds == 0 else (host, port)
    taken = take_in_messages(where, campaign, tell=screen.say, address=address, poll=poll, max_seconds=max_seconds)
    screen.document({"campaign": campaign, "messages": taken.messages, **taken.by_verdict, "notes": taken.notes})
    screen.say(f"{plural(taken.messages, 'message')} taken in, {plural(taken.accepted, 'result')} of them new")
    screen.next_step(f"hakken run {typed(campaign)} goes on with what came")
