"""Statements: what is said of the believed best, and of the other tried candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from loop.record import Settings

LEVEL: Final = 0.9  # of the intervals
DELTA: Final = 0.05  # the chance of being wrong that a regret is stated with, where nothing else is asked
CHECKED: Final = 10  # predictions held against results before a regret is a reason to stop; docs/decisions/0011


@dataclass(frozen=True, slots=True)
class Stated:
    """What is believed of one target at one candidate, and what was measured there, in the target's unit."""

    target: str
    unit: str
    mean: float
    low: float | None  # of the interval; None where nothing tells one: a single value without a model, or equal ones
    high: float | None
    values: tuple[float, ...]  # as measured, in the order of the record
    limits: tuple[str, ...] = ()  # readings that are limits, such as "< 5"
    classes: tuple[str, ...] = ()  # what it can be, where a target has classes
    sought: str = ""  # which of these is wanted: then ``mean`` is the chance of it
    grades: Mapping[float, str] = field(default_factory=dict)  # the words for levels, by their numbers
    is_known: bool = False  # the target is exact, and was measured here
    chances: Mapping[str, float] = field(default_factory=dict)  # of each level, where it has some, the best first
    told: tuple[str, ...] = ()  # which class each of ``values`` was, where a target has classes


@dataclass(frozen=True, slots=True)
class OnSubstrate:
    """What is believed of one condition with one substrate of the scope, and what was measured there."""

    settings: Settings  # of the substrate
    label: str
    unit: str
    mean: float
    low: float | None  # of the interval; None where no two results are known to differ
    high: float | None
    values: tuple[float, ...] = ()
    limits: tuple[str, ...] = ()  # readings that are limits, such as "< 5"
    negatives: int = 0  # answers of no that state no limit
    faults: int = 0  # those that say something of the candidate


@dataclass(frozen=True, slots=True)
class Believed:
    """One tried candidate; of a campaign with a scope, one condition that was tried with some substrate.

    Attributes:
        experiments: How often it ran as intended.
        faults: Faults that say something of the candidate.
        keeps: The chance that it runs as intended and keeps every threshold.
        best_of_tried: The chance that it is truly the best of the tried (with several targets: on their true front).
        best_of_all: The same among all candidates; None where that cannot be said.
        score: Name and value of a trade-off's score at what is believed of each target.
        covered: Of a condition, with how many substrates it was measured, of those that are allowed with it.
        allowed: Of a condition, with how many substrates of the scope the constraints allow it.
        substrates: Of one of the first conditions, what is believed with each substrate, the hardest first.
        unread: Of a condition, with how many of those every answer was no without a limit, or a telling fault.
    """

    settings: Settings
    label: str
    targets: tuple[Stated, ...]
    experiments: int
    faults: int
    keeps: float | None
    best_of_tried: float | None
    best_of_all: float | None
    score: tuple[str, float] | None = None
    covered: int = 0
    allowed: int = 0
    substrates: tuple[OnSubstrate, ...] = ()
    unread: int = 0

    def without_intervals(self) -> Believed:
        """The same where nothing tells how wide intervals are."""
        targets = tuple(replace(one, low=None, high=None) for one in self.targets)
        return replace(
            self, targets=targets, substrates=tuple(replace(s, low=None, high=None) for s in self.substrates)
        )


@dataclass(frozen=True, slots=True)
class Luckiest:
    """The best single value of a target, and whether its candidate is another than the one believed best."""

    target: str
    unit: str
    value: float
    label: str
    is_another: bool
    word: str | None = None  # for the value, where the target has words


@dataclass(frozen=True, slots=True)
class Likely:
    """A candidate without a result, and its chance to run as intended and to be a hit."""

    settings: Settings
    label: str
    chance: float
    is_at_work: bool = False  # its experiment was sent, or waits to be, and its result is to come
    is_kept_out: bool = False  # a person banned or refused it, so that no batch has it


@dataclass(frozen=True, slots=True)
class Predicted:
    """What is believed of candidates that somebody asked for.

    Attributes:
        model: The surrogate's name.
        candidates: As they were asked for.
        order: Their numbers, best first: by believed value those that more likely than not run and keep thresholds.
        front: How many of the first are best: one, or as many as the believed front of them has.
        has_thresholds: There are some, so that ``keeps`` of a candidate speaks of them.
        may_fail: Some experiments failed in a way that tells of others, so that ``keeps`` speaks of that.
    """

    model: str
    candidates: tuple[Believed, ...]
    order: tuple[int, ...]
    front: int
    level: float = LEVEL
    notes: tuple[str, ...] = field(default=())
    has_thresholds: bool = False
    may_fail: bool = False


