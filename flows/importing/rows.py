"""Tables as text: rows of a CSV file with line numbers, whatever separates its cells."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from flows.importing.source import Source
from loop.sheets.cells import (
    delimiter_of,
    missing,
    named_twice,
    not_as_wide,
    said_of_missing_numbers,
    used,
    with_points,
)


@dataclass(frozen=True)
class Table:
    """A table: its header, and its rows as cells by header with the line each stands on."""

    header: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    missing: str = ""  # what is said of words for a missing number, which count as empty; "" where there are none

    def text(self, leaving_out: frozenset[str] = frozenset()) -> str:
        """The table as a CSV text with commas, line for line where it was, without some columns."""
        kept = [h for h in self.header if h not in leaving_out]
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(kept)
        at = 1
        for line, row in self.rows:
            out.write("\n" * (line - at - 1))  # so that messages name the line of the file
            writer.writerow([row[h] for h in kept])
            at = line
        return out.getvalue()


def read_rows(source: Source, no_value: str = "") -> Table:
    """The file as a table; commas, semicolons and tabs are understood, and decimal commas between the latter.

    ``no_value`` is a word for a number that is not there yet, so that a column of these and numbers is one of numbers.

    Raises:
        ImportFault: No rows, a column given twice, or a row of another length.
    """
    delimiter = delimiter_of(source.text)
    header: tuple[str, ...] = ()
    lines: list[int] = []
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(source.text, newline=""), delimiter=delimiter, strict=True)
    try:
        for found in reader:
            cells = [cell.strip() for cell in found]
            if not any(cells):
                continue
            if not header:
                header = tuple(cells)
                continue
            if len(cells) != len(header):
                raise source.fault(f"line {reader.line_num}: {not_as_wide(header, cells, delimiter)}")
            lines.append(reader.line_num)
            rows.append(cells)
    except csv.Error as error:
        raise source.fault(f"line {reader.line_num}: not readable as CSV ({error}); save it as CSV") from None
    if not rows:
        raise source.fault("the table has no rows; it needs a header line and one line for each experiment")
    kept = used(header, rows)
    header = tuple(header[i] for i in kept)
    if twice := named_twice(header):
        raise source.fault(twice)
    said = [[row[i] for i in kept] for row in rows]
    gone = [missing(["" if _says(cell, no_value) else cell for cell in column]) for column in zip(*said, strict=True)]
    remark = said_of_missing_numbers(
        {h: [row[i] for row in said if row[i] in cells] for i, (h, cells) in enumerate(zip(header, gone, strict=True))}
    )
    said = [["" if cell in cells else cell for cell, cells in zip(row, gone, strict=True)] for row in said]
    plain = with_points([["" if _says(cell, no_value) else cell for cell in row] for row in said], delimiter)
    whole = [
        [a if _says(a, no_value) else b for a, b in zip(*both, strict=True)] for both in zip(said, plain, strict=True)
    ]
    named = [dict(zip(header, row, strict=True)) for row in whole]
    return Table(header, tuple(zip(lines, named, strict=True)), remark)


def _says(cell: str, word: str) -> bool:
    """Whether a cell is the word, in capitals or not."""
    return bool(word) and cell.upper() == word
