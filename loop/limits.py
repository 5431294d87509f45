"""Limits of a laboratory: what no experiment may go beyond, whoever proposes it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from loop.contracts import Problem
from loop.record import Settings
from loop.space.expressions import Expression

if TYPE_CHECKING:
    from loop.recipe.model import Recipe
    from loop.recipe.procedure import Procedure

SLACK: Final = 1e-9  # of a bound: rounding and conversion of units, not chemistry
BENCH: Final[Mapping[str, str]] = {  # limits that hold for what a recipe does, with the units of its procedures
    "temperature": "degC",  # to which is heated
    "volume": "uL",  # of each dose and sample
    "fill": "uL",  # the most that is in the vessel
    "stirring": "rpm",
}


@dataclass(frozen=True, slots=True)
class Bound:
    """One limit as it holds for one number, in that number's unit."""

    limit: str  # its name in the campaign file
    of: str  # the number: a parameter, a derived one, or what a recipe does
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    formula: Expression | None = None  # of a derived number, from parameters

    def allows(self, value: float) -> bool:
        """Whether a value keeps it; one that is no number does not."""
        low = self.low if self.low == -math.inf else self.low - SLACK * abs(self.low)
        high = self.high if self.high == math.inf else self.high + SLACK * abs(self.high)
        return math.isfinite(value) and low <= value <= high

    @property
    def said(self) -> str:
        """The limit in words, such as "at most 120 degC"."""
        ends = [f"at least {self.low:g}"] * (self.low > -math.inf) + [f"at most {self.high:g}"] * (self.high < math.inf)
        return f"{' and '.join(ends)} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Limits:
    """All the limits of a laboratory: for the numbers of the space, and for what is done at the bench."""

    numbers: tuple[Bound, ...] = ()
    bench: tuple[Bound, ...] = field(default=())

    def __bool__(self) -> bool:
        return bool(self.numbers or self.bench)


def broken(limits: Limits, settings: Settings, recipe: Recipe | None = None) -> tuple[Problem, ...]:
    """Every limit that an experiment with these settings breaks.

    What does not apply has no setting, breaks nothing, and counts as 0 in a derived number. Of a recipe every step is
    looked at; one that cannot be worked out is told by ``loop.recipe.impossible``.
    """
    problems = [
        _problem(bound, f"{bound.of} = {value:g} {bound.unit}".rstrip())
        for bound, value in _values(limits, settings)
        if not bound.allows(value)
    ]
    if recipe is not None and limits.bench:
        from loop.recipe import possible

        if (procedure := possible(recipe, settings)) is not None:
            problems += [problem for _, problem in broken_at_the_bench(limits, procedure)]
    return tuple(problems)


def broken_at_the_bench(limits: Limits, procedure: Procedure) -> tuple[tuple[str, Problem], ...]:
    """Every limit that what a recipe does breaks: its name in the campaign file, and what is wrong."""
    done = list(_done(procedure))
    return tuple(
        (bound.limit, _problem(bound, f"{what} {value:g} {bound.unit}"))
        for bound in limits.bench
        for kind, what, value in done
        if kind == bound.of and not bound.allows(value)
    )


def _values(limits: Limits, settings: Settings) -> Iterator[tuple[Bound, float]]:
    numbers = {name: _number(value) for name, value in settings.items()}
    for bound in limits.numbers:
        if bound.formula is not None:
            yield bound, float(bound.formula({name: numbers.get(name, 0.0) for name in bound.formula.names}))
        elif bound.of in numbers:
            yield bound, numbers[bound.of]


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _done(procedure: Procedure) -> Iterator[tuple[str, str, float]]:
    """Kind, words and number of what a recipe does."""
    from loop.recipe.procedure import Heating, Sampling, Stirring, Transfer

    for action in procedure.actions:
        match action:
            case Heating(temperature, _, speed):
                yield "temperature", "heating to", temperature
                if speed is not None:
                    yield "stirring", "stirring at", speed
            case Stirring(speed, _):
                yield "stirring", "stirring at", speed
            case Transfer(stock, volume):
                yield "volume", f"a dose of {stock},", volume
            case Sampling(volume, _):
                yield "volume", "a sample of", volume
    yield "fill", "a vessel filled to", procedure.fullest


def _problem(bound: Bound, what: str) -> Problem:
    return Problem(
        f"limit {bound.limit!r} of the laboratory",
        f"{what} and the limit is {bound.said}",
        "change the experiment; the limit stands in the campaign file (laboratory.limits)",
    )
