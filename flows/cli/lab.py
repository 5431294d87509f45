"""``lab``: laboratories and executors that can be named, whether they work from here, and a batch played on paper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from flows.cli.guard import REFUSED
from flows.cli.naming import Campaign, SpecOrCampaign, begins, file_of, is_file, onward, settings, typed
from flows.cli.screen import Json, Screen
from loop.wording import plural

if TYPE_CHECKING:
    from flows.engine.looking.resources import Laboratory
    from flows.settings import Settings

app: Final = typer.Typer(no_args_is_help=True, help="Laboratories: known ones, whether they can work, a batch played.")
_SIGNS: Final = {"ok": "ok", "note": "note", "problem": "PROBLEM"}


@app.callback()
def lab() -> None:
    """Laboratories and executors: what there is, what each may be told, whether it can work from here."""


@app.command("list")
def list_(
    campaign: Annotated[
        str | None, typer.Argument(metavar="[SPEC|CAMPAIGN]", help="Its resources; every known laboratory if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Known laboratories and executors and what each lacks here; with a campaign, its resources."""
    from adapters.catalogue import catalogue

    where, screen = settings(), Screen(as_json)
    if campaign is not None:
        _resources(screen, where, campaign)
        return
    entries = catalogue()
    screen.document(entries)
    for kind, title in (("adapter", "laboratories (adapter: NAME)"), ("executor", "executors (run_on: NAME)")):
        rows = [(e.name, e.summary, e.delivery, e.lacking or "ready") for e in entries if e.kind == kind]
        screen.table(("name", "what it does", "against doubled experiments", "here"), rows, title=title)
    screen.next_step("hakken lab show NAME tells its options; hakken lab check SPEC asks those of a campaign file")


def _resources(screen: Screen, where: Settings, campaign: str) -> None:
    """The resources of a campaign, each with what it can do."""
    from flows.engine.looking.resources import figures_on_record

    with _laboratory(where, campaign) as laboratory:
        figures = figures_on_record(where, laboratory.spec.campaign)
        rows = [_described(name, adapter, figures.get(name)) for name, adapter in laboratory.resources.items()]
    screen.document(rows)
    shown = [
        (r["name"], r["delivery"], r["at_once"] or "any number", ", ".join(r["measures"] or ()), r["so_far"])
        for r in rows
    ]
    screen.table(("resource", "against doubled experiments", "at once", "measures", "by the record"), shown)
    screen.next_step(f"hakken lab check {typed(campaign)} asks each whether it can work")


def _described(name: str, adapter: Any, figures: Any) -> dict[str, Any]:
    from adapters.catalogue import DELIVERIES

    can = adapter.capabilities()
    return {
        "name": name,
        "delivery": DELIVERIES[can.delivery],
        "at_once": can.max_parallel,
        "measures": None if can.properties is None else sorted(can.properties),
        "is_simulated": can.is_simulated,
        "needs_person": can.needs_person,
        "so_far": "" if figures is None else figures.text,
        "figures": figures,
    }


