"""Objectives of BayBE in hakken's words: directions, ramps, values to be matched, and how they are weighed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flows.importing.baybe.senses import sense
from flows.importing.foreign import Entry
from flows.importing.parameters import Names
from flows.importing.source import Source

_LINEAR = ("IdentityTransformation", "AffineTransformation")


@dataclass(frozen=True)
class Wanted:
    """The targets, and what was not carried over. ``by_name`` are BayBE's own names with what is said of each."""

    targets: tuple[Entry, ...]
    by_name: Mapping[str, Mapping[str, Any]]
    tradeoff: str
    left: tuple[str, ...]
    notes: tuple[str, ...]

    def value(self, target: str, cell: Any) -> float | None:
        """A measured cell as a number; of a binary target 1 for its success."""
        if cell is None:
            return None
        said = self.by_name[target]
        if said.get("type") == "BinaryTarget":
            if cell not in (said["success_value"], said["failure_value"]):
                raise ValueError(f"target {target!r}: {cell!r} is neither success nor failure")
            return float(cell == said["success_value"])
        return float(cell)


def read_objective(source: Source, data: Mapping[str, Any] | None, names: Names) -> Wanted:
    """The objective. Raises ``ImportFault`` where there is none, or one of an unknown kind."""
    if not data:
        raise source.fault("the campaign has no objective, so nothing says what is measured; add one and save it anew")
    kind = data["type"]
    if kind not in ("SingleTargetObjective", "ParetoObjective", "DesirabilityObjective"):
        raise source.fault(f"an objective of kind {kind!r} is not known; use a single target, Pareto or desirability")
    raw = [data["target"]] if kind == "SingleTargetObjective" else list(data["targets"])
    if not raw:
        raise source.fault("the objective names no target; add one and save it anew")
    by_name = {t["name"]: t for t in raw}
    source.refuse_goal()
    source.check_goals(list(by_name))
    weights = data.get("weights") or [1.0] * len(raw)
    is_mean = data.get("scalarizer", "GEOM_MEAN") == "MEAN"
    tradeoff = "" if kind != "DesirabilityObjective" else "weighted" if is_mean else "desirability"
    left: list[str] = []
    notes: list[str] = []
    merits = {t["name"]: _merit(t, left, source) for t in raw}
    if tradeoff and (bare := [n for n, m in merits.items() if "desirable" not in m and "within" not in m]):
        left.append(
            f"the desirability: {', '.join(bare)} has no range from worth nothing to worth everything; "
            "the front of all targets is sought instead"
        )
        tradeoff = ""
    if tradeoff == "weighted":
        left.append("that merits are cut off at 0 and 1: a weighted mean counts what lies beyond")
    targets = []
    for t, weight in zip(raw, weights, strict=True):
        keys = dict(merits[t["name"]])
        if given := source.goal(t["name"]):
            keys = {k: v for k, v in keys.items() if k not in ("value", "within", "desirable")} | {"goal": given}
        if not tradeoff and "desirable" in keys:
            low, high = sorted(keys.pop("desirable").values())
            left.append(f"{t['name']}: that values beyond {low:g} and {high:g} count no more")
        if tradeoff and weight != 1.0:
            keys["weight"] = float(weight)
        meta = t.get("metadata") or {}
        unit, unknown = names.unit(t["name"], meta.get("unit"))
        said = (meta["description"],) if meta.get("description") else ()
        keys = {"goal": keys.pop("goal")} | unit | keys
        if t.get("type") == "BinaryTarget":
            notes.append(f"{t['name']}: 1 stands for {t['success_value']!r}, 0 for {t['failure_value']!r}")
        targets.append(Entry(names[t["name"]], keys, (*names.comments(t["name"]), *unknown, *said)))
    return Wanted(tuple(targets), by_name, tradeoff, tuple(left), tuple(notes))


