"""Columns of a library file that a calculation does not read, though a person may think so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from loop.sheets.cells import DELIMITERS, delimiter_of, first_line
from loop.sheets.letters import WINDOWS, encoding_of

_HEAD: Final = 4096  # bytes that hold a header
_CALCULATING: Final = frozenset({"pyscf", "xtb"})  # laboratories that take charge and spin from the structure
_STATES: Final = frozenset(
    {"charge", "charges", "ladung", "mult", "multiplicity", "multiplicitaet", "spin", "unpaired", "multiplizitat"}
)


def states_unread(spec: Any, folder: Path) -> Iterator[str]:
    """Columns called charge, multiplicity and the like in library files beside the campaign file, where a laboratory
    calculates with those of the structures."""
    from adapters.registry import laboratories_in

    if not _CALCULATING & {name for name, _ in laboratories_in(spec.laboratory.adapter, spec.laboratory.options)}:
        return
    for p in spec.space.values():
        stored = getattr(p, "stored", None)
        for name in () if stored is None else stored.source.split(", "):
            columns = [c for c in _header(folder / name) if _STATES & set(re.findall(r"[a-z]+", c.casefold()))]
            if columns:
                yield (
                    f"{name} has {', '.join(map(repr, columns))}, which no calculation reads: a molecule has the "
                    "charge of its structure and the least spin that fits, or all have charge and unpaired of the "
                    "laboratory"
                )


def _header(path: Path) -> list[str]:
    """The header of a table as text; nothing of any other file."""
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return []
    with suppress(OSError, UnicodeError), path.open("rb") as file:
        head = file.read(_HEAD)
        line = first_line(head.decode(encoding_of([head]) or WINDOWS, errors="replace"))
        return [cell.strip(' "') for cell in line.split(delimiter_of(line))] if set(line) & set(DELIMITERS) else []
    return []
