"""``status``, ``show``, ``report`` and ``replay``: where a campaign stands, why, and whether that can be proved."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from flows.cli.guard import REFUSED
from flows.cli.naming import Campaign, near, settings, typed
from flows.cli.screen import Json, Screen
from flows.shown.status import results_of, to_do_in, work_of
from loop.errors import LedgerError, NotFound
from loop.wording import plural

DIFFERENCES: Final = 20  # of a round that does not come out again, said before they are counted

Round = Annotated[
    int | None, typer.Argument(metavar="[ROUND]", min=1, help="Number of the round; the last if left out.")
]


def status(
    campaign: Annotated[str | None, typer.Argument(metavar="[CAMPAIGN]", help="One campaign; all if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Where campaigns stand: what is done, pending and waiting for a person, and the best so far."""
    from flows import engine
    from flows.engine.last_round import without_record
    from flows.wiring import where_recorded

    where, screen = settings(), Screen(as_json)
    reports = engine.status(where, campaign, str if as_json else near)
    screen.document([report.as_json() for report in reports])
    if not reports:
        record = near(where.home if where.has_own_record else where_recorded(where))
        if known := without_record(where, ()):
            screen.say(f"no campaign in {record}, and {near(where.home)} has what was sent of {', '.join(known)}")
            screen.next_step(
                "the record was emptied, removed, or is another: restore a backup of it, or name it in HAKKEN_DATABASE"
            )
        else:
            screen.say(f"no campaign in {record} yet")
            screen.next_step("hakken init --template reaction writes a campaign file to begin with")
    for report in reports:
        if report.edited:
            screen.say(f"note: {report.edited}")
        reason = f" ({report.reason})" if report.reason else ""
        screen.say(f"{report.campaign}: {report.state}{reason}", bold=True)
        for line in (*work_of(report), *results_of(report), *to_do_in(report)):
            screen.say(f"  {line}")
        screen.next_step(report.next_step)


def show(campaign: Campaign, round_number: Round = None, as_json: Json = False) -> None:
    """Why each candidate of a round was chosen, what was predicted, and what came of it."""
    from flows.cli.showing.rounds import print_round
    from flows.engine.looking.held_up import said_there
    from flows.shown.rounds import document
    from flows.wiring import open_record

    where, screen = settings(), Screen(as_json)
    with open_record(where) as ledger:
        screen.document(document(ledger, campaign, round_number))
        if not as_json:
            print_round(screen, ledger, campaign, round_number, said_there(where, campaign))


