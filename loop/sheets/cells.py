"""Cells of tables as spreadsheets write them: what separates them, units in headers, numbers with a decimal comma,
and numbers with their scatter."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from loop.errors import UnitError
from loop.units import check_unit, is_unit_of, misread

DELIMITERS: Final = ",;\t"
SIGNS: Final = {",": "comma", ";": "semicolon", "\t": "tab"}  # what each is called
_LIMIT: Final = r"[<>]?\s*[-+]?"
_COMMA: Final = re.compile(rf"{_LIMIT}\d*,\d+(?:[eE][-+]?\d+)?")
_NUMBER: Final = re.compile(rf"{_LIMIT}(?:\d*,\d+|\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_SCATTER: Final = re.compile(r"([-+]?\d+(?:[.,]\d+)?)\s*(?:\N{PLUS-MINUS SIGN}|\+/?-)\s*([-+]?\d+(?:[.,]\d+)?)")
_GROUPED: Final = re.compile(rf"{_LIMIT}[1-9]\d{{0,2}}(?:[.,'\s]\d{{3}})+(?:[.,]\d+)?")
_EITHER: Final = re.compile(rf"{_LIMIT}[1-9]\d{{0,2}}([.,])\d{{3}}")  # 1.250 is 1.25, or 1250
_NOTHING: Final = frozenset({"nan", "na", "n/a", "#n/a", "<na>", "null"})  # as pandas, R and Excel write it
_DOUBT: Final = "?"  # after a number that the other cells of its table leave in doubt

_MARK: Final = re.compile(r'\A\ufeff?"?sep=[,;\t]"?[,;\t]*(?=[\r\n]|\Z)', re.IGNORECASE)  # with cells added to it
_SQUARE: Final = re.compile(r"\s*(?P<name>.*?)\s*(?:\[(?P<unit>[^\[\]]*)\])?\s*")
_MINUS: Final = re.compile(  # word processors make the latter two
    "^([<>]?\\s*)[\N{MINUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{EN DASH}\N{NON-BREAKING HYPHEN}](?=[\\d.,])"
)
_ROUND: Final = re.compile(r"\s*(?P<name>.*?\S)\s*\(\s*(?P<unit>[^()]*\S)\s*\)\s*")
_SLASH: Final = re.compile(  # percent and degrees may follow a name as they are: "Yield %", "T in °C"
    r"\s*(?P<name>[^/,]*?[^\W\d_][^/,]*?)(?:\s+in)?(?:\s*[/,]\s*|\s+(?=\S*[%°]))"
    r"(?:\(\s*(?P<round>[^()]*\S)\s*\)|(?P<unit>\S+))\s*"
)
_LEADING: Final = re.compile(  # "% ee", "mol% Pd"; no "% of theory", which names nothing
    r"\s*(?P<unit>(?:mol|wt|vol)?\s?%)\s*(?!of\b)(?P<name>[^\W\d_][^/%\[\]]*?)\s*"
)
_QUOTIENT: Final = re.compile(  # no ratio of two things: "flow / mL min-1", "charge/F mol-1"
    r"\s*(?P<name>[^/,]*?[^\W\d_][^/,]*?)(?P<slash>\s*/\s*)"
    "(?P<unit>[^/]*[^\\W\\d_]\\s?(?:\\^?[-\N{MINUS SIGN}\N{EN DASH}][1-9]|\N{SUPERSCRIPT MINUS}\\w).*?)\\s*"
)


def without_mark(text: str) -> str:
    """A table's text with its first line left blank where that is Excel's ``sep=;``: other lines keep their numbers."""
    return _MARK.sub("", text, count=1)


def delimiter_of(text: str) -> str:
    """What separates the cells of a table: the one of comma, semicolon and tab that its first line has most of."""
    return max(DELIMITERS, key=first_line(text).count)


def first_line(text: str) -> str:
    """The first line of a table that is not blank, whatever ends it."""
    return re.split(r"[\r\n]", text.removeprefix("\ufeff").lstrip("\r\n"), maxsplit=1)[0]


@lru_cache(maxsize=4_096)  # every row of a told table asks for each of its columns
def split_header(head: str) -> tuple[str, str | None]:
    """Name and unit of a header: ``temperature [K]``, ``temperature (K)`` or ``temperature/K``; None for the unit where
    it has none."""
    match = _SQUARE.fullmatch(head)
    name, unit = (match["name"], match["unit"]) if match else (head, None)
    if unit is None and (parted := slashed(head)) is not None:
        return parted
    if unit is None and (found := _ROUND.fullmatch(head)):
        try:  # no name has brackets, and not everything between such is a unit: "yield (isolated)"
            return found["name"], check_unit(found["unit"])
        except UnitError:
            pass
    return name, unit


def slashed(head: str) -> tuple[str, str] | None:
    """Name and unit of a header that parts them by a slash or a comma, ``Time/h``; None where it does not.

    Percent and degrees may follow the name as they are, ``Yield %``, and percent may stand before it, ``% ee``.
    """
    if (leading := _LEADING.fullmatch(head)) is not None:
        return leading["name"], leading["unit"].replace(" ", "")
    found = _SLASH.fullmatch(head)
    if found is not None and is_unit_of(said := found["round"] or found["unit"], found["name"]):
        return found["name"], said
    return _quotient(head)


def _quotient(head: str) -> tuple[str, str] | None:
    """Name and unit where something inverse is in the unit, and blanks show that the slash stands before all of it."""
    found = _QUOTIENT.fullmatch(head)
    if found is None or not (found["slash"].strip() != found["slash"] or " " in found["unit"]):
        return None
    try:
        return (found["name"], check_unit(found["unit"])) if not misread(found["unit"]) else None
    except UnitError:
        return None


def with_hyphen(cell: str) -> str:
    """The cell with a hyphen for the minus sign of typeset tables, or the dash in its place, where a number follows."""
    return _MINUS.sub(r"\1-", cell, count=1)


def finite(cell: str) -> float | None:
    """The finite number that a cell holds and nothing else; None for any other."""
    number = as_float(with_hyphen(cell))
    return number if number is not None and math.isfinite(number) else None


def as_float(text: str) -> float | None:
    """The number that a text is, infinite ones too; None for any other, also the name 1_2, which Python reads as 12."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def says_nothing(cell: str) -> bool:
    """Whether a cell among numbers is a program's word for one that is missing, such as NaN or NA."""
    return cell.casefold() in _NOTHING


