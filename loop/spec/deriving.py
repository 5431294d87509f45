"""Derived numbers that cannot be computed everywhere: what of the space that takes away, and where nothing is left."""

from __future__ import annotations

import numpy as np

from loop.space import Computable, Space
from loop.space.raw import raw_sample
from loop.space.structure import Derived

LOOK = 4_096  # draws that tell how much of a space it is


def without_value(space: Space) -> tuple[str, ...]:
    """A note for each derived number that has no value in a part of what the other constraints leave."""
    return tuple(
        f"{number.name}: {number.formula.expression.text!r} has no value in about {100 * share:.2g} % of the space, "
        f"such as {at}, and nothing is proposed there; say so by a constraint, or write an expression "
        "that has a value there"
        for number, share, at in _failing(space)
        if share < 1.0
    )


def without_any_value(space: Space) -> str:
    """What is wrong with a derived number that has no value anywhere, with the way out; "" where every one has some."""
    for number, share, at in _failing(space):
        if share == 1.0:
            return (
                f"parameter {number.name!r}: {number.formula.expression.text!r} has no value anywhere in the space, "
                f"such as {at}; mend the expression, or widen what it names"
            )
    return ""


def _failing(space: Space) -> list[tuple[Derived, float, str]]:
    """Of each derived number that fails somewhere: in which share of the space, and an example."""
    rules = [c for c in space.constraints if isinstance(c, Computable)]
    if not rules:
        return []
    x = raw_sample(space.frame, LOOK, np.random.default_rng(0))
    for other in space.constraints:
        if not isinstance(other, Computable):
            x = x[other.allows(x)]
    found = []
    for rule in rules:
        number = next(d for d in space.derived if d.name == rule.of)
        fails = ~rule.allows(x)
        if fails.any():
            row = space.settings(x[fails.argmax()])
            named = {name: row[name] for name in number.formula.expression.names if name in row}
            said = ", ".join(f"{name} {value:.4g}" for name, value in named.items() if isinstance(value, float | int))
            found.append((number, float(fails.mean()), said))
    return found
