"""Expected improvement given joint draws at what is known, in closed form for one more point.

Draws of the response at the observed and pending points decide what there is to beat; given them, the response
elsewhere is still Gaussian, so the improvement of one more point has a formula: no sampling noise, slopes everywhere,
and no Cholesky factor of all points at each look.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from botorch.acquisition.analytic import _log_ei_helper
from botorch.utils.safe_math import logmeanexp
from numpy.typing import NDArray
from torch import Tensor

from loop.acquisition.protocol import Question
from loop.acquisition.streaming import members_of
from loop.acquisition.utility import foremost, leading, rivals
from loop.surrogates.exact import JITTER, ExactPosterior
from loop.surrogates.mixture import apportion
from loop.surrogates.protocol import FittedSurrogate
from loop.surrogates.within import Around, FittedWithin

DRAWS = 128  # what there is to beat is known to a tenth of its spread


@dataclass(frozen=True)
class Beaten:
    """What there is to beat, and what each member says of it: worked out once for all choices of a batch.

    Attributes:
        x: What was observed, keeps the thresholds, and may be the best of it, shape ``(k, d)``; where settings stray,
            what is so in some draw.
        voices: One for each member that has a share of the draws.
        worst: The worst that is believed of what was observed, larger is better; infinite where something keeps the
            thresholds.
    """

    question: Question
    x: Tensor
    voices: tuple[_Voice, ...]
    worst: float

    @property
    def others(self) -> Tensor:
        """What draws are made of where nothing is to be beaten and nothing runs, shape ``(n, d)``."""
        question = self.question
        is_straying = any(voice.sight.around is not None for voice in self.voices)
        return rivals(question) if is_straying else question.observed

    @staticmethod
    def of(question: Question) -> Beaten:
        """For a question that ``suits``."""
        (target, model), *_ = question.wanted
        x, members = leading(question), members_of(model)
        if any(isinstance(m, FittedWithin) for _, m in members):  # each is looked at in several places
            x = foremost(question, x)
        voices = []
        for i, ((_, member), share) in enumerate(zip(members, apportion([w for w, _ in members], DRAWS), strict=True)):
            if share:
                sight = _Sight.of(member)
                voices.append(_Voice(sight, share, question.seed + i, x, *sight.look(x)))
        worst = math.inf
        if not len(x):  # whatever keeps the thresholds improves on the worst that is known
            with torch.no_grad():
                worst = float((target.sign * model.moments(question.observed)[0]).min())
        return Beaten(question, x, tuple(voices), worst)

    @staticmethod
    def suits(question: Question) -> bool:
        """Whether the formula holds: one target, more or less of it wanted, Gaussian members."""
        if len(question.wanted) != 1 or not question.wanted[0][0].sign:
            return False
        return all(_Sight.suits(m) for _, m in members_of(question.wanted[0][1]))


class SampledImprovement:
    """Log expected improvement of single points, ``(b, 1, d)`` to ``(b,)``, for one target of which more or less is
    wanted, believed by exact Gaussian processes; per cost, after ``chosen``, where cost counts.

    Source: Letham, Karrer, Ottoni and Bakshy, Bayesian Analysis 14 (2019) 495; logarithms as in Ament et al. 2023.
    """

    def __init__(self, beaten: Beaten, pending: Tensor, chosen: Sequence[NDArray[np.float64]] = ()) -> None:
        self.question, self.chosen = beaten.question, tuple(chosen)
        question = beaten.question
        sign = question.wanted[0][0].sign
        others = pending if len(beaten.x) or len(pending) else beaten.others
        self.parts = [_Part(voice, others, sign) for voice in beaten.voices]
        for part in self.parts:
            part.best = part.best.clamp_max(beaten.worst)

    def __call__(self, x: Tensor) -> Tensor:
        points = x[..., 0, :]
        logs = torch.cat([part.log_improvements(points) for part in self.parts])
        weight = self.question.chance_if_better(points) / self.question.price(points, self.chosen)
        weight = weight * self.question.leaning(points)
        value: Tensor = logmeanexp(logs, dim=0) + weight.log()
        return value


@dataclass(frozen=True)
class _Sight:
    """What an exact process says of points as they are, or of the mean over where their settings stray."""

    process: ExactPosterior
    around: Around | None = None

    @staticmethod
    def suits(model: FittedSurrogate) -> bool:
        plain = model.plain if isinstance(model, FittedWithin) and model.around.limits is None else model
        return isinstance(plain, ExactPosterior)

    @staticmethod
    def of(model: FittedSurrogate) -> _Sight:
        """Of a model that ``suits``."""
        plain, around = (model.plain, model.around) if isinstance(model, FittedWithin) else (model, None)
        assert isinstance(plain, ExactPosterior)
        return _Sight(plain, around)

    def look(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The mean at ``x``, ``(b, d)``, and the whitened covariance with the rows: ``(b,)`` and ``(b, n)``."""
        if self.around is not None:
            return self.process.summed(self.around.places(x), self.weights)
        projected = self.process.kernel(x, self.process.x) @ self.process.root
        return self.process.mean(x, projected), projected

    def prior(self, x: Tensor, y: Tensor) -> Tensor:
        """The covariance of ``x``, ``(b, d)``, with ``y``, ``(k, d)``, before any result, standardised: ``(b, k)``."""
        if self.around is None:
            return self.process.kernel(x, y)
        k, places = len(self.weights), [self.around.places(some).flatten(0, 1) for some in (x, y)]
        whole = self.process.kernel(*places).reshape(len(x), k, len(y), k)
        return torch.einsum("bikj,i,j->bk", whole, self.weights, self.weights)

    def own(self, x: Tensor) -> Tensor | float:
        """The variance at ``x``, ``(b, d)``, before any result, standardised: ``(b,)``."""
        if self.around is None:
            return self.process.prior_variance
        places = self.around.places(x)
        return torch.einsum("bij,i,j->b", self.process.kernel(places, places), self.weights, self.weights)

    @property
    def weights(self) -> Tensor:
        """What each place counts in the mean, shape ``(k,)``."""
        assert self.around is not None, "settings as they are have one place each"
        return self.around.weights


