"""The committee: a mixture of members that differ in representation and bias, weighted by held-out evidence.

Finite data admit many equally good models that disagree where it matters; so none is picked. Each draw of the
response comes from one member, and the members' disagreement is part of the committee's uncertainty.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from botorch.models.model import Model
from torch import Tensor

from loop.errors import FitError, TooFewPoints
from loop.fidelity import is_real
from loop.progress import counted
from loop.space import Space
from loop.surrogates.calibration import misjudged
from loop.surrogates.effects import scatter_of
from loop.surrogates.missing import Missing
from loop.surrogates.mixture import MixtureModel, apportion
from loop.surrogates.protocol import (
    FittedSurrogate,
    SupportsDrawingApart,
    SupportsLeavingOut,
    SupportsTogether,
    Surrogate,
    TrainingSet,
    drawn,
    skim,
)

SMOOTHING = 2.0  # observations' worth of belief that every member is as good as the next
STEPS = 100  # of expectation-maximisation; converged to 1e-6 long before
SLOW = 300  # values to which a model takes more than a moment to be fitted


@dataclass(frozen=True)
class Committee:
    """A recipe: the members' recipes."""

    name: str
    members: tuple[Surrogate, ...]
    calibrates: bool = False  # by the errors that the mixture makes on values left out

    @property
    def needs(self) -> int:
        return min(m.needs for m in self.members)

    def fit(self, space: Space, data: TrainingSet, *, seed: int) -> FittedCommittee:
        """Fit every member and weigh them. A member that cannot be fitted is ``missing``.

        Raises:
            TooFewPoints: No member can work with so few.
            FitError: No member could be fitted.
        """
        return self.fit_each(space, [data], [seed])[0]

    def fit_each(self, space: Space, sets: Sequence[TrainingSet], seeds: Sequence[int]) -> tuple[FittedCommittee, ...]:
        """A committee for each target's training set; members that share what they learn are fitted once to all.

        Raises:
            TooFewPoints: Of a target, no member can work with so few.
            FitError: Of a target, no member could be fitted.
        """
        for data in sets:
            if len(data) < self.needs:
                raise TooFewPoints(self.name, self.needs, len(data))
        fitted: list[list[FittedSurrogate]] = [[] for _ in sets]
        missing: list[list[Missing]] = [[] for _ in sets]
        for i, member in enumerate(self.members):
            found = fitted_each(member, space, sets, [seed + i for seed in seeds])
            for target, model in enumerate(found):
                if isinstance(model, TooFewPoints | FitError):
                    missing[target].append(Missing(member.name, model))
                else:
                    fitted[target].append(model)
        for members, others in zip(fitted, missing, strict=True):
            if not members:
                raise FitError(self.name, "no member could be fitted: " + "; ".join(map(str, others)))
        return tuple(
            weighed(self.name, members, data, others, rows=evidence_rows(space, data), calibrates=self.calibrates)
            for members, data, others in zip(fitted, sets, missing, strict=True)
        )


