"""``run`` and ``tick``: go on with a campaign, to its end or by one pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.naming import SpecOrCampaign, is_file, is_on_record, opened, renamed, say_edits, settings, typed
from flows.cli.screen import Json, Screen, computing
from flows.labels import label_of
from flows.shown.derived_numbers import derived_numbers
from flows.shown.words import chosen_by, known_line, predictions_line, reason_line
from loop.insight.saying import regret_sentence
from loop.wording import plural

if TYPE_CHECKING:
    from flows.engine.looking.foreseeing import ForeseenPlan
    from flows.settings import Settings
    from loop.planner import Plan

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the next batch and why; record and send nothing.")]


def run(
    campaign: SpecOrCampaign,
    dry_run: DryRun = False,
    prefect: Annotated[bool, typer.Option("--prefect", help="Run as a Prefect flow, seen in its pages.")] = False,
    poll: Annotated[float, typer.Option(min=0.01, help="Seconds between two looks at the laboratory.")] = 1.0,
    max_seconds: Annotated[
        float | None, typer.Option(min=0, help="Come back after so many seconds; nothing is lost.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a campaign until it is done, or until only a person can go on. Ctrl-C stops it, the same command goes on."""
    where, screen = settings(), Screen(as_json)
    if dry_run:
        _preview(where, campaign, screen)
        return
    from flows.cli.showing.progress import RunProgress, conclude

    name = opened(where, campaign, lambda line: screen.say(f"note: {line}"))
    say_edits(where, campaign, screen.say)
    with RunProgress(screen, name) as progress:
        if prefect:
            from flows.campaign import run_with_prefect as go  # 1.3 s: only where it is asked for
        else:
            from flows.engine import run as go
        report = go(where, name, on_tick=progress.show, on_wait=progress.waits, poll=poll, max_seconds=max_seconds)
    conclude(screen, where, report, progress)


def tick(campaign: SpecOrCampaign, dry_run: DryRun = False, as_json: Json = False) -> None:
    """One short pass: take in what came back, learn, plan, send. Thousands of them make a campaign."""
    where, screen = settings(), Screen(as_json)
    if dry_run:
        _preview(where, campaign, screen)
        return
    from flows import engine
    from flows.cli.showing.progress import RunProgress, conclude

    name = opened(where, campaign, lambda line: screen.say(f"note: {line}"))
    say_edits(where, campaign, screen.say)
    with RunProgress(screen, name) as progress:
        report = engine.tick(where, name)
        progress.show(report)
    conclude(screen, where, report, progress)


def _preview(where: Settings, campaign: str, screen: Screen) -> None:
    from flows import engine
    from flows.engine.changes.notes import change_of
    from flows.engine.looking.foreseeing import foresee_plan
    from flows.engine.looking.totals import incomparable
    from flows.engine.looking.view import View, as_recorded
    from flows.engine.looking.whose import has_only_asked
    from flows.wiring import open_record
    from loop.spec import CampaignSpec

    spec: Any
    base = None
    if is_file(campaign):
        from flows.cli.specfile import laboratory_of, read_campaign

        read = read_campaign(Path(campaign), where)  # first, so that a fault is said as validate says it
        name, spec = read.campaign, as_recorded(read.resolved())
        base = Path(campaign).absolute().parent
        with laboratory_of(Path(campaign)):
            change = change_of(where, read, campaign)
        with laboratory_of(Path(campaign)), computing():
            plan = engine.preview_file(where, Path(campaign))
    else:
        name, change = campaign, None
        say_edits(where, name, screen.say)
        with computing():
            plan = engine.preview(where, name)
        with open_record(where) as ledger:
            spec = ledger.campaign(name).spec
    resolved = CampaignSpec.from_record(spec)
    foreseen = foresee_plan(where, resolved, plan.proposals, base)
    screen.document({"campaign": name, "plan": plan, "foreseen": foreseen})
    _show_plan(screen, name, spec, plan, foreseen)
    notes = incomparable(resolved) + ([] if change is None else [change.foretold(name, campaign), *change.notes])
    for said in (*(renamed(where, Path(campaign), name) if is_file(campaign) else ()), *notes):
        screen.say(f"note: {said}")
    if is_on_record(where, name):
        with open_record(where) as ledger:
            spending = View(ledger, name).under(spec).spending.text
        if spending:
            screen.say(f"before this batch: {spending}")
    goes, does = ("ask", "hands it out") if has_only_asked(spec) else ("run", "sends it")
    screen.next_step(f"hakken {goes} {typed(campaign)} records this batch and {does}")


def _show_plan(screen: Screen, name: str, spec: Any, plan: Plan, foreseen: ForeseenPlan) -> None:
    chosen = f"{plural(len(plan.proposals), 'proposal')} {chosen_by(plan.surrogate, plan.proposals)}"
    screen.say(f"next batch of {name}: {chosen}; nothing is recorded or sent")
    if spec.get("plate") and (placed := [p for p in plan.proposals if p.place is not None]):
        from flows.cli.showing.plates import plate_lines
        from flows.plates.content import read_plate
        from loop.record import ProposalRecord

        number = placed[0].place.plate if placed[0].place is not None else 1
        as_records = [ProposalRecord("", number, "", draft, None) for draft in placed]
        for line in plate_lines(read_plate(spec, name, number, as_records, ())):
            screen.say(line)
    derived = derived_numbers(spec)
    by_run_order = sorted(zip(plan.proposals, foreseen.proposals, strict=True), key=lambda pair: pair[0].run_order)
    for proposal, problems in by_run_order:
        well = "" if proposal.place is None else f"{proposal.place.well}: "
        screen.say(f"\n{proposal.run_order + 1:3}. {well}{label_of(spec, proposal.candidate.settings)}", bold=True)
        if known := known_line(proposal.candidate, spec):
            screen.say(f"     {known}")
        if follows := derived(proposal.candidate.settings):
            screen.say(f"     derived {follows}")
        screen.say(f"     {reason_line(proposal.arm, proposal.reason)}")
        for line in predictions_line(proposal.predictions, spec):
            screen.say(f"     predicted {line}")
        for problem in problems:
            screen.say(f"     CERTAIN TO BE REFUSED once it runs: {problem}")
    screen.say()
    if regret := plan.model.get("regret"):
        screen.say(regret_sentence(regret))
    found = foreseen.candidates
    told = [] if found is None else found.said(f"laboratory {spec['laboratory']['adapter']}")
    for note in filter(None, [*plan.notes, *told, foreseen.unasked]):
        screen.say(f"note: {note}")
