"""A campaign of plates at the stand-in robot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from adapters.opentrons.stand_in import StandIn
from flows.settings import Settings
from tests.adapters.plates.robots import CAMPAIGN, options
from tests.flows.engine.bench import add

SPEC: dict[str, Any] = {k: v for k, v in yaml.safe_load(CAMPAIGN).items() if k != "campaign"}


def campaign(settings: Settings, folder: Path, **changes: Any) -> StandIn:
    """A campaign of plates of two wells, four of the eight candidates on each; returns the robot."""
    plates = {
        "plate": {"rows": 1, "columns": 2},
        "budget": {"experiments": 4},
        "planner": {"initial": {"experiments": 2}},
    }
    space = {**SPEC["space"], "temperature": {"type": "number", "values": [80], "unit": "degC"}}
    space["base_equivalents"] = {"type": "number", "values": [1, 2], "unit": ""}
    steps = [
        s | ({"equivalents": "base_equivalents"} if s.get("dispense") == "base" else {})
        for s in SPEC["recipe"]["steps"]
    ]
    recipe = {**SPEC["recipe"], "steps": steps}
    laboratory = {"adapter": "opentrons", **options(**changes)}
    add(settings, folder, **SPEC | plates | {"space": space, "recipe": recipe, "laboratory": laboratory})
    return StandIn(settings.folder("small") / "laboratory" / "stand-in")
