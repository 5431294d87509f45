"""A ladder of versions: each is learnt about what the version below it says, as a prior mean or as a feature.

The cheapest version has a process of its own. Each dearer one is a process of what is left when a share of the version
below is taken off (a prior mean; the share chosen by evidence), or a process that sees, beside the candidate, what the
version below says of it (a feature; the relation need not be a line). In both a version that is not known of a
candidate adds its doubt, so that what it would tell of the real thing is known before it is bought.

Source: Kennedy and O'Hagan, Biometrika 87 (2000) 1, for the prior mean; as a feature, Perdikaris and others, Proc. R.
Soc. A 473 (2017) 20160751, here to first order in what the version below leaves open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any

import torch
from botorch.models.model import Model
from torch import Tensor

from loop.errors import TooFewPoints
from loop.fidelity import fidelity_column, is_real
from loop.space import Space
from loop.surrogates.coordinate_model import NormalModel
from loop.surrogates.exact import ExactPosterior
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.matern import Covariance
from loop.surrogates.metric import Metric
from loop.surrogates.protocol import Surrogate, TrainingSet

FEWEST = 3  # results of a version that a process of its own needs
SHARES = (0.25, 0.5, 0.75, 1.0, 1.25)  # of what the version below says
SHARE_SD = 0.5  # of a share about one, a priori
STEP = 1e-3  # of a feature, in its own spreads, for the slope


class Way(StrEnum):
    """How a version enters the one above it."""

    MEAN = "prior mean"
    FEATURE = "feature"


@dataclass(frozen=True)
class Ladder:
    """A recipe: one Gaussian process for each version, each about the version below."""

    recipe: GaussianProcess
    way: Way
    needs: int = 2 * FEWEST

    @property
    def name(self) -> str:
        return f"{self.recipe.name} ({self.way.value})"

    def fit(self, space: Space, data: TrainingSet, *, seed: int) -> FittedLadder:
        """The processes from the cheapest version upwards; a version with too few results is passed over.

        Raises:
            TooFewPoints: The real thing, or everything below it, has fewer than ``FEWEST`` results.
            FitError: A process could not be fitted.
        """
        column = fidelity_column(space)
        assert column is not None, "the space has no fidelity"
        versions = data.x[:, column].round().long()
        real = is_real(space, data.x.numpy())
        known = [v for v in torch.unique(versions).tolist() if int((versions == v).sum()) >= FEWEST]
        if len(known) < 2 or int(real.sum()) < FEWEST:
            above, below = int(real.sum()), int(torch.bincount(versions[torch.from_numpy(~real)], minlength=1).max())
            told = f"{FEWEST} results of the last version and {FEWEST} of one below it, and has {above} and {below}"
            raise TooFewPoints(self.name, FEWEST, min(above, below), told)
        ladder = FittedLadder(self.name, column, (), (), ())
        density, mean, sd = torch.empty(3, len(data), dtype=data.y.dtype)
        for number, version in enumerate(known):
            rows = torch.nonzero(versions == version)[:, 0]
            step, gain = self._step(space, data.rows(rows), ladder, seed + number)
            ladder = replace(
                ladder, versions=(*ladder.versions, version), steps=(*ladder.steps, step), gains=(*ladder.gains, gain)
            )
            density[rows] = step.held_out()
            mean[rows], sd[rows] = step.left_out()
        seen = torch.isin(versions, torch.tensor(known))
        if not bool(seen.all()):
            density[~seen] = density[seen].mean()  # of a version that was passed over nothing is said
            x = data.x[~seen]
            mean[~seen], doubt = ladder.moments(x)
            sd[~seen] = torch.hypot(doubt, ladder.noise_at(x))
        return replace(ladder, density=density, outside=(mean, sd))

    def _step(
        self, space: Space, data: TrainingSet, below: FittedLadder, seed: int
    ) -> tuple[ExactPosterior, Callable[[Tensor], Tensor]]:
        """The process of one version, and by how much the version below moves its mean: ``(n, d)`` to ``(n,)``."""
        if not below.steps:
            return self.recipe.fit_alone(space, data, seed=seed), partial(_constant, 0.0)
        expected = below.top(data.x)
        spread = float(expected.std(correction=0)) or 1.0
        if self.way is Way.FEATURE:
            beside = _Beside(below.top, spread)
            fitted = self.recipe.fit_alone(space, data, seed=seed, beside=beside)
            return fitted, partial(_slope, fitted, beside)
        best, most, chosen = None, -math.inf, 1.0
        for share in SHARES:
            fitted = self.recipe.fit_alone(space, data.less(share * expected), seed=seed)
            found = float(fitted.held_out().sum()) - 0.5 * ((share - 1.0) / SHARE_SD) ** 2
            if best is None or found > most:
                best, most, chosen = fitted, found, share
        assert best is not None
        outside = best.outside
        if outside is not None:  # they stand for values less the share
            outside = outside[0] + chosen * expected / best.scale, outside[1], outside[2]
        about = replace(
            best, trend=_Share(below.top, chosen), outside=outside, details={**best.details, "share": chosen}
        )
        return about, partial(_constant, chosen)


@dataclass(frozen=True)
class _Share:
    of: Callable[[Tensor], Tensor]
    share: float

    def __call__(self, x: Tensor) -> Tensor:
        return self.share * self.of(x)


@dataclass(frozen=True)
class _Beside:
    """What the version below says, as a part of the distance; 2 on average, as options have. ``shift`` moves ``a``."""

    of: Callable[[Tensor], Tensor]
    spread: float
    shift: float = 0.0

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        mine, theirs = (self.of(x) / self.spread for x in (a, b))
        return (mine[..., :, None] + self.shift - theirs[..., None, :]).square()


def _constant(value: float, x: Tensor) -> Tensor:
    return torch.full(x.shape[:-1], value, dtype=x.dtype)


def _slope(fitted: ExactPosterior, beside: _Beside, x: Tensor) -> Tensor:
    """The slope of the mean in the feature, by central differences."""
    kernel = fitted.kernel
    assert isinstance(kernel, Covariance)
    ends = []
    for shift in (STEP, -STEP):
        distance = Metric((*kernel.distance.parts[:-1], replace(beside, shift=shift)), kernel.distance.dimension)
        moved = replace(kernel, distance=distance)
        ends.append(fitted.mean(x, moved(x, fitted.x) @ fitted.root))
    return (ends[0] - ends[1]) / (2 * STEP * beside.spread)


@dataclass(frozen=True)
class FittedLadder:
    """The processes of the versions, the cheapest first; a ``FittedSurrogate``.

    What is said of a version is the sum of its own process and of what those below leave open: of step ``m`` counts the
    product of the gains above it.
    """

    name: str
    column: int
    versions: tuple[int, ...]  # that have a step
    steps: tuple[ExactPosterior, ...]
    gains: tuple[Callable[[Tensor], Tensor], ...]  # of each step in the one below it
    density: Tensor = field(default_factory=lambda: torch.empty(0))
    outside: tuple[Tensor, Tensor] = field(default_factory=lambda: (torch.empty(0), torch.empty(0)))

    @property
    def noise_sd(self) -> float:
        return self.steps[-1].noise_sd

    def top(self, x: Tensor) -> Tensor:
        """What the dearest version with a step is expected to give at ``x``, ``(*b, n, d)``: ``(*b, n)``."""
        flat = self._as(x.reshape(-1, x.shape[-1]), len(self.steps) - 1)
        return _mean_of(self.steps[-1], flat).reshape(x.shape[:-1])

    def noise_at(self, x: Tensor) -> Tensor:
        parts = torch.stack([s.noise_at(self._as(x, m)) for m, s in enumerate(self.steps)])
        return parts.gather(0, self._step_of(x)[None])[0]

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation at ``x``, shape ``(n, d)``: two of shape ``(n,)``."""
        counts = self._counts(x)
        parts = [s.moments(self._as(x, m)) for m, s in enumerate(self.steps)]
        variance = torch.stack([c.square() * sd.square() for c, (_, sd) in zip(counts, parts, strict=True)]).sum(0)
        mean = torch.stack([m for m, _ in parts]).gather(0, self._step_of(x)[None])[0]
        return mean, variance.sqrt()

    def joint(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean ``(*b, q)`` and covariance ``(*b, q, q)`` at ``x``, shape ``(*b, q, d)``, without noise."""
        counts = self._counts(x.reshape(-1, x.shape[-1])).reshape(len(self.steps), *x.shape[:-1])
        parts = [s.joint(self._as(x, m)) for m, s in enumerate(self.steps)]
        covariance = torch.stack(
            [c[..., :, None] * v * c[..., None, :] for c, (_, v) in zip(counts, parts, strict=True)]
        )
        mean = torch.stack([m for m, _ in parts]).gather(0, self._step_of(x)[None])[0]
        return mean, covariance.sum(0)

    def samples(self, x: Tensor, n: int, *, seed: int) -> Tensor:
        """``n`` joint draws (without noise) at ``x``, ``(p, d)``: shape ``(n, p)``."""
        return self.drawn(x, n, seed=seed)[0]

    def drawn(self, x: Tensor, n: int, *, seed: int) -> tuple[Tensor, Tensor]:
        """The same, and their mean: shapes ``(n, p)`` and ``(p,)``."""
        mean, _ = self.moments(x)
        found = mean.expand(n, -1).clone()
        for number, (step, count) in enumerate(zip(self.steps, self._counts(x), strict=True)):
            draws, expected = step.drawn(self._as(x, number), n, seed=seed + 101 * number)
            found += count * (draws - expected)
        return found, mean

    def held_out(self) -> Tensor:
        """Log density of each training value under its version's process without it: shape ``(n,)``."""
        return self.density

    def left_out(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation, noise included, of each value under its version's process without it: ``(n,)`` each."""
        return self.outside

    def model(self) -> Model:
        return NormalModel(self)

    def summary(self) -> Mapping[str, Any]:
        return {"versions": list(self.versions), "steps": [dict(s.details) for s in self.steps]}

    def _as(self, x: Tensor, m: int) -> Tensor:
        """The same candidates in the version of step ``m``: its process knows of no other."""
        moved = x.clone()
        moved[..., self.column] = float(self.versions[m])
        return moved

    def _step_of(self, x: Tensor) -> Tensor:
        """Which step speaks for each row: the highest not above its version, else the lowest."""
        version = x[..., self.column].detach().round().long()
        return (version[..., None] >= torch.tensor(self.versions)).sum(-1).sub(1).clamp_min(0)

    def _counts(self, x: Tensor) -> Tensor:
        """How much each step's own doubt counts at ``x``, ``(n, d)``: shape ``(steps, n)``."""
        own = self._step_of(x)
        counts: list[Tensor] = []
        above = torch.ones(len(x), dtype=x.dtype)
        for m in reversed(range(len(self.steps))):
            here = torch.where(own == m, torch.ones_like(above), torch.where(own > m, above, torch.zeros_like(above)))
            counts.append(here)
            above = here * self.gains[m](self._as(x, m))
        return torch.stack(counts[::-1])


def _mean_of(step: ExactPosterior, x: Tensor) -> Tensor:
    return step.mean(x, step.kernel(x, step.x) @ step.root)


def with_ladders(space: Space, members: Sequence[Surrogate]) -> tuple[Surrogate, ...]:
    """The members of a committee, and where the space has versions a ladder of either kind for each process."""
    if fidelity_column(space) is None:
        return tuple(members)
    processes = [m for m in members if isinstance(m, GaussianProcess)]
    return (*members, *(Ladder(p, way) for p in processes for way in Way))
