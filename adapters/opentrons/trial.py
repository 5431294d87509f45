"""The suite on a stand-in robot: ``pytest --pyargs loop.testing --adapter adapters.opentrons.trial:trial``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from adapters.opentrons.options import EXAMPLE
from adapters.opentrons.stand_in import StandIn
from adapters.registry import build
from loop.contracts import Adapter, AdapterContext, AttemptKey, ExperimentSpec
from loop.recipe import By, Dose, Form, Recipe, Stock, Vessel
from loop.recipe.amounts import VOLUME, Amount
from loop.testing.adapter import Trial

RECIPE = Recipe(
    Vessel(holds=300.0),
    {"catalyst": Stock("catalyst", Form.SOLUTION), "base": Stock("base", Form.SOLUTION)},
    (
        Dose("catalyst", By.VOLUME, Amount(VOLUME, 20.0)),
        Dose("base", By.VOLUME, Amount(VOLUME, parameter="base", said_in="uL"), mix=2),
    ),
)
EXPERIMENT = ExperimentSpec(
    "trial", {"base": 50.0}, {"base": "uL"}, {}, {"yield": "%"}, place={"plate": "1", "well": "A1"}
)


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
