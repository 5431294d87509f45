"""A mixture of models as one BoTorch model, so that its Monte-Carlo acquisition functions can use a committee."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from botorch.models.model import Model
from botorch.posteriors.posterior import Posterior
from botorch.sampling.get_sampler import GetSampler
from botorch.sampling.normal import SobolQMCNormalSampler
from torch import Tensor, nn

from loop.surrogates.coordinate_model import CoordinateModel


def apportion(weights: Sequence[float], n: int) -> tuple[int, ...]:
    """``n`` things shared out in proportion to ``weights``, whole and summing to ``n``."""
    total, shares, given = 0.0, [], 0
    for w in weights:
        total += w
        upto = round(total / sum(weights) * n)
        shares.append(upto - given)
        given = upto
    return tuple(shares)


def shuffle_targets(draws: Tensor, seed: int) -> None:
    """Puts the draws of each target after the first, ``(s, *n, m)``, into an order of its own, in place.

    A committee draws by one member after the other. Side by side, targets would all be drawn by the first members at
    once, as if what one of them says of one target told what one says of another.
    """
    generator = torch.Generator().manual_seed(seed)
    for i in range(1, draws.shape[-1]):
        draws[..., i] = draws[torch.randperm(len(draws), generator=generator), ..., i]


class MixturePosterior(Posterior):
    """Each sample comes from one member, members in proportion to their weights.

    Members' posteriors are Gaussian, ``(*b, q, 1)`` each; with base samples the draws are reproducible and have
    gradients. Which member a draw comes from is fixed by its number, so the same base samples give the same draws.
    All is drawn in towards the mean, or apart, so that variances are ``widening`` times those of the mixture.
    """

    def __init__(self, members: Sequence[Any], weights: Sequence[float], widening: float = 1.0) -> None:
        self.members, self.weights, self.widening = tuple(members), tuple(weights), widening

    @property
    def device(self) -> torch.device:
        return torch.device(self.members[0].device)

    @property
    def dtype(self) -> torch.dtype:
        found: torch.dtype = self.members[0].dtype
        return found

    @property
    def base_sample_shape(self) -> torch.Size:
        return torch.Size(self.members[0].base_sample_shape)

    @property
    def batch_shape(self) -> torch.Size:
        return torch.Size(self.members[0].batch_shape)

    @property
    def batch_range(self) -> tuple[int, int]:
        """The batch axes of ``base_sample_shape``: samplers give all rows of a batch the same base samples."""
        start, end = self.members[0].batch_range
        return start, end

    @property
    def mean(self) -> Tensor:
        """Mean of the mixture, shape ``(*b, q, 1)``."""
        return torch.stack([w * m.mean for w, m in zip(self.weights, self.members, strict=True)]).sum(0)

    @property
    def variance(self) -> Tensor:
        """Variance of the mixture, disagreement of the members included, shape ``(*b, q, 1)``."""
        mean = self.mean
        parts = [w * (m.variance + (m.mean - mean).square()) for w, m in zip(self.weights, self.members, strict=True)]
        return self.widening * torch.stack(parts).sum(0)

    def _extended_shape(self, sample_shape: torch.Size = torch.Size()) -> torch.Size:  # noqa: B008 - BoTorch's default
        return torch.Size(self.members[0]._extended_shape(sample_shape))

    def rsample(self, sample_shape: torch.Size | None = None) -> Tensor:
        """Draws of shape ``sample_shape + (*b, q, 1)``."""
        shape = torch.Size([1]) if sample_shape is None else sample_shape
        base = torch.randn(*shape, *self.base_sample_shape, dtype=self.dtype)
        return self.rsample_from_base_samples(shape, base)

    def rsample_from_base_samples(self, sample_shape: torch.Size, base_samples: Tensor) -> Tensor:
        """Draws from standard normal base samples of shape ``sample_shape + base_sample_shape``."""
        shares = apportion(self.weights, sample_shape[0])
        drawn, start = [], 0
        for member, share in zip(self.members, shares, strict=True):
            if share:
                part = base_samples[start : start + share]
                shape = torch.Size([share, *sample_shape[1:]])
                drawn.append(member.rsample_from_base_samples(shape, part))
                start += share
        draws = torch.cat(drawn)
        return draws if self.widening == 1.0 else self.mean + self.widening**0.5 * (draws - self.mean)


class MixtureModel(CoordinateModel):
    """A committee as a BoTorch model of coordinates."""

    def __init__(self, members: Sequence[Model], weights: Sequence[float], widening: float = 1.0) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.weights, self.widening = tuple(weights), widening

    def belief(self, x: Tensor, *, with_noise: bool) -> MixturePosterior:
        """Joint belief at ``x``, shape ``(*b, q, d)``: mean ``(*b, q, 1)``, in target units."""
        parts = [m.posterior(x, observation_noise=with_noise) for m in self.members if isinstance(m, Model)]
        return MixturePosterior(parts, self.weights, self.widening)


def _mixture_sampler(
    posterior: MixturePosterior,  # noqa: ARG001 - given by BoTorch
    sample_shape: torch.Size,
    *,
    seed: int | None = None,
) -> SobolQMCNormalSampler:
    return SobolQMCNormalSampler(sample_shape=sample_shape, seed=seed)


GetSampler.add((MixturePosterior,), _mixture_sampler)  # BoTorch dispatches on the posterior's class
