"""Optuna: a study in an SQLite storage or a journal file, with parameters that hang on others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flows.importing.foreign import Entry, Foreign, Reading, Result, fault, label_of, later
from flows.importing.optuna.gates import gates_of
from flows.importing.optuna.storage import SQLITE, Study, Trial, is_journal, read_studies
from flows.importing.parameters import Names, category, number
from flows.importing.source import Source
from loop.wording import plural

_SAMPLERS: Final = ("fixed_params", "constraints")  # system attributes that are read; others are the sampler's own
_LIMIT: Final = "constraints:"  # begins the system attribute of a constraint that has a name


def recognises(source: Source) -> bool:
    """An SQLite file, or a journal."""
    return source.data.startswith(SQLITE) or is_journal(source)


def read(source: Source) -> Foreign:
    """The study in the file, or the one that was named. Raises ``ImportFault``."""
    if not recognises(source):
        raise source.fault("neither an SQLite storage nor a journal file of Optuna; name the storage's own file")
    study = _chosen(source, read_studies(source))
    try:
        return _campaign(source, study)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise source.misplaced(f"study {study.name!r} of Optuna", error) from error


def _chosen(source: Source, studies: Sequence[Study]) -> Study:
    names = ", ".join(s.name for s in studies)
    if source.study:
        found = [s for s in studies if s.name == source.study]
        if not found:
            raise source.fault(f"no study is called {source.study!r}; it has {names or 'none'}")
        return found[0]
    if len(studies) != 1:
        what = f"it holds {len(studies)} studies: {names}; say which with --study" if studies else "it holds no study"
        raise source.fault(what)
    return studies[0]


def _campaign(source: Source, study: Study) -> Foreign:
    names = Names()
    targets = _targets(source, study, names.of_targets())
    left: list[str] = []
    entries = _parameters(source, study, names, left)
    results: list[Result] = []
    pending: list[str] = []
    for trial in study.trials:
        settings = _settings(trial, entries)
        if trial.state in ("RUNNING", "WAITING"):
            asked = trial.system.get("fixed_params") or {}
            pending.append(f"trial {trial.number}: {label_of(settings or asked) or 'not yet chosen'}")
            continue
        missing = [e.name for e in entries.values() if e.name not in settings and _applies(e, settings)]
        if missing:
            said = f"trial {trial.number} ({trial.state}), as it has no value for {', '.join(missing)}"
            left.append(f"{said}: {label_of(settings) or 'nothing'}")
            continue
        results.append(_result(trial, settings, targets, names.of_targets()))
        if results[-1].readings:
            lost = [targets[i].name for i, v in trial.values.items() if not math.isfinite(v)]
            left += [f"trial {trial.number}: its value of {name}, which is no finite number" for name in lost]
    left += _attributes(study, targets, names.of_targets())
    return Foreign(
        format="optuna",
        described=f"the study {study.name!r} of Optuna",
        name=study.name,
        parameters=tuple(entries.values()),
        targets=tuple(targets),
        results=tuple(results),
        pending=tuple(pending),
        left=tuple(left),
        notes=(study.note,) if study.note else (),
    )


def _targets(source: Source, study: Study, names: Names) -> list[Entry]:
    """A target for each direction, then one to be kept for each constraint of the sampler."""
    n = len(study.directions)
    if "NOT_SET" not in study.directions:
        source.refuse_goal()
    called = study.system.get("study:metric_names")
    if not called:
        given = list(source.goals)
        called = given if len(given) == n else ["value"] if n == 1 else [f"value {i}" for i in range(n)]
    source.check_goals(called)
    found = []
    for name, direction in zip(called, study.directions, strict=True):
        said = {"MINIMIZE": "minimize", "MAXIMIZE": "maximize"}.get(direction, source.goal_of_all)
        goal = source.goal(name) or said
        if not goal:
            raise source.fault(
                f"study {study.name!r} has no direction for {name!r}; give one with --target {name}:maximize"
            )
        unit, unknown = names.unit(name)
        found.append(Entry(names[name], {"goal": goal} | unit, (*names.comments(name), *unknown)))
    kept = {"goal": "keep", "at_most": 0.0}
    comment = "a constraint of the sampler: kept at zero or below"
    limits = dict.fromkeys(limit for trial in study.trials for limit in _limits(trial))
    return [*found, *(Entry(names[limit], kept, (*names.comments(limit), comment)) for limit in limits)]


def _limits(trial: Trial) -> dict[str, float]:
    """Constraints of the sampler by what their targets are called: numbered, or since Optuna 5 by name."""
    numbered = {f"constraint {i}": float(v) for i, v in enumerate(trial.system.get("constraints") or ())}
    named = {k.removeprefix(_LIMIT): float(v) for k, v in trial.system.items() if k.startswith(_LIMIT)}
    return numbered | {f"constraint {name}": value for name, value in named.items()}


def _parameters(source: Source, study: Study, names: Names, left: list[str]) -> dict[str, Entry]:
    """By Optuna's names; those that only some trials have come with ``when``."""
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for trial in study.trials:
        for name, kind in trial.distributions.items():
            kinds.setdefault(name, []).append(kind)
    if not kinds:
        raise source.fault(
            f"study {study.name!r} has no trial with parameters, and Optuna keeps its space in them; run one first"
        )
    entries = {name: _parameter(source, name, found, study.trials, names) for name, found in kinds.items()}
    for name, gate in gates_of(study.trials, entries).items():
        entry = entries[name]
        if gate is None:
            left.append(f"{entry.name}: when it applies; only some trials have it, and no one or two others say which")
            continue
        keys = dict(entry.keys) | {"when": {names[parent]: list(values) for parent, values in gate.when.items()}}
        entries[name] = Entry(entry.name, keys, (*entry.comments, *gate.comments))
    return entries


