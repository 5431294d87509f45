"""Utility: the one number that a scalar objective maximises, on tensors, with slopes everywhere.

What is improved is the utility of joint draws of the targets, never the utility of their means: a desirability that
two uncertain targets share is worth less than that of their means, and a value to be matched is missed on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from botorch.models import ModelList
from botorch.models.model import Model
from botorch.posteriors.posterior import Posterior
from botorch.sampling.base import MCSampler
from botorch.sampling.list_sampler import ListSampler
from botorch.sampling.normal import SobolQMCNormalSampler
from torch import Tensor

from loop.acquisition.protocol import Question
from loop.objective import Objective, Target, Tradeoff

ROUNDING = 0.02  # of a merit's edges at 0 and 1, so that nothing is quite flat
SEED_STEP = 7_919  # between the targets' seeds, so that their draws are independent
EQUAL = 1e-6  # of the noise: values that differ by less are believed equal
MARGINAL = 64  # draws of each candidate by itself, for the shortlist
LEADING = 1_000  # points that are drawn jointly to know the best of them in each draw
OF_RIVALS = 1_024  # draws of what was observed, in each of which one is the best
HOPE = 3.0  # standard deviations by which those are taken that may lead


def utility(objective: Objective, values: Tensor) -> Tensor:
    """The utility of values of the wanted targets, shape ``(*b, w)`` in their units: ``(*b,)``, larger is better.

    The worth of a single target in its unit; else the weighted mean of merits, or their weighted geometric mean with
    the edges at nothing and everything rounded, so that two candidates worth nothing can still be told apart. What is
    stated of a result is its ``score``.
    """
    if not _is_limited(objective):
        return score(objective, values)
    merits, weights = _merits(objective, values)
    soft = ROUNDING * torch.nn.functional.softplus(merits / ROUNDING)
    soft = 1.0 - ROUNDING * torch.nn.functional.softplus((1.0 - soft) / ROUNDING)
    return (weights * soft.clamp_min(1e-12).log()).sum(-1).exp()


def score(objective: Objective, values: Tensor) -> Tensor:
    """The score of values of the wanted targets, ``(*b, w)``, as ``Objective.score`` has it of a row: ``(*b,)``."""
    if len(objective.wanted) == 1:
        worth: Tensor = objective.wanted[0].worth(values[..., 0])
        return worth
    merits, weights = _merits(objective, values)
    if _is_limited(objective):
        return merits.clamp(0.0, 1.0).pow(weights).prod(-1)
    return (weights * merits).sum(-1)


def _is_limited(objective: Objective) -> bool:
    """Whether merits count from nothing to everything, and no further."""
    return len(objective.wanted) > 1 and objective.tradeoff is not Tradeoff.WEIGHTED


def _merits(objective: Objective, values: Tensor) -> tuple[Tensor, Tensor]:
    """The merits of values of several wanted targets, ``(*b, w)``, and the targets' weights, whose sum is 1."""
    merits = torch.stack([t.merit(values[..., i]) for i, t in enumerate(objective.wanted)], dim=-1)
    weights = torch.tensor([t.weight for t in objective.wanted], dtype=values.dtype)
    return merits, weights / weights.sum()


def believed(question: Question, x: Tensor) -> Tensor:
    """The believed means of the wanted targets at ``x``, ``(n, d)``: ``(n, w)``, in their units; skimmed of many."""
    return torch.stack([mean for mean, _ in question.skimmed(x)], dim=1)


def hoped(objective: Objective, beliefs: Sequence[tuple[Tensor, Tensor]], *, deviations: float) -> Tensor:
    """The utility of all wanted targets some standard deviations better than their means, ``(n,)``.

    ``beliefs`` holds the mean and standard deviation of each, ``(n,)``.
    """
    pairs = zip(objective.wanted, beliefs, strict=True)
    parts = [hoped_of(target, mean, sd, deviations=deviations) for target, (mean, sd) in pairs]
    return utility(objective, torch.stack(parts, dim=1))


def hoped_of(target: Target, mean: Tensor, sd: Tensor, *, deviations: float) -> Tensor:
    """The value of a wanted target some standard deviations better than its mean, ``(n,)`` all.

    What is hoped for comes nearer to a value that is to be matched, and never quite there.
    """
    if target.value is None:
        return mean + target.sign * deviations * sd
    away, most = target.value - mean, deviations * sd
    nearer: Tensor = mean + away * most / (most + away.abs()).clamp_min(least(away))
    return nearer


