"""Trying something on a copy of the record that is thrown away: what would come of it, and no trace of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from flows.wiring import LIBRARIES, ORIGIN, has_record

if TYPE_CHECKING:
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
