"""Objectives of BayBE in hakken's words: directions, ramps, values to be matched, and how they are weighed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flows.cli.starting.yaml_text import exact
from flows.importing.baybe.merits import Merit, merit_of, shape_of, share_of
from flows.importing.foreign import Entry
from flows.importing.parameters import Names, expressed
from flows.importing.source import Source
from loop.space.expressions import LONGEST


@dataclass(frozen=True)
class Wanted:
    """The targets, and what was not carried over. ``by_name`` are BayBE's own names with what is said of each."""

    targets: tuple[Entry, ...]
    derived: tuple[Entry, ...]
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
    left: list[str] = []
    found = _traded_off(data, raw, names, source, left) if kind == "DesirabilityObjective" else None
    if found is None:
        merits = [merit_of(t, expressed(names[t["name"]]), source) for t in raw]
        left += [said for merit in merits for said in merit.left]
        found = _Found([_asked_for(t, merit, source) for t, merit in zip(raw, merits, strict=True)])
    targets, derived = [], []
    for t, merit in zip(raw, found.merits, strict=True):
        keys = {"goal": "keep"} if merit is None or merit.formula else dict(merit.keys)
        targets.append(_target(t, keys, names))
        if merit is not None and merit.formula:
            derived.append(_derived(f"merit of {names[t['name']]}", merit.formula, merit.keys, names))
    if found.product:
        derived.append(_derived("merit of all", found.product, {"goal": "maximize"}, names))
    notes = [
        f"{t['name']}: 1 stands for {t['success_value']!r}, 0 for {t['failure_value']!r}"
        for t in raw
        if t.get("type") == "BinaryTarget"
    ]
    return Wanted(tuple(targets), tuple(derived), by_name, found.tradeoff, tuple(left), tuple(notes))


@dataclass(frozen=True)
class _Found:
    """What is wanted of each target, None where it is only measured, and how they are weighed; ``product`` is what is
    wanted of all as one formula."""

    merits: Sequence[Merit | None]
    tradeoff: str = ""
    product: str = ""


def _traded_off(
    data: Mapping[str, Any], raw: Sequence[Mapping[str, Any]], names: Names, source: Source, left: list[str]
) -> _Found | None:
    """Targets made one by a mean; None, and a word of it, where the front of all of them is to be sought instead."""
    is_mean = data.get("scalarizer", "GEOM_MEAN") == "MEAN"
    weights = [float(weight) for weight in data.get("weights") or [1.0] * len(raw)]
    called = [expressed(names[t["name"]]) for t in raw]
    given = [t["name"] for t in raw if source.goal(t["name"])]
    if given:
        left.append(
            f"the desirability: what {' and '.join(given)} is worth is not said with its goal; the front of all "
            "targets is sought instead"
        )
        return None
    is_normal = bool(data.get("require_normalization", True))
    if not is_mean and not is_normal:
        shares = [shape_of(t, name) for t, name in zip(raw, called, strict=True)]
        exponents = [exact(float(f"{weight / sum(weights):.12g}")) for weight in weights]
        product = " * ".join(f"({share}) ** {part}" for share, part in zip(shares, exponents, strict=True))
        if all(shares) and len(product) <= LONGEST:
            return _Found([None] * len(raw), product=product)
        left.append("the desirability, as a formula too long to be written; the front of all targets is sought instead")
        return None
    merits = [share_of(t, name, is_mean=is_mean, is_normal=is_normal) for t, name in zip(raw, called, strict=True)]
    if unknown := [t["name"] for t, merit in zip(raw, merits, strict=True) if merit is None]:
        left.append(
            f"the desirability: the shape of {', '.join(unknown)} is not known; the front of all targets is sought "
            "instead"
        )
        return None
    weighed = [_weighed(merit, weight) for merit, weight in zip(merits, weights, strict=True) if merit is not None]
    return _Found(weighed, "weighted" if is_mean else "desirability")


def _weighed(merit: Merit, weight: float) -> Merit:
    whole = merit.keys.get("weight", 1.0) * weight
    keys = {key: value for key, value in merit.keys.items() if key != "weight"}
    return replace(merit, keys=keys | ({"weight": whole} if whole != 1.0 else {}))


def _asked_for(t: Mapping[str, Any], merit: Merit, source: Source) -> Merit:
    """The merit with the goal that the person gave, where one was given."""
    if not (given := source.goal(t["name"])):
        return merit
    keys = {key: value for key, value in merit.keys.items() if key not in ("value", "within")}
    return Merit(keys | {"goal": given}, merit.left)


def _target(t: Mapping[str, Any], keys: Mapping[str, Any], names: Names) -> Entry:
    meta = t.get("metadata") or {}
    unit, unknown = names.unit(t["name"], meta.get("unit"))
    said = (str(meta["description"]),) if meta.get("description") else ()
    keys = {"goal": keys["goal"]} | unit | {key: value for key, value in keys.items() if key != "goal"}
    return Entry(names[t["name"]], keys, (*names.comments(t["name"]), *unknown, *said))


def _derived(called: str, formula: str, keys: Mapping[str, Any], names: Names) -> Entry:
    return Entry(names[called], {"expression": formula} | dict(keys))


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
    return Wanted(tuple(targets), (), {name: {} for name in source.goals}, "", (), ())