@dataclass(frozen=True)
class _Voice:
    """A member, its number of draws and their seed, and what there is to beat, ``(k, d)``, as its ``n`` rows see it."""

    sight: _Sight
    draws: int
    seed: int
    x: Tensor
    mean: Tensor  # (k,)
    projected: Tensor  # (k, n)


class _Part:
    """One member: its draws at what there is to beat and ``others``, and its belief elsewhere given each of them."""

    def __init__(self, voice: _Voice, others: Tensor, sign: float) -> None:
        self.sight, self.sign = voice.sight, sign
        m = voice.sight.process
        with torch.no_grad():
            self.base = torch.cat([voice.x, others])
            means, projected = self.sight.look(others)
            self.known = torch.cat([voice.projected, projected])  # (base, n)
            jitter = JITTER * m.prior_variance * torch.eye(len(self.base), dtype=self.base.dtype)
            covariance = self.sight.prior(self.base, self.base) - self.known @ self.known.T + jitter
            self.root = m.factor(covariance * m.scale**2)
            generator = torch.Generator().manual_seed(voice.seed)
            half = torch.randn((voice.draws + 1) // 2, len(self.base), generator=generator, dtype=self.base.dtype)
            self.normal = torch.cat([half, -half])[: voice.draws]
            mean = torch.cat([voice.mean, means])
            self.best = (sign * (mean + self.normal @ self.root.T)).max(dim=1).values

    def log_improvements(self, x: Tensor) -> Tensor:
        """Log expected improvement at ``x``, ``(b, d)``, given each draw: ``(draws, b)``."""
        m = self.sight.process
        mean, projected = self.sight.look(x)
        shared = (self.sight.prior(x, self.base) - projected @ self.known.T) * m.scale**2
        gain = torch.linalg.solve_triangular(self.root, shared.T, upper=False)  # (base, b)
        variance = (self.sight.own(x) - projected.square().sum(-1)) * m.scale**2 - gain.square().sum(0)
        sd = variance.clamp_min(1e-10 * m.scale**2).sqrt()
        given = self.sign * (mean + self.normal @ gain)
        logs: Tensor = _log_ei_helper((given - self.best[:, None]) / sd) + sd.log()
        return logs
