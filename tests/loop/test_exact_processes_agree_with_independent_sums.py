"""The closed-form Gaussian process against dense linear algebra, refits, BoTorch and sampling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from campaigns import ALCOHOLS, EVERYTHING, SPACE, training

from loop.errors import TooFewPoints
from loop.surrogates.ard import ArdGaussianProcess, one_hot
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.metric import metric
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.representation import Representation


def dense(fitted, data, x):
    """Mean and variance of a process from its kernel by plain numpy, in target units."""
    k = fitted.kernel(data.x, data.x).numpy() + fitted.noise_variance * np.eye(len(data))
    cross = fitted.kernel(x, data.x).numpy()
    y = (data.y.numpy() - fitted.shift) / fitted.scale
    mean = cross @ np.linalg.solve(k, y)
    variance = fitted.prior_variance - np.einsum("ij,ji->i", cross, np.linalg.solve(k, cross.T))
    return mean * fitted.scale + fitted.shift, variance * fitted.scale**2


@pytest.mark.parametrize("representation", list(Representation))
def test_moments_are_those_of_dense_algebra(representation):
    data = training()
    fitted = GaussianProcess("gp", representation).fit(SPACE, data, seed=0)

    mean, sd = fitted.moments(EVERYTHING)
    expected_mean, expected_variance = dense(fitted, data, EVERYTHING)

    # two routes through a condition number of about 1e4 in float64
    np.testing.assert_allclose(mean.numpy(), expected_mean, rtol=1e-8)
    np.testing.assert_allclose(sd.numpy() ** 2, expected_variance, rtol=1e-6)


def test_the_ard_process_agrees_with_the_textbook():
    data = training()
    fitted = ArdGaussianProcess("ard").fit(SPACE, data, seed=0)

    mean, sd = fitted.moments(EVERYTHING)
    expected_mean, expected_variance = dense(fitted, data, EVERYTHING)

    np.testing.assert_allclose(mean.detach().numpy(), expected_mean, rtol=1e-6)
    np.testing.assert_allclose(sd.detach().numpy() ** 2, expected_variance, rtol=1e-5)
    assert one_hot(SPACE.frame, EVERYTHING).shape == (30, 5 + 2 + 1)


def test_held_out_densities_are_those_of_refits_without_the_point():
    data = training()
    fitted = GaussianProcess("gp", Representation.ONE_HOT).fit(SPACE, data, seed=0)
    y = ((data.y - fitted.shift) / fitted.scale).numpy()
    k = fitted.kernel(data.x, data.x).numpy() + fitted.noise_variance * np.eye(12)

    for i, density in enumerate(fitted.held_out().tolist()):
        others = np.delete(np.arange(12), i)
        solved = np.linalg.solve(k[np.ix_(others, others)], np.column_stack([y[others], k[others, i]]))
        mean, variance = k[i, others] @ solved[:, 0], k[i, i] - k[i, others] @ solved[:, 1]
        expected = -0.5 * np.log(2 * np.pi * variance) - 0.5 * (y[i] - mean) ** 2 / variance - np.log(fitted.scale)

        assert density == pytest.approx(expected, abs=1e-7)


def test_the_grid_point_is_the_most_probable_one():
    data = training()
    fitted = GaussianProcess("gp", Representation.ONE_HOT).fit(SPACE, data, seed=0)
    y = ((data.y - fitted.shift) / fitted.scale).numpy()
    k = fitted.kernel(data.x, data.x).numpy() + fitted.noise_variance * np.eye(12)

    evidence = -0.5 * y @ np.linalg.solve(k, y) - 0.5 * np.linalg.slogdet(k)[1] - 6 * np.log(2 * np.pi)

    assert fitted.details["log_evidence"] == pytest.approx(evidence, abs=1e-7)


def test_scaling_a_target_scales_the_posterior():
    recipe = GaussianProcess("gp", Representation.COUNTS)
    plain = recipe.fit(SPACE, training(), seed=0).moments(EVERYTHING)

    scaled = recipe.fit(SPACE, training(scale=1000.0, shift=7.0), seed=0).moments(EVERYTHING)

    torch.testing.assert_close(scaled[0], plain[0] * 1000.0 + 7.0)
    torch.testing.assert_close(scaled[1], plain[1] * 1000.0)


def test_samples_have_the_stated_moments():
    fitted = GaussianProcess("gp", Representation.COUNTS).fit(SPACE, training(), seed=0)
    mean, sd = fitted.moments(EVERYTHING)

    draws = fitted.samples(EVERYTHING, 20_000, seed=3)

    torch.testing.assert_close(draws.mean(0), mean, rtol=0, atol=1e-6)  # antithetic: exact but for jitter
    torch.testing.assert_close(draws.std(0), sd, rtol=0.03, atol=0.03)  # 1/sqrt(2 n) is 0.005; four errors and jitter


def test_the_botorch_model_believes_the_same_and_has_gradients():
    fitted = GaussianProcess("gp", Representation.COUNTS).fit(SPACE, training(), seed=0)
    x = EVERYTHING[:4].clone().requires_grad_()

    posterior = fitted.model().posterior(x[:, None, :])
    posterior.mean.sum().backward()

    torch.testing.assert_close(posterior.mean[:, 0, 0].detach(), fitted.moments(EVERYTHING[:4])[0])
    assert x.grad[:, 2].abs().min() > 0  # the temperature
    assert x.grad[:, :2].abs().max() == 0  # options have no slope


def test_a_known_deviation_makes_a_value_count_less():
    data = training()
    wrong = data.y.clone()
    wrong[0] += 60.0
    vague = data.sd.clone()
    vague[0] = 200.0
    recipe = GaussianProcess("gp", Representation.ONE_HOT)

    trusted = recipe.fit(SPACE, TrainingSet(data.x, wrong, data.sd), seed=0).moments(data.x[:1])[0]
    doubted = recipe.fit(SPACE, TrainingSet(data.x, wrong, vague), seed=0).moments(data.x[:1])[0]

    assert abs(float(doubted - data.y[0])) < abs(float(trusted - data.y[0]))


def test_too_few_points_are_refused():
    with pytest.raises(TooFewPoints, match="needs 2 observations and has 1"):
        GaussianProcess("gp", Representation.ONE_HOT).fit(SPACE, training(1), seed=0)


def test_equal_values_give_a_flat_but_usable_model():
    data = training()
    flat = TrainingSet(data.x, torch.full_like(data.y, 3.0), data.sd)

    mean, sd = GaussianProcess("gp", Representation.ONE_HOT).fit(SPACE, flat, seed=0).moments(EVERYTHING)

    torch.testing.assert_close(mean, torch.full_like(mean, 3.0))
    assert (sd > 0).all()


def test_count_distances_are_rdkits_tanimoto():
    from rdkit import Chem, DataStructs
    from rdkit.Chem import rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2)
    prints = [generator.GetSparseCountFingerprint(Chem.MolFromSmiles(s)) for s in ALCOHOLS.values()]
    expected = np.array([[1 - DataStructs.TanimotoSimilarity(a, b) for b in prints] for a in prints])
    expected = expected * 2 / expected[~np.eye(5, dtype=bool)].mean()
    points = torch.tensor([[i, 0.0, 20.0] for i in range(5)], dtype=torch.float64)

    squared = metric(SPACE, Representation.COUNTS).squared(points, points)

    np.testing.assert_allclose(squared.numpy(), expected, atol=1e-6)  # counts are summed in float32


def test_one_hot_distances_are_two_for_any_two_options():
    points = torch.tensor([[0, 0, 20.0], [3, 0, 20.0], [3, 1, 60.0]], dtype=torch.float64)

    squared = metric(SPACE, Representation.ONE_HOT).squared(points, points)

    torch.testing.assert_close(squared, torch.tensor([[0, 2, 5], [2, 0, 3], [5, 3, 0]], dtype=torch.float64))
