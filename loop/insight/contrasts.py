"""What one change does, by matched pairs alone: how far they differ, with an interval that no model decides.

Each pair is held against itself, so that whatever both have in common is in no difference. The interval is Student's
over pairs. Source: Box, Hunter and Hunter, Statistics for Experimenters (2005), chapter 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

import numpy as np
from scipy import stats

from loop.history import Observation
from loop.insight.matched import Pair, has_order
from loop.objective import Target
from loop.outcome import Fault, Negative
from loop.space import Space
from loop.values import limits_of, values_of

SURE: Final = 0.95  # of the intervals
POWER: Final = 0.8  # with which chance a change is told
FEWEST: Final = 3  # degrees of freedom by which pairs are known to scatter
HIGHER: Final = "higher"
LOWER: Final = "lower"
Change: TypeAlias = tuple[float, float]  # of a parameter: its two coordinates
Key = TypeVar("Key", int, Change, tuple[int, Change])


@dataclass(frozen=True, slots=True)
class Contrast:
    """What pairs tell of one change of one parameter.

    Attributes:
        first, second: The two values in words; of a number whose values are taken together ``higher`` and ``lower``.
        target, unit: What was measured, and the unit of ``difference``.
        pairs: With a value of it on both sides.
        difference: The first less the second, the mean over pairs; where factors count the first over the second.
        low, high: Its interval of ``SURE``; None of fewer than two pairs.
        higher, lower, equal: In how many pairs the first is so, those among them that limits alone tell.
        untold: Pairs of which limits do not tell.
        without: In how many pairs the first alone, and the second alone, failed or gave nothing.
        is_factor: Whether ``difference`` is a factor.
    """

    parameter: str
    first: str
    second: str
    target: str
    unit: str
    pairs: int
    difference: float | None
    low: float | None
    high: float | None
    higher: int
    lower: int
    equal: int
    untold: int
    without: tuple[int, int]
    is_factor: bool = False

    @property
    def compared(self) -> int:
        """In how many pairs it is known which is higher, or that neither is."""
        return self.higher + self.lower + self.equal

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out that nothing changes."""
        same = 1.0 if self.is_factor else 0.0
        return self.low is not None and self.high is not None and not self.low <= same <= self.high


@dataclass(frozen=True, slots=True)
class Spread:
    """By how much pairs of one change differ from one another.

    Attributes:
        target, unit: Of what.
        sd: Standard deviation of the difference of one pair, on the target's scale.
        freedom: Degrees of freedom behind it.
        is_log: Whether ``sd`` is of decadic logarithms.
    """

    target: str
    unit: str
    sd: float
    freedom: int
    is_log: bool

    def told_by(self, pairs: int) -> float:
        """The change that so many pairs, two or more, tell with a chance of ``POWER``; where factors count, a factor.

        Source: Lachin, Controlled Clinical Trials 2 (1981) 93, with Student's quantiles.
        """
        reach = float(stats.t.ppf((1 + SURE) / 2, pairs - 1) + stats.t.ppf(POWER, pairs - 1))
        change = reach * self.sd / math.sqrt(pairs)
        return 10.0**change if self.is_log else change


def contrasts(space: Space, targets: Sequence[Target], pairs: Sequence[Pair]) -> tuple[Contrast, ...]:
    """What pairs tell of each target: of every change, parameter by parameter.

    Of a number and of an ordinal comes first what the higher does against the lower, whatever the two values are.
    """
    found: list[Contrast] = []
    for target in targets:
        for column, mine in grouped(pairs, lambda pair: pair.column):
            changes = grouped(mine, lambda pair: pair.values)
            if has_order(space, column) and len(changes) > 1:
                found += _contrast(space, column, (HIGHER, LOWER), target, _farthest(mine))
            for values, these in changes:
                first, second = (word(space, column, value) for value in values)
                found += _contrast(space, column, (first, second), target, these)
    return tuple(found)


def spreads(targets: Sequence[Target], pairs: Sequence[Pair]) -> tuple[Spread, ...]:
    """How far pairs of one change differ from one another, of each target of which enough of them tell it."""
    found = []
    for target in targets:
        squares, freedom = 0.0, 0
        for _, mine in grouped(pairs, lambda pair: (pair.column, pair.values)):
            apart = _differences(mine, target)
            squares += float(np.var(apart)) * len(apart) if apart else 0.0
            freedom += max(len(apart) - 1, 0)
        if freedom >= FEWEST and squares > 0.0:
            sd = math.sqrt(squares / freedom)
            found.append(Spread(target.name, target.unit, sd, freedom, target.is_log))
    return tuple(found)


