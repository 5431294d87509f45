"""The surfaces on which a regret over numbers is judged have the best that is claimed of them."""

from __future__ import annotations

import numpy as np
import pytest
import regret_over_numbers as over
from regret_over_numbers import STEPS, SURFACES, campaign, surface

from loop.space import sample_space
from loop.spec import CampaignSpec, build_space


@pytest.mark.parametrize("name", SURFACES)
def test_nothing_lies_above_the_best_that_is_claimed(name: str) -> None:
    there = surface(name)
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "c",
            "space": there.space,
            "objective": {"y": {"goal": "maximize"}},
            "budget": {"experiments": 9},
            "laboratory": {"adapter": "manual"},
        }
    )
    space = build_space(spec)
    values = np.array([there.value(space.settings(x)) for x in sample_space(space, 400, 1, method="random")])

    assert values.max() <= there.best + 1e-6 * there.sd
    assert values.max() > there.best - 10 * there.sd  # and it is within reach
    assert values.std() == pytest.approx(there.sd, rel=0.5)


def test_the_best_of_a_stepped_surface_is_on_its_steps() -> None:
    stepped, smooth = surface("Hartmann, 3 numbers in steps"), surface("Hartmann, 3 numbers")
    (step,) = {p["step"] for p in stepped.space.values()}

    assert step == 1 / STEPS
    assert smooth.best - 0.01 < stepped.best < smooth.best


def test_a_campaign_says_after_each_batch_what_was_stated_and_what_was_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(over, "EXPERIMENTS", 13)

    stated = campaign("Branin", 1)["stated"]

    assert [s["n"] for s in stated] == [5, 9, 13]
    assert all(s["holds"] == (s["true"] <= s["epsilon"] + over.LEAST) for s in stated)
    assert all(s["true"] >= 0.0 for s in stated)
    assert stated[-1]["epsilon"] < stated[0]["epsilon"]
