"""A spread, of experiments or of wells, has no two points side by side where there is room for all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loop.history import History
from loop.planner import plan
from loop.policy.seeking import spread
from loop.space import Continuous, Space
from loop.spec import CampaignSpec


def first(names: str, **more: Any) -> np.ndarray:
    """The first experiments over numbers from 0 to 1, shape ``(n, numbers)``."""
    said = {
        "campaign": "apart",
        "space": {name: {"type": "number", "low": 0, "high": 1} for name in names},
        "objective": {"response": {"goal": "maximize"}},
        "budget": {"experiments": 96},
        "laboratory": {"adapter": "manual"},
        **more,
    }
    batch = plan(CampaignSpec.from_resolved(said), History(), seed=1, experiments=96)
    return np.array([[p.candidate.settings[name] for name in names] for p in batch.proposals])


def least_apart(points: np.ndarray) -> float:
    between = np.linalg.norm(points[:, None] - points[None], axis=2)
    return float(between[np.triu_indices(len(points), 1)].min())


@pytest.mark.parametrize(("names", "n", "apart"), [("a", 5, 0.1), ("a", 10, 0.04), ("ab", 10, 0.15), ("abc", 20, 0.15)])
def test_experiments_over_few_numbers_lie_apart(names: str, n: int, apart: float) -> None:
    points = first(names, planner={"batch": n, "initial": {"experiments": n}})

    assert len(points) == n
    assert least_apart(points) >= apart


@pytest.mark.parametrize(("names", "rows", "columns", "apart"), [("a", 2, 4, 0.05), ("ab", 4, 6, 0.1)])
def test_wells_over_few_numbers_lie_apart(names: str, rows: int, columns: int, apart: float) -> None:
    points = first(names, plate={"rows": rows, "columns": columns})

    assert len(points) == rows * columns
    assert least_apart(points) >= apart


def test_points_that_were_tried_are_kept_away_from() -> None:
    space = Space((Continuous("a", 0.0, 1.0),))
    options, tried = np.linspace(0.0, 1.0, 201)[:, None], np.array([[0.0], [0.25], [0.5], [0.75], [1.0]])

    found = spread(space, options, tried, 4)[:, 0]

    assert np.sort(found) == pytest.approx([0.125, 0.375, 0.625, 0.875], abs=0.05)
