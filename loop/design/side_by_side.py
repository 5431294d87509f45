"""Pairs to be run side by side: alike in everything but one parameter, each in an order drawn by lot."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from loop.circumstances import applying
from loop.errors import SpaceError
from loop.record import Settings
from loop.space import Space
from loop.space.rows import key_of

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of a pair: its value of the parameter in which they differ, its settings as they were given, and where that
    is, ``(d,)``: what is interchangeable may stand elsewhere there."""

    value: str | float
    settings: Settings
    x: Floats


def side_by_side(
    space: Space,
    contexts: Iterable[Settings],
    parameter: str,
    values: tuple[str | float, str | float],
    *,
    wanted: int,
    is_free: Callable[[Floats], bool],
    pays: Callable[[Floats], bool] = lambda _: True,
    seed: int,
) -> tuple[tuple[Side, Side], ...]:
    """Up to ``wanted`` pairs, in the order of running: of each context that allows both values.

    Args:
        space: What candidates lie in.
        contexts: What the two are to have in common, the most wanted first; what they say of the parameter is replaced.
        parameter: What the two differ in.
        values: Its two values. What applies with one of them alone is left out with the other.
        wanted: How many pairs.
        is_free: Whether a candidate, ``(d,)``, may be run, by what is known beside the space.
        pays: Whether a budget pays for all of these, ``(n, d)``, one after the other: both of a pair run, or neither.
        seed: Decides which of the two comes first: either does in half of the pairs.
    """
    first = np.random.default_rng(seed).permutation(np.arange(wanted) % 2)
    found: list[tuple[Side, Side]] = []
    taken: set[bytes] = set()
    for context in contexts:
        if len(found) == wanted:
            break
        sides = [_with(space, context, parameter, value) for value in values]
        pair = [side for side in sides if side is not None and space.holds(side.x[None, :])[0] and is_free(side.x)]
        keys = {key_of(side.x) for side in pair}
        if len(keys) < 2 or keys & taken:
            continue
        i = int(first[len(found)])
        ordered = (pair[i], pair[1 - i])
        if pays(np.array([side.x for two in (*found, ordered) for side in two])):
            taken |= keys
            found.append(ordered)
    return tuple(found)


def _with(space: Space, context: Settings, parameter: str, value: str | float) -> Side | None:
    """A context with another value; None where something is missing that applies with it."""
    changed = {parameter: value}
    try:
        settings = applying(space, {**context, **changed}, changed)
        return Side(value, settings, space.coordinates(settings))
    except SpaceError:
        return None
