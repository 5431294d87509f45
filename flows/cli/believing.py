"""``best``: which candidate is believed best, how sure that is, and what was only lucky."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.naming import Campaign, settings, typed
from flows.cli.screen import Json, Screen

if TYPE_CHECKING:
    from loop.insight.statements import Believed, HonestBest

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
    from flows.shown.best import best_document
    from flows.wiring import spec_on_record
    from loop.insight.saying import hits_sentence, lucky_line, substrate_lines

    where, screen = settings(), Screen(as_json)
    found = engine.best(where, campaign)
    shown = found.candidates[: max(top, found.front if len(found.luckiest) > 1 else 1)]
    if found.is_hits:
        screen.say(hits_sentence(found), bold=True)
    standing = engine.status(where, campaign)[0]
    screen.document(best_document(found, standing))
    if as_json:
        return
    if not shown:
        screen.say(f"{campaign}: nothing can be named the best yet")
    for place, one in enumerate(shown, start=1):
        _say_candidate(screen, found, place, one)
    if len(found.candidates) > len(shown):
        screen.say(f"     and {len(found.candidates) - len(shown)} more tried; --top N shows more")
    lines = [lucky_line(lucky, is_front=found.is_front) for lucky in found.luckiest if lucky.is_another]
    lines += [*substrate_lines(found), *_below(found, max(top, MORE))]
    if standing.settled:
        lines.append(f"{standing.settled}, which ended the campaign")
    elif standing.regret:
        lines.append(f"{standing.regret} ({standing.planned})")
    for line in (*lines, *(f"note: {note}" for note in found.notes)):
        screen.say(line)
    if not shown:
        screen.next_step(standing.next_step)
        return
    spec = spec_on_record(where, campaign) or {}
    key = "replicates: N under plate" if spec.get("plate") else "replicates: planned under planner"
    doubts = f"{key} spends experiments on such doubts"
    if found.scope:
        doubts = "more experiments go to such doubts"
    elif _plans_replicates(spec):
        doubts = "the replicates that it plans go to such doubts"
    elif all(target.get("exact") for target in spec.get("objective", {}).values()):
        doubts = ""  # of what is exact there is no doubt
    elif _gives_the_same_each_time(spec):
        doubts = (
            "its laboratory gives the same numbers each time, so that no replicate ends such doubts: exact: true of "
            "each target under objective says that what was calculated is known"
        )
    it = typed(campaign)
    more = [f"hakken report {it} draws all of it", *([doubts] if doubts else [])]
    if found.has_thresholds and not found.is_hits and _varies_numbers(spec):
        more.insert(1, f"hakken window {it} says how far its settings may be off")
    screen.next_step("; ".join(more))


def _say_candidate(screen: Screen, found: HonestBest, place: int, one: Believed) -> None:
    """What is believed of the candidate in a place of the list, and what was measured of it."""
    from loop.insight.saying import believed_line, facts, measured_lines

    is_first = place <= found.front
    head = ""
    if found.is_hits:
        head = "hit: " if is_first else "no hit: "
    elif is_first and not found.is_kept:
        head = "likeliest to keep the thresholds, which nothing tried is believed to: "
    elif is_first:
        head = "on the believed front: " if found.is_front else "believed best: "
    screen.say(f"{place:3}. {head}{one.label}", bold=is_first)
    screen.say(f"     {believed_line(one, found)}")
    screen.say(f"     {measured_lines(found, one)}")
    for fact in facts(found, one):
        screen.say(f"     {fact}")


def _below(found: HonestBest, most: int) -> Iterator[str]:
    """What is said below the candidates: how conditions are judged, the likeliest of the untried, and the model."""
    from loop.insight.saying import likely_line

    if found.scope:
        yield f"conditions are judged by {found.scope}"
    if found.likeliest:
        yield "likeliest of the untried:"
    for likely in found.likeliest[:most]:
        yield f"     {likely.label}: {likely_line(likely)}"
    if found.model:
        has_intervals = any(stated.low is not None for one in found.candidates for stated in one.targets)
        of = "; intervals are of the true value, without the noise of a new measurement" if has_intervals else ""
        yield f"by {found.model}{of}"


def _gives_the_same_each_time(spec: Mapping[str, Any]) -> bool:
    from adapters.registry import repeats

    section = spec.get("laboratory", {})
    return repeats(str(section.get("adapter")), section)


def _varies_numbers(spec: Mapping[str, Any]) -> bool:
    return any(p.get("type") == "number" for p in spec.get("space", {}).values())


def _plans_replicates(spec: Mapping[str, Any]) -> bool:
    """Whether the campaign spends experiments on replicates where that changes the decision, or wells of its plates."""
    return (spec.get("planner") or {}).get("replicates") == "planned" or bool(
        (spec.get("plate") or {}).get("replicates")
    )
