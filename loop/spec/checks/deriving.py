"""Derived numbers that cannot be computed everywhere: what of the space that takes away, and where nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from loop.errors import SpaceError
from loop.space import Computable, Space, sample_space
from loop.space.constraints import Constraint
from loop.space.structure import Derived

LOOK = 4_096  # points that tell how much of a space it is


@dataclass(frozen=True)
class Failing:
    """A derived number that has no value somewhere."""

    number: Derived
    rule: Computable
    share: float  # of the points
    looked: int  # points
    at: str  # one at which it fails

    @property
    def text(self) -> str:
        return self.number.formula.expression.text

    @property
    def part(self) -> str:
        """How much of the space that is."""
        return part_of_space(self.share, self.looked)


def part_of_space(share: float, looked: int) -> str:
    """In words, how much of the space is without a value, by the ``share`` of so many draws."""
    if share == 1.0:
        return f"nearly all of the space (at none of {looked:,} draws)"
    if share > 0.999:
        return "more than 99.9 % of the space"
    percent = f"{100 * share:.3g}" if share >= 0.995 else f"{100 * share:.2g}"
    return f"about {percent} % of the space"


def without_value(space: Space) -> tuple[str, ...]:
    """A note for each derived number that has no value in a part of what the other constraints leave."""
    return tuple(
        f"{f.number.name}: {f.text!r} has no value in {f.part}, "
        f"such as {f.at}, and nothing is proposed there; say so by a constraint, or write an expression "
        "that has a value there"
        for f in _failing(space)
    )


def without_any_value(space: Space) -> str:
    """What is wrong with a derived number that has no value anywhere, with the way out; "" where every one has some."""
    for f in _failing(space):
        if f.share < 1.0:
            continue
        mend = "mend the expression, or widen what it names"
        if _is_proven(space, f.rule):
            return f"parameter {f.number.name!r}: {f.text!r} has no value anywhere in the space, such as {f.at}; {mend}"
        if not _is_found(space, f.rule):
            return (
                f"parameter {f.number.name!r}: {f.text!r} has no value anywhere in the space, as far as {f.looked:,} "
                f"draws and a search tell (not a proof), such as {f.at}; {mend} or loosen constraints on that, or add "
                "one that keeps to where there is a value"
            )
    return ""


def _is_proven(space: Space, rule: Computable) -> bool:
    return not rule.applies and rule.formula.expression.is_nowhere(rule.formula.ranges(space.parameters))


def _is_found(space: Space, rule: Computable) -> bool:
    """Whether a search comes upon a point at which one number has a value."""
    try:
        return len(sample_space(replace(space, constraints=(*_others(space), rule)), 1, 0)) > 0
    except SpaceError:
        return False


def _failing(space: Space) -> Iterator[Failing]:
    """The derived numbers that fail somewhere in what the other constraints leave; none where those leave nothing."""
    rules = [c for c in space.constraints if isinstance(c, Computable)]
    if not rules:
        return
    try:
        x = sample_space(replace(space, constraints=_others(space)), LOOK, 0, method="random")
    except SpaceError:  # whoever looks at the constraints says so
        return
    for rule in rules:
        number = next(d for d in space.derived if d.name == rule.of)
        fails = ~rule.allows(x)
        if fails.any():
            row = space.settings(x[fails.argmax()])
            named = {name: row[name] for name in number.formula.expression.names if name in row}
            said = ", ".join(f"{name} {value:.4g}" for name, value in named.items() if isinstance(value, float | int))
            yield Failing(number, rule, float(fails.mean()), len(x), said)


def _others(space: Space) -> tuple[Constraint, ...]:
    return tuple(c for c in space.constraints if not isinstance(c, Computable))
