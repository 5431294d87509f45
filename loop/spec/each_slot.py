"""What a file says of the costs and stocks of one slot, said of each that is interchangeable with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from loop.errors import CostError
from loop.space import Space

_Value = TypeVar("_Value")


def of_each_slot(space: Space, path: tuple[str, ...], said: Mapping[str, _Value]) -> dict[str, _Value]:
    """What is said by parameter, with the same for what is interchangeable with it; a number that is named is the
    slot's own.

    Raises:
        CostError: Two slots are said to differ in it.
    """
    found = dict(said)
    for first, others in slots_by_name(space):
        told = [name for name in (first, *others) if name in said]
        for name in (first, *others) if told else ():
            value = _meant(space, said[told[0]], told[0], name)
            if found.setdefault(name, value) != value:
                raise CostError(
                    (*path, name),
                    f"{told[0]!r} and {name!r} are interchangeable, and it says otherwise of each; say it once, of "
                    f"{told[0]!r}",
                )
    return found


def slots_by_name(space: Space) -> list[tuple[str, tuple[str, ...]]]:
    """The parameters of each first slot, and those that are interchangeable with them."""
    return [
        (space.names[first], tuple(space.names[c] for c in others))
        for slots in space.slots
        for first, *others in zip(*slots.columns, strict=True)
    ]


def fellow(space: Space, name: str, beside: str, of: str) -> str:
    """The parameter that is to ``of`` what ``name`` is to ``beside``: that of its slot, or ``name`` itself."""
    for slots in space.slots:
        names = [[space.names[c] for c in slot] for slot in slots.columns]
        mine = next((slot for slot in names if beside in slot), None)
        other = next((slot for slot in names if of in slot), None)
        if mine is not None and other is not None and name in mine:
            return other[mine.index(name)]
    return name


def _meant(space: Space, value: _Value, beside: str, of: str) -> _Value:
    if not isinstance(value, str):
        return value
    meant: _Value = fellow(space, value, beside, of)  # type: ignore[assignment]  # a text for a text
    return meant
