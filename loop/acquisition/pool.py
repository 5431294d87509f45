"""Other ways to choose from a finite set: Thompson sampling, upper confidence bound, exploration, chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import torch
from torch import Tensor

from loop.acquisition.apart import best_apart
from loop.acquisition.protocol import Choice, Chosen, Question
from loop.acquisition.streaming import SHORTLIST, Score, candidates, random_untried, shortlist
from loop.acquisition.utility import EQUAL, believed, hoped_of, least, utility
from loop.surrogates.protocol import FittedSurrogate, skim

UCB_BETA = 4.0  # squared number of deviations: mean plus two
UCB_SAMPLES = 256
TOP_DEVIATIONS = 0.5  # of optimism; see docs/decisions/0016
HIGH: Final = "value with half a deviation, in standard deviations of the known"  # what the value of such a choice is
SURFACE_SAMPLES = 1_024  # draws from which covariances are estimated: 3 % error
SURFACE_POINTS = 256  # points that stand for the whole surface


@dataclass(frozen=True)
class Random:
    """At random, without a model."""

    name: str = "random"

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` different untried points; the value is the share of candidates chosen."""
        x = random_untried(question, q, np.random.default_rng(question.seed))
        return Choice(tuple(Chosen(row.numpy(), 0.0, "chosen at random") for row in x))


@dataclass(frozen=True)
class Thompson:
    """Each proposal is the best of one joint draw; several targets are weighted at random in each draw."""

    name: str = "thompson"

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` different points; values are the drawn ones (of the weighted sum for several targets)."""
        short = shortlist(question, _optimism(question), max(SHORTLIST, 2 * q))
        if not len(short):
            return Choice(())
        everything = torch.cat([short, question.pending])
        draws = [
            target.worth(model.samples(everything, 4 * q, seed=question.seed + 101 * i))
            for i, (target, model) in enumerate(question.wanted)
        ]
        generator = torch.Generator().manual_seed(question.seed)
        order = torch.randperm(len(draws[0]), generator=generator)
        likely = torch.cat([question.chance(short), torch.ones(len(question.pending), dtype=short.dtype)]) >= 0.5
        points: list[Chosen] = []
        picked: set[int] = set()
        spent: list[int] = []
        for k in order.tolist():
            weights = torch.rand(len(draws), generator=generator, dtype=short.dtype)
            total = sum(w * _standard(d)[k] for w, d in zip(weights / weights.sum(), draws, strict=True))
            assert isinstance(total, Tensor)
            ranked = torch.where(likely, total, total - 10.0).argsort(descending=True).tolist()
            if ranked[0] >= len(short) and len(order) - len(spent) > q - len(points):
                spent.append(k)  # what is best in this draw is running already: another draw decides
                continue
            choice = next((i for i in ranked if i < len(short) and i not in picked), None)
            if choice is None or len(points) == q:
                break
            spent.append(k)
            picked.add(choice)
            first = question.wanted[0][0].sign or 1.0
            value = float(draws[0][k, choice] * first) if len(draws) == 1 else float(total[choice])
            points.append(Chosen(short[choice].numpy(), value, "value in one draw of the response"))
        return Choice(tuple(points), candidates(question)[2])


@dataclass(frozen=True)
class UpperConfidenceBound:
    """The batch with the highest optimistic value, chosen jointly: mean plus two deviations for a single point.

    Source of the batch form: Wilson, Moriconi, Hutter and Deisenroth, NIPS workshop on Bayesian optimisation 2017.
    """

    name: str = "ucb"

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` points; values are optimistic values in the target's unit (larger is better)."""
        target, model = question.wanted[0]
        sign = target.sign
        short = shortlist(question, _optimism(question), max(SHORTLIST, 2 * q))
        if not len(short):
            return Choice(())
        everything = torch.cat([short, question.pending])
        draws = sign * model.samples(everything, UCB_SAMPLES, seed=question.seed)
        mean = sign * model.moments(everything)[0]
        bound = mean + math.sqrt(UCB_BETA * math.pi / 2) * (draws - mean).abs()
        lowest = bound.min()  # from which bounds are counted, whatever the unit
        waiting = bound[:, len(short) :] - lowest
        bound = (bound[:, : len(short)] - lowest) * question.chance(short)
        points: list[Chosen] = []
        # what is running is in the batch already
        best = waiting.max(dim=1).values if waiting.shape[1] else torch.zeros(len(bound), dtype=bound.dtype)
        picked: list[int] = []
        for _ in range(min(q, len(short))):
            value = torch.maximum(bound, best[:, None]).mean(0)
            value[picked] = -torch.inf
            choice = int(value.argmax())
            picked.append(choice)
            points.append(Chosen(short[choice].numpy(), float(value[choice] + lowest), "optimistic value of the batch"))
            best = torch.maximum(best, bound[:, choice])
        return Choice(tuple(points), candidates(question)[2])


