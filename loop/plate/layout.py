"""The layout of a plate: wells, blocks, which wells share a value, and where the reserved wells lie."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from loop.errors import PlateError
from loop.space import Continuous, Discrete, Space
from loop.space.parameters import zero_of
from loop.space.structure import inactive_coordinate
from loop.wording import plural


class Scope(StrEnum):
    """Which wells have one value of a parameter in common."""

    PLATE = "plate"
    BLOCK = "block"
    ROW = "row"
    COLUMN = "column"


@dataclass(frozen=True, slots=True)
class Shared:
    """A parameter that takes one value for each plate, block, row or column."""

    column: int  # of the coordinates
    scope: Scope


@dataclass(frozen=True)
class Plate:
    """A plate of ``rows`` by ``columns`` wells, numbered row by row from 0.

    Attributes:
        block: Rows and columns of a block; blocks tile the plate.
        shared: Parameters that groups of wells have in common.
        at_most: By column of the coordinates: how many different values the plate may hold.
        controls: Wells reserved for one fixed condition.
        control: Coordinates of that condition, shape ``(d,)``; NaN where the well's shared value is taken.
        replicates: Wells reserved for repeats of conditions of the same plate.
    """

    rows: int
    columns: int
    block: tuple[int, int]
    shared: tuple[Shared, ...] = ()
    at_most: Mapping[int, int] = field(default_factory=dict)
    controls: int = 0
    control: NDArray[np.float64] | None = None
    replicates: int = 0

    def __post_init__(self) -> None:
        if self.rows < 1 or self.columns < 1:
            raise PlateError(f"plate: needs at least one row and one column, got {self.rows} and {self.columns}")
        for name, size, whole in (("rows", self.block[0], self.rows), ("columns", self.block[1], self.columns)):
            if not 1 <= size <= whole or whole % size:
                fits = ", ".join(str(n) for n in range(1, whole + 1) if whole % n == 0)
                raise PlateError(
                    f"plate.blocks: blocks of {size} {name} do not tile a plate of {whole} {name}; use one of {fits}"
                )
        if self.new < 1:
            raise PlateError(
                f"plate: {plural(self.controls, 'control well')} and {plural(self.replicates, 'replicate well')} leave "
                f"none of {self.wells} for new conditions; reserve fewer"
            )
        if self.replicates and self.replicates > self.new:
            raise PlateError(
                f"plate.replicates: {self.replicates} wells cannot repeat {plural(self.new, 'condition')} once each; "
                f"reserve at most {(self.wells - self.controls) // 2}"
            )

    @property
    def wells(self) -> int:
        return self.rows * self.columns

    @property
    def new(self) -> int:
        """Wells for new conditions: all but the reserved ones."""
        return self.wells - self.controls - self.replicates

    def group(self, scope: Scope) -> NDArray[np.int64]:
        """For each well, the number of its block, row or column (0 for the whole plate): shape ``(wells,)``."""
        wells = np.arange(self.wells, dtype=np.int64)
        row: NDArray[np.int64] = wells // self.columns
        column: NDArray[np.int64] = wells % self.columns
        match scope:
            case Scope.PLATE:
                return np.zeros(self.wells, dtype=np.int64)
            case Scope.ROW:
                return row
            case Scope.COLUMN:
                return column
            case Scope.BLOCK:
                return (row // self.block[0]) * (self.columns // self.block[1]) + column // self.block[1]

    def groups(self, scope: Scope) -> int:
        """How many groups of that kind the plate has."""
        return int(self.group(scope).max()) + 1

    def label(self, well: int) -> str:
        """The name of a well, such as ``A1``; rows beyond Z are AA, AB, and so on."""
        row, column = divmod(well, self.columns)
        return f"{row_name(row)}{column + 1}"

    def reserved_for(self, experiments: int) -> tuple[int, int]:
        """Control and replicate wells when only so many experiments can be made: the plate's shares of them."""
        if experiments >= self.wells:
            return self.controls, self.replicates
        share = experiments / self.wells  # a half counts as a well, lest half a plate lose its only control
        controls = min(math.floor(self.controls * share + 0.5), experiments - 1)
        replicates = min(math.floor(self.replicates * share + 0.5), (experiments - controls) // 2)
        return controls, replicates

    def control_wells(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """``n`` wells at random that lie spread over blocks, rows and columns, so that each can be told apart.

        One after the other, each in the block with the fewest, then the row and the column with the fewest.
        """
        groups = [self.group(s) for s in (Scope.BLOCK, Scope.ROW, Scope.COLUMN)]
        counts = [np.zeros(int(g.max()) + 1, dtype=np.int64) for g in groups]
        order = rng.permutation(self.wells)
        chosen: list[int] = []
        for _ in range(n):
            free = order[~np.isin(order, chosen)]
            block, row, column = (count[g[free]] for count, g in zip(counts, groups, strict=True))
            well = int(free[np.lexsort((row + column, np.maximum(row, column), block))[0]])
            chosen.append(well)
            for count, g in zip(counts, groups, strict=True):
                count[g[well]] += 1
        return np.array(chosen, dtype=np.int64)


def row_name(row: int) -> str:
    """Letters of a row: 0 is A, 25 is Z, 26 is AA."""
    name = ""
    number = row + 1
    while number:
        number, digit = divmod(number - 1, 26)
        name = chr(ord("A") + digit) + name
    return name


def well_number(label: str, columns: int) -> int:
    """The number of the well with this label on a plate with so many columns. Raises ``PlateError``."""
    letters = label.rstrip("0123456789")
    digits = label[len(letters) :]
    if not (letters.isascii() and letters.isalpha() and letters.isupper() and digits and 1 <= int(digits) <= columns):
        raise PlateError(f"well {label!r} is no well of a plate with {columns} columns; write letters and a number: A1")
    row = 0
    for letter in letters:
        row = row * 26 + ord(letter) - ord("A") + 1
    return (row - 1) * columns + int(digits) - 1


def spread_evenly(total: int, capacities: Sequence[int]) -> list[int]:
    """``total`` divided over places in proportion to their capacities, none above half of its own (rounded down).

    Where halves cannot hold all, what is left over is not placed.
    """
    whole = sum(capacities)
    if not whole:
        return [0] * len(capacities)
    shares = [total * c / whole for c in capacities]
    given = [min(math.floor(s), c // 2) for s, c in zip(shares, capacities, strict=True)]
    order = sorted(range(len(capacities)), key=lambda i: (shares[i] - given[i], capacities[i]), reverse=True)
    while sum(given) < total and (open_ := [i for i in order if given[i] < capacities[i] // 2]):
        for i in open_:
            if sum(given) < total:
                given[i] += 1
    return given


def unstocked(space: Space, column: int) -> set[float]:
    """Coordinates of a parameter that need no stock: it does not apply, or adds nothing."""
    p = space.parameters[column]
    absent = {inactive_coordinate(p)} if column in space.frame.conditional else set()
    adds = zero_of(p) if not isinstance(p, Discrete | Continuous) or p.or_zero else None  # 0 degC is a value
    return absent if adds is None else absent | {adds}
