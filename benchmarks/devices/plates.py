"""A robot that makes plates, whichever it is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import yaml

from adapters.common.response import respond
from devices.device import TARGETS, Device, layout
from loop.contracts import AdapterContext
from loop.recipe import Recipe
from tests.adapters.plates import robots


class PlateDevice(Device):
    """A robot with a deck: a made-up laboratory measures the plates that it makes."""

    def __init__(self, folder: Path, chance: Random) -> None:
        super().__init__(folder, chance)
        self.recipe: Recipe | None = None

    def sections(self, plates: int, wells: int, seed: int) -> dict[str, Any]:
        spec = {name: part for name, part in yaml.safe_load(robots.CAMPAIGN).items() if name != "campaign"}
        values = [round(1 + i / 20, 2) for i in range(1 + max(20, plates * wells // 3))]
        space = {**spec["space"], "temperature": {"type": "number", "values": [80], "unit": "degC"}}
        space["base_equivalents"] = {"type": "number", "values": values, "unit": ""}
        steps = [
            step | ({"equivalents": "base_equivalents"} if step.get("dispense") == "base" else {})
            for step in spec["recipe"]["steps"]
        ]
        sections = spec | {
            "space": space,
            "recipe": {**spec["recipe"], "steps": steps},
            "plate": layout(wells),
            "planner": {"initial": {"experiments": wells}, "seed": seed},
            "budget": {"experiments": plates * wells},
            "laboratory": {"adapter": self.name, **self.options()},
        }
        text = yaml.safe_dump({"campaign": "small", **sections}, sort_keys=False)
        self.recipe = robots.recipe(text)
        return sections

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """What its campaign file says of the laboratory."""

    def context(self) -> AdapterContext:
        """What its adapter is built with."""
        return AdapterContext(str(self.folder / "lab"), str(self.folder), "small", TARGETS, recipe=self.recipe)

    def truth(self, settings: Mapping[str, str | float]) -> float:
        return respond(settings, "yield", 0, {}, (0.0, 100.0))
