"""What an ensemble of graph networks believes: a mixture of its members, each a Gaussian process on its features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from gpytorch.distributions import MultivariateNormal
from torch import Tensor

from loop.surrogates.calibration import Calibration
from loop.surrogates.coordinate_model import CoordinateModel
from loop.surrogates.gnn.heads import Head
from loop.surrogates.gnn.training import CHUNK, Trained

FLOOR = 0.05  # smallest standard deviation, in those of the data: members agree too easily
LEAST = 0.1  # share of a member's own variance that is left where members disagree


@dataclass(frozen=True)
class FittedGraphEnsemble:
    """Trained networks; a ``FittedSurrogate``. Inside, values are standardised: ``(y - shift) / scale``.

    Held-out errors, which decide how wide beliefs are, are those of single members. The squared error of the members'
    mean is less by what they scatter about it (Krogh and Vedelsby, NIPS 1994), and in the mixture that scatter counts
    by itself: each member's own variance is lowered by twice as much.
    """

    name: str
    trained: Trained
    head: Head
    calibration: Calibration
    shift: float
    scale: float
    density: Tensor  # held-out log densities, (n,)
    outside: tuple[Tensor, Tensor]  # what ``left_out`` says
    details: Mapping[str, Any]
    usual: float = 1.0  # noise of a new measurement in units of the calibration's
    level: float = 0.0  # standard deviation of what all is off by together, since effects are in doubt, target's unit

    @property
    def noise_sd(self) -> float:
        return float((self.calibration.noise * self.usual) ** 0.5 * self.scale)

    def noise_at(self, x: Tensor) -> Tensor:
        """The same everywhere: ``(n, d)`` to ``(n,)``."""
        return torch.full(x.shape[:-1], self.noise_sd, dtype=x.dtype)

    def by_member(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Each member's mean and standard deviation at ``x``, ``(n, d)``: two of shape ``(members, n)``."""
        parts = [self.head.moments(self.trained.features(part)[0]) for part in torch.split(x, CHUNK)]
        mean, variance = (torch.cat([p[i] for p in parts], dim=1) for i in (0, 1))
        own = self._own_share(mean, variance) * self.calibration.widening * variance + FLOOR**2
        return mean * self.scale + self.shift, (own * self.scale**2 + self.level**2).sqrt()

    def _own_share(self, mean: Tensor, variance: Tensor) -> Tensor:
        """The share of a member's widened variance that is left in the mixture: both ``(members, n)``, to ``(n,)``."""
        said = self.calibration.widening * variance.mean(0)
        return (1.0 - 2.0 * mean.var(0, correction=0) / said.clamp_min(1e-12)).clamp_min(LEAST)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the mixture at ``x``, ``(n, d)``: two of shape ``(n,)``."""
        mean, sd = self.by_member(x)
        return mean.mean(0), (sd.square().mean(0) + mean.var(0, correction=0)).sqrt()

    def joint(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Each member's mean and covariance at ``x``, ``(*b, q, d)``: ``(members, *b, q)`` and ``(.., q, q)``."""
        phi, _ = self.trained.features(x.detach().reshape(-1, x.shape[-1]))
        mean, variance = self.head.moments(phi)
        covariance = self.head.covariance(phi.view(len(phi), *x.shape[:-1], -1))
        root = self._own_share(mean, variance).sqrt().view(x.shape[:-1])
        covariance = covariance * root[..., :, None] * root[..., None, :]
        floor = FLOOR**2 * torch.eye(x.shape[-2], dtype=x.dtype)
        mean = mean.view(len(phi), *x.shape[:-1]) * self.scale + self.shift
        return mean, (self.calibration.widening * covariance + floor) * self.scale**2 + self.level**2

    def samples(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        """``n`` joint draws (without noise), members in turn, at ``x``, ``(p, d)``: shape ``(n, p)``."""
        generator = torch.Generator().manual_seed(seed)
        mean, covariance = self.joint(x)
        factor = torch.linalg.cholesky(covariance)
        members = len(mean)
        turns = [torch.randperm(members, generator=generator) for _ in range(-(-n // members))]
        whose = torch.cat(turns)[:n]
        base = torch.randn(n, len(x), generator=generator, dtype=x.dtype)
        draws = torch.empty_like(base)
        for member in range(members):
            drawn = whose == member
            draws[drawn] = mean[member] + base[drawn] @ factor[member].T
        return draws

    def held_out(self) -> Tensor:
        """Log density of each training value under the member that had not seen it: shape ``(n,)``.

        One member, trained on a part of the rows, is less than the whole ensemble is now: the density is an
        understatement.
        """
        return self.density

    def left_out(self) -> tuple[Tensor, Tensor]:
        """What the member that had not seen it said of each training value, noise included: two of shape ``(n,)``."""
        return self.outside

    def model(self) -> Model:
        return _EnsembleModel(self)

    def summary(self) -> Mapping[str, Any]:
        return self.details


class _EnsembleModel(CoordinateModel):
    """The ensemble as a BoTorch model: a normal posterior with the mixture's mean and covariance.

    It has no gradients in the coordinates: use it on finite sets.
    """

    def __init__(self, fitted: FittedGraphEnsemble) -> None:
        super().__init__()
        self.fitted = fitted

    def belief(self, x: Tensor, *, with_noise: bool) -> GPyTorchPosterior:
        """Joint belief at ``x``, shape ``(*b, q, d)``: mean ``(*b, q, 1)``, in target units."""
        means, covariances = self.fitted.joint(x)
        mean = means.mean(0)
        off = (means - mean).movedim(0, -1)  # (*b, q, members)
        covariance = covariances.mean(0) + off @ off.transpose(-1, -2) / off.shape[-1]
        if with_noise:
            covariance = covariance + torch.diag_embed(self.fitted.noise_at(x).square())
        return GPyTorchPosterior(MultivariateNormal(mean, covariance))
