"""Shapes of BayBE's targets: the transformations as one list of steps, as a straight line, and as a formula."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.cli.starting.yaml_text import exact

Steps = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Line:
    """``slope * u + shift`` between the values ``low`` and ``high`` of what was measured, and flat beyond them.

    ``u`` is what was measured, or its natural logarithm where ``is_log``.
    """

    slope: float
    shift: float
    low: float
    high: float
    is_log: bool

    @property
    def is_cut(self) -> bool:
        """Whether it is flat somewhere."""
        return math.isfinite(self.high) or (math.isfinite(self.low) and not (self.is_log and self.low <= 0))

    def at(self, measured: float) -> float:
        """Its value where something was ``measured``; that of a limit where that is not finite."""
        if self.is_log:
            measured = math.log(measured) if measured > 0 else -math.inf
        return self.slope * measured + self.shift


def steps_of(t: Mapping[str, Any]) -> Steps:
    """The transformations of a target from the first on; of one in the words of 0.13 as BayBE itself reads it since.

    Raises:
        ValueError: Its mode and bounds are not known.
    """
    if not t.get("mode"):
        how = t.get("transformation") or {"type": "IdentityTransformation"}
        return list(how["transformations"]) if how["type"] == "ChainedTransformation" else [how]
    ends = t.get("bounds") or {}
    low, high = (float(ends.get(end, "nan")) for end in ("lower", "upper"))
    is_bounded = math.isfinite(low) and math.isfinite(high)
    match t["mode"]:
        case "MATCH" if is_bounded and t.get("transformation") == "BELL":
            return [{"type": "BellTransformation", "center": (low + high) / 2, "sigma": (high - low) / 2}]
        case "MATCH" if is_bounded:
            cutoffs = {"lower": low, "upper": high}
            return [{"type": "TriangularTransformation", "cutoffs": cutoffs, "peak": (low + high) / 2}]
        case "MAX" | "MIN" if is_bounded:
            zero, one = (low, high) if t["mode"] == "MAX" else (high, low)
            line = {"type": "AffineTransformation", "factor": 1 / (one - zero), "shift": -zero / (one - zero)}
            return [line, {"type": "ClampingTransformation", "cutoffs": {"lower": 0.0, "upper": 1.0}}]
        case "MAX" | "MIN":
            return [{"type": "IdentityTransformation"}]
    raise ValueError(f"target {t['name']!r} has mode {t['mode']!r} and bounds {ends!r}, which is not known")


def is_minimised(t: Mapping[str, Any]) -> bool:
    """Whether the transformed value is wanted small."""
    return bool(t.get("minimize")) or (t.get("mode") == "MIN" and len(steps_of(t)) == 1)


def line_of(steps: Steps) -> Line | None:
    """The steps as a straight line with ends; None where they are something else, or flat everywhere."""
    line = Line(1.0, 0.0, -math.inf, math.inf, is_log=False)
    for step in steps:
        found = _next(line, step)
        if found is None or found.low >= found.high:
            return None
        line = found
    return line


def _next(line: Line, step: Mapping[str, Any]) -> Line | None:
    match step["type"]:
        case "IdentityTransformation":
            return line
        case "AffineTransformation" if step["factor"]:
            slope, shift = line.slope * step["factor"], line.shift * step["factor"] + step.get("shift", 0.0)
            return Line(slope, shift, line.low, line.high, line.is_log)
        case "ClampingTransformation":
            ends = sorted((float(step["cutoffs"][end]) - line.shift) / line.slope for end in ("lower", "upper"))
            low, high = map(_exp, ends) if line.is_log else ends
            return Line(line.slope, line.shift, max(low, line.low), min(high, line.high), line.is_log)
        case "LogarithmicTransformation" if not line.is_log and not line.shift and line.slope > 0 and line.high > 0:
            return Line(1.0, math.log(line.slope), line.low, line.high, is_log=True)
    return None


def _exp(number: float) -> float:
    return math.exp(number) if number < 700 else math.inf


def formula_of(steps: Steps, name: str) -> str:
    """The transformed value as arithmetic of the measured one, which expressions call ``name``; "" where a step is not
    known."""
    text = name
    for step in steps:
        text = _applied(step, text)
        if not text:
            return ""
    return text


def _applied(step: Mapping[str, Any], x: str) -> str:
    inside = _inside(x)
    match step["type"]:
        case "IdentityTransformation":
            return x
        case "AffineTransformation":
            return plus(f"{exact(step['factor'])} * {inside}" if step["factor"] != 1 else x, step.get("shift", 0.0))
        case "ClampingTransformation":
            low, high = (float(step["cutoffs"][end]) for end in ("lower", "upper"))
            upper = f"min({exact(high)}, {x})" if math.isfinite(high) else x
            return f"max({exact(low)}, {upper})" if math.isfinite(low) else upper
        case "LogarithmicTransformation":
            return f"log({x})"
        case "ExponentialTransformation":
            return f"exp({x})"
        case "AbsoluteTransformation":
            return f"abs({x})"
        case "PowerTransformation":
            return f"{inside} ** {_inside(exact(step['exponent']))}"
        case (
            "SigmoidTransformation"
        ):  # 1 / (1 + exp(steepness * (x - center))), which overflows nowhere when written so
            half = exact(step.get("steepness", 1.0) / 2)
            return f"0.5 - 0.5 * tanh({half} * {_inside(plus(x, -step.get('center', 0.0)))})"
        case "BellTransformation":
            away, width = _inside(plus(x, -step.get("center", 0.0))), step.get("sigma", 1.0)
            return f"exp(-0.5 * {away if width == 1 else f'({away} / {exact(width)})'} ** 2)"
        case "TriangularTransformation":
            low, high = (float(step["cutoffs"][end]) for end in ("lower", "upper"))
            peak = float(step["peak"])
            up = f"{_inside(plus(x, -low))} / {exact(peak - low)}"
            return f"max(0, min({up}, ({exact(high)} - {inside}) / {exact(high - peak)}))"
        case "TwoSidedAffineTransformation":
            away = plus(x, -step.get("midpoint", 0.0))
            left, right = exact(step["slope_left"]), exact(step["slope_right"])
            return f"{left} * min({away}, 0) + {right} * max({away}, 0)"
        case "ChainedTransformation":
            return formula_of(step["transformations"], x)
        case "AdditiveTransformation" | "MultiplicativeTransformation" as kind:
            parts = [_applied(one, x) for one in step["transformations"]]
            return (" + " if kind.startswith("Add") else " * ").join(map(_inside, parts)) if all(parts) else ""
    return ""


def _inside(x: str) -> str:
    """The text as a part of a longer one: in brackets, but for a name and a number that is not below zero."""
    is_plain = x.replace(".", "").replace("_", "").isalnum() or (x[0] == x[-1] == "`" and x.count("`") == 2)
    return x if is_plain or (x.endswith(")") and _is_one_call(x)) else f"({x})"


def _is_one_call(x: str) -> bool:
    """Whether the text is one call, such as ``max(0, a)``."""
    name, _, rest = x.partition("(")
    depth = 1
    for i, letter in enumerate(rest):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return name.isalnum() and i == len(rest) - 1
    return False


def plus(x: str, number: float) -> str:
    """The text and a number added to it."""
    if not number:
        return x
    return f"{x} {'-' if number < 0 else '+'} {exact(abs(number))}"
