"""``audit``: whether the record is as it was written."""

from __future__ import annotations

from typing import Final

import typer

from flows.cli.guard import REFUSED
from flows.cli.guard import tell as complain
from flows.cli.naming import settings
from flows.cli.screen import Json, Screen

app: Final = typer.Typer(no_args_is_help=True, help="Check that nobody changed the record.")


@app.callback()
def audit() -> None:
    """Check that nobody changed the record."""


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
    screen.say(f"the record is intact: {report.entries} entries, each sealed by the hash of all before it")
    if report.head:
        screen.say(f"hash of entry {report.entries}: {report.head}")
        screen.next_step("keep that line elsewhere (a notebook, a mail), and the record proves itself to others")
    else:
        screen.next_step("hakken init --template reaction writes a campaign file to begin with")
