"""Effects of plates, days and recorded numbers: all their variances from one decomposition, as from one for each."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from campaigns import EVERYTHING, SPACE, alcohol_yield

from loop.surrogates import grid, sharing
from loop.surrogates.effects import Effect, effects_of
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.grid import Decomposed, Rows, decomposed
from loop.surrogates.learnt import NOISES, OUTPUT_SCALES
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.representation import Representation
from loop.surrogates.sharing import Sharing, low_rank

TRUTH = torch.tensor([alcohol_yield(SPACE.settings(x.numpy())) for x in EVERYTHING], dtype=torch.float64)
RECIPE = GaussianProcess("gp", Representation.ONE_HOT)
N = 96
RATIOS = [(0.0, 0.0, 0.0), (3.0, 0.0, 0.0), (0.3, 10.0, 1.0), (30.0, 0.1, 0.0)]


def seen(n: int = N, seed: int = 0) -> TrainingSet:
    """Values on plates of twelve wells and days of two plates, with a humidity that was not always recorded."""
    rng = np.random.default_rng(seed)
    rows, plate = torch.from_numpy(rng.integers(0, 30, n)), torch.arange(n) // 12
    humidity = rng.uniform(20, 60, n)
    offsets = torch.from_numpy(rng.normal(0, 8, n))
    y = TRUTH[rows] + offsets[plate] + torch.from_numpy(0.1 * humidity + rng.normal(0, 2, n))
    return TrainingSet(
        EVERYTHING[rows],
        y,
        torch.full_like(y, math.nan),
        effects={
            "plate": tuple(f"P{p}" for p in plate.tolist()),
            "day": tuple(None if i == 5 else f"D{i // 24}" for i in range(n)),
            "humidity": tuple(None if i % 17 == 3 else float(h) for i, h in enumerate(humidity)),
        },
    )


def dense() -> tuple[torch.Tensor, Rows, tuple[Effect, ...]]:
    """Covariances of two kernels, standardised rows that differ in weight, and their effects."""
    data = seen()
    distance = (data.x[:, None] - data.x[None]).square().sum(-1)
    covariances = torch.stack([(-0.5 * distance / length**2).exp() for length in (1.0, 3.0)])
    y, limits = (data.y - data.y.mean()) / data.y.std(), torch.full_like(data.y, math.nan)
    weights = torch.linspace(0.5, 2.0, len(y), dtype=torch.float64)
    rows = Rows(y, limits, limits, torch.zeros(len(y), dtype=torch.bool), weights)
    return covariances, rows, effects_of(data.effects)


def whole(effects: tuple[Effect, ...], ratios: tuple[float, ...]) -> torch.Tensor:
    return torch.stack([r * e.covariance for r, e in zip(ratios, effects, strict=True)]).sum(0)


def shared_of(covariances: torch.Tensor, rows: Rows, effects: tuple[Effect, ...]) -> Sharing:
    found = Sharing.of(decomposed(covariances, rows, OUTPUT_SCALES, NOISES), [e.covariance for e in effects], NOISES)
    assert found is not None
    return found


@pytest.mark.parametrize("at_once", [1, 4_000_000])
def test_beside_limits_all_variances_are_searched_at_once_as_each_by_itself(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    covariances, rows, effects = dense()
    low = torch.where(torch.arange(N) % 4 == 0, rows.y - 0.3, rows.low)
    rows = replace(rows, low=low, high=torch.full_like(low, math.inf), censored=torch.arange(N) % 4 == 0)
    prior = torch.zeros(2, len(OUTPUT_SCALES), len(NOISES), dtype=torch.float64)
    each = [replace(rows, shared=whole(effects, ratios)) for ratios in RATIOS]
    evidence = torch.stack([decomposed(covariances, some, OUTPUT_SCALES, NOISES).evidence for some in each])
    monkeypatch.setattr(grid, "AT_ONCE", at_once)

    found = grid.log_posteriors(
        covariances, rows, OUTPUT_SCALES, NOISES, prior, evidence, [some.shared for some in each]
    )

    alone = [grid.most_probable(covariances, some, OUTPUT_SCALES, NOISES, prior).log_posterior for some in each]
    assert found == pytest.approx(alone, abs=1e-5)
    assert len({round(value, 3) for value in alone}) == len(RATIOS)  # they differ


def test_a_factor_is_as_wide_as_labels_are_many_and_a_curve_needs_few_columns() -> None:
    *_, effects = dense()
    by_name = {effect.name: effect.covariance for effect in effects}
    factors = {name: low_rank(covariance, N) for name, covariance in by_name.items()}

    assert factors["plate"].shape[1] == 8
    assert factors["day"].shape[1] == 5  # one that nobody recorded is a label of its own
    assert factors["humidity"].shape[1] < 15
    for name, factor in factors.items():
        torch.testing.assert_close(factor @ factor.T, by_name[name], rtol=0, atol=1e-12)
    assert low_rank(by_name["plate"], 4) is None


@pytest.mark.parametrize("ratios", RATIOS)
def test_the_evidence_is_that_of_a_decomposition_for_each_variance(ratios: tuple[float, ...]) -> None:
    covariances, rows, effects = dense()

    found = shared_of(covariances, rows, effects).evidence(ratios)
    each = decomposed(covariances, replace(rows, shared=whole(effects, ratios)), OUTPUT_SCALES, NOISES).evidence

    torch.testing.assert_close(found, each, rtol=1e-8, atol=1e-8)


def test_what_labels_add_is_that_of_dense_algebra() -> None:
    covariances, rows, effects = dense()
    kernel, output, noise, ratios = 1, 4, 3, (0.3, 10.0, 1.0)
    scatter = NOISES[noise] * (torch.diag(rows.weights) + whole(effects, ratios))
    precision = torch.linalg.inv(OUTPUT_SCALES[output] * covariances[kernel] + scatter)

    at_kernel = shared_of(covariances, rows, effects).at(kernel)

    for effect in effects:
        pull, explained = at_kernel.seen(effect.loadings, ratios, output, noise)
        expected = effect.loadings @ precision @ rows.y
        torch.testing.assert_close(pull, expected, rtol=1e-7, atol=1e-7)
        diagonal = (effect.loadings @ precision @ effect.loadings.T).diagonal()
        torch.testing.assert_close(explained, diagonal, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("what", ["plain", "limits", "noise"])
def test_a_fit_is_the_same_by_one_decomposition_and_by_many(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    data, recipe = seen(), replace(RECIPE, learns_noise=what == "noise")
    if what == "limits":
        high = torch.where(data.y < data.y.quantile(0.1), data.y.quantile(0.1), math.nan)
        data = replace(data, low=torch.where(high.isnan(), math.nan, -math.inf), high=high)
    counts: list[int] = []
    plain = Decomposed.of
    monkeypatch.setattr(grid.Decomposed, "of", lambda *given: counts.append(1) or plain(*given))

    quick = recipe.fit(SPACE, data, seed=0)
    few = len(counts)
    monkeypatch.setattr(sharing.Sharing, "of", lambda *_: None)
    slow = recipe.fit(SPACE, data, seed=0)

    assert few * 10 < len(counts) - few
    for a, b in zip(quick.moments(EVERYTHING), slow.moments(EVERYTHING), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
    for name, effect in slow.summary()["effects"].items():
        for label, (mean, sd) in effect["labels"].items():
            assert quick.summary()["effects"][name]["labels"][label] == pytest.approx((mean, sd), abs=1e-6)


def test_levels_and_limits_alone_have_effects_too() -> None:
    data = seen(24)
    low = torch.where(data.y > data.y.median(), data.y.median(), torch.full_like(data.y, -torch.inf))
    high = torch.where(data.y > data.y.median(), torch.full_like(data.y, torch.inf), data.y.median())

    fitted = RECIPE.fit(SPACE, replace(data, low=low, high=high), seed=0)

    effects = fitted.summary()["effects"]
    assert set(effects["plate"]["labels"]) == {"P0", "P1"}
    assert all(math.isfinite(sd) and sd > 0 for _, sd in effects["plate"]["labels"].values())
