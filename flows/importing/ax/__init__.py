"""Ax: an experiment as ``Client.save_to_json_file`` (or AxClient) and ``save_experiment`` write it, Ax 0.4.3 to 1.3."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from flows.importing.ax.objective import linear, read_objective
from flows.importing.foreign import Entry, Foreign, Reading, Result, fault, label_of, later
from flows.importing.parameters import Names, category, number, option
from flows.importing.source import Source
from loop.wording import plural

_EXPERIMENTS: Final = ("Experiment", "MultiTypeExperiment")
_PENDING: Final = ("CANDIDATE", "STAGED", "RUNNING", "DISPATCHED")
_ENDINGS: Final = {  # of trials that gave no result: the kind of fault, and what is said of it
    "FAILED": ("unknown", "failed"),
    "ABANDONED": ("cancelled", "abandoned"),
    "EARLY_STOPPED": ("cancelled", "stopped early"),
    "STALE": ("timeout", "stale"),
}


def recognises(source: Source) -> bool:
    """A JSON object that is an experiment of Ax, or has one."""
    return _experiment(source.peek()) is not None


def read(source: Source) -> Foreign:
    """The experiment in the file. Raises ``ImportFault``."""
    data = _experiment(source.json)
    if data is None:
        raise source.fault("not an experiment of Ax: save one with Client.save_to_json_file or save_experiment")
    try:
        return _campaign(source, data)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise source.misplaced("an experiment of Ax", error) from error


def _experiment(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    inner = data.get("experiment") if "_type" in data or "generation_strategy" in data else data
    return inner if isinstance(inner, Mapping) and inner.get("__type") in _EXPERIMENTS else None


def _campaign(source: Source, data: Mapping[str, Any]) -> Foreign:
    names = Names()
    left: list[str] = []
    entries = _parameters(source, data["search_space"]["parameters"], names, left)
    rules = [_constraint(rule, list(entries), names, left) for rule in data["search_space"]["parameter_constraints"]]
    values = _values(data)
    known = {m["name"] for m in data.get("tracking_metrics") or ()} | {m for found in values.values() for m in found}
    baseline = _baseline((data.get("status_quo") or {}).get("name"), values)
    objective = read_objective(
        source,
        data.get("optimization_config"),
        names.of_targets(),
        sorted(known),
        baseline,
        data.get("tracking_metrics") or (),
    )
    results: list[Result] = []
    pending: list[str] = []
    for trial in sorted(data["trials"].values(), key=lambda t: int(t["index"])):
        status = trial["status"]["name"]
        arms = _arms(trial, {arm for index, arm in values if index == int(trial["index"])})
        for arm in arms:
            settings = _settings(arm["parameters"], entries, names)
            found = values.get((int(trial["index"]), arm["name"]), {})
            if status in _PENDING:
                so_far = ", ".join(f"{m} {v:g}" for m, (v, _, _) in found.items() if v is not None)
                pending.append(label_of(settings) + (f" (so far {so_far})" if so_far else ""))
                continue
            place = f"trial {trial['index']}" + (f" arm {arm['name']}" if len(arms) > 1 else "")
            ending = _ending(trial, arm["name"])
            results.append(_result(place, ending, settings, found, objective.metrics, names.of_targets()))
    tracked = sorted({m for found in values.values() for m in found} - set(objective.metrics))
    for metric in tracked:
        n = sum(metric in found for found in values.values())
        values_of_it = f"{plural(n, 'value')} {later(names.of_targets()[metric])}"
        left.append(f"metric {metric}, which is tracked and no target: {values_of_it}")
    if n := sum(any(steps > 1 for _, _, steps in found.values()) for found in values.values()):
        left.append(f"values of earlier steps of {plural(n, 'experiment')}: the last counts")
    if data.get("status_quo"):
        left.append(f"that {label_of(data['status_quo']['parameters'])} is the baseline")
    if source.json.get("generation_strategy"):
        left.append("the generation strategy with its models")
    return Foreign(
        format="ax",
        described=f"an experiment of Ax called {data.get('name')!r}" if data.get("name") else "an experiment of Ax",
        name=data.get("name") or "",
        description=str(data.get("description") or ""),
        parameters=tuple(entries.values()),
        constraints=tuple(rule for rule in rules if rule is not None),
        targets=objective.targets,
        derived=objective.derived,
        tradeoff=objective.tradeoff,
        results=tuple(results),
        pending=tuple(pending),
        left=(*left, *objective.left),
    )


def _parameters(
    source: Source, parameters: Iterable[Mapping[str, Any]], names: Names, left: list[str]
) -> dict[str, Entry]:
    """By Ax's names; what is fixed is no parameter. Those that others hang on come with ``when``."""
    entries: dict[str, Entry] = {}
    gates: dict[str, dict[str, Any]] = {}
    for p in parameters:
        name = p["name"]
        left += _not_carried_over(p)
        if (entry := _parameter(source, p, names)) is not None:
            entries[name] = entry
        for value, dependents in (p.get("dependents") or {}).items():
            for dependent in dependents:
                gates.setdefault(dependent, {}).setdefault(name, []).append(value)
    for dependent, gate in gates.items():
        if dependent in entries and all(parent in entries for parent in gate):
            when = {names[parent]: [_gate_value(entries[parent], v) for v in values] for parent, values in gate.items()}
            entry = entries[dependent]
            entries[dependent] = Entry(entry.name, dict(entry.keys) | {"when": when}, entry.comments)
    return entries