@app.command()
def check(campaign: SpecOrCampaign, as_json: Json = False) -> None:
    """Ask each resource of a campaign: programs, versions, schedulers, folders, an experiment. Nothing is sent."""
    from flows.cli.checks.resources import held_checks, resource_checks
    from flows.engine.looking.whose import leaves_all_to_be_asked

    where, screen = settings(), Screen(as_json)
    with _laboratory(where, campaign) as laboratory:
        found = [*resource_checks(laboratory), *held_checks(where, laboratory)]
    problems = [c for c in found if c.verdict == "problem"]
    screen.document({"is_ok": not problems, "resources": list(laboratory.resources), "checks": found})
    rows = [(_SIGNS[c.verdict], f"{c.area}: {c.subject}", c.found, c.remedy) for c in found]
    screen.table(("", "what", "found", "remedy"), rows)
    if problems:
        named = "; ".join(f"{p.area}, {p.subject}: {p.found}" for p in problems)
        screen.say(f"{plural(len(problems), 'problem')}: {named}")
        screen.next_step(f"do what the remedies say, then hakken lab check {typed(campaign)} again")
        raise typer.Exit(REFUSED)
    screen.say(f"{plural(len(laboratory.resources), 'resource')} of {laboratory.spec.campaign} can work")
    file = typed(campaign) if is_file(campaign) else file_of(where, campaign)
    if is_file(campaign):
        runs = begins(campaign, is_asked=leaves_all_to_be_asked(laboratory.spec))
    else:
        runs = onward(where, campaign, "goes on")
    screen.next_step((f"hakken lab simulate {file} plays a batch; " if file else "") + runs)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="An adapter or an executor, as hakken lab list has it.")],
    as_json: Json = False,
) -> None:
    """What a campaign file may say of a laboratory or an executor, and an example to paste."""
    from adapters.catalogue import example_of, known, options_of

    screen = Screen(as_json)
    entry = known(name)
    options, example = options_of(entry), example_of(entry)
    screen.document({**_plain(entry), "options": options, "example": example})
    screen.say(f"{entry.name}: {entry.summary}", bold=True)
    screen.say(f"  against doubled experiments: {entry.delivery}")
    screen.say(f"  here: {entry.lacking or 'ready'}")
    rows = [(o.name, o.value, "required" if o.default is None else o.default, o.meaning) for o in options]
    if rows:
        screen.table(("option", "may be", "default", "meaning"), rows)
    else:
        screen.say("  options: none of its own")
    screen.say(example)
    screen.next_step("paste the example into a campaign file, then hakken lab check SPEC")


@app.command()
def simulate(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="A campaign file.")],
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=20, help="How many batches.")] = 1,
    as_json: Json = False,
) -> None:
    """Play batches of a campaign file on paper: what would go where, in which order. Nothing is sent or recorded."""
    from flows.cli.showing.playing import show_play
    from flows.cli.specfile import laboratory_of
    from flows.engine.looking.simulating import simulate as play

    screen = Screen(as_json)
    with laboratory_of(spec):
        played = play(settings(), spec, rounds=rounds)
    if not show_play(screen, spec, played):
        raise typer.Exit(REFUSED)


@app.command()
def pause(campaign: Campaign, as_json: Json = False) -> None:
    """Hold up what the campaign's laboratory runs now, where it can; nothing is lost, and nothing ends."""
    from flows.engine import cannot_pause, pause_runs

    where, screen = settings(), Screen(as_json)
    runs, others = pause_runs(where, campaign), cannot_pause(where, campaign)
    screen.document({"campaign": campaign, "paused": runs, "cannot_pause": list(others)})
    screen.say(f"{plural(runs, 'run')} paused")
    if others:
        screen.say(f"what runs at {', '.join(others)} cannot be paused, and goes on")
    screen.next_step(
        f"hakken lab resume {typed(campaign)} lets them go on; hakken stop {typed(campaign)} sends no more"
    )


@app.command()
def resume(campaign: Campaign, as_json: Json = False) -> None:
    """Let what was paused go on, here or at the robot's own screen."""
    from flows.engine import resume_runs

    where, screen = settings(), Screen(as_json)
    runs = resume_runs(where, campaign)
    screen.document({"campaign": campaign, "resumed": runs})
    screen.say(f"{plural(runs, 'run')} resumed")
    screen.next_step(onward(where, campaign, "goes on"))


def _plain(entry: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(entry)


@contextmanager
def _laboratory(where: Settings, text: str) -> Iterator[Laboratory]:
    """The laboratory of a campaign file, or of a campaign on record."""
    from flows.engine.looking.resources import laboratory_on_record, laboratory_to_be

    if not is_file(text):
        yield laboratory_on_record(where, text)
        return
    from flows.cli import specfile

    path = Path(text)
    spec = specfile.read_campaign(path, where)
    with specfile.laboratory_of(path), laboratory_to_be(where, spec, path.absolute().parent) as laboratory:
        yield laboratory
