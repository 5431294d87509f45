"""How a derived target follows from what is measured and from settings: its formula, worked out for one outcome."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loop.objective import Objective, Target
from loop.outcome import Measured, Measurement, Negative, Qualifier
from loop.space import Space
from loop.space.expressions import Expression, substituted
from loop.space.intervals import Span
from loop.values import limits_of, values_of

FAR: Final = 1e150  # for an end that nothing states: small enough to be multiplied by another
STEPS: Final = (65, 33, 17)  # at which a formula is looked at along each range, of one, two and three ranges


@dataclass(frozen=True)
class Working:
    """How a derived target follows from ``parts``, which are measured, and from the numbers of a candidate."""

    target: Target
    parts: tuple[Target, ...]
    expression: Expression
    columns: Mapping[str, int]  # by the name of each number that it is about

    @staticmethod
    def of(target: Target, objective: Objective, space: Space) -> Working:
        """Of a derived target of an objective whose campaign file was checked."""
        assert target.expression is not None, "only a derived target has an expression"
        numbers = {d.name: d.formula.expression for d in space.derived}
        expression = substituted(target.expression, numbers) if numbers else target.expression
        measured = {t.name: t for t in objective.targets if t.expression is None}
        names = [name for name in expression.names if name not in measured]
        parts = tuple(measured[name] for name in expression.names if name in measured)
        return Working(target, parts, expression, {name: space.names.index(name) for name in names})

    def __call__(self, values: Mapping[str, Any], x: Any) -> Any:
        """Its value where the parts have ``values``, in their units, and candidates are at ``x``, ``(*b, d)``."""
        return self.expression({**values, **{name: x[..., column] for name, column in self.columns.items()}})

    def of_outcome(self, outcome: Measured | Negative, x: NDArray[np.float64]) -> tuple[Measurement, ...]:
        """What an outcome says of it, at coordinates ``x``, ``(d,)``: a value, limits, or nothing."""
        seen = Measured(outcome.measurements) if outcome.measurements else outcome
        values, limits = values_of(seen), limits_of(seen)
        if all(part.name in values for part in self.parts):
            mine = {part.name: values[part.name] for part in self.parts}
            value = self._at(mine, x)
            if not math.isfinite(value):
                return ()
            sd = self._deviation(outcome.measurements, mine, x)
            return (Measurement(self.target.name, value, self.target.unit, value, sd, sd),)
        if not all(part.name in values or part.name in limits for part in self.parts):
            return ()
        known: dict[str, Span] = {name: (float(x[c]), float(x[c])) for name, c in self.columns.items()}
        free = dict(known)
        for part in self.parts:
            if part.name in limits:
                (low, high), (least, most) = limits[part.name], _possible(part)
                known[part.name] = max(low, least), min(high, most)
                free[part.name] = max(least, -FAR), min(most, FAR)
            else:
                known[part.name] = free[part.name] = values[part.name], values[part.name]
        any_span = self._between(free) or (-math.inf, math.inf)
        if any_span[0] == any_span[1]:  # the settings alone decide it
            return (Measurement(self.target.name, any_span[0], self.target.unit, any_span[0]),)
        if not all(math.isfinite(low) and math.isfinite(high) and low <= high for low, high in known.values()):
            return ()
        span = self._between(known)
        return () if span is None else self._limits(*span, any_span)

    def _between(self, ranges: Mapping[str, Span]) -> Span | None:
        """Between which values it lies over ranges of its names; None where that cannot be told.

        By the corners where it rises or falls all along each range, infinite where it has no end there; else by
        interval arithmetic, which says too little where a name occurs twice.
        """
        open_ones = [name for name, (low, high) in ranges.items() if low < high]
        if not 0 < len(open_ones) <= len(STEPS) or not self.expression.is_smooth:
            return self.expression.between(ranges)
        steps = STEPS[len(open_ones) - 1]
        grid = np.meshgrid(*(np.linspace(*ranges[name], steps) for name in open_ones), indexing="ij")
        values = {name: np.full(grid[0].shape, low) for name, (low, _) in ranges.items()} | dict(
            zip(open_ones, grid, strict=True)
        )
        found = np.broadcast_to(np.asarray(self.expression(values), dtype=float), grid[0].shape)
        if np.isnan(found).any() or not all(_is_monotone(np.moveaxis(found, i, 0)) for i in range(found.ndim)):
            return self.expression.between(ranges)
        return float(found.min()), float(found.max())

    def _limits(self, low: float, high: float, free: Span) -> tuple[Measurement, ...]:
        """What is known of it beyond what it can be here at all, which is ``free``, and what keeps a threshold."""
        target = self.target
        least, most = _possible(target)
        at_least, at_most = target.bounds
        is_floor = math.isfinite(low) and low > least and (low > free[0] or low >= at_least > -math.inf)
        is_ceiling = math.isfinite(high) and high < most and (high < free[1] or high <= at_most < math.inf)
        ends = [(low, Qualifier.ABOVE)] if is_floor else []
        ends += [(high, Qualifier.BELOW)] if is_ceiling else []  # as channels: two readings of one thing are refused
        return tuple(
            Measurement(target.name, end, target.unit, end, qualifier=sign, channel=sign.name) for end, sign in ends
        )

    def _at(self, values: Mapping[str, float], x: NDArray[np.float64]) -> float:
        arrays = {name: np.array([value]) for name, value in values.items()}
        return float(np.asarray(self(arrays, x[None])).reshape(-1)[0])

    def _deviation(
        self, measurements: Sequence[Measurement], values: Mapping[str, float], x: NDArray[np.float64]
    ) -> float | None:
        """To first order, by differences; None where a part has none, or several channels. JCGM 100:2008 (GUM), 5.1."""
        squares = 0.0
        for part in self.parts:
            mine = [m for m in measurements if m.property == part.name]
            if len(mine) != 1 or mine[0].canonical_sd is None:
                return None
            sd = mine[0].canonical_sd / math.sqrt(mine[0].n)
            ends = [self._at({**values, part.name: values[part.name] + step}, x) for step in (-sd, sd)]
            squares += ((ends[1] - ends[0]) / 2) ** 2
        return math.sqrt(squares) if math.isfinite(squares) else None


def _is_monotone(values: NDArray[np.float64]) -> bool:
    """Whether values ``(k, ...)`` of what is smooth rise or fall all along, and at both ends do not turn in between."""
    with np.errstate(invalid="ignore", over="ignore"):  # between two infinite values is nothing that rises or falls
        steps = np.diff(values, axis=0)
        first, last = 1.5 * steps[0] - 0.5 * steps[1], 1.5 * steps[-1] - 0.5 * steps[-2]  # slopes at the ends
        turns = (first * steps[0] < 0) | (last * steps[-1] < 0)
        return bool((((steps >= 0).all(0) | (steps <= 0).all(0)) & ~turns).all())


def _possible(target: Target) -> Span:
    """Between which values a target can be at all, as far as is said: above nothing on a logarithmic scale."""
    least = -math.inf if target.low is None else target.low
    return max(least, 0.0) if target.is_log else least, math.inf if target.high is None else target.high


def workings_of(objective: Objective, space: Space) -> tuple[Working, ...]:
    """How each derived target follows, in the order of the targets."""
    return tuple(Working.of(t, objective, space) for t in objective.targets if t.expression is not None)
