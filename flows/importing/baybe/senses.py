"""What BayBE's transformations of a target want of its values: more, less, or one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_INFINITE = float("inf")
_RISING = ("IdentityTransformation", "ClampingTransformation", "LogarithmicTransformation", "ExponentialTransformation")


@dataclass(frozen=True)
class Sense:
    """Where values are wanted: ``goal`` is maximize, minimize, match, or "" where hakken has no word for it.

    ``at`` is the value to be matched, or the one beyond which nothing is gained, where there is one; ``is_even`` says
    that values as far above as below it are worth the same.
    """

    goal: str
    at: float | None = None
    is_even: bool = True


def sense(steps: Sequence[Mapping[str, Any]], *, is_down: bool) -> Sense:
    """What a chain of transformations wants, the result of the last being minimised where ``is_down``.

    A chain is followed from the first step on: how a value goes up or down with what was measured, and the one place
    where that turns. Powers of what was measured are taken as of positive values.
    """
    turn: float | None = None
    sign = 1  # up or down with the measured value; where there is a turn, to the left of it
    factor, shift = 1.0, 0.0  # of the measured value, as long as all steps were linear
    is_linear, low, high = True, -_INFINITE, _INFINITE
    is_even = True
    for step in steps:
        turned = _turn(step)
        if turn is None and is_linear and shift and _is_even_power(step):
            turned = 0.0, -1
        if turned is not None:
            at, left = turned
            if turn is not None or not is_linear:
                return Sense("")
            turn, sign, is_linear = (at - shift) / factor, left, False
            is_even = _is_even(step)
            continue
        way = _way(step)
        if way is None:
            return Sense("")
        sign *= way
        if step["type"] == "AffineTransformation" and is_linear:
            factor, shift = factor * step["factor"], shift * step["factor"] + step.get("shift", 0.0)
        elif step["type"] == "ClampingTransformation" and is_linear:
            ends = sorted((float(step["cutoffs"][e]) - shift) / factor for e in ("lower", "upper"))
            low, high = max(low, ends[0]), min(high, ends[1])
        else:
            is_linear = is_linear and step["type"] == "IdentityTransformation"
    sign = -sign if is_down else sign
    if turn is None:
        return Sense("maximize" if sign > 0 else "minimize")
    if high <= turn:
        return Sense("maximize" if sign > 0 else "minimize", high)
    if low >= turn:
        return Sense("minimize" if sign > 0 else "maximize", low)
    return Sense("match" if sign > 0 else "", turn, is_even)


def _way(step: Mapping[str, Any]) -> int | None:
    """1 for a step that rises, -1 for one that falls, None for any other (one that is flat among them)."""
    match step["type"]:
        case "AffineTransformation":
            slope = step["factor"]
        case "PowerTransformation":
            slope = step["exponent"]
        case "SigmoidTransformation":  # falls where it is steep: 1 / (1 + exp(steepness * (x - center)))
            slope = -step.get("steepness", 1.0)
        case "TwoSidedAffineTransformation":
            left, right = step["slope_left"], step["slope_right"]
            slope = (left or right) if left * right >= 0 else 0.0
        case kind:
            slope = 1.0 if kind in _RISING else 0.0
    return _sign(slope) if slope else None


def _turn(step: Mapping[str, Any]) -> tuple[float, int] | None:
    """Where a step turns, and 1 if it rises up to there, -1 if it falls; None for one that does not turn."""
    match step["type"]:
        case "TriangularTransformation":
            return float(step["peak"]), 1
        case "BellTransformation":
            return float(step.get("center", 0.0)), 1
        case "AbsoluteTransformation":
            return 0.0, -1
        case "TwoSidedAffineTransformation" if step["slope_left"] * step["slope_right"] < 0:
            return float(step.get("midpoint", 0.0)), _sign(step["slope_left"])
    return None


def _is_even(step: Mapping[str, Any]) -> bool:
    """Whether a step that turns falls off alike to both sides."""
    match step["type"]:
        case "TriangularTransformation":
            below, above = step["peak"] - step["cutoffs"]["lower"], step["cutoffs"]["upper"] - step["peak"]
            return bool(abs(below - above) <= 1e-9 * max(below, above))
        case "TwoSidedAffineTransformation":
            return bool(step["slope_left"] == -step["slope_right"])
    return True


def _is_even_power(step: Mapping[str, Any]) -> bool:
    return bool(step["type"] == "PowerTransformation" and step["exponent"] % 2 == 0)


def _sign(number: float) -> int:
    return 1 if number > 0 else -1
