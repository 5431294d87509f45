"""The aggregated belief of a condition and how it narrows, against linear algebra written out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scopes import EMPTY, FORBIDDEN, WEIGHTS, everything, history, judgement, some, spec_of

from loop.acquisition.general import expected_loss
from loop.acquisition.judging import Field, hopes, judged, judged_draws, voices
from loop.history import History
from loop.insight.best import honest_best
from loop.outcome import Measured
from loop.spec import CampaignSpec, build_space
from loop.surrogates.exact import ExactPosterior
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate


class BruteForce:
    """A Gaussian process by plain linear algebra: the fitted kernel and noise, every matrix written out."""

    def __init__(self, fitted: ExactPosterior, x: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        self.fitted, self.x, self.y = fitted, x, (values - fitted.shift) / fitted.scale

    def k(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.fitted.kernel(torch.from_numpy(a), torch.from_numpy(b)).numpy())

    def belief(self, x: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
        """The covariance at ``x`` once ``known`` was measured, in target units."""
        noisy = self.k(known, known) + self.fitted.noise_variance * np.eye(len(known))
        cross = self.k(x, known)
        return np.asarray(self.k(x, x) - cross @ np.linalg.solve(noisy, cross.T)) * self.fitted.scale**2

    def mean(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        noisy = self.k(self.x, self.x) + self.fitted.noise_variance * np.eye(len(self.x))
        return np.asarray(self.k(x, self.x) @ np.linalg.solve(noisy, self.y)) * self.fitted.scale + self.fitted.shift


def fitted_to(spec: CampaignSpec, seen: History) -> tuple[ExactPosterior, BruteForce]:
    x = np.array([o.x for o in seen.observations])
    y = np.array([o.outcome.measurements[0].value for o in seen.observations])  # type: ignore[union-attr]
    data = TrainingSet(torch.from_numpy(x), torch.from_numpy(y), torch.full((len(y),), torch.nan, dtype=torch.float64))
    model = surrogate("gp", build_space(spec)).fit(build_space(spec), data, seed=0)
    assert isinstance(model, ExactPosterior)
    return model, BruteForce(model, x, y)


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
@pytest.mark.parametrize("general", [{}, WEIGHTS], ids=["alike", "weighted"])
@pytest.mark.parametrize("constraints", [[], FORBIDDEN], ids=["free", "constrained"])
def test_the_aggregated_belief_is_that_of_a_process_written_out(goal: str, general: Any, constraints: Any) -> None:
    objective = {"yield": {"goal": goal, "unit": "%"}}
    spec = spec_of(general, constraints=constraints, objective=objective)
    space, over = build_space(spec), judgement(spec)
    seen = history(spec, [s for s in some(14) if space.contains(s)])
    model, plain = fitted_to(spec, seen)
    sign = 1.0 if goal == "maximize" else -1.0
    conditions = over.conditions(np.array([space.coordinates(s) for s in everything()]))
    scene = Field.of(over, conditions, np.arange(8))
    # weights by hand, condition by condition, from settings
    by_name = {"phenyl": 3.0, "nitrile": 0.5, "some": 2.0} if general else {}
    w = np.zeros((48, 6))
    for row, x in enumerate(scene.cells.numpy()):
        s = space.settings(x)
        if space.contains(s):
            w[row, row // 8] = by_name.get(str(s["bromide"]), 1.0) * by_name.get(str(s["additive"]), 1.0)
    w /= w.sum(axis=0)
    other = np.array([space.coordinates(everything()[0])])
    cells = np.vstack([scene.cells.numpy(), other])

    (voice,) = voices(model, scene, torch.from_numpy(other), seed=0)

    covariance = plain.belief(cells, plain.x)
    assert np.allclose(voice.mean, sign * plain.mean(cells[:48]) @ w, atol=1e-7)
    assert np.allclose(voice.covariance, w.T @ covariance[:48, :48] @ w, atol=1e-6)
    assert np.allclose(voice.cross, sign * covariance[:, :48] @ w, atol=1e-6)
    usual, best = hopes(model, over, conditions)
    assert np.allclose(usual, voice.mean, atol=1e-8)
    assert (best >= voice.mean + 2.0 * voice.covariance.diagonal().sqrt() - 1e-9).all()

    for j in (3, 20, 48):  # two cells and one elsewhere will be known: as if they had been measured
        voice.decide(j)
    after = plain.belief(cells, np.vstack([plain.x, cells[[3, 20, 48]]]))
    assert np.allclose(voice.covariance, w.T @ after[:48, :48] @ w, atol=1e-6)
    assert np.allclose(voice.cross, sign * after[:, :48] @ w, atol=1e-6)
    assert np.allclose(voice.variance, after.diagonal(), atol=1e-6)


def test_worst_and_share_are_those_of_each_draw() -> None:
    values = torch.tensor([[10.0, 60.0, 55.0, 70.0, 80.0, 20.0, 49.0, 51.0]], dtype=torch.float64)
    worst, share = judgement(spec_of({"by": "worst"})), judgement(spec_of({"by": "share", "at_least": 50}))
    condition = np.array([[0.0, 0.0]])

    assert judged(Field.of(worst, condition, np.arange(8)), values).tolist() == [[10.0]]
    assert judged(Field.of(share, condition, np.arange(8)), values).tolist() == [[62.5]]
    smaller = {"yield": {"goal": "minimize", "unit": "%"}}
    most = judgement(spec_of({"by": "worst"}, objective=smaller))
    under = judgement(spec_of({"by": "share", "at_most": 50}, objective=smaller))
    assert judged(Field.of(most, condition, np.arange(8)), values).tolist() == [[-80.0]]
    assert judged(Field.of(under, condition, np.arange(8)), values).tolist() == [[37.5]]
    assert (most.of([1.0, 9.0], [1, 1]), under.of([1.0, 99.0], [3, 1])) == (9.0, 75.0)


def test_a_forbidden_substrate_counts_for_no_condition() -> None:
    spec = spec_of({"by": "worst"}, constraints=FORBIDDEN)
    over, values = judgement(spec), torch.arange(16.0, dtype=torch.float64)
    scene = Field.of(over, np.array([[0.0, 0.0], [0.0, 1.0]]), np.arange(8))  # weak and strong base

    # thienyl and nitrile are bromides 2 and 3, so the first four substrates are left with the strong base
    assert (scene.shares > 0).sum(dim=1).tolist() == [8, 4]
    assert judged(scene, 15.0 - values).tolist() == [8.0, 4.0]


def test_expected_loss_is_the_integral_that_it_stands_for() -> None:
    z = np.linspace(-12, 12, 200_001)
    for gap, sd in ((0.0, 1.0), (2.0, 0.7), (-1.5, 2.0), (5.0, 1.0)):
        by_hand = np.trapezoid(np.maximum(sd * z - gap, 0.0) * np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi), z)

        assert float(expected_loss(torch.tensor(gap), torch.tensor(sd))) == pytest.approx(by_hand, abs=1e-6)


def test_draws_have_the_mean_and_the_covariance_of_the_closed_form() -> None:
    spec = spec_of()
    model, _ = fitted_to(spec, history(spec, some(12)))
    scene = Field.of(judgement(spec), np.array([[0.0, 0.0], [1.0, 1.0]]), np.arange(8))
    (voice,) = voices(model, scene, EMPTY, seed=0)

    draws = judged_draws(model, scene, 20_000, seed=1)

    assert torch.allclose(draws.mean(0), voice.mean, atol=1e-6)  # antithetic
    assert torch.allclose(torch.cov(draws.T), voice.covariance, rtol=0.1, atol=0.02 * float(voice.covariance.max()))


def test_a_condition_may_be_off_as_a_whole_until_every_substrate_was_measured_with_it() -> None:
    spec = spec_of(objective={"yield": {"goal": "maximize", "unit": "%"}})  # without limits, which cut intervals off
    whole = [s for s in everything() if (s["ligand"], s["base"]) == ("PMe3", "weak")]
    seen = history(spec, whole + [s for s in some(14) if s not in whole])
    model, _ = fitted_to(spec, seen)
    assert isinstance(model, ExactPosterior)
    values = torch.tensor(
        [o.outcome.measurements[0].value for o in seen.observations if isinstance(o.outcome, Measured)]
    )
    missed = float((values - model.left_out()[0]).square().mean())

    stated = honest_best(spec, seen, seed=0).candidates

    assert {8} < {s.covered for s in stated}
    for row in stated:
        condition = build_space(spec).coordinates({**everything()[0], **row.settings})[[0, 2]]
        (voice,) = voices(model, Field.of(judgement(spec), condition[None], np.arange(8)), EMPTY, seed=0)
        common = 0.5 * missed * (1 - row.covered / 8) / row.covered
        low, high = row.targets[0].low, row.targets[0].high
        assert low is not None
        assert high is not None
        expected = 2 * 1.645 * math.sqrt(float(voice.covariance[0, 0]) + common)
        assert high - low == pytest.approx(expected, rel=0.1)
