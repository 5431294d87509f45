"""What is stated is drawn from the hyper-parameters that few results leave possible; what is named is not."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from campaigns import EVERYTHING, SPACE, training

from loop.insight.chances import doubted
from loop.insight.doubting import PROCESSES, doubting
from loop.surrogates.committee import FittedCommittee
from loop.surrogates.doubt import Doubt, Point, among, log_widths
from loop.surrogates.effects import RATIOS, effects_of, shares_of_range
from loop.surrogates.exact import ExactPosterior
from loop.surrogates.grid import Rows
from loop.surrogates.learnt import log_posteriors_with
from loop.surrogates.noiseless import Known, Noiseless, noiseless
from loop.surrogates.protocol import FittedSurrogate, TrainingSet
from loop.surrogates.registry import surrogate

NAMES = ["gp", "ard"]
DAYS = tuple("ab" * 5)


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
    kernel, x, same = of_eight("gp").kernel, training(4).x, torch.ones(4, dtype=torch.float64)
    whole = Doubt(x, same, same, lambda: chances.log() + 7.0, lambda number: Point(kernel, 0.1 + number))
    halves = [
        Doubt(x, same, same, lambda: chances[:2].log(), whole.at),
        Doubt(x, same, same, lambda: chances[2:].log(), lambda number: whole.at(number + 2)),
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


def test_between_exact_values_hyper_parameters_are_doubted_as_elsewhere() -> None:
    data = training(8)
    plain = of_eight("gp")

    exact, found = (doubting(model) for model in (noiseless(plain, Known.of(data)), plain))

    assert isinstance(exact, FittedCommittee)
    assert isinstance(found, FittedCommittee)
    assert exact.weights == found.weights
    assert all(isinstance(member, Noiseless) for member in exact.members)


def test_limits_are_believed_by_the_likeliest_alone() -> None:
    data = training(10)
    low = torch.where(data.y < data.y.median(), -torch.inf, data.y)
    model = fitted("gp", replace(data, low=low, high=data.y))

    assert doubting(model) is model


def of_two_days(name: str) -> ExactPosterior:
    return fitted(name, replace(training(10), effects={"day": DAYS}))


@pytest.mark.parametrize("name", NAMES)
def test_results_that_share_a_day_are_doubted_by_what_days_may_add(name: str) -> None:
    model = of_two_days(name)
    same_day = effects_of({"day": DAYS})[0].covariance.numpy()
    expected = model.summary()["effects"]["day"]["expected"] / model.scale

    found = members(doubting(model))

    for one in found:
        assert isinstance(one, ExactPosterior)
        alone = one.kernel(one.x, one.x).numpy() + one.noise_variance * np.eye(10)
        seen = one.kernel(EVERYTHING, one.x).numpy()
        mean, sd = one.moments(EVERYTHING)
        means = [
            seen @ np.linalg.solve(alone + ratio * one.noise_variance * same_day, one.y.numpy()) * one.scale + one.shift
            for ratio in RATIOS
        ]
        assert min(np.abs(mean.numpy() - each).max() for each in means) < 1e-6
        known = seen @ np.linalg.solve(alone + expected**2 * same_day, seen.T)
        np.testing.assert_allclose(sd.numpy(), np.sqrt(one.prior_variance - known.diagonal()) * one.scale, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_mean_beside_days_is_that_of_the_model_itself(name: str) -> None:
    model = of_two_days(name)

    assert torch.equal(doubted(model, EVERYTHING, 200, seed=1)[1], model.moments(EVERYTHING)[0])


@pytest.mark.parametrize("plates", [DAYS, tuple("abcdefghij")], ids=["few labels", "a label for each row"])
def test_what_effects_add_is_as_likely_as_independent_sums_say(plates: tuple[str, ...]) -> None:
    data, noises, outputs = training(10), torch.tensor([0.1, 0.5]).double(), torch.tensor([1.0, 2.0]).double()
    y = (data.y - data.y.mean()) / data.y.std()
    exact, same = torch.zeros(10, dtype=torch.bool), torch.ones(10, dtype=torch.float64)
    effects = effects_of({"day": tuple("aabbccaabb"), "plate": plates})
    kernel = of_eight("gp").kernel(data.x, data.x)
    prior = torch.arange(4, dtype=torch.float64).reshape(1, 2, 2)

    tried, found = log_posteriors_with(effects, kernel[None], prior, Rows(y, y, y, exact, same), outputs, noises)

    shares = dict(zip(RATIOS[::2], shares_of_range(RATIOS[::2]).tolist(), strict=True))
    for which, output, noise in [(0, 0, 0), (8, 1, 0), (22, 0, 1), (35, 1, 1)]:
        shared = sum(r * noises[noise] * e.covariance for r, e in zip(tried[which], effects, strict=True))
        rows = outputs[output] * kernel + noises[noise] * torch.eye(10, dtype=torch.float64) + shared
        density = torch.distributions.MultivariateNormal(torch.zeros(10, dtype=torch.float64), rows).log_prob(y)
        believed = sum(math.log(shares[r] / (1 + r)) for r in tried[which])
        expected = float(density + prior[0, output, noise]) + believed
        assert float(found[which, 0, output, noise]) == pytest.approx(expected)


def test_many_results_are_believed_by_the_likeliest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loop.surrogates.gp.ROWS", 9)
    few, many = (fitted("gp", training(n)) for n in (9, 10))

    assert doubting(few) is not few
    assert doubting(many) is many


def test_rows_that_share_two_effects_count_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loop.surrogates.gp.ROWS", 19)
    one = fitted("gp", replace(training(10), effects={"day": DAYS}))
    two = fitted("gp", replace(training(10), effects={"day": DAYS, "plate": tuple("aabbccaabb")}))

    assert doubting(one) is not one
    assert doubting(two) is two
