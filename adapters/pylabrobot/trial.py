"""The suite on PyLabRobot's simulation: ``pytest --pyargs loop.testing --adapter adapters.pylabrobot.trial:trial``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from adapters.plates.trial_recipe import EXPERIMENT, RECIPE
from adapters.pylabrobot.bench import begun
from adapters.pylabrobot.options import EXAMPLE
from adapters.registry import build
from loop.contracts import Adapter, AdapterContext, AttemptKey
from loop.testing.adapter import Trial


def make(folder: Path) -> Adapter:
    """The example of the catalogue, with wells that are measured at once."""
    section: dict[str, Any] = yaml.safe_load(EXAMPLE)["laboratory"]
    section |= {"runs": "each", "confirm": False, "poll": 0.0, "measured_by": {"adapter": "simulated"}}
    section.pop("adapter")
    context = AdapterContext(str(folder / "lab"), str(folder), "trial", EXPERIMENT.targets, recipe=RECIPE)
    return build("pylabrobot", section, context)


def count_runs(folder: Path, key: AttemptKey) -> int:
    """In how many runs something was moved for the attempt."""
    return begun(folder / "lab" / "bench").get(key, 0)


trial = Trial(make, EXPERIMENT, replace(EXPERIMENT, place={}), count_runs)
