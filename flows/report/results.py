"""Observations as results: numbered in the order run, with settings that carry their units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate
from math import sqrt
from statistics import fmean
from typing import assert_never

from flows.labels import arranged
from flows.remarks import beside_label, really_label
from flows.report.content import Attached, Kind, Reading, Result, Setting
from loop.as_written import in_order, written_in
from loop.circumstances import COMPLETES, ran_elsewhere
from loop.classes import CLASSES, Classes
from loop.errors import ObjectiveError
from loop.fidelity import counts
from loop.objective import Goal, Objective, Target, Tradeoff
from loop.outcome import Fault, FaultKind, Measured, Measurement, Negative, Outcome, Qualifier, read_code
from loop.record import Json, ObservationRecord, Settings
from loop.space.expressions import Expression
from loop.units import unit_shown

_NUMBERS = ("low", "high", "at_least", "at_most", "value", "within", "weight")


def read_objective(spec: Json) -> Objective:
    """The objective of a resolved spec, in its order; keys that a later version adds are passed over.

    Raises:
        ObjectiveError: A goal is unknown.
    """
    targets = []
    derived = spec.get("derived") or {}
    for name, wanted in {**(spec.get("objective") or {}), **derived}.items():
        try:
            goal = Goal(wanted.get("goal"))
        except ValueError:
            raise ObjectiveError(
                f"target {name!r}: a report knows the goals {', '.join(Goal)}, got {wanted.get('goal')!r}"
            ) from None
        numbers = {key: wanted[key] for key in _NUMBERS if wanted.get(key) is not None}
        ends = wanted.get("desirable")
        desirable = (ends["from"], ends["to"]) if ends else None
        classes = Classes(wanted["classes"], wanted.get("wanted") or ()) if wanted.get("classes") else None
        unit = unit_shown(str(wanted.get("unit") or ""))
        words = tuple(wanted["words"]) if wanted.get("words") else None
        levels = CLASSES if classes else tuple(wanted["levels"]) if wanted.get("levels") else None
        said = {"levels": levels, "classes": classes, "words": words, "is_log": wanted.get("scale") == "log", **numbers}
        said["is_part"] = bool(derived)  # then what is kept needs no threshold
        if name in derived:
            said["expression"] = Expression(wanted["expression"])
        targets.append(Target(name, goal, unit, desirable=desirable, **said))
    return Objective(tuple(targets), Tradeoff(spec.get("tradeoff") or Tradeoff.PARETO))


def with_units(settings: Settings, spec: Json) -> tuple[Setting, ...]:
    """Settings in the order of the spec, then any others, each with its unit; a label, as a mixture is, has none."""
    space = spec.get("space") or {}
    return tuple(
        Setting(name, value, "" if isinstance(value, str) else unit_shown(str(space.get(name, {}).get("unit") or "")))
        for name, value in arranged(spec, settings).items()
    )


def read_results(
    observations: Iterable[ObservationRecord],
    targets: Iterable[Target],
    spec: Json,
    files: Mapping[str, tuple[Attached, ...]],
) -> tuple[Result, ...]:
    """Every observation as a result in the order run, told ones after what was on record when they were told.

    One that further values joined is not among them: the result of all of them stands in its place.
    """
    asked, written = tuple(targets), written_in(spec.get("space") or {})
    first = _first_of(observations := [*observations])
    joined = {o.context.get(COMPLETES) for o in observations}

    numbers: dict[object, int] = {}
    results = []
    for o in _in_order((o for o in observations if o.id not in joined), first):
        experiment = first[o.id].id if o.key is None else (o.round_number, o.position, o.replicate_no)
        number = numbers.setdefault(experiment, len(numbers) + 1)
        kind, message, fault, informative, measurements = _read(o.outcome)
        results.append(
            Result(
                id=o.id,
                experiment=number,
                candidate_id=o.candidate_id,
                settings=with_units(o.settings, spec),
                smiles={name: o.smiles[name] for name in in_order(o.smiles, written)},
                arm=o.arm,
                is_told=o.key is None,
                kind=kind,
                readings=_readings(measurements, asked),
                message=message,
                fault=fault,
                code="" if fault is None else read_code(o.context),
                informative=informative,
                source=o.source,
                round_number=o.round_number,
                position=o.position,
                replicate_no=o.replicate_no,
                attempt_no=o.attempt_no,
                recorded=o.recorded,
                retracted=o.retracted,
                retracted_by=o.retracted_by,
                retracted_at=o.retracted_at,
                is_as_asked=not ran_elsewhere(spec.get("space") or {}, o.settings, o.context),
                is_real=counts(spec, o.settings),
                files=files.get(o.key or "", ()),
                beside=beside_label(spec, o.settings, o.context, o.outcome),
                really=really_label(spec, o.settings, o.context),
            )
        )
    return tuple(results)


def _first_of(observations: Iterable[ObservationRecord]) -> dict[str, ObservationRecord]:
    """By id, what was first on record of the same measurement: the result that it completes, or itself."""
    found: dict[str, ObservationRecord] = {}
    for o in sorted(observations, key=lambda o: o.entry):
        found[o.id] = found.get(str(o.context.get(COMPLETES)), o)
    return found


def _in_order(
    observations: Iterable[ObservationRecord], first: Mapping[str, ObservationRecord]
) -> list[ObservationRecord]:
    """In the order run; a told one behind those recorded before it, so that telling renumbers no other experiment."""
    told: list[ObservationRecord] = []
    run: list[ObservationRecord] = []
    for observation in observations:
        (told if observation.key is None else run).append(observation)
    run.sort(key=lambda o: (o.round_number, o.run_order, o.position, o.replicate_no, o.attempt_no))
    told.sort(key=lambda o: first[o.id].entry)
    before = list(accumulate((first[o.id].entry for o in reversed(run)), min))[::-1]  # earliest from each place on
    ordered: list[ObservationRecord] = []
    for i, o in enumerate(run):
        while told and first[told[0].id].entry < before[i]:
            ordered.append(told.pop(0))
        ordered.append(o)
    return ordered + told


def _read(outcome: Outcome) -> tuple[Kind, str, FaultKind | None, bool | None, tuple[Measurement, ...]]:
    match outcome:
        case Measured(measurements):
            return Kind.MEASURED, "", None, None, measurements
        case Negative(reason, measurements):
            return Kind.NEGATIVE, reason, None, None, measurements
        case Fault(kind, message, informative):
            return Kind.FAULT, message, kind, informative, ()
        case _:
            assert_never(outcome)


def _readings(measurements: Iterable[Measurement], targets: Iterable[Target]) -> dict[str, Reading]:
    """The reading of each target: the mean of its exact values where it has several channels, else its first limit."""
    reported = list(measurements)
    readings = {}
    for target in targets:
        name = target.name
        mine = [m for m in reported if m.property == name]
        exact = [m for m in mine if m.qualifier is Qualifier.EQUAL]
        if exact:
            known = [m.canonical_sd for m in exact if m.canonical_sd is not None]
            sd = sqrt(sum(s * s for s in known)) / len(exact) if len(known) == len(exact) else None
            words = dict.fromkeys(target.told(m) or "" for m in exact) if target.classes is not None else {}
            mean, n = fmean(m.canonical for m in exact), sum(m.n for m in exact)
            readings[name] = Reading(mean, sd, n, Qualifier.EQUAL, word=" / ".join(words))
        elif mine:
            readings[name] = Reading(mine[0].canonical, mine[0].canonical_sd, mine[0].n, mine[0].qualifier)
    return readings
