"""A laboratory's other side, the misfortunes that it meets, and what is true of its experiments."""

from __future__ import annotations

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from loop.contracts import Adapter

TARGETS = {"yield": "%"}
RATES = {  # of each opportunity
    "hakken is killed at a checkpoint": 0.02,
    "the device dies at a step": 0.03,
    "a request or its reply is lost": 0.05,
    "a response comes twice": 0.10,
    "a response is held back to the next look": 0.50,
    "a response goes by another name": 0.05,
    "a response of somebody else's comes": 0.03,
    "a response is written in place, half first": 0.30,
    "the device is silent for hours": 0.02,
    "the device reports a fault of its own": 0.03,
    "a robot is used by others, and forgets runs": 0.01,
}


def text_of(settings: Mapping[str, str | float]) -> str:
    """The settings as one text, the same whether numbers came as text or not."""
    return json.dumps({name: v if isinstance(v, str) else f"{v:g}" for name, v in sorted(settings.items())})


def truth(settings: Mapping[str, str | float]) -> float:
    """The yield that an experiment has, whoever runs it."""
    return round(int(hashlib.sha256(text_of(settings).encode()).hexdigest()[:6], 16) / 0xFFFFFF * 100, 3)


def layout(wells: int) -> dict[str, int]:
    """A plate of so many wells, as near to a square as can be."""
    rows = max(n for n in range(1, math.isqrt(wells) + 1) if wells % n == 0)
    return {"rows": rows, "columns": wells // rows}


class Device(ABC):
    """A laboratory's other side."""

    name: str
    is_down = False

    def __init__(self, folder: Path, chance: Random) -> None:
        self.folder, self.chance = folder, chance
        self.deaths: Counter[str] = Counter()  # by step
        self.places: set[tuple[str, str, str]] = set()  # settings, plate and well as the device was told them

    def happens(self, what: str) -> bool:
        """Whether a misfortune of ``RATES`` happens now."""
        return self.chance.random() < RATES[what]

    def step(self, step: str) -> bool:
        """Whether the device dies at this step."""
        if not self.happens("the device dies at a step"):
            return False
        self.deaths[step] += 1
        return True

    def sections(self, plates: int, wells: int, seed: int) -> dict[str, Any]:
        """What the campaign file of a day says."""
        batch: dict[str, Any] = {} if wells > 1 else {"batch": 1}  # a plate decides it
        return {
            "space": {
                "solvent": {"type": "category", "options": [f"solvent {i}" for i in range(10)]},
                "base": {"type": "category", "options": [f"base {i}" for i in range(10)]},
                "step": {"type": "number", "values": list(range(1, 1 + max(4, plates * wells // 50)))},
            },
            "planner": {"initial": {"design": "random", "experiments": wells}, "seed": seed} | batch,
            "budget": {"experiments": plates * wells},
            "laboratory": {"adapter": "simulated"},  # the device's own adapter takes its place
        } | ({"plate": layout(wells)} if wells > 1 else {})

    def truth(self, settings: Mapping[str, str | float]) -> float:
        """The yield that an experiment has."""
        return truth(settings)

    @abstractmethod
    def laboratory(self) -> Adapter:
        """A new adapter object, as a new process of hakken has it."""

    @abstractmethod
    def work(self) -> None:
        """Do one piece of work, unless it is down; it may die meanwhile."""

    @abstractmethod
    def restart(self) -> None:
        """Start it again after it died."""

    @abstractmethod
    def runs(self) -> Counter[str]:
        """How often each key really ran."""

    def made(self) -> Counter[str]:
        """How often liquid was drawn for each key, of a device that uses up substrate."""
        return Counter()

    def pass_time(self) -> None:
        """Some minutes go by."""
        return

    def close(self) -> None:
        """The day is over."""
        return

    def outcome(self, settings: Mapping[str, str | float], place: Mapping[str, str]) -> dict[str, Any]:
        """What a run of these settings gives, where it lies on a plate or not."""
        if "well" in place:
            self.places.add((text_of(settings), place["plate"], place["well"]))
        if self.happens("the device reports a fault of its own"):
            return {"outcome": "fault", "kind": "instrument_fault", "message": "clogged"}
        value = {"property": "yield", "value": truth(settings), "unit": "%"}
        return {"outcome": "measured", "values": [value]}
