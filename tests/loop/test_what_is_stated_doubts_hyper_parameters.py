"""What is stated is drawn from the hyper-parameters that few results leave possible; what is named is not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from campaigns import EVERYTHING, SPACE, training

from loop.insight.chances import doubted
from loop.insight.doubting import PROCESSES, doubting
from loop.surrogates.committee import FittedCommittee
from loop.surrogates.doubt import Doubt, among, log_widths
from loop.surrogates.exact import ExactPosterior
from loop.surrogates.noiseless import Known, noiseless
from loop.surrogates.protocol import FittedSurrogate, TrainingSet
from loop.surrogates.registry import surrogate

NAMES = ["gp", "ard"]


def fitted(name: str, data: TrainingSet) -> ExactPosterior:
    found = surrogate(name, SPACE).fit(SPACE, data, seed=0)
    assert isinstance(found, ExactPosterior)
    return found


@cache
def of_eight(name: str) -> ExactPosterior:
    return fitted(name, training(8))


def members(model: FittedSurrogate) -> tuple[FittedSurrogate, ...]:
    assert isinstance(model, FittedCommittee)
    return model.members


@pytest.mark.parametrize("name", NAMES)
def test_each_process_believes_what_independent_sums_say_with_its_hyper_parameters(name: str) -> None:
    model = of_eight(name)

    for one in members(doubting(model)):
        assert isinstance(one, ExactPosterior)
        rows = one.kernel(one.x, one.x).numpy() + one.noise_variance * np.eye(8)
        seen = one.kernel(EVERYTHING, one.x).numpy()
        mean, sd = one.moments(EVERYTHING)
        variance = one.prior_variance - np.einsum("ij,ij->i", seen, np.linalg.solve(rows, seen.T).T)
        expected = seen @ np.linalg.solve(rows, one.y.numpy()) * one.scale + one.shift
        np.testing.assert_allclose(mean.numpy(), expected, rtol=1e-6)
        np.testing.assert_allclose(sd.numpy(), np.sqrt(variance) * one.scale, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_processes_of_few_results_differ_in_their_noise(name: str) -> None:
    noises = {one.noise_sd for one in members(doubting(of_eight(name)))}

    assert 1 < len(noises) <= PROCESSES


@pytest.mark.parametrize("name", NAMES)
def test_the_mean_is_that_of_the_model_itself(name: str) -> None:
    model = of_eight(name)

    draws, mean = doubted(model, EVERYTHING, 200, seed=1)

    assert torch.equal(mean, model.moments(EVERYTHING)[0])
    assert draws.shape == (200, len(EVERYTHING))


def test_points_stand_for_all_as_often_as_these_are_likely() -> None:
    chances = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    kernel, x = of_eight("gp").kernel, training(4).x
    whole = Doubt(x, torch.ones(4, dtype=x.dtype), lambda: chances.log() + 7.0, lambda number: (kernel, 0.1 + number))
    halves = [
        Doubt(x, whole.weights, lambda: chances[:2].log(), whole.at),
        Doubt(x, whole.weights, lambda: chances[2:].log(), lambda number: whole.at(number + 2)),
    ]

    for doubt in (whole, among(halves, [0.0, 0.0])):
        found = {round(one.noise - 0.1): one.weight for one in doubt.possible(1_000)}
        assert [found[number] for number in range(4)] == pytest.approx(chances.tolist(), abs=0.002)


def test_values_of_a_grid_stand_for_the_range_of_logarithms_up_to_halfway_to_the_next() -> None:
    widths = log_widths(torch.tensor([1.0, 10.0, 100.0, 10_000.0], dtype=torch.float64)).exp() / np.log(10.0)

    assert widths.tolist() == pytest.approx([1.0, 1.0, 1.5, 2.0])


def test_a_committee_is_doubted_by_its_members() -> None:
    model = FittedCommittee("both", (of_eight("gp"), of_eight("ard")), (0.75, 0.25), widening=1.5)

    found = doubting(model)

    assert isinstance(found, FittedCommittee)
    assert len(found.members) > 2
    assert sum(found.weights) == pytest.approx(1.0)
    assert sum(found.weights[-2:]) == pytest.approx(0.25)
    assert found.widening == model.widening


def test_exact_values_stay_known() -> None:
    data = training(8)
    model = noiseless(of_eight("gp"), Known.of(data))

    draws, _ = doubted(model, data.x, 100, seed=1)

    assert float((draws - data.y).abs().max()) < 1e-3


def test_limits_are_believed_by_the_likeliest_alone() -> None:
    data = training(10)
    low = torch.where(data.y < data.y.median(), -torch.inf, data.y)
    model = fitted("gp", replace(data, low=low, high=data.y))

    assert doubting(model) is model


def test_results_that_share_a_day_are_believed_by_the_likeliest_alone() -> None:
    model = fitted("gp", replace(training(10), effects={"day": tuple("ab"[i % 2] for i in range(10))}))

    assert doubting(model) is model


def test_many_results_are_believed_by_the_likeliest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loop.surrogates.gp.ROWS", 9)
    few, many = (fitted("gp", training(n)) for n in (9, 10))

    assert doubting(few) is not few
    assert doubting(many) is many
