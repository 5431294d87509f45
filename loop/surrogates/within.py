"""What a candidate is worth where its settings stray: the mean over a box of settings, or what is at its worst place.

Of what is wanted the mean counts, a sum over a few places of the same response, so that what one place tells of another
counts too. Of what is only kept, it is the place where it is believed nearest to breaking its thresholds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, TypeAlias

import torch
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.posteriors.posterior import Posterior
from botorch.sampling.get_sampler import GetSampler
from botorch.sampling.normal import SobolQMCNormalSampler
from torch import Tensor

from loop.objective import Target
from loop.surrogates.committee import FittedCommittee
from loop.surrogates.coordinate_model import CoordinateModel
from loop.surrogates.exact import ExactPosterior
from loop.surrogates.protocol import FittedSurrogate, SupportsBetween, normal_between, skim
from loop.tolerance import Tolerances

AT_ONCE: Final = 8_192  # places, so that covariances with thousands of rows have room
JOINTLY: Final = 1_536  # places that are drawn together: a third of a second

Moments: TypeAlias = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Around:
    """Where candidates are looked at, and what of it counts.

    Attributes:
        tolerances: The numbers that stray.
        limits: Between which values a target is to be kept, whose worst place counts; None where the mean counts.
    """

    tolerances: Tolerances
    limits: tuple[float, float] | None = None

    @cached_property
    def weights(self) -> Tensor:
        """What each of ``places`` counts in the mean: ``(k,)``."""
        return torch.from_numpy(self.tolerances.inside[1])

    def places(self, x: Tensor) -> Tensor:
        """The places about candidates ``x``, ``(*b, d)``, whose mean counts: shape ``(*b, k, d)``."""
        return self._strayed(x, torch.from_numpy(self.tolerances.inside[0]))

    def worst(self, x: Tensor, means: Callable[[Tensor], Tensor]) -> Tensor:
        """Where about each candidate ``x``, ``(*b, d)``, the limits are nearest to being broken: shape ``(*b, d)``.

        ``means`` are those at places, ``(*b, k, d)`` to ``(*b, k)``. Where not every corner of the box is looked at,
        the two are besides at which everything is off to the side on which the mean rises, or falls.
        """
        assert self.limits is not None, "what has no limits cannot break them"
        (low, high), corners = self.limits, torch.from_numpy(self.tolerances.corners)
        with torch.no_grad():
            lots = corners.expand(*x.shape[:-1], *corners.shape)
            found = means(self._strayed(x, lots))
            if not self.tolerances.has_all_corners:
                rises = torch.where(found[..., 1:] @ corners[1:] < 0.0, -1.0, 1.0)
                further = torch.stack([rises, -rises], dim=-2)
                lots = torch.cat([lots, further], dim=-2)
                found = torch.cat([found, means(self._strayed(x, further))], dim=-1)
            which = torch.minimum(found - low, high - found).argmin(-1)
            lot = torch.take_along_dim(lots, which[..., None, None], dim=-2)
        return self._strayed(x, lot)[..., 0, :]

    def _strayed(self, x: Tensor, lots: Tensor) -> Tensor:
        """Where candidates ``x``, ``(*b, d)``, go by ``lots``, ``(k, numbers)`` or of each ``(*b, k, numbers)``."""
        columns = list(x[..., None, :].expand(*x.shape[:-1], lots.shape[-2], x.shape[-1]).unbind(-1))
        for i, one in enumerate(self.tolerances.each):
            columns[one.column] = one.strayed(x[..., one.column, None], lots[..., i])
        return torch.stack(columns, dim=-1)


@dataclass(frozen=True)
class FittedWithin:
    """A fitted surrogate of what comes of settings that stray; a ``FittedSurrogate`` itself.

    Attributes:
        plain: What is believed of settings as they are.
        around: Where it is asked.
    """

    plain: FittedSurrogate
    around: Around

    @property
    def name(self) -> str:
        return self.plain.name

    @property
    def noise_sd(self) -> float:
        return self.plain.noise_sd

    def noise_at(self, x: Tensor) -> Tensor:
        return self.plain.noise_at(x)

    def moments(self, x: Tensor) -> Moments:
        """Mean and standard deviation at ``x``, ``(n, d)``: two of shape ``(n,)``.

        The deviation of a mean is exact of a Gaussian process, and at most what is said of others.
        """
        if self.around.limits is not None:
            return self._in_parts(x, lambda some: self.plain.moments(self._worst(some, self._expected)))
        if isinstance(self.plain, ExactPosterior):
            return self._in_parts(x, self._jointly)
        return self._in_parts(x, lambda some: self._summed(some, self.plain.moments))

    def skimmed(self, x: Tensor) -> Moments:
        """``moments`` of a model that is skimmed where it can be, deviations as if all places erred alike."""

        def quickly(at: Tensor) -> Moments:
            return skim(self.plain, at)

        if self.around.limits is not None:
            return self._in_parts(x, lambda some: quickly(self._worst(some, lambda at: quickly(at)[0])))
        return self._in_parts(x, lambda some: self._summed(some, quickly))

    def between(self, low: float, high: float, x: Tensor, *, is_new: bool = False, skimmed: bool = False) -> Tensor:
        """As ``SupportsBetween`` says; of what is far from normal itself, as at its worst place: shape ``(n,)``."""
        if self.around.limits is None or not isinstance(self.plain, SupportsBetween):
            mean, sd = skim(self, x) if skimmed else self.moments(x)
            sd = (sd.square() + self.noise_at(x).square()).sqrt() if is_new else sd
            return normal_between(low, high, mean, sd)
        return self.plain.between(low, high, self._worst_of(x), is_new=is_new, skimmed=skimmed)

    def samples(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        """``n`` joint draws at ``x``, ``(p, d)``: shape ``(n, p)``."""
        return self.of_draws(lambda at: self.plain.samples(at, n, seed=seed), x)

    def of_draws(self, draw: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Draws at candidates ``x``, ``(p, d)``, by joint draws of what it is ``plain``ly: ``(m, d)`` to ``(n, m)``.

        Of means of more than can be drawn at all their places, draws where they are set, moved by what straying does to
        the mean: shape ``(n, p)``.
        """
        if self.around.limits is not None:
            return draw(self._worst_of(x))
        weights = self.around.weights
        if len(x) * len(weights) > JOINTLY:
            moved = torch.cat([self._mean(some) for some in self._parts(x)])
            return draw(x) + (moved - self._expected(x))
        drawn = draw(self.around.places(x).flatten(0, 1))
        return drawn.reshape(len(drawn), len(x), len(weights)) @ weights

    def model(self) -> Model:
        return WithinModel(self.plain.model(), self.around)

    def held_out(self) -> Tensor:
        return self.plain.held_out()

    def summary(self) -> Mapping[str, Any]:
        return self.plain.summary()

    def _parts(self, x: Tensor) -> Sequence[Tensor]:
        """Some candidates at a time: of none, torch makes one part that is empty."""
        tolerances = self.around.tolerances
        return torch.split(x, max(AT_ONCE // max(len(tolerances.corners), len(self.around.weights)), 1))

    def _in_parts(self, x: Tensor, say: Callable[[Tensor], Moments]) -> Moments:
        parts = [say(some) for some in self._parts(x)]
        return torch.cat([mean for mean, _ in parts]), torch.cat([sd for _, sd in parts])

    def _expected(self, x: Tensor) -> Tensor:
        return self.plain.expected(x) if isinstance(self.plain, ExactPosterior) else self.plain.moments(x)[0]

    def _mean(self, x: Tensor) -> Tensor:
        places = self.around.places(x)
        return self._expected(places.flatten(0, 1)).reshape(places.shape[:2]) @ self.around.weights

    def _summed(self, x: Tensor, say: Callable[[Tensor], Moments]) -> Moments:
        """What ``say`` makes of candidates ``x``, ``(n, d)``, as if all places erred alike."""
        places, weights = self.around.places(x), self.around.weights
        mean, sd = (part.reshape(places.shape[:2]) @ weights for part in say(places.flatten(0, 1)))
        return mean, sd

    def _worst(self, x: Tensor, means: Callable[[Tensor], Tensor]) -> Tensor:
        return self.around.worst(x, lambda at: means(at.flatten(0, -2)).reshape(at.shape[:-1]))

    def _worst_of(self, x: Tensor) -> Tensor:
        return torch.cat([self._worst(some, self._expected) for some in self._parts(x)])

    def _jointly(self, x: Tensor) -> Moments:
        assert isinstance(self.plain, ExactPosterior), "others say nothing of several places at once"
        places, weights = self.around.places(x), self.around.weights
        mean, projected = self.plain.summed(places, weights)
        prior = torch.einsum("k,nkl,l->n", weights, self.plain.kernel(places, places), weights)
        variance = prior + self.plain.jitter * weights.square().sum() - projected.square().sum(-1)
        return mean, variance.clamp_min(1e-12).sqrt() * self.plain.scale


def within(model: FittedSurrogate, target: Target, tolerances: Tolerances) -> FittedSurrogate:
    """What is believed of a target, on its scale, where settings stray.

    Levels and classes are believed as settings are, and so is that of which nothing is asked.
    """
    if target.levels is not None or target.classes is not None or not (target.is_wanted or target.has_bounds):
        return model
    around = Around(tolerances, None if target.is_wanted else target.bounds)
    if isinstance(model, FittedCommittee):
        return replace(model, members=tuple(FittedWithin(m, around) for m in model.members))
    return FittedWithin(model, around)


class WithinPosterior(Posterior):
    """Sums over the last ``k`` of what is believed at ``(*b, q k, 1)``; base samples are those of all places."""

    def __init__(self, plain: Any, around: Around) -> None:
        self.plain, self.weights = plain, around.weights

    def _summed(self, values: Tensor) -> Tensor:
        return values.reshape(*values.shape[:-1], -1, len(self.weights)) @ self.weights

    @property
    def device(self) -> torch.device:
        return torch.device(self.plain.device)

    @property
    def dtype(self) -> torch.dtype:
        found: torch.dtype = self.plain.dtype
        return found

    @property
    def base_sample_shape(self) -> torch.Size:
        return torch.Size(self.plain.base_sample_shape)

    @property
    def batch_shape(self) -> torch.Size:
        return torch.Size(self.plain.batch_shape)

    @property
    def batch_range(self) -> tuple[int, int]:
        """The batch axes of ``base_sample_shape``: samplers give all rows of a batch the same base samples."""
        start, end = self.plain.batch_range
        return start, end

    def _extended_shape(self, sample_shape: torch.Size = torch.Size()) -> torch.Size:  # noqa: B008 - BoTorch's default
        return torch.Size([*sample_shape, *self.mean.shape])

    @property
    def mean(self) -> Tensor:
        """Shape ``(*b, q, 1)``."""
        return self._summed(self.plain.mean[..., 0])[..., None]

    @property
    def variance(self) -> Tensor:
        """Shape ``(*b, q, 1)``; of what is not normal, as if all places erred alike."""
        if not isinstance(self.plain, GPyTorchPosterior):
            return self._summed(self.plain.variance[..., 0].sqrt()).square()[..., None]
        whole, k = self.plain.distribution.covariance_matrix, len(self.weights)
        q = whole.shape[-1] // k
        blocks = whole.reshape(*whole.shape[:-2], q, k, q, k).diagonal(dim1=-4, dim2=-2)  # (*b, k, k, q)
        return torch.einsum("k,...klq,l->...q", self.weights, blocks, self.weights)[..., None]

    def rsample(self, sample_shape: torch.Size | None = None) -> Tensor:
        """Draws of shape ``sample_shape + (*b, q, 1)``."""
        shape = torch.Size([1]) if sample_shape is None else sample_shape
        return self.rsample_from_base_samples(shape, torch.randn(*shape, *self.base_sample_shape, dtype=self.dtype))

    def rsample_from_base_samples(self, sample_shape: torch.Size, base_samples: Tensor) -> Tensor:
        """Draws from standard normal base samples of shape ``sample_shape + base_sample_shape``."""
        drawn = self.plain.rsample_from_base_samples(sample_shape, base_samples)[..., 0]
        return self._summed(drawn)[..., None]


class WithinModel(CoordinateModel):
    """The same as a BoTorch model of coordinates, with gradients where the plain one has them."""

    def __init__(self, plain: Model, around: Around) -> None:
        super().__init__()
        self.plain, self.around = plain, around

    def belief(self, x: Tensor, *, with_noise: bool) -> Posterior:
        """Joint belief at ``x``, shape ``(*b, q, d)``: mean ``(*b, q, 1)``, on the target's scale."""
        if self.around.limits is not None:
            worst = self.around.worst(x, self._means)
            return self.plain.posterior(worst, observation_noise=with_noise)
        places = self.around.places(x).flatten(-3, -2)
        return WithinPosterior(self.plain.posterior(places, observation_noise=with_noise), self.around)

    def _means(self, places: Tensor) -> Tensor:
        """Means at ``places``, ``(*b, q, k, d)``: ``(*b, q, k)``."""
        posterior: Any = self.plain.posterior(places.flatten(-3, -2))
        found: Tensor = posterior.mean[..., 0].reshape(places.shape[:-1])
        return found


def _within_sampler(
    posterior: WithinPosterior,  # noqa: ARG001 - given by BoTorch
    sample_shape: torch.Size,
    *,
    seed: int | None = None,
) -> SobolQMCNormalSampler:
    return SobolQMCNormalSampler(sample_shape=sample_shape, seed=seed)


GetSampler.add((WithinPosterior,), _within_sampler)  # BoTorch dispatches on the posterior's class
