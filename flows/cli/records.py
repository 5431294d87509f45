"""``record``: the record as a whole, taken to another database."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

import typer

from flows.cli.naming import settings
from flows.cli.screen import Json, Screen
from loop.wording import plural

app: Final = typer.Typer(no_args_is_help=True, help="Take the record to another database.")


@app.callback()
def record() -> None:
    """Take the record to another database."""


@app.command()
def copy(
    to: Annotated[
        str,
        typer.Argument(
            metavar="URL|FILE", help="An empty database: postgresql://USER@HOST/NAME, or a file that is not there."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Copy the whole record to another database, from SQLite to PostgreSQL or back, seals and all.

    While nothing works on a campaign. A password is found in PGPASSWORD or ~/.pgpass, and need not stand in the URL.
    """
    from db.copying import copy_record
    from flows.wiring import open_record

    where, screen = settings(), Screen(as_json)
    target = replace(where, database=to).database  # a plain path is a file here, too
    open_record(where).close()  # says where there is none
    made = copy_record(where.database, target)
    screen.document(made)
    entries = plural(made.entries, "entry", "entries")
    screen.say(f"{plural(made.campaigns, 'campaign')} and {entries} of the audit log copied to {made.to}")
    screen.say(f"hash of entry {made.entries}, there as here: {made.head}")
    if made.cleared:
        screen.say(f"removed what an earlier copy had left, which was killed: {', '.join(made.cleared)}")
    screen.next_step(
        "set HAKKEN_DATABASE to it, and go on in the same HAKKEN_HOME, in which laboratories and files stay; put the "
        "older record away, and start Prefect's workers, where there are some, anew with that set"
    )
