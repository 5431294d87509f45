"""Parameters: what may be varied, in which unit and between which bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from loop.errors import SpaceError, did_you_mean
from loop.sheets.cells import as_float, has_decimal_comma, hint_of, without_doubt
from loop.space.descriptors import Descriptors
from loop.space.united import UnionNames
from loop.units import check_unit

Scale: TypeAlias = Literal["linear", "log"]
GAP = 0.25  # share of the scaled range that lies between nothing and the least amount
HINTED = 20_000  # options among which a misspelt one is looked for
ROUNDING = 1e-9  # of the larger bound: by so much a converted number may miss it
WEIGHED_IN = 0.02  # of the least amount where none is another choice: by so much what was weighed in may miss it
NOTHING = -1.0  # coordinate of options that do not apply (numbers that do not apply are 0.0)


@dataclass(frozen=True, slots=True)
class Category:
    """A choice between named options that have no structure and no order.

    With ``is_fidelity`` they are versions of one measurement, from the cheapest to the real thing.
    """

    name: str
    options: tuple[str, ...]
    unit: str = ""
    is_fidelity: bool = False
    descriptors: Descriptors | None = None  # given, of every option

    def __post_init__(self) -> None:
        _check_options(self.name, self.options)
        nothing = self.options.index("none") if "none" in self.options else None
        _check_descriptors(self.name, self.options, self.descriptors, nothing)

    @property
    def size(self) -> int:
        return len(self.options)

    def index(self, value: str | float) -> float:
        """The coordinate of an option: its index. Raises ``SpaceError`` for an unknown one."""
        return _index(self.name, self.options, value)

    def value(self, coordinate: float) -> str:
        return self.options[round(coordinate)]


@dataclass(frozen=True, slots=True)
class Ordinal:
    """A choice between named options that have an order, given from the lowest to the highest."""

    name: str
    options: tuple[str, ...]
    unit: str = ""

    def __post_init__(self) -> None:
        _check_options(self.name, self.options)

    @property
    def size(self) -> int:
        return len(self.options)

    def index(self, value: str | float) -> float:
        """The coordinate of an option: its rank from 0. Raises ``SpaceError`` for an unknown one."""
        return _index(self.name, self.options, value)

    def value(self, coordinate: float) -> str:
        return self.options[round(coordinate)]

    def position(self, x: Any) -> Any:
        """Ranks (numpy or torch, any shape) scaled to 0 to 1; what does not apply lies below the lowest."""
        return x / max(self.size - 1, 1)


@runtime_checkable
class Selective(Protocol):
    """Structures of which not every one is a candidate; that shows when it is made."""

    def keeps(self, indices: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which are candidates: ``(n,)``."""
        ...

    def refusal(self, index: int) -> str | None:
        """Why one is no candidate; None where it is."""
        ...

    def as_made(self, index: int) -> str | None:
        """What a reaction gave, where standardising made another structure of it."""
        ...


@dataclass(frozen=True, slots=True)
class Component:
    """A choice between substances, each with a name and a canonical SMILES; "" where nothing is added.

    Options may also be reactions, as canonical ``reactants>>products`` with a number on each atom (``condensed``).

    With ``is_library`` the options are the molecules of a library that is itself the search space
    ("which molecule?"), rather than an ingredient of a reaction ("which ligand?"). It may be a union of a library and
    the products of reactions.
    """

    name: str
    options: Sequence[str]  # a tuple, or the names of a stored library, which need not lie in memory
    smiles: Sequence[str]
    is_library: bool = False
    unit: str = ""
    role: str = ""  # what the substance does, such as "ligand"
    descriptors: Descriptors | None = None  # given, of every option that is something, and perhaps of nothing
    former: Mapping[str, str] = field(default_factory=dict, compare=False)  # options by names that they had before
    _indices: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.smiles) != len(self.options):
            raise SpaceError(f"parameter {self.name!r}: {len(self.options)} options and {len(self.smiles)} SMILES")
        if self.is_stored:  # its names and structures differ: it was made so
            return
        _check_options(self.name, self.options)
        seen: dict[str, str] = {}
        for option, smiles in zip(self.options, self.smiles, strict=True):
            if smiles in seen:
                raise SpaceError(
                    f"parameter {self.name!r}: {seen[smiles]!r} and {option!r} "
                    + (f"are the same {'reaction' if '>' in smiles else 'molecule'} ({smiles}); " if smiles else "")
                    + ("" if smiles else "both add nothing; ")
                    + "keep one of them"
                )
            seen[smiles] = option
        _check_descriptors(self.name, self.options, self.descriptors, self.nothing)
        self._indices.update({option: i for i, option in enumerate(self.options)})

    @property
    def size(self) -> int:
        return len(self.options)

    @property
    def is_stored(self) -> bool:
        """Whether the options are a library that need not lie in memory."""
        return not isinstance(self.options, tuple)

    @property
    def united(self) -> UnionNames | None:
        """What the options are a union of, where they are one."""
        return self.options if isinstance(self.options, UnionNames) else None

    @property
    def selective(self) -> Selective | None:
        """The structures, where not every one is a candidate."""
        return self.smiles if isinstance(self.smiles, Selective) else None

    @property
    def has_reactions(self) -> bool:
        """Whether the options are reactions (``reactants>>products``) rather than substances."""
        return not self.is_stored and any(">" in smiles for smiles in self.smiles)

    @property
    def nothing(self) -> int | None:
        """Index of the option that adds nothing, if there is one."""
        return self.smiles.index("") if "" in self.smiles else None

    def has(self, value: str | float) -> bool:
        """Whether it is an option; without looking for one like it, which takes its time where there are thousands."""
        return str(value) in (self._indices or self.options)

    def index(self, value: str | float) -> float:
        """The coordinate of an option, by a former name too: its index. Raises ``SpaceError`` for an unknown one."""
        found = self._indices.get(str(value))
        if found is None and str(value) in self.former:
            return self.index(self.former[str(value)])
        if (union := self.united) is not None and str(value) not in union:
            raise SpaceError(f"parameter {self.name!r} has no option {value!r}: {union.why_not(str(value))}")
        return _index(self.name, self.options, value) if found is None else float(found)

    def value(self, coordinate: float) -> str:
        return self.options[round(coordinate)]


