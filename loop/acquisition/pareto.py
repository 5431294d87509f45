"""Several targets: the batch that is expected to grow the dominated hypervolume most.

Over a finite pool the improvement of two or three targets is exact for each of many joint draws, and each choice
conditions the next; in continuous spaces, and for four targets, it is BoTorch's qLogNEHVI.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from botorch.acquisition.multi_objective import logei
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.objective import (
    GenericMCMultiOutputObjective,
    MCMultiOutputObjective,
    WeightedMCMultiOutputObjective,
)
from botorch.models.model import Model
from botorch.sampling.get_sampler import get_sampler
from botorch.utils.multi_objective.pareto import is_non_dominated
from torch import Tensor

from loop.acquisition.dominance import unbeaten
from loop.acquisition.hypervolume import Front
from loop.acquisition.protocol import Choice, Chosen, Question
from loop.acquisition.streaming import candidates, untried
from loop.acquisition.utility import EQUAL, believed, joint_model, target_draws
from loop.objective import Objective
from loop.space.sifting import firsts, sifted
from loop.units import unit_of_logarithm

# BoTorch would compile a C++ kernel at its first use. A process killed meanwhile leaves a lock on which every later one
# waits for ever, and the last digits would depend on whether a machine has a compiler.
logei._load_attempted = True

SAMPLES = 128  # joint draws over a pool
CLIMB_SAMPLES = 64  # of BoTorch's function
KEEP = 200  # candidates on the shortlist
DIRECTIONS = 16  # trade-offs that the shortlist covers
OF_FRONTS = 2_048  # draws of what was observed, in each of which some are on the front
WHOLE = 200  # results up to which all are looked at for a front over numbers
SURELY = 3.0  # standard deviations
REACH = 0.25  # of what was observed of a target, from the best on, counts at least (docs/decisions/0106)


@dataclass(frozen=True)
class Pareto:
    """Noisy expected hypervolume improvement on a shortlist that covers many trade-offs."""

    name: str = "pareto"

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` points; values are expected hypervolume improvements, each at its turn."""
        short = trade_offs(question, KEEP, least=2 * q)
        if not len(short):
            return Choice(())
        chance = question.chance_if_better(short)
        few = len(question.wanted) <= 3
        picked, gains = _exact(question, short, chance, q) if few else _by_boxes(question, short, chance, q)
        meaning = f"expected hypervolume improvement{question.per}"
        points = tuple(Chosen(short[i].numpy(), gain, meaning) for i, gain in zip(picked, gains, strict=True))
        return Choice(points, (*candidates(question)[2], reference_note(question)))


def _exact(question: Question, short: Tensor, chance: Tensor, q: int) -> tuple[list[int], list[float]]:
    """Two or three targets: which of ``short``, in order, and the expected improvement of each at its turn."""
    reference = reference_point(question)
    x = torch.cat([short, question.keeping, question.pending])
    draws = worths(question, target_draws(question, x, SAMPLES))
    points, front = draws[:, : len(short)], draws[:, len(short) :]
    front = front[:, unbeaten(front).any(0)]
    near = ((points - reference) / spans(question)).min(-1).values  # of each draw, in the target that lacks most
    picked: list[int] = []
    gains: list[float] = []
    for _ in range(min(q, len(short))):
        price = question.price(short, [short[i].numpy() for i in picked])
        gain = Front.of(front, reference).improvements(points).mean(0) * chance / price
        value = gain.clone() if bool((gain > 0).any()) else _nearer(near, picked)
        value[picked] = -torch.inf
        picked.append(int(value.argmax()))
        gains.append(float(gain[picked[-1]]))
        front = torch.cat([front, points[:, picked[-1], None]], dim=1)
    return picked, gains


def _nearer(near: Tensor, picked: Sequence[int]) -> Tensor:
    """Where no draw beats the reference: how much nearer each column is expected to come than those picked."""
    if picked:
        nearer = (near - near[:, picked].max(1, keepdim=True).values).relu().mean(0)
        if bool((nearer > 0).any()):
            return nearer
    return near.mean(0)


