"""What tests of executors share: a molecule to compute, a gate at which jobs wait, and how often each ran."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adapters.compute.evaluation import Evaluator
from loop.contracts import Adapter, AttemptKey, ExperimentSpec, Handle
from loop.outcome import read_outcome
from loop.testing.adapter import KEY, wait_for_end

MOLECULE = ExperimentSpec("gap", {"molecule": "ethanol"}, {}, {"molecule": "CCO"}, {"length": "eV"})


def ruler(function: str = "measure", **options: Any) -> Evaluator:
    """An evaluator of ``tests.adapters.compute.evaluators``."""
    return Evaluator("ruler", f"tests.adapters.compute.evaluators:{function}", {"length": "eV"}, options)


def begin(lab: Adapter, key: AttemptKey = KEY) -> Handle:
    """Have the molecule computed; it may run still."""
    handle = lab.prepare(MOLECULE, key)
    lab.start(handle, key)
    return handle


def ended(lab: Adapter, spec: ExperimentSpec) -> dict[str, Any]:
    """What a laboratory sent of an experiment, once it had ended."""
    handle = lab.prepare(spec, KEY)
    lab.start(handle, KEY)
    wait_for_end(lab, handle)
    return dict(json.loads(lab.fetch(handle)[0].payload))


def runs(folder: Path, key: AttemptKey) -> int:
    path = folder / "lab" / "jobs" / key / "runs.log"
    return len(path.read_text().splitlines()) if path.exists() else 0


def wait_until(what: Callable[[], Any], seconds: float = 120.0) -> Any:
    give_up = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < give_up
        time.sleep(0.01)
    return found


def outcome(lab: Adapter, handle: Handle) -> Any:
    wait_for_end(lab, handle)
    (envelope,) = lab.fetch(handle)
    return read_outcome(json.loads(envelope.payload), MOLECULE.targets)


def running(gate: Path) -> list[int]:
    """Process ids of the evaluators that wait, or waited, at the gate."""
    path = gate.with_suffix(".running")
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not waited for by its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
