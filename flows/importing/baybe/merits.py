"""What a target of BayBE is worth, in hakken's keys: its goal, and the range or the value that is wanted; as a formula
where these do not say it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flows.cli.starting.yaml_text import exact
from flows.importing.baybe.senses import Sense, sense
from flows.importing.baybe.shapes import Line, Steps, formula_of, is_minimised, line_of, plus, steps_of
from flows.importing.source import Source
from loop.space.expressions import LONGEST

_LINEAR: Final = ("IdentityTransformation", "AffineTransformation")


@dataclass(frozen=True)
class Merit:
    """Keys of a campaign file: ``goal``, and ``value`` and ``within``, or ``desirable``, or ``levels``.

    Attributes:
        left: What of the target the keys do not say.
        formula: What is wanted instead, as arithmetic of the measured value: then the target itself is only measured,
            and the keys are those of the formula.
    """

    keys: Mapping[str, Any]
    left: tuple[str, ...] = ()
    formula: str = ""


def merit_of(t: Mapping[str, Any], name: str, source: Source) -> Merit:
    """What is wanted of one target by itself; ``name`` is what expressions call it.

    Raises ``ImportFault`` where hakken has no word for what is wanted and the person has not said it.
    """
    if t.get("type") == "BinaryTarget":
        return Merit({"goal": "maximize", "levels": [0.0, 1.0]})
    steps, is_down = steps_of(t), is_minimised(t)
    if line := line_of(steps):
        return _straight(t, steps, line)
    wanted = sense(steps, is_down=is_down)
    kinds = ", ".join(_kinds(steps))
    if given := source.goal(t["name"]):
        return Merit({"goal": given}, (f"{t['name']}: its shape ({kinds}); values are learnt as measured",))
    if not wanted.goal or not wanted.is_even:
        return _by_formula(t, steps, name, source)
    if wanted.goal == "match":
        return _match(t, steps, wanted)
    if wanted.at is not None:
        return _one_side(t, steps, wanted)
    left = (f"{t['name']}: its {kind}; values are learnt as measured" for kind in _kinds(steps) if kind not in _LINEAR)
    return Merit({"goal": wanted.goal}, tuple(left))


def share_of(t: Mapping[str, Any], name: str, *, is_mean: bool, is_normal: bool) -> Merit | None:
    """What one target adds to a mean of merits, exactly: its transformed value.

    ``is_mean`` tells a weighted sum, in which values count as they are, from a geometric mean; ``is_normal`` that the
    transformed values go from 0 to 1. None where a step is not known.
    """
    steps, is_down = steps_of(t), is_minimised(t)
    line = line_of(steps)
    if is_mean and line is not None and not line.is_cut:
        one = math.e if line.is_log else 1.0
        ends = {"from": 1.0 if line.is_log else 0.0, "to": one}
        rises = (line.slope > 0) != is_down
        keys = {"goal": "maximize" if rises else "minimize", "weight": abs(line.slope)} | _on_scale(line)
        return Merit(keys | {"desirable": ends if rises else {"from": ends["to"], "to": ends["from"]}})
    plain = {} if is_down else _ramp(t, steps, line) if line is not None else _pointed(steps)
    if plain and not is_mean:
        return Merit(plain)
    formula = _cut_off(plain, name) or shape_of(t, name)
    if not formula or len(formula) > LONGEST:
        return None
    if is_normal:
        return Merit({"goal": "maximize", "low": 0.0, "high": 1.0}, formula=formula)
    return Merit({"goal": "maximize", "desirable": {"from": 0.0, "to": 1.0}}, formula=formula)


def _cut_off(ramp: Mapping[str, Any], name: str) -> str:
    """The formula of a ramp by its ends, which a person typed; "" for what is none."""
    if "desirable" not in ramp or "scale" in ramp:
        return ""
    worst, best = ramp["desirable"]["from"], ramp["desirable"]["to"]
    over = plus(name, -worst) if best > worst else f"{exact(worst)} - {name}"
    return f"max(0, min(1, ({over}) / {exact(abs(best - worst))}))"


def shape_of(t: Mapping[str, Any], name: str) -> str:
    """What a target adds to a mean as a formula: of one that is minimised, what its value lacks of 1."""
    formula = formula_of(steps_of(t), name)
    return f"1 - ({formula})" if formula and is_minimised(t) else formula


def _straight(t: Mapping[str, Any], steps: Steps, line: Line) -> Merit:
    """More or less of what was measured, or of its logarithm, up to where it counts no more."""
    goal = "maximize" if (line.slope > 0) != is_minimised(t) else "minimize"
    ends = [f"{end:g}" for end in _ends(t, steps, line) if math.isfinite(end) and not (line.is_log and end <= 0)]
    left = (f"{t['name']}: that values beyond {' and '.join(ends)} count no more",) if ends else ()
    return Merit({"goal": goal} | _on_scale(line), left)


def _ends(t: Mapping[str, Any], steps: Steps, line: Line) -> tuple[float, float]:
    """Where a line becomes flat, as typed where that is told: factor and shift are rounded."""
    info = t.get("constructor_info") or {}
    if info.get("constructor") == "normalized_ramp" and len(steps) == 2:
        low, high = sorted(map(float, info["cutoffs"]))
        return low, high
    low, high = (float(f"{end:.12g}") for end in (line.low, line.high))
    return low, high


def _ramp(t: Mapping[str, Any], steps: Steps, line: Line) -> dict[str, Any]:
    """A line that rises or falls between 0 and 1; nothing for another one."""
    low, high = _ends(t, steps, line)
    if not (math.isfinite(low) and math.isfinite(high)) or (line.is_log and low <= 0):
        return {}
    found = [round(line.at(end), 9) for end in (line.low, line.high)]
    if found == [0.0, 1.0]:
        return {"goal": "maximize"} | _on_scale(line) | {"desirable": {"from": low, "to": high}}
    if found == [1.0, 0.0]:
        return {"goal": "minimize"} | _on_scale(line) | {"desirable": {"from": high, "to": low}}
    return {}


def _pointed(steps: Steps) -> dict[str, Any]:
    """A triangle that falls off alike to both sides, or one side of a triangle; nothing for another shape."""
    triangle = steps[-1]
    if triangle["type"] != "TriangularTransformation" or len(steps) > 2:
        return {}
    wanted = sense(steps, is_down=False)
    low, high = (float(triangle["cutoffs"][end]) for end in ("lower", "upper"))
    peak = float(triangle["peak"])
    if len(steps) == 1:
        return {"goal": "match", "value": peak, "within": max(peak - low, high - peak)} if wanted.is_even else {}
    if steps[0]["type"] != "ClampingTransformation" or wanted.at != peak or wanted.goal == "match":
        return {}
    worst = low if wanted.goal == "maximize" else high
    return {"goal": wanted.goal, "desirable": {"from": worst, "to": peak}}


def _by_formula(t: Mapping[str, Any], steps: Steps, name: str, source: Source) -> Merit:
    """A shape that is neither more, less nor one value: the transformed value itself is what is wanted."""
    formula = formula_of(steps, name)
    if formula and len(formula) <= LONGEST and not _is_flat(steps):
        return Merit({"goal": "minimize" if is_minimised(t) else "maximize"}, formula=formula)
    raise source.fault(
        f"target {t['name']!r} is read by {', '.join(_kinds(steps))}, for which hakken has no word; "
        f"say what is wanted of it: --target {t['name']}:maximize or --target {t['name']}:minimize"
    )


def _is_flat(steps: Steps) -> bool:
    """Whether a step has the same value everywhere."""
    by_kind = {"AffineTransformation": "factor", "PowerTransformation": "exponent"}
    return any(step["type"] in by_kind and not step[by_kind[step["type"]]] for step in steps)


def _match(t: Mapping[str, Any], steps: Steps, wanted: Sense) -> Merit:
    """A value to be matched; of a triangle also how far from it nothing is worth anything."""
    if (plain := _pointed(steps)) and not is_minimised(t):
        return Merit(plain)
    typed = (t.get("constructor_info") or {}).get("match_value")
    value = float(wanted.at or 0.0) if typed is None else float(typed)
    shape = ", ".join(_kinds(steps))
    left = f"{t['name']}: the shape of its match ({shape}); the nearer, the better"
    return Merit({"goal": "match", "value": value}, (left,))


def _one_side(t: Mapping[str, Any], steps: Steps, wanted: Sense) -> Merit:
    """One side of a match: values count up to the one that is wanted, and no more beyond it."""
    side, kinds = "above" if wanted.goal == "maximize" else "below", ", ".join(_kinds(steps))
    left = f"{t['name']}: its shape ({kinds}), and that values {side} {wanted.at:g} count no more"
    return Merit({"goal": wanted.goal}, (left,))


def _kinds(steps: Steps) -> list[str]:
    return [step["type"] for step in steps]


def _on_scale(line: Line) -> dict[str, str]:
    return {"scale": "log"} if line.is_log else {}
