"""Excel workbooks as people and programs write them, for tests."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl


def workbook(
    sheets: Mapping[str, Sequence[Sequence[Any]]], *, front: str = "", percent: str = "", hidden: Sequence[str] = ()
) -> bytes:
    """The bytes of a workbook with these rows, the sheet ``front`` in front; the column with the letter ``percent``
    shows its numbers in percent."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
        if percent:
            for cell in sheet[percent][1:]:
                cell.number_format = "0.0%"
        if title in hidden:
            sheet.sheet_state = "hidden"
    if front:
        book.active = list(sheets).index(front)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def save_table(path: Path | str, rows: Sequence[Sequence[Any]], **how: Any) -> Path:
    """Write a workbook of one sheet."""
    Path(path).write_bytes(workbook({"Tabelle1": rows}, **how))
    return Path(path)
