"""A small campaign for a general condition: ligands and bases over bromides and additives, and yields made up."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from loop.acquisition.protocol import Question
from loop.generality import Generality
from loop.history import History, Observation
from loop.outcome import Measured, Measurement
from loop.planning.situation import situation_of
from loop.spec import CampaignSpec, build_general, build_space

EMPTY = torch.empty((0, 4), dtype=torch.float64)
LIGANDS = {"PPh3": "c1ccc(P(c2ccccc2)c2ccccc2)cc1", "PCy3": "C1CCC(P(C2CCCCC2)C2CCCCC2)CC1", "PMe3": "CP(C)C"}
BROMIDES = {"phenyl": "Brc1ccccc1", "tolyl": "Cc1ccc(Br)cc1", "thienyl": "Brc1cccs1", "nitrile": "N#Cc1ccc(Br)cc1"}


def spec_of(general: Mapping[str, Any] | None = None, **more: Any) -> CampaignSpec:
    """Three ligands and two bases over four bromides and two additives: 6 conditions, 8 substrates."""
    planner = {"surrogate": "gp", "batch": 3, "initial": {"experiments": 6}, **more.pop("planner", {})}
    return CampaignSpec.from_resolved(
        {
            "campaign": "scope",
            "space": {
                "ligand": {"type": "component", "options": LIGANDS},
                "bromide": {"type": "component", "options": BROMIDES},
                "base": {"type": "category", "options": ["weak", "strong"]},
                "additive": {"type": "category", "options": ["none", "some"]},
            },
            "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
            "general": {"over": ["bromide", "additive"], **(general or {})},
            "planner": planner,
            "budget": {"experiments": 40},
            "laboratory": {"adapter": "emulator"},
            **more,
        }
    )


def made_up(s: Mapping[str, Any]) -> float:
    """A yield: thienyl is hard, PPh3 shines with phenyl alone, and PCy3 with a strong base is best over all of them."""
    hard = {"phenyl": 0.0, "tolyl": -6.0, "thienyl": -30.0, "nitrile": -14.0}[s["bromide"]]
    good = {"PPh3": 38.0, "PCy3": 55.0, "PMe3": 30.0}[s["ligand"]]
    flair = 40.0 if s["ligand"] == "PPh3" and s["bromide"] == "phenyl" else 0.0
    return good + hard + flair + (9.0 if s["base"] == "strong" else 0.0) + (3.0 if s["additive"] == "some" else 0.0)


def everything() -> list[dict[str, Any]]:
    """The settings of every experiment there is."""
    return [
        {"ligand": lig, "bromide": b, "base": base, "additive": a}
        for lig, b, base, a in itertools.product(LIGANDS, BROMIDES, ("weak", "strong"), ("none", "some"))
    ]


def history(
    spec: CampaignSpec, chosen: list[dict[str, Any]], value: Callable[[Mapping[str, Any]], float] = made_up
) -> History:
    space = build_space(spec)
    return History(
        tuple(
            Observation(str(i), space.coordinates(s), Measured((Measurement("yield", value(s), "%", value(s)),)))
            for i, s in enumerate(chosen)
        )
    )


def some(n: int, seed: int = 0) -> list[dict[str, Any]]:
    """So many of them at random."""
    rows = everything()
    return [rows[i] for i in np.random.default_rng(seed).choice(len(rows), n, replace=False)]


def asked(spec: CampaignSpec, seen: History, seed: int = 5) -> Question:
    return situation_of(spec, seen, None, seed=seed, experiments=10, purse=None).question


def judgement(spec: CampaignSpec) -> Generality:
    found = build_general(spec, build_space(spec))
    assert found is not None
    return found


WEIGHTS = {"weights": {"bromide": {"phenyl": 3.0, "nitrile": 0.5}, "additive": {"some": 2.0}}}
FORBIDDEN = [{"exclude": {"base": "strong", "bromide": ["thienyl", "nitrile"]}}]
