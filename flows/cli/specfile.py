"""Files of a campaign, read as text: where relative names start, and what to say when a file cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.screen import progress_line
from loop.cells import no_text
from loop.errors import AdapterError, AdapterUnavailable, SpecError, UnknownName
from loop.spec import CampaignSpec, ReadFile, place, read_spec

if TYPE_CHECKING:
    from flows.settings import Settings


def read_text(path: Path, name: str | None = None) -> str:
    """The text of a UTF-8 file.

    Raises:
        SpecError: It is not there, cannot be opened, or is not UTF-8 (with the line).
    """
    shown = name or str(path)
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


def read_bytes(path: Path, shown: str) -> bytes:
    """The bytes of a file that messages call ``shown``. Raises ``SpecError`` where it cannot be opened."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise SpecError(f"{shown}: no such file (looked for {path.absolute()}); check the name") from None
    except OSError as error:
        raise SpecError(f"{shown}: cannot be read ({error.strerror}); check the path and its rights") from None


def reader(folder: Path) -> ReadFile:
    """How a campaign file in ``folder`` reads the files that it names."""
    return lambda name: read_text(folder / name, name)


def read_campaign(path: Path, where: Settings) -> CampaignSpec:
    """The resolved spec in a file; libraries that it names are stored. Raises ``SpecError``."""
    return resolved(read_text(path), path, where)


def resolved(text: str, path: Path, where: Settings) -> CampaignSpec:
    """The same of a text that is, or is to be, in a file. Raises ``SpecError``."""
    from flows.wiring import library_reader, without_misread_units

    with progress_line() as progress:
        libraries = library_reader(where, path.absolute().parent, progress)
        spec = read_spec(text, source=str(path), read=reader(path.parent), libraries=libraries)
    return without_misread_units(where, spec, text, str(path))


@contextmanager
def laboratory_of(path: Path) -> Iterator[None]:
    """Inside, what is wrong with a laboratory is said with the file and line of its section."""
    try:
        yield
    except (AdapterError, UnknownName) as error:
        if isinstance(error, AdapterUnavailable) or (isinstance(error, UnknownName) and error.kind != "adapter"):
            raise
        raise SpecError(f"{place(read_text(path), str(path), ('laboratory',))}: {error}") from None
