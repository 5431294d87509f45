"""Centre points: experiments at the middle of every number, made again and again, so that scatter and curvature show.

What has no middle, options and numbers of two values, is taken in every combination in turn, each time that which has
its options least often so far; then from the beginning.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.design.reasons import CENTRE
from loop.errors import SpaceError
from loop.space import Category, Component, Continuous, Discrete, Parameter, Space
from loop.space.rounding import rounded
from loop.space.rows import different, key_of
from loop.wording import amount_text, plural

MOST: Final = 2_000  # combinations of what has no middle
ALIKE: Final = 9  # digits of a share of the range: two steps as near to its middle as each other are as near
SHOWN: Final = 6  # combinations that a note lists
WAY: Final = "leave centre out"


def centre_points(space: Space, n: int) -> NDArray[np.float64]:
    """So many centre points in the order in which they are taken, shape ``(n, d)``: equal rows are replicates.

    Raises:
        SpaceError: No number has a middle, or it is allowed with no options.
    """
    if not n:
        return np.empty((0, len(space.parameters)))
    whole = conditions(space)
    return np.resize(whole[_in_turn(whole, n)], (n, whole.shape[1]))


def conditions(space: Space) -> NDArray[np.float64]:
    """The middle of every number with every combination of what has none, shape ``(k, d)``; in settable numbers.

    The middle of a range is that of its scale, of steps the nearest, of two as near the lower; of an ordinal with an
    even number of levels it is the lower of the two in the middle, of a mixture equal parts, in its steps.

    Raises:
        SpaceError: No number has a middle, there are too many combinations, or none is allowed.
    """
    if any(isinstance(p, Category) and p.is_fidelity for p in space.parameters):
        raise SpaceError(f"centre points are experiments of one kind, and the space has cheap versions; {WAY}")
    middles = [middles_of(p) for p in space.parameters]
    for mixture in space.mixtures:
        for column, share in zip(mixture.columns, _equal_parts(space, mixture.columns), strict=True):
            middles[column] = np.array([share])
    if all(len(m) > 1 or _is_fixed(p) for p, m in zip(space.parameters, middles, strict=True)):
        raise SpaceError(
            f"centre points lie at the middle of numbers, and the space has none of three values or more; {WAY}, and "
            "write replicates: 2 under planner to learn how results scatter"
        )
    sizes = [len(m) for m in middles]
    if math.prod(sizes) > MOST:
        raise SpaceError(
            f"centre points take the combinations of {_named(space, _unmiddled(middles))} in turn, and there are "
            f"{math.prod(sizes)}, more than {MOST}; {WAY}"
        )
    grid = np.indices(sizes).reshape(len(sizes), -1)
    x = np.column_stack([m[numbers] for m, numbers in zip(middles, grid, strict=True)])
    x = different(space.frame.canonical(x))
    allowed = x[space.holds(x)]
    if not len(allowed):
        raise SpaceError(_forbidden(space, x))
    return rounded(space, allowed, x[:0])


def said(space: Space, whole: NDArray[np.float64], due: Sequence[int], copies: int) -> tuple[str, ...]:
    """Where all centre points, ``(n, d)``, lie, how many are due, and whether any is made twice: a note, or none.

    Of each ``copies`` experiments are made.
    """
    if not len(whole):
        return ()
    every = conditions(space)
    varied = [c for c in range(len(space.parameters)) if len(np.unique(every[:, c])) > 1]
    where = f"at {_middle_said(space, whole[0], varied)}"
    counts = Counter(_named_in(space, x, varied) for x in whole)
    if varied:
        shown = ", ".join(f"{name} ({n})" for name, n in list(counts.items())[:SHOWN])
        more = f" and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
        where += f", with {_named(space, varied)} in turn: {shown}{more}"
    if max(counts.values()) * copies == 1:
        where += (
            "; no condition comes twice, so that they tell of curvature and not how results scatter: "
            f"centre: {2 * len(every)} makes {'two of it' if len(every) == 1 else 'two of each'}"
        )
    n = f"{len(due)} of {len(whole)} centre points" if len(due) < len(whole) else plural(len(whole), "centre point")
    return (f"{n} {where}",)


def meanings_of(whole: NDArray[np.float64]) -> list[str]:
    """What each of all centre points, ``(n, d)``, is, for the reason of its experiment."""
    first: dict[bytes, int] = {}
    found = []
    for i, x in enumerate(whole, start=1):
        original = first.setdefault(key_of(x), i)
        again = f"a replicate of centre point {original}, so that scatter shows"
        what = "where curvature shows" if original == i else again
        found.append(f"{CENTRE} {i} of {len(whole)}: the middle of every number, {what}")
    return found


def among_blocks(labels: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Blocks of ``n`` centre points beside other points in blocks ``labels``, ``(k,)``, from 1: shape ``(n,)``.

    As many in each, one more in the smallest first; those that follow each other are in one block, so that what is
    taken in turn comes in each.
    """
    blocks, sizes = np.unique(labels, return_counts=True)
    if not len(blocks):
        return np.ones(n, dtype=np.int64)
    counts = np.full(len(blocks), n // len(blocks))
    counts[np.argsort(sizes, kind="stable")[: n % len(blocks)]] += 1
    return np.repeat(blocks, counts)


def middles_of(p: Parameter) -> NDArray[np.float64]:
    """The coordinate of a parameter's middle, or all that it has where it has none: shape ``(k,)``."""
    if isinstance(p, Continuous):
        low, high = p.low, p.high
        return np.array([math.sqrt(low * high) if p.scale == "log" else (low + high) / 2])
    if isinstance(p, Discrete):
        values = np.asarray(p.values)
        amounts = values[1:] if p.or_zero else values
        if len(values) < 3:
            return values
        places = p.position(amounts)
        off = np.round(np.abs(places - (places[0] + places[-1]) / 2), ALIKE)
        return amounts[[int(off.argmin())]]
    if isinstance(p, Category | Component) or p.size < 3:
        return np.arange(p.size, dtype=np.float64)
    return np.array([float((p.size - 1) // 2)])


def _equal_parts(space: Space, columns: Sequence[int]) -> list[float]:
    """Equal parts of a mixture, in its steps: those that stand first take what does not divide."""
    first = space.parameters[columns[0]]
    if not isinstance(first, Discrete):
        return [1.0 / len(columns)] * len(columns)
    steps = round(1.0 / (first.values[-1] - first.values[-2]))
    each, rest = divmod(steps, len(columns))
    return [round((each + (i < rest)) / steps, 12) for i in range(len(columns))]


def _is_fixed(p: Parameter) -> bool:
    return isinstance(p, Discrete) and len(p.values) == 1


def _unmiddled(middles: Sequence[NDArray[np.float64]]) -> list[int]:
    return [column for column, m in enumerate(middles) if len(m) > 1]


def _in_turn(whole: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Which of the combinations, ``(k, d)``, are taken one after the other, up to all of them."""
    places = np.column_stack([np.unique(column, return_inverse=True)[1] for column in whole.T])
    counts = np.zeros((int(places.max()) + 1, places.shape[1]))
    every = np.arange(places.shape[1])
    order: list[int] = []
    for _ in range(min(n, len(whole))):
        score = counts[places, every].sum(axis=1)
        score[order] = np.inf
        order.append(int(score.argmin()))
        counts[places[order[-1]], every] += 1
    return np.array(order, dtype=np.int64)


def _named(space: Space, columns: Sequence[int]) -> str:
    return " x ".join(space.parameters[c].name for c in columns)


def _named_in(space: Space, x: NDArray[np.float64], columns: Sequence[int]) -> str:
    settings = space.settings(x)
    said = (settings.get(space.parameters[c].name, "none") for c in columns)
    return " + ".join(amount_text(v) if isinstance(v, float) else str(v) for v in said)


def _middle_said(space: Space, x: NDArray[np.float64], without: Sequence[int] = ()) -> str:
    """The settings at a centre point, ``(d,)``, such as "temperature 90 degC, hours 9 h"."""
    left = {space.parameters[c].name for c in without}
    units = space.units
    return ", ".join(
        f"{name} {amount_text(v) if isinstance(v, float) else v} {units.get(name, '')}".rstrip()
        for name, v in space.settings(x).items()
        if name not in left
    )


def _forbidden(space: Space, x: NDArray[np.float64]) -> str:
    """What forbids the middle with every combination of options, ``(k, d)``, and the way out."""
    broken = [c.name for c in space.constraints if not c.allows(x).all()]
    options = [c for c, p in enumerate(space.parameters) if len(middles_of(p)) > 1]
    what = f"breaks constraint {broken[0]!r}" if broken else "is no candidate"
    every = f" with any choice of {', '.join(space.parameters[c].name for c in options)}" if len(x) > 1 else ""
    middle = _middle_said(space, x[0], options)
    return f"the middle of every number ({middle}) {what}{every}; {WAY}, or change the ranges"
