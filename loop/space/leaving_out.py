"""Leaving out: what a changed campaign file has no more, of candidates that are on record."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from loop.errors import SpaceError
from loop.record import Settings
from loop.space.constraints import Constraint, Exclude, Linear, Region
from loop.space.counting import is_own
from loop.space.parameters import Continuous, Discrete, lies_within, range_said
from loop.space.space import Space


def still_has(space: Space, x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows of ``x``, ``(n, d)``, lie within the ranges of the space and keep its constraints: ``(n,)``.

    What is left out for now only is no less there.

    Steps do not matter, nor that the parts of a told mixture sum to one only nearly: what was really done is seldom as
    round as what is proposed.
    """
    kept = np.ones(len(x), dtype=bool)
    active = space.frame.active(x)
    for column, p in enumerate(space.parameters):
        kept &= lies_within(p, x[:, column]) | ~active[:, column]
    for rule in rules_of(space):
        kept &= rule.allows(x)
    return kept


def why_left_out(space: Space, settings: Settings) -> str:
    """By which rule the space has no such candidate, or no more: a range that it lies beyond, or a constraint."""
    settings = space.with_earlier(settings)
    try:
        x = space.coordinates(settings)
    except SpaceError as error:  # an option or a parameter that it has no more
        return f"is left out by the campaign file as it is: {error}"
    for p, value in zip(space.parameters, x.tolist(), strict=True):
        if isinstance(p, Discrete | Continuous) and p.name in settings and not lies_within(p, np.array(value)):
            return f"lies outside the space as the campaign file has it: {p.name} is {range_said(p)} {p.unit}".rstrip()
    broken = [rule.name for rule in rules_of(space) if not rule.allows(x[None])[0]]
    return f"is left out by the campaign file as it is: it breaks {broken[0]!r}" if broken else ""


def rules_of(space: Space) -> list[Constraint]:
    """The constraints by which the space has no more what was measured: not that the parts of a mixture sum to one,
    which they do only nearly, nor what holds for now only."""
    return [c for c in space.constraints if not _says_that_parts_sum_to_one(c, space) and not is_for_now(c)]


def is_for_now(rule: Constraint) -> bool:
    """Whether it keeps candidates from being proposed for a while, such as those of a substance that ran out."""
    return isinstance(rule, Exclude | Region) and rule.for_now


def lasting(space: Space) -> Space:
    """The same space with what is left out of it for now only."""
    if not any(is_for_now(rule) for rule in space.constraints):
        return space
    return replace(space, constraints=tuple(c for c in space.constraints if not is_for_now(c)))


def _says_that_parts_sum_to_one(rule: Constraint, space: Space) -> bool:
    """Whether a rule is that of a mixture; how many parts it may have is a limit like others."""
    return isinstance(rule, Linear) and is_own(rule, space)