def missing(column: Iterable[str]) -> frozenset[str]:
    """The cells of a column of numbers that are words for a missing one; none of a column of words: Na is sodium."""
    cells = {*column}
    held = [cell for cell in cells if cell and not says_nothing(cell)]
    of_numbers = 2 * sum(_NUMBER.fullmatch(cell) is not None for cell in held) > len(held)
    return frozenset(cell for cell in cells if says_nothing(cell)) if of_numbers else frozenset()


def said_of_missing_numbers(columns: Mapping[str, Sequence[str]]) -> str:
    """What is said of cells that count as empty, by the header of their column; "" where there are none."""
    found = {header: cells for header, cells in columns.items() if cells}
    if not found:
        return ""
    words = ", ".join(dict.fromkeys(cell for cells in found.values() for cell in cells))
    where = ", ".join(f"{header} ({len(cells)})" for header, cells in found.items())
    return f"cells that say {words} count as empty: {where}"


def is_number(text: str) -> bool:
    """Whether a word can be read as a number."""
    return as_float(text) is not None


def has_decimal_comma(cell: str) -> bool:
    """Whether a cell is a number, or a limit, with a comma where others have a point."""
    return _COMMA.fullmatch(cell) is not None


def has_thousands(cell: str) -> bool:
    """Whether a cell is a number, or a limit, with signs between its thousands, such as 1.234,5 or 1 234."""
    return _GROUPED.fullmatch(cell) is not None


def without_thousands(cell: str) -> str:
    """The number of a cell that has signs between its thousands: 1234.5 for 1.234,5."""
    decimal = _decimal_sign(cell)
    kept = (c for c in cell if c == decimal or not (c in ".,'" or c.isspace()))
    return "".join("." if c == decimal else c for c in kept)


def hint_of(cell: str) -> str:
    """What to write in place of a number whose one sign may part thousands, or be a decimal one; "" for any other."""
    plain = cell.removesuffix(_DOUBT)
    if (match := _EITHER.fullmatch(plain)) is None:
        return ""
    sign = match[1]
    decimal = plain.replace(sign, "," if sign == "." else ".")
    return f"it may be {plain.replace(sign, '')} as well as {decimal}: write the one that is meant"


def in_doubt(cell: str) -> str:
    """The cell marked as in doubt, so that it is no number until a person has decided which one it is."""
    return cell + _DOUBT


def without_doubt(cell: str) -> str:
    """The cell as it was typed."""
    return cell.removesuffix(_DOUBT) if is_in_doubt(cell) else cell


def is_in_doubt(cell: str) -> bool:
    """Whether a cell is marked as in doubt."""
    return cell.endswith(_DOUBT) and _EITHER.fullmatch(cell[:-1]) is not None


