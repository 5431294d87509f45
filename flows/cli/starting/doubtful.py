"""What may be wrong in a table, for people: names that changed, choices that are nearly numbers, twice the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flows.cli.starting.columns import Column
from flows.cli.starting.kinds import odd_among_numbers
from flows.cli.starting.parts import Part
from loop.perhaps_one import perhaps_one
from loop.sheets.nearly_numbers import in_place_of
from loop.wording import plural

NAMED: Final = 8  # cells that a message names


def renamed(columns: Sequence[Column]) -> tuple[str, ...]:
    """One sentence on the columns that are called otherwise than in the table; none where each has its name."""
    others = dict.fromkeys(f"{c.name} is column {c.header!r}" for c in columns if c.name != c.bare)
    if not others:
        return ()
    why = "names have plain letters and digits; rename the header for another"
    return (f"called otherwise than in the table: {', '.join(others)} ({why})",)


def choices(parts: Sequence[Part], anew: str) -> tuple[str, ...]:
    """A note for each column that is read as choices, and would be a number but for a few of its cells."""
    return tuple(
        f"column {column.header!r} is read as choices: {_no_numbers(column, odd)}; mend the table and {anew}, unless "
        "choices are meant"
        for part in parts
        for column in part.columns
        if part.fractions is None and (odd := odd_among_numbers(column))
    )


def reactions_by_name(parts: Sequence[Part], anew: str) -> tuple[str, ...]:
    """A note for each column of reactions that models see as names, since they cannot be read as reactions."""
    return tuple(
        f"column {column.header!r} has reactions, and models see names alone: {column.unbalanced}, "
        f"or give each substance that varies a column of its SMILES, and {anew}"
        for part in parts
        for column in part.columns[:1]
        if column.are_reactions and column.unbalanced
    )


def perhaps_twice(parts: Sequence[Part], anew: str) -> tuple[str, ...]:
    """A note for choices of which some may be one substance in several writings."""
    return tuple(
        f"column {column.header!r}: {said}; where two are one substance, write one of them throughout and {anew}"
        for part in parts
        for column in part.columns[:1]
        if part.fractions is None and len(part.columns) == 1 and column.numbers is None and not column.is_structures
        for said in perhaps_one(column.distinct)
    )


def _no_numbers(column: Column, odd: Sequence[str]) -> str:
    """What of a column is no number, with what to write in its place."""
    said = [f"{cell!r}{'' if i else ' is no number'}{in_place_of(column.header, cell)}" for i, cell in enumerate(odd)]
    more = [f"{plural(len(said) - NAMED, 'further text')}"] if len(said) > NAMED else []
    return ", nor is ".join(said[:NAMED] + more)
