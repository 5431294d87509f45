"""What a candidate is worth where its settings stray: the mean over a box of settings, or what is at its worst place.

Of what is wanted the mean counts, of what is only kept the place where it is believed most likely to break its
thresholds. Both are sums over a few places of the same response, so what one place tells of another counts too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.posteriors.posterior import Posterior
from botorch.sampling.get_sampler import GetSampler
from botorch.sampling.normal import SobolQMCNormalSampler
from numpy.typing import NDArray
from torch import Tensor

from loop.objective import Target
from loop.surrogates.committee import FittedCommittee
from loop.surrogates.coordinate_model import CoordinateModel
from loop.surrogates.exact import ExactPosterior
from loop.surrogates.protocol import FittedSurrogate, SupportsBetween, normal_between, skim
from loop.tolerance import Tolerances

AT_ONCE: Final = 1_024  # candidates, each with its places
JOINTLY: Final = 1_536  # places that are drawn together: a third of a second


@dataclass(frozen=True)
class Around:
    """Where candidates are looked at, and what of it counts.

    Attributes:
        tolerances: The numbers that stray.
        limits: Between which values a target is to be kept, whose worst place counts; None where the mean counts.
    """

    tolerances: Tolerances
    limits: tuple[float, float] | None = None

    @property
    def lots(self) -> NDArray[np.float64]:
        """By how much of its tolerance each number is off at each place: ``(k, numbers)``."""
        return self.tolerances.inside[0] if self.limits is None else self.tolerances.corners

    def places(self, x: Tensor) -> Tensor:
        """The places about candidates ``x``, ``(*b, d)``: shape ``(*b, k, d)``."""
        lots = torch.from_numpy(self.lots)
        columns = list(x[..., None, :].expand(*x.shape[:-1], len(lots), x.shape[-1]).unbind(-1))
        for i, one in enumerate(self.tolerances.each):
            columns[one.column] = one.strayed(x[..., one.column, None], lots[:, i])
        return torch.stack(columns, dim=-1)

    def shares(self, means: Tensor) -> Tensor:
        """What each place counts where these are believed, ``(*b, k)``: shape ``(*b, k)``."""
        if self.limits is None:
            return torch.from_numpy(self.tolerances.inside[1]).expand(means.shape)
        low, high = self.limits
        worst = torch.minimum(means - low, high - means).argmin(-1)
        return torch.nn.functional.one_hot(worst, means.shape[-1]).to(means.dtype)


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

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation at ``x``, ``(n, d)``: two of shape ``(n,)``.

        The deviation is exact of a Gaussian process, and at most what is said of others.
        """
        if isinstance(self.plain, ExactPosterior):
            parts = [self._jointly(some) for some in torch.split(x, AT_ONCE)] if len(x) else [self._jointly(x)]
            return torch.cat([mean for mean, _ in parts]), torch.cat([sd for _, sd in parts])
        return self._at_places(x, self.plain.moments)

    def skimmed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``moments`` of a model that is skimmed where it can be, deviations as if all places erred alike."""
        return self._at_places(x, lambda at: skim(self.plain, at))

    def between(self, low: float, high: float, x: Tensor, *, is_new: bool = False) -> Tensor:
        """As ``SupportsBetween`` says; of what is far from normal itself, as at its worst place: shape ``(n,)``."""
        if self.around.limits is None or not isinstance(self.plain, SupportsBetween):
            mean, sd = self.moments(x)
            sd = (sd.square() + self.noise_at(x).square()).sqrt() if is_new else sd
            return normal_between(low, high, mean, sd)
        places = self.around.places(x)
        worst = self._shares(x).argmax(-1)
        return self.plain.between(low, high, places[torch.arange(len(x)), worst], is_new=is_new)

    def samples(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        """``n`` joint draws at ``x``, ``(p, d)``: shape ``(n, p)``."""
        return self.of_draws(lambda at: self.plain.samples(at, n, seed=seed), x)

    def of_draws(self, draw: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Draws at candidates ``x``, ``(p, d)``, by joint draws of what it is ``plain``ly: ``(m, d)`` to ``(n, m)``.

        Of more than can be drawn at all their places, draws where they are set, moved by what straying does to the
        mean: shape ``(n, p)``.
        """
        if len(x) * len(self.around.lots) > JOINTLY:
            return draw(x) + (self._at_places(x, self.plain.moments)[0] - self.plain.moments(x)[0])
        shares, drawn = self._shares(x), draw(self._flat(x))
        return (drawn.reshape(len(drawn), *shares.shape) * shares).sum(-1)

    def model(self) -> Model:
        return WithinModel(self.plain.model(), self.around)

    def held_out(self) -> Tensor:
        return self.plain.held_out()

    def summary(self) -> Mapping[str, Any]:
        return self.plain.summary()

    def _flat(self, x: Tensor) -> Tensor:
        return self.around.places(x).reshape(-1, x.shape[-1])

    def _shares(self, x: Tensor) -> Tensor:
        """What each place counts at candidates ``x``, ``(n, d)``: shape ``(n, k)``."""
        means = self.plain.moments(self._flat(x))[0]
        return self.around.shares(means.reshape(len(x), len(self.around.lots)))

    def _at_places(self, x: Tensor, say: Callable[[Tensor], tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        mean, sd = (part.reshape(len(x), len(self.around.lots)) for part in say(self._flat(x)))
        shares = self.around.shares(mean)
        return (shares * mean).sum(-1), (shares * sd).sum(-1)

    def _jointly(self, x: Tensor) -> tuple[Tensor, Tensor]:
        assert isinstance(self.plain, ExactPosterior), "others say nothing of several places at once"
        mean, covariance = self.plain.joint(self.around.places(x))
        shares = self.around.shares(mean)
        variance = torch.einsum("nk,nkl,nl->n", shares, covariance, shares)
        return (shares * mean).sum(-1), variance.clamp_min(1e-300).sqrt()


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
        self.plain, self.around = plain, around
        self.shares = around.shares(self._by_place(plain.mean[..., 0]).detach())

    def _by_place(self, values: Tensor) -> Tensor:
        return values.reshape(*values.shape[:-1], -1, len(self.around.lots))

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
        return torch.Size([*sample_shape, *self.shares.shape[:-1], 1])

    @property
    def mean(self) -> Tensor:
        """Shape ``(*b, q, 1)``."""
        return (self.shares * self._by_place(self.plain.mean[..., 0])).sum(-1)[..., None]

    @property
    def variance(self) -> Tensor:
        """Shape ``(*b, q, 1)``; of what is not normal, as if all places erred alike."""
        if not isinstance(self.plain, GPyTorchPosterior):
            return (self.shares * self._by_place(self.plain.variance[..., 0]).sqrt()).sum(-1).square()[..., None]
        whole = self.plain.distribution.covariance_matrix
        q, k = self.shares.shape[-2:]
        blocks = whole.reshape(*whole.shape[:-2], q, k, q, k).diagonal(dim1=-4, dim2=-2)  # (*b, k, k, q)
        return torch.einsum("...qk,...klq,...ql->...q", self.shares, blocks, self.shares)[..., None]

    def rsample(self, sample_shape: torch.Size | None = None) -> Tensor:
        """Draws of shape ``sample_shape + (*b, q, 1)``."""
        shape = torch.Size([1]) if sample_shape is None else sample_shape
        return self.rsample_from_base_samples(shape, torch.randn(*shape, *self.base_sample_shape, dtype=self.dtype))

    def rsample_from_base_samples(self, sample_shape: torch.Size, base_samples: Tensor) -> Tensor:
        """Draws from standard normal base samples of shape ``sample_shape + base_sample_shape``."""
        drawn = self.plain.rsample_from_base_samples(sample_shape, base_samples)[..., 0]
        return (self.shares * self._by_place(drawn)).sum(-1)[..., None]


class WithinModel(CoordinateModel):
    """The same as a BoTorch model of coordinates, with gradients where the plain one has them."""

    def __init__(self, plain: Model, around: Around) -> None:
        super().__init__()
        self.plain, self.around = plain, around

    def belief(self, x: Tensor, *, with_noise: bool) -> WithinPosterior:
        """Joint belief at ``x``, shape ``(*b, q, d)``: mean ``(*b, q, 1)``, on the target's scale."""
        places = self.around.places(x).reshape(*x.shape[:-2], -1, x.shape[-1])
        return WithinPosterior(self.plain.posterior(places, observation_noise=with_noise), self.around)


def _within_sampler(
    posterior: WithinPosterior,  # noqa: ARG001 - given by BoTorch
    sample_shape: torch.Size,
    *,
    seed: int | None = None,
) -> SobolQMCNormalSampler:
    return SobolQMCNormalSampler(sample_shape=sample_shape, seed=seed)


GetSampler.add((WithinPosterior,), _within_sampler)  # BoTorch dispatches on the posterior's class
