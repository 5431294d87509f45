"""Matched pairs: experiments that were planned together and are alike in everything but one thing.

Models speak of associations, since most experiments were chosen for what earlier ones gave. Two experiments of one
round were chosen before either had a result, so what differs between them is the effect of what was changed, and
scatter. An earlier experiment and one that was planned after it are no such pair: the first was followed up since its
value was high, part of which was luck (docs/decisions/0194).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.fidelity import fidelity_column, is_real
from loop.history import Observation
from loop.space import Continuous, Discrete, Ordinal, Space
from loop.space.rows import key_of
from loop.space.slots import Slots


@dataclass(frozen=True, slots=True)
class Made:
    """An experiment that was planned in a round, and what else it was made in, such as ``{"day": "2026-03-28"}``."""

    round: int
    observation: Observation
    circumstances: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two candidates alike in all but one parameter, with what was measured of each in one round.

    Attributes:
        column: Of the parameter that differs.
        values: Its two coordinates: of a number the higher first, of options the one that the file names first.
        first, second: The observations of either, more than one where it was replicated, or where several that differ
            in what depends on the change were held against one and the same.
    """

    column: int
    values: tuple[float, float]
    first: tuple[Observation, ...]
    second: tuple[Observation, ...]


def matched_pairs(space: Space, made: Sequence[Made]) -> tuple[Pair, ...]:
    """Every two candidates that were run in one round and in the same circumstances, and differ in one parameter.

    Of versions of a measurement the real thing counts alone. Parts of a mixture never change by themselves. What was
    told, or ran otherwise than any candidate, is in no pair.
    """
    apart = {c for m in space.mixtures for c in m.columns} | {fidelity_column(space)}
    groups: dict[tuple[object, ...], dict[bytes, list[Observation]]] = {}
    for one in made:
        o = one.observation
        if not (o.is_told or o.is_off) and is_real(space, o.made[None, :])[0]:
            at = (one.round, *sorted(one.circumstances.items()))
            groups.setdefault(at, {}).setdefault(key_of(o.made), []).append(o)
    found: list[Pair] = []
    for group in groups.values():
        near: list[Pair] = []
        candidates = list(group.values())
        for i, k in _near(space, np.array([these[0].made for these in candidates])):
            mine, other = candidates[i], candidates[k]
            change = change_between(space, mine[0].made, other[0].made)
            if change is not None and change[0] not in apart:
                column, *values = change
                sides = sorted(zip(values, (mine, other), strict=True), key=lambda side: side[0])
                if has_order(space, column):
                    sides.reverse()
                (a, first), (b, second) = sides
                near.append(Pair(column, (a, b), tuple(first), tuple(second)))
        found += _joined(near)
    return tuple(found)


def _joined(pairs: Sequence[Pair]) -> list[Pair]:
    """Pairs of one change that have an experiment in common as one, so that its scatter counts once."""
    held: dict[tuple[object, ...], list[Pair]] = {}
    for pair in pairs:
        mine = [pair]
        for key in _experiments(pair):
            mine += [one for one in held.get(key, ()) if all(one is not other for other in mine)]
        held |= {key: mine for one in mine for key in _experiments(one)}
    found = []
    for these in {id(mine): mine for mine in held.values()}.values():
        first = {o.id: o for one in these for o in one.first}
        second = {o.id: o for one in these for o in one.second}
        found.append(Pair(these[0].column, these[0].values, tuple(first.values()), tuple(second.values())))
    return found


def _experiments(pair: Pair) -> list[tuple[object, ...]]:
    """Those of a pair, each with the change."""
    return [(pair.column, pair.values, o.id) for o in (*pair.first, *pair.second)]


def column_of(space: Space, parameter: str) -> int:
    """Of which column a change of this parameter is, as ``change_between`` has it."""
    column = space.names.index(parameter)
    for slots in space.slots:
        for slot in slots.columns:
            if column in slot:
                return slots.columns[0][slot.index(column)]
    return column


def _near(space: Space, x: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Which two of ``x``, ``(n, d)``, differ in so few columns that they may be a pair."""
    most = max([1 + len(space.conditions), *(len(slots.every) for slots in space.slots)])
    first, second = np.triu_indices(len(x), 1)
    apart = np.concatenate([(x[i] != x[i + 1 :]).sum(axis=1) for i in range(len(x))]) if len(x) > 1 else first
    return [(int(i), int(k)) for i, k in zip(first[apart <= most], second[apart <= most], strict=True)]


def has_order(space: Space, column: int) -> bool:
    """Whether one value of a parameter is higher than another."""
    return isinstance(space.parameters[column], Discrete | Continuous | Ordinal)


def change_between(space: Space, a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[int, float, float] | None:
    """The one parameter in which two candidates ``(d,)`` differ, and its two coordinates; None where it is not one.

    What applies to one of them alone, as it depends on that parameter, belongs to the change. What is interchangeable
    may stand anywhere, and the parameter is then that of the first slot.
    """
    differ = [int(c) for c in np.flatnonzero(a != b)]
    for slots in space.slots:
        if differ and set(differ) <= set(slots.every):
            return _exchanged(slots, a, b)
    active = space.frame.active(np.array([a, b]))
    both = [c for c in differ if active[:, c].all()]
    if len(both) != 1 or not _depend(space, both[0], set(differ) - set(both)):
        return None
    return both[0], float(a[both[0]]), float(b[both[0]])


def _exchanged(slots: Slots, a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[int, float, float] | None:
    """The column of the first slot, and what one slot holds in place of what another holds, where all others agree."""
    held = [[tuple(float(x[c]) for c in slot) for slot in slots.columns] for x in (a, b)]
    ours, theirs = ([one for one in mine if one not in other] for mine, other in (held, held[::-1]))
    if len(ours) != 1 or len(theirs) != 1:
        return None
    places = [k for k, (mine, other) in enumerate(zip(ours[0], theirs[0], strict=True)) if mine != other]
    return (slots.columns[0][places[0]], ours[0][places[0]], theirs[0][places[0]]) if len(places) == 1 else None


def _depend(space: Space, gate: int, columns: set[int]) -> bool:
    """Whether all these columns apply or not by what stands in ``gate``, or in one that depends on it."""
    gates = {condition.column: set(condition.columns) for condition in space.conditions}
    reached = {gate}
    while more := {c for c, by in gates.items() if by & reached} - reached:
        reached |= more
    return columns <= reached
