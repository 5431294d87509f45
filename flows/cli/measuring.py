"""``metrics``: where campaigns stand, for a monitoring system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.naming import near, settings
from flows.cli.screen import Json, Screen, is_standard_output
from loop.errors import LedgerError
from loop.wording import plural


def metrics(
    campaign: Annotated[str | None, typer.Argument(metavar="[CAMPAIGN]", help="One campaign; all if left out.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE.prom", help="Write them, as node_exporter's textfile collector reads."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print where campaigns stand in Prometheus' text format; nothing is planned, sent or asked.

    For alarms: experiments that are overdue or ambiguous, batches that wait for a person, faults, when something was
    last put on record, and campaign files that were edited and not taken up.
    """
    from flows import engine
    from flows.metrics import text_of, write

    where, screen = settings(), Screen(as_json)
    if is_standard_output(out, as_json=as_json):
        out = None
    if out is not None and not out.parent.is_dir():
        raise LedgerError(f"{out.parent} is no folder; make it first, or name another file")
    reports = engine.status(where, campaign, str)
    screen.document([report.as_json() for report in reports])
    if out is None:
        screen.say(text_of(reports).rstrip("\n"))
        return
    write(reports, out)
    screen.say(f"wrote the metrics of {plural(len(reports), 'campaign')} to {near(out)}")
    screen.next_step("have it written every minute (cron, a systemd timer); docs/prefect.md says which alarms to set")
