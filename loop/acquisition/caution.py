"""Caution: what is proposed must be believed to keep some thresholds, with a chance that the campaign file states.

A model is least to be trusted where it knows nothing: of a few results that all keep a threshold by far it would learn
that everything does. So what its hyper-parameters may be is doubted as where something is stated, the scale that few
values tell as Student's t has it, and deviations are held to be at least so wide that of what nothing is known of no
more than ``UNKNOWN`` is believed to keep a threshold (docs/decisions/0176).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t as student
from torch import Tensor

from loop.acquisition.hits import hit_chance
from loop.acquisition.streaming import members_of
from loop.insight.doubting import doubting
from loop.objective import Objective, Target
from loop.space.rows import is_among
from loop.surrogates.committee import FittedCommittee
from loop.surrogates.derived import FittedDerived
from loop.surrogates.exact import ExactPosterior
from loop.surrogates.noiseless import Noiseless
from loop.surrogates.protocol import FittedSurrogate, chance_between, normal_between
from loop.surrogates.within import FittedWithin

UNKNOWN: Final = 0.8  # with what chance, at most, anything that nothing is known of is believed to keep a threshold
STEEP: Final = 0.05  # how soon, in logarithms of odds, a climb turns back from what is not believed to keep it
CHUNK: Final = 8_192  # candidates looked at together
_NORMAL: Final = NormalDist()


@dataclass(frozen=True)
class Guard:
    """A target whose thresholds are kept with caution, on its scale, and its model.

    Attributes:
        at_least: The chance that is asked.
        wider: What deviations of the surface are multiplied by, since the unknown is held to break thresholds; infinite
            where nothing tells how large they are.
        tails: What deviations are multiplied by, noise included, since few values tell little of a scale.
    """

    target: Target
    model: FittedSurrogate
    at_least: float
    wider: float = 1.0
    tails: float = 1.0

    @staticmethod
    def of(target: Target, model: FittedSurrogate, values: NDArray[np.float64]) -> Guard:
        """``values``, ``(n,)``, are those measured so far, on the scale of the target; perhaps none."""
        assert target.cautious is not None
        if target.levels is not None:
            return Guard(target, model, target.cautious)
        if isinstance(model, FittedDerived):
            return Guard(target, model.of_parts([doubting(part) for part in model.parts]), target.cautious)
        wider, tails = _widening(target, model, values), _tails(target.cautious, len(values))
        return Guard(target, doubting(model), target.cautious, wider, tails)

    def chance(self, x: Tensor) -> Tensor:
        """The chance that a measurement at ``x``, ``(n, d)``, keeps the thresholds: ``(n,)``."""
        if self.target.levels is not None:
            return hit_chance(self.target, self.model, x)
        low, high = self.target.bounds
        if isinstance(self.model, FittedDerived):
            return chance_between(self.model, low, high, x, is_new=True)
        if math.isinf(self.wider):
            return torch.full((len(x),), UNKNOWN, dtype=x.dtype)
        total = torch.zeros(len(x), dtype=x.dtype)
        own = self.model.widening**0.5 if isinstance(self.model, FittedCommittee) else 1.0
        for share, member in members_of(self.model):
            mean, sd = member.moments(x)
            wide = ((self.wider * sd).square() + member.noise_at(x).square()).sqrt()
            total = total + share * normal_between(low, high, mean, self.tails * own * wide)
        return total


@dataclass(frozen=True)
class Caution:
    """Which candidates may be proposed.

    Attributes:
        guards: What they are to be believed to keep; none while nothing is believed.
        named: Candidates that a person names as known to keep it, shape ``(k, d)``: they may always be proposed.
    """

    guards: tuple[Guard, ...]
    named: NDArray[np.float64]

    @staticmethod
    def of(
        objective: Objective,
        models: Sequence[FittedSurrogate],
        values: NDArray[np.float64],
        named: NDArray[np.float64],
    ) -> Caution:
        """``objective`` on its scale, a model of each target or none at all, and ``values``, ``(n, m)``, NaN for none.

        Nothing is allowed but what is ``named`` while there is no model.
        """
        pairs = zip(objective.targets, models, strict=True) if models else ()
        guards = [
            Guard.of(t, model, y[~np.isnan(y)])
            for (t, model), y in zip(pairs, values.T, strict=False)
            if t.cautious is not None
        ]
        return Caution(tuple(guards), named)

    def allows(self, x: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of ``x``, ``(n, d)``, are believed to keep every threshold with the chance that is asked: ``(n,)``."""
        named = is_among(x, self.named)
        if not self.guards:
            return named
        with torch.no_grad():
            parts = torch.split(torch.from_numpy(np.ascontiguousarray(x)), CHUNK)
            kept = [torch.stack([g.chance(part) >= g.at_least for g in self.guards]).all(0).numpy() for part in parts]
        return named | np.concatenate(kept) if kept else named

    def leaning(self, x: Tensor) -> Tensor:
        """What the worth of ``x``, ``(n, d)``, is multiplied by, so that a climb turns back in time: ``(n,)``."""
        total = torch.ones(len(x), dtype=x.dtype)
        for guard in self.guards:
            chance = guard.chance(x).clamp(1e-9, 1 - 1e-9)
            odds = torch.logit(chance) - math.log(guard.at_least / (1 - guard.at_least))
            total = total * torch.sigmoid(odds / STEEP).clamp_min(1e-12)
        return total

    def chances(self, x: NDArray[np.float64]) -> Mapping[str, list[float]]:
        """By target, the chance that each of ``x``, ``(n, d)``, keeps its thresholds; nothing without a model."""
        with torch.no_grad():
            return {g.target.name: g.chance(torch.from_numpy(x)).tolist() for g in self.guards}


def _widening(target: Target, model: FittedSurrogate, values: NDArray[np.float64]) -> float:
    """How many times as wide deviations are held to be, so that the unknown keeps thresholds with ``UNKNOWN``."""
    if not len(values):
        return 1.0
    low, high = target.bounds
    usual = float(np.mean(values))
    gap = min(usual - low, high - usual)  # to the threshold that is next
    prior = _of_nothing(model) or float(np.std(values))
    if not (gap > 0.0 and math.isfinite(gap)):
        return 1.0
    if not prior > 0.0:  # of values that are all alike a model such as trees believes that nothing varies
        return math.inf
    return max(gap / _NORMAL.inv_cdf(UNKNOWN) / prior, 1.0)


def _of_nothing(model: FittedSurrogate) -> float | None:
    """The deviation of what a model believes where it knows nothing; None of one that does not say, as of trees."""
    if isinstance(model, FittedWithin | Noiseless):
        return _of_nothing(model.plain)
    if isinstance(model, ExactPosterior):
        return math.sqrt(model.prior_variance) * model.scale
    if isinstance(model, FittedCommittee):
        known = [(w, d) for w, m in zip(model.weights, model.members, strict=True) if (d := _of_nothing(m)) is not None]
        total = sum(w for w, _ in known)
        return math.sqrt(model.widening * sum(w * d * d for w, d in known) / total) if total else None
    return None


def _tails(at_least: float, n: int) -> float:
    """By how much further out a Student's t that ``n`` values leave has what a normal belief has with that chance."""
    if at_least <= 0.5 or n < 2:
        return 1.0
    return float(student.ppf(at_least, n - 1)) / _NORMAL.inv_cdf(at_least)
