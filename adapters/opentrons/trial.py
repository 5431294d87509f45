"""The suite on a stand-in robot: ``pytest --pyargs loop.testing --adapter adapters.opentrons.trial:trial``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from adapters.opentrons.options import EXAMPLE
from adapters.opentrons.stand_in import StandIn
from adapters.plates.trial_recipe import EXPERIMENT, RECIPE
from adapters.registry import build
from loop.contracts import Adapter, AdapterContext, AttemptKey
from loop.testing.adapter import Trial


def make(folder: Path) -> Adapter:
    """The example of the catalogue, with a robot that is not there and wells that are measured at once."""
    section: dict[str, Any] = yaml.safe_load(EXAMPLE)["laboratory"]
    section |= {"robot": "stand-in", "runs": "each", "confirm": False, "poll": 0.0}
    section["measured_by"] = {"adapter": "simulated"}
    section.pop("adapter")
    context = AdapterContext(str(folder / "lab"), str(folder), "trial", EXPERIMENT.targets, recipe=RECIPE)
    return build("opentrons", section, context)


def count_runs(folder: Path, key: AttemptKey) -> int:
    """How often the robot really began the attempt."""
    return StandIn(folder / "lab" / "stand-in").runs_of(key)


trial = Trial(make, EXPERIMENT, replace(EXPERIMENT, place={}), count_runs)
