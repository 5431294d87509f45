"""The committee: a mixture of members that differ in representation and bias, weighted by held-out evidence.

Finite data admit many equally good models that disagree where it matters; so none is picked. Each draw of the
response comes from one member, and the members' disagreement is part of the committee's uncertainty.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from botorch.models.model import Model
from torch import Tensor

from loop.errors import FitError, TooFewPoints
from loop.space import Space
from loop.surrogates.mixture import MixtureModel, apportion
from loop.surrogates.protocol import FittedSurrogate, Surrogate, TrainingSet

SMOOTHING = 2.0  # observations' worth of belief that every member is as good as the next
STEPS = 100  # of expectation-maximisation; converged to 1e-6 long before


@dataclass(frozen=True)
class Committee:
    """A recipe: the members' recipes."""

    name: str
    members: tuple[Surrogate, ...]

    @property
    def needs(self) -> int:
        return min(m.needs for m in self.members)

    def fit(self, space: Space, data: TrainingSet, *, seed: int) -> FittedCommittee:
        """Fit every member and weigh them. A member that cannot be fitted is left out, and ``notes`` says so.

        Raises:
            TooFewPoints: No member can work with so few.
            FitError: No member could be fitted.
        """
        if len(data) < self.needs:
            raise TooFewPoints(self.name, self.needs, len(data))
        fitted: list[FittedSurrogate] = []
        notes: list[str] = []
        for i, member in enumerate(self.members):
            try:
                fitted.append(member.fit(space, data, seed=seed + i))
            except (TooFewPoints, FitError) as error:
                notes.append(f"committee member {member.name!r} was left out: {error}")
        if not fitted:
            raise FitError(self.name, "no member could be fitted: " + "; ".join(notes))
        weights = evidence_weights(torch.stack([m.held_out() for m in fitted]))
        return FittedCommittee(self.name, tuple(fitted), tuple(weights.tolist()), tuple(notes))


@dataclass(frozen=True)
class FittedCommittee:
    """A fitted mixture; a ``FittedSurrogate``. ``weights`` are above zero and sum to one."""

    name: str
    members: tuple[FittedSurrogate, ...]
    weights: tuple[float, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def noise_sd(self) -> float:
        return math.sqrt(sum(w * m.noise_sd**2 for w, m in zip(self.weights, self.members, strict=True)))

    def noise_at(self, x: Tensor) -> Tensor:
        parts = [w * m.noise_at(x).square() for w, m in zip(self.weights, self.members, strict=True)]
        return torch.stack(parts).sum(0).sqrt()

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the mixture at ``x``, ``(n, d)``: two of shape ``(n,)``."""
        weights = torch.tensor(self.weights, dtype=x.dtype)[:, None]
        parts = [m.moments(x) for m in self.members]
        means, deviations = torch.stack([p[0] for p in parts]), torch.stack([p[1] for p in parts])
        mean = (weights * means).sum(0)
        variance = (weights * (deviations.square() + (means - mean).square())).sum(0)
        return mean, variance.sqrt()

    def samples(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        """``n`` joint draws, each from one member, members in proportion to weight: ``(p, d)`` to ``(n, p)``."""
        shares = apportion(self.weights, n)
        drawn = [m.samples(x, k, seed=seed + i) for i, (m, k) in enumerate(zip(self.members, shares, strict=True)) if k]
        return torch.cat(drawn)

    def held_out(self) -> Tensor:
        """Log density of the mixture at each training value, members fitted without it: shape ``(n,)``."""
        logs = torch.stack([m.held_out() for m in self.members])
        return torch.logsumexp(logs + torch.tensor(self.weights, dtype=logs.dtype).log()[:, None], dim=0)

    def model(self) -> Model:
        return MixtureModel([m.model() for m in self.members], self.weights)

    def summary(self) -> Mapping[str, Any]:
        return {
            "members": {
                m.name: {"weight": w, "held_out": _mean(m.held_out()), **m.summary()}
                for m, w in zip(self.members, self.weights, strict=True)
            },
            "held_out": _mean(self.held_out()),
        }


def _mean(held_out: Tensor) -> float | None:
    """The mean log density of training values; None where there are none yet."""
    return float(held_out.mean()) if len(held_out) else None


def evidence_weights(log_densities: Tensor) -> Tensor:
    """Mixture weights from held-out log densities, shape ``(members, n)``: shape ``(members,)``, sum one.

    Expectation-maximisation of the mixture's predictive density, smoothed so that no member is lost for good.
    Source of the idea: Yao, Vehtari, Simpson and Gelman, Bayesian Analysis 13 (2018) 917 (stacking).
    """
    members, n = log_densities.shape
    likelihood = (log_densities - log_densities.max(dim=0).values).exp()
    weights = torch.full((members,), 1.0 / members, dtype=log_densities.dtype)
    for _ in range(STEPS):
        share = weights[:, None] * likelihood
        share = share / share.sum(0)
        weights = (share.sum(1) + SMOOTHING) / (n + members * SMOOTHING)
    return weights
