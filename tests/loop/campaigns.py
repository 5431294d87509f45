"""Small campaigns for the tests of the core: specs, spaces and histories with a known response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from loop.history import History, Observation
from loop.outcome import Measured, Measurement, Outcome
from loop.planner import Plan, plan
from loop.space import ProductPool
from loop.spec import CampaignSpec, build_space
from loop.surrogates.protocol import TrainingSet

ALCOHOLS = {"methanol": "CO", "ethanol": "CCO", "propanol": "CCCO", "butanol": "CCCCO", "phenol": "Oc1ccccc1"}


def reaction_spec(objective: Mapping[str, Any] | None = None, **planner: Any) -> CampaignSpec:
    """Five alcohols, two bases and three temperatures: 30 conditions."""
    return CampaignSpec.from_resolved(
        {
            "campaign": "alcohols",
            "space": {
                "alcohol": {"type": "component", "options": ALCOHOLS},
                "base": {"type": "category", "options": ["weak", "strong"]},
                "temperature": {"type": "number", "values": [20, 40, 60], "unit": "degC"},
            },
            "objective": objective or {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
            "planner": {"batch": 3, "initial": {"experiments": 4}, **planner},
            "budget": {"experiments": 30},
            "laboratory": {"adapter": "emulator"},
        }
    )


def mixed_spec(**planner: Any) -> CampaignSpec:
    """Two continuous numbers under a linear constraint, and a category."""
    return CampaignSpec.from_resolved(
        {
            "campaign": "mixed",
            "space": {
                "x": {"type": "number", "low": -1, "high": 2},
                "y": {"type": "number", "low": 0, "high": 3},
                "kind": {"type": "category", "options": ["a", "b"]},
            },
            "constraints": [{"sum": {"x": 1, "y": 1}, "at_most": 3}],
            "objective": {"height": {"goal": "maximize"}},
            "planner": {"batch": 2, "initial": {"experiments": 5}, **planner},
            "budget": {"experiments": 30},
            "laboratory": {"adapter": "simulated"},
        }
    )


def alcohol_yield(settings: Mapping[str, Any]) -> float:
    """A response with one clear best: butanol, strong base, 60 degC."""
    return (
        10 * list(ALCOHOLS).index(settings["alcohol"]) % 40
        + 20 * (settings["base"] == "strong")
        + settings["temperature"] / 2
    )


def measured(**values: float) -> Measured:
    """A measured outcome in target units."""
    return Measured(tuple(Measurement(name, value, "", value) for name, value in values.items()))


def observe(spec: CampaignSpec, settings: Mapping[str, Any], outcome: Outcome, name: str) -> Observation:
    """One observation."""
    return Observation(name, build_space(spec).coordinates(settings), outcome)


def run_rounds(
    spec: CampaignSpec, response: Callable[[Mapping[str, Any]], Outcome], rounds: int, *, seed: int = 0
) -> tuple[History, list[Plan]]:
    """Alternate planning and observing."""
    observations: list[Observation] = []
    plans = []
    for k in range(rounds):
        plans.append(plan(spec, History(tuple(observations)), seed=seed + k, experiments=100))
        for p in plans[-1].proposals:
            settings = p.candidate.settings
            observations.append(observe(spec, settings, response(settings), f"o{len(observations)}"))
    return History(tuple(observations)), plans


SPACE = build_space(reaction_spec())
EVERYTHING = torch.from_numpy(ProductPool(SPACE).take(np.arange(30)))


def training(n: int = 12, scale: float = 1.0, shift: float = 0.0) -> TrainingSet:
    """Some of the 30 conditions with their yields, scaled and shifted."""
    rows = EVERYTHING[torch.randperm(30, generator=torch.Generator().manual_seed(1))[:n]]
    y = torch.tensor([alcohol_yield(SPACE.settings(x.numpy())) for x in rows], dtype=torch.float64)
    return TrainingSet(rows, y * scale + shift, torch.full((n,), torch.nan, dtype=torch.float64))
