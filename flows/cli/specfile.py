"""Files of a campaign, read as text: where relative names start, and what to say when a file cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.screen import progress_line
from flows.named_files import Say, read_bytes, reader
from loop.errors import AdapterError, AdapterUnavailable, SpecError, UnknownName
from loop.sheets.files import no_text
from loop.spec import CampaignSpec, perhaps_decimals, place, read_spec

if TYPE_CHECKING:
    from flows.settings import Settings


def read_text(path: Path) -> str:
    """The text of a campaign file, which is in UTF-8.

    Raises:
        SpecError: It is not there, cannot be opened, or is not UTF-8 (with the line).
    """
    shown = str(path)
    data = read_bytes(path, shown)
    if other := no_text(data):
        raise SpecError(f"{shown} is {other}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecError(
            f"{shown} line {line}: byte {data[error.start]:#x} is not UTF-8; save the file as UTF-8"
        ) from None


def read_campaign(path: Path, where: Settings, say: Say = lambda _: None) -> CampaignSpec:
    """The resolved spec in a file; libraries that it names are stored. Raises ``SpecError``.

    Args:
        path: The file.
        where: The project.
        say: Called with each guess at the encoding of a file that it names, and each list that may have decimal commas.
    """
    return resolved(read_text(path), path, where, say)


def resolved(text: str, path: Path, where: Settings, say: Say = lambda _: None) -> CampaignSpec:
    """The same of a text that is, or is to be, in a file. Raises ``SpecError``."""
    from flows.wiring import begun_as_on_record, library_reader, made_on_record, without_misread_units

    with progress_line() as progress:
        libraries = library_reader(where, path.absolute().parent, progress)
        spec = read_spec(
            text,
            source=str(path),
            read=reader(path.parent, say),
            libraries=libraries,
            made=made_on_record(where),
        )
    for said in perhaps_decimals(text, str(path)):
        say(said)
    return begun_as_on_record(where, without_misread_units(where, spec, text, str(path)))


@contextmanager
def laboratory_of(path: Path) -> Iterator[None]:
    """Inside, what is wrong with a laboratory is said with the file and line of its section."""
    try:
        yield
    except (AdapterError, UnknownName) as error:
        if isinstance(error, AdapterUnavailable) or (isinstance(error, UnknownName) and error.kind != "adapter"):
            raise
        raise SpecError(f"{place(read_text(path), str(path), ('laboratory',))}: {error}") from None
