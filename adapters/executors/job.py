"""What every executor shares: the limits of a job, what is refused, and the task that a child process reads."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any, Final

from adapters.common.durable import write_once
from adapters.common.folder import Jobs, reachable, without_room
from adapters.common.limits import excluded
from adapters.compute.evaluation import Evaluator, Request
from loop.contracts import Capabilities, Delivery, Envelope, ExperimentSpec, Finding, Handle, Problem
from loop.errors import did_you_mean
from loop.outcome import Fault, FaultKind, write_outcome

HERE: Final = Path(__file__).resolve().parent
# What a queue's own word for an end says to programs, as ``adapters.executors.carrying`` says it.
_CODES: Final = {FaultKind.TIMEOUT: "timeout", FaultKind.RESOURCE_ERROR: "out_of_memory"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one calculation may take."""

    cores: int = 1
    timeout: float = 600.0  # seconds of wall time, waiting not counted
    memory: int = 2 * 2**30  # bytes


def computing(evaluator: Evaluator, delivery: Delivery, at_once: int) -> Capabilities:
    """What an executor of ``evaluator`` can do; what it may set is the evaluator's to say, in ``problems``."""
    return Capabilities(
        delivery=delivery, max_parallel=at_once, can_cancel=True, is_simulated=False, properties=evaluator.properties
    )


def problems(spec: ExperimentSpec, evaluator: Evaluator, capabilities: Capabilities) -> Sequence[Problem]:
    """Why the evaluator cannot do the experiment."""
    found = excluded(spec, capabilities)
    if evaluator.needs_structure and len(spec.smiles) != 1 and (spec.smiles or not evaluator.may_be_nothing):
        structures = ", ".join(sorted(spec.smiles)) or "none"
        rule = f"{evaluator.name} needs exactly one parameter with a structure, got {structures}"
        named = " and ".join(f"${name}_smiles" for name in sorted(spec.smiles))
        either = (
            f", or ask for {named} in the place of what is of one structure" if evaluator.is_request and named else ""
        )
        found.append(Problem("space", rule, f"let the space have one molecule parameter{either}"))
    found += [
        Problem(f"parameter {name!r}", f"{evaluator.name} has no such setting", "take it out of the space")
        for name in spec.settings
        if evaluator.settings is not None
        and name not in evaluator.settings
        and name not in spec.smiles
        and name.rpartition(".")[0] not in spec.smiles  # reagents of a product
    ]
    found += [
        Problem(
            f"parameter {name!r}",
            f"{evaluator.name} asks for it, and the experiment has no such setting{did_you_mean(name, spec.settings)}",
            "mend the name where it is asked for, or let the space have it, whatever the other settings are",
        )
        for name in sorted(evaluator.asks - {*spec.settings, *(f"{of}_smiles" for of in spec.smiles)})
    ]
    return found


def foreseen(spec: ExperimentSpec, evaluator: Evaluator) -> Sequence[Problem]:
    """Why the evaluator is certain to refuse the experiment once it runs."""
    if not evaluator.foresees:
        return ()
    module, function = evaluator.foresees.split(":")
    request = Request(dict(spec.settings), dict(spec.units), dict(spec.smiles))
    found: Sequence[Problem] = getattr(import_module(module), function)(request, **evaluator.options)
    return found


def task(spec: ExperimentSpec, evaluator: Evaluator, limits: Limits) -> dict[str, Any]:
    """What ``runner.py`` and whoever watches it need to know."""
    request = {"settings": dict(spec.settings), "units": dict(spec.units), "smiles": dict(spec.smiles)}
    return {
        "function": evaluator.function,
        **({"request": request} if evaluator.is_request else {}),
        "smiles": next(iter(spec.smiles.values()), ""),
        "options": dict(evaluator.options),
        "properties": sorted(evaluator.properties),
        "targets": sorted(spec.targets),
        "timeout": limits.timeout,
        "memory": limits.memory,
        "environ": _environ(limits.cores),
        "runner": str(HERE / "runner.py"),
        "path": [entry or os.getcwd() for entry in sys.path],
    }


def missing(evaluator: Evaluator) -> str | None:
    """The package or program that the evaluator lacks here, with the remedy; None where it lacks none."""
    for module, remedy in evaluator.requires.items():
        if find_spec(module) is None:
            return f"{evaluator.name} needs the package {module}; {remedy}"
    for program, remedy in evaluator.programs.items():
        if which(program) is None:
            is_there = _is_there(program)
            how = f", which is there and may not be executed; {_allow(program)}" if is_there else f"; {remedy}"
            return f"{evaluator.name} needs the program {program}{how}"
    return None


def _is_there(program: str) -> bool:
    return "/" in program and Path(program).is_file()


def _allow(program: str) -> str:
    return f"chmod +x {shlex.quote(program)}"


def resting_on(evaluator: Evaluator, *, programs: bool = True) -> Sequence[Finding]:
    """Each package that the evaluator needs here, with its version, and each program, with its place.

    ``programs`` is False where they are looked for on another machine, the one that runs the jobs.
    """
    found = [
        Finding(f"package {module}", "problem", "not installed", remedy)
        if find_spec(module) is None
        else Finding(f"package {module}", "ok", _version(module))
        for module, remedy in evaluator.requires.items()
    ]
    for program, remedy in evaluator.programs.items() if programs else ():
        where = which(program)
        told = (
            Finding(f"program {program}", "problem", "may not be executed", _allow(program))
            if _is_there(program)
            else Finding(f"program {program}", "problem", "not on the path", remedy)
        )
        found.append(told if where is None else Finding(f"program {program}", "ok", where))
    return found


def write_fault(folder: Path, kind: FaultKind, message: str) -> None:
    """End the job in ``folder`` so, unless it has ended."""
    payload = write_outcome(Fault.of(kind, message))
    if kind in _CODES:
        payload["provenance"] = {"code": _CODES[kind]}
    with reachable(folder):
        write_once(folder / "result.json", json.dumps(payload, sort_keys=True))


def result_of(jobs: Jobs, handle: Handle) -> tuple[Envelope, ...]:
    """What a job that has ended gave."""
    path = jobs.folder(handle) / "result.json"
    with reachable(path):
        return (Envelope(jobs.key(handle), path.read_text(encoding="utf-8")),)


def late_results(jobs: Jobs, handles: Sequence[Handle]) -> list[Envelope]:
    """What jobs gave that ended otherwise on record, as by what a person told; of what was called off, nothing."""
    mine = [handle for handle in handles if jobs.knows(handle) and jobs.cancelled(handle) is None]
    with reachable(jobs.root):
        ended = [handle for handle in mine if (jobs.folder(handle) / "result.json").exists()]
    return [envelope for handle in ended for envelope in result_of(jobs, handle)]


def wants_room(jobs: Jobs) -> str:
    """That a calculation neither begins nor hands in its result before somebody makes room; "" where there is some."""
    with reachable(jobs.root):
        full = without_room(jobs.root)
    return full and f"begins, or hands in what it has, when there is room: {full}"


def _version(module: str) -> str:
    try:
        return metadata.version(module)
    except metadata.PackageNotFoundError:  # its distribution is called otherwise, or it is no package of pip's
        return "there"


def _environ(cores: int) -> dict[str, str]:
    """Threads of the child. Idle OpenMP threads spin on a busy machine: a single point of 0.01 s took 1.9 s."""
    return {
        "OMP_NUM_THREADS": str(cores),
        "OMP_WAIT_POLICY": "passive",
        "OPENBLAS_NUM_THREADS": str(cores),
        "MKL_NUM_THREADS": str(cores),
    }
