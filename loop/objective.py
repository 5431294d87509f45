"""The objective: which targets are measured, what is wanted of each, and how several are traded off."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loop.errors import ObjectiveError
from loop.outcome import LARGEST
from loop.units import check_unit

CLASSES: Final = (0.0, 1.0)  # what the two words of a target with classes are on record


class Goal(StrEnum):
    """What is wanted of a target."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"
    MATCH = "match"  # as near to ``value`` as can be
    KEEP = "keep"  # only that it keeps its thresholds: an outcome constraint


class Tradeoff(StrEnum):
    """How several targets are weighed against each other."""

    PARETO = "pareto"  # not at all: the front is the answer
    DESIRABILITY = "desirability"  # the weighted geometric mean of what each is worth, from 0 to 1
    WEIGHTED = "weighted"  # the weighted mean of what each is worth, where less than nothing counts


@dataclass(frozen=True, slots=True)
class Target:
    """A measured quantity, in ``unit``, and what is wanted of it.

    ``low`` and ``high`` are what the quantity can be at all (a yield lies between 0 and 100 %);
    ``at_least`` and ``at_most`` are thresholds: a result beyond them is of no use. A target to be matched has the
    ``value`` that is wanted and, in ``within``, how far from it a result is still of use. ``desirable`` gives the
    values that are worth nothing and everything, ``weight`` how much the target counts in a trade-off.
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
    classes: tuple[str, ...] | None = None  # of an outcome that is a word: what is not wanted, and what is
    words: tuple[str, ...] | None = None  # for the levels, one for each

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
        if (
            problem := _wrong_with_classes(self)
            or _wrong_with_levels(self)
            or _wrong_with_goal(self)
            or _wrong_with_worth(self)
        ):
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
    def bounds(self) -> tuple[float, float]:
        """Between which values a result is of use, infinite where nothing is asked."""
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        if self.value is not None and self.within is not None:
            low, high = max(low, self.value - self.within), min(high, self.value + self.within)
        return low, high

    @property
    def has_bounds(self) -> bool:
        """Whether some result would be of no use."""
        return self.bounds != (-math.inf, math.inf)

    @property
    def tells_hits(self) -> bool:
        """Whether a result is either a hit or none: it has classes, or thresholds to keep."""
        return self.classes is not None or self.has_bounds

    def is_hit(self, value: float) -> bool:
        """Whether a measured value is of the class that is wanted, and keeps the thresholds."""
        return self.meets(value) and (self.classes is None or value > CLASSES[0])

    def shown(self, value: float) -> str | None:
        """The word for a value of a target that has words; None where it has none, or the value is between them."""
        words = self.classes or self.words
        return words[self.levels.index(value)] if words and self.levels and value in self.levels else None

    @property
    def grades(self) -> dict[float, str]:
        """The words for levels, by their numbers; none where there are no such words."""
        return dict(zip(self.levels or (), self.words or (), strict=False))

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

        More than 99 % of a yield, less than 0.1 % of an impurity. Where thresholds are asked, whatever lies between the
        limits keeps them.

        Args:
            low: Below the value, minus infinity where nothing is.
            high: Above it, likewise.
        """
        least, most = self.bounds
        lowest = low if self.low is None else max(low, self.low)
        highest = high if self.high is None else min(high, self.high)
        if self.levels is not None or not least <= lowest <= highest <= most:
            return None
        ends = {1.0: (low,), -1.0: (high,)}.get(self.sign, (low, high) if self.goal is Goal.KEEP else ())
        return next((end for end in ends if math.isfinite(end)), None)

    def breaks(self, low: float, high: float) -> bool:
        """Whether no value between two limits would keep the thresholds."""
        least, most = self.bounds
        return self.levels is None and (high < least or low > most)

    def worth(self, value: Any) -> Any:
        """What is to be maximised, in the target's unit, for a number, an array or a tensor.

        The value or its negative; of a target to be matched, its distance to the value, negative.
        """
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
        if self.low is None or self.high is None or not self.sign:
            return None
        return (self.low, self.high) if self.sign > 0 else (self.high, self.low)

    def merit(self, value: Any) -> Any:
        """Where a value (number, array or tensor) stands between worth nothing (0) and all that is wanted (1).

        Linear, below 0 and above 1 too. Derringer and Suich, J. Quality Technology 12 (1980) 214, without exponents.
        """
        if self.goal is Goal.MATCH:
            return 1.0 + self.worth(value) / self.within
        assert self.scale is not None, "a trade-off was checked to have a scale for each target"
        nothing, everything = self.scale
        return (value - nothing) / (everything - nothing)