@dataclass(frozen=True, slots=True)
class Discrete:
    """A number that takes one of a few values, in ``unit``, given in rising order.

    With ``or_zero`` the first value is 0, which means that none is used, and the others are amounts. ``in_steps`` says
    that the values are a range in steps, not values that somebody listed.
    """

    name: str
    values: tuple[float, ...]
    unit: str = ""
    scale: Scale = "linear"
    or_zero: bool = False
    in_steps: bool = False

    def __post_init__(self) -> None:
        check_unit(self.unit)
        if len(self.values) < 1:
            raise SpaceError(f"parameter {self.name!r}: needs at least one value")
        for number in self.values:
            if not math.isfinite(number):
                raise SpaceError(f"parameter {self.name!r}: values must be finite numbers, got {number}")
        for low, high in zip(self.values, self.values[1:], strict=False):
            if low == high:
                raise SpaceError(f"parameter {self.name!r}: value {low:g} is given twice; keep one")
            if not low < high:
                raise SpaceError(
                    f"parameter {self.name!r}: values must rise, got {low:g} before {high:g}; put them in order"
                )
        if self.or_zero and (self.values[0] != 0.0 or len(self.values) < 2):
            raise SpaceError(
                f"parameter {self.name!r}: or_zero adds zero to amounts above zero, got {self.values[0]:g}; "
                "raise the lowest, or leave or_zero out"
            )
        _check_scale(self.name, self.scale, self.values[1 if self.or_zero else 0])

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

    def position(self, x: Any) -> Any:
        """Numbers (numpy or torch, any shape) scaled to 0 to 1 over the range; nothing is 0, apart from the least."""
        return _position(x, self.values[1 if self.or_zero else 0], self.high, self.scale, has_gap=self.or_zero)


@dataclass(frozen=True, slots=True)
class Continuous:
    """A real-valued parameter between two inclusive bounds, both in ``unit``.

    With ``or_zero`` it is either 0, which means that none is used, or between the bounds.
    """

    name: str
    low: float
    high: float
    unit: str = ""  # a symbol known to ``loop.units``, such as "degC" or "mol/L"
    scale: Scale = "linear"
    or_zero: bool = False

    def __post_init__(self) -> None:
        check_unit(self.unit)
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            remedy = "swap them" if self.low > self.high else "of one value nothing is to be chosen, leave it out"
            raise SpaceError(
                f"parameter {self.name!r}: low must be below high and both finite, got {self.low:g} and {self.high:g}; "
                + (remedy if math.isfinite(self.low + self.high) else "give numbers")
            )
        if self.or_zero and not self.low > 0:
            raise SpaceError(
                f"parameter {self.name!r}: or_zero adds zero to amounts above zero, got low {self.low:g}; "
                "raise low, or leave or_zero out"
            )
        _check_scale(self.name, self.scale, self.low)

    def index(self, value: str | float) -> float:
        """The coordinate of a number: itself."""
        return _number(self.name, self.unit, value)

    def value(self, coordinate: float) -> float:
        if self.or_zero and coordinate < self.low / 2:
            return 0.0
        return float(min(max(coordinate, self.low), self.high))

    def position(self, x: Any) -> Any:
        """Numbers (numpy or torch, any shape) scaled to 0 to 1 over the range; nothing is 0, apart from the least."""
        return _position(x, self.low, self.high, self.scale, has_gap=self.or_zero)


Parameter: TypeAlias = Category | Ordinal | Component | Discrete | Continuous
Finite: TypeAlias = Category | Ordinal | Component | Discrete
Number: TypeAlias = Discrete | Continuous
Choice: TypeAlias = Category | Ordinal | Component  # options, whose coordinates are indices


def least_and_most(p: Parameter) -> tuple[float, float]:
    """The lowest and highest coordinate of a parameter, zero included where it may be zero."""
    if isinstance(p, Continuous):
        return (0.0 if p.or_zero else p.low), p.high
    if isinstance(p, Discrete):
        return p.low, p.high
    return 0.0, float(p.size - 1)


