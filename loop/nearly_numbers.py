"""Cells that are nearly numbers: what to write in place of each."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

from loop.cells import has_decimal_comma, has_thousands, hint_of, scatter_of, split_header
from loop.errors import UnitError
from loop.units import check_unit

UNMEASURED: Final = (  # of a word such as "trace" or "failed" where a target's value should be
    " (too little to be measured is a limit, such as <1, or negative in a column 'outcome'; "
    "what went wrong is fault there)"
)


def in_place_of(header: str, text: str, of_a_word: str = "", *, is_target: bool = False) -> str:
    """What to write in place of the ``text`` of a cell under ``header``, in brackets; "" where nothing tells.

    Args:
        of_a_word: What to say where the cell holds a word.
        is_target: Whether a deviation may stand beside the value, in a column of its own.
    """
    if either := hint_of(text):
        return f" ({either})"
    if has_decimal_comma(text):
        return " (use a point as decimal sign)"
    if has_thousands(text):
        return " (no sign for thousands)"
    if (unit := re.fullmatch(r"[-+]?[\d.,]+\s*([^\d\s.,+-]\D*)", text)) and _is_unit(unit[1]):
        return f" (the number alone; its unit belongs in the header, as in '{split_header(header)[0]} ({unit[1]})')"
    if is_target and (scatter := scatter_of(text)):
        column = f"{split_header(header)[0]}_sd"
        return f" (write {scatter[0]} alone, and {scatter[1]} in a column '{column}' beside it)"
    return of_a_word if text[:1].isalpha() and text.lower() not in ("nan", "inf", "infinity") else ""


def _is_unit(text: str) -> bool:
    with suppress(UnitError):
        return bool(check_unit(text))
    return False  # 8O is a slip of the finger, 65* has a footnote
