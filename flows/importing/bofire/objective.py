"""Objectives of BoFire in hakken's words: goals, thresholds of what it calls constrained, how rewards are weighed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flows.cli.starting.yaml_text import exact
from flows.importing.foreign import Entry
from flows.importing.parameters import Names, expressed
from flows.importing.source import Source

_MEANS: Final = {  # strategies that make one number of all rewards
    "AdditiveSoboStrategy": "weighted",
    "MultiplicativeSoboStrategy": "desirability",
}
_LIMITS: Final = ("MaximizeSigmoidObjective", "MinimizeSigmoidObjective", "TargetObjective", "InRangeDesirability")
_KNOWN: Final = (*_MEANS, "SoboStrategy", "MoboStrategy", "QparegoStrategy", "")


@dataclass(frozen=True)
class Objective:
    """Targets as a campaign file has them."""

    targets: tuple[Entry, ...]
    derived: tuple[Entry, ...]
    tradeoff: str
    notes: tuple[str, ...]


def read_objective(
    source: Source,
    outputs: Sequence[Mapping[str, Any]],
    strategy: str,
    names: Names,
    left: list[str],
    *,
    keeps_limits: bool,
) -> Objective:
    """The objective of a domain, as its strategy weighs it. What is not carried over goes to ``left``.

    Where ``keeps_limits`` a sum of rewards counts only what keeps the limits, and has no share of them.

    Raises:
        ImportFault: No output has an objective, or one is of an unknown kind.
    """
    source.refuse_goal()
    tradeoff = _MEANS.get(strategy, "")
    keys: dict[str, dict[str, Any]] = {}
    derived: list[Entry] = []
    units: dict[str, str | None] = {}
    for output in outputs:
        key, objective = output["key"], output.get("objective")
        if objective is None or output["type"] != "ContinuousOutput":
            kind = "an output of words" if objective is not None else "an output without an objective"
            how = (
                " with classes, the ones that are wanted under wanted, and goal: keep" if objective is not None else ""
            )
            left.append(f"{key}, {kind}: make it a target of the campaign file{how} where it is wanted")
            continue
        name, units[key] = expressed(names[key]), output.get("unit")
        if given := source.goal(key):
            keys[key] = {"goal": given}
            continue
        is_limit = objective["type"] in _LIMITS and keeps_limits and tradeoff != "desirability"
        is_share = (bool(tradeoff) and not is_limit) or _is_uneven(objective)
        said, formula = _reward(objective, name, is_mean=tradeoff == "weighted") if is_share else (None, "")
        if said is None:
            keys[key] = _wanted(source, key, objective, left, is_alone=len(outputs) == 1)
        elif formula:
            keys[key] = {"goal": "keep"}
            derived.append(Entry(names[f"merit of {names[key]}"], {"expression": formula} | said))
        else:
            keys[key] = said
    source.check_goals(list(keys))
    if not any(said["goal"] != "keep" for said in [*keys.values(), *(entry.keys for entry in derived)]):
        raise source.fault(
            "no output is to be maximised, minimised or matched, so nothing says what is wanted; say it of one with "
            "--target NAME:maximize, or minimize"
        )
    wanted = [key for key, said in keys.items() if said["goal"] != "keep"]
    notes = []
    if len(wanted) > 1 and not tradeoff and strategy in ("", "SoboStrategy"):
        notes.append(f"the front of {', '.join(wanted)} is sought: a domain does not say how they are weighed")
    if strategy not in _KNOWN and len(wanted) > 1:
        left.append(f"how a {strategy} weighs {', '.join(wanted)}: their front is sought")
    if tradeoff and (bare := [key for key in wanted if not {"desirable", "within"} & set(keys[key])]):
        left.append(
            f"how the strategy weighs outputs: {', '.join(bare)} has no range from worth nothing to worth everything; "
            "the front of all is sought instead"
        )
        tradeoff = ""
        for said in keys.values():
            for part in ("desirable", "within", "weight"):
                said.pop(part, None)
    targets = []
    for key, said in keys.items():
        unit, unknown = names.unit(key, units[key])
        rest = {k: v for k, v in said.items() if k != "goal"}
        targets.append(Entry(names[key], {"goal": said["goal"]} | unit | rest, (*names.comments(key), *unknown)))
    is_one = len(wanted) + len(derived) == 1
    return Objective(tuple(targets), tuple(derived), "" if is_one else tradeoff, tuple(notes))


def _wanted(
    source: Source, key: str, objective: Mapping[str, Any], left: list[str], *, is_alone: bool
) -> dict[str, Any]:
    """What is wanted of an output by itself, or on a front. A limit beside others is the aim where it ``is_alone``."""
    match objective["type"]:
        case "MaximizeSigmoidObjective" if is_alone:
            return {"goal": "maximize"}
        case "MinimizeSigmoidObjective" if is_alone:
            return {"goal": "minimize"}
        case "TargetObjective" if is_alone:
            return {"goal": "match", "value": float(objective["target_value"])}
        case "MaximizeObjective" | "IdentityObjective":
            return {"goal": "maximize"}
        case "MinimizeObjective":
            return {"goal": "minimize"}
        case "MaximizeSigmoidObjective":
            _said_of_sigmoid(key, objective, left)
            return {"goal": "keep", "at_least": float(objective["tp"])}
        case "MinimizeSigmoidObjective":
            _said_of_sigmoid(key, objective, left)
            return {"goal": "keep", "at_most": float(objective["tp"])}
        case "TargetObjective":
            _said_of_sigmoid(key, objective, left)
            value, off = float(objective["target_value"]), float(objective["tolerance"])
            return {"goal": "keep", "at_least": value - off, "at_most": value + off}
        case "InRangeDesirability":
            low, high = map(float, objective["bounds"])
            return {"goal": "keep", "at_least": low, "at_most": high}
        case "MovingMaximizeSigmoidObjective":
            left.append(f"{key}: that only what is near its best so far counts; it is maximised")
            return {"goal": "maximize"}
        case "CloseToTargetObjective":
            return {"goal": "match", "value": float(objective["target_value"])}
        case "IncreasingDesirabilityObjective" | "DecreasingDesirabilityObjective" as kind:
            ends = " and ".join(f"{end:g}" for end in objective["bounds"])
            if objective.get("clip", True):
                left.append(f"{key}: that values beyond {ends} count no more")
            return {"goal": "maximize" if kind.startswith("Increasing") else "minimize"}
        case "PeakDesirabilityObjective":
            (low, high), peak = objective["bounds"], float(objective["peak_position"])
            left.append(f"{key}: the shape of its peak ({low:g}, {peak:g}, {high:g}); the nearer, the better")
            return {"goal": "match", "value": peak}
        case kind:
            raise source.fault(
                f"output {key!r} has an objective of kind {kind!r}, which hakken does not know; say what is wanted of "
                f"it: --target {key}:maximize or --target {key}:minimize"
            )


def _said_of_sigmoid(key: str, objective: Mapping[str, Any], left: list[str]) -> None:
    left.append(f"{key}: that its limit is soft (a steepness of {objective['steepness']:g}); here it holds as it is")


def _is_uneven(objective: Mapping[str, Any]) -> bool:
    """Whether the values on one side of a peak are worth more than those as far from it on the other."""
    if objective["type"] != "PeakDesirabilityObjective":
        return False
    (low, high), peak = objective["bounds"], objective["peak_position"]
    up, down = (objective.get(key, 0.0) for key in ("log_shape_factor", "log_shape_factor_decreasing"))
    return bool(abs((peak - low) - (high - peak)) > 1e-9 * (high - low) or up != down)


def _reward(objective: Mapping[str, Any], name: str, *, is_mean: bool) -> tuple[dict[str, Any] | None, str]:
    """What an output adds to a sum of rewards, or to a product of some: the keys of its target, or those of a formula,
    and the formula; no keys where hakken has no words. Without ``is_mean`` merits are cut off at 0 and 1 anyway.
    """
    weight = {} if objective.get("w", 1.0) == 1.0 else {"weight": float(objective["w"])}
    formula, clips = "", objective.get("clip", True)
    match objective["type"]:
        case "MaximizeObjective" | "IdentityObjective" | "MinimizeObjective" as kind:
            low, high = map(float, objective["bounds"])
            goal, ends = ("minimize", (high, low)) if kind.startswith("Min") else ("maximize", (low, high))
            return {"goal": goal, "desirable": dict(zip(("from", "to"), ends, strict=True))} | weight, ""
        case "IncreasingDesirabilityObjective" | "DecreasingDesirabilityObjective" as kind:
            low, high = map(float, objective["bounds"])
            worst, best = (low, high) if kind.startswith("Increasing") else (high, low)
            goal, shape = "maximize" if best > worst else "minimize", objective.get("log_shape_factor", 0.0)
            if not clips or not (is_mean or shape):
                return {"goal": goal, "desirable": {"from": worst, "to": best}} | weight, ""
            formula = _power(_share(name, worst, best), shape)
        case "PeakDesirabilityObjective":
            (low, high), peak = map(float, objective["bounds"]), float(objective["peak_position"])
            if not clips or not low < peak < high:
                return None, ""
            shapes = [objective.get(key, 0.0) for key in ("log_shape_factor", "log_shape_factor_decreasing")]
            if not (is_mean or any(shapes) or _is_uneven(objective)):
                return {"goal": "match", "value": peak, "within": peak - low} | weight, ""
            up, down = (_power(_share(name, end, peak), shape) for end, shape in zip((low, high), shapes, strict=True))
            formula = f"min({up}, {down})"
        case "MaximizeSigmoidObjective" | "MinimizeSigmoidObjective" as kind:
            formula = _sigmoid(name, objective["tp"], objective["steepness"] * (1 if kind.startswith("Max") else -1))
        case "TargetObjective":
            value, off, steepness = (float(objective[k]) for k in ("target_value", "tolerance", "steepness"))
            sides = (_sigmoid(name, value - off, steepness), _sigmoid(name, value + off, -steepness))
            formula = " * ".join(f"({side})" for side in sides)
        case "CloseToTargetObjective" if is_mean:
            away = f"abs({name} - {exact(objective['target_value'])})"
            power = {"goal": "maximize", "desirable": {"from": 0.0, "to": 1.0}} | weight
            return power, f"-({away} ** {exact(objective['exponent'])})"
        case _:
            return None, ""
    return {"goal": "maximize", "low": 0.0, "high": 1.0} | weight, formula


def _share(name: str, worst: float, best: float) -> str:
    """How far a value lies on the way from ``worst`` to ``best``, from 0 to 1."""
    over = (f"{name} - {exact(worst)}" if worst else name) if best > worst else f"{exact(worst)} - {name}"
    return f"max(0, min(1, ({over}) / {exact(abs(best - worst))}))"


def _power(share: str, log_shape: float) -> str:
    return share if not log_shape else f"{share} ** {exact(math.exp(log_shape))}"


def _sigmoid(name: str, at: float, steepness: float) -> str:
    """1 / (1 + exp(-steepness * (x - at))), so that it overflows nowhere."""
    return f"0.5 + 0.5 * tanh({exact(steepness / 2)} * ({name} - {exact(at)}))"