def plate(
    campaign: Campaign,
    round_number: Round = None,
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE.html|.csv",
            help="Where the page, or the table, is to be written; beside the record if left out. Once for each.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Draw the plate of a round on a page to be printed, and write its wells as a table to be filled in and told."""
    from adapters.common.durable import replace
    from flows import engine
    from flows.cli.showing.plates import plate_lines, plate_places, table_notes
    from flows.plates import view_plate
    from flows.plates.content import document, plates_of
    from flows.plates.page import is_untouched, render, table
    from flows.shown.rounds import last_round
    from flows.wiring import open_record, targets_in_order

    where, screen = settings(), Screen(as_json)
    with open_record(where) as ledger:
        number = last_round(ledger, campaign) if round_number is None else round_number
        no_plate = ""
        try:
            view = view_plate(ledger, campaign, number)
        except NotFound as error:
            if round_number is not None or not (plates := plates_of(ledger, campaign)):
                raise
            no_plate, number = str(error).partition(";")[0], plates[-1]
            view = view_plate(ledger, campaign, number)
        if view.prepare and all(w.key for w in view.wells) and (places := engine.laid_out(where, campaign, number)):
            view = view_plate(ledger, campaign, number, places)
        now = engine.View(ledger, campaign)
        waits = any(a.round_number == number for a in now.pending)
    view = view.with_targets_in_order([*targets_in_order(where, now.spec)])
    page, sheet = plate_places(where.folder(campaign) / f"plate-{number}", out or ())
    replace(page, render(view))
    typed_in = sheet.read_text(encoding="utf-8", errors="replace") if sheet.exists() else None
    has_keys = any(w.key for w in view.wells)
    is_written = has_keys and (typed_in is None or is_untouched(typed_in, view))
    if is_written:
        replace(sheet, table(view))
    there = str(sheet.absolute()) if is_written or typed_in is not None else None
    screen.document(
        {"campaign": campaign, "plate": number, "page": str(page.absolute()), "table": there, **document(view)}
    )
    if no_plate:
        screen.say(f"note: {no_plate}; this is the last plate, of round {number}")
    for line in plate_lines(view):
        screen.say(line)
    screen.say(f"wrote {near(page)}" + (f" and {near(sheet)}" if is_written else ""))
    for note in table_notes(view, near(sheet), "" if is_written else typed_in or ""):
        screen.say(f"note: {note}")
    again = f"{typed(campaign)} {number}"
    if all(w.key for w in view.wells) and not waits:
        screen.next_step(f"every well of it has ended: hakken show {again} says what came of each")
    elif all(w.key for w in view.wells):
        screen.next_step(f"print the page; fill in the table and hakken tell {typed(campaign)} {typed(near(sheet))}")
    else:
        screen.next_step(f"hakken approve {again} decides on them, and hakken plate {again} writes the table then")


def report(
    campaign: Campaign,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE.html", help="The page; report.html beside the record if left out."),
    ] = None,
    open_it: Annotated[bool, typer.Option("--open/--no-open", help="Open it in a browser.")] = False,
    as_json: Json = False,
) -> None:
    """Write the campaign's page: one file that works offline, progress, failures and all."""
    from flows import engine
    from flows import report as pages
    from flows.shown.whole_report import in_full

    where, screen = settings(), Screen(as_json)
    path = _page(where.folder(campaign) / "report.html" if out is None else out, campaign)
    page, note = in_full(where, campaign, path)
    notes = [said for said in (engine.said_of_edits(where, campaign, near), note) if said]
    path.parent.mkdir(parents=True, exist_ok=True)
    pages.write(page, path)
    screen.document({"campaign": campaign, "report": str(path), "notes": notes})
    screen.say(f"wrote {near(path)}")
    for said in notes:
        screen.say(f"note: {said}")
    if open_it:
        import webbrowser

        webbrowser.open(path.as_uri())
    why = f"hakken show {typed(campaign)} says why the last batch was chosen"
    screen.next_step(f"open {path.as_uri()} in a browser; {why}")


def _page(file: Path, campaign: str) -> Path:
    """Where a page is to be written; refused before it is made where it cannot be, or is no page by its name."""
    path = file.absolute()
    if path.suffix.lower() not in (".html", ".htm") or path.is_dir():
        raise LedgerError(f"--out {file}: a page is a file that ends in .html; name one")
    there = next(folder for folder in path.parents if folder.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        raise LedgerError(
            f"{near(path)} cannot be written: {there} is read-only here; "
            f"hakken report {typed(campaign)} --out FILE.html writes the page elsewhere"
        )
    return path


def replay(campaign: Campaign, round_number: Round = None, as_json: Json = False) -> None:
    """Plan a round again from the record alone, and compare it with what was proposed then."""
    from flows import engine
    from flows.shown.rounds import last_round
    from flows.wiring import open_record

    where, screen = settings(), Screen(as_json)
    if round_number is None:
        with open_record(where) as ledger:
            round_number = last_round(ledger, campaign)
    found = engine.replay(where, campaign, round_number)
    screen.document(found.as_json())
    for version in found.versions:
        screen.say(f"  version: {version}")
    for note in found.notes:
        screen.say(f"  note: {note}")
    if not found.is_identical:
        for difference in found.differences[:DIFFERENCES]:
            screen.say(f"  differs: {difference}")
        if (more := len(found.differences) - DIFFERENCES) > 0:
            screen.say(f"  and in {plural(more, 'thing')} more, which --json lists")
        day = f"{found.planned:%Y-%m-%d}"
        if found.versions:
            why = f"most likely since it was planned on {day} with other versions ({'; '.join(found.versions)})"
            remedy = "install the versions of then in an environment of their own"
        else:
            why = (
                "though the versions of hakken and of what it reckons with are those of then: most likely hakken's "
                f"code was changed within its version since {day}"
            )
            remedy = f"take hakken's code as it was on {day}"
        screen.say(f"round {round_number} of {campaign} does not come out again, {why}; the record is as it was")
        screen.next_step(f"to see it come out, {remedy}, and give this command there")
        raise typer.Exit(REFUSED)
    screen.say(f"round {round_number} of {campaign} comes out again: {plural(found.proposals, 'proposal')}, identical")
    screen.next_step(f"hakken show {typed(campaign)} {round_number} says why each was chosen")
