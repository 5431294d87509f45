"""Formats of instrument files: bytes in, readings out. A new one is a module here and a line in the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Final, TypeAlias

from loop.analysis.readings import Reading
from loop.errors import AnalysisError
from loop.sheets.files import is_whole

Reader: TypeAlias = Callable[[str, bytes], Sequence[Reading]]  # name of the file, and what it holds

_TABLE: Final = (  # the first whose ``recognises`` says yes
    "loop.analysis.formats.jcamp",
    "loop.analysis.formats.asm",
    "loop.analysis.formats.table",
)
MEDIA: Final = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def read_file(name: str, data: bytes) -> tuple[Reading, ...]:
    """Everything that a file says, told by its content: a table (CSV, Excel), JCAMP-DX, or Allotrope's JSON (ASM).

    Raises:
        AnalysisError: It is none of these or is damaged; the message names file, place and remedy.
    """
    if not data.strip():
        raise AnalysisError(f"{name}: the file is empty; export it anew")
    for module in _TABLE:
        found = import_module(module)
        if not found.recognises(data):
            continue
        try:
            readings: Sequence[Reading] = found.read(name, data)
        except AnalysisError as error:
            raise AnalysisError(f"{name}: {error}") from None
        if not readings:
            raise AnalysisError(f"{name}: it holds no reading; export the results with it")
        return tuple(readings)
    raise AnalysisError(
        f"{name} is no file that can be read: neither a table (CSV, .xlsx) nor JCAMP-DX nor Allotrope's JSON; "
        "export it as one of these"
    )


def is_cut_off(data: bytes) -> bool:
    """Whether a table's last line does not end: of a number in it the rest may be missing.

    JCAMP-DX and JSON say themselves where they end, and ``read_file`` refuses them without.
    """
    first = next((module for module in _TABLE if import_module(module).recognises(data)), _TABLE[-1])
    return first == _TABLE[-1] and not is_whole(data)


def media_type(name: str) -> str:
    """What a file is, by its name's end."""
    end = name.rsplit(".", 1)[-1].lower()
    return "chemical/x-jcamp-dx" if end in ("jdx", "dx", "jcm") else MEDIA.get(end, "application/octet-stream")