def word(space: Space, column: int, coordinate: float) -> str:
    """A value of a parameter, as a person writes it."""
    value = space.parameters[column].value(coordinate)
    return value if isinstance(value, str) else f"{value:g}"


def grouped(pairs: Sequence[Pair], key: Callable[[Pair], Key]) -> list[tuple[Key, list[Pair]]]:
    """Pairs by what ``key`` says of them, in the order of that."""
    found: dict[Key, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(key(pair), []).append(pair)
    return [(said, found[said]) for said in sorted(found)]


def _farthest(pairs: Sequence[Pair]) -> list[Pair]:
    """Pairs without an experiment in common, those whose values lie farthest apart, so that none counts twice."""
    found: list[Pair] = []
    taken: set[str] = set()
    for pair in sorted(pairs, key=lambda pair: pair.values[1] - pair.values[0]):
        ids = {o.id for o in (*pair.first, *pair.second)}
        if not ids & taken:
            found.append(pair)
            taken |= ids
    return found


def _contrast(
    space: Space, column: int, named: tuple[str, str], target: Target, pairs: Sequence[Pair]
) -> Iterator[Contrast]:
    """What pairs of one change tell of a target; nothing where none of them says anything."""
    held = [(_between(pair.first, target), _between(pair.second, target)) for pair in pairs]
    both = [(first, second) for first, second in held if first is not None and second is not None]
    signs = [_sign(first, second) for first, second in both]
    gave = [
        (first is None and _gave_nothing(pair.first), second is None and _gave_nothing(pair.second))
        for pair, (first, second) in zip(pairs, held, strict=True)
    ]
    without = (
        sum(nothing[0] and second is not None for nothing, (_, second) in zip(gave, held, strict=True)),
        sum(nothing[1] and first is not None for nothing, (first, _) in zip(gave, held, strict=True)),
    )
    if not both and not any(without):
        return
    apart = _differences(pairs, target)
    difference, low, high = (None if end is None else target.in_unit(end) for end in _interval(apart))
    yield Contrast(
        parameter=space.parameters[column].name,
        first=named[0],
        second=named[1],
        target=target.name,
        unit=target.unit,
        pairs=len(apart),
        difference=difference,
        low=low,
        high=high,
        higher=signs.count(1),
        lower=signs.count(-1),
        equal=signs.count(0),
        untold=signs.count(None),
        without=without,
        is_factor=target.is_log,
    )


def _interval(apart: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """Mean of differences, and the ends of its interval where there are two of them."""
    if not apart:
        return None, None, None
    mean = float(np.mean(apart))
    if len(apart) < 2:
        return mean, None, None
    reach = float(stats.t.ppf((1 + SURE) / 2, len(apart) - 1) * np.std(apart, ddof=1)) / math.sqrt(len(apart))
    return mean, mean - reach, mean + reach


def _differences(pairs: Sequence[Pair], target: Target) -> list[float]:
    """The mean of the first less that of the second, on the target's scale, of each pair with values of both alone.

    None of a target with classes, whose words are at no distance.
    """
    found = []
    for pair in pairs if target.classes is None else ():
        sides = (pair.first, pair.second)
        if any(target.name in limits_of(o.outcome) for side in sides for o in side):
            continue
        first, second = (
            [target.scaled(v) for o in side if (v := values_of(o.outcome).get(target.name)) is not None]
            for side in sides
        )
        if first and second and all(math.isfinite(v) for v in (*first, *second)):
            found.append(float(np.mean(first)) - float(np.mean(second)))
    return found


def _between(side: Sequence[Observation], target: Target) -> tuple[float, float] | None:
    """Between which numbers the mean of its results lies; None where there is none."""
    ends = [(v, v) for o in side if (v := values_of(o.outcome).get(target.name)) is not None]
    ends += [found for o in side if (found := limits_of(o.outcome).get(target.name)) is not None]
    if not ends:
        return None
    low, high = zip(*ends, strict=True)
    return float(np.mean(low)), float(np.mean(high))


def _sign(first: tuple[float, float], second: tuple[float, float]) -> int | None:
    """1 where the first is higher, -1 where it is lower, 0 where both are equal; None where limits do not tell."""
    if first == second and first[0] == first[1]:
        return 0
    if first[0] >= second[1]:
        return 1
    return -1 if first[1] <= second[0] else None


def _gave_nothing(side: Sequence[Observation]) -> bool:
    """Whether every experiment of it failed in a way that tells of the candidate, or ended with a no."""
    return all(
        isinstance(o.outcome, Negative) or (isinstance(o.outcome, Fault) and o.outcome.informative) for o in side
    )
