"""Cells of a told row, by what their columns hold; and a number from a cell, in the unit that is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from flows.engine.people.rows.columns import Column
from loop.errors import HakkenError, OutcomeError, UnitError
from loop.sheets.cells import finite, says_nothing, without_doubt
from loop.sheets.nearly_numbers import in_place_of
from loop.space import Continuous, Discrete, Space
from loop.spec import CampaignSpec, context_of
from loop.units import convert, misread

Cells: TypeAlias = Mapping[tuple[str, str], tuple[Column, str]]  # by thing and part
MANY: Final = 5  # values of which all are small are told of, since a few may well be
FEW: Final = 3  # of which none is 0 or 1, and one is more than a trace
TRACE: Final = 0.2  # percent


class NoResult(OutcomeError):
    """A row has neither a value nor an outcome; fill one in."""


def together(faults: Sequence[HakkenError]) -> HakkenError:
    """What is wrong with a row as one error: a person mends all of it at once."""
    return faults[0] if len(faults) == 1 else OutcomeError("; ".join(map(str, faults)))


def cell_of(cells: Cells, thing: str, part: str = "value") -> tuple[Column | None, str]:
    """The column and the text of a cell; None and "" where the table has no such column."""
    return cells.get((thing, part), (None, ""))


def is_missing(column: Column, text: str, spec: CampaignSpec, space: Space) -> bool:
    """Whether a cell is a program's word for a missing number, where a number belongs: it counts as empty."""
    if not says_nothing(text):
        return False
    target, declared = spec.objective.get(column.thing), context_of(spec).get(column.thing)
    if column.part == "context":
        return declared is not None and declared.unit is not None
    if column.part not in ("value", "actual"):
        return True  # a deviation, how many readings, a sign, what it took
    if target is not None:
        return text.casefold() not in {word.casefold() for word in (*(target.classes or ()), *(target.words or ()))}
    return any(p.name == column.thing and isinstance(p, Continuous | Discrete) for p in space.parameters)


def number_of(header: str, text: str, of_a_word: str = "", sign: str = "") -> float:
    """The finite number of a cell under ``header``. Raises ``OutcomeError`` with what to write instead; ``of_a_word``
    is what to say where the cell holds a word, ``sign`` what stood before it.
    """
    number = finite(text)
    if number is None:
        hint = in_place_of(header, sign + text, of_a_word, is_target=bool(of_a_word))
        raise OutcomeError(
            f"column {header!r} must hold a finite number, got {sign + without_doubt(text)!r}{hint}; correct the cell"
        )
    return number


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
    if unit != "%" or column.unit is not None or len(values) < FEW:
        return ""
    least, most = min(values), max(values)
    if least < 0.0 or not 0.0 < most <= 1.0:
        return ""
    if len(values) < MANY and not (least > 0.0 and TRACE < most < 1.0):
        return ""
    return (
        f"all {len(values)} values of {column.thing} lie from {least:g} to {most:g} %; where they are "
        f"fractions, write '{column.thing} []' in the header and tell the table again"
    )
