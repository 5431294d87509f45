"""Constraints that keep nothing out: what every candidate meets by the ranges of its parameters alone."""

from __future__ import annotations

from collections.abc import Iterator

from loop.space.constraints import Comparison, Constraint, Count, Linear, Region
from loop.space.intervals import Span
from loop.space.parameters import least_and_most
from loop.space.space import Space


def keeping_nothing_out(space: Space) -> Iterator[str]:
    """What is said of each constraint that surely forbids no candidate; one of which that is not sure is not named."""
    conditional = space.frame.conditional
    ranges = [
        (min(low, 0.0), max(high, 0.0)) if column in conditional else (low, high)  # what does not apply counts as 0
        for column, (low, high) in enumerate(map(least_and_most, space.parameters))
    ]
    own = tuple(f"{m.name}: " for m in space.mixtures)  # rules of a mixture, which nobody wrote
    for constraint in space.constraints:
        if not constraint.name.startswith(own) and _is_met_by_all(constraint, ranges):
            yield (
                f"constraint {constraint.name!r} keeps nothing out: every candidate meets it; mend its numbers, or "
                "leave it out"
            )


def _is_met_by_all(constraint: Constraint, ranges: list[Span]) -> bool:
    match constraint:
        case Linear() if not constraint.is_equality:  # what one settles has that value alone by it
            terms = [sorted((w * ranges[c][0], w * ranges[c][1])) for c, w in constraint.weights.items()]
            least, most = (sum(ends) for ends in zip(*terms, strict=True))
            return bool(constraint.at_least <= least and most <= constraint.at_most)
        case Region():
            return any(low > ranges[c][1] or high < ranges[c][0] for c, (low, high) in constraint.ranges.items())
        case Count():
            most = len(constraint.nothing) if constraint.at_most is None else constraint.at_most
            return constraint.at_least <= 0 and most >= len(constraint.nothing)
        case Comparison():
            for side, is_strict in zip(constraint.sides, constraint.strict, strict=True):
                names = zip(side.expression.names, side.columns, strict=True)
                span = side.expression.between({name: ranges[column] for name, column in names})
                if span is None or span[0] < 0.0 or (span[0] == 0.0 and is_strict):
                    return False
            return True
        case _:
            return False
