"""``ask`` and ``serve``: experiments handed out to whoever asks for them, here or over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.naming import SpecOrCampaign, opened, settings, typed
from flows.cli.screen import Json, Screen
from flows.labels import label_of
from loop.wording import plural

if TYPE_CHECKING:
    from flows.engine.clients.handing import Asked


def ask(
    campaign: SpecOrCampaign,
    experiments: Annotated[int, typer.Option("--experiments", "-n", min=1, help="At most so many.")] = 1,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="KEY", help="Names the request: the same again gives the same experiments."),
    ] = None,
    give_back: Annotated[
        str | None,
        typer.Option("--give-back", metavar="KEY", help="An experiment that was handed out and never ran."),
    ] = None,
    why: Annotated[str, typer.Option("--why", help="Why it is given back.")] = "",
    by: Annotated[str | None, typer.Option("--by", help="Who asks; HAKKEN_USER or the login name if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Take the next experiments of a campaign whose laboratory is ask_tell, planning the next batch where one is due.

    Each is handed out once. hakken tell brings results in, with the key of the experiment in a column of that name.
    """
    from flows import engine
    from flows.wiring import spec_on_record

    where, screen = settings(), Screen(as_json)
    who = by or where.by
    name = opened(where, campaign, lambda line: screen.say(f"note: {line}"))
    if give_back is not None:
        attempt = engine.give_back(where, name, give_back, by=who, request=key, why=why)
        screen.document({"campaign": name, "given_back": attempt.key, "by": who, "why": why})
        screen.say(f"experiment {attempt.key} is given back: the next who asks gets it")
        screen.next_step(f"hakken ask {typed(name)} hands it out")
        return
    asked = engine.ask(where, name, experiments, request=key or str(uuid.uuid4()), by=who)
    screen.document(asked)
    _show(screen, asked, spec_on_record(where, name) or {})


def _show(screen: Screen, asked: Asked, spec: Mapping[str, Any]) -> None:
    """Each experiment with its key and why it was chosen."""
    n = plural(len(asked.experiments), "experiment")
    again = ", as before" if asked.is_repeated else ""
    screen.say(f"{n} of {asked.campaign} under the key {asked.request}{again}", bold=True)
    for one in asked.experiments:
        well = f"{one.place['well']}: " if one.place else ""
        ended = "" if one.state == "running" else f" ({one.state})"
        screen.say(f"\n{one.key}{ended}\n     {well}{label_of(spec, one.settings)}\n     {one.reason}")
        for target, said in one.predicted.items():
            screen.say(f"     predicted {target} {said['mean']:.4g} ± {said['sd']:.2g} {one.targets[target]}".rstrip())
        if one.procedure is not None:
            screen.say("     " + str(one.procedure["text"]).replace("\n", "\n     "))
        if one.handed_with is not None:
            screen.say("     handed out with: " + str(one.handed_with["text"]).replace("\n", "\n     "))
    if asked.experiments:
        screen.say()
    for note in asked.notes:
        screen.say(f"note: {note}")
    screen.next_step(asked.next_step)


def serve(
    campaigns: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SPEC]...", help="Campaign files to open first; all on record are served."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; put a proxy that speaks TLS before it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes any.")] = 8767,
    tokens: Annotated[
        Path | None,
        typer.Option("--tokens", metavar="FILE.yaml", help="Who may ask: names, each with $VARIABLE of its token."),
    ] = None,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds that a request waits for another command to give way.")
    ] = 20.0,
    as_json: Json = False,
) -> None:
    """Hand experiments out and take results in over HTTP, and show pages to people, until Ctrl-C.

    Campaigns whose laboratory is ask_tell are planned as they are asked; those of other laboratories are shown, and
    hakken run moves them on. It may be killed at any moment: everything is on record.
    """
    from flows.service.serving import serve as go

    where, screen = settings(), Screen(as_json)
    for file in campaigns or ():
        name = opened(where, str(file), lambda line: screen.say(f"note: {line}"))
        screen.say(f"campaign {name} is on record")

    def began(url: str, who: str) -> None:
        screen.document({"url": url, "api": f"{url}/api", "described": f"{url}/openapi.json", "for": who})
        screen.say(f"serving {url}/ (pages) and {url}/api (described at {url}/openapi.json) to {who}; Ctrl-C ends it")

    go(where, (host, port), tokens=tokens, patience=patience, began=began)
    screen.next_step("hakken status shows where campaigns stand; the same command serves them again")
