"""Fidelities: what a cheap version of an experiment is worth, measured by what it would tell of the real one.

A version is worth the improvement that the real thing may bring, times the share of the real thing's variance that the
version explains, for what it costs. Both come from joint draws, so no model is treated specially.

It is the augmented expected improvement of Huang, Allen, Notz and Miller, Struct. Multidisc. Optim. 32 (2006) 369,
with a squared correlation, and jointly over the batch as ``improvement`` is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from loop.acquisition.improvement import SMOOTHING, improvement_score, improving, in_words
from loop.acquisition.protocol import UNLIKELIEST, Choice, Chosen, Question
from loop.acquisition.streaming import candidates, shortlist
from loop.acquisition.utility import believed, draws_of, least, utility
from loop.fidelity import fidelity_column, is_real
from loop.space.rows import is_among

SAMPLES = 512  # joint draws: correlations to 4 %
KEEP = 400  # real candidates on the shortlist
BUNDLE = 100  # experiments with a cheap version that count as one, at most


@dataclass(frozen=True)
class Fidelities:
    """Joint expected improvement of the real thing, by whichever version brings most of it for its cost."""

    name: str = "improvement"

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` points, more where cheap ones are bundled; values are expected improvements, target unit."""
        column = fidelity_column(question.space)
        assert column is not None, "the space has no fidelity"
        real = shortlist(question, improvement_score(question), KEEP)
        if not len(real):
            return Choice(())
        levels = int(real[0, column]) + 1
        versions = [_at(real, column, float(level)) for level in range(levels)]
        pending = question.pending[torch.from_numpy(is_real(question.space, question.pending.numpy()))]
        base = torch.cat([question.keeping, pending])
        draws = draws_of(question, torch.cat([*versions, base]), SAMPLES)
        n = len(real)
        truth = draws[:, (levels - 1) * n : levels * n]
        known = utility(question.objective, believed(question, question.observed))
        tau = max(SMOOTHING * (float(known.std(correction=0)) or float(draws.std())), least(draws))
        held = draws[:, levels * n :].max(dim=1).values if len(base) else draws.min(dim=1).values
        share = torch.cat([_share(truth, draws[:, k * n : (k + 1) * n]) for k in range(levels)])
        everything = torch.cat(versions)
        price = prices(question, everything)
        weight = question.chance(real).repeat(levels) * share.clamp_min(UNLIKELIEST) / price
        taken = is_among(everything.numpy(), np.vstack([question.tried, question.pending.numpy()]))
        weight[torch.from_numpy(taken | ~question.space.allows(everything.numpy()))] = 0.0
        picked, logs = _bundled(truth, held, weight.log(), price, q, tau)
        found = [(i, value) for i, value in zip(picked, logs, strict=True) if torch.isfinite(value)]
        picked, values = [i for i, _ in found], [float((value + price[i].log()).exp()) for i, value in found]
        meaning = f"expected improvement of the real thing, {in_words(question)}"
        points = tuple(Chosen(everything[i].numpy(), value, meaning) for i, value in zip(picked, values, strict=True))
        return Choice(points, candidates(question)[2])


def _bundled(
    truth: Tensor, held: Tensor, log_weight: Tensor, price: Tensor, q: int, tau: float
) -> tuple[list[int], list[Tensor]]:
    """The choices one after the other; of a cheap version as many as cost no more than a real one count as one.

    Args:
        truth: Draws of the real thing, shape ``(samples, n)``.
        held: Best value so far in each draw, shape ``(samples,)``.
        log_weight: Of each version of each, shape ``(versions * n,)``.
        price: The same of its cost.
        q: How many turns.
        tau: Smoothing of an improvement.
    """
    n = truth.shape[1]
    levels = len(price) // n
    picked, logs = list[int](), list[Tensor]()
    turns, shares = 0.0, shares_of(price, float(price[-n:].median()))
    for i, value in improving(truth.repeat(1, levels), held, log_weight, tau=tau):
        if turns > q - 1 + 1e-9:
            break
        turns += float(shares[i])
        picked.append(i)
        logs.append(value)
    return picked, logs


def _at(x: Tensor, column: int, level: float) -> Tensor:
    there = x.clone()
    there[:, column] = level
    return there


def _share(real: Tensor, version: Tensor) -> Tensor:
    """Which share of the variance of the real thing a version explains, from joint draws ``(s, n)``: ``(n,)``.

    The squared correlation of the two; the noise of measuring, which both have, is left out of both.
    """
    covariance = ((real - real.mean(0)) * (version - version.mean(0))).mean(0)
    both = real.var(0, correction=0) * version.var(0, correction=0)
    return (covariance.clamp_min(0.0).square() / both.clamp_min(1e-300)).clamp(0.0, 1.0)


def shares_of(price: Tensor, real: float) -> Tensor:
    """Which part of one experiment of a batch each counts as, by its ``price`` and that of the real thing."""
    return (price / real).clamp(1.0 / BUNDLE, 1.0)


def prices(question: Question, x: Tensor) -> Tensor:
    """What each costs; alike where nothing is known of it yet."""
    own = np.zeros(len(x)) if question.purchase is None else question.purchase.expected(x.numpy())
    return torch.from_numpy(own) if own.all() else torch.ones(len(x), dtype=x.dtype)
