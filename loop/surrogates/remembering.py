"""What an exact process draws at single points beside points that stay the same, which are worked out once.

BoTorch's functions ask for a joint draw of each point that they look at with all that it is held against: with
thousands of training rows and a hundred points to be beaten that is minutes for a batch. Given what was drawn at those
points, the response elsewhere is still Gaussian, so a look costs one row of the joint covariance's Cholesky factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from botorch.posteriors.gpytorch import GPyTorchPosterior
from gpytorch.distributions import MultivariateNormal
from torch import Tensor

from loop.surrogates.coordinate_model import NormalModel

if TYPE_CHECKING:
    from loop.surrogates.exact import ExactPosterior


class RememberingModel(NormalModel):
    """A ``NormalModel`` that remembers the last points it was asked for by themselves, ``(k, d)``.

    Of points in batches that begin with these it draws the same as without its memory, but for rounding.
    """

    def __init__(self, fitted: ExactPosterior) -> None:
        super().__init__(fitted)
        self.exact = fitted
        self.known: Known | None = None

    def belief(self, x: Tensor, *, with_noise: bool) -> GPyTorchPosterior:
        """Joint belief at ``x``, shape ``(*b, q, d)``: mean ``(*b, q, 1)``, in target units."""
        if with_noise:
            return super().belief(x, with_noise=True)
        if x.dim() == 2:
            self.known = Known(self.exact, x.detach())
            return super().belief(x, with_noise=False) if x.requires_grad else self.known.belief
        if self.known is not None and self.known.begins(x):
            return _Beside(self.known, x)
        return super().belief(x, with_noise=False)


@dataclass(frozen=True)
class Known:
    """Points ``x``, shape ``(k, d)``, and what their values tell of others."""

    fitted: ExactPosterior
    x: Tensor

    def begins(self, points: Tensor) -> bool:
        """Whether each of some sets of points, ``(*b, p, d)``, begins with these, and others follow."""
        k = len(self.x)
        if not 0 < k < points.shape[-2]:
            return False
        return torch.equal(points[..., :k, :].detach(), self.x.expand(*points.shape[:-2], k, -1))

    @cached_property
    def projected(self) -> Tensor:
        """Their covariance with the training rows, whitened: ``(k, n)``."""
        found: Tensor = self.fitted.kernel(self.x, self.fitted.x) @ self.fitted.root
        return found.detach()

    @cached_property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Their mean, ``(k,)``, and covariance, ``(k, k)``."""
        mean, covariance = self.fitted.jointly(self.x, self.projected)
        return mean.detach(), covariance.detach()

    @property
    def belief(self) -> GPyTorchPosterior:
        """What is believed of them by themselves."""
        return GPyTorchPosterior(MultivariateNormal(*self.moments))

    @cached_property
    def factor(self) -> Tensor:
        """The Cholesky factor of their covariance, ``(k, k)``."""
        return self.fitted.factor(self.moments[1])


class _Beside(GPyTorchPosterior):
    """The joint belief at known points and others that follow them, ``(*b, k + q, d)``; all but draws on demand."""

    def __init__(self, known: Known, x: Tensor) -> None:
        self.known, self.x, self.others = known, x, x[..., len(known.x) :, :]
        self._is_mt = False  # as BoTorch marks posteriors of one output

    @cached_property
    def distribution(self) -> MultivariateNormal:  # type: ignore[override]
        return MultivariateNormal(*self.known.fitted.joint(self.x))

    @property
    def device(self) -> torch.device:
        return self.x.device

    @property
    def dtype(self) -> torch.dtype:
        return self.x.dtype

    @property
    def batch_shape(self) -> torch.Size:
        return self.x.shape[:-2]

    @property
    def base_sample_shape(self) -> torch.Size:
        return self.x.shape[:-1]

    def _extended_shape(self, sample_shape: torch.Size = torch.Size()) -> torch.Size:  # noqa: B008 - BoTorch's default
        return torch.Size([*sample_shape, *self.x.shape[:-1], 1])

    @cached_property
    def _projected(self) -> Tensor:
        """The covariance of the others with the training rows, whitened: ``(*b, q, n)``."""
        fitted, rows = self.known.fitted, self.others.flatten(0, -2)
        found: Tensor = fitted.kernel(rows, fitted.x) @ fitted.root
        return found.reshape(*self.others.shape[:-1], -1)

    @cached_property
    def _means(self) -> Tensor:
        """Of the others, shape ``(*b, q)``."""
        return self.known.fitted.mean(self.others, self._projected)

    @property
    def mean(self) -> Tensor:
        """Shape ``(*b, k + q, 1)``."""
        known = self.known.moments[0].expand(*self.batch_shape, -1)
        return torch.cat([known, self._means], dim=-1)[..., None]

    def rsample_from_base_samples(self, sample_shape: torch.Size, base_samples: Tensor) -> Tensor:
        """Draws ``sample_shape + (*b, k + q, 1)`` from standard normal ones of shape ``sample_shape + (*b, k + q)``."""
        known, k = self.known, len(self.known.x)
        normal, own = base_samples[..., :k], base_samples[..., k:]
        once = normal[(slice(None),) * len(sample_shape) + (slice(0, 1),) * len(self.batch_shape)]
        is_once = torch.equal(once.expand_as(normal), normal)  # as samplers have it: every set has the same
        drawn = known.moments[0] + (once if is_once else normal) @ known.factor.T
        gain, left = self._rows()
        told = (normal[..., None, :] * gain).sum(-1)
        others = self._means + told + (left @ own[..., None])[..., 0]
        return torch.cat([drawn.expand(*others.shape[:-1], k), others], dim=-1)[..., None]

    def _rows(self) -> tuple[Tensor, Tensor]:
        """The last rows of the Cholesky factor of all: beside the known points ``(*b, q, k)``, and ``(*b, q, q)``."""
        fitted, known, x, q = self.known.fitted, self.known, self.others, self.others.shape[-2]
        flat, projected = x.flatten(0, -2), self._projected.flatten(0, -2)
        shared = (fitted.kernel(flat, known.x) - projected @ known.projected.T) * fitted.scale**2
        gain = torch.linalg.solve_triangular(known.factor, shared.T, upper=False).T.reshape(*x.shape[:-1], -1)
        own = fitted.kernel(x, x) - self._projected @ self._projected.transpose(-1, -2)
        left = (own + fitted.jitter * torch.eye(q, dtype=x.dtype)) * fitted.scale**2 - gain @ gain.transpose(-1, -2)
        return gain, fitted.factor(left)
