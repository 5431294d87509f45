"""What every surrogate's BoTorch form shares: one target, coordinates as inputs, target units as outputs."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.models.model import Model
from botorch.posteriors.posterior import Posterior
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
