"""A campaign's history as the planner sees it: what was observed, and what is still running.

Built from records, in an order that does not depend on the order in which results arrived.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from loop.circumstances import Context, Declared, read_actual, read_context, read_expense
from loop.costs import Expense
from loop.errors import SpaceError
from loop.objective import Objective, Target
from loop.outcome import LARGEST, Fault, Measured, Measurement, Negative, Outcome, Qualifier, too_large
from loop.record import AttemptRecord, ObservationRecord
from loop.space import Space

Sure: TypeAlias = dict[str, tuple[float, str]]  # by target: a value or limit, and =, > or <
ACCIDENTS = 3  # faults that say nothing of the candidate, after which it is left alone all the same


@dataclass(frozen=True, slots=True)
class Observation:
    """One outcome at requested coordinates ``x``, shape ``(d,)``, and the circumstances recorded with it.

    ``actual`` are the coordinates that were really used, None where they are ``x``. Where ``is_off`` they differ in a
    way that no coordinates tell: the candidate counts as tried and its values train nothing.
    """

    id: str
    x: NDArray[np.float64]
    outcome: Outcome
    context: Context = field(default_factory=dict)
    actual: NDArray[np.float64] | None = None
    is_off: bool = False
    expense: Expense = field(default_factory=Expense)  # what it took, as far as its result says

    @property
    def at(self) -> NDArray[np.float64]:
        """Where the outcome was observed."""
        return self.x if self.actual is None else self.actual


@dataclass(frozen=True, slots=True)
class Pending:
    """An experiment that has not ended, at coordinates ``x``, shape ``(d,)``."""

    key: str
    x: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said of a candidate, at coordinates ``x``, shape ``(d,)``, with the reason."""

    x: NDArray[np.float64]
    why: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What was predicted of a new measurement when it was proposed, and the value that came, in the target's unit.

    ``voices`` are mean and standard deviation by each member of the committee, ``round`` that of the proposal.
    """

    target: str
    mean: float
    sd: float  # noise included
    value: float
    round: int = 0
    voices: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def surprise(self) -> float:
        """How far above the prediction the value lies, in the deviations predicted."""
        return (self.value - self.mean) / max(self.sd, 1e-12 * min(1.0, abs(self.mean)), 1e-300)


@dataclass(frozen=True, slots=True)
class History:
    """Observations in canonical order, pending experiments, and what could not be used (``notes``).

    ``claims`` are earlier predictions of the campaign's own models, held against what came of them.

    People add to it: candidates to be run next (``pinned``), candidates to be left alone (``kept_out``), and
    candidates that cannot be made (``impossible``), which trains feasibility like an informative fault.
    """

    observations: tuple[Observation, ...] = ()
    pending: tuple[Pending, ...] = ()
    notes: tuple[str, ...] = field(default=())
    pinned: tuple[Said, ...] = field(default=())
    kept_out: tuple[Said, ...] = field(default=())
    impossible: tuple[Said, ...] = field(default=())
    last: NDArray[np.float64] | None = None  # coordinates of the last in the order of running, pending ones too
    claims: tuple[Claim, ...] = field(default=())

    @staticmethod
    def of(
        space: Space,
        observations: Sequence[ObservationRecord],
        pending: Sequence[AttemptRecord],
        declared: Declared | None = None,
    ) -> History:
        """From records. An observation outside the parameters of the space is passed over with a note.

        ``declared`` are the context parameters of the campaign.
        """
        seen: list[Observation] = []
        used: list[ObservationRecord] = []
        unused: dict[str, list[str]] = {}  # observations by why they are not used
        remarked: dict[str, list[str]] = {}  # observations by what is to be said of them
        for record in observations:
            try:
                x = space.coordinates(record.settings)
            except SpaceError as error:
                unused.setdefault(str(error), []).append(record.id)
                continue
            if rule := _beyond(space, x):
                unused.setdefault(rule, []).append(record.id)
                continue
            context, remarks = read_context(record.context, declared or {})
            actual, problem = read_actual(space, record.settings, record.context)
            for remark in remarks:
                remarked.setdefault(remark, []).append(record.id)
            if actual is not None and (rule := _beyond(space, actual)):
                actual, problem = None, f"actual settings cannot be used ({rule})"
            if problem:
                remarked.setdefault(f"{problem}; it counts as tried and trains nothing", []).append(record.id)
            expense = read_expense(record.context)
            seen.append(Observation(record.id, x, record.outcome, context, actual, bool(problem), expense))
            used.append(record)
        waiting = tuple(Pending(a.key, space.coordinates(a.settings)) for a in pending)
        placed = [(_place(r), o.x) for r, o in zip(used, seen, strict=True) if r.key is not None]
        placed += [(_place(a), w.x) for a, w in zip(pending, waiting, strict=True)]
        last = max(placed, key=lambda entry: entry[0])[1] if placed else None
        return History(tuple(seen), waiting, (*_together(remarked), *_passed_over(unused)), last=last)

    def tried(self, d: int) -> NDArray[np.float64]:
        """Coordinates that are not to be chosen again, shape ``(n, d)``: observed or pending.

        An accident says nothing of the candidate, so a candidate may come again after one or two of them; three are
        taken for a sign, lest it come for ever.
        """
        places = [(o.x + 0.0).tobytes() for o in self.observations]  # -0.0 is 0.0
        is_accident = [isinstance(o.outcome, Fault) and not o.outcome.informative for o in self.observations]
        accidents = Counter(itertools.compress(places, is_accident))
        points = [
            o.x
            for o, place, spared in zip(self.observations, places, is_accident, strict=True)
            if not spared or accidents[place] >= ACCIDENTS
        ]
        said = (s.x for s in (*self.pinned, *self.kept_out, *self.impossible))
        return np.array([*points, *(p.x for p in self.pending), *said]).reshape(-1, d)

    def waiting(self, d: int) -> NDArray[np.float64]:
        """Coordinates of what will be known before the batch is: pending or pinned, shape ``(n, d)``."""
        return np.array([*(p.x for p in self.pending), *(p.x for p in self.pinned)]).reshape(-1, d)


def _beyond(space: Space, x: NDArray[np.float64]) -> str:
    """Which setting at ``x``, ``(d,)``, is too large to be reckoned with, and the rule; "" for none."""
    for name, value in zip(space.names, x.tolist(), strict=True):
        if abs(value) > LARGEST:
            return f"{name} {value:g} is beyond {LARGEST:g}, too large to be reckoned with; retract the observation"
    return ""


def _together(remarked: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """One note for equal remarks on several observations, by their ids."""
    for remark, ids in remarked.items():
        yield f"{_first_of(ids)}: {remark}"


def _passed_over(unused: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """One note for all observations that are not used for one reason."""
    for why, ids in unused.items():
        yield f"{_first_of(ids)} {'is' if len(ids) == 1 else 'are'} not used: {why}"


def _first_of(ids: Sequence[str]) -> str:
    return f"observation {ids[0]}" + (f" and {len(ids) - 1} more" if len(ids) > 1 else "")


def _place(record: ObservationRecord | AttemptRecord) -> tuple[int, int, int, int, int]:
    return record.round_number, record.run_order, record.position, record.replicate_no, record.attempt_no


@dataclass(frozen=True, slots=True)
class Table:
    """What the regression learns from: one row per usable observation.

    Attributes:
        ids: Observation ids, ``n`` of them.
        x: Coordinates, shape ``(n, d)``.
        y: Values in target units, shape ``(n, m)``; NaN where a target was not measured. Where only limits are
            known this is one of them, which says that the target was measured and stands for no value.
        sd: Known standard deviations in target units, shape ``(n, m)``; NaN where unknown.
        repeats: How many measurements of unknown deviation each value is the mean of, shape ``(n, m)``; 1 where its
            deviation is known, NaN where a target was not measured.
        low, high: What each value lies between, shape ``(n, m)``: both the value itself where it is exact, a limit
            or infinity where it is not.
        context: What was recorded with each row.
    """

    ids: tuple[str, ...]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    sd: NDArray[np.float64]
    repeats: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    context: tuple[Context, ...]

    def __len__(self) -> int:
        return len(self.ids)


def regression_table(space: Space, objective: Objective, history: History) -> tuple[Table, tuple[str, ...]]:
    """Values that train the regression, and notes on what could not be used.

    A limit ("< 5 %") never stands for the limit itself: it says what the value lies between, and the surrogates
    take it so. What the target can be at all (``low``, ``high``) closes the other side where it is stated.
    """
    rows: list[tuple[Observation, list[_Reading]]] = []
    remarked: dict[str, list[str]] = {}
    for o in history.observations:
        if o.is_off:
            continue
        match o.outcome:
            case Measured(measurements) | Negative(_, measurements):
                readings = []
                for target in objective.targets:
                    reading, note = _reading(target, measurements, is_negative=isinstance(o.outcome, Negative))
                    readings.append(reading)
                    if note:
                        remarked.setdefault(note, []).append(o.id)
                if not all(np.isnan(r.y) for r in readings):
                    rows.append((o, readings))
            case Fault():
                continue
            case _:
                assert_never(o.outcome)
    m, d = len(objective.targets), len(space.parameters)
    y, sd, repeats, low, high = (
        np.array([[getattr(c, part) for c in r] for _, r in rows]).reshape(-1, m) for part in _Reading.__slots__
    )
    table = Table(
        tuple(o.id for o, _ in rows),
        np.array([o.at for o, _ in rows]).reshape(-1, d),
        y,
        sd,
        repeats,
        low,
        high,
        tuple(o.context for o, _ in rows),
    )
    return table, tuple(_together(remarked))


def feasibility_table(history: History, d: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What tells whether a candidate can be done: coordinates ``(n, d)``, and which ran as intended ``(n,)``.

    A fault counts only when its kind says something about the candidate (``informative``); what a person says cannot
    be made counts like one.
    """
    told = [
        o for o in history.observations if not o.is_off and (not isinstance(o.outcome, Fault) or o.outcome.informative)
    ]
    x = np.array([*(o.at for o in told), *(s.x for s in history.impossible)]).reshape(-1, d)
    ran = [not isinstance(o.outcome, Fault) for o in told] + [False] * len(history.impossible)
    return x, np.array(ran, dtype=bool)