def _parameter(
    source: Source, name: str, kinds: Sequence[Mapping[str, Any]], trials: Sequence[Trial], names: Names
) -> Entry:
    """From all its distributions: a define-by-run study may give a parameter another range in each trial."""
    kind, first = kinds[0]["name"], kinds[0]["attributes"]
    if kind == "CategoricalDistribution":
        return category(names, name, first["choices"])
    if not kind.endswith(("FloatDistribution", "IntDistribution", "UniformDistribution")):
        raise source.fault(f"parameter {name!r} has a distribution of kind {kind!r}, which is not known")
    attributes = [k["attributes"] for k in kinds]
    ends = {(a["low"], a["high"]) for a in attributes}
    steps = {a.get("step", a.get("q")) for a in attributes}
    step = steps.pop() if len(steps) == 1 else None
    if kind.startswith("Int"):
        step = step or 1
    comments = ["its range differed between trials: the widest is written"] if len(ends) > 1 else []
    if steps:
        comments.append("its step differed between trials, so none is written")
    return number(
        names,
        name,
        *comments,
        bounds=(min(low for low, _ in ends), max(high for _, high in ends)),
        step=step,
        log=bool(first.get("log")) or "Log" in kind,
        seen=[t.params[name] for t in trials if name in t.params],
    )


def _settings(trial: Trial, entries: Mapping[str, Entry]) -> dict[str, str | float]:
    found: dict[str, str | float] = {}
    for name, value in trial.params.items():
        entry = entries[name]
        found[entry.name] = value if entry.keys["type"] == "number" else entry.keys["options"][int(value)]
    return found


def _applies(entry: Entry, settings: Mapping[str, str | float]) -> bool:
    return all(settings.get(parent) in values for parent, values in (entry.keys.get("when") or {}).items())


def _result(trial: Trial, settings: Mapping[str, str | float], targets: Sequence[Entry], names: Names) -> Result:
    place = f"trial {trial.number}"
    if trial.state == "PRUNED":
        last = max(trial.steps, default=None)
        where = f" at step {last}, where it stood at {trial.steps[last]:g}" if last is not None else ""
        return fault(place, settings, "cancelled", f"pruned{where}")
    if trial.state != "COMPLETE":
        reason = trial.system.get("fail_reason") or ""
        return fault(place, settings, "unknown", f"failed{': ' if reason else ''}{reason}")
    values = {targets[i].name: v for i, v in trial.values.items()}
    values |= {names[limit]: v for limit, v in _limits(trial).items()}
    found = {name: Reading(v) for name, v in values.items() if math.isfinite(v)}
    if not found:
        return fault(place, settings, "unknown", "complete, and its value is no finite number")
    measured = {names[key]: Reading(float(v)) for key, v in trial.user.items() if _is_number(v)}
    ours = {target.name for target in targets}
    further = {name: reading for name, reading in measured.items() if name not in ours}
    return Result(place, settings, found, further=further)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _attributes(study: Study, targets: Sequence[Entry], names: Names) -> list[str]:
    """What trials and the study carry besides."""
    left = []
    ours = {target.name for target in targets}
    numbers = {key for trial in study.trials for key, value in trial.user.items() if _is_number(value)}
    for what in ("user", "system"):
        counts: dict[str, int] = {}
        for trial in study.trials:
            for key in getattr(trial, what):
                counts[key] = counts.get(key, 0) + (key not in _SAMPLERS and not key.startswith(_LIMIT))
        told = {key: f" {later(names[key])}" for key in numbers if what == "user" and names[key] not in ours}
        left += [
            f"{what} attribute {key!r} of {plural(n, 'trial')}{told.get(key, '')}" for key, n in counts.items() if n
        ]
    left += [f"user attribute {key!r} of the study: {value!r}" for key, value in study.user.items()]
    left += [f"system attribute {key!r} of the study" for key in study.system if key != "study:metric_names"]
    if n := sum(bool(t.steps) and t.state == "COMPLETE" for t in study.trials):
        left.append(f"intermediate values of {plural(n, 'complete trial')}")
    return left
