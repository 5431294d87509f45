"""Ordinal outcomes: levels such as 1 (nothing) to 4 (large crystals), as intervals of a latent quantity.

A result of one level says that the latent measurement lay between the cut points around it, so a level is a censored
value like any limit, and every surrogate that takes limits takes levels. Cut points lie midway between neighbouring
levels; the noise, which is learnt, says how sharp they are. Predictions are of levels: their chances and their mean.

Source: ordered probit with a latent Gaussian process (Chu and Ghahramani, JMLR 6 (2005) 1019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from botorch.models.model import Model
from torch import Tensor

from loop.space import Space
from loop.surrogates.committee import Committee
from loop.surrogates.protocol import FittedSurrogate, Surrogate, TrainingSet

NODES = 41  # of the Gauss-Hermite sum over the latent belief


def for_levels(recipe: Surrogate, levels: tuple[float, ...]) -> Surrogate:
    """The recipe for a target of these levels, in rising order; of a committee, each member."""
    if isinstance(recipe, Committee):
        return replace(recipe, members=tuple(for_levels(m, levels) for m in recipe.members))
    return Levelled(recipe, levels)


def cuts_of(levels: tuple[float, ...]) -> Tensor:
    """Where one level passes into the next, the ends of the scale included: shape ``(levels + 1,)``."""
    values = torch.tensor(levels, dtype=torch.float64)
    end = torch.tensor([math.inf], dtype=torch.float64)
    return torch.cat([-end, (values[1:] + values[:-1]) / 2, end])


@dataclass(frozen=True)
class Levelled:
    """A recipe that sees levels as intervals of what the inner recipe learns."""

    inner: Surrogate
    levels: tuple[float, ...]

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def needs(self) -> int:
        return self.inner.needs

    def fit(self, space: Space, data: TrainingSet, *, seed: int) -> FittedLevels:
        """Learn from levels and limits between them. Raises ``TooFewPoints`` or ``FitError``."""
        cuts = cuts_of(self.levels)
        low, high = data.limits
        # the interval of an exact level is that between its cuts, of the mean of two that are next to each other (which
        # two channels told) that of both; "> 2" reaches from the cut above 2
        at_low = torch.bucketize(low.contiguous(), cuts[1:-1], right=False)
        at_high = torch.bucketize(high.contiguous(), cuts[1:-1], right=False)
        exact, upper = low == high, torch.bucketize(high.contiguous(), cuts[1:-1], right=True)
        above = torch.where(torch.isinf(low), low, cuts[at_low + 1])
        below = torch.where(torch.isinf(high), high, cuts[at_high])
        intervals = replace(
            data, low=torch.where(exact, cuts[at_low], above), high=torch.where(exact, cuts[upper + 1], below)
        )
        return FittedLevels(self.inner.fit(space, intervals, seed=seed), self.levels)


@dataclass(frozen=True)
class FittedLevels:
    """A belief in levels; a ``FittedSurrogate`` whose mean is the expected level."""

    latent: FittedSurrogate
    levels: tuple[float, ...]

    @property
    def name(self) -> str:
        return self.latent.name

    @property
    def noise_sd(self) -> float:
        return self.latent.noise_sd

    def noise_at(self, x: Tensor) -> Tensor:
        """What is left of a new level's standard deviation when its expectation is known: ``(n, d)`` to ``(n,)``."""
        chances, values = self.chances(x), torch.tensor(self.levels, dtype=x.dtype)
        mean = chances @ values
        variance = chances @ values.square() - mean.square()
        return (variance - self.moments(x)[1].square()).clamp_min(1e-12).sqrt()

    def chances(self, x: Tensor) -> Tensor:
        """The chance of each level of a new measurement at ``x``, ``(n, d)``: shape ``(n, levels)``."""
        mean, sd = self.latent.moments(x)
        total = (sd.square() + self.latent.noise_at(x).square()).sqrt()
        below = torch.special.ndtr((cuts_of(self.levels) - mean[:, None]) / total[:, None])
        chances: Tensor = below.diff(dim=-1)
        return chances

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the expected level at ``x``, ``(n, d)``: two of shape ``(n,)``."""
        mean, sd = self.latent.moments(x)
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        share = torch.from_numpy(weights / weights.sum())
        at = self._expected(mean[:, None] + sd[:, None] * torch.from_numpy(nodes), self.latent.noise_at(x)[:, None])
        centre = self.chances(x) @ torch.tensor(self.levels, dtype=x.dtype)  # exact, however sharp the levels
        return centre, ((at - centre[:, None]).square() @ share).clamp_min(1e-12).sqrt()

    def samples(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        """``n`` joint draws of the expected level at ``x``, ``(p, d)``: shape ``(n, p)``."""
        return self._expected(self.latent.samples(x, n, seed=seed), self.latent.noise_at(x))

    def draws(self, x: Tensor, n: int, level: int, *, seed: int) -> Tensor:
        """The chance of a level in each of ``n`` joint draws of the latent quantity: ``(p, d)`` to ``(n, p)``."""
        cuts, noise = cuts_of(self.levels), self.latent.noise_at(x).clamp_min(1e-9)
        drawn = self.latent.samples(x, n, seed=seed)
        number = level % len(self.levels)
        below, above = (torch.special.ndtr((cuts[k] - drawn) / noise) for k in (number, number + 1))
        hits: Tensor = above - below
        return hits

    def model(self) -> Model:
        """The latent quantity as a BoTorch model: in trade-offs it stands for the level."""
        return self.latent.model()

    def held_out(self) -> Tensor:
        return self.latent.held_out()

    def summary(self) -> Mapping[str, Any]:
        return {**self.latent.summary(), "levels": list(self.levels)}

    def _expected(self, latent: Tensor, noise: Tensor) -> Tensor:
        """The expected level where the latent quantity and its noise are known, any one shape."""
        total = torch.full_like(latent, self.levels[0])
        cuts = cuts_of(self.levels)[1:-1].tolist()
        for cut, lower, upper in zip(cuts, self.levels, self.levels[1:], strict=False):
            total = total + (upper - lower) * torch.special.ndtr((latent - cut) / noise)
        return total


@runtime_checkable
class KnowsLevels(Protocol):
    """A belief in levels, or in classes."""

    def chances(self, x: Tensor) -> Tensor:
        """The chance of each level at ``x``, ``(n, d)``: shape ``(n, levels)``."""
        ...

    def draws(self, x: Tensor, n: int, level: int, *, seed: int) -> Tensor:
        """The chance of one level in each of ``n`` joint draws: ``(p, d)`` to ``(n, p)``."""
        ...


def chances_of(model: FittedSurrogate, x: Tensor) -> Tensor | None:
    """The chance of each level of a new measurement at ``x``, ``(n, d)``: ``(n, levels)``; None of no model of levels.

    Of a mixture, the mean over its members.
    """
    if isinstance(model, KnowsLevels):
        return model.chances(x)
    parts = [chances_of(member, x) for member in getattr(model, "members", ())]
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    weights = getattr(model, "weights", ())
    return torch.stack([w * part for w, part in zip(weights, known, strict=True)]).sum(0)


def chance_of(model: FittedSurrogate, x: Tensor, level: int) -> Tensor:
    """The chance that a new measurement at ``x``, ``(n, d)``, has level number ``level`` (-1: the top): ``(n,)``.

    Raises:
        TypeError: The model is not one of levels.
    """
    if (chances := chances_of(model, x)) is None:
        raise TypeError(f"{model.name!r} knows no levels")
    return chances[:, level]


def hits_in_draws(model: KnowsLevels, x: Tensor, n: int, level: int, *, seed: int) -> Tensor:
    """The chance of a level in each of ``n`` joint draws of what was learnt: ``(p, d)`` to ``(n, p)``."""
    return model.draws(x, n, level, seed=seed) if n else torch.empty((0, len(x)), dtype=x.dtype)
