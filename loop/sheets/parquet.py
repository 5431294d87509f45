"""Parquet: a table in this format, as ``export`` or another program wrote it, as the CSV that says the same."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date, datetime, time
from typing import Any, Final

MAGIC: Final = b"PAR1"
_ROW_NUMBERS: Final = re.compile(r"__index_level_\d+__")  # the index of a pandas frame, where it has no name


def in_csv(data: bytes) -> bytes:
    """The table as ``db.exchange`` writes it in CSV; what is no whole Parquet file comes back as it is.

    So a result has the same cells whichever of the two a table was exported in.
    """
    if not data.startswith(MAGIC):
        return data
    import pyarrow as pa  # 0.2 s, and only here
    import pyarrow.parquet

    try:
        table = pa.parquet.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError):
        return data
    kept = [n for n, name in enumerate(table.column_names) if not _ROW_NUMBERS.fullmatch(name)]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([table.column_names[n] for n in kept])
    writer.writerows(zip(*(_cells(table.column(n)) for n in kept), strict=True))
    return text.getvalue().encode("utf-8", "backslashreplace")


def _cells(column: Any) -> list[str]:
    """The cells of a column: a number of single precision has the digits that it was written with, a day no hour."""
    import pyarrow as pa

    if pa.types.is_float16(column.type) or pa.types.is_float32(column.type):
        return ["" if value is None or value != value else str(value) for value in column.to_numpy()]
    values = column.to_pylist()
    if pa.types.is_timestamp(column.type) and all(value is None or _is_midnight(value) for value in values):
        values = [value and value.date() for value in values]  # days, for which pandas has no type of their own
    return [_cell(value) for value in values]


def _is_midnight(value: datetime) -> bool:
    return value.timetz() == time()


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case float() if value != value:  # a number that is missing, as pandas has it
            return ""
        case datetime() | date():
            return value.isoformat()
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, default=str)
        case _:
            return str(value)
