"""Several targets: the batch that is expected to grow the dominated hypervolume most (BoTorch's qLogNEHVI)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.objective import WeightedMCMultiOutputObjective
from botorch.models import ModelList
from botorch.sampling.list_sampler import ListSampler
from botorch.sampling.normal import SobolQMCNormalSampler
from torch import Tensor

from loop.acquisition.protocol import Choice, Chosen, Question
from loop.acquisition.streaming import candidates, shortlist

SAMPLES = 64
KEEP = 160  # candidates on the shortlist: hypervolumes are dear
DIRECTIONS = 16  # trade-offs that the shortlist covers


@dataclass(frozen=True)
class Pareto:
    """Log noisy expected hypervolume improvement on a shortlist that covers many trade-offs."""

    name: str = "pareto"

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` points; values are log expected hypervolume improvements of the batch so far."""
        short = trade_offs(question, KEEP)
        if not len(short):
            return Choice(())
        function = hypervolume_improvement(question)
        log_chance = question.chance(short).log()
        meaning = f"log expected hypervolume improvement, reference {_shown(reference_point(question), question)}"
        picked: list[int] = []
        points: list[Chosen] = []
        with torch.no_grad():
            for _ in range(min(q, len(short))):
                waiting = torch.cat([question.pending, short[picked]])
                function.set_X_pending(waiting if len(waiting) else None)
                value = function(short[:, None, :]) + log_chance
                value[picked] = -torch.inf
                picked.append(int(value.argmax()))
                points.append(Chosen(short[picked[-1]].numpy(), float(value[picked[-1]]), meaning))
        return Choice(tuple(points), candidates(question)[2])


def hypervolume_improvement(question: Question) -> qLogNoisyExpectedHypervolumeImprovement:
    """BoTorch's acquisition function for the question, larger is better for every target."""
    models = ModelList(*[m.model() for m in question.models])
    samplers = [
        SobolQMCNormalSampler(torch.Size([SAMPLES]), seed=question.seed + i) for i in range(len(question.models))
    ]
    return qLogNoisyExpectedHypervolumeImprovement(
        model=models,
        ref_point=reference_point(question),
        X_baseline=question.observed,
        X_pending=question.pending if len(question.pending) else None,
        sampler=ListSampler(*samplers),
        objective=WeightedMCMultiOutputObjective(question.signs),
        prune_baseline=len(question.observed) > 2,
        cache_root=False,
    )


def reference_point(question: Question) -> Tensor:
    """What a point must beat to count, sign applied: the thresholds, else just below the worst of the front.

    The default is the worst observed mean on the Pareto front, less a tenth of the front's range in that target.
    """
    values = torch.stack([m.moments(question.observed)[0] for m in question.models], dim=1) * question.signs
    rows = [dict(zip(question.objective.names, row, strict=True)) for row in (values * question.signs).tolist()]
    front = values[list(question.objective.best(rows))]
    low, high = front.min(0).values, front.max(0).values
    span = torch.where(high > low, high - low, values.max(0).values - values.min(0).values)
    inferred = low - 0.1 * span.clamp_min(1e-9)
    for i, target in enumerate(question.objective.targets):
        bound = target.at_least if target.sign > 0 else target.at_most
        if bound is not None:
            inferred[i] = target.sign * bound
    return inferred


def trade_offs(question: Question, keep: int) -> Tensor:
    """Untried candidates that look best for one of several weightings of the targets: ``(k, d)``.

    Each weighting is an augmented Chebyshev sum of optimistic values (mean plus a deviation).
    """
    weights = np.random.default_rng(question.seed).dirichlet(np.ones(len(question.models)), DIRECTIONS)
    reference = reference_point(question)
    seen = torch.stack([m.moments(question.observed)[0] for m in question.models], dim=1) * question.signs
    span = seen.max(0).values - seen.min(0).values
    span = torch.where(span > 0, span, torch.ones_like(span))
    lists = []
    for weight in torch.from_numpy(weights):

        def score(x: Tensor, weight: Tensor = weight) -> Tensor:
            parts = [m.moments(x) for m in question.models]
            mean, sd = torch.stack([p[0] for p in parts], 1), torch.stack([p[1] for p in parts], 1)
            gain = (mean * question.signs + sd - reference) / span
            worst: Tensor = (gain / weight.clamp_min(0.02)).min(dim=1).values
            worth: Tensor = torch.nn.functional.softplus(worst + 0.05 * gain.sum(1))
            return worth

        lists.append(shortlist(question, score, max(keep // DIRECTIONS, 4)))
    distinct: Tensor = torch.unique(torch.cat(lists), dim=0)
    return distinct


def _shown(reference: Tensor, question: Question) -> str:
    parts = zip(question.objective.targets, (reference * question.signs).tolist(), strict=True)
    return ", ".join(f"{t.name} {v:.4g} {t.unit}".strip() for t, v in parts)