def _parameter(source: Source, p: Mapping[str, Any], names: Names) -> Entry | None:
    """What may be varied; None for what is fixed or derived. Raises ``ImportFault`` for a kind that is not known."""
    name, kind, is_log = p["name"], p["parameter_type"]["name"], bool(p.get("log_scale"))
    match p["__type"]:
        case "RangeParameter":
            return number(names, name, bounds=(p["lower"], p["upper"]), step=1.0 if kind == "INT" else None, log=is_log)
        case "ChoiceParameter":
            values, is_ordered = p["values"], bool(p.get("is_ordered"))
            if kind in ("INT", "FLOAT") and is_ordered:
                return number(names, name, values=values, log=is_log)
            return category(names, name, values, ordered=is_ordered)
        case "FixedParameter" | "DerivedParameter":
            return None
        case other:
            raise source.fault(
                f"parameter {name!r} is of kind {other!r}, which hakken does not know; leave it out there"
            )


def _not_carried_over(p: Mapping[str, Any]) -> Iterator[str]:
    """What of a parameter hakken has no word for."""
    name = p["name"]
    if what := [word for key, word in (("is_fidelity", "a fidelity"), ("is_task", "a task")) if p.get(key)]:
        wanted = f" (wanted at {p['target_value']})" if p.get("target_value") is not None else ""
        yield f"{name}: that it is {what[0]}{wanted}; models see it as any other parameter"
    for key, word in (("logit_scale", "its logit scale"), ("digits", f"rounding to {p.get('digits')} digits")):
        if p.get(key) not in (None, False):
            yield f"{name}: {word}"
    if p["__type"] == "FixedParameter":
        yield f"{name}: always {p['value']}; what does not vary is no parameter"
    if p["__type"] == "DerivedParameter":
        yield f"{name}: derived as {p['expression_str']}; a parameter of type derived lets models see it"


def _gate_value(parent: Entry, value: Any) -> str | float:
    if parent.keys["type"] == "number":
        return float(value)
    labels = parent.keys["options"]
    words = {"true": "True", "false": "False"}  # as JSON writes the keys of an object
    return option(value) if option(value) in labels else words.get(str(value), str(value))


def _constraint(rule: Mapping[str, Any], known: list[str], names: Names, left: list[str]) -> Entry | None:
    """A weighted sum of parameters under a bound; with its weights, by the kind of constraint, or as text (1.2)."""
    if "constraint_dict" in rule:
        weights, bound, side = rule["constraint_dict"], float(rule["bound"]), "at_most"
    elif rule["__type"] == "OrderConstraint":
        weights, bound, side = {rule["lower_name"]: 1.0, rule["upper_name"]: -1.0}, 0.0, "at_most"
    elif rule["__type"] == "SumConstraint":
        weights, bound = dict.fromkeys(rule["parameter_names"], 1.0), float(rule["bound"])
        side = "at_most" if rule["is_upper_bound"] else "at_least"
    else:
        text = rule.get("inequality") or rule["equality"]
        left_side, sign, right = re.split(r"(<=|>=|==)", text)
        weights, bound = dict(linear(left_side, known)), float(right)
        side = {"<=": "at_most", ">=": "at_least", "==": "equals"}[sign]
    if missing := [n for n in weights if n not in known]:
        left.append(
            f"the constraint {' + '.join(f'{w:g} {n}' for n, w in weights.items())} {side} {bound:g}: no {missing[0]}"
        )
        return None
    return Entry("", {"sum": {names[n]: float(w) for n, w in weights.items()}, side: bound})


