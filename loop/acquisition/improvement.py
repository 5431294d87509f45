"""Joint expected improvement over a finite pool, from joint posterior samples.

Each sample of the response has its own best among what was observed and what is pending, so noise and running
experiments are taken into account; each choice conditions the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from botorch.utils.safe_math import logmeanexp
from torch import Tensor

from loop.acquisition.protocol import Choice, Chosen, Question
from loop.acquisition.streaming import candidates, expected_improvement_score, shortlist

SAMPLES = 256
SMOOTHING = 0.01  # of the improvement's kink, in standard deviations of the observed values


@dataclass(frozen=True)
class Improvement:
    """Greedy joint expected improvement; logarithms throughout, so that tiny improvements still rank."""

    name: str = "improvement"

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` points; values are expected improvements in the target's unit."""
        model, sign = question.models[0], question.signs[0]
        baseline = question.baseline
        best = float((sign * model.moments(baseline)[0]).max())
        short = shortlist(question, expected_improvement_score(question, 0, best))
        if not len(short):
            return Choice(())
        base = torch.cat([baseline, question.pending])
        draws = sign * model.samples(torch.cat([short, base]), SAMPLES, seed=question.seed)
        spread = float(model.moments(question.observed)[0].std(correction=0)) or float(draws.std())
        picked, logs = greedy_improvement(
            draws[:, : len(short)],
            draws[:, len(short) :].max(dim=1).values,
            question.chance(short).log(),
            q,
            tau=max(SMOOTHING * spread, 1e-12),
        )
        meaning = f"expected improvement, {question.objective.targets[0].unit or 'in the unit of the target'}"
        points = tuple(
            Chosen(short[i].numpy(), float(value.exp()), meaning) for i, value in zip(picked, logs, strict=True)
        )
        return Choice(points, candidates(question)[2])


def greedy_improvement(
    draws: Tensor, best: Tensor, log_chance: Tensor, q: int, *, tau: float
) -> tuple[list[int], list[Tensor]]:
    """Choose ``q`` columns one after the other, each the best given those before.

    Args:
        draws: Joint samples at the candidates, larger is better: shape ``(samples, n)``.
        best: Best value so far in each sample, shape ``(samples,)``.
        log_chance: Log chance that a candidate runs as intended, shape ``(n,)``.
        q: How many, at most ``n``.
        tau: Width over which ``max(0, z)`` is smoothed to ``tau log(1 + exp(z / tau))``, in the target's unit.

    Returns:
        Indices in the order of choosing, and the log of each one's expected improvement at its turn.

    Source: the smoothing is that of Ament et al., NeurIPS 2023 (LogEI).
    """
    picked: list[int] = []
    logs: list[Tensor] = []
    for _ in range(min(q, draws.shape[1])):
        z = (draws - best[:, None]) / tau
        # log softplus: log(log1p(exp(z))), which is z itself far below zero and log z far above
        log_gain = torch.where(z < -30.0, z, torch.nn.functional.softplus(z.clamp_min(-30.0)).log())
        value = logmeanexp(log_gain, dim=0) + torch.log(torch.tensor(tau, dtype=draws.dtype)) + log_chance
        value[picked] = -torch.inf
        choice = int(value.argmax())
        picked.append(choice)
        logs.append(value[choice])
        best = torch.maximum(best, draws[:, choice])
    return picked, logs