def _merit(t: Mapping[str, Any], left: list[str], source: Source) -> dict[str, Any]:
    """Goal and range of one target: ``goal``, and ``value`` and ``within``, or ``desirable``, or ``levels``.

    Raises ``ImportFault`` where hakken has no word for what is wanted and the person has not said it.
    """
    if t.get("type") == "BinaryTarget":
        return {"goal": "maximize", "levels": [0.0, 1.0]}
    if t.get("mode"):
        return _old_merit(t, left)
    name, is_down, how = t["name"], bool(t.get("minimize")), t.get("transformation") or {"type": _LINEAR[0]}
    steps = how["transformations"] if how["type"] == "ChainedTransformation" else [how]
    kinds = [s["type"] for s in steps]
    info = t.get("constructor_info") or {}
    if kinds == ["AffineTransformation", "ClampingTransformation"] and steps[0]["factor"]:
        factor, shift, ends = steps[0]["factor"], steps[0]["shift"], steps[1]["cutoffs"]
        if info.get("constructor") == "normalized_ramp":  # as typed, without the rounding of factor and shift
            worst, best = sorted(info["cutoffs"], reverse=bool(info.get("descending")))
        else:
            worst, best = ((ends[e] - shift) / factor for e in ("lower", "upper"))
        worst, best = (best, worst) if is_down else (worst, best)
        return {
            "goal": "maximize" if best > worst else "minimize",
            "desirable": {"from": float(worst), "to": float(best)},
        }
    wanted = sense(steps, is_down=is_down)
    if not wanted.goal:
        given = source.goal(name)
        if not given:
            away = f"is to keep away from {wanted.at:g}" if wanted.at is not None else f"is read by {', '.join(kinds)}"
            raise source.fault(
                f"target {name!r} {away}, for which hakken has no word; "
                f"say what is wanted of it: --target {name}:maximize or --target {name}:minimize"
            )
        left.append(f"{name}: its shape ({', '.join(kinds)}); values are learnt as measured")
        return {"goal": given}
    triangle = steps[-1] if kinds[-1] == "TriangularTransformation" and len(kinds) < 3 and not is_down else None
    if wanted.goal == "match":
        typed = info.get("match_value")
        value = float(wanted.at or 0.0) if typed is None else float(typed)
        if triangle is None or len(kinds) > 1:
            left.append(f"{name}: the shape of its match ({', '.join(kinds)}); the nearer, the better")
            return {"goal": "match", "value": value}
        ends = triangle["cutoffs"]
        width = max(triangle["peak"] - ends["lower"], ends["upper"] - triangle["peak"])
        if triangle["peak"] - ends["lower"] != ends["upper"] - triangle["peak"]:
            left.append(
                f"{name}: that a match falls off differently to both sides ({ends['lower']:g}, {ends['upper']:g})"
            )
        return {"goal": "match", "value": float(triangle["peak"]), "within": float(width)}
    if wanted.at is not None:  # one side of a match
        if triangle is not None and kinds[0] == "ClampingTransformation":
            worst = triangle["cutoffs"]["lower" if wanted.goal == "maximize" else "upper"]
            return {"goal": wanted.goal, "desirable": {"from": float(worst), "to": float(triangle["peak"])}}
        side = "above" if wanted.goal == "maximize" else "below"
        left.append(f"{name}: its shape ({', '.join(kinds)}), and that values {side} {wanted.at:g} count no more")
        return {"goal": wanted.goal}
    left += [f"{name}: its {kind}; values are learnt as measured" for kind in kinds if kind not in _LINEAR]
    return {"goal": wanted.goal}


def _old_merit(t: Mapping[str, Any], left: list[str]) -> dict[str, Any]:
    """The same in the words of 0.13: mode, bounds and transformation."""
    ends = t.get("bounds") or {}
    low, high = (float(ends.get(e, "nan")) for e in ("lower", "upper"))
    is_bounded = abs(low) < float("inf") and abs(high) < float("inf")
    match t["mode"]:
        case "MATCH" if is_bounded:
            if t.get("transformation") != "TRIANGULAR":
                left.append(f"{t['name']}: the shape of its match ({t.get('transformation')}); the nearer, the better")
            return {"goal": "match", "value": (low + high) / 2, "within": (high - low) / 2}
        case "MAX":
            return {"goal": "maximize"} | ({"desirable": {"from": low, "to": high}} if is_bounded else {})
        case "MIN":
            return {"goal": "minimize"} | ({"desirable": {"from": high, "to": low}} if is_bounded else {})
    raise ValueError(f"target {t['name']!r} has mode {t['mode']!r} and bounds {ends!r}, which is not known")
