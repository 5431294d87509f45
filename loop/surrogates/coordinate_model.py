"""What every surrogate's BoTorch form shares: one target, coordinates as inputs, target units as outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.posteriors.posterior import Posterior
from gpytorch.distributions import MultivariateNormal
from torch import Tensor


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
        return GPyTorchPosterior(MultivariateNormal(mean, covariance))
