"""In spaces of numbers what is stated of the regret is no narrower than the models say, whatever came true so far."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from campaigns import measured, mixed_spec, reaction_spec, run_rounds

from loop.history import Claim
from loop.insight.regret import distrust
from loop.objective import Goal, Target
from loop.planner import plan
from loop.spec import CampaignSpec

HEIGHT = Target("height", Goal.MAXIMIZE)
RIGHT = tuple(Claim("height", 50.0, 10.0, 50.0 + 10.0 * (-1) ** i) for i in range(40))
SURPRISES = tuple(Claim("height", 50.0, 1.0, 55.0) for _ in range(40))

STEPS: dict[str, Any] = {"x": {"type": "number", "values": [0, 1, 2, 3]}, "y": {"type": "number", "values": [0, 1, 2]}}
LEVELS: dict[str, Any] = {**STEPS, "heat": {"type": "ordinal", "options": ["low", "high"]}}
OPTIONS: dict[str, Any] = {**STEPS, "kind": {"type": "category", "options": ["a", "b"]}}


def widened(spec: CampaignSpec, claims: tuple[Claim, ...]) -> float:
    """By how much a plan after nine results, whose predictions came out as the claims say, widens what it states."""
    history, _ = run_rounds(spec, lambda s: measured(height=float(s["x"]) + float(s["y"])), 3)
    told = plan(spec, replace(history, claims=claims), seed=1, experiments=3).model["regret"]
    return float(told["widened"]["height"])


def over(space: dict[str, Any]) -> CampaignSpec:
    data = {k: v for k, v in reaction_spec().resolved().items() if k not in ("space", "objective")}
    return CampaignSpec.from_resolved({**data, "space": space, "objective": {"height": {"goal": "maximize"}}})


@pytest.mark.parametrize(
    ("spec", "narrowest"),
    [
        (mixed_spec(), 1.0),
        (over(STEPS), 1.0),
        (over(LEVELS), 1.0),
        (over(OPTIONS), distrust(HEIGHT, RIGHT)),
    ],
    ids=["continuous", "steps", "steps-and-levels", "steps-and-options"],
)
def test_predictions_that_came_true_narrow_it_only_where_options_are_chosen(
    spec: CampaignSpec, narrowest: float
) -> None:
    assert distrust(HEIGHT, RIGHT) < 0.75 < 1.0
    assert widened(spec, RIGHT) == pytest.approx(narrowest)


def test_surprises_widen_it_everywhere() -> None:
    assert widened(over(STEPS), SURPRISES) == pytest.approx(distrust(HEIGHT, SURPRISES))
    assert distrust(HEIGHT, SURPRISES) > 1.0
