"""Parameters: what may be varied, in which unit and between which bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from loop.errors import SpaceError, did_you_mean
from loop.units import check_unit


@dataclass(frozen=True, slots=True)
class Category:
    """A choice between named options that have no structure and no order."""

    name: str
    options: tuple[str, ...]
    unit: str = ""

    def __post_init__(self) -> None:
        _check_options(self.name, self.options)

    @property
    def size(self) -> int:
        return len(self.options)

    def index(self, value: str | float) -> float:
        """The coordinate of an option: its index. Raises ``SpaceError`` for an unknown one."""
        return _index(self.name, self.options, value)

    def value(self, coordinate: float) -> str:
        return self.options[round(coordinate)]


@dataclass(frozen=True, slots=True)
class Component:
    """A choice between substances, each with a name and a canonical SMILES.

    With ``is_library`` the options are the molecules of a library that is itself the search space
    ("which molecule?"), rather than an ingredient of a reaction ("which ligand?").
    """

    name: str
    options: tuple[str, ...]
    smiles: tuple[str, ...]
    is_library: bool = False
    unit: str = ""
    _indices: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_options(self.name, self.options)
        if len(self.smiles) != len(self.options):
            raise SpaceError(f"parameter {self.name!r}: {len(self.options)} options and {len(self.smiles)} SMILES")
        seen: dict[str, str] = {}
        for option, smiles in zip(self.options, self.smiles, strict=True):
            if smiles in seen:
                raise SpaceError(
                    f"parameter {self.name!r}: {seen[smiles]!r} and {option!r} are the same molecule ({smiles}); "
                    "keep one of them"
                )
            seen[smiles] = option
        self._indices.update({option: i for i, option in enumerate(self.options)})

    @property
    def size(self) -> int:
        return len(self.options)

    def index(self, value: str | float) -> float:
        """The coordinate of an option: its index. Raises ``SpaceError`` for an unknown one."""
        found = self._indices.get(str(value))
        return _index(self.name, self.options, value) if found is None else float(found)

    def value(self, coordinate: float) -> str:
        return self.options[round(coordinate)]


@dataclass(frozen=True, slots=True)
class Discrete:
    """A number that takes one of a few values, in ``unit``, given in rising order."""

    name: str
    values: tuple[float, ...]
    unit: str = ""

    def __post_init__(self) -> None:
        check_unit(self.unit)
        if len(self.values) < 1:
            raise SpaceError(f"parameter {self.name!r}: needs at least one value")
        for number in self.values:
            if not math.isfinite(number):
                raise SpaceError(f"parameter {self.name!r}: values must be finite numbers, got {number}")
        for low, high in zip(self.values, self.values[1:], strict=False):
            if not low < high:
                raise SpaceError(
                    f"parameter {self.name!r}: values must rise and none may come twice, got {low} before {high}"
                )

    @property
    def size(self) -> int:
        return len(self.values)

    @property
    def low(self) -> float:
        return self.values[0]

    @property
    def high(self) -> float:
        return self.values[-1]

    def index(self, value: str | float) -> float:
        """The coordinate of a number: itself. A value between the steps is allowed (a measured setting)."""
        return _number(self.name, self.unit, value)

    def value(self, coordinate: float) -> float:
        return float(coordinate)


@dataclass(frozen=True, slots=True)
class Continuous:
    """A real-valued parameter between two inclusive bounds, both in ``unit``."""

    name: str
    low: float
    high: float
    unit: str = ""  # a symbol known to ``loop.units``, such as "degC" or "mol/L"

    def __post_init__(self) -> None:
        check_unit(self.unit)
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise SpaceError(
                f"parameter {self.name!r}: low must be below high and both finite, got {self.low} and {self.high}"
            )

    def index(self, value: str | float) -> float:
        """The coordinate of a number: itself."""
        return _number(self.name, self.unit, value)

    def value(self, coordinate: float) -> float:
        return float(min(max(coordinate, self.low), self.high))


Parameter: TypeAlias = Category | Component | Discrete | Continuous
Finite: TypeAlias = Category | Component | Discrete


def _check_options(name: str, options: Sequence[str]) -> None:
    if not options:
        raise SpaceError(f"parameter {name!r}: needs at least one option")
    seen: set[str] = set()
    for option in options:
        if option in seen:
            raise SpaceError(f"parameter {name!r}: option {option!r} is given twice; names must differ")
        seen.add(option)


def _index(name: str, options: Sequence[str], value: str | float) -> float:
    try:
        return float(options.index(str(value)))
    except ValueError:
        hint = did_you_mean(str(value), options)
        shown = ", ".join(options[:8]) + (", …" if len(options) > 8 else "")
        raise SpaceError(f"parameter {name!r} has no option {value!r}{hint}; options: {shown}") from None


def _number(name: str, unit: str, value: str | float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SpaceError(f"parameter {name!r}: must be a finite number in {unit or 'no unit'!r}, got {value!r}")
    return number