@dataclass(frozen=True, slots=True)
class Adds:
    """What one value of a parameter adds to what is believed, averaged over the other parameters."""

    value: str | float
    label: str
    mean: float  # in the target's unit, against the mean over all values; of many options, against that which is there
    low: float  # of the interval
    high: float
    tried: int  # experiments with it; of a number, with what is nearest to it
    measured: float | None  # the mean of the values that they gave
    limits: int = 0  # readings such as "< 5" that are none of these


@dataclass(frozen=True, slots=True)
class Influence:
    """How much of what is believed of a target follows one parameter.

    Attributes:
        share: Of the variance of the response over the candidates, interactions included; in the middle of the draws.
        low, high: Its interval.
        least, most: The share by the member of a committee that rests on it least, and most.
        adds: What its values add, options with the most first; empty for a mixture.
        values: How many values it has, 0 where they have no number or are not looked at.
        alone: Of the share what follows the parameter by itself, the rest together with others; in the middle of the
            draws, None of a mixture and where not all options are looked at.
    """

    parameter: str
    share: float
    low: float
    high: float
    least: float
    most: float
    adds: tuple[Adds, ...]
    values: int
    alone: float | None = None

    @property
    def is_of_number(self) -> bool:
        """Whether its values are numbers, in their order."""
        return all(isinstance(one.value, float) for one in self.adds)

    @property
    def is_nearest(self) -> bool:
        """Whether what stands beside a value may have been tried with another, near it."""
        return self.is_of_number and len(self.adds) != self.values


@dataclass(frozen=True, slots=True)
class Reliance:
    """What the belief of one target rests on; no ``parameters`` while no two results are known to differ, and none
    that has one value among all candidates.

    Of those that are ``settled`` nothing is said: the constraints leave none of them another value by itself. ``parts``
    of a mixture or of another fixed sum change while the others of it keep their proportions.
    """

    target: str
    unit: str
    model: str
    members: tuple[str, ...]  # of a committee, those that count in the ranges
    candidates: int  # that stand for the space
    results: int  # values and limits of the target
    mean: float  # of the belief over them
    spread: float  # its standard deviation
    parameters: tuple[Influence, ...]  # the one that most follows first
    settled: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two parameters that a surface is over, with those of its values that are looked at, in order.

    Attributes:
        values: Numbers in ``unit``, or options.
        values_in_all: How many it has, 0 of a continuous number.
        at: The place among ``values`` that the candidate has, counted from 0; between two of a continuous number.
    """

    parameter: str
    unit: str
    values: tuple[str | float, ...]
    values_in_all: int
    at: float


@dataclass(frozen=True, slots=True)
class OnSurface:
    """A tried candidate that differs in no other parameter, and what was measured there, in the target's unit."""

    across: float  # its place among the values of that side, as ``Side.at``
    up: float
    label: str
    values: tuple[float, ...]
    limits: tuple[str, ...]
    faults: int


