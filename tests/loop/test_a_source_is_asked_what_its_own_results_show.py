"""The evidence of a source's own results, against the same worked out another way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from loop.memory.evidence import PROOF, own_evidence
from loop.space import Continuous, Space
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate

SPACE = Space((Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0)))


def told(y: np.ndarray, censored: int = 0) -> TrainingSet:
    x = torch.rand(len(y), 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values, sd = torch.from_numpy(y), torch.full((len(y),), torch.nan, dtype=torch.float64)
    low, high = values.clone(), values.clone()
    high[:censored] = torch.inf
    return TrainingSet(x, values, sd, low, high) if censored else TrainingSet(x, values, sd)


@pytest.mark.parametrize("n", [5, 12, 30])
def test_it_is_the_held_out_density_over_that_of_the_other_results_alone(n: int) -> None:
    y = np.random.default_rng(n).normal(50, 20, n)
    data = told(y)
    fitted = surrogate("ard", SPACE).fit(SPACE, data, seed=0)

    flat = 0.0
    for i in range(n):
        others = np.delete(y, i)
        scale = others.std(ddof=1) * np.sqrt(1 + 1 / (n - 1))
        flat += stats.t.logpdf(y[i], n - 2, loc=others.mean(), scale=scale)

    assert own_evidence(fitted, data) == pytest.approx(float(fitted.held_out().sum()) - flat, rel=1e-9)


def test_a_response_that_follows_its_conditions_shows_it_and_chance_hardly_ever_does() -> None:
    along = told(np.zeros(30)).x[:, 0].numpy() * 100
    chance = [np.random.default_rng(i).permutation(along) for i in range(20)]

    shown, *by_chance = (
        own_evidence(surrogate("gp", SPACE, doubts_noise=True).fit(SPACE, told(y), seed=0), told(y))
        for y in (along, *chance)
    )

    assert shown > 30
    assert sum(found >= PROOF for found in by_chance) <= 2


def test_limits_say_nothing_and_two_values_show_nothing() -> None:
    y = told(np.zeros(12)).x[:, 0].numpy() * 100
    some = told(y, censored=10)

    assert own_evidence(surrogate("gp", SPACE).fit(SPACE, some, seed=0), some) == 0.0
