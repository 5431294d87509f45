"""Of a number on a logarithmic scale 1e-5 is another experiment than 1e-6, however small both are beside the most."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from campaigns import measured, observe

from loop.acquisition.climbing import settled
from loop.design.optimal import optimal
from loop.history import History
from loop.planner import plan
from loop.space import Continuous, Space
from loop.space.filling import fill
from loop.space.pool import sample_space
from loop.spec import CampaignSpec, build_space
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.trees import ExtraTrees

DECADES = Space((Continuous("c", 1e-9, 1.0, "mol/L", scale="log"), Continuous("t", 0.0, 10.0)))


@pytest.mark.parametrize("acquisition", ["improvement", "ucb"])
def test_what_is_best_among_small_ones_is_proposed_beside_a_smaller_one(acquisition: str) -> None:
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "decades",
            "space": {"c": {"type": "number", "low": 1e-6, "high": 1, "scale": "log", "unit": "mol/L"}},
            "objective": {"rate": {"goal": "maximize"}},
            "planner": {"batch": 1, "initial": {"experiments": 4}, "acquisition": acquisition},
            "budget": {"experiments": 30},
            "laboratory": {"adapter": "simulated"},
        }
    )
    told = [
        observe(spec, {"c": c}, measured(rate=-((math.log10(c) + 4.5) ** 2)), f"o{i}")
        for i, c in enumerate((1e-6, 1e-4, 1e-3, 1e-2, 1.0))
    ]

    (proposal,) = plan(spec, History(tuple(told)), seed=0, experiments=1).proposals

    assert 1e-5 < proposal.candidate.settings["c"] < 1e-4


def test_what_is_tried_again_but_for_a_trace_is_the_same() -> None:
    here, near, far = DECADES.frame.on_scales(np.array([[1e-6, 5.0], [1.01e-6, 5.0], [1e-5, 5.0]]))

    assert np.abs(near - here).max() < 1e-3
    assert np.abs(far - here).max() == pytest.approx(1 / 9)


def test_beside_a_mixture_all_orders_of_magnitude_are_drawn_alike() -> None:
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "blends",
            "space": {
                "c": {"type": "number", "low": 1e-4, "high": 1, "scale": "log", "unit": "mol/L"},
                "solvent": {"type": "mixture", "parts": ["water", "DMF", "MeCN"], "at_most": 2},
            },
            "objective": {"rate": {"goal": "maximize"}},
            "budget": {"experiments": 30},
            "laboratory": {"adapter": "simulated"},
        }
    )
    space = build_space(spec)
    orders = np.log10(sample_space(space, 800, seed=0)[:, space.names.index("c")])

    # a quarter of 800 in each of four orders, of which the number drawn has a deviation of 12
    assert np.histogram(orders, bins=[-4, -3, -2, -1, 0])[0] == pytest.approx([200] * 4, abs=60)


def test_small_numbers_keep_their_digits_on_record() -> None:
    assert settled(DECADES, np.array([2.3456789e-9, 1 / 3])).tolist() == [2.3456789e-9, pytest.approx(1 / 3)]


def test_an_optimal_design_keeps_its_middle() -> None:
    nothing = np.empty((0, 2))
    design = optimal("d-optimal", DECADES, None, nothing, 9, order="quadratic", blocks=1, centre=nothing, seed=0)

    middle = np.log10(design.points[:, 0])
    assert sorted(set(np.round(middle, 1))) == [-9.0, -4.5, 0.0]
    for value in design.points[:, 0].tolist():
        assert float(f"{value:.4g}") == value  # as it can be set


def test_trees_split_a_scale_anywhere_alike() -> None:
    x = torch.tensor([[10.0**-k, 5.0] for k in (0, 3, 6, 9)], dtype=torch.float64)
    y = torch.tensor([0.0, 0.0, 1.0, 1.0], dtype=torch.float64)

    trees = ExtraTrees("trees").fit(DECADES, TrainingSet(x, y, torch.full_like(y, torch.nan)), seed=0)

    middle = float(trees.moments(torch.tensor([[10.0**-4.5, 5.0]], dtype=torch.float64))[0])
    assert middle == pytest.approx(0.5, abs=0.2)  # half of the splits between 1e-3 and 1e-6 lie on either side of it


def test_a_hypercube_goes_on_in_the_parts_that_hold_nothing() -> None:
    decades = Space((Continuous("c", 1e-6, 1.0, "mol/L", scale="log"),))
    tried = np.array([[1.5e-5], [2e-3]])

    more = fill(decades, 4, 0, "lhs", tried).points

    parts = np.floor(np.log10(np.vstack([tried, more])))
    assert sorted(parts[:, 0]) == [-6, -5, -4, -3, -2, -1]
