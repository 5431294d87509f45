"""Adapters as ``--adapter`` names them: each of ours, the sound one of the tests, and whatever is no trial."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from adapters.executors.local import LocalExecutor
from adapters.registry import build
from loop.contracts import Adapter, AttemptKey
from loop.testing.adapter import Trial
from tests.adapters.broken import Bench, RunsTwice
from tests.adapters.helpers import EXPERIMENT, context, count_starts
from tests.adapters.jobs import MOLECULE, ruler, runs

REFUSED = replace(EXPERIMENT, targets={"colour": ""})


def _count(folder: Path, key: AttemptKey) -> int:
    path = folder / "runs.txt"
    return path.read_text().splitlines().count(key) if path.exists() else 0


def _simulated(folder: Path) -> Adapter:
    return build("simulated", {}, context(folder))


sound = Trial(Bench, EXPERIMENT, REFUSED, _count)
simulated = Trial(_simulated, EXPERIMENT, REFUSED, lambda folder, key: count_starts(folder / "lab", key))
local = Trial(
    lambda folder: LocalExecutor(folder / "lab", ruler(), 2), MOLECULE, replace(MOLECULE, smiles={}), runs, shuffles=3
)


class Doubling(RunsTwice):
    """Broken, and with a trial of its own."""

    trial: Trial


Doubling.trial = Trial(Doubling, EXPERIMENT, REFUSED, _count)
