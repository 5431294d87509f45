"""Objectives of BayBE in hakken's words: directions, ramps, values to be matched, and how they are weighed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flows.importing.baybe.merits import merit_of
from flows.importing.foreign import Entry
from flows.importing.parameters import Names
from flows.importing.source import Source


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
        return _unsaid(source, names)
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
    merits = {t["name"]: merit_of(t, source) for t in raw}
    left = [said for merit in merits.values() for said in merit.left]
    notes: list[str] = []
    if tradeoff and (bare := [n for n, m in merits.items() if not _is_bounded(m.keys)]):
        left.append(
            f"the desirability: {', '.join(bare)} has no range from worth nothing to worth everything; "
            "the front of all targets is sought instead"
        )
        tradeoff = ""
    if tradeoff == "weighted":
        left.append("that merits are cut off at 0 and 1: a weighted mean counts what lies beyond")
    targets = []
    for t, weight in zip(raw, weights, strict=True):
        keys = dict(merits[t["name"]].keys)
        if given := source.goal(t["name"]):
            keys = {k: v for k, v in keys.items() if k not in ("value", "within", "desirable")} | {"goal": given}
        if not tradeoff and "desirable" in keys:
            ends = [f"{end:g}" for end in sorted(keys.pop("desirable").values()) if math.isfinite(end)]
            left.append(f"{t['name']}: that values beyond {' and '.join(ends)} count no more")
        if tradeoff and weight != 1.0:
            keys["weight"] = float(weight)
        meta = t.get("metadata") or {}
        unit, unknown = names.unit(t["name"], meta.get("unit"))
        said = (str(meta["description"]),) if meta.get("description") else ()
        keys = {"goal": keys.pop("goal")} | unit | keys
        if t.get("type") == "BinaryTarget":
            notes.append(f"{t['name']}: 1 stands for {t['success_value']!r}, 0 for {t['failure_value']!r}")
        targets.append(Entry(names[t["name"]], keys, (*names.comments(t["name"]), *unknown, *said)))
    return Wanted(tuple(targets), by_name, tradeoff, tuple(left), tuple(notes))


def _is_bounded(keys: Mapping[str, Any]) -> bool:
    """Whether a target has a range from worth nothing to worth everything."""
    return "within" in keys or all(map(math.isfinite, keys.get("desirable", {"to": math.inf}).values()))


def _unsaid(source: Source, names: Names) -> Wanted:
    """What the person wants of a campaign that says nothing of it."""
    if not source.goals:
        raise source.fault(
            "the campaign has no objective, so nothing says what is measured; give --target NAME:maximize, or "
            "minimize, or add one and save it anew"
        )
    targets = []
    for name in source.goals:
        unit, unknown = names.unit(name)
        keys = {"goal": source.goal_unsaid(name)} | unit
        targets.append(Entry(names[name], keys, (*names.comments(name), *unknown)))
    return Wanted(tuple(targets), {name: {} for name in source.goals}, "", (), ())
