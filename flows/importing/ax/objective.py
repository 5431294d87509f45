"""Objectives and constraints of Ax in hakken's words: expressions of metrics, thresholds, weights."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flows.importing.foreign import Entry
from flows.importing.parameters import Names
from flows.importing.source import Source

Terms = tuple[tuple[str, float], ...]  # metric or parameter, and its weight
_NUMBER: Final = r"\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?"
_TERM: Final = re.compile(
    rf"(?P<sign>[-+]*)(?:(?P<factor>[-+]?(?:{_NUMBER}))\*)?(?:§(?P<known>\d+)§|(?P<name>[^\W\d][\w.]*))"
)


@dataclass(frozen=True)
class Objective:
    """Targets as a campaign file has them, Ax's names of them, and what was not carried over."""

    targets: tuple[Entry, ...]
    metrics: tuple[str, ...]
    tradeoff: str
    left: tuple[str, ...]


def read_objective(
    source: Source,
    config: Mapping[str, Any] | None,
    names: Names,
    known: Sequence[str],
    baseline: Mapping[str, float],
) -> Objective:
    """The optimisation config of an experiment, whose metrics are called ``known``.

    ``baseline`` is what was measured of the arm that relative limits are relative to, by metric.

    Raises:
        ImportFault: There is none, and the person does not say what is wanted either.
    """
    if not config:
        return _unconfigured(source, names, known)
    source.refuse_goal()
    left: list[str] = []
    wanted = _wanted(config["objective"], known)
    weights = {name: weight for terms in wanted for name, weight in terms}
    goals = {n: "maximize" if w > 0 else "minimize" for n, w in weights.items() if w}
    keys: dict[str, dict[str, Any]] = {name: {"goal": goal} for name, goal in goals.items()}
    tradeoff = ""
    if len(wanted) == 1 and len(keys) > 1:
        tradeoff = "weighted"
        for name, weight in weights.items():
            ends = {"from": 0.0, "to": 1.0} if weight > 0 else {"from": 1.0, "to": 0.0}
            keys[name] |= {"weight": abs(weight), "desirable": ends}
    elif len(wanted) == 1 and (scale := abs(next(iter(weights.values())))) != 1.0:
        left.append(f"the objective's factor of {scale:g}, which changes no order")
    elif any(len(terms) > 1 for terms in wanted):
        sums = [" ".join(f"{w:+g} {n}" for n, w in terms) for terms in wanted if len(terms) > 1]
        left.append(f"sums among several objectives ({'; '.join(sums)}): each metric is a target of its own")
    thresholds = [*(config.get("objective_thresholds") or ()), *(config.get("outcome_constraints") or ())]
    comments: dict[str, str] = {}
    for rule in thresholds:
        _limit(rule, keys, left, baseline, comments)
    for name, goal in source.goals.items():
        if name in keys and goal:
            keys[name] |= {"goal": goal}
    source.check_goals(list(keys))
    return Objective(_entries(keys, names, comments), tuple(keys), tradeoff, tuple(left))


def _unconfigured(source: Source, names: Names, known: Sequence[str]) -> Objective:
    """What the person wants of an experiment that says nothing of it."""
    if not source.goals:
        metrics = f"of its metrics {', '.join(known)}" if known else "with the name of what is to be measured"
        raise source.fault(
            "the experiment has no optimisation config, so nothing says what is wanted; "
            f"give --target NAME:maximize, or minimize, {metrics}; or call configure_optimization and save it anew"
        )
    if known:  # of one that is only begun nothing was measured yet
        source.check_goals(list(known))
    keys = {name: {"goal": source.goal_unsaid(name)} for name in source.goals}
    return Objective(_entries(keys, names, {}), tuple(keys), "", ())


def _entries(keys: Mapping[str, dict[str, Any]], names: Names, comments: Mapping[str, str]) -> tuple[Entry, ...]:
    """Targets with what is said of each, by Ax's names."""
    found = []
    for name, said in keys.items():
        unit, unknown = names.unit(name)
        beside = (*names.comments(name), *unknown, *filter(None, [comments.get(name)]))
        found.append(Entry(names[name], {"goal": said["goal"]} | unit | said, beside))
    return tuple(found)


