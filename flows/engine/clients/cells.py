"""A cell of a row that a program has, as it would stand in a table."""

from __future__ import annotations

import json
from collections.abc import Callable

from loop.errors import HakkenError

Cell = str | int | float | None


def as_cell(column: str, value: Cell, fault: Callable[[str], HakkenError]) -> str:
    """A value as it stands in a table; raises what ``fault`` makes of a message where it is no text and no number."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise fault(f"{column!r} must be a text or a number, got {value!r}; write each row as one level of both")
    return value if isinstance(value, str) else json.dumps(value)
