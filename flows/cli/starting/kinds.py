"""What a column is beyond a choice or a number: ordered words, orders of magnitude, fractions, context."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from flows.cli.starting.columns import Column
from loop.sheets.cells import finite
from loop.sheets.nearly_numbers import in_place_of

# Words that have an order, from the lowest.
_LADDERS: Final = (
    ("none", "trace", "very low", "low", "medium", "moderate", "high", "very high"),
    ("very mild", "mild", "moderate", "severe", "harsh"),
    ("very slow", "slow", "medium", "moderate", "fast", "very fast"),
    ("very weak", "weak", "medium", "moderate", "strong", "very strong"),
    ("tiny", "small", "medium", "large", "huge"),
    ("cold", "cool", "warm", "hot"),
    ("poor", "fair", "good", "excellent"),
)
ORDERED: Final = 3  # so many words at least: two have no order that matters
PADDED: Final = 3  # digits of a name, at least: 05 may be an amount
MAGNITUDES: Final = 100.0  # from the lowest to the highest, where a logarithm may be meant
_CONTEXT: Final = frozenset({"lot", "batch", "operator", "humidity", "analyst", "chemist", "supplier", "room", "vial"})
_BESIDE: Final = frozenset({"plate", "well", "day", "instrument", "block"})  # of any result, without being declared
_SUBSTANCES: Final = frozenset(
    {"acid", "additive", "amine", "base", "catalyst", "ligand", "metal", "precursor", "reagent", "solvent", "substrate"}
)
SUMS: Final = (1.0, 100.0)  # of fractions, or of percentages
STEPS: Final = (0.5, 0.25, 0.2, 0.1, 0.05)


def order_of(column: Column) -> tuple[str, ...] | None:
    """The column's words from the lowest to the highest, where they have a known order."""
    return in_order(column.distinct)


def in_order(distinct: Sequence[str]) -> tuple[str, ...] | None:
    """Different words from the lowest to the highest, where they have a known order."""
    words = {re.sub(r"[\s_-]+", " ", cell.strip().casefold()): cell for cell in distinct}
    if len(words) < ORDERED or len(words) < len(distinct):
        return None
    for ladder in _LADDERS:
        if set(words) <= set(ladder):
            return tuple(words[word] for word in ladder if word in words)
    return None


def odd_among_numbers(column: Column) -> tuple[str, ...]:
    """The cells that are no numbers, of a column of which most are or each is nearly one; none of any other."""
    odd = tuple(cell for cell in column.distinct if finite(cell) is None)
    if column.is_structures:
        return ()
    are_few = 2 * len(odd) < len(column.distinct)
    return odd if are_few or all(in_place_of(column.header, cell) for cell in odd) else ()


def is_of_substances(column: Column) -> bool:
    """Whether a column of whole numbers is called like a kind of substance, so that they may be names."""
    return column.name.casefold() in _SUBSTANCES and all(x.is_integer() for x in column.numbers or ())


def are_codes(column: Column) -> bool:
    """Whether whole numbers are names of one width, such as 001, 012 and 120, which are less if read as numbers."""
    widths = {len(cell) for cell in column.distinct}
    is_padded = any(cell.startswith("0") for cell in column.distinct) and len(widths) == 1
    return is_padded and min(widths) >= PADDED and not column.unit and all(c.isdecimal() for c in column.distinct)


def is_logarithmic(column: Column) -> bool:
    """Whether the numbers go through orders of magnitude and lie more evenly on a log scale than on a linear one."""
    numbers = column.numbers or (0.0,)
    if not numbers[0] > 0 or numbers[-1] / numbers[0] < MAGNITUDES:
        return False
    middle = median(numbers)
    linear = (middle - numbers[0]) / (numbers[-1] - numbers[0])
    logarithmic = math.log(middle / numbers[0]) / math.log(numbers[-1] / numbers[0])
    return abs(logarithmic - 0.5) < abs(linear - 0.5) and linear < 0.2


def is_zero_or_amount(column: Column) -> bool:
    """Whether the numbers are zero or well above it: nothing is used, or an amount worth weighing."""
    numbers = column.numbers or ()
    gaps = [b - a for a, b in itertools.pairwise(numbers)]
    return len(gaps) > 2 and numbers[0] == 0.0 and gaps[0] > 2 * max(gaps[1:])


def context_of(column: Column) -> str:
    """How the column is recorded beside a result and never chosen: as ``context``, as ``beside``, or "" for neither."""
    name = column.name.casefold()
    return "context" if name in _CONTEXT else "beside" if name in _BESIDE or column.is_of_well else ""


@dataclass(frozen=True)
class Fractions:
    """Columns that sum to the same in every row: the parts of a mixture."""

    name: str
    parts: tuple[str, ...]  # as the campaign names them, one for each column
    columns: tuple[Column, ...]
    total: float
    at_most: int | None  # parts used at once, where never all
    step: float | None  # where every fraction lies on it


def fractions_in(columns: Sequence[Column]) -> list[Fractions]:
    """Mixtures among columns of numbers: those with a common beginning of their names, else any three or more."""
    numeric = [c for c in columns if c.numbers is not None and c.numbers[0] >= 0]
    beginnings: dict[str, list[Column]] = {}
    for column in numeric:
        if match := re.match(r"^(.+?)[._ -](?=.)", column.name):
            beginnings.setdefault(match[1], []).append(column)
    groups = [(name, group) for name, group in beginnings.items() if len(group) >= 2]
    if not groups:
        shares = [c for c in numeric if (c.numbers or (0.0,))[-1] <= max(SUMS)]
        sizes = range(len(shares), 2, -1) if len(shares) <= 8 else ()
        groups = [("mixture", list(some)) for size in sizes for some in itertools.combinations(shares, size)]
    found: list[Fractions] = []
    for name, group in groups:
        taken = {c.header for mixture in found for c in mixture.columns}
        total = _total(group)
        if total is not None and not taken & {c.header for c in group}:
            found.append(_fractions(name, group, total))
    return found


def _total(group: Sequence[Column]) -> float | None:
    """What the group's columns sum to in every row; None where they do not, or where it is none of the usual sums."""
    cells = [dict(column.cells) for column in group]
    if any(set(cell) != set(cells[0]) for cell in cells):
        return None
    sums = [sum(float(cell[line]) for cell in cells) for line in cells[0]]
    return next((t for t in SUMS if len(sums) > 1 and all(abs(s - t) <= 2e-3 * t for s in sums)), None)


def _fractions(name: str, group: Sequence[Column], total: float) -> Fractions:
    parts = tuple(re.sub(rf"^{re.escape(name)}[._ -]", "", c.name) for c in group)
    rows = zip(*(dict(c.cells).values() for c in group), strict=True)
    used = max(sum(float(cell) > 0 for cell in row) for row in rows)
    numbers = [value / total for c in group for value in c.numbers or ()]
    step = next((s for s in STEPS if all(abs(v / s - round(v / s)) < 1e-6 for v in numbers)), None)
    return Fractions(name, parts, tuple(group), total, used if used < len(group) else None, step)