@dataclass(frozen=True)
class Top:
    """The candidates with the highest values believed, with a little optimism: for many of the best, not one.

    Where a library's hundred best are wanted, what lies near the best is among them: so no choice looks at the others,
    but that no two molecules of a batch are nearly alike. Measured on docking scores: docs/decisions/0016 and 0020.
    """

    name: str = "top"

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` points; values are standardised, those of several targets added (larger is better).

        Of several targets with a trade-off, the values are those of its score.
        """
        score = high_score(question)
        kept = best_apart(question, score, partial(question.weight, skimmed=True), q)
        if not len(kept.x):
            return Choice(())
        short = kept.x
        values = (score(short) * question.weight(short)).tolist()
        meaning = HIGH + question.per
        points = tuple(
            Chosen(x.numpy(), value, meaning, also) for x, value, also in zip(short, values, kept.also, strict=True)
        )
        return Choice(points, (*candidates(question)[2], *kept.notes))


def high_score(question: Question) -> Score:
    """What the candidates of ``Top`` are ranked by, above 0, before their chance and price: ``(n, d)`` to ``(n,)``."""
    return _optimism(question, TOP_DEVIATIONS)


@dataclass(frozen=True)
class Exploration:
    """The batch that lowers the variance of the whole surface most, whether or not it holds the best.

    Source: integrated variance reduction (Cohn, Ghahramani and Jordan, JAIR 4 (1996) 129), here with the mixture's
    covariance, so that a committee's disagreement counts as something to be learnt.
    """

    name: str = "exploration"

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` points; values are the mean share of the surface's variance that each removes, 0 to 1."""
        rng = np.random.default_rng(question.seed)
        surface = random_untried(question, SURFACE_POINTS, rng)
        uncertain = shortlist(question, lambda x: _relative_sd(question, x), SHORTLIST // 2)
        options = torch.unique(torch.cat([uncertain, surface[: SHORTLIST // 2]]), dim=0)
        if not len(options):
            return Choice(())
        everything = torch.cat([options, surface, question.pending])
        n = len(options)
        gain = torch.zeros(n, dtype=options.dtype)
        states = [_Surface.of(m, everything, question.seed) for m in question.models]
        waiting = range(n + len(surface), len(everything))
        for k in waiting:  # what is running will be known
            states = [s.measured(k) for s in states]
        chance = question.chance(options)
        picked: list[int] = []
        points: list[Chosen] = []
        for _ in range(min(q, n)):
            price = question.price(options, [p.x for p in points])
            gain = torch.stack([s.reduction(n, n + len(surface)) for s in states]).mean(0) * chance / price
            gain[picked] = -torch.inf
            choice = int(gain.argmax())
            picked.append(choice)
            points.append(
                Chosen(options[choice].numpy(), float(gain[choice]), "share of the variance it removes" + question.per)
            )
            states = [s.measured(choice) for s in states]
        return Choice(tuple(points), candidates(question)[2])


@dataclass(frozen=True)
class _Surface:
    """Covariance of the response over a set of points, and the noise of a measurement (variance)."""

    covariance: Tensor  # (p, p)
    noise: float

    @staticmethod
    def of(model: FittedSurrogate, x: Tensor, seed: int) -> _Surface:
        return _Surface(torch.cov(model.samples(x, SURFACE_SAMPLES, seed=seed).T), max(model.noise_sd**2, 1e-300))

    def reduction(self, n: int, end: int) -> Tensor:
        """Share of the variance of points ``n`` to ``end`` that measuring each of the first ``n`` removes."""
        removed = self.covariance[:n, n:end].square().sum(1) / (self.covariance.diagonal()[:n] + self.noise)
        return removed / self.covariance.diagonal()[n:end].sum().clamp_min(1e-300)

    def measured(self, k: int) -> _Surface:
        column = self.covariance[:, k]
        return _Surface(self.covariance - torch.outer(column, column) / (column[k] + self.noise), self.noise)


def _optimism(question: Question, deviations: float = math.sqrt(UCB_BETA)) -> Score:
    """The mean and some deviations, standardised, summed over targets, made positive; of a trade-off, its score so.

    No value is hoped to match better than one that does (docs/decisions/0133).
    """
    if question.objective.is_scalar and len(question.wanted) > 1:
        return _hopeful_score(question, deviations)

    parts = []
    for (target, model), (mean, _) in zip(question.wanted, question.skimmed(question.observed), strict=True):
        known = target.worth(mean)
        parts.append((target, model, known.mean(), differences(known, model)))

    def score(x: Tensor) -> Tensor:
        total = torch.zeros(len(x), dtype=x.dtype)
        for target, model, centre, spread in parts:
            mean, sd = skim(model, x)
            total += (target.worth(hoped_of(target, mean, sd, deviations=deviations)) - centre) / spread
        return torch.nn.functional.softplus(total)

    return score


def _hopeful_score(question: Question, deviations: float) -> Score:
    """The score of a trade-off where each target lies some deviations on its good side, standardised, made positive."""
    known = utility(question.objective, believed(question, question.observed))
    spread = float(known.std(correction=0)) or 1.0

    def score(x: Tensor) -> Tensor:
        hoped = []
        for target, model in question.wanted:
            mean, sd = skim(model, x)
            if target.value is not None:  # no nearer to the value than at it
                gap = target.value - mean
                hoped.append(mean + gap.sign() * torch.minimum(gap.abs(), deviations * sd))
            else:
                hoped.append(mean + target.sign * deviations * sd)
        found = utility(question.objective, torch.stack(hoped, dim=1))
        return torch.nn.functional.softplus((found - known.mean()) / spread)

    return score


def differences(known: Tensor, model: FittedSurrogate) -> float:
    """The deviation of believed values ``(n,)``; where all are equal but for rounding, that of a measurement."""
    spread, noise = float(known.std(correction=0)), float(model.noise_sd)
    return spread if spread > EQUAL * noise else noise or 1.0


def _relative_sd(question: Question, x: Tensor) -> Tensor:
    """Standard deviation relative to the noise and averaged over targets: shape ``(n,)``."""
    parts = [m.moments(x)[1] / max(m.noise_sd, 1e-300) for m in question.models]
    return torch.stack(parts).mean(0)


def _standard(draws: Tensor) -> Tensor:
    """Draws with mean 0 and deviation 1 over all points, so that targets can be added: ``(samples, n)``."""
    return (draws - draws.mean()) / draws.std(correction=0).clamp_min(least(draws))
