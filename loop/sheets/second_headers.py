"""A second line of header, which no row of results is: units under the names, and the types that Summit writes."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import islice
from typing import Final

from loop.errors import UnitError
from loop.sheets.cells import delimiter_of, finite, is_of_numbers, split_header, without_mark
from loop.units import check_unit

_LOOKED_AT: Final = 20  # rows that show whether a column holds numbers
_OF_UNITS: Final = frozenset({"unit", "units", "einheit", "einheiten", "unite", "unites"})  # before the units
_NO_UNIT: Final = frozenset({"-", "--", "\N{EN DASH}", "[-]", "(-)", "[]"})
_DATA, _BESIDE_DATA = "DATA", "METADATA"


def with_one_header(text: str) -> tuple[str, str]:
    """A table's text with one line of header, every row at its line, and what was made of the second, "" for nothing.

    Units count as those of the header where each stands over numbers and under a name without a unit, and nothing else
    stands beside them. Of a data set of Summit the columns of metadata are left out.
    """
    plain = without_mark(text.removeprefix("\ufeff"))
    delimiter = delimiter_of(plain)
    reader = csv.reader(io.StringIO(plain, newline=""), delimiter=delimiter)
    try:
        rows = ((reader.line_num, [c.strip() for c in row]) for row in reader if any(c.strip() for c in row))
        first = list(islice(rows, 2 + _LOOKED_AT))
    except csv.Error:
        return text, ""  # whoever reads the table says what is wrong with it
    if len(first) < 3 or any(len(row) != len(first[0][1]) for _, row in first):
        return text, ""
    (_, names), (at, second), *data = first
    if names[0] == "NAME" and second[0] == "TYPE" and {*second[1:]} <= {_DATA, _BESIDE_DATA}:
        return _of_summit(plain, names, second, at, delimiter)
    units = [_unit_in(cell) for cell in second]
    if not _are_units(names, units, [row for _, row in data]):
        return text, ""
    header = [f"{name} [{unit}]" if unit else name for name, unit in zip(names, units, strict=True)]
    rest = [*io.StringIO(plain, newline="")][at:]
    one = _line(header, delimiter) + "\n" * (at - 1) + "".join(rest)
    return one, f"line {at} holds units, which count as those of the header"


def _of_summit(text: str, names: Sequence[str], types: Sequence[str], at: int, delimiter: str) -> tuple[str, str]:
    """A data set of Summit without its metadata."""
    kept = [i for i, kind in enumerate(types) if kind != _BESIDE_DATA]
    left = [name for name, kind in zip(names, types, strict=True) if kind == _BESIDE_DATA]
    lines = [_line(["", *(names[i] for i in kept[1:])], delimiter), "\n" * (at - 1)]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for row in reader:
        if reader.line_num > at:
            lines.append(_line([row[i] for i in kept if i < len(row)], delimiter))
    is_one, all_of_them = len(left) == 1, ", ".join(left)
    columns = f"its column of metadata {all_of_them} is" if is_one else f"its columns of metadata {all_of_them} are"
    return "".join(lines), "it is a data set of Summit" + (f"; {columns} left out" if left else "")


def _are_units(names: Sequence[str], units: Sequence[str | None], data: Sequence[Sequence[str]]) -> bool:
    """Whether cells under names are their units, each over numbers, and at least one over some that are there."""
    if None in units or not any(units):
        return False
    over = [i for i, unit in enumerate(units) if unit]
    if any(not names[i] or split_header(names[i])[1] is not None for i in over):
        return False
    columns = [[row[i] for row in data if row[i]] for i in over]
    return any(columns) and all(is_of_numbers(column) for column in columns if column)


def _unit_in(cell: str) -> str | None:
    """The unit that a cell holds, "" where it says none; None for any other cell."""
    if not cell or cell in _NO_UNIT or cell.casefold() in _OF_UNITS:
        return ""
    inside = cell[1:-1].strip() if cell[0] + cell[-1] in ("[]", "()") else cell
    if finite(inside) is not None or len(inside) > 20:
        return None
    try:
        return check_unit(inside) and inside
    except UnitError:
        return None


def _line(cells: Sequence[str], delimiter: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return out.getvalue()