@dataclass(frozen=True, slots=True)
class Objective:
    """One or several targets, and how they are traded off."""

    targets: tuple[Target, ...]
    tradeoff: Tradeoff = Tradeoff.PARETO

    def __post_init__(self) -> None:
        if not self.targets:
            raise ObjectiveError("the objective names no target; name at least one, such as yield")
        if not self.wanted:
            raise ObjectiveError(
                f"the objective only keeps {', '.join(self.names)}; give a target the goal maximize, minimize or match"
            )
        if self.tradeoff is Tradeoff.PARETO:
            return
        if len(self.wanted) == 1:
            raise ObjectiveError(
                f"tradeoff {self.tradeoff.value!r} weighs several targets and the objective optimises one; remove it"
            )
        for t in self.wanted:
            if t.goal is Goal.MATCH and t.within is None:
                raise ObjectiveError(f"target {t.name!r}: tradeoff {self.tradeoff.value!r} needs within; add it")
            if t.goal is not Goal.MATCH and t.scale is None:
                raise ObjectiveError(
                    f"target {t.name!r}: tradeoff {self.tradeoff.value!r} needs to know what it is worth; "
                    "add desirable: {from: ..., to: ...}, or low and high"
                )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(t.name for t in self.targets)

    @property
    def units(self) -> dict[str, str]:
        return {t.name: t.unit for t in self.targets}

    @property
    def wanted(self) -> tuple[Target, ...]:
        """The targets of which more, less or a value is wanted, in order: all but those that only keep thresholds."""
        return tuple(t for t in self.targets if t.is_wanted)

    @property
    def is_scalar(self) -> bool:
        """Whether results can be ranked by one number; a Pareto front of several targets cannot."""
        return len(self.wanted) == 1 or self.tradeoff is not Tradeoff.PARETO

    @property
    def signs(self) -> NDArray[np.float64]:
        """Shape ``(m,)``: multiply values by it and larger is better; 0 where a value is matched or only kept."""
        return np.array([t.sign for t in self.targets])

    def keeps(self, row: Mapping[str, float]) -> bool:
        """Whether a row of values keeps every threshold; what has one must be there."""
        return all(t.meets(row[t.name]) if t.name in row else not t.has_bounds for t in self.targets)

    @property
    def tells_hits(self) -> bool:
        """Whether results are hits or none: every wanted target says so."""
        return all(t.tells_hits for t in self.wanted)

    @property
    def has_classes(self) -> bool:
        """Whether every wanted target is told in two words, so that nothing but hits can be looked for."""
        return all(t.classes is not None for t in self.wanted)

    def is_hit(self, row: Mapping[str, float]) -> bool | None:
        """Whether a row of values is a hit in every target; None where it lacks one that decides."""
        asked = [t for t in self.targets if t.tells_hits]
        if any(not t.is_hit(row[t.name]) for t in asked if t.name in row):
            return False
        return True if asked and all(t.name in row for t in asked) else None

    def score(self, row: Mapping[str, float]) -> float:
        """The one number to maximise, of a row that has every wanted target; see ``is_scalar``.

        The worth of a single target, in its unit; the desirability, 0 to 1; or the weighted mean of merits.
        """
        return combined(self, [row[t.name] for t in self.wanted])

    def best(self, rows: Sequence[Mapping[str, float]]) -> tuple[int, ...]:
        """Indices of the best rows: the single best that keeps the thresholds, or the Pareto front.

        Rows that lack a wanted target or break a threshold are passed over; where all break one, thresholds are
        ignored.
        """
        complete = [i for i, row in enumerate(rows) if all(t.name in row for t in self.wanted)]
        keeping = [i for i in complete if self.keeps(rows[i])]
        chosen = keeping or complete
        if not chosen:
            return ()
        if self.is_scalar:
            return (max(chosen, key=lambda i: self.score(rows[i])),)
        values = np.array([[t.worth(rows[i][t.name]) for t in self.wanted] for i in chosen])
        front = [k for k, v in enumerate(values) if not ((values >= v).all(axis=1) & (values > v).any(axis=1)).any()]
        return tuple(chosen[k] for k in front)


def combined(objective: Objective, values: Sequence[float]) -> float:
    """The score of one row from the values of the wanted targets, in order."""
    wanted = objective.wanted
    if len(wanted) == 1:
        return float(wanted[0].worth(values[0]))
    merits = [float(t.merit(v)) for t, v in zip(wanted, values, strict=True)]
    total = sum(t.weight for t in wanted)
    if objective.tradeoff is Tradeoff.WEIGHTED:
        return sum(t.weight * m for t, m in zip(wanted, merits, strict=True)) / total
    limited = [min(max(m, 0.0), 1.0) for m in merits]
    return math.prod(float(m ** (t.weight / total)) for t, m in zip(wanted, limited, strict=True))