def values_of(outcome: Outcome) -> dict[str, float]:
    """Each property's exact value in target units, the mean where a property has several channels."""
    if not isinstance(outcome, Measured):
        return {}
    exact = [m for m in outcome.measurements if m.qualifier is Qualifier.EQUAL and not too_large(m)]
    names = dict.fromkeys(m.property for m in exact)
    return {name: float(np.mean([m.canonical for m in exact if m.property == name])) for name in names}


def limits_of(outcome: Outcome) -> dict[str, tuple[float, float]]:
    """Between which limits each property lies that has no exact value, in target units; infinite where none is said."""
    if not isinstance(outcome, Measured):
        return {}
    exact, found = values_of(outcome), dict[str, tuple[float, float]]()
    for m in outcome.measurements:
        if m.property in exact or m.qualifier is Qualifier.EQUAL or too_large(m):
            continue
        low, high = found.get(m.property, (-math.inf, math.inf))
        is_above = m.qualifier is Qualifier.ABOVE
        found[m.property] = (max(low, m.canonical), high) if is_above else (low, min(high, m.canonical))
    return found


def sure_of(outcome: Outcome, objective: Objective) -> Sure:
    """What is sure of each target: its exact value and "=", or the limit that it is no worse than, and its sign.

    "> 99" of a yield is such a limit, and "< 0.1" of an impurity that is to be at most 0.5.
    """
    found = {name: (value, Qualifier.EQUAL.value) for name, value in values_of(outcome).items()}
    limits = limits_of(outcome)
    for t in objective.targets:
        if t.name in limits and (value := t.sure(*limits[t.name])) is not None:
            sign = Qualifier.ABOVE if value == limits[t.name][0] else Qualifier.BELOW
            found[t.name] = (value, sign.value)
    return found


