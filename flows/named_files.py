"""Files that a campaign file names, read as text in whatever encoding spreadsheets save."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from loop.errors import SpecError
from loop.sheets.files import table_called
from loop.spec import ReadFile

Say = Callable[[str], None]


def read_bytes(path: Path, shown: str) -> bytes:
    """The bytes of a file that messages call ``shown``. Raises ``SpecError`` where it cannot be opened."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise SpecError(f"{shown}: no such file (looked for {path.absolute()}); check the name") from None
    except OSError as error:
        raise SpecError(f"{shown}: cannot be read ({error.strerror}); check the path and its rights") from None


def reader(folder: Path, say: Say = lambda _: None) -> ReadFile:
    """How a campaign file in ``folder`` reads what it names; ``say`` is told once of each guess."""
    told = {""}

    def read(name: str) -> str:
        table = table_called(name, read_bytes(folder / name, name))
        if (said := table.said(name)) not in told:
            told.add(said)
            say(said)
        return table.text

    return read