def _by_boxes(question: Question, short: Tensor, chance: Tensor, q: int) -> tuple[list[int], list[float]]:
    """Four targets or more: the same by BoTorch's function."""
    function = hypervolume_improvement(question)
    size = spans(question).log().sum()
    picked: list[int] = []
    gains: list[float] = []
    with torch.no_grad():
        for _ in range(min(q, len(short))):
            waiting = torch.cat([question.pending, short[picked]])
            function.set_X_pending(waiting if len(waiting) else None)
            price = question.price(short, [short[i].numpy() for i in picked])
            value = function(short[:, None, :]) + size + (chance / price).log()
            value[picked] = -torch.inf
            picked.append(int(value.argmax()))
            gains.append(float(value[picked[-1]].exp()))
    return picked, gains


def hypervolume_improvement(question: Question) -> qLogNoisyExpectedHypervolumeImprovement:
    """BoTorch's acquisition function for the question, larger is better for every target, scaled by ``spans``.

    It rounds improvements over a millionth, in whatever unit.
    """
    model, sampler = joint_model(question, CLIMB_SAMPLES)
    scale = spans(question)
    signs = torch.tensor([t.sign for t, _ in question.wanted], dtype=torch.float64)
    objective: MCMultiOutputObjective = WeightedMCMultiOutputObjective(signs / scale)
    if not signs.all():
        objective = GenericMCMultiOutputObjective(lambda values, X: worths(question, values) / scale)  # noqa: ARG005
    baseline = may_be_on_the_front(question)
    if not len(baseline):  # then all that keeps the thresholds is an improvement on the worst
        worst = worths(question, believed(question, question.observed)).sum(1).argmin()
        baseline = question.observed[worst][None]
    reference = reference_point(question) / scale
    if len(baseline) > 2:
        baseline = _on_a_front(model, objective, baseline, reference)
    return qLogNoisyExpectedHypervolumeImprovement(
        model=model,
        ref_point=reference,
        X_baseline=baseline,
        X_pending=question.pending if len(question.pending) else None,
        sampler=sampler,
        objective=objective,
        prune_baseline=False,
        cache_root=False,
    )


def _on_a_front(model: Model, objective: MCMultiOutputObjective, x: Tensor, reference: Tensor) -> Tensor:
    """Those of ``x``, ``(n, d)``, that are on the front and beyond the reference in a draw, as BoTorch prunes them."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):  # its samplers take their seeds from the global generator
        torch.manual_seed(0)
        posterior: Any = model.posterior(x)
        draws = objective(get_sampler(posterior, torch.Size([OF_FRONTS]))(posterior), X=x)
    beyond = (draws > reference).all(-1)
    return x[unbeaten(draws.masked_fill(~beyond[..., None], -torch.inf)).any(0)]


def may_be_on_the_front(question: Question) -> Tensor:
    """What was observed and keeps the thresholds; of hundreds without what another surely beats: ``(k, d)``."""
    keeping = question.keeping
    if len(keeping) <= WHOLE:
        return keeping
    return keeping[~surely_beaten(question.objective, question.skimmed(keeping))]


def surely_beaten(objective: Objective, beliefs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Which of some points another one beats in each target, by three standard deviations of both: ``(n,)``.

    ``beliefs`` holds the mean and standard deviation of each wanted target, ``(n,)``.
    """
    worth = torch.stack([t.worth(mean) for t, (mean, _) in zip(objective.wanted, beliefs, strict=True)], dim=1)
    away = SURELY * torch.stack([sd for _, sd in beliefs], dim=1)
    high, low = worth + away, worth - away
    sure = low[is_non_dominated(low)]
    return ((sure >= high[:, None]).all(-1) & (sure > high[:, None]).any(-1)).any(1)


def reference_point(question: Question) -> Tensor:
    """What a point must beat to count, as worth of the wanted targets, shape ``(w,)``.

    The thresholds where there are some, else the worst believed worth on the Pareto front of what was observed, less
    a tenth of the front's range in that target, and no less than a quarter of the range of everything observed from the
    best: where all of a front is cheap, what is a little dearer may count too. Where some of what was observed breaks a
    threshold, the first that keep it may all lie in one corner; a front's range then says little, so it is the worst of
    everything observed, less a tenth of its range.
    """
    values = front = worths(question, believed(question, question.observed))
    if len(question.keeping) == len(values):
        means = torch.stack([mean for mean, _ in question.of_observed], dim=1)
        rows = [dict(zip(question.objective.names, row, strict=True)) for row in means.tolist()]
        front = values[list(question.objective.best(rows))]
    low, high = front.min(0).values, front.max(0).values
    best = values.max(0).values
    spread = best - values.min(0).values
    span = torch.where(high > low, high - low, spread)
    floor = EQUAL * spans(question)  # where all of a front is alike, it lies above the reference all the same
    inferred = torch.minimum(low - 0.1 * torch.maximum(span, floor), best - REACH * spread)
    for i, (target, _) in enumerate(question.wanted):
        if target.sign:
            bound = target.at_least if target.sign > 0 else target.at_most
            if bound is not None:
                inferred[i] = target.sign * bound
        elif target.within is not None:
            inferred[i] = -target.within
    return inferred