def may_lead(objective: Objective, beliefs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Numbers of the points, in order, that may be the best of all: at most ``LEADING``, the most hopeful; ``(k,)``.

    To draw thousands of points jointly takes minutes, and nearly all of them are the best in no draw.
    """
    n = len(beliefs[0][0])
    if n <= LEADING:
        return torch.arange(n)
    return torch.argsort(-hoped(objective, beliefs, deviations=HOPE), stable=True)[:LEADING].sort().values


def leading(question: Question) -> Tensor:
    """What was observed, keeps the thresholds, and may be the best of it: ``(k, d)``."""
    keeping = question.keeping
    if len(keeping) <= LEADING:
        return keeping
    return keeping[may_lead(question.objective, question.skimmed(keeping))]


def rivals(question: Question) -> Tensor:
    """What there is to beat: of what was observed and keeps the thresholds (of all of it where nothing does) that which
    is the best of it in a draw: ``(k, d)``.

    To draw every result with each candidate takes seconds a point of some hundreds.
    """
    x = question.baseline
    if len(x) > LEADING:
        x = x[may_lead(question.objective, question.skimmed(x))]
    return foremost(question, x)


def foremost(question: Question, x: Tensor) -> Tensor:
    """Those of ``x``, ``(n, d)``, that are the best of it in a draw: ``(k, d)``."""
    return x[torch.unique(draws_of(question, x, OF_RIVALS).argmax(dim=1))] if len(x) else x


def draws_of(question: Question, x: Tensor, n: int) -> Tensor:
    """``n`` joint draws of the utility at ``x``, shape ``(p, d)``: shape ``(n, p)``."""
    return utility(question.objective, target_draws(question, x, n))


def target_draws(question: Question, x: Tensor, n: int) -> Tensor:
    """``n`` joint draws of the wanted targets at ``x``, shape ``(p, d)``, in their units: shape ``(n, p, w)``."""
    drawn = [m.samples(x, n, seed=question.seed + SEED_STEP * i) for i, (_, m) in enumerate(question.wanted)]
    return torch.stack(drawn, dim=-1)


def utility_score(question: Question, best: float, x: Tensor) -> Tensor:
    """Expected improvement of the utility over ``best``, each candidate by itself: ``(n, d)`` to ``(n,)``."""
    generator = torch.Generator().manual_seed(question.seed)
    total = torch.zeros(MARGINAL, len(x), len(question.wanted), dtype=x.dtype)
    for i, (_, model) in enumerate(question.wanted):
        half = torch.randn(MARGINAL // 2, 1, generator=generator, dtype=x.dtype)
        mean, sd = model.moments(x)
        total[..., i] = mean + torch.cat([half, -half]) * sd
    gain = utility(question.objective, total) - best
    tau = float(gain.std()) * ROUNDING + least(total)
    score: Tensor = (tau * torch.nn.functional.softplus(gain / tau)).mean(0)
    return score.clamp_min(1e-300)


def least(values: Tensor) -> float:
    """A width that nothing is told apart by: 1e-12, or a like share of values that are all small."""
    return max(1e-12 * min(1.0, float(values.abs().max())), 1e-300)


def joint_model(question: Question, samples: int) -> tuple[Model, MCSampler]:
    """BoTorch's form of the wanted targets' models, and a sampler that draws each by itself."""
    models = [m.model() for _, m in question.wanted]
    shape = torch.Size([samples])
    if len(models) == 1:
        return models[0], SobolQMCNormalSampler(shape, seed=question.seed)
    return ModelList(*models), ListSampler(*(_Shuffled(shape, seed=question.seed + i) for i in range(len(models))))


class _Shuffled(SobolQMCNormalSampler):
    """Draws in an order of their own, so that two samplers of different seeds know nothing of each other.

    A Sobol sequence that is scrambled twice keeps its first digits, but for their sign: two targets of one candidate
    were correlated by two thirds, one way or the other.
    """

    def _construct_base_samples(self, posterior: Posterior) -> None:
        known: Tensor | None = getattr(self, "base_samples", None)
        super()._construct_base_samples(posterior)
        drawn: Tensor | None = getattr(self, "base_samples", None)
        if drawn is not None and (known is None or known.shape != drawn.shape):
            generator = torch.Generator().manual_seed(self.seed)
            self.base_samples = drawn[torch.randperm(len(drawn), generator=generator)]
