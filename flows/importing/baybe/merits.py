"""What a target of BayBE is worth, in hakken's keys: its goal, and the range or the value that is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.importing.baybe.senses import Sense, sense
from flows.importing.source import Source

_LINEAR = ("IdentityTransformation", "AffineTransformation")

_Steps = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Merit:
    """Keys of a campaign file: ``goal``, and ``value`` and ``within``, or ``desirable``, or ``levels``; and what of the
    target they do not say."""

    keys: Mapping[str, Any]
    left: tuple[str, ...] = ()


def merit_of(t: Mapping[str, Any], source: Source) -> Merit:
    """Goal and range of one target.

    Raises ``ImportFault`` where hakken has no word for what is wanted and the person has not said it.
    """
    if t.get("type") == "BinaryTarget":
        return Merit({"goal": "maximize", "levels": [0.0, 1.0]})
    if t.get("mode"):
        return _of_bounds(t)
    how = t.get("transformation") or {"type": _LINEAR[0]}
    steps = how["transformations"] if how["type"] == "ChainedTransformation" else [how]
    kinds = _kinds(steps)
    if kinds == ["AffineTransformation", "ClampingTransformation"] and steps[0]["factor"]:
        return _ramp(t, steps)
    wanted = sense(steps, is_down=bool(t.get("minimize")))
    if not wanted.goal:
        return _as_the_person_says(t["name"], steps, wanted, source)
    if wanted.goal == "match":
        return _match(t, steps, wanted)
    if wanted.at is not None:
        return _one_side(t, steps, wanted)
    if _takes_logarithms(kinds):
        return Merit({"goal": wanted.goal, "scale": "log"})
    left = (f"{t['name']}: its {kind}; values are learnt as measured" for kind in kinds if kind not in _LINEAR)
    return Merit({"goal": wanted.goal}, tuple(left))


def _takes_logarithms(kinds: Sequence[str]) -> bool:
    """Whether values are learnt as their logarithms and nothing else, whatever is multiplied and added afterwards."""
    told = [kind for kind in kinds if kind != "IdentityTransformation"]
    return told[:1] == ["LogarithmicTransformation"] and set(told[1:]) <= set(_LINEAR)


def _of_bounds(t: Mapping[str, Any]) -> Merit:
    """A target in the words of 0.13: mode, bounds and transformation."""
    ends = t.get("bounds") or {}
    low, high = (float(ends.get(e, "nan")) for e in ("lower", "upper"))
    is_bounded = abs(low) < float("inf") and abs(high) < float("inf")
    match t["mode"]:
        case "MATCH" if is_bounded:
            shape = t.get("transformation")
            left = () if shape == "TRIANGULAR" else (_shape_of_match(t["name"], str(shape)),)
            return Merit({"goal": "match", "value": (low + high) / 2, "within": (high - low) / 2}, left)
        case "MAX":
            return Merit(_to_the_best("maximize", low, high) if is_bounded else {"goal": "maximize"})
        case "MIN":
            return Merit(_to_the_best("minimize", high, low) if is_bounded else {"goal": "minimize"})
    raise ValueError(f"target {t['name']!r} has mode {t['mode']!r} and bounds {ends!r}, which is not known")


def _ramp(t: Mapping[str, Any], steps: _Steps) -> Merit:
    """A straight line between two ends, and flat beyond them."""
    factor, shift, ends = steps[0]["factor"], steps[0]["shift"], steps[1]["cutoffs"]
    info = t.get("constructor_info") or {}
    if info.get("constructor") == "normalized_ramp":  # as typed, without the rounding of factor and shift
        worst, best = sorted(info["cutoffs"], reverse=bool(info.get("descending")))
    else:
        worst, best = ((ends[e] - shift) / factor for e in ("lower", "upper"))
    worst, best = (best, worst) if t.get("minimize") else (worst, best)
    return Merit(_to_the_best("maximize" if best > worst else "minimize", worst, best))


def _as_the_person_says(name: str, steps: _Steps, wanted: Sense, source: Source) -> Merit:
    """The goal given on the command line, of a target that hakken has no word for."""
    kinds = ", ".join(_kinds(steps))
    if given := source.goal(name):
        return Merit({"goal": given}, (f"{name}: its shape ({kinds}); values are learnt as measured",))
    away = f"is to keep away from {wanted.at:g}" if wanted.at is not None else f"is read by {kinds}"
    raise source.fault(
        f"target {name!r} {away}, for which hakken has no word; "
        f"say what is wanted of it: --target {name}:maximize or --target {name}:minimize"
    )


def _match(t: Mapping[str, Any], steps: _Steps, wanted: Sense) -> Merit:
    """A value to be matched; of a triangle also how far from it nothing is worth anything."""
    name, triangle = t["name"], _triangle(t, steps)
    if triangle is None or len(steps) > 1:
        typed = (t.get("constructor_info") or {}).get("match_value")
        value = float(wanted.at or 0.0) if typed is None else float(typed)
        return Merit({"goal": "match", "value": value}, (_shape_of_match(name, ", ".join(_kinds(steps))),))
    ends = triangle["cutoffs"]
    below, above = triangle["peak"] - ends["lower"], ends["upper"] - triangle["peak"]
    left = f"{name}: that a match falls off differently to both sides ({ends['lower']:g}, {ends['upper']:g})"
    keys = {"goal": "match", "value": float(triangle["peak"]), "within": float(max(below, above))}
    return Merit(keys, (left,) if below != above else ())


def _one_side(t: Mapping[str, Any], steps: _Steps, wanted: Sense) -> Merit:
    """One side of a match: values count up to the one that is wanted, and no more beyond it."""
    triangle = _triangle(t, steps)
    if triangle is not None and steps[0]["type"] == "ClampingTransformation":
        worst = triangle["cutoffs"]["lower" if wanted.goal == "maximize" else "upper"]
        return Merit(_to_the_best(wanted.goal, worst, triangle["peak"]))
    side, kinds = "above" if wanted.goal == "maximize" else "below", ", ".join(_kinds(steps))
    left = f"{t['name']}: its shape ({kinds}), and that values {side} {wanted.at:g} count no more"
    return Merit({"goal": wanted.goal}, (left,))


def _triangle(t: Mapping[str, Any], steps: _Steps) -> Mapping[str, Any] | None:
    """The last step where it is a triangle that is read as it stands."""
    is_last = steps[-1]["type"] == "TriangularTransformation" and len(steps) < 3
    return steps[-1] if is_last and not t.get("minimize") else None


def _kinds(steps: _Steps) -> list[str]:
    return [step["type"] for step in steps]


def _to_the_best(goal: str, worst: float, best: float) -> dict[str, Any]:
    return {"goal": goal, "desirable": {"from": float(worst), "to": float(best)}}


def _shape_of_match(name: str, shape: str) -> str:
    return f"{name}: the shape of its match ({shape}); the nearer, the better"