@dataclass(frozen=True, slots=True)
class Surface:
    """What is believed of a target over two parameters, everything else being as in one candidate.

    Attributes:
        label: The candidate, for a person.
        beside: Its other settings; "" where there are none.
        means: A row for each value of ``up``, with a number for each of ``across``; None where that is no candidate.
        lows, highs: The ends of the interval of each, in the same order; None where nothing tells it, too.
        tried: What was tried of these candidates, or between them.
        elsewhere: The places, across and up, of what was tried with other settings beside.
    """

    target: str
    unit: str
    model: str
    across: Side
    up: Side
    label: str
    beside: str
    means: tuple[tuple[float | None, ...], ...]
    lows: tuple[tuple[float | None, ...], ...]
    highs: tuple[tuple[float | None, ...], ...]
    tried: tuple[OnSurface, ...]
    elsewhere: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Range:
    """Between which values one number may lie, the others being as they are.

    Attributes:
        at: What it is set to.
        low, high: The ends of the range, within those of the space.
        low_breaks, high_breaks: What is most in doubt beyond each end; "" where the space ends there.
        least, most: The ends of the space.
        is_log: Whether its scale is logarithmic.
    """

    name: str
    unit: str
    at: float
    low: float
    high: float
    low_breaks: str
    high_breaks: str
    least: float
    most: float
    is_log: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """The operating window of a candidate.

    Attributes:
        label: The candidate, for a person.
        chance: What the chance has to be at least.
        here: What it is where settings are as they are.
        ranges: Of each number by itself; none where ``here`` is too little.
        together: The share of these ranges that all numbers may use at once; 0 where not even a twentieth.
        boxed: These shares of the ranges, by name, lowest and highest value.
        instead: By choice, the other options with which the chance is enough, the others as they are.
        asked: What is asked, in words.
        worst: A candidate among what all may use at once, where the chance is least; None where there is no other.
        measured: How often ``worst`` was measured, in words; "" where not.
        strayed: The least chance where settings stray as the campaign file says; None where it says nothing.
        straying: What it says.
        doubt: What is most in doubt where settings are as they are, where ``here`` is too little; else "".
    """

    label: str
    settings: Mapping[str, str | float]
    model: str
    chance: float
    here: float
    ranges: tuple[Range, ...]
    together: float
    boxed: Mapping[str, tuple[float, float]]
    instead: Mapping[str, tuple[str, ...]]
    asked: tuple[str, ...]
    worst: Mapping[str, str | float] | None
    measured: str = ""
    strayed: float | None = None
    straying: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """What is believed of one target of two candidates.

    Attributes:
        first, second: What is believed of each, in its unit; of a class the chance of what is looked for.
        difference: The first less the second; on a logarithmic scale the first over the second.
        low, high: The 90 % interval of it; None where nothing tells a scale.
        is_factor: Whether it is one over the other.
        better: The chance that the first is better; None where the target is only kept, or nothing tells.
        enough: The chance that it is better by as much as was asked; None where nothing was.
        asked: By how much, in its unit or as a factor; None likewise.
        keeps: The chances that the first and the second keep the thresholds; None where there are none.
    """

    name: str
    unit: str
    first: float
    second: float
    difference: float
    low: float | None
    high: float | None
    is_factor: bool = False
    better: float | None = None
    enough: float | None = None
    asked: float | None = None
    keeps: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two candidates by what is believed of them together.

    Attributes:
        labels: The two for a person.
        better: With several targets that are wanted the chance that the first is better in each, or by the score of
            their trade-off; else None.
        score: What that score is called; "" where there is none.
        runs: The chances that they run as intended; None where nothing failed so far.
        measured: How often each was measured, in words; "" where not.
    """

    settings: tuple[Mapping[str, str | float], Mapping[str, str | float]]
    labels: tuple[str, str]
    model: str
    targets: tuple[Compared, ...]
    better: float | None = None
    score: str = ""
    runs: tuple[float, float] | None = None
    measured: tuple[str, str] = ("", "")
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HonestBest:
    """The believed best, or the believed front, and the other tried candidates behind.

    Attributes:
        model: The surrogate's name, "" where none could be fitted.
        candidates: Every tried candidate that can be ranked, best first.
        front: How many of the first are recommended: one, or as many as the believed front has.
        untried: How many untried candidates ``best_of_all`` was held against.
        is_bound: Whether there are more of them, so that ``best_of_all`` is what it is at most.
        scope: What conditions are judged by and over, such as "mean yield over 64 substrates"; "" without a scope.
        scope_size: How many substrates the scope has.
    """

    model: str
    candidates: tuple[Believed, ...]
    front: int
    luckiest: tuple[Luckiest, ...] = ()
    level: float = LEVEL
    untried: int = 0
    is_bound: bool = False
    notes: tuple[str, ...] = field(default=())
    is_front: bool = False  # several targets without a trade-off, so that no single candidate is best
    is_kept: bool = True  # the first is believed, more likely than not, to keep the thresholds
    has_thresholds: bool = False  # there are some; never of a general condition
    scope: str = ""
    scope_size: int = 0
    is_hits: bool = False  # hits are looked for: the first ``front`` are those found
    likeliest: tuple[Likely, ...] = ()  # to be hits, of the untried

    @property
    def noun(self) -> str:
        """What is named best: a candidate, or a condition without its substrate."""
        return "condition" if self.scope else "candidate"
