"""``audit``: whether the record is as it was written, and who wrote what in it when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Annotated, Final

import typer

from flows.cli.guard import REFUSED
from flows.cli.guard import tell as complain
from flows.cli.naming import settings, typed
from flows.cli.screen import Json, Screen
from loop.contracts import Ledger
from loop.errors import NotFound
from loop.record import AuditEntry
from loop.wording import plural

app: Final = typer.Typer(no_args_is_help=True, help="Check that nobody changed the record, and say who wrote what.")

_WIDE: Final = 200  # characters of what is said of one entry
_PLACES: Final = ("by", "campaign", "epoch", "rows")  # said in other columns, and what seals it
_REASONS: Final = ("why", "reason")  # what is never left out of a line for several entries


@app.callback()
def audit() -> None:
    """Check that nobody changed the record, and say who wrote what in it when."""


@app.command()
def verify(as_json: Json = False) -> None:
    """Go through the chain of hashes over everything that was written, and say where it breaks."""
    from flows.wiring import open_record

    where, screen = settings(), Screen(as_json)
    with open_record(where) as ledger:
        report = ledger.verify_audit()
    screen.document(report)
    if not report.is_intact:
        complain(f"the record was changed after it was written: {report.message}", "AuditBroken", as_json=False)
        raise typer.Exit(REFUSED)
    screen.say(
        f"the record is intact: {plural(report.entries, 'entry', 'entries')}, each sealed by the hash of all before it"
    )
    if report.head:
        screen.say(f"hash of entry {report.entries}: {report.head}")
        screen.next_step("keep that line elsewhere (a notebook, a mail), and the record proves itself to others")
    else:
        screen.next_step("hakken init --template reaction writes a campaign file to begin with")


@app.command()
def log(
    campaign: Annotated[
        str | None, typer.Argument(metavar="[CAMPAIGN]", help="Name of a campaign on record; all if left out.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="Only what this person wrote (engine: hakken itself).")] = None,
    last: Annotated[int, typer.Option("--last", min=1, help="How many lines to show, the newest at the end.")] = 40,
    as_json: Json = False,
) -> None:
    """Say who wrote what in the record when, the newest at the end; what one wrote at once is one line.

    With --json every entry, with all that it says and its hash.
    """
    from flows.wiring import open_record

    where, screen = settings(), Screen(as_json)
    with open_record(where) as ledger:
        if campaign is not None:
            ledger.campaign(campaign)
        every = ledger.audit()
        found = [e for e in every if campaign in (None, e.detail.get("campaign")) and by in (None, e.actor)]
        changed = {e.number: _changed(ledger, e) for e in found if e.action == "open_campaign"}
    screen.document({"campaign": campaign, "by": by, "entries": found})
    lines = list(_lines(found, changed))
    if lines:
        screen.table(("entries", "when (UTC)", "by", "did", "what"), lines[-last:])
        if len(lines) > last:
            screen.say(
                f"{plural(len(lines) - last, 'earlier line')}; --last {len(lines)} shows all, --json every entry"
            )
    else:
        names = ", ".join(sorted({e.actor for e in every}))
        screen.say("nothing is on record" + (f" by {by}; there wrote: {names}" if by and names else ""))
    it = "CAMPAIGN" if campaign is None else typed(campaign)
    screen.next_step(f"hakken audit verify proves that nobody changed it; hakken show {it} tells what came of each")


def _changed(ledger: Ledger, entry: AuditEntry) -> str:
    """What a version of a campaign file changes of the one before it; "" of a first one, or one that is not there."""
    from flows.shown.changes import spec_changes

    name, version = str(entry.detail.get("campaign")), entry.detail.get("version")
    if not isinstance(version, int) or version < 2:
        return ""
    try:
        changes = spec_changes(ledger.spec_version(name, version - 1), ledger.spec_version(name, version))
    except NotFound:  # the record was tampered with, which hakken audit verify says
        return ""
    return f"changes {', '.join(changes)}" if changes else ""


def _lines(entries: Sequence[AuditEntry], changed: Mapping[int, str]) -> Iterator[tuple[str, str, str, str, str]]:
    """A line for each entry, and one for those in a row that one person wrote at one time for one reason."""
    for (at, actor, *_), group in groupby(entries, key=_together):
        some = list(group)
        first, end = some[0], some[-1]
        numbers = str(first.number) if len(some) == 1 else f"{first.number} to {end.number}"
        did = first.action.replace("_", " ") + (f" ({len(some)})" if len(some) > 1 else "")
        what = [str(first.detail["campaign"])] if "campaign" in first.detail else []
        what += _said(first.detail if len(some) == 1 else _shared(some))
        what += [change for e in some if (change := changed.get(e.number, ""))]
        yield numbers, at, actor, did, "; ".join(what)


def _together(entry: AuditEntry) -> tuple[str, str, str, str, tuple[object, ...]]:
    said = tuple(entry.detail.get(name) for name in _REASONS)
    return f"{entry.at:%Y-%m-%d %H:%M}", entry.actor, entry.action, str(entry.detail.get("campaign", "")), said


def _shared(entries: Sequence[AuditEntry]) -> Mapping[str, object]:
    """What all of the entries say alike."""
    first = entries[0].detail
    return {name: value for name, value in first.items() if all(e.detail.get(name) == value for e in entries)}


def _said(detail: Mapping[str, object]) -> Iterator[str]:
    for name, value in detail.items():
        if name in _PLACES or value in (None, "", [], {}):
            continue
        text = f"{len(value)}" if isinstance(value, list | dict) else str(value)
        yield f"{name.replace('_', ' ')} {text if len(text) <= _WIDE else text[:_WIDE] + '...'}"
