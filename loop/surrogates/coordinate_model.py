"""What every surrogate's BoTorch form shares: one target, coordinates as inputs, target units as outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, Protocol

import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.posteriors.posterior import Posterior
from gpytorch.distributions import MultivariateNormal
from torch import Tensor

MENDINGS: Final = (1e-10, 1e-8, 1e-6, 1e-4)  # of the mean variance, one after the other on the diagonal
TINY: Final = 1e-300  # a variance of nothing


class CoordinateModel(Model, ABC):
    """A BoTorch model that says what a fitted surrogate believes; ``belief`` is all that a kind of model adds."""

    @abstractmethod
    def belief(self, x: Tensor, *, with_noise: bool) -> Posterior:
        """Joint belief at ``x``, shape ``(*b, q, d)``: mean ``(*b, q, 1)``, in target units."""

    @property
    def num_outputs(self) -> int:
        return 1

    @property
    def batch_shape(self) -> torch.Size:
        return torch.Size()

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> Posterior:
        """The belief at ``X``, shape ``(*b, q, d)``, with the noise of a measurement or without."""
        believed = self.belief(X, with_noise=observation_noise is not False)
        if posterior_transform is None:
            return believed
        transformed: Posterior = posterior_transform.forward(believed)
        return transformed


class SaysJointly(Protocol):
    """A fitted surrogate whose belief is jointly normal."""

    def joint(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """At ``x``, ``(*b, q, d)``: mean ``(*b, q)`` and covariance ``(*b, q, q)``, in the target's unit."""
        ...

    def noise_at(self, x: Tensor) -> Tensor:
        """Standard deviation of the noise of a measurement at ``x``, in the target's unit: ``(*b, q)``."""
        ...


class NormalModel(CoordinateModel):
    """What such a surrogate believes, with gradients in the numbers."""

    def __init__(self, fitted: SaysJointly) -> None:
        super().__init__()
        self.fitted = fitted

    def belief(self, x: Tensor, *, with_noise: bool) -> GPyTorchPosterior:
        """Joint belief at ``x``, shape ``(*b, q, d)``: mean ``(*b, q, 1)``, in target units."""
        mean, covariance = self.fitted.joint(x)
        if with_noise:
            covariance = covariance + torch.diag_embed(self.fitted.noise_at(x).square())
        return GPyTorchPosterior(MultivariateNormal(mean, _definite(covariance)))


def _definite(covariance: Tensor) -> Tensor:
    """Covariances ``(*b, q, q)`` with as little more on their diagonals as their Cholesky factors need.

    That of many points by a model of few features has a lower rank than points.
    """
    variance = covariance.detach().diagonal(dim1=-2, dim2=-1).mean(-1).clamp_min(TINY)
    mended = covariance
    for share in (*MENDINGS, None):
        fails = torch.linalg.cholesky_ex(mended.detach()).info > 0
        if not bool(fails.any()) or share is None:
            break
        more = torch.where(fails, share * variance, torch.zeros_like(variance))
        mended = covariance + more[..., None, None] * torch.eye(covariance.shape[-1], dtype=covariance.dtype)
    return mended