def doubtful(rows: Iterable[Sequence[str]], delimiter: str) -> list[frozenset[str]]:
    """For each column of rows of equal length, the cells of which the table does not tell what their sign is.

    ``1.250`` is 1250 where decimals have commas, and ``1,250`` where they have points. So each is in doubt beside
    numbers of its column that are written the other way; and beside such of other columns, where its own has none that
    tells. Between semicolons decimals have commas, whatever other columns show: a program may have written these.
    """
    columns = list(zip(*rows, strict=True))
    either = [{cell: match[1] for cell in {*c} if (match := _EITHER.fullmatch(cell))} for c in columns]
    if delimiter == "," or not any(either):
        return [frozenset()] * len(columns)
    shown = [{sign for cell in {*c} if (sign := _decimal_sign(cell))} if is_of_numbers(c) else set() for c in columns]
    elsewhere = {sign for signs in shown for sign in signs} - ({"."} if delimiter == ";" else set())
    found = []
    for cells, signs in zip(either, shown, strict=True):
        told = signs or {*cells.values()} | elsewhere
        found.append(frozenset(cell for cell, sign in cells.items() if told - {sign}))
    return found


def _decimal_sign(cell: str) -> str:
    """The sign that parts a number's decimals, where the number alone tells; "" elsewhere."""
    if _EITHER.fullmatch(cell):
        return ""
    if _GROUPED.fullmatch(cell):  # 1.234,5 and 1.250.000 have decimal commas
        last = next((c for c in reversed(cell) if c in ".,"), "")
        return last if cell.count(last) < 2 else "," if last == "." else "."
    return next((c for c in cell if c in ".,"), "") if _NUMBER.fullmatch(cell) else ""


def pointed(cell: str) -> str:
    """The cell with a decimal point, where it is a number with a decimal comma."""
    return cell.replace(",", ".") if has_decimal_comma(cell) else cell


def scatter_of(cell: str) -> tuple[str, str] | None:
    """The number and its deviation where a cell holds both, as in "45.2 +- 2"; None elsewhere."""
    return (found[1], found[2]) if (found := _SCATTER.match(cell)) else None


def with_points(rows: Sequence[Sequence[str]], delimiter: str) -> list[list[str]]:
    """Rows of equal length with decimal points in every column of numbers.

    Only between semicolons or tabs is a comma a decimal sign; between commas ``"1,500"`` may be more than a thousand.
    A few words among its numbers ("n.d.") make no other column of it: whoever reads it says what is wrong with these,
    and with cells in doubt.
    """
    rows = [[with_hyphen(cell) for cell in row] for row in rows]
    columns: Iterable[Sequence[str]] = list(zip(*rows, strict=True))
    if delimiter != ",":
        doubts = doubtful(rows, delimiter)
        columns = [
            [in_doubt(cell) if cell in doubt else pointed(cell) for cell in column] if is_of_numbers(column) else column
            for column, doubt in zip(columns, doubts, strict=True)
        ]
    return [list(row) for row in zip(*columns, strict=True)]


def is_of_numbers(column: Sequence[str]) -> bool:
    """Whether most cells that hold something are numbers or limits."""
    held = [cell for cell in column if cell and not says_nothing(cell)]
    return 2 * sum(_NUMBER.fullmatch(cell) is not None for cell in held) > len(held)


def used(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Places of the columns with a name or a cell, of rows as long as the header: spreadsheets leave others behind."""
    return [i for i, name in enumerate(header) if name or any(row[i] for row in rows)]


def not_as_wide(header: Sequence[str], row: Sequence[str], delimiter: str) -> str:
    """What is wrong with a row of another length than the header, and the way out."""
    if len(header) == 1 < len(row):
        return (
            f"{len(row)} cells, and the first line of the table, {header[0][:60]!r}, is no header for them; take away "
            "what stands above the names of the columns"
        )
    return f"{len(row)} cells where the header has {len(header)}; {way_to_fit(len(row), len(header), delimiter)}"


def way_to_fit(cells: int, columns: int, delimiter: str) -> str:
    """What to do with a row that has other than as many cells as there are columns."""
    sign = SIGNS[delimiter]
    return f"quote a cell that holds a {sign}" if cells > columns else f"an empty cell needs its {sign}, too"


def named_twice(header: Sequence[str]) -> str:
    """What is wrong with a header of which two columns have one name or none, and the way out; "" for a sound one."""
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is None:
        return ""
    if twice:
        return f"column {twice!r} is given twice; rename or remove one"
    return (
        f"{header.count('')} columns have cells and no name; name each in the header, and take away what stands above "
        "it, such as headings over several columns"
    )


def alike(texts: Iterable[str]) -> list[list[str]]:
    """Groups of different texts that are one but for capitals and spaces, in the order met."""
    found: dict[str, list[str]] = {}
    for text in texts:
        found.setdefault("".join(text.casefold().split()), []).append(text)
    return [group for group in found.values() if len(group) > 1]
