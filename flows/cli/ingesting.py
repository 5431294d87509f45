"""``ingest`` and ``reanalyse``: files of instruments brought in, and their results made anew by another analysis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.guard import REFUSED
from flows.cli.guard import tell as complain
from flows.cli.naming import SpecOrCampaign, is_file, onward, opened, say_edits, settings, typed
from flows.cli.screen import Json, Screen
from flows.shown.words import outcome_line
from loop.wording import plural

if TYPE_CHECKING:
    from loop.spec import CampaignSpec

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV, JCAMP-DX or Allotrope JSON of instruments.")]
Into = Annotated[str, typer.Option("--campaign", "-c", metavar="CAMPAIGN", help="Name of a campaign on record.")]
Plate = Annotated[str, typer.Option("--plate", help="Number of the plate that the files are of, if they do not say.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what goes where and what comes out; write nothing.")]


def ingest(files: Files, campaign: Into, plate: Plate = "", dry_run: DryRun = False, as_json: Json = False) -> None:
    """Bring in files of instruments: each is kept by its hash, and values come of it by the campaign's analysis.

    A file is matched by attempt key, sample or plate and well, never by a guess. The same file again changes nothing.
    """
    from flows import engine
    from flows.wiring import open_record

    where, screen = settings(), Screen(as_json)
    say_edits(where, campaign, screen.say)
    report = engine.ingest_files(where, campaign, files, by=where.by, plate=plate, dry_run=dry_run)
    screen.document(report.as_json())
    if not as_json:
        with open_record(where) as ledger:
            spec = ledger.campaign(campaign).spec
        rows = [
            (r.files, r.experiment, "" if r.outcome is None else outcome_line(r.outcome, spec), "; ".join(r.doubts))
            for r in report.rows
            if r.outcome is not None
        ]
        if rows:
            screen.table(("file", "experiment", "result", "doubts"), rows)
        verb = "would be taken in" if dry_run else "taken in"
        screen.say(f"{plural(report.accepted, 'result')} {verb}, {report.duplicates} known already")
        for note in report.notes:
            screen.say(f"note: {note}")
    if report.problems:
        kept = "would be kept as it is" if dry_run else "is kept as it came"
        complain(
            f"not everything can be used; each file {kept}:\n  " + "\n  ".join(report.problems),
            "IngestProblems",
            as_json=False,
        )
        raise typer.Exit(REFUSED)
    it = typed(campaign)
    if dry_run:
        screen.next_step("the same command without --dry-run takes them in")
    else:
        then = onward(where, campaign, "learns from them and goes on")
        screen.next_step(f"{then}; hakken reanalyse {it} after a new calibration")


def reanalyse(
    campaign: SpecOrCampaign,
    why: Annotated[
        str, typer.Option("--why", help="The reason, kept on record; it has to be given, but for --dry-run.")
    ] = "",
    by: Annotated[str | None, typer.Option("--by", help="Who asks; HAKKEN_USER or the login name if left out.")] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Make results anew from the files on record, by the analysis in force or that of a campaign file.

    What waits, since nothing could be read of its files, is taken in.
    Older results stay on record, superseded, and the rounds that were planned from them are named.
    """
    from flows import engine
    from flows.engine.instruments.reanalysing import check_reason
    from flows.wiring import open_record

    where, screen = settings(), Screen(as_json)
    if not dry_run:
        check_reason(why)  # before a campaign file is taken up
    other: CampaignSpec | None = None
    if dry_run and is_file(campaign):
        from flows.cli.specfile import read_campaign

        other = read_campaign(Path(campaign), where)
        name = other.campaign
    else:
        name = opened(where, campaign, lambda line: screen.say(f"note: {line}"))
        say_edits(where, campaign, screen.say)
    report = engine.reanalyse(where, name, by=by or where.by, why=why, dry_run=dry_run, spec=other)
    screen.document(report.as_json())
    if not as_json:
        with open_record(where) as ledger:
            spec = ledger.campaign(name).spec
        rows = [
            (
                r.experiment,
                outcome_line(r.before, spec) if r.before else "waited",
                outcome_line(r.after, spec),
                ", ".join(map(str, r.rounds)),
            )
            for r in report.rows
        ]
        if rows:
            screen.table(("experiment", "was", "is", "rounds planned from it"), rows)
        verb = "would be superseded" if dry_run else "superseded"
        new = sum(r.before is None for r in report.rows)
        taken = f", {new} {'would be' if dry_run else 'were'} taken in" if new else ""
        screen.say(f"{plural(len(report.rows) - new, 'result')} {verb}, {report.alike} unchanged{taken}")
    for problem in report.problems:
        screen.say(f"note: {problem}")
    if dry_run:
        screen.next_step("the same command without --dry-run, and with --why REASON, puts them on record")
    else:
        screen.next_step(onward(where, name, "learns from them and goes on"))
