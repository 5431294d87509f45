"""``best``: which candidate is believed best, how sure that is, and what was only lucky."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from flows.cli.naming import Campaign, settings, typed
from flows.cli.screen import Json, Screen

MORE = 5  # untried candidates that are likeliest to be hits


def best(
    campaign: Campaign,
    top: Annotated[int, typer.Option("--top", min=1, help="How many candidates to show.")] = 3,
    as_json: Json = False,
) -> None:
    """Name the candidate believed best, with an interval and the chance that it truly is: not the luckiest value.

    Of a campaign with general conditions, the condition believed best over the scope.
    """
    from flows import engine
    from flows.wiring import spec_on_record
    from loop.insight.saying import (
        chance_of,
        facts,
        hits_sentence,
        lucky_line,
        measured_lines,
        stated_line,
        substrate_lines,
    )

    where, screen = settings(), Screen(as_json)
    found = engine.best(where, campaign)
    shown = found.candidates[: max(top, found.front if len(found.luckiest) > 1 else 1)]
    if found.is_hits:
        screen.say(hits_sentence(found), bold=True)
    screen.document({"campaign": campaign, "best": found})
    if as_json:
        return
    if not shown:
        screen.say(f"{campaign}: nothing can be named the best yet")
    for place, one in enumerate(shown, start=1):
        head = ""
        if found.is_hits:
            head = "hit: " if place <= found.front else "no hit: "
        elif place <= found.front and not found.is_kept:
            head = "likeliest to keep the thresholds, which nothing tried is believed to: "
        elif place <= found.front:
            head = "on the believed front: " if found.is_front else "believed best: "
        screen.say(f"{place:3}. {head}{one.label}", bold=place <= found.front)
        screen.say("     " + "; ".join(stated_line(stated, found) for stated in one.targets))
        screen.say(f"     {measured_lines(found, one)}")
        for fact in facts(found, one):
            screen.say(f"     {fact}")
    if len(found.candidates) > len(shown):
        screen.say(f"     and {len(found.candidates) - len(shown)} more tried; --top N shows more")
    for lucky in found.luckiest:
        if lucky.is_another:
            screen.say(lucky_line(lucky, is_front=found.is_front))
    for line in substrate_lines(found):
        screen.say(line)
    if found.scope:
        screen.say(f"conditions are judged by {found.scope}")
    if found.likeliest:
        screen.say("likeliest of the untried:")
    for likely in found.likeliest[: max(top, MORE)]:
        screen.say(f"     {likely.label}: {chance_of(likely.chance)}")
    if found.model:
        screen.say(f"by {found.model}; intervals are of the true value, without the noise of a new measurement")
    standing = engine.status(where, campaign)[0]
    if standing.regret:
        screen.say(f"{standing.regret} (when round {standing.round} was planned)")
    for note in found.notes:
        screen.say(f"note: {note}")
    doubts = "replicates: planned (on plates plate: {replicates: N}) spends experiments on such doubts"
    if found.scope:
        doubts = "more experiments go to such doubts"
    elif _plans_replicates(spec_on_record(where, campaign) or {}):
        doubts = "the replicates that it plans go to such doubts"
    screen.next_step(f"hakken report {typed(campaign)} draws all of it; {doubts}")


def _plans_replicates(spec: Mapping[str, Any]) -> bool:
    """Whether the campaign spends experiments on replicates where that changes the decision, or wells of its plates."""
    return (spec.get("planner") or {}).get("replicates") == "planned" or bool(
        (spec.get("plate") or {}).get("replicates")
    )
