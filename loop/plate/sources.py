"""What a plate is filled by: a model's acquisition function, an initial design, or chance.

Each ranks single candidates, for the shortlist, and gives the joint worth of sets of them.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.acquisition.apart import similarities
from loop.acquisition.directions import MEANING, growth
from loop.acquisition.hits import HIT, hoped_hits, stated_chance
from loop.acquisition.improvement import improvement_score, in_words
from loop.acquisition.nearby import REACH, Nearby
from loop.acquisition.pareto import worths
from loop.acquisition.pool import HIGH, differences, high_score
from loop.acquisition.protocol import Question
from loop.acquisition.search import SURELY, hit_weight, horizon
from loop.acquisition.streaming import members_of
from loop.acquisition.utility import believed, hoped_of, least, utility
from loop.costs import Pays, pays_all
from loop.objective import Target
from loop.plate.hits import Hits
from loop.plate.worth import Beside, Cover, Floats, Progress, Sum, Teaching, Worth
from loop.policy.seeking import SPREAD_NOISE, closeness, spread_covariance
from loop.space import Space
from loop.space.same import SAME
from loop.surrogates.levels import KnowsLevels, chance_of, hits_in_draws
from loop.surrogates.metric import metric
from loop.surrogates.mixture import apportion
from loop.surrogates.representation import Representation

SAMPLES = 256  # joint draws of the response
COARSE = 256  # of them, for comparing frames: fewer are soon covered, and a frame would be judged by its first wells
SINGLE = 32  # draws of single candidates, for ranking trade-offs
SMOOTHING = 0.01  # of the improvement's kink, in standard deviations of the observed values
OPTIMISM = 2.0  # deviations above the mean
PASSED_OVER = 1e-6  # of its worth, kept by what is too much like one on the plate: it fills the last wells
SURFACE = 256  # points that stand for the whole surface


class Source(Protocol):
    """What candidates are judged by."""

    @property
    def name(self) -> str:
        """Of the acquisition function; "" for an initial design."""
        ...

    @property
    def meaning(self) -> str:
        """What the gains are, for the record."""
        ...

    @property
    def is_random(self) -> bool:
        """Whether nothing is to be sought: frames and wells are drawn."""
        ...

    @property
    def same(self) -> float:
        """Up to which share of their scale continuous numbers are one setting to it."""
        ...

    def allows(self, x: Floats) -> NDArray[np.bool_]:
        """Which candidates may be chosen at all: ``(n, d)`` to ``(n,)``."""
        ...

    def rank(self, x: Tensor) -> Tensor:
        """How promising each candidate is by itself: ``(n, d)`` to ``(n,)``."""
        ...

    def worth(self, x: Tensor) -> tuple[Worth, Worth]:
        """The worth of sets of the candidates ``x``, shape ``(n, d)``: quickly for comparing frames, and in full."""
        ...


@dataclass(frozen=True)
class Lottery:
    """Wells at random: the control arm, and baselines."""

    seed: int
    name: str = "random"
    meaning: str = "chosen at random"
    is_random: bool = True
    same: float = SAME
    pays: Pays = pays_all

    def allows(self, x: Floats) -> NDArray[np.bool_]:
        return self.pays(x)

    def rank(self, x: Tensor) -> Tensor:
        rows = zlib.crc32(np.ascontiguousarray(x.numpy()).tobytes())  # other chunks of a pool have other lots
        rng = np.random.default_rng([self.seed, len(x), rows])
        return torch.from_numpy(rng.random(len(x)))

    def worth(self, x: Tensor) -> tuple[Worth, Worth]:
        drawn = _Drawn(np.random.default_rng([self.seed, len(x), 1]).random(len(x)))
        return drawn, drawn


@dataclass(frozen=True)
class _Drawn:
    numbers: Floats

    def among(self, columns: NDArray[np.int64]) -> _Drawn:
        return _Drawn(self.numbers[columns])

    def start(self) -> Progress:
        return self

    def gains(self) -> Floats:
        return self.numbers

    def take(self, i: int) -> None:
        """Draws do not depend on one another."""


@dataclass(frozen=True)
class Design:
    """An initial design that spreads over the space: each well the one that a prior process knows least about.

    ``wells`` is how many it has, by which the process looks as close as a spread of so many does in the end.
    """

    space: Space
    tried: NDArray[np.float64]
    seed: int
    wells: int
    meaning: str = "spread"
    name: str = ""
    is_random: bool = False
    same: float = SAME
    pays: Pays = pays_all

    def allows(self, x: Floats) -> NDArray[np.bool_]:
        return self.pays(x)

    def rank(self, x: Tensor) -> Tensor:
        return Lottery(self.seed).rank(x)

    def worth(self, x: Tensor) -> tuple[Worth, Worth]:
        scale = closeness(self.space, x.numpy(), self.tried, self.wells)
        covariance = spread_covariance(self.space, x, self.tried, scale=scale).numpy()
        spread = Teaching(covariance, np.empty((len(x), 0)), SPREAD_NOISE, np.ones(len(x)))
        return spread, spread


@dataclass(frozen=True)
class Near:
    """An initial design as points that wells are to lie near, as near as shared values allow.

    A set is worth what it takes off the distances from the points to the nearest well, so that each point has its own.
    ``targets`` are those of a Sobol sequence or a Latin hypercube, or a sample of the space whose middles are sought
    (medoids: Kaufman and Rousseeuw, Finding Groups in Data, 1990, chapter 2): shape ``(t, d)``.
    """

    space: Space
    targets: NDArray[np.float64]
    tried: NDArray[np.float64]
    seed: int
    meaning: str
    name: str = ""
    is_random: bool = False
    same: float = SAME
    pays: Pays = pays_all

    def allows(self, x: Floats) -> NDArray[np.bool_]:
        return self.pays(x)

    def rank(self, x: Tensor) -> Tensor:
        if self.meaning == "medoid":
            return Lottery(self.seed).rank(x)
        return -self._apart(x).min(dim=0).values

    def worth(self, x: Tensor) -> tuple[Worth, Worth]:
        apart = self._apart(x).numpy()
        if len(self.tried):
            far = self._apart(torch.from_numpy(self.tried)).min(dim=1).values.numpy()
        else:
            far = np.full(len(self.targets), apart.max(initial=0.0) + 1.0)
        near = Cover(-apart, -far, np.ones(len(x)))
        return near, near

    def _apart(self, x: Tensor) -> Tensor:
        """Distances from the targets to ``x``, ``(n, d)``: ``(t, n)``."""
        squared = metric(self.space, Representation.COUNTS).squared(torch.from_numpy(self.targets), x)
        distance: Tensor = squared.clamp_min(0.0).sqrt()
        return distance


@dataclass(frozen=True)
class Asked:
    """A question to fitted models, judged by the acquisition function of that name."""

    question: Question
    name: str  # improvement, pareto, ucb, thompson, exploration, hits, search or top
    is_random: bool = False

    @property
    def meaning(self) -> str:
        unit = in_words(self.question)
        return {
            "improvement": f"expected improvement, {unit}",
            "pareto": MEANING,
            "ucb": f"optimistic value above the rest of the plate, {unit}",
            "thompson": "mean gain over the draws of the response",
            "exploration": "share of the variance of the surface that it removes",
            "hits": HIT + self.question.per,
            "top": HIGH + self.question.per,
            "search": f"expected hits of {self.question.wanted[0][0].name} at its best, now and a little later",
        }[self.name]

    @property
    def same(self) -> float:
        return REACH / 2 if self.name in ("hits", "search", "top") else SAME

    def allows(self, x: Floats) -> NDArray[np.bool_]:
        """What the budget still pays for."""
        return np.asarray(self.question.affordable(x), dtype=bool)

    def rank(self, x: Tensor) -> Tensor:
        question = self.question
        if self.name in ("hits", "top"):
            return self._each(x) * self._untried(x)
        chance = self._weight(x)
        if self.name == "improvement":
            return improvement_score(question)(x) * chance
        if self.name == "search":
            target, model = question.wanted[0]
            return chance_of(model, x, _top(target)) * chance * self._untried(x)
        if self.name == "exploration":
            parts = [m.moments(x)[1] / max(m.noise_sd, 1e-300) for m in question.models]
            return torch.stack(parts).mean(0) * chance
        if self.name == "pareto":
            return self._single_growth(x) * chance
        total = torch.zeros(len(x), dtype=x.dtype)
        for target, model in question.wanted:
            mean, sd = model.moments(x)
            known = target.worth(model.moments(question.observed)[0])
            hope = target.worth(hoped_of(target, mean, sd, deviations=OPTIMISM))
            total += (hope - known.mean()) / differences(known, model)
        return torch.nn.functional.softplus(total) * chance

    def _untried(self, x: Tensor) -> Tensor | float:
        """What is left of the worth of candidates beside what was tried or runs near them."""
        near = Nearby.of(self.question, x)
        return 1.0 if near is None else near.untried

    def worth(self, x: Tensor) -> tuple[Worth, Worth]:
        if self.name == "exploration":
            return self._teaching(x)
        if self.name == "search":
            return self._hits(x)
        if self.name in ("hits", "top"):
            values = self._each(x).numpy()
            if (near := Nearby.of(self.question, x)) is None:
                return Sum(values), Sum(values, self._too_similar(x))
            apart = Sum(values * near.untried.numpy(), lambda i: near.beside(i).numpy())
            return apart, apart
        question = self.question
        weight = self._weight(x).numpy()
        baseline = question.keeping
        if self.name in ("ucb", "thompson"):
            baseline = baseline[:0]  # an optimistic value, or the best of a draw, is compared with the batch only
        draws = self._draws(torch.cat([x, baseline, question.pending]))
        if self.name == "pareto":
            draws = growth(question, draws)
        elif draws.shape[-1] == 1:
            draws = draws[..., 0]
        else:  # targets weighted at random in each draw
            generator = torch.Generator().manual_seed(question.seed)
            weights = torch.rand(len(draws), draws.shape[-1], generator=generator, dtype=draws.dtype)
            scaled = (draws - draws.mean((0, 1))) / draws.std((0, 1), correction=0).clamp_min(least(draws))
            draws = (scaled * (weights / weights.sum(1, keepdim=True))[:, None, :]).sum(-1)
        if self.name == "ucb":
            mean = draws.mean(0)
            draws = mean + OPTIMISM * math.sqrt(math.pi / 2) * (draws - mean).abs()
        before = draws[:, len(x) :]
        floor = draws.min() if not before.shape[1] else before.max(dim=1).values
        best = torch.zeros(len(draws), dtype=draws.dtype) + floor
        spread = float(draws.std())
        if self.name == "improvement":
            observed = utility(question.objective, believed(question, question.observed))
            spread = float(observed.std(correction=0))
        cover = Cover(draws[:, : len(x)].numpy(), best.numpy(), weight, max(SMOOTHING * spread, least(draws)))
        return cover.coarser(COARSE), cover

    def _weight(self, x: Tensor) -> Tensor:
        """What the worth of a candidate by itself is multiplied by: its chance, over its price: ``(n,)``."""
        question = self.question
        if self.name in ("improvement", "pareto"):
            return question.weight_if_better(x)
        return hit_weight(question)(x) if self.name == "search" else question.weight(x)

    def _each(self, x: Tensor) -> Tensor:
        """What each candidate is worth by itself, where a plate is worth what its wells are: ``(n,)``."""
        if self.name == "hits":
            return hoped_hits(self.question)(x)
        return high_score(self.question)(x) * self._weight(x)

    def stated(self, x: Tensor) -> Tensor | None:
        """What is told of each well, whatever else is on the plate: ``(n,)``; None where its gain is told."""
        if self.name == "hits":
            return stated_chance(self.question)(x)
        return self._each(x) if self.name == "top" else None

    def _too_similar(self, x: Tensor) -> Beside | None:
        """What molecules keep of their worth beside one on the plate; None where all keep all."""
        limit = self.question.most_similar
        similarity = similarities(self.question.space, x.numpy()) if limit < 1.0 and len(x) > 1 else None
        return None if similarity is None else lambda i: np.where(similarity(i) > limit, PASSED_OVER, 1.0)

    def _draws(self, x: Tensor) -> Tensor:
        """Joint draws at ``x`` of the utility, ``(samples, n, 1)``, or of each wanted target: ``(samples, n, w)``."""
        question = self.question
        drawn = [
            model.samples(x, SAMPLES, seed=question.seed + 101 * i) for i, (_, model) in enumerate(question.wanted)
        ]
        values = torch.stack(drawn, dim=-1)
        if question.objective.is_scalar:
            return utility(question.objective, values)[..., None]
        return worths(question, values)

    def _single_growth(self, x: Tensor) -> Tensor:
        """The expected hypervolume that each candidate adds by itself, targets drawn independently: ``(n,)``."""
        question = self.question
        generator = torch.Generator().manual_seed(question.seed)
        points = torch.cat([x, question.observed, question.pending])
        parts = []
        for _, model in question.wanted:
            mean, sd = model.moments(points)
            z = torch.randn(SINGLE, 1, generator=generator, dtype=x.dtype)
            z = torch.cat([z.expand(SINGLE, len(x)), torch.zeros(SINGLE, len(points) - len(x), dtype=x.dtype)], 1)
            parts.append(mean + sd * z)
        heights = growth(question, worths(question, torch.stack(parts, dim=-1)))
        before = heights[:, len(x) :].max(dim=1).values
        width = 0.1 * (float(heights[:, len(x) :].std()) or 1.0)  # of what is known, whatever is looked at with it
        gain: Tensor = width * torch.nn.functional.softplus((heights[:, : len(x)] - before[:, None]) / width).mean(0)
        return gain

    def _hits(self, x: Tensor) -> tuple[Worth, Worth]:
        question = self.question
        target, model = question.wanted[0]
        everything = torch.cat([x, question.pending])
        members = members_of(model)
        parts = []
        for i, ((_, member), n) in enumerate(zip(members, apportion([w for w, _ in members], SAMPLES), strict=True)):
            assert isinstance(member, KnowsLevels)
            parts.append(hits_in_draws(member, everything, n, _top(target), seed=question.seed + i))
        hits = torch.cat(parts).numpy()
        log_weights = np.log(np.maximum(1.0 - hits[:, len(x) :], SURELY)).sum(axis=1)  # what runs, as if it missed
        chances = hits[:, : len(x)] * self._weight(x).numpy()
        if (near := Nearby.of(question, x)) is None:
            found = Hits(chances, log_weights, horizon(question), np.ones(len(x)))
        else:
            found = Hits(
                chances, log_weights, horizon(question), near.untried.numpy(), lambda i: near.beside(i).numpy()
            )
        return replace(found, ahead=0), found

    def _teaching(self, x: Tensor) -> tuple[Worth, Worth]:
        question = self.question
        rng = np.random.default_rng(question.seed)
        stands = x[torch.from_numpy(rng.permutation(len(x))[:SURFACE])]
        weight = question.weight(x).numpy()
        kinds = []
        for i, model in enumerate(question.models):
            drawn = model.samples(torch.cat([x, stands]), 4 * SAMPLES, seed=question.seed + 101 * i)
            covariance = torch.cov(drawn.T).numpy()
            scale = max(float(covariance[len(x) :, len(x) :].diagonal().sum()), 1e-300)
            noise = max(model.noise_sd**2, 1e-300)
            kinds.append((covariance / scale, noise / scale))
        covariance = np.mean([c for c, _ in kinds], axis=0)
        n = len(x)
        taught = Teaching(covariance[:n, :n], covariance[:n, n:], float(np.mean([s for _, s in kinds])), weight)
        return taught, taught


def _top(target: Target) -> int:
    """The number of the level that is wanted."""
    return -1 if target.sign > 0 else 0