def lies_within(p: Parameter, x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which coordinates, any shape, lie within the bounds of a parameter, but for what a unit's conversion rounds.

    Between none and the least amount lies nothing, but for what is weighed in.
    """
    low, high = least_and_most(p)
    rounding = ROUNDING * max(abs(low), abs(high))
    within = (x >= low - rounding) & (x <= high + rounding)
    if (least := _least_amount(p)) is not None:
        within &= (x <= rounding) | (x >= (1.0 - WEIGHED_IN) * least)
    return np.asarray(within)


def range_said(p: Number) -> str:
    """The bounds of a number in words, without its unit: ``20 to 120``, ``0 or 0.5 to 3``."""
    least = _least_amount(p)
    return f"{p.low:g} to {p.high:g}" if least is None else f"0 or {least:g} to {p.high:g}"


def _least_amount(p: Parameter) -> float | None:
    """The least that a number is where it is not zero; None where zero is no choice apart."""
    if not isinstance(p, Discrete | Continuous) or not p.or_zero:
        return None
    return p.low if isinstance(p, Continuous) else p.values[1]


def zero_of(p: Parameter) -> float | None:
    """The coordinate at which a parameter counts as not used: zero, or the option that adds nothing."""
    if isinstance(p, Discrete):
        return 0.0 if 0.0 in p.values else None
    if isinstance(p, Continuous):
        return 0.0 if p.or_zero or p.low == 0.0 else None
    if isinstance(p, Component) and p.nothing is not None:
        return float(p.nothing)
    return float(p.options.index("none")) if "none" in p.options else None


def _position(x: Any, low: float, high: float, scale: Scale, *, has_gap: bool) -> Any:
    if scale == "linear" and not has_gap:  # what does not apply (0.0) lies wherever zero lies
        return (x - low) / ((high - low) or 1.0)
    is_torch = not isinstance(x, np.ndarray | float | int)  # torch is not imported here
    if scale == "log":
        safe = x.clamp_min(low * 1e-3) if is_torch else np.maximum(x, low * 1e-3)  # a measured setting may be odd
        inner = ((safe / low).log() if is_torch else np.log(safe / low)) / (math.log(high / low) or 1.0)
    else:
        inner = (x - low) / ((high - low) or 1.0)
    zero, lift = (0.0, GAP) if has_gap else (-GAP, 0.0)
    scaled = lift + (1 - lift) * inner
    return scaled.where(x != 0, zero) if is_torch else np.where(np.asarray(x) != 0, scaled, zero)


def _check_scale(name: str, scale: Scale, low: float) -> None:
    if scale == "log" and not low > 0:
        none = " and write or_zero: true where none is a choice" if low == 0 else ""
        raise SpaceError(
            f"parameter {name!r}: a log scale needs values above zero, got {low:g}; raise it{none}, or leave scale out"
        )


def _check_options(name: str, options: Sequence[str]) -> None:
    if not options:
        raise SpaceError(f"parameter {name!r}: needs at least one option")
    seen: set[str] = set()
    for option in options:
        if (written := spelt(option)) in seen:
            raise SpaceError(f"parameter {name!r}: option {option!r} is given twice; names must differ")
        seen.add(written)


def spelt(text: str) -> str:
    """A name as tables keep it: no blanks at its ends, and an umlaut one sign, where a Mac may have written two."""
    return text.strip() if text.isascii() else normalize("NFC", text).strip()


def _check_descriptors(name: str, options: Sequence[str], descriptors: Descriptors | None, nothing: int | None) -> None:
    if descriptors is None:
        return
    if descriptors.size != len(options):
        raise SpaceError(f"parameter {name!r}: {len(options)} options and descriptors of {descriptors.size}")
    lacking = [int(i) for i in np.flatnonzero(~np.isfinite(descriptors.values).all(axis=1)) if i != nothing]
    if lacking:
        raise SpaceError(f"parameter {name!r}: option {options[lacking[0]]!r} has no descriptors; give it some")


def _index(name: str, options: Sequence[str], value: str | float) -> float:
    text = str(value)
    with suppress(ValueError):
        return float(options.index(text))
    if isinstance(options, tuple):
        with suppress(ValueError):
            return float([spelt(option) for option in options].index(spelt(text)))
    hint = did_you_mean(text, options) if len(options) <= HINTED else ""
    shown = ", ".join(options[:8]) + (", …" if len(options) > 8 else "")
    raise SpaceError(f"parameter {name!r} has no option {value!r}{hint}; options: {shown}")


def _number(name: str, unit: str, value: str | float) -> float:
    try:
        number = None if isinstance(value, bool) else as_float(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        number = None
    if number is None or not math.isfinite(number):
        point = "write it with a point as decimal sign" if has_decimal_comma(str(value)) else ""
        remedy = f"; {way_out}" if (way_out := hint_of(str(value)) or point) else ""
        got = without_doubt(str(value))
        raise SpaceError(f"parameter {name!r}: must be a finite number in {unit or 'no unit'!r}, got {got!r}{remedy}")
    return number
