"""Numbers that an equality settles, such as the solvent that makes up a volume: they take what it leaves."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.space.constraints import Linear
from loop.space.parameters import ROUNDING, Continuous, Discrete
from loop.space.space import Space

MOST: Final = 10_000  # values that a number may be left; of more, two draws hardly ever have the same
DIGITS: Final = 12  # that sums are told apart by, beside the largest of them: more is rounding


def with_determined_values(space: Space) -> Space:
    """The space with each continuous number that an equality settles, once all others in it have a few values, as a
    number with the values that are left.

    Otherwise one experiment would come in as many ways as a sum can be rounded.
    """
    while (found := _next(space)) is not None:
        column, values = found
        p = space.parameters[column]
        assert isinstance(p, Continuous)
        has_zero = p.or_zero and values[0] == 0.0 and len(values) > 1
        chosen = Discrete(p.name, values, p.unit, p.scale, has_zero, in_steps=True)
        space = replace(space, parameters=(*space.parameters[:column], chosen, *space.parameters[column + 1 :]))
    return space


def _next(space: Space) -> tuple[int, tuple[float, ...]] | None:
    """A column that an equality settles, and the values that it leaves there."""
    for rule in space.constraints:
        if not (isinstance(rule, Linear) and rule.is_equality and rule.applies is None):
            continue
        weights = {c: w for c, w in rule.weights.items() if w}
        free = [c for c in weights if isinstance(space.parameters[c], Continuous)]
        if len(free) == 1 and free[0] not in space.frame.mixed_columns and len(values := _left(space, rule, free[0])):
            return free[0], tuple(values.tolist())
    return None


def _left(space: Space, rule: Linear, column: int) -> NDArray[np.float64]:
    """What the other terms of a sum leave for the number in ``column``, in rising order; none beyond ``MOST``."""
    size = max(abs(rule.at_most), *(abs(w) * _largest(space, c) for c, w in rule.weights.items()))
    digits = DIGITS - math.ceil(math.log10(size)) if size else DIGITS
    totals = np.array([rule.at_most])
    for other, weight in rule.weights.items():
        if other == column or not weight:
            continue
        p = space.parameters[other]
        assert isinstance(p, Discrete)
        absent = [0.0] if other in space.frame.conditional else []
        terms = weight * np.array([*absent, *p.values])
        totals = np.unique(np.round(totals[:, None] - terms, digits))
        if len(totals) > MOST:
            return np.empty(0)
    p = space.parameters[column]
    assert isinstance(p, Continuous)
    values = np.round(totals / rule.weights[column], digits) + 0.0
    for end in (p.low, p.high):
        values[np.abs(values - end) <= ROUNDING * max(abs(p.low), abs(p.high))] = end
    return np.unique(values[(values >= p.low) & (values <= p.high) | (values == 0.0) & p.or_zero])


def _largest(space: Space, column: int) -> float:
    p = space.parameters[column]
    return max(abs(p.low), abs(p.high)) if isinstance(p, Continuous | Discrete) else 0.0
