"""Boundary: the batch after which least is in doubt of where thresholds are kept, all over the space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch import Tensor

from loop.acquisition.pool import SURFACE_SAMPLES, Exploration
from loop.acquisition.protocol import Choice, Chosen, Question
from loop.acquisition.streaming import SHORTLIST, candidates, random_untried, shortlist
from loop.objective import Target
from loop.surrogates.protocol import FittedSurrogate, chance_between

LOOKED_AT: Final = 4_096  # points that stand for the whole space
IN_DOUBT: Final = 512  # of these, the ones that are most in doubt, to which nearly all of the doubt belongs
NEGLIGIBLE: Final = 1e-9  # share of the doubt, below which a choice settles nothing
LEAST: Final = 1e-3  # doubt of the whole surface, below which there is none
NODES: Final = 16  # of a normal distribution, over which what a result may be is averaged
SETTLED: Final = "share of the doubt about thresholds that it settles"  # what the value of a choice is


@dataclass(frozen=True)
class Boundary:
    """The batch that settles most of the doubt about where a candidate keeps every threshold and runs as intended.

    Of a chance ``p`` to keep them the doubt is ``p (1 - p)``, and what counts is its mean over the space, as it is
    expected to be after the batch. Source: Bect, Ginsbourger, Li, Picheny and Vazquez, Statistics and Computing 22
    (2012) 773, whose criterion is of one threshold; here of several targets, taken as independent.
    """

    name: str = "boundary"

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` points; values are the share of the doubt that each settles beyond those before, 0 to 1."""
        rng = np.random.default_rng(question.seed)

        def weight(x: Tensor) -> Tensor:
            return question.feasibility.chance(x) / question.price(x)

        doubtful = shortlist(
            question, lambda x: _doubt(question.chance(x, skimmed=True)), SHORTLIST // 2, weight=weight
        )
        surface = random_untried(question, LOOKED_AT, rng)
        options = torch.unique(torch.cat([doubtful, surface[: SHORTLIST // 2]]), dim=0)
        if not len(options):
            return Choice(())
        most = torch.argsort(_doubt(question.chance(surface)), descending=True, stable=True)[:IN_DOUBT]
        scene = _Scene.of(question, options, surface[most])
        runs = question.feasibility.chance(options)
        points: list[Chosen] = []
        picked: list[int] = []
        for _ in range(min(q, len(options))):
            share = scene.settled() * runs
            gain = share / question.price(options, [p.x for p in points])
            gain[share <= NEGLIGIBLE] = -torch.inf
            gain[picked] = -torch.inf
            choice = int(gain.argmax())
            if float(gain[choice]) == -torch.inf:
                break
            picked.append(choice)
            points.append(Chosen(options[choice].numpy(), float(gain[choice]), SETTLED + question.per))
            scene = scene.measured(choice)
        if len(points) == min(q, len(options)):
            return Choice(tuple(points), candidates(question)[2])
        return _filled(question, points, q)


def _filled(question: Question, points: Sequence[Chosen], q: int) -> Choice:
    """A batch that begins with ``points``, which leave nothing in doubt, and goes on with what teaches most."""
    chosen = np.array([p.x for p in points]).reshape(-1, question.pending.shape[1])
    after = replace(
        question,
        pending=torch.cat([question.pending, torch.from_numpy(chosen)]),
        tried=np.vstack([question.tried, chosen]),
    )
    explore = Exploration()
    rest = explore.choose(after, q - len(points))
    others = (replace(p, by=explore.name) for p in rest.points)
    none = "nowhere is it in doubt whether thresholds are kept: the batch"
    settled = f"{len(points)} of the batch settle what is in doubt of thresholds: the rest" if points else none
    return Choice((*points, *others), (*rest.notes, f"{settled} is chosen for what it teaches of the surface"))


def _telling(question: Question) -> list[tuple[Target, FittedSurrogate]]:
    """The targets whose thresholds an experiment tells of: numbers."""
    pairs = zip(question.objective.targets, question.models, strict=True)
    return [(t, m) for t, m in pairs if t.has_bounds and t.levels is None]


@dataclass(frozen=True)
class _Value:
    """What is believed of one target at options and, behind them, at a surface.

    Attributes:
        low, high: Its thresholds.
        mean: Shape ``(p,)``.
        before: Variance before the batch, shape ``(p,)``.
        covariance: What is left of it, shape ``(p, p)``.
        noise: Variance of a measurement, shape ``(p,)``.
    """

    low: float
    high: float
    mean: Tensor
    before: Tensor
    covariance: Tensor
    noise: Tensor

    def measured(self, k: int) -> _Value:
        column = self.covariance[:, k]
        left = self.covariance - torch.outer(column, column) / (column[k] + self.noise[k])
        return _Value(self.low, self.high, self.mean, self.before, left, self.noise)

    def squares(self, n: int) -> tuple[Tensor, Tensor]:
        """The expected square of the chance that it is within its thresholds at the surface.

        As things stand, ``(s,)``, and once one of the first ``n`` was measured too, ``(n, s)``.
        """
        left = self.covariance.diagonal()
        shared = self.covariance[:n, n:].square() / (left[:n] + self.noise[:n])[:, None]
        return self._square(left[n:], n), self._square(left[n:] - shared, n)

    def _square(self, left: Tensor, n: int) -> Tensor:
        """The same where variance ``left``, ``(*b, s)``, remains."""
        at, shares = np.polynomial.hermite_e.hermegauss(NODES)
        mean, before = self.mean[n:], self.before[n:]
        left = torch.minimum(left.clamp_min(1e-12), before)
        moved, sd = (before - left).sqrt(), left.sqrt()
        total = torch.zeros_like(left)
        for z, share in zip(at.tolist(), (shares / shares.sum()).tolist(), strict=True):
            to = mean + z * moved
            within = torch.special.ndtr((self.high - to) / sd) - torch.special.ndtr((self.low - to) / sd)
            total = total + share * within.square()
        return total


@dataclass(frozen=True)
class _Scene:
    """What is believed of every target that tells, over ``n`` options and a surface.

    Attributes:
        fixed: The chance of all that no measurement of a number tells, at the surface, ``(s,)``.
        doubt: Of the whole surface, before the batch.
    """

    values: tuple[_Value, ...]
    n: int
    fixed: Tensor
    doubt: float

    @staticmethod
    def of(question: Question, options: Tensor, surface: Tensor) -> _Scene:
        everything = torch.cat([options, surface, question.pending])
        shown = len(options) + len(surface)
        values = []
        for i, (target, model) in enumerate(_telling(question)):
            draws = model.samples(everything, SURFACE_SAMPLES, seed=question.seed + 101 * i)
            covariance = torch.cov(draws.T)
            noise = model.noise_at(everything).square().clamp_min(1e-12)
            one = _Value(*target.bounds, draws.mean(0), covariance.diagonal().clone(), covariance, noise)
            for k in range(shown, len(everything)):  # what is running will be known
                one = one.measured(k)
            one = _Value(
                one.low, one.high, one.mean[:shown], one.before[:shown], one.covariance[:shown, :shown], noise[:shown]
            )
            values.append(one)
        fixed = question.feasibility.chance(surface)
        for target, model in zip(question.objective.targets, question.models, strict=True):
            if target.has_bounds and target.levels is not None:
                fixed = fixed * chance_between(model, *target.bounds, surface)
        return _Scene(tuple(values), len(options), fixed, float(_doubt(question.chance(surface)).sum()))

    def settled(self) -> Tensor:
        """The share of the doubt that measuring each of the options settles: ``(n,)``."""
        now, then = torch.ones_like(self.fixed), torch.ones((self.n, len(self.fixed)), dtype=self.fixed.dtype)
        for value in self.values:
            before, after = value.squares(self.n)
            now, then = now * before, then * after
        return (self.fixed.square() * (then - now)).sum(-1) / max(self.doubt, LEAST)

    def measured(self, k: int) -> _Scene:
        return _Scene(tuple(v.measured(k) for v in self.values), self.n, self.fixed, self.doubt)


def _doubt(chance: Tensor) -> Tensor:
    return chance * (1.0 - chance)
