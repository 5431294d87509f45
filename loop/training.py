"""What models learn from a history: values and limits for the regression, and what could be done at all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from loop.circumstances import Context
from loop.errors import did_you_mean
from loop.history import History, Observation, together
from loop.objective import Goal, Objective, Target
from loop.outcome import Fault, Measured, Measurement, Negative, Outcome, Qualifier, too_large
from loop.space import Space


@dataclass(frozen=True, slots=True)
class Table:
    """What the regression learns from: one row per usable observation.

    Attributes:
        ids: Observation ids, ``n`` of them.
        x: Coordinates, shape ``(n, d)``.
        y: Values on the targets' scales (``Target.on_scale``: in their units but of logarithmic ones), shape
            ``(n, m)``; NaN where a target was not measured. Where only limits are known this is one of them, which
            says that the target was measured and stands for no value.
        sd: Known standard deviations on these scales, shape ``(n, m)``; NaN where unknown.
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

    Raises:
        SpaceError: A point of the history is none of this space.
    """
    history.check(space)
    rows: list[tuple[Observation, list[_Reading]]] = []
    remarked: dict[str, list[str]] = {}
    for o in history.observations:
        if o.is_off:
            continue
        match o.outcome:
            case Measured(measurements) | Negative(_, measurements):
                readings = []
                for target in objective.targets:
                    reading, note = _reading(target, measurements)
                    readings.append(reading)
                    if note:
                        remarked.setdefault(note, []).append(o.id)
                if note := _of_no_target(objective, o.outcome):
                    remarked.setdefault(note, []).append(o.id)
                if isinstance(o.outcome, Negative):
                    for note in lacking(objective, measurements):
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
    return table, tuple(together(remarked))


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


@dataclass(frozen=True, slots=True)
class _Reading:
    """What an outcome says of one target, NaN where it says nothing: the columns of a ``Table``, in its order."""

    y: float
    sd: float
    repeats: float
    low: float
    high: float


_SILENT = _Reading(*[math.nan] * 5)


def _reading(target: Target, measurements: Sequence[Measurement]) -> tuple[_Reading, str]:
    """What is known of a target, and a note where it is not usable."""
    mine = [m for m in measurements if m.property == target.name]
    if rule := next((rule for m in mine if (rule := too_large(m))), ""):
        return _SILENT, f"{rule}, and trains nothing; retract the observation, and tell it again in another unit"
    exact = [m for m in mine if m.qualifier is Qualifier.EQUAL]
    if note := _without_logarithm(target, mine):
        return _SILENT, note
    if exact:
        value = float(np.mean([target.scaled(m.canonical) for m in exact]))
        return _Reading(value, *_certainty(target, exact), value, value), ""
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
        low, high = target.scaled(low), target.scaled(high)
        one = next(target.scaled(v) for v in (*below, *above))
        return _Reading(one, *_certainty(target, mine), low, high), ""
    return _SILENT, ""


def _without_logarithm(target: Target, measurements: Sequence[Measurement]) -> str:
    """What is wrong with the first reading that no logarithm can be taken of, where one is to be; "" where none is."""
    if not target.is_log or not (low := [m for m in measurements if not m.canonical > 0]):
        return ""
    first = low[0]
    is_value = first.qualifier is Qualifier.EQUAL
    said = f"{first.canonical:g}" if is_value else f"{first.qualifier.value} {first.canonical:g}"
    said = "below 0" if is_value and first.canonical < 0 else said  # one note for all of them
    if target.expression is not None:
        return (
            f"{target.name} {said}, by {target.expression.text!r}, has no place on its logarithmic "
            "scale, and trains nothing of it; where what it follows from was not found, tell that as the limit it lies "
            "below, such as '< 0.05', in place of 0"
        )
    return (
        f"{target.name} {said} has no place on its logarithmic scale, and trains nothing; retract "
        f"the observation, and tell {target.name} as the limit that it was found below, such as '< 0.05'"
    )


def _of_no_target(objective: Objective, outcome: Measured | Negative) -> str:
    """A note where what was measured is no target of the campaign; "" where it is, or where nothing was."""
    found = dict.fromkeys(m.property for m in outcome.measurements)
    if not found or set(found) & set(objective.names):
        return ""
    return (
        f"measured is {', '.join(f'{name}{did_you_mean(name, objective.names)}' for name in found)}, and no target "
        f"({', '.join(objective.names)}): it counts as done, and its values train nothing"
    )


def lacking(objective: Objective, measurements: Sequence[Measurement]) -> Iterator[str]:
    """What a negative does not say of targets, which are named together where the same is asked for."""
    measured = {m.property for m in measurements} & set(objective.names)
    lacking: dict[tuple[str, str], list[str]] = {}
    for target in objective.measured:
        if target.name in measured:
            continue
        what, such = "limit", "> 1" if target.goal is Goal.MINIMIZE else "< 1"
        if target.levels:  # below the lowest of them is nothing
            what = "class" if target.classes else "level"
            such = target.shown(target.levels[0]) or f"{target.levels[0]:g}"
        lacking.setdefault((what, such), []).append(target.name)
    for (what, such), names in lacking.items():
        of = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
        counts, instead = "as possible, so that its like may come next", ", or outcome 'cannot' where it cannot be made"
        if measured:
            counts, instead = f"trains no model of {'it' if len(names) == 1 else 'them'}", ""
        yield (
            f"negative without a {what} for {of}: it counts as done, and {counts}; report a {what} such as "
            f"'{such}'{instead}"
        )


def useless_limits(outcome: Outcome, objective: Objective) -> tuple[str, ...]:
    """What is said of each target of which an outcome states what leaves nothing for a model to learn from."""
    if isinstance(outcome, Fault):
        return ()
    found = []
    for target in objective.targets:
        mine = [m for m in outcome.measurements if m.property == target.name]
        if mine and (target.is_log or all(m.qualifier is not Qualifier.EQUAL for m in mine)):
            found.append(_reading(target, mine)[1])
    return tuple(note for note in found if note)


def _certainty(target: Target, measurements: Sequence[Measurement]) -> tuple[float, float]:
    """Standard deviation of the mean of several reported values on the target's scale, NaN where one states none, and
    then its repeats.

    A reported deviation is the scatter of the ``n`` readings behind a value, which is their mean. Channels see one
    experiment, so that several of them make no value surer; their noise is that of a typical one.
    """
    stated = [m for m in measurements if m.canonical_sd is not None]
    known = [target.sd_on_scale(m.canonical, m.canonical_sd or 0.0) / math.sqrt(m.n) for m in stated]
    if len(known) == len(measurements):
        return float(np.sqrt(np.sum(np.square(known))) / len(known)), 1.0
    return math.nan, 1.0 / float(np.mean([1.0 / m.n for m in measurements]))
