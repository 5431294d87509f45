"""Overlap: which parameters two spaces have in common, and the space of those, with the options and ranges of both."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from loop.errors import UnitError
from loop.space import Category, Component, Continuous, Discrete, Ordinal, Parameter, Space
from loop.units import convert

LEAST = 0.5  # share of this space's parameters that a source must have too
ALIKE = 0.5  # share of the structures that make two components the same parameter under different names


@dataclass(frozen=True)
class Shared:
    """One parameter that both spaces have.

    Attributes:
        here, there: Its column in this space and in the source's.
        parameter: What both become: options and ranges of both, those of this space first and at the same coordinates.
        options: The coordinate here of each option there, in order; empty for a number.
        unit: The source's, from which its numbers are converted.
    """

    here: int
    there: int
    parameter: Parameter
    options: tuple[float, ...] = ()
    unit: str = ""

    def coordinates(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The source's coordinates ``(n,)`` as those of the parameter, ``(n,)``; what does not apply stays so."""
        if not isinstance(self.parameter, Discrete | Continuous):
            known = np.array(self.options)
            return np.where(x < 0, x, known[np.clip(x.round().astype(np.int64), 0, len(known) - 1)])
        if self.unit == self.parameter.unit:
            return x
        return np.array([convert(float(v), self.unit, self.parameter.unit) for v in x])


@dataclass(frozen=True)
class Overlap:
    """What two spaces share, and what of this space the source lacks (``missing``)."""

    shared: tuple[Shared, ...]
    missing: tuple[str, ...]

    @property
    def share(self) -> float:
        """Of this space's parameters, from 0 to 1."""
        return len(self.shared) / (len(self.shared) + len(self.missing))

    @property
    def space(self) -> Space:
        """The shared parameters alone."""
        return Space(tuple(s.parameter for s in self.shared))

    def here(self, x: Tensor) -> Tensor:
        """Coordinates of this space, ``(*b, d)``, in the shared one: ``(*b, shared)``."""
        return x[..., [s.here for s in self.shared]]

    def there(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coordinates of the source's space, ``(n, e)``, in the shared one: ``(n, shared)``."""
        return np.column_stack([s.coordinates(x[:, s.there]) for s in self.shared])


def overlap(here: Space, there: Space) -> Overlap:
    """The parameters of ``here`` that ``there`` has too.

    A parameter is known by its name; a component also by its role, where one parameter of each space has it, or by
    half of its structures. Numbers must have units that convert into each other; an ordinal the same options.
    Fidelities, and what is derived, are not shared.
    """
    found: list[Shared] = []
    missing: list[str] = []
    taken: set[int] = set()
    for column, p in enumerate(here.parameters):
        shared = next(
            (s for there_column in _alike(p, here, there) if there_column not in taken
             and (s := _shared(column, p, there_column, there.parameters[there_column])) is not None),
            None,
        )  # fmt: skip
        if shared is None:
            missing.append(p.name)
        else:
            taken.add(shared.there)
            found.append(shared)
    return Overlap(tuple(found), tuple(missing))


def _alike(p: Parameter, here: Space, there: Space) -> list[int]:
    """Columns of ``there`` that may be the same parameter, the likeliest first."""
    if p.name in there.names:
        return [there.names.index(p.name)]
    if not isinstance(p, Component):
        return []
    components = [
        (i, q) for i, q in enumerate(there.parameters) if isinstance(q, Component) and q.name not in here.names
    ]
    with_role = [i for i, q in components if p.role and q.role == p.role]
    only_one = len(with_role) == 1 and sum(isinstance(q, Component) and q.role == p.role for q in here.parameters) == 1
    mine = set(p.smiles)
    by_structure = [i for i, q in components if len(mine & set(q.smiles)) >= ALIKE * min(len(mine), len(q.smiles)) > 0]
    return (with_role if only_one else []) + by_structure


def _shared(here: int, p: Parameter, there: int, q: Parameter) -> Shared | None:
    """The two as one parameter, None where they are not the same thing."""
    match p, q:
        case Component(), Component():
            return _of_components(here, p, there, q)
        case Category(is_fidelity=False), Category(is_fidelity=False):
            more = [o for o in q.options if o not in p.options]
            both = replace(p, options=(*p.options, *more))
            return Shared(here, there, both, tuple(both.index(o) for o in q.options))
        case Ordinal(), Ordinal() if set(p.options) >= set(q.options):
            return Shared(here, there, p, tuple(p.index(o) for o in q.options))
        case Discrete() | Continuous(), Discrete() | Continuous():
            return _of_numbers(here, p, there, q)
    return None


def _of_components(here: int, p: Component, there: int, q: Component) -> Shared:
    options, smiles = list(p.options), list(p.smiles)
    place = {s: i for i, s in enumerate(smiles)}
    for option, structure in zip(q.options, q.smiles, strict=True):
        if structure not in place:
            place[structure] = len(options)
            options.append(option if option not in options else f"{option} ({structure})")
            smiles.append(structure)
    both = Component(p.name, tuple(options), tuple(smiles), p.is_library, p.unit, p.role)
    return Shared(here, there, both, tuple(float(place[s]) for s in q.smiles))


def _of_numbers(here: int, p: Discrete | Continuous, there: int, q: Discrete | Continuous) -> Shared | None:
    try:
        ends = [convert(v, q.unit, p.unit) for v in (q.low, q.high)]
    except UnitError:
        return None
    if not all(math.isfinite(v) for v in ends):
        return None
    low, high = min(p.low, *ends), max(p.high, *ends)
    if isinstance(p, Discrete) and isinstance(q, Discrete):
        values = sorted({*p.values, *(convert(v, q.unit, p.unit) for v in q.values)})
        both: Parameter = replace(p, values=tuple(values), or_zero=p.or_zero and values[0] == 0.0)
    else:
        positive = low if p.scale == "linear" or low > 0 else min(v for v in (p.low, p.high) if v > 0)
        both = Continuous(p.name, positive, high, p.unit, p.scale) if positive < high else p
    return Shared(here, there, both, (), q.unit)
