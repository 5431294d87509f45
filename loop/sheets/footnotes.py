"""Rows of a table that are no experiments: footnotes, and what a spreadsheet works out below its columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

from loop.sheets.cells import delimiter_of, finite, without_mark

NARROW: Final = 2  # columns of a table in which a single cell may be all that a row says
NAMED: Final = 8  # rows that are named of many
SHOWN: Final = 40  # letters of a row that is left out
_WORKED_OUT: Final = frozenset(
    {"average", "avg", "max", "maximum", "mean", "median", "min", "minimum", "mittelwert", "moyenne", "rsd", "sd"}
    | {"somme", "stabw", "std", "std dev", "stdev", "sum", "summe", "total"}
)  # fmt: skip


def without_footnotes(text: str) -> tuple[str, str]:
    """A table's text without rows that are no experiments, every other row at its line, and what is said of them.

    No experiment is a row of which the first cell alone holds something that is no number, or is called as what is
    worked out below a column (``Average``) while another cell that others fill in is empty.
    """
    plain = without_mark(text.removeprefix("\ufeff"))
    lines = [*io.StringIO(plain, newline="")]
    reader = csv.reader(io.StringIO(plain, newline=""), delimiter=delimiter_of(plain))
    width, start, left = 0, 0, []
    try:
        for row in reader:
            end, held = reader.line_num, [cell.strip() for cell in row]
            if width and len(held) == width and is_aside(held):
                left.append((end, held[0]))
                lines[start:end] = ["\n"] * (end - start)
            width = width or (len(held) if any(held) else 0)
            start = end
    except csv.Error:
        return text, ""  # whoever reads the table says what is wrong with it
    if not left:
        return text, ""
    return "".join(lines), said_of_asides(left)


def said_of_asides(left: Sequence[tuple[int, str]]) -> str:
    """What is said of rows that are no experiments, each by its line and its first cell."""
    which = ", ".join(f"line {at} ({said[:SHOWN]!r})" for at, said in left[:NAMED])
    which += f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    is_are = "is no experiment and was" if len(left) == 1 else "are no experiments and were"
    return f"{which} {is_are} left out"


def is_aside(row: Sequence[str]) -> bool:
    """Whether a row as wide as its table is a footnote, or what is worked out below a column."""
    first, others = row[0], row[1:]
    if len(row) <= NARROW or not first or finite(first) is not None or all(others):
        return False
    return not any(others) or first.casefold().rstrip(".:") in _WORKED_OUT
