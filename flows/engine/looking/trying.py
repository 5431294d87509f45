"""Trying something on a copy of the record that is thrown away: what would come of it, and no trace of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from flows.engine.people.told_again import place_of
from flows.wiring import LIBRARIES, ORIGIN, has_record, open_record

if TYPE_CHECKING:
    from flows.engine.looking.reports import TellReport
    from flows.settings import Settings


@contextmanager
def on_a_copy(settings: Settings) -> Iterator[Settings]:
    """The project with a copy of its record, in a folder that is gone afterwards; its libraries are only read there.

    Raises:
        LedgerError: The record cannot be read.
    """
    from db.copying import copy_to_try

    with TemporaryDirectory(prefix="hakken-") as folder:
        there = replace(settings, home=Path(folder), database="")
        if has_record(settings):
            copy_to_try(settings.database, there.database)
        if (libraries := settings.home / LIBRARIES).is_dir():
            (there.home / LIBRARIES).symlink_to(libraries)
        for note in settings.home.glob(f"*/{ORIGIN}"):  # where each campaign file was
            copied = there.home / note.relative_to(settings.home)
            copied.parent.mkdir()
            shutil.copyfile(note, copied)
        yield there


def as_tried(there: Settings, name: str, report: TellReport) -> TellReport:
    """What was said of rows told on a copy: these are named by their lines, since their ids are gone with it."""
    with open_record(there) as ledger:
        places = {e.id: place_of(e) for e in ledger.envelopes(name) if e.id in report.observations}

    def by_line(said: str) -> str:
        for observation, place in places.items():
            called = re.sub(r"\W+", "_", f"ID of {place}").upper()
            said = said.replace(f" ({observation})", "").replace(observation, called)
        return said

    problems, notes = [by_line(p) for p in report.problems], tuple(by_line(n) for n in report.notes)
    return replace(report, problems=problems, notes=notes, observations=())