@dataclass(frozen=True, slots=True)
class _Reading:
    """What an outcome says of one target, NaN where it says nothing: the columns of a ``Table``, in its order."""

    y: float
    sd: float
    repeats: float
    low: float
    high: float


_SILENT = _Reading(*[math.nan] * 5)


def _reading(target: Target, measurements: Sequence[Measurement], *, is_negative: bool) -> tuple[_Reading, str]:
    """What is known of a target, and a note where it is not usable."""
    mine = [m for m in measurements if m.property == target.name]
    if rule := next((rule for m in mine if (rule := too_large(m))), ""):
        return _SILENT, f"{rule}, and trains nothing; retract the observation, and tell it again in another unit"
    exact = [m for m in mine if m.qualifier is Qualifier.EQUAL]
    if exact:
        value = float(np.mean([m.canonical for m in exact]))
        return _Reading(value, *_certainty(exact), value, value), ""
    if mine:
        low = -math.inf if target.low is None else target.low
        high = math.inf if target.high is None else target.high
        below = [m.canonical for m in mine if m.qualifier is Qualifier.BELOW]
        above = [m.canonical for m in mine if m.qualifier is Qualifier.ABOVE]
        said = " and ".join(f"{target.name} {m.qualifier.value} {m.canonical:g}" for m in mine)
        if any(v < low for v in below) or any(v > high for v in above):
            rule = "lies outside what the target can be; check the value, or the objective's low and high"
            return _SILENT, f"{said} {rule}"
        lowest, top = (target.levels[0], target.levels[-1]) if target.levels else (-math.inf, math.inf)
        if any(v <= lowest for v in below) or any(v >= top for v in above):
            return _SILENT, f"{said} leaves no level; report the level itself, or retract the observation"
        low, high = max([low, *above]), min([high, *below])
        if not low < high:
            return _SILENT, f"{said} leaves nothing between the limits; retract the observation that is wrong"
        return _Reading([*below, *above][0], *_certainty(mine), low, high), ""
    if is_negative:
        what, such = "limit", "< 1"
        if target.levels:  # below the lowest of them is nothing
            what = "class" if target.classes else "level"
            such = target.shown(target.levels[0]) or f"{target.levels[0]:g}"
        rule = f"it trains feasibility only; report a {what} such as '{such}'"
        return _SILENT, f"negative without a {what} for {target.name}: {rule}"
    return _SILENT, ""


def useless_limits(outcome: Outcome, objective: Objective) -> tuple[str, ...]:
    """What is said of each target of which an outcome states limits that leave nothing for a model to learn from."""
    if isinstance(outcome, Fault):
        return ()
    found = []
    for target in objective.targets:
        mine = [m for m in outcome.measurements if m.property == target.name]
        if mine and all(m.qualifier is not Qualifier.EQUAL for m in mine):
            found.append(_reading(target, mine, is_negative=False)[1])
    return tuple(note for note in found if note)


def _certainty(measurements: Sequence[Measurement]) -> tuple[float, float]:
    """Standard deviation of the mean of several reported values, NaN where one states none, and then its repeats.

    A reported deviation is the scatter of the ``n`` readings behind a value, which is their mean. Channels see one
    experiment, so that several of them make no value surer; their noise is that of a typical one.
    """
    known = [m.canonical_sd / math.sqrt(m.n) for m in measurements if m.canonical_sd is not None]
    if len(known) == len(measurements):
        return float(np.sqrt(np.sum(np.square(known))) / len(known)), 1.0
    return math.nan, 1.0 / float(np.mean([1.0 / m.n for m in measurements]))
