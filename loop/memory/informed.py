"""Informed members: a Gaussian process about a share of what a hint expects, the share chosen by evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from torch import Tensor

from loop.memory.hint import Hint
from loop.space import Space
from loop.surrogates.exact import USUAL_NOISE, ExactPosterior, noise_weights, usual_weight
from loop.surrogates.gp import GaussianProcess
from loop.surrogates.grid import whitening
from loop.surrogates.lengthscales import typical
from loop.surrogates.matern import MEAN_VARIANCE, matern52
from loop.surrogates.metric import metric
from loop.surrogates.protocol import TrainingSet

SHARES = (0.25, 0.5, 0.75, 1.0, 1.25)  # of what a hint expects
SHARE_SD = 0.5  # of a share about one, a priori
FEWEST = 2  # own results with which hyper-parameters can be found
DOUBT = 1.0  # spread of the response about a hint before any own result, in spreads of the hint


@dataclass(frozen=True)
class Informed:
    """A recipe: what another recipe finds about a share of a hint. It needs no result of its own."""

    recipe: GaussianProcess
    hint: Hint
    needs: int = 0

    @property
    def name(self) -> str:
        return f"{self.recipe.name}+{self.hint.name}"

    def fit(self, space: Space, data: TrainingSet, *, seed: int) -> ExactPosterior:
        """The process at the share with the best held-out results. Raises ``FitError``."""
        if len(data) < FEWEST:
            return self._before_any(space, data)
        expected = self.hint.mean(data.x)
        size = 1.0 if self.hint.is_scaled else float(data.y.std(correction=0)) / self.hint.spread
        best, most = None, -math.inf
        for share in SHARES:
            fitted = self.recipe.fit(space, data.less(share * size * expected), seed=seed)
            found = float(fitted.held_out().sum()) - 0.5 * ((share - 1.0) / SHARE_SD) ** 2
            if best is None or found > most:
                best, most = self._about(_outside_about(fitted, share * size * expected), share, size), found
        assert best is not None
        return best

    def _about(self, fitted: ExactPosterior, share: float, size: float = 1.0) -> ExactPosterior:
        details = {**fitted.details, "source": self.hint.name, "share": share}
        return replace(fitted, name=self.name, details=details, trend=Trend(self.hint, share * size))

    def _before_any(self, space: Space, data: TrainingSet) -> ExactPosterior:
        """The hint with the prior's doubt about it, given at most a single result; one that is a limit is no value."""
        exact = ~data.is_censored
        repeats = None if data.repeats is None else data.repeats[exact]
        data = TrainingSet(data.x[exact], data.y[exact], data.sd[exact], repeats=repeats)
        distance = metric(space, self.recipe.representation)
        length = typical(distance.dimension)

        def covariance(a: Tensor, b: Tensor) -> Tensor:
            radius = (distance.squared(a, b).clamp_min(0.0) + 1e-14).sqrt()
            return matern52(radius / length) + MEAN_VARIANCE

        scale = DOUBT * self.hint.spread
        root = whitening(covariance(data.x, data.x), USUAL_NOISE * noise_weights(data, scale))
        fitted = ExactPosterior(
            name=self.name,
            kernel=covariance,
            prior_variance=1.0 + MEAN_VARIANCE,
            noise_variance=USUAL_NOISE,
            x=data.x,
            y=(data.y - self.hint.mean(data.x)) / scale,
            root=root,
            shift=0.0,
            scale=scale,
            details={"representation": self.recipe.representation.value, "lengthscale": length},
            usual=usual_weight(data, scale),
        )
        return self._about(fitted, 1.0)


def _outside_about(fitted: ExactPosterior, trend: Tensor) -> ExactPosterior:
    """The same where left-out values are told of all rows: told with the ``trend`` there, ``(n,)``, in target units."""
    if fitted.outside is None:
        return fitted
    value, residual, variance = fitted.outside
    return replace(fitted, outside=(value + trend / fitted.scale, residual, variance))


@dataclass(frozen=True)
class Trend:
    """A share of a hint: coordinates ``(*b, d)`` to what is added to a process there, ``(*b)``."""

    hint: Hint
    share: float

    def __call__(self, x: Tensor) -> Tensor:
        return self.share * self.hint.mean(x)
