"""The benchmark that leaves a table out: what is left out has no say in the choice."""

from __future__ import annotations

import defaults
import numpy as np
import pytest

from loop.spec import CampaignSpec

AREA = {
    "steady": np.array([[0.80, 0.80], [0.80, 0.80], [0.80, 0.80]]),
    "lucky on the first": np.array([[0.99, 0.99], [0.75, 0.75], [0.75, 0.75]]),
}


def test_the_table_left_out_has_no_say() -> None:
    assert defaults.choice(AREA) == "lucky on the first"
    assert defaults.choice(AREA, without=0) == "steady"
    assert defaults.choice(AREA, without=1) == "lucky on the first"


@pytest.mark.parametrize("name", defaults.CANDIDATES)
def test_each_candidate_is_a_planner_that_can_be_asked_for(name: str) -> None:
    planner = defaults.CANDIDATES[name]
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "x",
            "space": {"a": {"type": "component", "options": {"water": "O", "methanol": "CO"}}},
            "objective": {"yield": {"goal": "maximize"}},
            "planner": {"batch": 1, **planner},
            "budget": {"experiments": 10},
            "laboratory": {"adapter": "emulator"},
        }
    )

    assert (spec.planner == CampaignSpec.from_resolved({**spec.model_dump(), "planner": {"batch": 1}}).planner) == (
        name == defaults.DEFAULT
    )
