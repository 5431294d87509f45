"""Noise: reported with a value, the same everywhere, or learnt as a function of the conditions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from campaigns import EVERYTHING, SPACE, alcohol_yield, measured, observe, reaction_spec

from loop.history import History, regression_table
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.spec import build_objective
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate

TRUTH = torch.tensor([alcohol_yield(SPACE.settings(x.numpy())) for x in EVERYTHING], dtype=torch.float64)
HOT = EVERYTHING[:, 2] > 50


def scattered(n, hot, cold, seed=0):
    rng = np.random.default_rng(seed)
    rows = torch.from_numpy(rng.integers(0, 30, n))
    sd = torch.where(HOT[rows], torch.tensor(float(hot)), torch.tensor(float(cold)))
    y = TRUTH[rows] + torch.from_numpy(rng.normal(0, 1, n)) * sd
    return TrainingSet(EVERYTHING[rows], y, torch.full_like(y, math.nan))


@pytest.mark.parametrize("name", ["gp", "tanimoto", "committee"])
def test_noise_that_grows_with_temperature_is_found(name):
    data = scattered(120, hot=15.0, cold=1.5)

    learnt = surrogate(name, SPACE, learns_noise=True).fit(SPACE, data, seed=0)
    constant = surrogate(name, SPACE).fit(SPACE, data, seed=0)
    noise = learnt.noise_at(EVERYTHING)

    assert float(noise[HOT].mean()) > 2 * float(noise[~HOT].mean())
    assert float(learnt.held_out().mean()) > float(constant.held_out().mean()) + 0.1
    error, blind = (float((f.moments(EVERYTHING)[0] - TRUTH).square().mean().sqrt()) for f in (learnt, constant))
    assert error < blind


@pytest.mark.parametrize("seed", range(3))
def test_few_data_leave_the_noise_constant(seed):
    noise = (
        surrogate("gp", SPACE, learns_noise=True).fit(SPACE, scattered(12, 4.0, 4.0, seed), seed=0).noise_at(EVERYTHING)
    )

    assert float(noise.max() / noise.min()) < 2.0


def test_noise_is_the_same_everywhere_unless_it_is_learnt():
    fitted = surrogate("gp", SPACE).fit(SPACE, scattered(60, 15.0, 1.5), seed=0)

    torch.testing.assert_close(fitted.noise_at(EVERYTHING), torch.full((30,), fitted.noise_sd, dtype=torch.float64))


def test_predictions_are_frozen_with_the_noise_of_their_place():
    spec = reaction_spec(surrogate="gp", batch=8, acquisition="exploration", initial={"experiments": 4})
    spec = spec.from_resolved({**spec.resolved(), "noise": {"model": "learnt"}})
    data, more = scattered(20, 25.0, 0.5, seed=2), scattered(20, 25.0, 0.5, seed=3)
    seen = tuple(
        observe(spec, SPACE.settings(x.numpy()), measured(**{"yield": float(y)}), f"o{i:02}")
        for i, (x, y) in enumerate(zip([*data.x, *more.x], [*data.y, *more.y], strict=True))
    )

    proposals = plan(spec, History(seen), seed=0, experiments=8).proposals
    hot = [p.predictions[0].sd for p in proposals if p.candidate.settings["temperature"] == 60]
    cold = [p.predictions[0].sd for p in proposals if p.candidate.settings["temperature"] == 20]

    assert np.mean(hot) > np.mean(cold)


def test_a_deviation_is_the_scatter_of_the_readings_behind_a_value():
    spec = reaction_spec()
    outcome = Measured((Measurement("yield", 40.0, "%", 40.0, 6.0, 6.0, 9),))
    seen = observe(spec, {"alcohol": "ethanol", "base": "weak", "temperature": 20}, outcome, "o")

    table, _ = regression_table(SPACE, build_objective(spec), History((seen,)))

    assert table.sd[0, 0] == 2.0  # 6 / sqrt(9)
