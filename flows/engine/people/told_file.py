"""A told file read row by row, for whoever keeps nothing of it: each row as it was typed, with its line."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from flows.engine.people.formats import table_told
from flows.engine.people.rows import Line, UnknownColumns, columns_of, draft_row
from flows.engine.people.told_table import lines_of, without_columns
from loop.errors import HakkenError, OutcomeError
from loop.sheets.cells import delimiter_of, doubtful, without_mark
from loop.sheets.files import NoTable
from loop.space import Space
from loop.spec import CampaignSpec
from loop.wording import plural

SHOWN = 5  # rows of a file that a message names


def rows_of_file(
    path: Path,
    spec: CampaignSpec,
    space: Space,
    fault: Callable[[str], HakkenError],
    *,
    wanted: str,
    lines_as: Callable[[Sequence[Line]], Sequence[Line]] = lambda lines: lines,
    ignore: Sequence[str] | None = None,
) -> list[tuple[int, str]]:
    """Line and payload of every row, as ``read_told`` and ``read_settings`` take it.

    Args:
        path: A CSV, Excel or Parquet file.
        spec, space: The campaign that its columns are of.
        fault: Makes the error that is raised where it cannot be read, from the message.
        wanted: What is to be given in place of another file.
        lines_as: What is done to its lines first.
        ignore: Columns to leave out, by header or name; None where the command has no ``--ignore``.

    Raises:
        NoColumn: It has none that is to be ignored.
    """
    text, lines = lines_of_file(path, spec, fault, wanted=f"; give {wanted}", each="candidate")
    delimiter = delimiter_of(without_mark(text))
    header_of = f"{path} line 1"
    return rows_of_lines(lines_as(lines), spec, space, fault, header_of=header_of, delimiter=delimiter, ignore=ignore)


def rows_of_lines(
    lines: Sequence[Line],
    spec: CampaignSpec,
    space: Space,
    fault: Callable[[str], HakkenError],
    *,
    header_of: str,
    delimiter: str = ",",
    ignore: Sequence[str] | None = None,
) -> list[tuple[int, str]]:
    """The same of lines, a header first; ``header_of`` is what its faults begin with."""
    as_it_came, unlike_it = lines[0][1], {line for line, cells in lines[1:] if len(cells) != len(lines[0][1])}
    lines = without_columns(lines, ignore or (), header_of)
    header = lines[0][1]
    if twice := [head for head, count in Counter(header).items() if head and count > 1]:
        raise fault(f"{header_of}: column {twice[0]!r} is given twice; rename or remove one")
    try:
        columns_of(dict.fromkeys(header, ""), spec, space)
    except OutcomeError as error:
        way_out = error.way_out if ignore is not None and isinstance(error, UnknownColumns) else ""
        raise fault(f"{header_of}: {error}{way_out}") from None
    doubts = doubtful([cells for line, cells in lines[1:] if line not in unlike_it], delimiter)
    found = []
    for line, cells in lines[1:]:
        names = as_it_came if line in unlike_it else header
        either = [h for h, cell, doubt in zip(names, cells, doubts, strict=False) if cell in doubt]
        draft = draft_row(str(line), names, cells, Counter(), delimiter=delimiter, doubtful=either)
        found.append((line, draft.payload))
    return found


def lines_of_file(
    path: Path, spec: CampaignSpec, fault: Callable[[str], HakkenError], *, wanted: str = "", each: str
) -> tuple[str, list[Line]]:
    """The text of a CSV, Excel, Parquet or QCSchema file that is told a campaign, and its lines: a header and one for
    ``each`` thing that it tells of.

    ``fault`` makes the error that is raised where it cannot be read; ``wanted`` follows what it is in place of a table.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise fault(f"{path} cannot be read ({error.strerror}); check the path") from None
    try:
        text = table_told(data, spec).text
        lines = lines_of(text)
    except NoTable as other:
        raise fault(f"{path} is {other}{wanted}") from None
    except csv.Error as error:
        raise fault(f"{path} is not a CSV file ({error}); save it as CSV") from None
    if len(lines) < 2:
        raise fault(f"{path} has no rows; give a header line and one line for each {each}")
    return text, lines


def not_all(what: Path | str, problems: Sequence[str]) -> str:
    """That some rows of a table cannot be read, and why, the first few of them."""
    more = f"\n  and {plural(len(problems) - SHOWN, 'line')} more" if len(problems) > SHOWN else ""
    return f"not all of {what} can be read:\n  " + "\n  ".join(problems[:SHOWN]) + more