SCORES: Final = {Tradeoff.DESIRABILITY: "desirability", Tradeoff.WEIGHTED: "weighted merit"}


def _wrong_with_classes(target: Target) -> str:
    """A sentence on classes that nothing can be told apart by, "" where there is none."""
    classes = target.classes
    if classes is None:
        return ""
    if len(classes) != 2 or len({c.casefold() for c in classes}) < 2 or not all(c.strip() for c in classes):
        return f"classes are two different words, the one that is looked for last, got {list(classes)}"
    if any(is_number(c) for c in classes):
        return f"classes are words, got {list(classes)}; for numbers write levels: [0, 1]"
    if target.goal is not Goal.MAXIMIZE:
        return (
            f"the last of the classes is what is looked for, and the goal is {target.goal.value}; write goal: maximize "
            f"and classes: [{classes[1]}, {classes[0]}] where {classes[0]!r} is wanted"
        )
    numbers = (target.low, target.high, target.at_least, target.at_most, target.desirable)
    if target.unit or target.levels != CLASSES or any(n is not None for n in numbers):
        return "classes say all that can be measured; leave out unit, levels, low, high, thresholds and desirable"
    return ""


def is_number(text: str) -> bool:
    """Whether a word can be read as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _wrong_with_levels(target: Target) -> str:
    """A sentence on levels that no ordinal outcome has, "" where there is none."""
    levels, words = target.levels, target.words
    if levels is None:
        return "" if words is None else f"words are for levels; write levels: [{', '.join(words)}]"
    if len(levels) < 2:
        return f"levels must be two or more, got {list(levels)}; leave them out for a number"
    if not all(math.isfinite(v) for v in levels) or any(b <= a for a, b in itertools.pairwise(levels)):
        return f"levels must be different numbers from the lowest to the highest, got {list(levels)}; sort them"
    if target.low is not None or target.high is not None:
        return "levels say what can be measured; leave out low and high"
    if words is not None and (target.classes or len(words) != len(levels) or len(levels) < 3):
        return (
            f"words are for three or more levels, one for each, got {list(words)} for {len(levels)} levels; mend them"
        )
    if words is not None and (
        len({w.strip().casefold() for w in words}) < len(words) or not all(map(str.strip, words))
    ):
        return f"levels are different words from the lowest to the highest, got {list(words)}; mend them"
    if target.goal is Goal.MATCH:
        return "levels are maximised, minimised or kept, not matched; use keep with at_least and at_most"
    return ""


def _wrong_with_goal(t: Target) -> str:
    if t.goal is Goal.MATCH and t.value is None:
        return "goal match needs the value that is wanted; add value: ..."
    if t.goal is not Goal.MATCH and (t.value is not None or t.within is not None):
        return f"value and within go with goal match, and the goal is {t.goal.value}; remove them or change the goal"
    if t.within is not None and not t.within > 0:
        return f"within must be above zero, got {t.within:g}"
    if t.goal is Goal.KEEP and not t.has_bounds:
        return "goal keep needs a threshold to keep; add at_least, at_most or both"
    low, high = t.bounds
    if not low < high:
        return f"no value lies within {t.within} of {t.value} and keeps the thresholds; mend one of them"
    return ""


def out_of_reach(t: Target) -> str:
    """A sentence on thresholds that nothing can ever keep, by what can be measured at all; "" where something can."""
    low, high = (t.low, t.high) if t.levels is None else (t.levels[0], t.levels[-1])
    lowest, highest = ("low", "high") if t.levels is None else ("the lowest level", "the highest level")
    if high is not None and t.at_least is not None and t.at_least > high:
        return f"at_least {t.at_least:g} is above {highest}, {high:g}, so nothing can ever keep it; lower at_least"
    if low is not None and t.at_most is not None and t.at_most < low:
        return f"at_most {t.at_most:g} is below {lowest}, {low:g}, so nothing can ever keep it; raise at_most"
    least, most = t.bounds
    if (high is not None and least > high) or (low is not None and most < low):
        return f"nothing within {t.within:g} of {t.value:g} lies between low and high; mend value, or low and high"
    return ""


def _wrong_with_worth(t: Target) -> str:
    if not (math.isfinite(t.weight) and t.weight > 0):
        return f"weight must be above zero, got {t.weight:g}; leave a target out, or give it the goal keep"
    if t.desirable is None:
        return ""
    if not t.sign:
        return f"desirable goes with maximize and minimize, and the goal is {t.goal.value}; remove it"
    nothing, everything = t.desirable
    if not t.sign * (everything - nothing) > 0:
        order = "below" if t.sign > 0 else "above"
        return (
            f"desirable runs from what is worth nothing to what is wanted: with goal {t.goal.value}, from must be "
            f"{order} to, got {nothing:g} and {everything:g}"
        )
    return ""