@dataclass(frozen=True)
class FittedCommittee:
    """A fitted mixture; a ``FittedSurrogate``. ``weights`` are above zero and sum to one.

    Members that each know how wrong they are make a mixture that is less wrong than it says, since its mean is better
    than theirs: ``widening`` is what its variances are multiplied by, and draws are drawn in towards its mean.
    """

    name: str
    members: tuple[FittedSurrogate, ...]
    weights: tuple[float, ...]
    missing: tuple[Missing, ...] = field(default=())
    widening: float = 1.0

    @property
    def noise_sd(self) -> float:
        parts = [w * m.noise_sd**2 for w, m in zip(self.weights, self.members, strict=True)]
        return math.sqrt(self.widening * sum(parts))

    def noise_at(self, x: Tensor) -> Tensor:
        parts = [w * m.noise_at(x).square() for w, m in zip(self.weights, self.members, strict=True)]
        return (self.widening * torch.stack(parts).sum(0)).sqrt()

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the mixture at ``x``, ``(n, d)``: two of shape ``(n,)``."""
        mean, variance = mixed([m.moments(x) for m in self.members], self.weights)
        return mean, (self.widening * variance).sqrt()

    def skimmed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``moments`` by members that are skimmed where they can be: two of shape ``(n,)``."""
        mean, variance = mixed([skim(m, x) for m in self.members], self.weights)
        return mean, (self.widening * variance).sqrt()

    def samples(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        """``n`` joint draws, each from one member, members in proportion to weight: ``(p, d)`` to ``(n, p)``."""
        return self.drawn(x, n, seed=seed)[0]

    def drawn(self, x: Tensor, n: int, *, seed: int) -> tuple[Tensor, Tensor]:
        """The same, and the mean of the mixture: ``(n, p)`` and ``(p,)``."""
        draws, means = [], []
        for i, (member, share) in enumerate(zip(self.members, apportion(self.weights, n), strict=True)):
            if share:
                some, mean = drawn(member, x, share, seed=seed + i)
                draws.append(some)
            else:
                mean = member.moments(x)[0]
            means.append(mean)
        together, mean = torch.cat(draws), _mixed_mean(torch.stack(means), self.weights)
        if self.widening == 1.0:
            return together, mean
        return mean + math.sqrt(self.widening) * (together - mean), mean

    def held_out(self) -> Tensor:
        """Log density of the mixture at each training value, members fitted without it: shape ``(n,)``."""
        logs = torch.stack([m.held_out() for m in self.members])
        return torch.logsumexp(logs + torch.tensor(self.weights, dtype=logs.dtype).log()[:, None], dim=0)

    def model(self) -> Model:
        return MixtureModel([m.model() for m in self.members], self.weights, self.widening)

    def summary(self) -> Mapping[str, Any]:
        return {
            "members": {
                m.name: {"weight": w, "held_out": _mean(m.held_out()), **m.summary()}
                for m, w in zip(self.members, self.weights, strict=True)
            },
            "held_out": _mean(self.held_out()),
            **({} if self.widening == 1.0 else {"widening": self.widening}),
        }


def drawn_apart(model: FittedSurrogate, x: Tensor, n: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """``n`` draws that are right at each point of ``x``, ``(p, d)``, and say nothing of two together, and the mean.

    Each draw lies as many deviations from the mean everywhere, by one member of a committee: ``(n, p)`` and ``(p,)``.
    """
    if isinstance(model, SupportsDrawingApart):
        return model.apart(x, n, seed=seed), model.moments(x)[0]
    members, weights = (model.members, model.weights) if isinstance(model, FittedCommittee) else ((model,), (1.0,))
    parts = [m.moments(x) for m in members]
    mean = _mixed_mean(torch.stack([part[0] for part in parts]), weights)
    generator = torch.Generator().manual_seed(seed)
    draws = []
    for (middle, sd), share in zip(parts, apportion(weights, n), strict=True):
        half = torch.randn((share + 1) // 2, 1, generator=generator, dtype=x.dtype)
        draws.append((torch.cat([half, -half])[:share] * sd).add_(middle))
    widening = model.widening if isinstance(model, FittedCommittee) else 1.0
    # in place, since of thousands of points a copy takes as long as the draws
    return torch.cat(draws).sub_(mean).mul_(math.sqrt(widening)).add_(mean), mean


def of_new_values(model: FittedSurrogate, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of a new value at each of ``x``, ``(n, d)``, in the target's unit: two of ``(n,)``.

    Noise is in it, and what a plate, a day or an instrument that is not known yet may add.
    """
    mean, sd = model.moments(x)
    members, weights = (model.members, model.weights) if isinstance(model, FittedCommittee) else ((model,), (1.0,))
    shifts = math.fsum(w * scatter_of(m) ** 2 for w, m in zip(weights, members, strict=True))
    widening = model.widening if isinstance(model, FittedCommittee) else 1.0
    return mean, (sd.square() + model.noise_at(x).square() + widening * shifts).sqrt()


def fitted_each(
    recipe: Surrogate, space: Space, sets: Sequence[TrainingSet], seeds: Sequence[int]
) -> list[FittedSurrogate | TooFewPoints | FitError]:
    """The recipe fitted to each target's training set, together where it shares; or why it could not be."""
    if len(sets) > 1 and isinstance(recipe, SupportsTogether) and recipe.shares:
        try:
            return list(recipe.fit_together(space, sets, seed=seeds[0]))
        except (TooFewPoints, FitError) as error:
            return [error] * len(sets)
    found: list[FittedSurrogate | TooFewPoints | FitError] = []
    for place, (data, seed) in enumerate(zip(sets, seeds, strict=True), start=1):
        if len(data.y) >= SLOW:
            counted(f"fitting {recipe.name} to {len(data.y):,} values (target {place} of {len(sets)})", 0)
        try:
            found.append(recipe.fit(space, data, seed=seed))
        except (TooFewPoints, FitError) as error:
            found.append(error)
    if any(len(data.y) >= SLOW for data in sets):
        counted("", 0)
    return found


def weighed(
    name: str,
    members: Sequence[FittedSurrogate],
    data: TrainingSet,
    missing: Sequence[Missing] = (),
    *,
    rows: Tensor | None = None,
    calibrates: bool,
) -> FittedCommittee:
    """Fitted members as a committee, weighted by the evidence that each gives of values it has not seen.

    Of these values ``rows``, shape ``(n,)``, says which count; None for all.
    """
    logs = torch.stack([m.held_out() for m in members])
    weights = tuple(evidence_weights(logs if rows is None else logs[:, rows]).tolist())
    widening = _widening(members, weights, data) if calibrates else 1.0
    return FittedCommittee(name, tuple(members), weights, tuple(missing), widening)


def mixed(parts: Sequence[tuple[Tensor, Tensor]], weights: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Mean and variance of a mixture of beliefs, each a mean and a standard deviation ``(n,)``: two ``(n,)``."""
    means, deviations = torch.stack([p[0] for p in parts]), torch.stack([p[1] for p in parts])
    shares, mean = _shares(means, weights), _mixed_mean(means, weights)
    return mean, (shares * (deviations.square() + (means - mean).square())).sum(0)


def _mixed_mean(means: Tensor, weights: Sequence[float]) -> Tensor:
    """The mean of a mixture, of its members' ``(members, n)``: ``(n,)``."""
    return (_shares(means, weights) * means).sum(0)


def _shares(means: Tensor, weights: Sequence[float]) -> Tensor:
    return torch.tensor(weights, dtype=means.dtype)[:, None]


def left_out(members: Sequence[FittedSurrogate], weights: Sequence[float]) -> tuple[Tensor, Tensor] | None:
    """What a mixture believed of each training value without it, mean and variance ``(n,)``; NaN of a censored row.

    None where a member cannot say it.
    """
    known = [m.left_out() for m in members if isinstance(m, SupportsLeavingOut)]
    return mixed(known, weights) if len(known) == len(members) else None


def _widening(members: Sequence[FittedSurrogate], weights: Sequence[float], data: TrainingSet) -> float:
    """By which factor the mixture's variances are too small; 1 where a member cannot say what it believed."""
    believed = left_out(members, weights)
    return 1.0 if believed is None else misjudged(data.y - believed[0], believed[1])


def _mean(held_out: Tensor) -> float | None:
    """The mean log density of training values; None where there are none yet."""
    return float(held_out.mean()) if len(held_out) else None


def evidence_rows(space: Space, data: TrainingSet) -> Tensor:
    """Which rows members are weighed by, ``(n,)``: of several versions the real thing, once it has results."""
    real = torch.from_numpy(is_real(space, data.x.numpy()))
    return real if bool(real.any()) else torch.ones_like(real)


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
