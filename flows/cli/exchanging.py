"""``tell``, ``retract`` and ``export``: results brought in, taken back and carried out."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.guard import REFUSED
from flows.cli.guard import tell as complain
from flows.cli.naming import Campaign, SpecOrCampaign, is_file, near, onward, opened, say_edits, settings, typed
from flows.cli.screen import Json, Screen, is_standard_output, progress_line
from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings


def tell(
    campaign: SpecOrCampaign,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.csv|.xlsx|.parquet|.json",
            help="One row for each result, a filled-in worksheet, what export wrote, or calculations in QCSchema.",
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="TITLE", help="The rows are somebody else's results, to learn from."),
    ] = None,
    match: Annotated[
        bool,
        typer.Option("--match", help="Rows without a key are results of what waits with their settings or well."),
    ] = False,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="A column of the table to leave out. Repeatable.")
    ] = None,
    replicates: Annotated[
        bool,
        typer.Option("--replicates", help="Rows that say to the letter what another file told are measurements anew."),
    ] = False,
    by: Annotated[
        str | None, typer.Option("--by", help="Who brings them in; HAKKEN_USER or the login name if left out.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would become of the rows; record nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring in results from a CSV, Excel or Parquet file, before the first batch or later.

    Every row is kept, the unreadable ones too; telling a file twice adds nothing, nor do rows of a file told before
    that stands in this one. With --source they are no results of
    the campaign: it listens to them for as long as they help to predict its own.
    """
    from flows import engine
    from flows.wiring import open_record

    where, screen = settings(), Screen(as_json)
    if match and source is not None:
        raise typer.BadParameter("what somebody else measured is no result of what waits here; leave one out")
    if ignore and source is not None:
        raise typer.BadParameter(
            "whatever columns the table of others has are kept, and none is refused; leave one out",
            param_hint="--ignore, --source",
        )
    if replicates and source is not None:
        raise typer.BadParameter(
            "every row of a table of others counts as it is told; leave one out", param_hint="--replicates, --source"
        )
    if dry_run and not is_file(campaign):
        open_record(where).close()  # where there is none, that is said of this one
    with engine.on_a_copy(where) if dry_run else nullcontext(where) as there, progress_line() as progress:
        name, who = opened(there, campaign, lambda line: screen.say(f"note: {line}")), by or where.by
        say_edits(where, campaign, screen.say)
        called = None
        if source is None:
            report = engine.tell(
                there,
                name,
                file,
                by=who,
                is_matched=match,
                ignore=ignore or (),
                are_replicates=replicates,
                progress=progress,
            )
        else:
            called, report = engine.tell_source(there, name, file, source, by=who, progress=progress)
        if dry_run:
            report = engine.as_tried(there, called or name, report)
    tried = {"dry_run": True} if dry_run else {}
    screen.document(report.as_json() | ({"source": called} if called else {}) | tried)
    if called:
        screen.say(f"source {called!r} of {name}:")
    would_be = "would be " if dry_run else ""
    screen.say(f"{file}: {plural(report.accepted, 'result')} {would_be}accepted, {report.duplicates} known already")
    for note in report.notes:
        screen.say(f"note{' once they are told' if dry_run else ''}: {note}")
    if report.problems:
        kept = "would be kept" if dry_run else "is kept"
        again = "" if dry_run else ", rows that were accepted count once"
        complain(
            f"not all of {file} can be used; each row {kept} on record as it came. Mend the file and tell it again"
            f"{again}:\n  " + "\n  ".join(report.problems),
            "TellProblems",
            as_json=False,
        )
        raise typer.Exit(REFUSED)
    if dry_run:
        mended = "mend the file where a note names a slip or a copy; " * bool(report.notes)
        screen.next_step(f"nothing was recorded; {mended}the same command without --dry-run tells them")
        return
    with open_record(where) as ledger:
        is_heard = not called or ledger.campaign(name).spec.get("memory") != "off"
    does = (
        f"{'listens to' if called else 'learns from'} them and goes on"
        if is_heard and (report.accepted or report.duplicates)
        else "goes on"
    )
    screen.next_step(onward(where, name, does, said=campaign))


