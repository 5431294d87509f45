"""Continuous numbers that differ by little of their scale are one setting; lists of numbers and options never are."""

from __future__ import annotations

import numpy as np
import pytest

from loop.space import Space
from loop.space.same import is_same, told_apart
from loop.spec import CampaignSpec, build_space


def space() -> Space:
    said = {
        "campaign": "same",
        "space": {
            "base": {"type": "category", "options": ["a", "b"]},
            "concentration": {"type": "number", "values": [0.001, 0.002, 0.004], "unit": "mol/L"},
            "temperature": {"type": "number", "low": 0, "high": 200, "unit": "degC"},
            "pressure": {"type": "number", "low": 1, "high": 100, "unit": "bar", "scale": "log"},
        },
        "objective": {"yield": {"goal": "maximize"}},
        "budget": {"experiments": 10},
        "laboratory": {"adapter": "simulated"},
    }
    return build_space(CampaignSpec.from_resolved(said))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ([0, 0.001, 100.9, 10.0], True),
        ([0, 0.001, 100.0, 10.2], True),
        ([0, 0.001, 101.1, 10.0], False),
        ([0, 0.001, 100.0, 10.3], False),
        ([0, 0.002, 100.0, 10.0], False),
        ([1, 0.001, 100.0, 10.0], False),
    ],
)
def test_half_a_percent_of_a_scale_is_not_told_apart(other: list[float], same: bool) -> None:
    x = np.array([0, 0.001, 100.0, 10.0])

    assert is_same(space(), x, np.array([other])) is same
    assert told_apart(space(), np.array([other]), np.zeros(1), x[None]).tolist() == [not same]


@pytest.mark.parametrize("seed", range(3))
def test_the_best_of_those_that_are_one_is_kept(seed: int) -> None:
    rng, known = np.random.default_rng(seed), space()
    x = np.column_stack(
        [
            rng.integers(0, 2, 300),
            rng.choice([0.001, 0.002, 0.004], 300),
            rng.uniform(100, 110, 300),
            10.0 * rng.uniform(1.0, 1.3, 300),
        ]
    )
    score, tried = rng.random(300), x[:5] + np.array([0, 0, 0.5, 0.01])

    kept = told_apart(known, x, score, tried)

    chosen: list[int] = []
    for i in np.argsort(-score):  # one by one
        if not is_same(known, x[i], np.vstack([tried, x[chosen]])):
            chosen.append(int(i))
    assert np.flatnonzero(kept).tolist() == sorted(chosen)
    assert 0 < len(chosen) < 295
