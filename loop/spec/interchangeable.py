"""From what a spec says to be interchangeable to slots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from loop.errors import SpaceError, did_you_mean
from loop.space import Category, Component, Continuous, Discrete, Ordinal, Parameter, Slots, Space
from loop.space.exchanging import first_unlike, ordered_by
from loop.spec.space_models import ConstraintSpec, InterchangeableSpec

MOST: Final = 6  # slots: a rule on one of each is one on every order of them


def build_slots(specs: Sequence[ConstraintSpec], space: Space) -> tuple[Slots, ...]:
    """What is interchangeable, one for each such constraint. Raises ``SpaceError``, which names it."""
    found: list[Slots] = []
    for number, spec in enumerate(specs, start=1):
        if not isinstance(spec, InterchangeableSpec):
            continue
        name = spec.name or f"constraint {number}"
        try:
            found.append(_slots(name, spec, space))
            taken = {c for slots in found[:-1] for c in slots.every}
            if twice := [c for c in found[-1].every if c in taken]:
                raise SpaceError(f"names {space.names[twice[0]]!r}, as another one does; name all its fellows in one")
        except SpaceError as error:
            raise SpaceError(f"constraint {name!r} {error}") from None
    return tuple(found)


def with_options_alike(specs: Sequence[ConstraintSpec], space: Space) -> Space:
    """The space in which what is interchangeable has its options in one order, whichever a file lists them in."""
    parameters = list(space.parameters)
    for spec in (s for s in specs if isinstance(s, InterchangeableSpec)):
        for slot in spec.slots[1:]:
            for first, other in zip(spec.slots[0], slot, strict=False):
                if {first, other} <= {*space.names}:  # else ``build_slots`` says so
                    column = space.names.index(other)
                    parameters[column] = _as_in(parameters[space.names.index(first)], parameters[column])
    return replace(space, parameters=tuple(parameters))


def _as_in(first: Parameter, other: Parameter) -> Parameter:
    """A choice with its options in the order of the ``first``, where both have the same."""
    is_plain = isinstance(other, Category) or (isinstance(other, Component) and not other.is_stored)
    if not is_plain or not isinstance(first, Category | Component) or not isinstance(other, Category | Component):
        return other
    place = {option: i for i, option in enumerate(other.options)}
    if first.size != other.size or set(place) != {*first.options}:
        return other
    rows = [place[option] for option in first.options]
    described = None if other.descriptors is None else other.descriptors.reordered(rows)
    options = tuple(first.options)
    if isinstance(other, Component):
        smiles = tuple(other.smiles[i] for i in rows)
        return replace(other, options=options, smiles=smiles, descriptors=described)
    return replace(other, options=options, descriptors=described)


def _slots(name: str, spec: InterchangeableSpec, space: Space) -> Slots:
    groups = spec.slots
    if len(groups) > MOST:
        raise SpaceError(f"has {len(groups)} that are interchangeable, and at most {MOST} can be; name fewer of them")
    if any(len(group) != len(groups[0]) or not group for group in groups):
        shown = " and ".join(str(len(group)) for group in groups)
        raise SpaceError(f"groups {shown} parameters; give each group the same ones, one for one")
    columns = [[_column(parameter, space) for parameter in group] for group in groups]
    every = [c for group in columns for c in group]
    if twice := [c for c in every if every.count(c) > 1]:
        raise SpaceError(f"names {space.names[twice[0]]!r} twice; keep one")
    for group in columns[1:]:
        for first, other in zip(columns[0], group, strict=True):
            _refuse_unlike(space.parameters[first], space.parameters[other])
    order = sorted(range(len(columns[0])), key=lambda k: _is_number(space.parameters[columns[0][k]]))
    slots = tuple(tuple(group[k] for k in order) for group in columns)
    ranks, nothing = ordered_by([space.parameters[c] for c in slots[0]])
    if spec.distinct and not ranks:
        raise SpaceError("wants distinct options, and numbers have none; leave distinct out")
    found = Slots(name, slots, ranks, nothing, spec.distinct)
    for exchange in found.exchanged():
        if (one := first_unlike(space.conditions, exchange)) is not None:
            of = space.names[one.column]
            raise SpaceError(
                f"takes its parameters for interchangeable, and when or unless of {of!r} is not said likewise of its "
                "fellows; say it of each, by its own slot"
            )
    return found


def _column(parameter: str, space: Space) -> int:
    if parameter in {m.name for m in space.mixtures} or any(
        space.names[c] == parameter for m in space.mixtures for c in m.columns
    ):
        raise SpaceError(f"names {parameter!r}, which is (part of) a mixture: its parts have no order; leave it out")
    if parameter not in space.names:
        known = ", ".join(space.shown_names)
        raise SpaceError(
            f"names {parameter!r}, which is nothing that is chosen{did_you_mean(parameter, space.names)}; use some of "
            f"{known}"
        )
    column = space.names.index(parameter)
    p = space.parameters[column]
    is_made = any(column in products.columns for products in space.products)
    if is_made or (isinstance(p, Component) and (p.is_library or p.united is not None)):
        raise SpaceError(f"names {parameter!r}, which is (part of) a molecule; only ingredients and numbers can be")
    if isinstance(p, Category) and p.is_fidelity:
        raise SpaceError(f"names {parameter!r}, the versions of a measurement; only ingredients and numbers can be")
    return column


def _refuse_unlike(a: Parameter, b: Parameter) -> None:
    """Raises ``SpaceError`` where two parameters are not alike but for their names."""
    if type(a) is not type(b) and not (_is_number(a) and _is_number(b)):
        raise SpaceError(f"names {a.name!r} and {b.name!r}, which are of different types; give both the same")
    if isinstance(a, Category | Component | Ordinal) and isinstance(b, Category | Component | Ordinal):
        only = [o for o in a.options if o not in b.options] + [o for o in b.options if o not in a.options]
        if only:
            raise SpaceError(
                f"names {a.name!r} and {b.name!r}, and only one of them may be {only[0]!r}; give both the same options"
            )
    if replace(a, name="") != replace(b, name=""):
        what = "range, step and scale" if _is_number(a) else "structures, descriptors and role, and levels in one order"
        raise SpaceError(f"names {a.name!r} and {b.name!r}, which are not alike; give both the same {what}")


def _is_number(p: Parameter) -> bool:
    return isinstance(p, Discrete | Continuous)