def retract(
    campaign: Campaign,
    observation: Annotated[
        str, typer.Argument(metavar="ID", help="The observation's id or its attempt's key, or a beginning of it.")
    ],
    why: Annotated[str, typer.Option("--why", help="The reason, kept on record.")],
    by: Annotated[
        str | None, typer.Option("--by", help="Who says so; HAKKEN_USER or the login name if left out.")
    ] = None,
    plate: Annotated[
        bool, typer.Option("--plate", help="Every result of its plate; ID may be the plate's number then.")
    ] = False,
    file: Annotated[
        bool,
        typer.Option("--file", help="Every result of the file it was told in; ID may be the file's name then."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Let a result count no more. It stays on record, with the reason."""
    from flows import engine

    where, screen = settings(), Screen(as_json)
    who = by or where.by
    if plate and file:
        raise typer.BadParameter("--plate and --file are different results; give one of them", param_hint="--file")
    retracted = engine.retract(where, campaign, observation, by=who, why=why, whole_plate=plate, whole_file=file)
    notes = engine.on_retract(where, campaign, retracted)
    said = {"retracted": [o.id for o in retracted]} if plate or file else {}
    document = {"campaign": campaign, "observation": observation, "by": who, "why": why, **said}
    screen.document({**document, "notes": list(notes)})
    if plate or file:
        n, of = len(retracted), "plate" if plate else "file"
        whose = f"all of the {of} that {observation} names"
        screen.say(f"{plural(n, 'result')} count{'s' * (n == 1)} no more, {whose}: {why}")
    else:
        screen.say(f"result {observation} of {campaign} counts no more: {why}")
    for note in notes:
        screen.say(f"note: {note}")
    it = typed(campaign)
    screen.next_step(f"hakken tell {it} FILE.csv brings in a corrected one; {onward(where, campaign, 'goes on')}")


def export(
    campaign: Campaign,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A table (.csv, .xlsx, .parquet; - prints CSV), reactions (.pb, .pb.gz, .pbtxt, .json), or "
            "calculations (.qcschema.json, .qcschema.json.gz).",
        ),
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if there is one.")] = False,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="In place of results, what has none yet: a table to fill in and tell.")
    ] = False,
    product: Annotated[
        str | None,
        typer.Option("--product", metavar="SMILES", help="Of reactions: the product of all."),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="'NAME <E-MAIL>'", help="Of reactions: who gives them to others.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write every result of a campaign as a table, with settings, units and what was predicted.

    Or as reactions of the Open Reaction Database, negatives included, or as calculations in QCSchema with those that
    failed.
    """
    from db import exchange
    from flows import engine
    from flows.exporting.ord import is_ord
    from flows.exporting.qcschema import is_qcschema
    from flows.wiring import open_record

    where, screen = settings(), Screen(as_json)
    of_calculations = is_qcschema(file)
    if is_ord(file) and not of_calculations and not waiting:
        _export_reactions(where, campaign, file, screen, by=by, product=product, overwrite=overwrite)
        return
    if product is not None or by is not None:
        raise typer.BadParameter(
            "is for reactions, files of .pb, .pb.gz, .pbtxt or .json", param_hint="--product, --by"
        )
    if of_calculations and not waiting:
        _export_calculations(where, campaign, file, screen, overwrite=overwrite)
        return
    if is_standard_output(file, as_json=as_json):
        with open_record(where) as ledger:
            rows = engine.waiting_rows(where, campaign) if waiting else exchange.table(ledger, campaign)
        exchange.print_csv(rows, sys.stdout)
        return
    kind = file.suffix.removeprefix(".").lower() or "csv"
    if waiting:
        if kind == "parquet":
            raise typer.BadParameter("what is to be filled in is a .csv or .xlsx file", param_hint="FILE")
        exchange.see_that_it_can_be_written(file, kind, overwrite=overwrite)
        n = exchange.write_rows(engine.waiting_rows(where, campaign), file, kind)
        screen.document({"campaign": campaign, "file": str(file), "rows": n})
        screen.say(f"wrote {plural(n, 'experiment')} without a result to {near(file)}")
        screen.next_step(f"fill in its empty cells; hakken tell {typed(campaign)} {typed(near(file))}")
        return
    with open_record(where) as ledger:
        n = exchange.export(ledger, campaign, file, kind, overwrite=overwrite)
    screen.document({"campaign": campaign, "file": str(file), "rows": n})
    screen.say(f"wrote {plural(n, 'row')} to {near(file)}")
    screen.next_step(f"open it in a spreadsheet, or with pandas; hakken report {typed(campaign)} draws it")


def _export_reactions(
    where: Settings, campaign: str, file: Path, screen: Screen, *, by: str | None, product: str | None, overwrite: bool
) -> None:
    """Write results as reactions of the Open Reaction Database."""
    from flows.exporting.ord import export_ord

    written = export_ord(where, campaign, file, by=by or where.by, product=product, overwrite=overwrite)
    said = {"reactions": written.reactions, "notes": list(written.notes)}
    screen.document({"campaign": campaign, "file": str(file), **said})
    screen.say(f"wrote {plural(written.reactions, 'reaction')} to {near(file)}, which pass ord-schema's checks")
    for note in written.notes:
        screen.say(f"note: {note}")
    screen.next_step(
        f"look at them (a .pbtxt file is text), then give them to others; hakken import {typed(near(file))} reads them"
    )


def _export_calculations(where: Settings, campaign: str, file: Path, screen: Screen, *, overwrite: bool) -> None:
    """Write results as calculations of QCSchema."""
    from flows.exporting.qcschema import export_qcschema

    written = export_qcschema(where, campaign, file, overwrite=overwrite)
    said = {"calculations": written.calculations, "failures": written.failures, "notes": list(written.notes)}
    screen.document({"campaign": campaign, "file": str(file), **said})
    failed = f" and {written.failures} that failed" if written.failures else ""
    wrote = f"{plural(written.calculations, 'calculation')}{failed}"
    screen.say(f"wrote {wrote} to {near(file)}, which pass qcelemental's checks")
    for note in written.notes:
        screen.say(f"note: {note}")
    screen.next_step(
        "qcelemental.models.AtomicResult(**one) reads each of its list, FailedOperation one that failed; "
        f"hakken tell CAMPAIGN {typed(near(file))} brings them into another campaign over these molecules"
    )
