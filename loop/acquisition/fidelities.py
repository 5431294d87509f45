"""Fidelities: what a cheap version of an experiment is worth, measured by what it would tell of the real one.

A version is worth the improvement that the real thing may bring, times the share of the real thing's variance that the
version explains and the chance that it runs as intended, for what it costs. Improvement and share come from joint
draws, so no model is treated specially. Of several targets without a trade-off the improvement is the growth of the
hypervolume, along a random direction for each draw, and the share is the mean of those of the targets; a target that a
version does not tell has none.

It is the augmented expected improvement of Huang, Allen, Notz and Miller, Struct. Multidisc. Optim. 32 (2006) 369,
with a squared correlation, and jointly over the batch as ``improvement`` is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.acquisition.directions import MEANING, growth
from loop.acquisition.improvement import SMOOTHING, improvement_score, improving, in_words
from loop.acquisition.pareto import reference_note, trade_offs, worths
from loop.acquisition.protocol import UNLIKELIEST, Choice, Chosen, Question
from loop.acquisition.streaming import candidates, shortlist
from loop.acquisition.utility import believed, least, target_draws, utility
from loop.costs import Purse
from loop.fidelity import as_real, fidelity_column, is_real
from loop.space.rows import is_among

SAMPLES = 512  # joint draws: correlations to 4 %
KEEP = 400  # real candidates on the shortlist
BUNDLE = 100  # experiments with a cheap version that count as one, at most


@dataclass(frozen=True)
class Fidelities:
    """Joint expected improvement of the real thing, by whichever version brings most of it for its cost.

    Attributes:
        tells: Whether each version, from the cheapest on, tells of each wanted target, shape ``(versions, w)``.
        measured: Coordinates of what was measured in any version, shape ``(n, d)``.
        name: ``improvement``, or ``pareto`` for several targets without a trade-off.
        left: How many experiments the budget leaves, copies included; None where that is not counted.
    """

    tells: NDArray[np.bool_]
    measured: NDArray[np.float64]
    name: str = "improvement"
    left: int | None = None

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` points, more where cheap ones are bundled.

        Values are expected improvements, in the target's unit; of a front, of the hypervolume of targets scaled by
        their ranges.
        """
        column = fidelity_column(question.space)
        assert column is not None, "the space has no fidelity"
        is_front = not question.objective.is_scalar
        scene = _with_versions(question, self.measured)
        if is_front:
            keep = trade_offs(scene, KEEP, least=2 * q)
        else:
            keep = shortlist(
                question, improvement_score(question), KEEP, weight=partial(question.weight_if_better, skimmed=True)
            )
        if not len(keep):
            return Choice(())
        n, levels = len(keep), int(keep[0, column]) + 1
        versions = torch.cat([_at(keep, column, float(level)) for level in range(levels)])
        pending = question.pending[torch.from_numpy(is_real(question.space, question.pending.numpy()))]
        base = torch.cat([question.keeping, pending])
        values = target_draws(question, torch.cat([versions, base]), SAMPLES)
        worth = growth(scene, worths(question, values)) if is_front else utility(question.objective, values)
        truth, held = worth[:, (levels - 1) * n : levels * n], worth[:, levels * n :]
        nothing = torch.zeros(SAMPLES, dtype=worth.dtype) if is_front else worth.min(dim=1).values
        if not is_front and values.shape[-1] > 1:  # what a trade-off makes one number of is judged as one
            values = worth[..., None]
        share = torch.cat([_share(values, k, levels, n, torch.from_numpy(t)) for k, t in enumerate(self.tells)])
        price = prices(question, versions)
        runs = question.feasibility.chance(versions)  # what fails tells nothing
        runs[(levels - 1) * n :] = 1.0  # the real thing's is in the chance that it keeps the thresholds
        weight = question.chance_if_better(keep).repeat(levels) * runs * share.clamp_min(UNLIKELIEST) / price
        taken = is_among(versions.numpy(), np.vstack([question.tried, question.pending.numpy()]))
        weight[torch.from_numpy(taken | ~question.space.allows(versions.numpy()))] = 0.0
        tau = max(SMOOTHING * _spread(question, worth), least(worth))
        best = held.max(dim=1).values if len(base) else nothing
        picked, logs = _bundled(truth, best, weight.log(), price, q, tau, _beyond(question, versions, n, self.left))
        found = [(i, float((log + price[i].log()).exp())) for i, log in zip(picked, logs, strict=True)]
        meaning = MEANING if is_front else f"expected improvement of the real thing, {in_words(question)}"
        points = tuple(Chosen(versions[i].numpy(), gain, meaning) for i, gain in found)
        return Choice(points, (*candidates(question)[2], *((reference_note(scene),) if is_front else ())))


def _with_versions(question: Question, measured: NDArray[np.float64]) -> Question:
    """The same as if what was ``measured`` in any version had been in all: a few real ones say little of a range."""
    return replace(question, observed=torch.from_numpy(np.unique(as_real(question.space, measured), axis=0)))


