"""Classes: what is looked for and what is not, such as active and inactive, learnt as 1 and 0 and read as chances.

Least squares on the labels is exact, quick with thousands of them and ranks well; but its mean is no chance. What it
says of each label when it was fitted without it tells how to read it (Platt's scaling): a line in log odds, which a
prior holds to "the mean is the chance" while there are few hits to learn it from. docs/decisions/0020 has the figures.

What a campaign has chosen is no sample of the candidates: most of it looked like hits. So labels count by how much more
common their means are among the candidates than among the labels, within limits (docs/decisions/0053).

Sources: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 6.5; Platt, Advances in Large
Margin Classifiers (1999) 61; Shimodaira, Journal of Statistical Planning and Inference 90 (2000) 227 (weights).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from botorch.models.model import Model
from torch import Tensor

from loop.fidelity import is_real
from loop.objective import CLASSES
from loop.space import Space, sample_space
from loop.surrogates.committee import Committee
from loop.surrogates.levels import NODES
from loop.surrogates.protocol import (
    FittedSurrogate,
    SupportsLeavingOut,
    SupportsTogether,
    Surrogate,
    TrainingSet,
    drawn,
    skim,
)

SHIFT_SD, SLOPE_SD = 2.0, 1.0  # of the line's priors, about 0 and 1; docs/decisions/0020
STEPS: Final = 50  # of Newton's method, which needs fewer than ten
STANDING: Final = 2_000  # candidates that stand for all
STANDING_MADE: Final = 400  # likewise, where each is made from its reagents
MOST = 5.0  # times that a label counts more, or less, for its like among the candidates; docs/decisions/0053
WIDTH = 0.15  # over which the density of means is smoothed, in their standard deviations
TOO_NARROW: Final = 1e-9  # a spread of means that is none
GRID: Final = 512  # values at which densities are told
CHUNK: Final = 8_192
SURELY: Final = 1e-6  # no label is held to be more certain than 1 minus this


def for_classes(recipe: Surrogate) -> Surrogate:
    """The recipe for a target of classes; of a committee, each member, whose readings calibrate the whole."""
    if isinstance(recipe, Committee):
        return replace(recipe, members=tuple(for_classes(m) for m in recipe.members), calibrates=False)
    return Classified(recipe)


@dataclass(frozen=True)
class Classified:
    """A recipe that learns labels as numbers by the inner recipe, and how to read them."""

    inner: Surrogate

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def needs(self) -> int:
        return self.inner.needs

    def fit(self, space: Space, data: TrainingSet, *, seed: int) -> FittedClasses:
        """Learn from labels 0 and 1, shape ``(n,)``. Raises ``TooFewPoints`` or ``FitError``."""
        return self._read(space, self.inner.fit(space, data, seed=seed), data)

    @property
    def shares(self) -> bool:
        """Whether several targets of classes are learnt as one."""
        return isinstance(self.inner, SupportsTogether) and self.inner.shares

    def fit_together(self, space: Space, sets: Sequence[TrainingSet], *, seed: int) -> tuple[FittedClasses, ...]:
        """The labels of several targets, learnt as one by an inner recipe that can. Raises as ``fit`` does."""
        if not isinstance(self.inner, SupportsTogether):
            raise TypeError(f"{self.name!r} learns one target at a time")
        learnt = self.inner.fit_together(space, sets, seed=seed)
        return tuple(self._read(space, latent, data) for latent, data in zip(learnt, sets, strict=True))

    def _read(self, space: Space, latent: FittedSurrogate, data: TrainingSet) -> FittedClasses:
        """What was learnt of labels as numbers, with how to read it."""
        if not isinstance(latent, SupportsLeavingOut):
            raise TypeError(f"{self.name!r} does not say what it held of labels that it had not seen")
        mean, _ = latent.left_out()
        reading = Reading.of(mean, data.y, likeness(mean, skim(latent, standing(space))[0]))
        chance = reading.chance(mean).clamp(SURELY, 1.0 - SURELY)
        density = torch.where(data.y > 0.5, chance, 1.0 - chance).log()
        return FittedClasses(latent, reading, density)


def standing(space: Space) -> Tensor:
    """Candidates at random that stand for all, always the same: ``(k, d)``; fewer where each has to be made first."""
    x = sample_space(space, STANDING_MADE if space.products or space.union else STANDING, 0, method="random")
    return torch.from_numpy(x[is_real(space, x)])


def likeness(labels: Tensor, candidates: Tensor) -> Tensor:
    """How much more common each label's mean is among the candidates' than among the labels': ``(n,)``, 1 on average.

    Of means ``labels``, ``(n,)``, and ``candidates``, ``(k,)``; never above or below ``MOST`` times what is usual.
    """
    width = WIDTH * float(labels.std(correction=0))
    if not len(candidates) or width < TOO_NARROW:
        return torch.ones_like(labels)
    grid = torch.linspace(float(labels.min()), float(labels.max()), GRID, dtype=labels.dtype)
    common, known = (_density(means, width, grid) for means in (candidates, labels))
    ratio = np.interp(labels.numpy(), grid.numpy(), (common / known.clamp_min(1e-300)).clamp(1.0 / MOST, MOST).numpy())
    return torch.from_numpy(ratio / ratio.mean())


def _density(means: Tensor, width: float, at: Tensor) -> Tensor:
    """How densely means, ``(n,)``, lie ``at`` some values, smoothed by a normal curve of a width: shape of ``at``."""
    total = torch.zeros_like(at)
    for start in range(0, len(means), CHUNK):
        total += torch.exp(-0.5 * ((at[:, None] - means[start : start + CHUNK]) / width).square()).sum(1)
    return total / (len(means) * width)


@dataclass(frozen=True)
class Reading:
    """How a mean of labels is read as a chance: ``shift + slope * logit(rounded mean)``, in log odds.

    Attributes:
        rate: The share of hits among the labels, towards which nothing is rounded: a mean of 0 is read as 0.7 of it.
    """

    rate: float
    shift: float
    slope: float

    @staticmethod
    def of(mean: Tensor, labels: Tensor, weights: Tensor | None = None) -> Reading:
        """From what models held of labels that they had not seen, and how much each counts; shape ``(n,)`` all."""
        hits, n = float(labels.sum()), len(labels)
        rate = (hits + 1.0) / (n + 2.0)
        odds = torch.logit(_rounded(mean, rate))
        # Platt's targets: a label is never quite certain
        wanted = torch.where(labels > 0.5, (hits + 1.0) / (hits + 2.0), 1.0 / (n - hits + 2.0))
        inputs = torch.stack([torch.ones_like(odds), odds], dim=1)
        about = torch.tensor([0.0, 1.0], dtype=odds.dtype)
        precision = torch.tensor([SHIFT_SD**-2, SLOPE_SD**-2], dtype=odds.dtype)
        line = about.clone()
        weights = torch.ones_like(odds) if weights is None else weights
        for _ in range(STEPS):
            chance = torch.sigmoid(inputs @ line)
            slope = inputs.T @ (weights * (chance - wanted)) + precision * (line - about)
            curvature = (inputs.T * (weights * chance * (1.0 - chance))) @ inputs + torch.diag(precision)
            step = torch.linalg.solve(curvature, slope)
            line = line - step * min(1.0, 1.0 / max(float(step.abs().max()), 1e-12))
            if float(step.abs().max()) < 1e-9:
                break
        return Reading(rate, float(line[0]), max(float(line[1]), 0.0))  # more of the mean is never less of a chance

    def chance(self, mean: Tensor) -> Tensor:
        """The chance of a hit where the mean is so, any one shape."""
        return torch.sigmoid(self.shift + self.slope * torch.logit(_rounded(mean, self.rate)))


@dataclass(frozen=True)
class FittedClasses:
    """A belief in classes; a ``FittedSurrogate`` whose mean is the chance of the one that is looked for."""

    latent: FittedSurrogate
    reading: Reading
    density: Tensor  # log chance of each label under the model without it, (n,)

    @property
    def name(self) -> str:
        return self.latent.name

    @property
    def noise_sd(self) -> float:
        return self.latent.noise_sd

    def noise_at(self, x: Tensor) -> Tensor:
        """What is left of a new label's standard deviation when its chance is known: ``(n, d)`` to ``(n,)``."""
        chance, sd = self.moments(x)
        return (chance * (1.0 - chance) - sd.square()).clamp_min(1e-12).sqrt()

    def hopeful(self, x: Tensor, deviations: float) -> Tensor:
        """The chance of a hit where the mean is so many of its deviations higher, quickly: ``(n, d)`` to ``(n,)``."""
        mean, sd = skim(self.latent, x)
        return self.reading.chance(mean + deviations * sd)

    def chances(self, x: Tensor) -> Tensor:
        """The chances of other classes and of the one looked for, of a new label at ``x``: ``(n, d)`` to ``(n, 2)``."""
        chance = self.reading.chance(self.latent.moments(x)[0])
        return torch.stack([1.0 - chance, chance], dim=1)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The chance of a hit and its standard deviation at ``x``, ``(n, d)``: two of shape ``(n,)``."""
        mean, sd = self.latent.moments(x)
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        share = torch.from_numpy(weights / weights.sum())
        chance = self.reading.chance(mean)
        at = self.reading.chance(mean[:, None] + sd[:, None] * torch.from_numpy(nodes))
        spread = ((at - chance[:, None]).square() @ share).sqrt()
        return chance, torch.minimum(spread, (chance * (1.0 - chance)).sqrt()).clamp_min(1e-9)

    def samples(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        """``n`` joint draws of the chance of a hit at ``x``, ``(p, d)``: shape ``(n, p)``."""
        return self.reading.chance(self.latent.samples(x, n, seed=seed))

    def drawn(self, x: Tensor, n: int, *, seed: int) -> tuple[Tensor, Tensor]:
        """The same, and the chance that is believed: shapes ``(n, p)`` and ``(p,)``."""
        draws, mean = drawn(self.latent, x, n, seed=seed)
        return self.reading.chance(draws), self.reading.chance(mean)

    def draws(self, x: Tensor, n: int, level: int, *, seed: int) -> Tensor:
        """The chance of a class, 1 or -1 what is looked for, in each of ``n`` joint draws: ``(p, d)`` to ``(n, p)``."""
        hits = self.samples(x, n, seed=seed)
        return hits if level % len(CLASSES) else 1.0 - hits

    def model(self) -> Model:
        """What was learnt of the labels as a BoTorch model: in trade-offs it stands for the chance."""
        return self.latent.model()

    def held_out(self) -> Tensor:
        return self.density

    def summary(self) -> Mapping[str, Any]:
        told = {"rate": self.reading.rate, "shift": self.reading.shift, "slope": self.reading.slope}
        return {**self.latent.summary(), "reading": told}


def _rounded(mean: Tensor, rate: float) -> Tensor:
    """A mean of labels held between 0 and 1, rounded over a width of the rate at either end."""
    width = min(rate, 1.0 - rate)
    low = width * torch.nn.functional.softplus(mean / width)
    both = 1.0 - width * torch.nn.functional.softplus((1.0 - low) / width)
    found: Tensor = both.clamp(SURELY, 1.0 - SURELY)
    return found
