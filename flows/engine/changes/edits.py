"""Edits: what the file of a campaign on record says otherwise by now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flows.engine.campaigns import check_on_record, read_campaign_file, says_the_same
from flows.engine.changes.origins import differing
from flows.wiring import campaign_file, spec_on_record
from loop.errors import HakkenError, SpecError

if TYPE_CHECKING:
    from flows.settings import Settings

_LIBRARIES: Final = frozenset({"molecule", "products", "union"})  # kinds of parameters with files of any size


@dataclass(frozen=True, slots=True)
class Edits:
    """A campaign file that says something else than the record has."""

    path: Path
    fault: str = ""  # what is wrong with it, or why the record does not take it; "" where it can be used
    renamed: str = ""  # the campaign that it is of by now, where that is another one
    files: tuple[str, ...] = ()  # that it names and were changed, where it says itself what it said
    gone: tuple[str, ...] = ()  # those of them that are not there any more
    is_read: bool = True  # whether what it says was read with all that it names


def edits_of(settings: Settings, name: str) -> Edits | None:
    """What the file of a campaign on record says otherwise; None where there is nothing to say.

    Of campaigns over libraries, whose files take long to be read, it is only seen whether they were changed.

    Raises:
        SpecError: The note where the file is cannot be read.
        OSError: One of the files cannot be read.
    """
    path = campaign_file(settings, name)
    on_record = spec_on_record(settings, name)
    if path is None or on_record is None or not path.is_file():
        return None
    if any(p["type"] in _LIBRARIES for p in on_record["space"].values()):
        return _of_a_library(settings, name, path)
    try:
        spec = read_campaign_file(path, settings)
    except HakkenError as error:
        return Edits(path, fault=str(error))
    if spec.campaign != name:
        return Edits(path, renamed=spec.campaign)
    try:
        if says_the_same(spec, on_record):
            return None
    except SpecError:  # of another release, which says so where the campaign goes on
        return None
    try:
        check_on_record(settings, spec)
    except HakkenError as error:
        return Edits(path, fault=str(error))
    return Edits(path)


def _of_a_library(settings: Settings, name: str, path: Path) -> Edits | None:
    try:
        found = differing(settings, name)
    except SpecError as error:
        return Edits(path, fault=str(error), is_read=False)
    if found is None:
        return None
    if found.is_said_otherwise:
        renamed = "" if found.campaign == name else str(found.campaign)
        return Edits(path, renamed=renamed, is_read=False)
    return Edits(path, files=found.changed, gone=found.gone, is_read=False)
