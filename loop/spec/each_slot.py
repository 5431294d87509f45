"""What a file says of the costs and stocks of one slot, said of each that is interchangeable with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from loop.errors import CostError
from loop.space import Space

_Value = TypeVar("_Value")


def of_each_slot(space: Space, path: tuple[str, ...], said: Mapping[str, _Value]) -> dict[str, _Value]:
    """What is said by parameter, with the same for what is interchangeable with it.

    Raises:
        CostError: Two slots are said to differ in it.
    """
    return _spread(space, path, said, lambda value, _beside, _of: value)


def number_of_each_slot(space: Space, path: tuple[str, ...], said: Mapping[str, str]) -> dict[str, str]:
    """The same of the number that goes with each parameter: a number that is in a slot is each slot's own."""
    return _spread(space, path, said, lambda number, beside, of: fellow(space, number, beside, of))


def slots_by_name(space: Space) -> list[tuple[str, tuple[str, ...]]]:
    """The parameters of each first slot, and those that are interchangeable with them."""
    return [
        (space.names[first], tuple(space.names[c] for c in others))
        for slots in space.slots
        for first, *others in zip(*slots.columns, strict=True)
    ]


def fellows(space: Space, name: str) -> tuple[str, ...]:
    """A parameter, and what is interchangeable with it."""
    alike = next((all_ for first, others in slots_by_name(space) if name in (all_ := (first, *others))), ())
    return (name, *(other for other in alike if other != name))


def fellow(space: Space, name: str, beside: str, of: str) -> str:
    """The parameter that is to ``of`` what ``name`` is to ``beside``: that of its slot, or ``name`` itself."""
    for slots in space.slots:
        names = [[space.names[c] for c in slot] for slot in slots.columns]
        mine = next((slot for slot in names if beside in slot), None)
        other = next((slot for slot in names if of in slot), None)
        if mine is not None and other is not None and name in mine:
            return other[mine.index(name)]
    return name


def _spread(
    space: Space,
    path: tuple[str, ...],
    said: Mapping[str, _Value],
    meant: Callable[[_Value, str, str], _Value],
) -> dict[str, _Value]:
    found = dict(said)
    for first, others in slots_by_name(space):
        told = [name for name in (first, *others) if name in said]
        for name in (first, *others) if told else ():
            value = meant(said[told[0]], told[0], name)
            if found.setdefault(name, value) != value:
                raise CostError(
                    (*path, name),
                    f"{told[0]!r} and {name!r} are interchangeable, and it says otherwise of each; say it once, of "
                    f"{told[0]!r}",
                )
    return found
