"""Cells of a told row, by what their columns hold; and a number from a cell, in the unit that is wanted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from flows.engine.people.rows.columns import Column
from loop.cells import finite, has_decimal_comma, has_thousands, hint_of, scatter_of, split_header, without_doubt
from loop.errors import OutcomeError, UnitError
from loop.units import check_unit, convert, misread

Cells: TypeAlias = Mapping[tuple[str, str], tuple[Column, str]]  # by thing and part
MANY: Final = 5  # values of which all are small are told of, since a few may well be


def cell_of(cells: Cells, thing: str, part: str = "value") -> tuple[Column | None, str]:
    """The column and the text of a cell; None and "" where the table has no such column."""
    return cells.get((thing, part), (None, ""))


def number_of(header: str, text: str, of_a_word: str = "") -> float:
    """The finite number of a cell under ``header``. Raises ``OutcomeError`` with what to write instead; ``of_a_word``
    is what to say where the cell holds a word.
    """
    number = finite(text)
    if number is None:
        hint = of_a_word if text[:1].isalpha() and text.lower() not in ("nan", "inf", "infinity") else ""
        if either := hint_of(text):
            hint = f" ({either})"
        elif has_decimal_comma(text):
            hint = " (use a point as decimal sign)"
        elif has_thousands(text):
            hint = " (no sign for thousands)"
        elif (unit := re.fullmatch(r"[-+]?[\d.,]+\s*([^\d\s.,+-]\D*)", text)) and _is_unit(unit[1]):
            hint = f" (the number alone; its unit belongs in the header, as in '{split_header(header)[0]} ({unit[1]})')"
        elif of_a_word and (scatter := scatter_of(text)):
            column = f"{split_header(header)[0]}_sd"
            hint = f" (write {scatter[0]} alone, and {scatter[1]} in a column '{column}' beside it)"
        raise OutcomeError(
            f"column {header!r} must hold a finite number, got {without_doubt(text)!r}{hint}; correct the cell"
        )
    return number


def _is_unit(text: str) -> bool:
    with suppress(UnitError):
        return bool(check_unit(text))
    return False  # 8O is a slip of the finger, 65* has a footnote


def in_unit(value: float, column: Column, unit: str) -> float:
    """A number of ``column`` in ``unit``, in which it is where the column has none. Raises ``OutcomeError``."""
    if column.unit is None or column.unit == unit:
        return value
    if problem := misread(column.unit):
        raise OutcomeError(f"column {column.header!r}: {problem}")
    try:
        return convert(value, column.unit, unit)
    except UnitError as error:
        remedy = f"give it in {unit!r}" if unit else "give it without one, or state the unit in the campaign file"
        raise OutcomeError(f"column {column.header!r}: {error}; {remedy}") from None


def perhaps_fractions(column: Column, unit: str, values: Sequence[float]) -> str:
    """What is said of a target in percent whose values, without a unit in their header, are all so small that they may
    be fractions; "" of any other.
    """
    if unit != "%" or column.unit is not None or len(values) < MANY:
        return ""
    if min(values) < 0.0 or not 0.0 < max(values) <= 1.0:
        return ""
    return (
        f"all {len(values)} values of {column.thing} lie from {min(values):g} to {max(values):g} %; where they are "
        f"fractions, write '{column.thing} []' in the header and tell the table again"
    )
