"""Objectives and constraints of Ax in hakken's words: expressions of metrics, thresholds, weights."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flows.importing.foreign import Entry
from flows.importing.parameters import Names, added
from flows.importing.source import Source

Terms = tuple[tuple[str, float], ...]  # metric or parameter, and its weight
_NUMBER: Final = r"\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?"
_TERM: Final = re.compile(
    rf"(?P<sign>[-+]*)(?:(?P<factor>[-+]?(?:{_NUMBER}))\*)?(?:§(?P<known>\d+)§|(?P<name>[^\W\d][\w.]*))"
)


@dataclass(frozen=True)
class Objective:
    """Targets as a campaign file has them, Ax's names of those that are measured, and what was not carried over."""

    targets: tuple[Entry, ...]
    derived: tuple[Entry, ...]
    metrics: tuple[str, ...]
    tradeoff: str
    left: tuple[str, ...]


@dataclass
class _Wanted:
    """Gathers what is said of each metric, and of each sum of metrics; what has no words goes to ``left``."""

    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    sums: dict[Terms, dict[str, Any]] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)  # by metric
    left: list[str] = field(default_factory=list)

    def sum(self, terms: Terms, goal: str) -> dict[str, Any]:
        """What is said of a weighted sum, whose metrics are targets to be measured."""
        for name, _ in terms:
            self.keys.setdefault(name, {"goal": "keep"})
        return self.sums.setdefault(terms, {"goal": goal})


def read_objective(
    source: Source,
    config: Mapping[str, Any] | None,
    names: Names,
    known: Sequence[str],
    baseline: Mapping[str, float],
    tracked: Sequence[Mapping[str, Any]],
) -> Objective:
    """The optimisation config of an experiment, whose metrics are called ``known``.

    ``baseline`` is what was measured of the arm that relative limits are relative to, by metric; ``tracked`` are the
    metrics that Ax keeps beside the config.

    Raises:
        ImportFault: There is none, and the person does not say what is wanted either.
    """
    if not config:
        return _unconfigured(source, names, known)
    source.refuse_goal()
    found = _Wanted()
    wanted = _wanted(config["objective"], known)
    tradeoff = "weighted" if len(wanted) == 1 and len(dict(wanted[0])) > 1 else ""
    for terms in wanted:
        if tradeoff:
            found.keys |= {name: _worth(weight) for name, weight in dict(terms).items() if weight}
        elif len(terms) == 1:
            ((name, weight),) = terms
            found.keys.setdefault(name, {})["goal"] = "maximize" if weight > 0 else "minimize"
            if len(wanted) == 1 and abs(weight) != 1.0:
                found.left.append(f"the objective's factor of {abs(weight):g}, which changes no order")
        else:
            found.sum(terms, "maximize")["goal"] = "maximize"
    rules = [*(config.get("objective_thresholds") or ()), *(config.get("outcome_constraints") or ())]
    unsure = _of_lost_sums(config, rules, found.keys, tracked)
    for rule in rules:
        _limit(rule, found, baseline, unsure)
    for name, goal in source.goals.items():
        if name in found.keys and goal:
            found.keys[name] |= {"goal": goal}
    source.check_goals(list(found.keys))
    derived = tuple(_sum_entry(terms, keys, names) for terms, keys in found.sums.items())
    targets = _entries(found.keys, names, found.comments)
    return Objective(targets, derived, tuple(found.keys), tradeoff, tuple(found.left))


def _worth(weight: float) -> dict[str, Any]:
    """What is said of a metric that counts by ``weight`` in the only objective."""
    ends = {"from": 0.0, "to": 1.0} if weight > 0 else {"from": 1.0, "to": 0.0}
    return {"goal": "maximize" if weight > 0 else "minimize", "weight": abs(weight), "desirable": ends}


def _sum_entry(terms: Terms, keys: Mapping[str, Any], names: Names) -> Entry:
    """A weighted sum of metrics as a derived target."""
    called = names[f"sum of {' and '.join(names[name] for name, _ in terms)}"]
    return Entry(called, {"expression": added([(names[name], weight) for name, weight in terms])} | dict(keys))


def _of_lost_sums(
    config: Mapping[str, Any],
    rules: Sequence[Mapping[str, Any]],
    wanted: Mapping[str, Any],
    tracked: Sequence[Mapping[str, Any]],
) -> tuple[str, ...]:
    """Metrics of limits on sums that the file does not have: Ax 1.3 saves of a sum the first metric as if it were all.

    Such a metric is among those that the client made itself, and neither wanted nor limited.
    """
    if "expression" not in config["objective"]:
        return ()
    named = {*wanted, *(rule["metric"]["name"] for rule in rules if "metric" in rule)}
    return tuple(m["name"] for m in tracked if m["__type"] == "MapMetric" and m["name"] not in named)


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
    return Objective(_entries(keys, names, {}), (), tuple(keys), "", ())


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


def _limit(rule: Mapping[str, Any], found: _Wanted, baseline: Mapping[str, float], unsure: Sequence[str]) -> None:
    """A threshold of a metric or of a sum of some; one that is no objective becomes a target to be kept.

    ``unsure`` are metrics of sums that the file lost: then no limit is known to be one of its metric alone.
    """
    if "expression" in rule and "metric" not in rule:
        found.left.append(f"the constraint {rule['expression']}")
        return
    side = "at_least" if rule["op"]["name"] == "GEQ" else "at_most"
    bound, is_relative = float(rule["bound"]), bool(rule.get("relative"))
    said = f"{_sign(rule)} {bound:g}" + (" % relative to the baseline" if is_relative else "")
    if "metrics" in rule:
        terms = tuple((m["name"], float(w)) for m, w in zip(rule["metrics"], rule["weights"], strict=True))
        if is_relative:
            named = " + ".join(f"{w:g} {name}" for name, w in terms)
            found.left.append(f"the constraint on a sum of metrics: {named} {said}")
        else:
            found.sum(terms, "keep")[side] = bound
        return
    name = rule["metric"]["name"]
    if rule["__type"] == "ScalarizedOutcomeConstraint":  # Ax 1.3 saves the first metric of the sum, and no weights
        found.left.append(
            f"the constraint on a sum of metrics that begins with {name} {said}: Ax did not save the others and their "
            "weights"
        )
        return
    if unsure and rule["__type"] == "OutcomeConstraint":
        found.left.append(
            f"the constraint {name} {said}: of a sum of metrics Ax saves the first alone, and {', '.join(unsure)}, "
            "which it has for a limit, is in none; write what was meant into the campaign file (a sum stands under "
            "derived:), and import once more with --keep"
        )
        return
    if is_relative:
        if (measured := baseline.get(name)) is None:
            found.left.append(f"the constraint {name} {said}, which was not measured")
            return
        found.comments[name] = f"{bound:+g} % relative to the baseline, of which {measured:g} was measured first"
        bound = float(f"{measured + bound / 100 * abs(measured):.12g}")
    found.keys.setdefault(name, {"goal": "keep"})[side] = bound


def _sign(rule: Mapping[str, Any]) -> str:
    return ">=" if rule["op"]["name"] == "GEQ" else "<="
