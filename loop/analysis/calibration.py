"""Calibration: a straight line from a target's value to a response, and back with its standard deviation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loop.errors import AnalysisError
from loop.wording import ROUNDED

DETECTION: Final = 3.3  # residual deviations over the slope: the limit of detection of ICH Q2


@dataclass(frozen=True, slots=True)
class Line:
    """``response = intercept + slope * value``, fitted by least squares or stated.

    ``sd`` is the residual deviation of a response, with ``freedom`` degrees of freedom behind it; both are 0 where
    nothing is known of it. ``lowest`` and ``highest`` are the values that were calibrated, None where not stated.
    """

    slope: float  # response per unit of the target
    intercept: float = 0.0
    sd: float = 0.0
    freedom: int = 0
    n: int = 0  # points that its height was fitted to, 0 for a stated line and one through zero
    mean: float = 0.0  # of their responses; 0 through zero
    spread: float = 0.0  # sum of squares of their values about their mean, or about zero
    lowest: float | None = None
    highest: float | None = None

    def value(self, response: float) -> float:
        """The value that gives a response, in the target's unit."""
        return (response - self.intercept) / self.slope

    def deviation(self, response: float, readings: int, scatter: float = 0.0, blank: float = 0.0) -> float:
        """Standard deviation of the value of the mean of ``readings`` responses, in the target's unit.

        ``scatter`` is the standard deviation of those responses, pooled with the line's own; ``blank`` that of what
        was subtracted. Holds while the slope is large beside its own uncertainty.

        Source: K. Danzer and L. A. Currie, Pure Appl. Chem. 70 (1998) 993.
        """
        freedom = self.freedom + readings - 1
        if self.sd > 0 and not self.freedom:  # stated: held to be known
            pooled = self.sd**2
        else:
            pooled = (self.freedom * self.sd**2 + (readings - 1) * scatter**2) / max(freedom, 1)
        terms = 1 / readings
        if self.spread > 0:
            terms += (response - self.mean) ** 2 / (self.slope**2 * self.spread)
        if self.n:
            terms += 1 / self.n
        return math.sqrt(pooled * terms + blank**2) / abs(self.slope)

    @property
    def detection_limit(self) -> float:
        """What can be told from nothing, in the target's unit; 0 where the scatter of responses is not known."""
        return DETECTION * self.sd / abs(self.slope)


def scatter_about(responses: Sequence[float], expected: Sequence[float], freedom: int) -> float:
    """Standard deviation of responses about what is expected of each, with so many degrees of freedom.

    0 where there are none, and where nothing is left but what rounding leaves of responses that do not scatter.
    """
    if freedom < 1:
        return 0.0
    sd = math.sqrt(sum((r - e) ** 2 for r, e in zip(responses, expected, strict=True)) / freedom)
    return 0.0 if sd <= ROUNDED * max(map(abs, responses)) else sd


def fit_line(points: Sequence[tuple[float, float]], *, through_zero: bool = False) -> Line:
    """The line through calibration points (value, response), each as good as the others.

    Raises:
        AnalysisError: There are fewer than two different values (one, through zero), or the responses do not change.
    """
    values, responses = [v for v, _ in points], [r for _, r in points]
    n = len(points)
    if len({v for v in values if v != 0} if through_zero else set(values)) < (1 if through_zero else 2):
        raise AnalysisError(f"a calibration needs two different values, got {sorted(set(values))}; add a standard")
    if through_zero:
        slope = sum(v * r for v, r in points) / sum(v * v for v in values)
        intercept, freedom = 0.0, n - 1
    else:
        mean_value, mean = sum(values) / n, sum(responses) / n
        slope = sum((v - mean_value) * (r - mean) for v, r in points) / sum((v - mean_value) ** 2 for v in values)
        intercept, freedom = mean - slope * mean_value, n - 2
    if not math.isfinite(slope) or slope == 0.0:
        raise AnalysisError("the calibration's responses do not change with the value; look at its points")
    sd = scatter_about(responses, [intercept + slope * v for v in values], freedom)
    if through_zero:  # nothing is unsure at zero
        return Line(slope, 0.0, sd, freedom, 0, 0.0, sum(v * v for v in values), min(values), max(values))
    spread = sum((v - sum(values) / n) ** 2 for v in values)
    return Line(slope, intercept, sd, freedom, n, sum(responses) / n, spread, min(values), max(values))