def _spread(question: Question, worth: Tensor) -> float:
    """The standard deviation of what is believed of what was observed, else of all draws ``worth``."""
    if not question.objective.is_scalar:
        return float(worth.std())
    known = utility(question.objective, believed(question, question.observed))
    return float(known.std(correction=0)) or float(worth.std())


def _beyond(question: Question, versions: Tensor, n: int, left: int | None) -> Callable[[list[int]], Tensor]:
    """Which candidates the budget does not reach to once some were chosen: infinite there, else 0, ``(versions * n,)``.

    What a cheap version tells is of use only where something real can be bought after it: its price is kept back, and
    its place among the experiments. Limits of the batch count by themselves: the real thing may come in the next.

    Args:
        question: Whose purchase has the purse, and which knows for what the batch has room.
        versions: Coordinates of the versions one after the other, the last the real thing: ``(versions * n, d)``.
        n: How many candidates there are.
        left: How many experiments there may be; None for any number.
    """
    bought, size = question.purchase, len(versions)
    places = np.append(np.full(size - n, 2.0), np.ones(n)) * question.copies
    each: list[NDArray[np.float64]] = [np.zeros(size), np.zeros(size)]
    if bought is not None:
        money, hours, stocks = bought.costs.each(versions.numpy(), bought.last, question.copies)
        each = [money, hours, *stocks]
    purse = Purse() if bought is None else bought.purse
    kept = [np.append(np.full(size - n, one[-n:].min()), np.zeros(n)) for one in each]

    def beyond(chosen: list[int]) -> Tensor:
        after = [one[chosen].sum() + one + k for one, k in zip(each, kept, strict=True)]
        reached = purse.has(after[0], after[1], after[2:])
        if left is not None:
            reached = reached & (len(chosen) * question.copies + places <= left)
        if question.room is not None:
            reached = reached & question.room(versions[chosen].numpy())(versions.numpy())
        return torch.from_numpy(np.where(reached, 0.0, np.inf))

    return beyond


def _bundled(
    truth: Tensor,
    held: Tensor,
    log_weight: Tensor,
    price: Tensor,
    q: int,
    tau: float,
    beyond: Callable[[list[int]], Tensor],
) -> tuple[list[int], list[Tensor]]:
    """The choices one after the other; of a cheap version as many as cost no more than a real one count as one.

    Args:
        truth: Draws of the real thing, shape ``(samples, n)``.
        held: Best value so far in each draw, shape ``(samples,)``.
        log_weight: Of each version of each, shape ``(versions * n,)``.
        price: The same of its cost.
        q: How many turns.
        tau: Smoothing of an improvement.
        beyond: Infinite for what the purse does not reach to after those chosen, else 0: ``(versions * n,)``.
    """
    n = truth.shape[1]
    levels = len(price) // n
    picked, logs = list[int](), list[Tensor]()
    turns, shares = 0.0, shares_of(price, float(price[-n:].median()))
    for i, value in improving(truth.repeat(1, levels), held, log_weight, tau=tau, log_price=beyond):
        if turns > q - 1 + 1e-9 or not value.isfinite():
            break
        turns += float(shares[i])
        picked.append(i)
        logs.append(value)
    return picked, logs


def _at(x: Tensor, column: int, level: float) -> Tensor:
    there = x.clone()
    there[:, column] = level
    return there


def _share(values: Tensor, level: int, levels: int, n: int, tells: Tensor) -> Tensor:
    """Which share of the variance of the real thing a version explains: ``(n,)``.

    The squared correlation of the two, of each target, and the mean over the targets, of which those that the version
    does not tell (``tells``, ``(w,)``) have none. The noise of measuring, which both have, is left out of both.

    Args:
        values: Joint draws of all versions of ``n`` candidates, one after the other: ``(s, levels * n + k, m)``, of
            each target or of one number made of them.
        level: Of the version; the last is the real thing.
        levels: How many versions there are.
    """
    real, version = (values[:, k * n : (k + 1) * n] for k in (levels - 1, level))
    covariance = ((real - real.mean(0)) * (version - version.mean(0))).mean(0)
    both = real.var(0, correction=0) * version.var(0, correction=0)
    of_each = (covariance.clamp_min(0.0).square() / both.clamp_min(1e-300)).clamp(0.0, 1.0)  # (n, m)
    shares: Tensor = (of_each * (tells if of_each.shape[1] == len(tells) else tells.double().mean())).mean(1)
    return shares


def shares_of(price: Tensor, real: float) -> Tensor:
    """Which part of one experiment of a batch each counts as, by its ``price`` and that of the real thing."""
    return (price / real).clamp(1.0 / BUNDLE, 1.0)


def prices(question: Question, x: Tensor) -> Tensor:
    """What each costs; alike where nothing is known of it yet."""
    own = np.zeros(len(x)) if question.purchase is None else question.purchase.expected(x.numpy())
    return torch.from_numpy(own) if own.all() else torch.ones(len(x), dtype=x.dtype)
