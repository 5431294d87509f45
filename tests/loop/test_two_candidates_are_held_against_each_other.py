"""Two candidates held against each other: by how much one is better, and by how much it may be asked to be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from campaigns import measured

from loop.errors import PlanError
from loop.history import History, Observation
from loop.insight.comparing import compared
from loop.insight.predicting import predict
from loop.planning.situation import situation_of
from loop.spec import build_space, read_spec

TEXT = """\
campaign: forms
space:
  cooling: {type: number, low: 1, high: 5, step: 1, unit: degC/min}
objective:
  yield: {goal: maximize, unit: "%"}
  waste: {goal: minimize, unit: g, scale: log}
  form: {goal: maximize, classes: [amorphous, form II, form I]}
planner: {surrogate: gp}
budget: {experiments: 8}
laboratory: {adapter: manual}
"""


@pytest.mark.parametrize(
    ("name", "much", "says"),
    [
        ("form", 1.0, "form is told in classes, of which none is better by so much; leave it out"),
        ("yield", 0.0, "how much better yield has to be is above zero, in %, got 0"),
        ("yield", math.inf, "how much better yield has to be is above zero, in %, got inf"),
        ("waste", 1.0, "how much better waste has to be is a factor above 1, got 1"),
        (
            "purity",
            1.0,
            "'purity' is no target that is wanted more, less or near a value; those are yield, waste, form",
        ),
    ],
)
def test_what_is_no_amount_of_a_target_is_refused(name: str, much: float, says: str) -> None:
    spec = read_spec(TEXT, source="forms.yaml", read=None)
    space = build_space(spec)
    seen = tuple(
        Observation(str(t), np.array([float(t)]), measured(**{"yield": 10.0 * t, "waste": t, "form": t % 2}))
        for t in range(1, 5)
    )
    s = situation_of(spec, History(seen), None, seed=0, experiments=4, purse=None)
    first, second = (space.coordinates({"cooling": float(t)}) for t in (1, 2))

    with pytest.raises(PlanError) as refused:
        compared(space, s.objective, s.belief, first, second, by={name: much}, seed=0)

    assert str(refused.value) == says


def test_what_is_in_doubt_of_both_at_once_is_not_in_doubt_of_their_difference() -> None:
    """Two neighbours far from what was measured: either may be much or little, and both are alike."""
    text = TEXT.replace("low: 1, high: 5, step: 1", "low: 1, high: 50, step: 1")
    spec = read_spec(text, source="forms.yaml", read=None)
    space = build_space(spec)
    seen = tuple(
        Observation(str(t), np.array([float(t)]), measured(**{"yield": y, "waste": t, "form": t % 2}))
        for t, y in ((1, 10.0), (4, 40.0), (7, 45.0), (10, 20.0), (13, 12.0))
    )
    s = situation_of(spec, History(seen), None, seed=0, experiments=4, purse=None)
    x = np.array([space.coordinates({"cooling": float(t)}) for t in (39, 40)])

    found = compared(space, s.objective, s.belief, *x, by={}, seed=0).targets[0]
    each = predict(spec, History(seen), x, seed=0).candidates[0].targets[0]

    assert found.high - found.low < (each.high - each.low) / 2