def _arms(trial: Mapping[str, Any], measured: Collection[str]) -> list[Mapping[str, Any]]:
    """The trial's arms, each once; a batch has them in several runs of its generators, and before 1.1 its baseline
    beside these. ``measured`` are the names of those with values.
    """
    runs = (
        [trial["generator_run"]]
        if trial.get("generator_run")
        else [
            *(trial.get("generator_runs") or ()),
            *(s["generator_run"] for s in trial.get("generator_run_structs") or ()),
        ]
    )
    arms = {arm["name"]: arm for run in runs for arm in run["arms"]}
    baseline = trial.get("status_quo") or {}  # later versions name the experiment's here, whether or not it was run
    if baseline.get("name") in measured:
        arms.setdefault(baseline["name"], baseline)
    return list(arms.values())


def _ending(trial: Mapping[str, Any], arm: str) -> tuple[str, str]:
    """How the arm ended and why: as its trial, unless it alone was abandoned."""
    if alone := (trial.get("abandoned_arms_metadata") or {}).get(arm):
        return "ABANDONED", alone.get("reason") or ""
    reasons = (trial.get(key) for key in ("status_reason", "failed_reason", "abandoned_reason"))  # the last two: 1.0
    return trial["status"]["name"], next(filter(None, reasons), "")


def _settings(parameters: Mapping[str, Any], entries: Mapping[str, Entry], names: Names) -> dict[str, str | float]:
    return {
        names[name]: float(value) if entries[name].keys["type"] == "number" else option(value)
        for name, value in parameters.items()
        if name in entries and value is not None
    }


def _values(data: Mapping[str, Any]) -> dict[tuple[int, str], dict[str, tuple[float | None, float | None, int]]]:
    """Mean and standard error by trial and arm, then by metric; of several steps the last, and how many there were."""
    found: dict[tuple[int, str], dict[str, tuple[float | None, float | None, int]]] = {}
    for stamped in (data.get("data_by_trial") or {}).values():
        for _, one in sorted(stamped["value"], key=lambda pair: pair[0]):
            frame = json.loads(one["df"]["value"])
            rows = [{column: cells.get(i) for column, cells in frame.items()} for i in frame.get("trial_index", {})]
            rows.sort(key=lambda row: row.get("step") or 0.0)
            steps: dict[tuple[int, str, str], int] = {}
            for row in rows:
                key = (int(row["trial_index"]), str(row["arm_name"]))
                metric = str(row["metric_name"])
                steps[(*key, metric)] = steps.get((*key, metric), 0) + (row.get("step") is not None)
                found.setdefault(key, {})[metric] = (row["mean"], row.get("sem"), steps[(*key, metric)])
    return found


def _baseline(
    name: str | None, values: Mapping[tuple[int, str], Mapping[str, tuple[float | None, float | None, int]]]
) -> dict[str, float]:
    """What was measured of the baseline by metric: the first value, so that a limit stays when trials are added."""
    found: dict[str, float] = {}
    for (_, arm), measured in sorted(values.items(), key=lambda item: item[0]):
        for metric, (mean, _, _) in measured.items():
            if arm == name and mean is not None and math.isfinite(mean):
                found.setdefault(metric, mean)
    return found


def _result(
    place: str,
    ending: tuple[str, str],
    settings: Mapping[str, str | float],
    values: Mapping[str, tuple[float | None, float | None, int]],
    metrics: Collection[str],
    names: Names,
) -> Result:
    """A completed arm with its values, or a fault; what one that ended otherwise had measured stands in its comment."""
    status, reason = ending
    if status != "COMPLETED":
        kind, word = _ENDINGS.get(status, ("unknown", status.lower().replace("_", " ")))
        partly = [
            f"{m} {v:g}{' at its last step' if steps else ''}" for m, (v, _, steps) in values.items() if v is not None
        ]
        return fault(place, settings, kind, "; ".join([word + (f": {reason}" if reason else ""), *partly]))
    found = {
        metric: Reading(mean, sem if sem is not None and math.isfinite(sem) else None)
        for metric, (mean, sem, _) in values.items()
        if mean is not None and math.isfinite(mean)
    }
    readings = {names[metric]: found[metric] for metric in metrics if metric in found}
    if not readings:
        return fault(place, settings, "unknown", "completed, and no target has a value where it comes from")
    further = {names[metric]: reading for metric, reading in found.items() if metric not in metrics}
    return Result(place, settings, readings, further=further)
