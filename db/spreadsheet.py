"""Spreadsheets: rows of a table as an Excel workbook, numbers as numbers whatever sign a country has for decimals."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from loop.errors import LedgerError

LONGEST: Final = 32_767  # characters of a cell
ROWS, COLUMNS = 1_048_576, 16_384  # of a sheet
DIGITS: Final = 10**15  # up to which a spreadsheet keeps every digit of an integer
_WIDEST: Final = 40  # characters of a column as it is shown; more of them lie under the next


def write_workbook(header: Sequence[str], rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the rows on one sheet under a header that stays in sight; a text that begins with ``=`` is no formula.

    Raises:
        LedgerError: A sheet cannot hold them; names what is too much.
    """
    import openpyxl  # 0.2 s, and only here
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    if len(rows) >= ROWS or len(header) > COLUMNS:
        raise LedgerError(
            f"{len(rows)} rows of {len(header)} columns are more than a sheet holds; write .csv or .parquet"
        )
    cells = [[_cell(name, name) for name in header], *([_cell(row[name], name) for name in header] for row in rows)]
    book = openpyxl.Workbook(write_only=True)  # which, left half written, would say so when it is forgotten
    sheet = book.create_sheet("results")
    sheet.freeze_panes = "A2"
    for place, name in enumerate(header, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = min(len(name) + 2, _WIDEST)

    def cell(value: object, *, bold: bool = False) -> Any:
        made = WriteOnlyCell(sheet, value=value)
        if isinstance(value, str):
            made.data_type = "s"  # else what begins with = were a formula
        if bold:
            made.font = Font(bold=True)
        return made

    sheet.append([cell(value, bold=True) for value in cells[0]])
    for row in cells[1:]:
        sheet.append([cell(value) for value in row])
    made = io.BytesIO()
    book.save(made)
    path.write_bytes(made.getvalue())


def _cell(value: object, column: str) -> int | float | str | None:
    """What a cell can hold: a number where it loses no digit, else the text that a CSV file has."""
    match value:
        case None:
            return None
        case bool():
            return str(value)
        case int() if abs(value) < DIGITS:
            return value
        case float() if math.isfinite(value):
            return value
        case date():
            return value.isoformat()
    text = str(value).encode("utf-8", "backslashreplace").decode()
    text = "".join(c if c in "\t\n\r" or c >= " " else f"\\x{ord(c):02x}" for c in text)
    if len(text) > LONGEST:
        raise LedgerError(
            f"a cell of column {column!r} has {len(text)} characters, and a spreadsheet's at most {LONGEST}; write "
            ".csv or .parquet"
        )
    return text
