"""A target: a measured quantity, and what is wanted of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, overload

from loop.classes import CLASSES, Classes
from loop.errors import ObjectiveError
from loop.objective.checks import wrong_with
from loop.objective.goals import Goal
from loop.objective.scale import TEN, in_logarithms, in_numbers
from loop.outcome import LARGEST, Measurement, as_told
from loop.units import check_unit, logarithm_of

if TYPE_CHECKING:
    from torch import Tensor

    from loop.space.expressions import Expression


@dataclass(frozen=True, slots=True)
class Target:
    """A measured quantity, in ``unit``, and what is wanted of it.

    ``low`` and ``high`` are what the quantity can be at all (a yield lies between 0 and 100 %);
    ``at_least`` and ``at_most`` are thresholds: a result beyond them is of no use. A target to be matched has the
    ``value`` that is wanted and, in ``within``, how far from it a result is still of use: a distance, or a factor where
    factors count (docs/decisions/0186). ``desirable`` gives the
    values that are worth nothing and everything, ``weight`` how much the target counts in a trade-off.

    All numbers here are in the target's unit. Models learn and say where a value stands ``on_scale``, which of a
    logarithmic target is its decadic logarithm (docs/decisions/0154).
    """

    name: str
    goal: Goal
    unit: str = ""
    low: float | None = None
    high: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    value: float | None = None
    within: float | None = None
    weight: float = 1.0
    desirable: tuple[float, float] | None = None
    levels: tuple[float, ...] | None = None  # of an ordinal outcome, in rising order: nothing else can be measured
    classes: tuple[str, ...] | None = None  # of an outcome that is a word; as ``Classes``, with what is wanted
    words: tuple[str, ...] | None = None  # for the levels, one for each
    is_exact: bool = False  # a candidate has the same value each time, as a deterministic calculation gives it
    expression: Expression | None = None  # of a derived target, by which it follows from others and from settings
    is_part: bool = False  # of a derived target: then a target that is kept needs no threshold
    cautious: float | None = None  # with which chance, at least, what is proposed is believed to keep the thresholds
    is_log: bool = False  # what counts is by which factor values differ: it is learnt and weighed as ``on_scale``

    def __post_init__(self) -> None:
        check_unit(self.unit)
        pairs = (("low", "high", self.low, self.high), ("at_least", "at_most", self.at_least, self.at_most))
        for below, above, low, high in pairs:
            for number in (low, high):
                if number is not None and not abs(number) <= LARGEST:
                    raise ObjectiveError(
                        f"target {self.name!r}: bounds must be finite and within {LARGEST:g}, got {number}; "
                        "state it in a larger unit"
                    )
            if low is not None and high is not None and not low < high:
                raise ObjectiveError(
                    f"target {self.name!r}: {below} must be below {above}, got {low:g} and {high:g}; swap them"
                )
        if problem := wrong_with(self):
            raise ObjectiveError(f"target {self.name!r}: {problem}")

    @property
    def sign(self) -> float:
        """1 when larger is better, -1 when smaller is, 0 when neither is: see ``worth``."""
        return {Goal.MAXIMIZE: 1.0, Goal.MINIMIZE: -1.0}.get(self.goal, 0.0)

    @property
    def is_wanted(self) -> bool:
        """Whether more or less of it is better; False where it has only to keep its thresholds."""
        return self.goal is not Goal.KEEP

    @property
    def is_only_measured(self) -> bool:
        """Whether nothing is asked of it itself, since a derived target is worked out from it."""
        return self.is_part and not self.is_wanted and not self.has_bounds

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which values a result, or what is believed of one, is of use, infinite where nothing is asked.

        What is believed lies between levels, and counts as the nearest of them (docs/decisions/0100).
        """
        low, high = self.asked
        levels = self.levels or ()
        within = [i for i, level in enumerate(levels) if low <= level <= high]
        if len(levels) < 2 or not within:
            return low, high
        gaps = [(above - level) / 2 for level, above in pairwise(levels)]
        first, last = within[0], within[-1]
        low = low if low == -math.inf else levels[first] - gaps[max(first - 1, 0)]
        return low, (high if high == math.inf else levels[last] + gaps[min(last, len(gaps) - 1)])

    @property
    def asked(self) -> tuple[float, float]:
        """The thresholds as they are stated, infinite where nothing is asked; ``within`` of a value that is wanted.

        Of classes that are to be kept what is looked for is asked.
        """
        low = -math.inf if self.at_least is None else self.at_least
        low = CLASSES[-1] if self.classes is not None and self.goal is Goal.KEEP else low
        high = math.inf if self.at_most is None else self.at_most
        if self.value is not None and self.within is not None:
            far = self.value * self.within if self.is_log else self.value + self.within
            near = self.value / self.within if self.is_log else self.value - self.within
            low, high = max(low, near), min(high, far)
        return low, high

    @property
    def has_bounds(self) -> bool:
        """Whether some result would be of no use."""
        return self.bounds != (-math.inf, math.inf)

    @property
    def tells_hits(self) -> bool:
        """Whether a result is either a hit or none: it has classes, or thresholds to keep."""
        return self.classes is not None or self.has_bounds

    @property
    def sought(self) -> str:
        """What is looked for of its classes, in words; "" where it has none."""
        return "" if self.classes is None else Classes(self.classes).sought

    def is_hit(self, value: float) -> bool:
        """Whether a measured value is of the class that is wanted, and keeps the thresholds."""
        return self.meets(value) and (self.classes is None or value > CLASSES[0])

    def shown(self, value: float) -> str | None:
        """The word for a value of a target that has words; None where it has none, or the value is between them."""
        if not self.levels or value not in self.levels:
            return None
        if self.classes is not None:
            return Classes(self.classes).counted(value)
        return self.words[self.levels.index(value)] if self.words else None

    def told(self, measurement: Measurement) -> str | None:
        """The word that was measured, of several classes that are not looked for which; None where it has none."""
        return self.named(as_told(measurement)) or self.shown(measurement.canonical)

    def named(self, number: float) -> str | None:
        """The word that has a number on record, for a class or a level; None where none has."""
        return self.shown(number) if self.classes is None else Classes(self.classes).word(number)

    @property
    def grades(self) -> dict[float, str]:
        """The words for levels, by their numbers; none where there are no such words."""
        return dict(zip(self.levels or (), self.words or (), strict=False))

    def graded(self, chances: Sequence[float]) -> dict[str, float]:
        """The chances of its levels, given from the lowest, by their words or numbers, and the best first."""
        told = [
            (self.shown(level) or f"{level:g}", chance)
            for level, chance in zip(self.levels or (), chances, strict=False)
        ]
        return dict(told if self.sign < 0 else reversed(told))

    def possible(self, value: float) -> float:
        """What is said of a value that a model believes: a yield of 101 % cannot be, and 100 % is said."""
        low = value if self.low is None else max(value, self.low)
        return low if self.high is None else min(low, self.high)

    def meets(self, value: float) -> bool:
        """Whether a value keeps the thresholds."""
        low, high = self.bounds
        return low <= value <= high

    def sure(self, low: float, high: float) -> float | None:
        """The limit that a value is known to be no worse than, None where its two limits leave that open.

        More than 99 % of a yield, less than 0.1 % of an impurity; of levels the next one, the third where it is above
        the second. Where thresholds are asked, whatever lies between the limits keeps them.

        Args:
            low: Below the value, minus infinity where nothing is.
            high: Above it, likewise.
        """
        least, most = self.bounds
        lowest = low if self.low is None else max(low, self.low)
        highest = high if self.high is None else min(high, self.high)
        if self.levels is not None:
            return self._sure_level(low, high)
        if not least <= lowest <= highest <= most:
            return None
        ends = {1.0: (low,), -1.0: (high,)}.get(self.sign, (low, high) if self.goal is Goal.KEEP else ())
        return next((end for end in ends if math.isfinite(end)), None)

    def _sure_level(self, low: float, high: float) -> float | None:
        """The level that a value between two limits is no worse than; None where that may be the worst of all."""
        if self.levels is None or self.classes is not None or not self.sign:
            return None
        left = [level for level in self.levels if low < level < high]
        if not left or not (self.meets(left[0]) and self.meets(left[-1])):
            return None
        sure, worst = (left[0], self.levels[0]) if self.sign > 0 else (left[-1], self.levels[-1])
        return sure if len(left) == 1 or sure != worst else None

    def breaks(self, low: float, high: float) -> bool:
        """Whether no value between two limits, which are none themselves, would keep the thresholds."""
        least, most = self.bounds
        return self.levels is None and (high <= least or low >= most)

    def worth(self, value: Any) -> Any:
        """What is to be maximised, in the target's unit, for a number, an array or a tensor.

        The value or its negative; of a target to be matched, its distance to the value, negative: on a logarithmic
        scale the factor between the two, above 1 (infinite of what is not above zero), for a number or a tensor.
        """
        if self.goal is Goal.MATCH and self.is_log:
            assert self.value is not None, "a target to be matched was checked to have a value"
            return -(10.0 ** abs(self.scaled(value) - math.log10(self.value)))
        if self.goal is Goal.MATCH:
            return -abs(value - self.value)
        return self.sign * value

    @property
    def scale(self) -> tuple[float, float] | None:
        """The values of no and of full merit; None where nothing states them, or where a value is to be matched."""
        if self.classes is not None:
            return CLASSES
        if self.desirable is not None:
            return self.desirable
        low, high = (self.low, self.high) if self.levels is None else (self.levels[0], self.levels[-1])
        if low is None or high is None or not self.sign:
            return None
        return (low, high) if self.sign > 0 else (high, low)

    def merit(self, value: Any) -> Any:
        """Where a value (number, array or tensor) stands between worth nothing (0) and all that is wanted (1).

        Linear, below 0 and above 1 too. Derringer and Suich, J. Quality Technology 12 (1980) 214, without exponents.
        What has no place on a logarithmic scale has the merit of the end that it lies beyond.
        """
        if self.goal is Goal.MATCH and self.is_log:
            scaled = self.scaled(value)
            return 0.0 if isinstance(scaled, float) and math.isinf(scaled) else self.on_scale.merit(scaled)
        if self.goal is Goal.MATCH:
            return 1.0 + self.worth(value) / self.within
        assert self.scale is not None, "a trade-off was checked to have a scale for each target"
        nothing, everything = self.scale
        if self.is_log:
            value, nothing, everything = self.scaled(value), math.log10(nothing), math.log10(everything)
            if isinstance(value, float) and math.isinf(value):
                return float(nothing > everything)
        return (value - nothing) / (everything - nothing)

    @property
    def may_be_log(self) -> bool:
        """Whether a logarithmic scale may be of use that the target has not: no yield, which has an upper end."""
        is_share = self.sign > 0 and self.high is not None
        return not self.is_log and self.levels is None and not is_share

    @property
    def on_scale(self) -> Target:
        """The target as models learn it, its numbers scaled and in ``log10(unit)``; itself where it is not log."""
        if not self.is_log:
            return self
        worth = self.desirable

        def end(value: float | None) -> float | None:
            return math.log10(value) if value is not None and value > 0 else None

        return replace(
            self,
            unit=logarithm_of(self.unit),
            low=end(self.low),
            high=end(self.high),
            at_least=end(self.at_least),
            at_most=end(self.at_most),
            value=end(self.value),
            within=end(self.within),
            desirable=None if worth is None else (math.log10(worth[0]), math.log10(worth[1])),
            is_log=False,
        )

    @overload
    def scaled(self, value: float) -> float: ...
    @overload
    def scaled(self, value: Tensor) -> Tensor: ...
    def scaled(self, value: float | Tensor) -> float | Tensor:
        """Where a value in the target's unit stands on its scale; on a log scale, of zero or less, minus infinity."""
        if not self.is_log:
            return value
        if isinstance(value, float | int):
            return math.log10(value) if value > 0 else -math.inf
        return value.clamp_min(0.0).log10()

    def sd_on_scale(self, value: float, sd: float) -> float:
        """The standard deviation on the scale of a ``value`` above zero whose deviation is ``sd``, to first order."""
        return sd / (value * TEN) if self.is_log else sd

    def moments_in_unit(self, mean: float, sd: float) -> tuple[float, float]:
        """Mean and standard deviation in the unit of a belief that is normal on the scale."""
        return in_numbers(mean, sd) if self.is_log else (mean, sd)

    def moments_on_scale(self, mean: float, sd: float) -> tuple[float, float]:
        """The same the other way round; NaN of a mean that is not above zero on a logarithmic scale."""
        return in_logarithms(mean, sd) if self.is_log else (mean, sd)

    @overload
    def in_unit(self, scaled: float) -> float: ...
    @overload
    def in_unit(self, scaled: Tensor) -> Tensor: ...
    def in_unit(self, scaled: float | Tensor) -> float | Tensor:
        """The value in the target's unit of what stands at ``scaled`` on its scale."""
        return 10.0**scaled if self.is_log else scaled
