"""Parameters that never apply: nothing that the constraints leave opens their conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from loop.errors import SpaceError
from loop.space.constraints import Exclude
from loop.space.drawing import refuse_empty
from loop.space.parameters import Continuous, Discrete
from loop.space.space import Space
from loop.space.structure import Condition, Gate


def never_applying(space: Space) -> Iterator[str]:
    """What is said of each parameter that never applies, for certain or as far as drawing tells; of a mixture once."""
    conditions = {condition.column: condition for condition in space.conditions}
    mixed = {column: m.name for m in space.mixtures for column in m.columns}
    said: dict[tuple[Gate, Gate], str] = {}
    names: dict[str, str] = {}
    for column, condition in conditions.items():
        gates = condition.when, condition.unless
        if gates not in said:
            said[gates] = _why(space, tuple(_opening(space, conditions, column)))
        names.setdefault(mixed.get(column, space.names[column]), said[gates])
    for name, why in names.items():
        if why:
            yield f"{name} never applies: {why}, or leave {name} out"


def _why(space: Space, opening: tuple[Exclude, ...]) -> str:
    try:
        refuse_empty(replace(space, constraints=opening))
    except SpaceError:
        return "its conditions contradict each other, or those of a parameter that they name; mend when and unless"
    try:
        refuse_empty(replace(space, constraints=(*opening, *space.constraints)))
    except SpaceError as error:
        return f"where it would, {error}"
    return ""


def _opening(space: Space, conditions: dict[int, Condition], column: int) -> Iterator[Exclude]:
    """Exclusions that keep only candidates in which a parameter applies."""
    condition = conditions.get(column)
    if condition is None:
        return
    name = f"where {space.names[column]} applies"
    for gate, values in condition.when:
        p = space.parameters[gate]
        assert not isinstance(p, Continuous)  # of which nobody meets one of its values twice
        there = p.values if isinstance(p, Discrete) else map(float, range(p.size))
        if others := frozenset(there) - values:
            yield Exclude(name, {gate: others})
    if condition.unless:
        yield Exclude(name, dict(condition.unless))
    for gate in condition.columns:
        yield from _opening(space, conditions, gate)
