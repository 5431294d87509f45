"""The application: every command by name, in the order a campaign meets them."""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Final

import typer

from flows.cli import (
    asking,
    audit,
    believing,
    building,
    campaigns,
    checking,
    comparing,
    deciding,
    examining,
    exchanging,
    explaining,
    health,
    importing,
    ingesting,
    lab,
    listening,
    looking,
    measuring,
    pairing,
    predicting,
    records,
    rehearsing,
    running,
    starts,
    windows,
)
from flows.cli.guard import Guarded
from flows.own_code import find_beside

app: Final = typer.Typer(
    name="hakken",
    cls=Guarded,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # no frames with a person's data on the screen; guard.py says what to do
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Closed-loop discovery in chemistry: choose, run and record experiments, negatives included. "
    "Begin with hakken init.",
)

_COMMANDS: Final = {
    "Begin": (starts.init, importing.import_, checking.validate),
    "Go on": (
        running.run,
        running.tick,
        asking.ask,
        asking.serve,
        listening.listen,
        campaigns.stop,
        campaigns.resume,
    ),
    "Look": (
        looking.status,
        looking.show,
        believing.best,
        predicting.predict,
        comparing.compare,
        windows.window,
        rehearsing.rehearse,
        examining.examine,
        explaining.explain,
        pairing.pairs,
        looking.plate,
        looking.report,
        looking.replay,
    ),
    "Results": (exchanging.tell, ingesting.ingest, ingesting.reanalyse, exchanging.retract, exchanging.export),
    "Decide": (
        deciding.approve,
        deciding.edit,
        deciding.pin,
        deciding.ban,
        deciding.lift,
        deciding.decisions,
        deciding.resolve,
    ),
    "This machine": (health.doctor, measuring.metrics),
}

for _panel, _group in _COMMANDS.items():
    for _command in _group:
        app.command(_command.__name__.strip("_"), rich_help_panel=_panel)(_command)
app.add_typer(building.app, name="library", rich_help_panel="This machine")
app.add_typer(lab.app, name="lab", rich_help_panel="This machine")
app.add_typer(audit.app, name="audit", rich_help_panel="This machine")
app.add_typer(records.app, name="record", rich_help_panel="This machine")


def main() -> None:
    """``hakken``, as a program."""
    _open_what_is_closed()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries' warnings are for developers; what matters is in a round's notes
    with suppress(OSError):  # a folder that was removed meanwhile has no name
        find_beside(Path.cwd())
    app(prog_name="hakken")


def _open_what_is_closed() -> None:
    """Give standard input, output and error a file where whoever started us closed them, as some schedulers do.

    Else the next file that is opened, the record perhaps, has the number to which libraries and children print.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for the life of the process
