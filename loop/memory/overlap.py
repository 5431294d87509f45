"""Overlap: which parameters two spaces have in common, and the space of those, with the options and ranges of both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from loop.errors import UnitError
from loop.space import Category, Component, Condition, Continuous, Descriptors, Discrete, Ordinal, Parameter, Space
from loop.space.exchanging import ordered_by
from loop.space.slots import Slots
from loop.space.structure import Frame
from loop.units import convert

if TYPE_CHECKING:
    from loop.molecules.structures import Structures  # RDKit: only where a library is stored
    from loop.molecules.texts import Texts

LEAST = 0.5  # share of this space's parameters that a source must have too
ALIKE = 0.5  # share of the structures that make two components the same parameter under different names


@dataclass(frozen=True)
class Shared:
    """One parameter that both spaces have.

    Attributes:
        here, there: Its column in this space and in the source's.
        parameter: What both become: options and ranges of both, those of this space first and at the same coordinates.
        options: The coordinate here of each option there, in order; empty for a number, and where both are one union.
        unit: The source's, from which its numbers are converted.
        is_known: Whether the source tells anything of it. Of names without descriptors it tells nothing of others; what
            they did there is learnt all the same, lest it be taken for noise.
    """

    here: int
    there: int
    parameter: Parameter
    options: tuple[float, ...] = ()
    unit: str = ""
    is_known: bool = True

    def coordinates(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """The source's coordinates ``(n,)``, of rows where it applies, as those of the parameter, ``(n,)``."""
        if not isinstance(self.parameter, Discrete | Continuous):
            return np.array(self.options)[x.round().astype(np.int64)] if self.options else x
        if self.unit == self.parameter.unit:
            return x
        return np.array([convert(float(v), self.unit, self.parameter.unit) for v in x])