def reference_note(question: Question) -> str:
    """From where hypervolume is counted, as a note of the round."""
    return f"hypervolume is counted from {_shown(reference_point(question), question)}"


def worths(question: Question, values: Tensor) -> Tensor:
    """What is to be maximised, from values of the wanted targets: ``(*b, w)`` to the same shape."""
    return torch.stack([t.worth(values[..., i]) for i, (t, _) in enumerate(question.wanted)], dim=-1)


def trade_offs(question: Question, keep: int, *, least: int = 0) -> Tensor:
    """Untried candidates that look best for one of several weightings of the targets: ``(k, d)``.

    Each weighting is an augmented Chebyshev sum of optimistic values (mean plus a deviation). Where few candidates are
    the best for many weightings, more of each are taken until there are ``least``.
    """
    rng = np.random.default_rng(question.seed)
    weights = torch.from_numpy(rng.dirichlet(np.ones(len(question.wanted)), DIRECTIONS)).clamp_min(0.02)
    reference = reference_point(question)
    span = spans(question)
    each = max(keep // DIRECTIONS, 4)
    depth = max(each, least)
    best_x = torch.empty((DIRECTIONS, 0, len(question.space.parameters)), dtype=torch.float64)
    best = torch.empty((DIRECTIONS, 0), dtype=torch.float64)
    for x in untried(question):
        if not len(x):
            continue
        parts = question.skimmed(x)
        mean, sd = torch.stack([p[0] for p in parts], 1), torch.stack([p[1] for p in parts], 1)
        gain = (worths(question, mean) + sd - reference) / span
        worst = (gain[None] / weights[:, None, :]).min(dim=2).values  # (directions, n)
        score = torch.nn.functional.softplus(worst + 0.05 * gain.sum(1)) * question.weight_if_better(x, skimmed=True)
        if question.is_sifted:
            score = torch.from_numpy(sifted(score.numpy(), depth, x.numpy(), question.admits))
            left = torch.isfinite(score).any(dim=0)
            x, score = x[left], score[:, left]
        best_x = torch.cat([best_x, x.expand(DIRECTIONS, *x.shape)], dim=1)
        best = torch.cat([best, score], dim=1)
        top = torch.argsort(best, dim=1, descending=True, stable=True)[:, :depth]
        best = best.gather(1, top)
        best_x = best_x.gather(1, top[:, :, None].expand(-1, -1, best_x.shape[2]))
    while True:
        distinct: Tensor = torch.unique(best_x[:, :each].flatten(0, 1), dim=0)
        if len(distinct) >= least or each >= best_x.shape[1]:
            return distinct[torch.from_numpy(firsts(question.space, distinct.numpy(), question.twins))]
        each *= 2


def spans(question: Question) -> Tensor:
    """Over how much the worth of each wanted target was observed to vary, shape ``(w,)``.

    Where it did not, but for rounding, the deviation of a measurement.
    """
    seen = worths(question, believed(question, question.observed))
    span = seen.max(0).values - seen.min(0).values
    noise = torch.tensor([model.noise_sd for _, model in question.wanted], dtype=span.dtype)
    found = torch.where(span > EQUAL * noise, span, noise)
    return torch.where(found > 0.0, found, torch.ones_like(found))  # exact values that are all alike


def _shown(reference: Tensor, question: Question) -> str:
    parts = []
    for (t, _), value in zip(question.wanted, reference.tolist(), strict=True):
        if (unit := unit_of_logarithm(t.unit)) is not None:
            off = f" within a factor of {10.0**-value:.3g}" if t.value is not None else ""
            shown = f"{10.0 ** (t.sign * value if t.value is None else t.value):.4g}"
            parts.append(f"{t.name} {shown} {unit}".rstrip() + off)
            continue
        shown = f"{t.sign * value:.4g}" if t.sign else f"{t.value:g} ± {-value:.3g}"
        parts.append(f"{t.name} {shown} {t.unit}".rstrip())
    return ", ".join(parts)
