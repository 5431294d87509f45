"""Where numbers decide, a part of thousands of results decides the hyper-parameters, and all what is believed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from loop.acquisition.protocol import Question
from loop.acquisition.sampled import Beaten, SampledImprovement
from loop.objective import Goal, Objective, Target
from loop.space import Continuous, Space
from loop.surrogates import ard, inducing
from loop.surrogates.ard import ArdGaussianProcess
from loop.surrogates.exact import noise_weights
from loop.surrogates.feasibility import Feasibility
from loop.surrogates.protocol import TrainingSet

SPACE = Space((Continuous("a", 0.0, 1.0), Continuous("b", 0.0, 1.0)))
PART, MANY = 25, 40
RECIPE = ArdGaussianProcess("ard")
ELSEWHERE = torch.rand(50, 2, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def surface(x: Tensor) -> Tensor:
    return 50.0 + 20.0 * torch.sin(6.0 * x[:, 0]) + 5.0 * x[:, 1]


def results(n: int) -> TrainingSet:
    generator = torch.Generator().manual_seed(n)
    x = torch.rand(n, 2, generator=generator, dtype=torch.float64)
    y = surface(x) + torch.randn(n, generator=generator, dtype=torch.float64)
    return TrainingSet(x, y, torch.full_like(y, torch.nan))


def with_limits(data: TrainingSet, most: float) -> TrainingSet:
    """The same as a detector that goes up to ``most`` tells it."""
    is_above = data.y > most
    y = data.y.clamp_max(most)
    return replace(data, y=y, low=y, high=torch.where(is_above, torch.inf, y))


@pytest.fixture
def learnt(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each fit of the hyper-parameters had; more than ``MANY`` are many."""
    monkeypatch.setattr(ard, "MANY", MANY)
    monkeypatch.setattr(ard, "PART", PART)
    monkeypatch.setattr(inducing, "PART", PART)
    seen: list[int] = []
    fit = ard._model

    def model(inputs: Tensor, y: Tensor):
        seen.append(len(y))
        return fit(inputs, y)

    monkeypatch.setattr(ard, "_model", model)
    return seen


def test_all_results_count_with_the_hyper_parameters_of_a_part(learnt):
    data = results(100)

    found = RECIPE.fit(SPACE, data, seed=3)

    part = RECIPE.fit(SPACE, inducing.a_part(data, 3), seed=3)
    covariance = part.kernel(data.x, data.x) + part.noise_variance * torch.diag(noise_weights(data, part.scale))
    cross = part.kernel(ELSEWHERE, data.x)
    mean = part.shift + cross @ torch.linalg.solve(covariance, data.y - part.shift)
    variance = part.prior_variance - (cross * torch.linalg.solve(covariance, cross.T).T).sum(1)
    told, sd = found.moments(ELSEWHERE)
    assert learnt == [PART, PART]
    assert (found.details["rows"], found.details["rows_of_hyper_parameters"]) == (100, PART)
    torch.testing.assert_close(told, mean, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(sd, variance.sqrt() * part.scale, rtol=1e-4, atol=1e-4)
    assert float((told - surface(ELSEWHERE)).abs().mean()) < float(
        (part.moments(ELSEWHERE)[0] - surface(ELSEWHERE)).abs().mean()
    )


def test_few_results_decide_together_as_before(learnt):
    found = RECIPE.fit(SPACE, results(MANY), seed=0)

    assert learnt == [MANY]
    assert len(found.x) == MANY


def test_limits_of_many_results_count_too(learnt):
    data = with_limits(results(100), 60.0)

    found = RECIPE.fit(SPACE, data, seed=3)

    assert learnt == [PART] * ard.IMPUTATIONS
    assert len(found.x) == 100
    mean, _ = found.moments(ELSEWHERE)
    above = surface(ELSEWHERE) > 65.0
    assert int(above.sum()) > 5
    assert float(mean[above].mean()) > 60.0  # of which the written-down limits would make less
    below = surface(ELSEWHERE) < 55.0
    assert float((mean - surface(ELSEWHERE))[below].abs().mean()) < 1.0


def question(data: TrainingSet, **target: float) -> Question:
    return Question(
        space=SPACE,
        objective=Objective((Target("y", Goal.MAXIMIZE, **target),)),
        models=[RECIPE.fit(SPACE, data, seed=0)],
        feasibility=Feasibility(),
        pool=None,
        observed=data.x,
        pending=torch.empty((0, 2), dtype=torch.float64),
        tried=data.x.numpy(),
        seed=0,
    )


def test_of_many_results_those_are_to_be_beaten_that_may_be_the_best(monkeypatch):
    data = results(120)
    asked = question(data.rows(torch.nonzero(data.x[:, 1] < 0.5)[:, 0]))  # of the upper half little is known
    whole = Beaten.of(asked)
    monkeypatch.setattr("loop.acquisition.utility.LEADING", 10)

    some = Beaten.of(asked)

    assert (len(whole.x), len(some.x)) == (len(asked.observed), 10)
    assert len(whole.x) > 50
    pending = ELSEWHERE[:2]
    x = ELSEWHERE[2:, None, :]
    with torch.no_grad():
        expected = SampledImprovement(whole, pending)(x).exp()
        found = SampledImprovement(some, pending)(x).exp()
    counts = expected > 0.05 * expected.max()
    assert int(counts.sum()) > 1
    near = 0.05 * float(expected.max())  # other draws of the best
    torch.testing.assert_close(found[counts], expected[counts], rtol=0.25, atol=near)
    assert found.argmax() == expected.argmax()


def test_what_there_is_to_beat_serves_every_choice_of_a_batch():
    """Pending points are added to what was worked out once, as if all had been worked out together."""
    asked = question(results(20))
    beaten = Beaten.of(asked)
    more = replace(asked, observed=torch.cat([asked.observed, ELSEWHERE[:3]]))
    x = ELSEWHERE[3:, None, :]

    with torch.no_grad():
        apart = SampledImprovement(beaten, ELSEWHERE[:3])(x)
        together = SampledImprovement(Beaten.of(more), asked.pending)(x)

    torch.testing.assert_close(apart, together, rtol=1e-6, atol=1e-6)


def test_where_nothing_keeps_the_threshold_the_worst_is_to_be_beaten():
    asked = question(results(20), at_least=200.0)
    beaten = Beaten.of(asked)

    value = SampledImprovement(beaten, asked.pending)

    lowest = float(asked.models[0].moments(asked.observed)[0].min())
    assert len(beaten.x) == 0
    assert beaten.worst == pytest.approx(lowest)
    assert all(float(part.best.max()) <= lowest for part in value.parts)


def test_a_covariance_that_rounding_spoils_still_has_draws():
    model = RECIPE.fit(SPACE, results(20), seed=0)
    _, covariance = model.joint(ELSEWHERE)
    size = model.prior_variance * model.scale**2
    low = covariance - (2e-6 * size + float(torch.linalg.eigvalsh(covariance)[0])) * torch.eye(50, dtype=torch.float64)
    assert float(torch.linalg.eigvalsh(low)[0]) < 0.0

    root = model.factor(low)

    torch.testing.assert_close(root @ root.T, low, rtol=0.0, atol=2e-5 * size)
    torch.testing.assert_close(model.factor(covariance), torch.linalg.cholesky(covariance))
