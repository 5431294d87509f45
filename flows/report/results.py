"""Observations as results: numbered in the order run, with settings that carry their units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import assert_never

from flows.report.content import Kind, Reading, Result, Setting, Target
from loop.errors import ObjectiveError
from loop.outcome import Fault, FaultKind, Measured, Measurement, Negative, Outcome
from loop.record import Json, ObservationRecord, Settings

_SIGNS = {"maximize": 1, "maximise": 1, "minimize": -1, "minimise": -1}


def read_targets(spec: Json) -> tuple[Target, ...]:
    """The targets of a resolved spec, in its order.

    Raises:
        ObjectiveError: A goal has no direction.
    """
    targets = []
    for name, wanted in (spec.get("objective") or {}).items():
        goal = str(wanted.get("goal", "maximize"))
        if goal not in _SIGNS:
            raise ObjectiveError(f"target {name!r}: a report needs the goal maximize or minimize, got {goal!r}")
        targets.append(Target(name, str(wanted.get("unit") or ""), _SIGNS[goal]))
    return tuple(targets)


def read_units(spec: Json) -> dict[str, str]:
    """Unit by parameter, for those that have one."""
    space = spec.get("space") or {}
    return {
        name: str(entry["unit"]) for name, entry in space.items() if isinstance(entry, Mapping) and entry.get("unit")
    }


def with_units(settings: Settings, units: Mapping[str, str]) -> tuple[Setting, ...]:
    """Settings in their own order, each with its unit; a label never has one."""
    return tuple(
        Setting(name, value, "" if isinstance(value, str) else units.get(name, "")) for name, value in settings.items()
    )


def read_results(
    observations: Iterable[ObservationRecord], targets: Iterable[Target], units: Mapping[str, str]
) -> tuple[Result, ...]:
    """Every observation as a result, told ones first in the order told, then in the order run."""
    told, run = [], []
    for observation in observations:
        (told if observation.key is None else run).append(observation)
    run.sort(key=lambda o: (o.round_number, o.run_order, o.position, o.replicate_no, o.attempt_no))
    names = [target.name for target in targets]

    numbers: dict[object, int] = {}
    results = []
    for o in (*told, *run):
        experiment = o.id if o.key is None else (o.round_number, o.position, o.replicate_no)
        number = numbers.setdefault(experiment, len(numbers) + 1)
        kind, message, fault, informative, measurements = _read(o.outcome)
        results.append(
            Result(
                id=o.id,
                experiment=number,
                candidate_id=o.candidate_id,
                settings=with_units(o.settings, units),
                smiles=o.smiles,
                arm=o.arm,
                is_told=o.key is None,
                kind=kind,
                readings=_readings(measurements, names),
                message=message,
                fault=fault,
                informative=informative,
                source=o.source,
                round_number=o.round_number,
                position=o.position,
                replicate_no=o.replicate_no,
                attempt_no=o.attempt_no,
                recorded=o.recorded,
                retracted=o.retracted,
            )
        )
    return tuple(results)


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


def _readings(measurements: Iterable[Measurement], names: Iterable[str]) -> dict[str, Reading]:
    """The reading of each target: the one without a channel, else the first reported."""
    readings = {}
    ordered = sorted(measurements, key=lambda m: m.channel is not None)  # stable: keeps the order reported
    for name in names:
        for m in ordered:
            if m.property == name:
                readings[name] = Reading(m.canonical, m.canonical_sd, m.n, m.qualifier)
                break
    return readings