@dataclass(frozen=True)
class Overlap:
    """What two spaces share.

    Attributes:
        missing: What of this space the source lacks.
        frame: The source's, which says where its parameters apply.
        conditional: Which of the shared do not always apply, here or there.
        slots: What is interchangeable here, where both spaces have all of it.
    """

    shared: tuple[Shared, ...]
    missing: tuple[str, ...]
    frame: Frame
    conditional: tuple[int, ...] = ()
    slots: tuple[Slots, ...] = ()  # what is interchangeable in this space, by columns of the shared one

    @property
    def known(self) -> tuple[Shared, ...]:
        """The shared of which the source tells something."""
        return tuple(s for s in self.shared if s.is_known)

    @property
    def unlike(self) -> tuple[str, ...]:
        """What it has with other options, by the names of this space; of these it tells nothing."""
        return tuple(s.parameter.name for s in self.shared if not s.is_known)

    @property
    def share(self) -> float:
        """Of this space's parameters those of which the source tells something, from 0 to 1."""
        return len(self.known) / (len(self.shared) + len(self.missing))

    def undescribed(self, here: Space) -> tuple[str, ...]:
        """Parameters of ``here`` whose descriptors are not used, as some options of the source have none."""
        given = [(s, here.parameters[s.here]) for s in self.shared]
        return tuple(p.name for s, p in given if _has_descriptors(p) and not _has_descriptors(s.parameter))

    def half_known(self, here: Space) -> tuple[str, ...]:
        """Choices between names of ``here`` of which the source has only some options, in words."""
        found = []
        for s in self.known:
            p = here.parameters[s.here]
            if isinstance(p, Category) and not _has_descriptors(s.parameter):
                known = len({place for place in s.options if place < p.size})
                found += [f"{known} of {p.size} options of {p.name}"] if known < p.size else []
        return tuple(found)

    @property
    def space(self) -> Space:
        """The shared parameters alone; what need not apply is marked so, by a condition that rules nothing out."""
        conditions = tuple(Condition(i) for i in self.conditional)
        return Space(tuple(s.parameter for s in self.shared), conditions=conditions, slots=self.slots)

    def here(self, x: Tensor) -> Tensor:
        """Coordinates of this space, ``(*b, d)``, in the shared one: ``(*b, shared)``."""
        return x[..., [s.here for s in self.shared]]

    def there(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coordinates of the source's space, ``(n, e)``, in the shared one, ``(n, shared)``.

        What does not apply keeps the coordinate that says so, whatever the units.
        """
        applies, found = self.frame.active(x), x[:, [s.there for s in self.shared]]
        for column, s in enumerate(self.shared):
            rows = applies[:, s.there]
            found[rows, column] = s.coordinates(x[rows, s.there])
        return found


def overlap(here: Space, there: Space) -> Overlap:
    """The parameters of ``here`` that ``there`` has too.

    A parameter is known by its name; a component also by its role, where one parameter of each space has it, or by
    half of its structures; a union of a library and products only where both are the same. Numbers must have units
    that convert into each other; an ordinal the same options. Fidelities, and what is derived, are not shared.
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
    gated = (here.frame.conditional, there.frame.conditional)
    conditional = tuple(i for i, s in enumerate(found) if s.here in gated[0] or s.there in gated[1])
    slots = tuple(s for s in (_shared_slots(slots, found) for slots in here.slots) if s is not None)
    return Overlap(tuple(found), tuple(missing), there.frame, conditional, slots)


def _shared_slots(slots: Slots, found: Sequence[Shared]) -> Slots | None:
    """Slots by columns of the shared space; None where that lacks some, or has their parameters with other options."""
    place = {s.here: i for i, s in enumerate(found)}
    if any(c not in place for c in slots.every):
        return None
    columns = tuple(tuple(place[c] for c in slot) for slot in slots.columns)
    first, *others = ([found[c].parameter for c in slot] for slot in columns)
    if any(replace(p, name="") != replace(q, name="") for slot in others for p, q in zip(first, slot, strict=True)):
        return None
    ranks, nothing = ordered_by(first)
    return replace(slots, columns=columns, ranks=ranks, nothing=nothing)


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
    if p.united is not None or any(q.united is not None for _, q in components):
        return with_role if only_one else []
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
            options = (*p.options, *more)
            place = tuple(float(options.index(o)) for o in q.options)
            described = _described(p, q, options, place)
            is_known = described is not None or len(more) < len(q.options)
            return Shared(here, there, replace(p, options=options, descriptors=described), place, is_known=is_known)
        case Ordinal(), Ordinal() if set(p.options) >= set(q.options):
            return Shared(here, there, p, tuple(p.index(o) for o in q.options))
        case Discrete() | Continuous(), Discrete() | Continuous():
            return _of_numbers(here, p, there, q)
    return None


def _of_components(here: int, p: Component, there: int, q: Component) -> Shared | None:
    if (p.united is not None or q.united is not None) and (p.options, p.smiles) != (q.options, q.smiles):
        return None
    if p.is_stored and (p.options, p.smiles) == (q.options, q.smiles):  # one library, told by its key
        return Shared(here, there, p, () if p.united is not None else tuple(map(float, range(p.size))))
    if p.is_stored or q.is_stored:
        return _of_libraries(here, p, there, q)
    options, smiles = list(p.options), list(p.smiles)
    place = {s: i for i, s in enumerate(smiles)}
    for option, structure in zip(q.options, q.smiles, strict=True):
        if structure not in place:
            place[structure] = len(options)
            options.append(option if option not in options else f"{option} ({structure})")
            smiles.append(structure)
    at = tuple(float(place[s]) for s in q.smiles)
    described = _described(p, q, smiles, at)
    both = Component(p.name, tuple(options), tuple(smiles), p.is_library, p.unit, p.role, described)
    return Shared(here, there, both, at)


def _of_libraries(here: int, p: Component, there: int, q: Component) -> Shared:
    """Two lists of molecules of which one is stored: what the other has beside it comes after it, nothing is computed
    anew, and what both have stands in the first.
    """
    from loop.molecules.lengthened import Lengthened, LengthenedStructures  # RDKit: only where a library is stored

    names, smiles = _stored(p)
    found = [smiles.find(structure) for structure in q.smiles]
    new = [i for i, place in enumerate(found) if place is None]
    if not new:
        return Shared(here, there, p, tuple(float(place) for place in found if place is not None))
    if not q.is_stored:  # of few the new ones alone
        q = replace(q, options=tuple(q.options[i] for i in new), smiles=tuple(q.smiles[i] for i in new))
    place_of = {i: len(smiles) + (i if q.is_stored else n) for n, i in enumerate(new)}
    at = tuple(float(place_of[i] if place is None else place) for i, place in enumerate(found))
    their_names, theirs = _stored(q)
    both = replace(p, options=Lengthened(names, their_names), smiles=LengthenedStructures(smiles, theirs))
    return Shared(here, there, both, at)


def _stored(p: Component) -> tuple[Texts, Structures]:
    """Names and structures of a library, as if it were stored where it is not."""
    from loop.molecules.structures import Structures, few
    from loop.molecules.texts import Texts

    if isinstance(p.options, Texts) and isinstance(p.smiles, Structures):
        return p.options, p.smiles
    library = few(tuple(p.options), tuple(p.smiles))
    return library.names, library.structures


def _described(
    p: Category | Component, q: Category | Component, options: Sequence[str], place: Sequence[float]
) -> Descriptors | None:
    """Descriptors of the options of both by the names of ``p``: its own, and those of ``q`` for what it adds.

    None unless all have them; nothing (no structure, or "none") need not. ``place`` tells the number of each option of
    ``q``.
    """
    if p.descriptors is None:
        return None
    names = p.descriptors.names
    rows: list[list[float] | None] = [*p.descriptors.values.tolist(), *[None] * (len(options) - p.size)]
    if q.descriptors is not None and set(names) <= set(q.descriptors.names):
        theirs = q.descriptors.values[:, [q.descriptors.names.index(n) for n in names]]
        for row, at in zip(theirs.tolist(), place, strict=True):
            if at >= p.size:
                rows[int(at)] = row
    rows = [row if row is not None and np.isfinite(row).all() else None for row in rows]
    lacking = [option for option, row in zip(options, rows, strict=True) if row is None]
    nothing = "" if isinstance(p, Component) else "none"
    return Descriptors.of(names, rows) if all(option == nothing for option in lacking) else None


def _has_descriptors(p: Parameter) -> bool:
    return isinstance(p, Category | Component) and p.descriptors is not None


def _of_numbers(here: int, p: Discrete | Continuous, there: int, q: Discrete | Continuous) -> Shared | None:
    try:
        ends = [convert(v, q.unit, p.unit) for v in (q.low, q.high)]
    except UnitError:
        return None
    if not all(math.isfinite(v) for v in ends):
        return None
    is_positive = p.scale == "log" or p.or_zero  # what is not above zero is nothing, or as little as there is
    has_zero = p.or_zero or (p.scale == "log" and (q.or_zero or 0.0 in ends))
    both: Parameter = p
    if isinstance(p, Discrete) and isinstance(q, Discrete):
        every = sorted({*p.values, *(convert(v, q.unit, p.unit) for v in q.values)})
        above = [v for v in every if v > 0] if is_positive else every
        both = replace(p, values=(0.0, *above) if has_zero else tuple(above), or_zero=has_zero)
    else:
        least = p.values[1] if isinstance(p, Discrete) and p.or_zero else p.low
        low, high = min([least, *(v for v in ends if v > 0 or not is_positive)]), max(p.high, *ends)
        if low < high:
            both = Continuous(p.name, low, high, p.unit, p.scale, has_zero)
    return Shared(here, there, both, (), q.unit)
