"""The list of samples: a line for each attempt that is to be measured, for whoever loads the instrument's sequence.

People open it in a spreadsheet program and save it. So a line is added to what is there, as that has its cells and
letters, and nothing else of the file changes.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from adapters.common.durable import replace_bytes
from loop.contracts import AttemptKey
from loop.sheets.cells import delimiter_of
from loop.sheets.letters import UTF8, UTF16, WINDOWS, encoding_of

_HEADER = ("sample", "plate", "well")


def list_sample(path: Path, key: AttemptKey, plate: str, well: str) -> None:
    """Add a line for an attempt, unless it has one; raises OSError where the file cannot be read or written."""
    data = path.read_bytes() if path.exists() else _line(_HEADER, ",").encode()
    encoding = encoding_of([data]) or WINDOWS
    text = data.decode(encoding, errors="replace")
    delimiter = delimiter_of(text)
    if any(row[:1] == [key] for row in csv.reader(io.StringIO(text), delimiter=delimiter)):
        return
    end = "" if not text or text.endswith(("\n", "\r")) else "\n"  # nothing is written onto somebody's last line
    added = end + _line((key, plate, well), delimiter)
    replace_bytes(path, data + _encoded(added, encoding, data))


def _line(cells: tuple[str, ...], delimiter: str) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _encoded(text: str, encoding: str, before: bytes) -> bytes:
    """The text as it can stand after what is there, without a further mark."""
    if encoding == UTF16:
        return text.encode("utf-16-le" if before.startswith(b"\xff\xfe") else "utf-16-be")
    return text.encode("utf-8" if encoding == UTF8 else encoding, errors="replace")