def linear(text: str, known: Sequence[str]) -> Terms:
    """The terms of ``"2.0 * a - b"``, where ``known`` are names that may hold any character.

    Raises:
        ValueError: It is no weighted sum of names.
    """
    return _terms(_masked(text, known), known)


def _masked(text: str, known: Sequence[str]) -> str:
    """The text with known names replaced by their numbers in the list, longer ones first, and without spaces."""
    for name in sorted(known, key=len, reverse=True):
        text = re.sub(rf"(?<![\w§]){re.escape(name)}(?![\w§])", f"§{known.index(name)}§", text)
    return text.replace(" ", "")


def _terms(text: str, known: Sequence[str]) -> Terms:
    terms: list[tuple[str, float]] = []
    rest = text
    while rest:
        match = _TERM.match(rest)
        if match is None or (terms and not match["sign"]):
            raise ValueError(f"{text!r} is no weighted sum of names")
        name = known[int(match["known"])] if match["known"] is not None else match["name"]
        sign = -1.0 if match["sign"].count("-") % 2 else 1.0
        terms.append((name, sign * float(match["factor"] or 1.0)))
        rest = rest[match.end() :]
    return tuple(terms)


def _wanted(data: Mapping[str, Any], known: Sequence[str]) -> list[Terms]:
    """Each objective as the sum that is to be maximised."""
    if "expression" in data:  # since 1.3
        return [_terms(part, known) for part in _masked(data["expression"], known).split(",")]
    match data["__type"]:
        case "MultiObjective":
            return [terms for one in data["objectives"] for terms in _wanted(one, known)]
        case "ScalarizedObjective":
            sign = -1.0 if data.get("minimize") else 1.0
            pairs = zip(data["metrics"], data["weights"], strict=True)
            return [tuple((m["name"], sign * float(w)) for m, w in pairs)]
        case "Objective":
            return [((data["metric"]["name"], -1.0 if data.get("minimize") else 1.0),)]
    raise ValueError(f"an objective of kind {data['__type']!r} is not known")


def _limit(
    rule: Mapping[str, Any],
    keys: dict[str, dict[str, Any]],
    left: list[str],
    baseline: Mapping[str, float],
    comments: dict[str, str],
) -> None:
    """A threshold of a metric; one that is no objective becomes a target to be kept."""
    if "expression" in rule and "metric" not in rule:
        left.append(f"the constraint {rule['expression']}")
        return
    if "metrics" in rule:
        named = " + ".join(f"{w:g} {m['name']}" for m, w in zip(rule["metrics"], rule["weights"], strict=True))
        left.append(f"the constraint on a sum of metrics: {named} {_sign(rule)} {rule['bound']:g}")
        return
    name, bound = rule["metric"]["name"], float(rule["bound"])
    if rule["__type"] == "ScalarizedOutcomeConstraint":  # Ax 1.3 saves the first metric of the sum, and no weights
        left.append(
            f"the constraint on a sum of metrics that begins with {name} {_sign(rule)} {bound:g}: Ax did not save the "
            "others and their weights"
        )
        return
    if rule.get("relative"):
        if (measured := baseline.get(name)) is None:
            left.append(
                f"the constraint {name} {_sign(rule)} {bound:g} % relative to the baseline, which was not measured"
            )
            return
        comments[name] = f"{bound:+g} % relative to the baseline, of which {measured:g} was measured first"
        bound = float(f"{measured + bound / 100 * abs(measured):.12g}")
    side = "at_least" if rule["op"]["name"] == "GEQ" else "at_most"
    keys.setdefault(name, {"goal": "keep"})[side] = bound


def _sign(rule: Mapping[str, Any]) -> str:
    return ">=" if rule["op"]["name"] == "GEQ" else "<="
