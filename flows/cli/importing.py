"""``import``: a campaign that runs elsewhere moves here in one command."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.guard import REFUSED
from flows.cli.guard import tell as complain
from flows.cli.naming import settings, typed
from flows.cli.screen import Json, Screen, progress_line
from flows.shown.words import GOALS, target_and_goal
from loop.errors import SpecError
from loop.wording import plural

if TYPE_CHECKING:
    from flows.engine.looking.reports import ImportReport

LISTED = 8  # pending experiments that are shown; the JSON document has all of them


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What the other program saved.")],
    from_: Annotated[
        str | None,
        typer.Option("--from", help="baybe, edbo, ax, bofire, optuna, ord or csv; told from the file without it."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The campaign's name; the source's or the file's by default.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The campaign file to write.")] = Path("campaign.yaml"),
    target: Annotated[
        list[str] | None,
        typer.Option(help="What is measured, where the source does not say; NAME:minimize to minimise. Repeatable."),
    ] = None,
    goal: Annotated[
        str | None, typer.Option(help="maximize or minimize: of targets without a goal of their own.")
    ] = None,
    study: Annotated[str, typer.Option(help="Which study, where a storage of Optuna has several.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written; write and record nothing.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a campaign file that says something else.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep a campaign file that says something else, and bring in results only.")
    ] = False,
    partly: Annotated[
        bool, typer.Option("--partly", help="Bring in what can be used, where not every result can.")
    ] = False,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="A column of a table, or an amount or condition of ORD reactions, to leave out. Repeatable.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Move a campaign here from BayBE, EDBO+, Ax, BoFire, Optuna, an ORD dataset or a table.

    Results come in as told ones do, all of them or none; importing the same file again adds nothing. What cannot be
    carried over is listed.
    """
    from flows.engine import bring_in
    from flows.importing import Source
    from flows.named_files import read_bytes

    if force and keep:
        raise SpecError("--force overwrites the campaign file and --keep keeps it; give one of them")
    if out == Path("-"):
        raise SpecError("--out -: the campaign goes on by its file, whose results are put on record; name a file")
    goals = dict(target_and_goal(said) for said in target or [])
    if goal is not None and goal not in GOALS:
        raise SpecError(f"--goal is {goal!r}; use {' or '.join(GOALS)}")
    source = Source(
        path=file,
        data=read_bytes(file, str(file)),
        goals=goals,
        goal_of_all=goal or "",
        study=study,
        campaign=name or "",
        table=Path(os.path.relpath(file, out.parent)).as_posix(),
        ignore=tuple(ignore or ()),
    )
    with progress_line() as progress:
        report = bring_in(
            settings(),
            source,
            out,
            format=from_,
            dry_run=dry_run,
            force=force,
            keep=keep,
            partly=partly,
            progress=progress,
        )
    screen = Screen(as_json)
    screen.document(report.as_json())
    _show(screen, report, file, is_said=from_ is not None)
    if report.problems:
        complain(_complaint(report.problems, file, dry_run=dry_run), "ImportProblems", as_json=False)
        raise typer.Exit(REFUSED)
    if report.hindered:
        screen.next_step(f"as it stands this would be refused: {report.hindered}")
    elif dry_run:
        screen.next_step("the same command without --dry-run writes and records this")
    else:
        it = typed(out)
        screen.next_step(f"read {out}; hakken run --dry-run {it} shows the next batch, hakken run {it} runs it")


def _complaint(problems: Sequence[str], file: Path, *, dry_run: bool) -> str:
    """Which results cannot be used, and what to do with them."""
    remedy = (
        "; each is kept on record as it came. Mend them where they come from and import again with --keep, or tell "
        "them corrected"
    )
    if dry_run:
        remedy = ". Mend them where they come from, or import with --partly, which brings in the others"
    return "\n  ".join([f"{plural(len(problems), 'result')} of {file} cannot be used{remedy}:", *problems])


def _show(screen: Screen, report: ImportReport, file: Path, *, is_said: bool) -> None:
    screen.say(
        f"{file} is {report.described}" + ("" if is_said else f" (told from its content; --from {report.format})")
    )
    if report.dry_run:
        screen.say()
        screen.say(report.text)
    counts = [plural(report.measured, "measured result")]
    counts += [plural(n, one) for n, one in ((report.negatives, "negative"), (report.faults, "fault")) if n]
    parts = f"{plural(report.parameters, 'parameter')}, {plural(report.targets, 'target')}, {', '.join(counts)}"
    if report.dry_run:
        screen.say(f"would write {report.file}, a campaign called {report.campaign}: {parts}")
    else:
        verb = {"written": "wrote", "overwritten": "overwrote"}.get(report.file_state, "kept")
        screen.say(f"{verb} {report.file}, a campaign called {report.campaign}: {parts}")
        known = f", {report.duplicates} known already" if report.duplicates else ""
        nothing = "; nothing new" if not report.accepted and not report.problems else ""
        screen.say(f"{plural(report.accepted, 'result')} put on record{known}{nothing}")
    if report.pending:
        screen.say(f"{plural(len(report.pending), 'experiment')} without a result, which hakken does not wait for:")
        for label in report.pending[:LISTED]:
            screen.say(f"  {label}")
        if len(report.pending) > LISTED:
            screen.say(f"  and {len(report.pending) - LISTED} more")
    for title, items in (("not carried over:", report.left), ("read so:", report.notes)):
        if items:
            screen.say(title)
            for item in items:
                screen.say(f"  {item}")
