"""The search space: parameters and constraints, and the one mapping between settings and coordinates.

A candidate's settings map each parameter to an option or a number. Its coordinates are one float per
parameter: the option's index, or the number in the parameter's unit. Everything numeric works on coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from loop.as_written import in_order
from loop.errors import SpaceError, did_you_mean
from loop.record import Candidate, Settings
from loop.space.constraints import Constraint
from loop.space.parameters import Category, Component, Continuous, Discrete, Finite, Ordinal, Parameter, Selective
from loop.space.slots import Slots
from loop.space.structure import Condition, Derived, Frame, Mixture, Products
from loop.space.united import UnionNames
from loop.wording import MANY, is_mute, named

if TYPE_CHECKING:
    from loop.molecules.sieve import Taken


@dataclass(frozen=True, slots=True)
class Space:
    """All that may be tried: at least one parameter, names unique, the constraints on them, and what ties them.

    ``conditions`` are in such an order that gates come before what they gate. Columns of coordinates are in the order
    of ``parameters``; what a person reads is in that of ``written``.
    """

    parameters: tuple[Parameter, ...]
    constraints: tuple[Constraint, ...] = ()
    mixtures: tuple[Mixture, ...] = ()
    derived: tuple[Derived, ...] = ()
    conditions: tuple[Condition, ...] = ()
    products: tuple[Products, ...] = ()
    slots: tuple[Slots, ...] = ()
    written: tuple[str, ...] = field(default=(), compare=False)  # names as the campaign file has them; (): as they are
    earlier: Settings = field(default_factory=dict, compare=False)  # of those that came later: what they were before
    _shown: tuple[int, ...] = field(default=(), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.parameters:
            raise SpaceError("the space has no parameters; name at least one")
        columns = {name: column for column, name in enumerate(self.names)}
        object.__setattr__(self, "_shown", tuple(columns[name] for name in in_order(columns, self.written)))

    @property
    def frame(self) -> Frame:
        """The space without its constraints."""
        return Frame(self.parameters, self.mixtures, self.derived, self.conditions, self.products, self.slots)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.parameters)

    @property
    def shown(self) -> tuple[Parameter, ...]:
        """The parameters as a person reads them: in the order of the campaign file."""
        return tuple(self.parameters[column] for column in self._shown)

    @property
    def shown_names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(p.name for p in self.shown)

    def called(self, columns: Iterable[int]) -> tuple[str, ...]:
        """The names of some columns, as a person reads them."""
        some = {*columns}
        return tuple(p.name for column, p in self._in_order() if column in some)

    @property
    def units(self) -> dict[str, str]:
        """Unit of each numeric parameter."""
        return {p.name: p.unit for p in self.shown if isinstance(p, Discrete | Continuous)}

    @property
    def is_finite(self) -> bool:
        return not any(isinstance(p, Continuous) for p in self.parameters)

    @property
    def size(self) -> int:
        """Number of combinations before constraints, as if every parameter applied.

        Raises:
            SpaceError: The space has continuous parameters.
        """
        return math.prod(p.size for p in self.finite_parameters())

    @property
    def library(self) -> Component | None:
        """The molecule library, where one is (part of) the space."""
        return next((p for p in self.parameters if isinstance(p, Component) and p.is_library), None)

    @property
    def molecule(self) -> str | None:
        """What the molecule is called that a candidate is (part of): a library, or products; None where there is none.

        Candidates are then identified by its structure too.
        """
        if self.products:
            return self.products[0].name
        return None if self.library is None else self.library.name

    @property
    def union(self) -> tuple[int, UnionNames] | None:
        """The column and the sources of a union of a library and products, where one is (part of) the space."""
        for column, p in enumerate(self.parameters):
            if isinstance(p, Component) and p.united is not None:
                return column, p.united
        return None

    def finite_parameters(self) -> tuple[Finite, ...]:
        """The parameters, where all have a finite number of values."""
        finite = tuple(p for p in self.parameters if not isinstance(p, Continuous))
        if len(finite) < len(self.parameters):
            raise SpaceError("a space with continuous parameters has no finite number of candidates")
        return finite

    def coordinates(self, settings: Settings) -> NDArray[np.float64]:
        """Coordinates of a candidate, shape ``(d,)``; what is interchangeable may be given in any order.

        Raises:
            SpaceError: A parameter is missing, unknown or does not apply, an option is unknown or a number is not one.
        """
        x = self._as_given(settings)
        return np.asarray(self.frame.arranged(x[None, :])[0]) if self.slots else x

    def arranged(self, settings: Settings) -> Settings:
        """Settings of a candidate with what is interchangeable in order. Raises ``SpaceError`` as ``coordinates``."""
        x = self._as_given(settings)
        found = dict(settings)
        for slots in self.slots:
            names = [[self.names[c] for c in slot] for slot in slots.columns]
            for mine, held in zip(names, (names[i] for i in slots.order(x)), strict=True):
                for name, other in zip(mine, held, strict=True):
                    found.pop(name, None)
                    if other in settings:
                        found[name] = settings[other]
        return found

    def _as_given(self, settings: Settings) -> NDArray[np.float64]:
        """The same in the order in which it is given."""
        if not isinstance(settings, Mapping):
            raise SpaceError(
                f"settings must map each parameter to its value, such as {{{self.shown_names[0]!r}: ...}}, "
                f"got {settings!r}"
            )
        if unknown := sorted(set(settings) - set(self.names)):
            raise SpaceError(f"unknown parameter {unknown[0]!r}{self._instead_of(unknown[0])}")
        conditional = {self.names[c.column] for c in self.conditions} if self.conditions else frozenset()
        if missing := [n for n in self.shown_names if n not in settings and n not in conditional]:
            raise SpaceError(f"parameter {missing[0]!r} is missing; give every one of {self.needed()}")
        x = np.array([p.index(settings[p.name]) if p.name in settings else 0.0 for p in self.parameters])
        if not conditional:
            return x
        canonical = self.frame.canonical(x[None, :])
        active = self.frame.active(canonical)[0]
        for name, applies in zip(self.names, active, strict=True):
            if applies and name not in settings:
                raise SpaceError(f"parameter {name!r} is missing; it applies with these settings, give it a value")
            if not applies and name in settings:
                raise SpaceError(f"parameter {name!r} does not apply with these settings; leave it out")
        return np.asarray(canonical[0])

    def as_named(self, settings: Settings, smiles: Mapping[str, str]) -> Settings:
        """Settings on record as the space has them now: one that is gone may be here by another name, or came later.

        ``smiles`` holds the structures on record, by parameter; what none of them tells stays as it is.
        """
        named = {name: self.called_now(name, value) for name, value in settings.items()}
        for p in self.parameters:
            structure = smiles.get(p.name)
            if isinstance(p, Component) and structure and p.name in named and not p.has(settings[p.name]):
                with suppress(ValueError):  # nothing here has that structure
                    named[p.name] = p.value(p.smiles.index(structure))
        return self.with_earlier(named)

    def called_now(self, name: str, value: str | float) -> str | float:
        """A value of a parameter, of an option that had another name before the name that it has now."""
        former = next((p.former for p in self.parameters if p.name == name and isinstance(p, Component)), {})
        return former.get(str(value), value)

    def with_earlier(self, settings: Settings) -> Settings:
        """Settings with what they lack since it was no parameter then: what it was, and nothing of a mixture's part.

        A part that a mixture has no more is left out where there was nothing of it.
        """
        settings = {name: value for name, value in settings.items() if value != 0.0 or not self._is_former_part(name)}
        lacking = {name: value for name, value in self.earlier.items() if settings and name not in settings}
        for mixture in self.mixtures:
            parts = [self.names[column] for column in mixture.columns]
            if any(part in settings for part in parts):
                lacking |= {part: 0.0 for part in parts if part not in settings}
        if not lacking or not self.conditions:
            return {**settings, **lacking}
        whole = {**settings, **lacking}
        try:
            x = np.array([p.index(whole[p.name]) if p.name in whole else 0.0 for p in self.parameters])
        except SpaceError:  # an option that is gone: whoever reads the settings says so
            return whole
        applies = dict(zip(self.names, self.frame.active(self.frame.canonical(x[None, :]))[0], strict=True))
        return {name: value for name, value in whole.items() if name in settings or applies[name]}

    def _is_former_part(self, name: str) -> bool:
        """Whether a name that is no parameter is like that of a part of a mixture."""
        return name not in self.names and any(name.startswith(f"{m.name}.") for m in self.mixtures)

    def _instead_of(self, name: str) -> str:
        """What to give instead of a parameter that is none: the fractions of a mixture, what is meant, or all."""
        for m in self.mixtures:
            if m.name == name:
                fractions = ", ".join(self.called(m.columns))
                return f": it is a mixture, so give the fraction of each part: {fractions}"
        return did_you_mean(name, self.names) or f"; give {self.needed()}"

    def needed(self) -> str:
        """The parameters of which a candidate needs a value, for messages: those that may not apply stand apart."""
        conditional = {self.names[c.column] for c in self.conditions}
        always = ", ".join(name for name in self.shown_names if name not in conditional)
        sometimes = [name for name in self.shown_names if name in conditional]
        if not sometimes:
            return always
        where = "it applies" if len(sometimes) == 1 else "they apply"
        return f"{always}, and {', '.join(sometimes)} where {where}"

    def settings(self, x: NDArray[np.float64]) -> dict[str, str | float]:
        """Settings at coordinates ``x``, shape ``(d,)``; what does not apply is left out."""
        if not self.conditions:
            return {p.name: p.value(float(x[column])) for column, p in self._in_order()}
        active = self.frame.active(np.asarray(x)[None, :])[0]
        return {p.name: p.value(float(x[column])) for column, p in self._in_order() if active[column]}

    def as_tried(self, x: NDArray[np.float64]) -> dict[str, str | float]:
        """Settings at coordinates ``x``, shape ``(d,)``, of what was run: a number may lie where none is proposed now.

        Ranges are narrowed while results from beyond them stay on record, and results are told from elsewhere.
        """
        numbers = {
            p.name: float(value) for p, value in zip(self.parameters, x, strict=True) if isinstance(p, Continuous)
        }
        return {name: numbers.get(name, value) for name, value in self.settings(x).items()}

    def candidate(self, settings: Settings) -> Candidate:
        """The candidate with its structures: canonical SMILES by parameter (InChIKey is added where it is stored)."""
        return Candidate(dict(settings), self.smiles(settings), as_made=self.as_made(settings))

    def smiles(self, settings: Mapping[str, str | float]) -> dict[str, str]:
        """Canonical SMILES of the structured settings: what is added, and each part of a mixture that is used.

        Of reagents it is their product; what reacts to nothing has no structure.
        """
        structures = {
            p.name: p.smiles[round(p.index(settings[p.name]))]
            for p in self.shown
            if isinstance(p, Component) and p.name in settings
        }
        reagents = {self.names[c] for p in self.products for c in p.columns}
        found = {p.name: self.product(p, settings).smiles for p in self.products}
        found |= {name: smiles for name, smiles in structures.items() if name not in reagents}
        for mixture in self.mixtures:
            for column, smiles in zip(mixture.columns, mixture.smiles, strict=False):
                if settings.get(self.names[column], 0.0) != 0.0:
                    found[self.names[column]] = smiles
        return {name: smiles for name, smiles in found.items() if smiles}

    def as_made(self, settings: Mapping[str, str | float]) -> dict[str, str]:
        """What reactions gave, by the name of the products, where standardising made another structure of it."""
        found = {}
        for products in self.products:
            if products.sieve is not None and products.sieve.policy.changes:
                raw = replace(products, sieve=None).of(self._reagents(products, settings)).smiles
                if raw != self.product(products, settings).smiles:
                    found[products.name] = raw
        if (union := self._selective) is not None:
            p, structures = self.parameters[union[0]], union[1]
            made = structures.as_made(round(p.index(settings[p.name]))) if p.name in settings else None
            found |= {} if made is None else {p.name: made}
        return found

    def product(self, products: Products, settings: Mapping[str, str | float]) -> Taken:
        """What the reagents of a candidate give: its structure, and the filter that refuses it."""
        return products.of(self._reagents(products, settings))

    def refusal(self, settings: Mapping[str, str | float]) -> str | None:
        """Why a candidate with allowed settings is none: which filter its product does not pass; None where it does."""
        for products in self.products:
            taken = self.product(products, settings)
            if taken.refusal is not None:
                what = f"gives {taken.smiles}" if taken.smiles else "gives no molecule that can be judged"
                return f"{what}, and {taken.refusal} of {products.name!r} leaves it out"
        if (union := self._selective) is not None:
            p, structures = self.parameters[union[0]], union[1]
            return structures.refusal(round(p.index(settings[p.name]))) if p.name in settings else None
        return None

    @property
    def is_sieved(self) -> bool:
        """Whether a candidate has to be made before it is known to be one."""
        return self.union is not None or any(p.sieve is not None for p in self.products)

    @property
    def has_products(self) -> bool:
        """Whether reactions make some of the candidates."""
        return bool(self.products) or self.union is not None

    def keeps(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of ``x``, ``(n, d)``, have products that pass every filter: ``(n,)``. Makes each of them.

        Of a union, also which are not in its library.
        """
        kept = np.ones(len(x), dtype=bool)
        if (found := self._selective) is not None:
            column, structures = found
            kept = structures.keeps(np.rint(x[:, column]).astype(np.int64))
        for products in self.products:
            if products.sieve is not None:
                rows = np.flatnonzero(kept)
                kept[rows] = [taken.refusal is None for taken in products.at(self.parameters, x[rows])]
        return kept

    @property
    def _selective(self) -> tuple[int, Selective] | None:
        """The column and the structures of a union."""
        for column, p in enumerate(self.parameters):
            if isinstance(p, Component) and p.selective is not None:
                return column, p.selective
        return None

    def _reagents(self, products: Products, settings: Mapping[str, str | float]) -> list[str]:
        lists = [p for c in products.columns if isinstance(p := self.parameters[c], Component)]
        return [p.smiles[round(p.index(settings[p.name]))] if p.name in settings else "" for p in lists]

    def label(self, settings: Settings) -> str:
        """Settings in one line for a person, with units; mixtures as their parts, without what is not there."""
        parts = []
        mixed = {c: m for m in self.mixtures for c in m.columns}
        told: set[str] = set()  # mixtures
        for column, p in self._in_order():
            if p.name not in settings or (column in mixed and mixed[column].name in told):
                continue
            if column in mixed:
                m = mixed[column]
                told.add(m.name)
                names = dict(zip(m.columns, m.parts, strict=True))
                shares = [(names[c], settings[q.name]) for c, q in self._in_order() if c in names]
                shown = " + ".join(f"{share:.4g} {part}" for part, share in shares if share)
                parts.append(f"{m.name} {shown}")
                continue
            value = settings[p.name]
            shown = f"{value:g} {p.unit}".strip() if isinstance(value, float | int) else str(value)
            parts.append(named(p.name, shown) if self._is_named(p, shown) else shown)
        return ", ".join(parts)

    def _in_order(self) -> Iterator[tuple[int, Parameter]]:
        """The parameters in the order of the campaign file, each with its column."""
        return ((column, self.parameters[column]) for column in self._shown)

    def _is_named(self, p: Parameter, shown: str) -> bool:
        """Whether a setting needs its parameter's name in a label: a number, a level, or an option that says little."""
        if not isinstance(p, Category | Component):
            return True
        made = {self.names[c] for products in self.products for c in products.columns}
        choices = [
            q
            for q in self.parameters
            if isinstance(q, Category | Component)
            and q.name not in made
            and not (q.is_fidelity if isinstance(q, Category) else q.is_library or q.united is not None)
        ]
        others = [q.options for q in choices if q is not p and q.size <= MANY]
        return any(q is p for q in choices) and is_mute(shown, others)

    def contains(self, settings: Settings) -> bool:
        """Whether the candidate lies in the space: known options, allowed numbers, constraints and filters kept."""
        try:
            x = self.coordinates(settings)
        except SpaceError:
            return False
        return bool(self.holds(x[None, :])[0])

    def holds(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of ``x``, ``(n, d)``, are candidates: ``(n,)``.

        Their values are known and canonical, and they keep every constraint and every filter of products.
        """
        inside = self.allows(x)
        active = self.frame.active(x)
        for column, p in enumerate(self.parameters):
            value = x[:, column]
            match p:
                case Discrete():
                    known = np.isin(value, p.values)
                case Continuous():
                    known = ((value >= p.low) & (value <= p.high)) | ((value == 0.0) & p.or_zero)
                case Category() | Component() | Ordinal():
                    known = (value == np.rint(value)) & (value >= 0) & (value < p.size)
            inside &= known | ~active[:, column]
        inside &= (self.frame.canonical(x) == x).all(axis=1)
        if self.is_sieved:
            inside[inside] = self.keeps(x[inside])
        return np.asarray(inside)

    def allows(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of ``x``, shape ``(n, d)``, keep every constraint: shape ``(n,)``."""
        allowed = np.ones(len(x), dtype=bool)
        for constraint in self.constraints:
            allowed &= constraint.allows(x)
        return allowed
