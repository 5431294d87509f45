"""A look at one point beside all that it is held against costs that point alone, and tells the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from botorch.models import ModelList
from botorch.sampling.list_sampler import ListSampler
from botorch.sampling.normal import SobolQMCNormalSampler
from torch import Tensor

from loop.space import Continuous, Space
from loop.surrogates.ard import ArdGaussianProcess
from loop.surrogates.coordinate_model import CoordinateModel, NormalModel
from loop.surrogates.exact import ExactPosterior
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.mixture import MixtureModel
from loop.surrogates.noiseless import Known, noiseless
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.remembering import RememberingModel
from loop.surrogates.representation import Representation

SPACE = Space((Continuous("x", 0.0, 1.0, ""), Continuous("y", 0.0, 1.0, "")))
DRAWS = torch.Size([32])


def points(n: int, seed: int) -> Tensor:
    return torch.rand(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def fitted(turn: float = 0.0) -> list[ExactPosterior]:
    x = points(25, 0)
    y = 20.0 * torch.sin(5.0 * x[:, 0] + turn) + 3.0 * x[:, 1]
    data = TrainingSet(x, y, torch.full_like(y, torch.nan))
    one: Any = ArdGaussianProcess("ard").fit(SPACE, data, seed=0)
    other: Any = GaussianProcess("gp", Representation.ONE_HOT).fit(SPACE, data, seed=0)
    return [one, other]


def mixture(members: list[ExactPosterior], kind: type[NormalModel]) -> CoordinateModel:
    return MixtureModel([kind(m) for m in members], (0.6, 0.4), 0.7)


def drawn(models: list[CoordinateModel], known: Tensor, x: Tensor) -> Tensor:
    """As BoTorch's functions draw: the known points first, and then others in sets beside them."""
    model = ModelList(*models)
    first, sampler = (ListSampler(*(SobolQMCNormalSampler(DRAWS, seed=i) for i in range(len(models)))) for _ in "ab")
    with torch.no_grad():
        before = first(model.posterior(known))
    whole = model.posterior(torch.cat([known.expand(len(x), -1, -1), x], dim=1))
    sampler._update_base_samples(posterior=whole, base_sampler=first)
    found = sampler(whole)
    torch.testing.assert_close(found[:, :, : len(known)], before[:, None].expand(-1, len(x), -1, -1))
    return found


@pytest.mark.parametrize("beside", [1, 3])
def test_the_same_is_drawn_as_without_a_memory(beside: int) -> None:
    members, others, known = fitted(), fitted(turn=1.0), points(7, 1)
    found = []
    for kind in (NormalModel, RememberingModel):
        x = points(5 * beside, 2).reshape(5, beside, 2).requires_grad_()
        draws = drawn([mixture(members, kind), mixture(others, kind)], known, x)
        draws[:, :, len(known) :].square().sum().backward()
        found.append((draws.detach(), x.grad))
    (plain, plain_slope), (told, slope) = found

    torch.testing.assert_close(told, plain, rtol=1e-6, atol=1e-6)  # of 20: factors of all but singular covariances
    torch.testing.assert_close(slope, plain_slope, rtol=1e-4, atol=1e-3 * float(plain_slope.abs().max()))


def test_a_look_asks_for_covariances_of_its_own_points_alone() -> None:
    (member, _), known, x = fitted(), points(7, 1), points(5, 2)[:, None, :]
    rows: list[int] = []

    def counted(a: Tensor, b: Tensor) -> Tensor:
        rows.append(a.shape[:-1].numel())
        return member.kernel(a, b)

    model = RememberingModel(replace(member, kernel=counted))
    drawn([model], known, x)
    rows.clear()
    drawn_again = SobolQMCNormalSampler(DRAWS, seed=0)
    drawn_again(model.posterior(torch.cat([known.expand(5, -1, -1), x], dim=1)))

    assert max(rows) == 5


def test_points_that_begin_otherwise_are_drawn_whole() -> None:
    (member, _), known, x = fitted(), points(7, 1), points(5, 2)[:, None, :]
    remembering, plain = RememberingModel(member), NormalModel(member)
    remembering.posterior(known)
    for first in (points(7, 3), known[:5], known[:0]):
        both = torch.cat([first.expand(5, -1, -1), x], dim=1)
        told, expected = (SobolQMCNormalSampler(DRAWS, seed=0)(m.posterior(both)) for m in (remembering, plain))

        torch.testing.assert_close(told, expected)


def test_exact_values_are_known_beside_what_is_remembered() -> None:
    (member, _), known, x = fitted(), points(7, 1), points(5, 2)[:, None, :]
    values = Known(known, torch.arange(7.0, dtype=torch.float64), torch.zeros(7, dtype=torch.float64), 1e-3, known[:0])
    model: Any = noiseless(member, values).model()
    model.posterior(known)

    told = model.posterior(torch.cat([known.expand(5, -1, -1), x], dim=1))

    torch.testing.assert_close(told.mean[:, :7, 0], torch.arange(7.0, dtype=torch.float64).expand(5, 7))


class Straight:
    """A belief of two features, whose covariance at more points than two has no Cholesky factor."""

    def joint(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = torch.stack([torch.ones_like(x[..., 0]), x[..., 0]], dim=-1)
        return features.sum(-1), 4.0 * features @ features.transpose(-1, -2)

    def noise_at(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x[..., 0])


def test_a_model_of_few_features_is_drawn_at_many_points() -> None:
    x = points(24, 0).reshape(2, 12, 2).requires_grad_()

    posterior = NormalModel(Straight()).posterior(x)
    draws = posterior.rsample(torch.Size([4000]))
    draws.square().mean().backward()

    variance = 4.0 * (1.0 + x.detach()[..., 0].square())
    torch.testing.assert_close(posterior.variance[..., 0].detach(), variance, rtol=1e-5, atol=0.0)
    torch.testing.assert_close(draws.var(dim=0)[..., 0].detach(), variance, rtol=0.15, atol=0.0)
    assert x.grad is not None
    assert bool(torch.isfinite(x.grad).all())
