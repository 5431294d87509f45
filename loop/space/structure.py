"""What ties parameters together: mixtures, numbers that follow from others, and parameters that do not always apply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loop.space.constraints import Formula
from loop.space.parameters import NOTHING, Category, Component, Continuous, Ordinal, Parameter
from loop.space.slots import Slots

if TYPE_CHECKING:
    from loop.molecules.sieve import Sieve, Taken

Gate: TypeAlias = tuple[tuple[int, frozenset[float]], ...]  # column, and the coordinates that open it


@dataclass(frozen=True, slots=True)
class Mixture:
    """Fractions that sum to one, each a number of the space; ``columns`` are theirs, in the order of ``parts``."""

    name: str
    parts: tuple[str, ...]
    columns: tuple[int, ...]
    smiles: tuple[str, ...] = ()  # canonical, of each part; empty where the parts have no structure
    at_most: int | None = None  # how many parts may be used at once
    least: float = 0.0  # the smallest fraction of a part that is used


@dataclass(frozen=True, slots=True)
class Products:
    """Molecules made from reagents by one reaction, every combination one of them; none is written out.

    Each list of reagents is a component of the space, called ``NAME.LIST``; ``columns`` are theirs, in the order of the
    reaction's templates. What ``sieve`` refuses is no candidate. Where ``merges`` holds, combinations that give one
    product are proposed once.
    """

    name: str
    reaction: str  # SMARTS
    columns: tuple[int, ...]
    sieve: Sieve | None = None  # how a product is standardised, and what it must keep to
    merges: bool = True

    def of(self, reagents: Sequence[str]) -> Taken:
        """The product of reagents, given as SMILES: its structure, and the filter that refuses it."""
        from loop.molecules.sieve import product_of  # RDKit: only where products are made

        return product_of(self.reaction, reagents, self.sieve)

    def at(self, parameters: Sequence[Parameter], x: NDArray[np.float64]) -> list[Taken]:
        """The same of each row of ``x``, ``(n, d)``, by the parameters of its columns; each product is made once."""
        combinations, place = np.unique(x[:, list(self.columns)].round().astype(np.int64), axis=0, return_inverse=True)
        lists = [p for c in self.columns if isinstance(p := parameters[c], Component)]
        made = [
            self.of([p.smiles[i] if i >= 0 else "" for p, i in zip(lists, row, strict=True)])
            for row in combinations.tolist()
        ]
        return [made[i] for i in place.ravel().tolist()]


@dataclass(frozen=True, slots=True)
class Derived:
    """A number that is not chosen but follows from the parameters; models see it, and constraints may use it."""

    name: str
    formula: Formula
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """When a parameter applies: ``when`` is open (all of it) and ``unless`` is not.

    A parameter whose gate does not apply itself does not apply either. What does not apply is absent from settings
    and has one coordinate, so that no candidate occurs twice: 0.0 for a number, -1.0 for options.
    """

    column: int
    when: Gate = ()
    unless: Gate = ()

    @property
    def columns(self) -> tuple[int, ...]:
        """The columns of its gates."""
        return tuple(dict.fromkeys(c for c, _ in (*self.when, *self.unless)))

    def holds(self, x: NDArray[np.float64], active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where the parameter applies, given which parameters do: ``(n, d)`` twice to ``(n,)``."""
        there = np.ones(len(x), dtype=bool)
        for column, values in self.when:
            there &= np.isin(x[:, column], list(values))
        if self.unless:
            hit = np.ones(len(x), dtype=bool)
            for column, values in self.unless:
                hit &= np.isin(x[:, column], list(values))
            there &= ~hit
        for column in self.columns:
            there &= active[:, column]
        return there


@dataclass(frozen=True, slots=True)
class Frame:
    """What a space is made of, constraints apart; hashable, so that encodings can be kept by it."""

    parameters: tuple[Parameter, ...]
    mixtures: tuple[Mixture, ...] = ()
    derived: tuple[Derived, ...] = ()
    conditions: tuple[Condition, ...] = ()
    products: tuple[Products, ...] = ()
    slots: tuple[Slots, ...] = ()

    @property
    def mixed_columns(self) -> frozenset[int]:
        return frozenset(c for m in self.mixtures for c in m.columns)

    @property
    def conditional(self) -> frozenset[int]:
        """Columns that do not always apply."""
        return frozenset(c.column for c in self.conditions)

    def active(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which parameters apply in each row of ``x``: ``(n, d)`` to ``(n, d)``."""
        active = np.ones(x.shape, dtype=bool)
        for condition in self.conditions:  # gates come before what they gate
            active[:, condition.column] = condition.holds(x, active)
        return active

    def canonical(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows of ``x`` with the one coordinate of everything that does not apply: ``(n, d)`` to ``(n, d)``."""
        if not self.conditions:
            return x
        x = x.copy()
        active = np.ones(x.shape, dtype=bool)
        for condition in self.conditions:
            there = condition.holds(x, active)
            active[:, condition.column] = there
            x[~there, condition.column] = inactive_coordinate(self.parameters[condition.column])
        return x

    @property
    def pooled(self) -> tuple[Slots, ...]:
        """The slots that models see as one set, since they hold options without an order."""
        return tuple(
            s for s in self.slots if any(isinstance(self.parameters[c], Category | Component) for c in s.columns[0])
        )

    def arranged(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows of ``x`` with what is interchangeable in order: ``(n, d)`` to ``(n, d)``."""
        for slots in self.slots:
            x = slots.arranged(x)
        return x

    def on_scales(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where rows of ``x``, ``(n, d)``, lie on the scales of continuous numbers, from 0 to 1; the rest as it is."""
        placed = np.array(x, dtype=np.float64)
        for column, p in enumerate(self.parameters):
            if isinstance(p, Continuous):
                placed[:, column] = p.position(placed[:, column])
        return placed


@dataclass(frozen=True, slots=True)
class Applies:
    """Where one parameter applies: rows of coordinates ``(n, d)`` to ``(n,)``."""

    frame: Frame
    column: int

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        return self.frame.active(x)[:, self.column]


def inactive_coordinate(p: Parameter) -> float:
    """The one coordinate of a parameter that does not apply."""
    return NOTHING if isinstance(p, Category | Ordinal | Component) else 0.0
