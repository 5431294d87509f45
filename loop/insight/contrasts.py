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
from loop.space import Continuous, Discrete, Space
from loop.space.rounding import few_digits
from loop.units import unit_shown
from loop.values import limits_of, values_of

SURE: Final = 0.95  # of the intervals
POWER: Final = 0.8  # with which chance a change is told
FEWEST: Final = 3  # degrees of freedom by which pairs are known to scatter
HIGHER: Final = "higher"
LOWER: Final = "lower"
IN_RANK: Final = "in rank"  # of options that have an order, and are at no distance
Change: TypeAlias = tuple[float, float]  # of a parameter: its two coordinates
Key = TypeVar("Key", int, Change, tuple[int, Change])


@dataclass(frozen=True, slots=True)
class Step:
    """By how much the higher value of a parameter is above the lower, over pairs with other values each.

    Attributes:
        least, mean, most: In ``unit``; factors, and their geometric mean, where ``is_factor``.
        unit: Of the parameter; of an ordinal, whose options are at no distance, ``IN_RANK``.
    """

    least: float
    mean: float
    most: float
    unit: str
    is_factor: bool = False


@dataclass(frozen=True, slots=True)
class Contrast:
    """What pairs tell of one change of one parameter.

    Attributes:
        first, second: The two values in words; of a number whose values are taken together ``higher`` and ``lower``.
        step: By how much higher, in those pairs; None of two values.
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
    step: Step | None = None

    @property
    def telling(self) -> int:
        """How many pairs say anything of it."""
        return self.compared + self.untold + sum(self.without)

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

    Of a number and of an ordinal comes first what the higher does against the lower, by whatever step.
    """
    found: list[Contrast] = []
    for target in targets:
        for column, mine in grouped(pairs, lambda pair: pair.column):
            changes = grouped(mine, lambda pair: pair.values)
            if has_order(space, column) and len(changes) > 1:
                found += _contrast(space, column, None, target, _farthest([_told(pair, target) for pair in mine]))
            for values, these in changes:
                found += _contrast(space, column, values, target, [_told(pair, target) for pair in these])
    return tuple(found)


def spreads(targets: Sequence[Target], pairs: Sequence[Pair]) -> tuple[Spread, ...]:
    """How far pairs of one change differ from one another, of each target of which enough of them tell it."""
    found = []
    for target in targets:
        squares, freedom = 0.0, 0
        for _, mine in grouped(pairs, lambda pair: (pair.column, pair.values)):
            apart = [d for pair in mine if (d := _difference(pair, target)) is not None]
            squares += float(np.var(apart)) * len(apart) if apart else 0.0
            freedom += max(len(apart) - 1, 0)
        if freedom >= FEWEST and squares > 0.0:
            sd = math.sqrt(squares / freedom)
            found.append(Spread(target.name, target.unit, sd, freedom, target.is_log))
    return tuple(found)


def word(space: Space, column: int, coordinate: float) -> str:
    """A value of a parameter, as a person writes it."""
    p = space.parameters[column]
    value = p.value(coordinate)
    if isinstance(p, Continuous) and value:
        value = float(few_digits(p, np.array([value]))[0])
    return value if isinstance(value, str) else f"{value:.12g}"


def grouped(pairs: Sequence[Pair], key: Callable[[Pair], Key]) -> list[tuple[Key, list[Pair]]]:
    """Pairs by what ``key`` says of them, in the order of that."""
    found: dict[Key, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(key(pair), []).append(pair)
    return [(said, found[said]) for said in sorted(found)]


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """What one pair tells of a target: the difference, on its scale, and which is higher, where it is known; whether
    both have a value or a limit; and which gave nothing."""

    pair: Pair
    apart: float | None
    sign: int | None
    is_of_both: bool
    without: tuple[bool, bool]


def _told(pair: Pair, target: Target) -> _Told:
    first, second = (_between(side, target) for side in (pair.first, pair.second))
    if first is not None and second is not None:
        return _Told(pair, _difference(pair, target), _sign(first, second), True, (False, False))
    without = (
        first is None and second is not None and _gave_nothing(pair.first),
        second is None and first is not None and _gave_nothing(pair.second),
    )
    return _Told(pair, None, None, False, without)


def _farthest(told: Sequence[_Told]) -> list[_Told]:
    """Pairs without an experiment in common, so that none counts twice: of those that tell a number, then a limit, the
    ones whose values lie farthest apart. Where one of two gave nothing they count by themselves, and are chosen so.
    """
    both = [one for one in told if one.is_of_both]
    return [*_disjoint(both), *_disjoint([one for one in told if any(one.without)])]


def _disjoint(told: Sequence[_Told]) -> Iterator[_Told]:
    taken: set[str] = set()
    for one in sorted(told, key=lambda one: (one.apart is None, one.pair.values[1] - one.pair.values[0])):
        ids = {o.id for o in (*one.pair.first, *one.pair.second)}
        if not ids & taken:
            yield one
            taken |= ids


def _contrast(
    space: Space, column: int, values: Change | None, target: Target, told: Sequence[_Told]
) -> Iterator[Contrast]:
    """What pairs of one change, or of any step up where ``values`` is None, tell of a target, if anything."""
    signs = [one.sign for one in told if one.is_of_both]
    without = (sum(one.without[0] for one in told), sum(one.without[1] for one in told))
    if not signs and not any(without):
        return
    first, second = (HIGHER, LOWER) if values is None else (word(space, column, value) for value in values)
    apart = [one.apart for one in told if one.apart is not None]
    difference, low, high = (None if end is None else target.in_unit(end) for end in _interval(apart))
    yield Contrast(
        parameter=space.parameters[column].name,
        first=first,
        second=second,
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
        step=_step(space, column, told) if values is None else None,
    )


def _step(space: Space, column: int, told: Sequence[_Told]) -> Step:
    """By how much the higher is above the lower, in the pairs that tell a number; in all where none does."""
    p = space.parameters[column]
    ends = [one.pair.values for one in told if one.apart is not None] or [one.pair.values for one in told]
    if isinstance(p, Discrete | Continuous) and p.scale == "log" and all(low > 0.0 for _, low in ends):
        factors = [high / low for high, low in ends]
        return Step(min(factors), stats.gmean(factors), max(factors), "", is_factor=True)
    steps = [high - low for high, low in ends]
    unit = unit_shown(p.unit) if isinstance(p, Discrete | Continuous) else IN_RANK
    return Step(min(steps), float(np.mean(steps)), max(steps), unit)


def _interval(apart: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """Mean of differences, and the ends of its interval where there are two of them."""
    if not apart:
        return None, None, None
    mean = float(np.mean(apart))
    if len(apart) < 2:
        return mean, None, None
    reach = float(stats.t.ppf((1 + SURE) / 2, len(apart) - 1) * np.std(apart, ddof=1)) / math.sqrt(len(apart))
    return mean, mean - reach, mean + reach


def _difference(pair: Pair, target: Target) -> float | None:
    """The mean of the first less that of the second, on the target's scale; None where not both are values alone.

    None of a target with classes, whose words are at no distance.
    """
    sides = (pair.first, pair.second)
    if target.classes is not None or any(target.name in limits_of(o.outcome) for side in sides for o in side):
        return None
    first, second = (
        [target.scaled(v) for o in side if (v := values_of(o.outcome).get(target.name)) is not None] for side in sides
    )
    if not (first and second and all(math.isfinite(v) for v in (*first, *second))):
        return None
    return float(np.mean(first)) - float(np.mean(second))


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
