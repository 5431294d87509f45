"""By how much one candidate is to be better is asked of targets that have amounts, and as amounts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from campaigns import measured

from loop.errors import PlanError
from loop.history import History, Observation
from loop.insight.comparing import compared
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
