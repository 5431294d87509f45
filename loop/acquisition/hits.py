"""Hits: the batch with the most of them expected, where a result either is one or is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from loop.acquisition.apart import best_apart
from loop.acquisition.protocol import Choice, Chosen, Question
from loop.acquisition.streaming import Score, candidates, members_of
from loop.objective import Target
from loop.surrogates.classes import FittedClasses
from loop.surrogates.levels import KnowsLevels
from loop.surrogates.protocol import FittedSurrogate, chance_between, normal_between, skim

DEVIATIONS = 0.5  # of optimism, by which candidates are ranked where a mean is read as a chance; docs/decisions/0020
HIT: Final = "chance of a hit"  # what the value of a choice is


@dataclass(frozen=True)
class Hits:
    """The candidates most likely to be hits, no two of them nearly alike.

    A hit is of the class that is looked for, or keeps every threshold, in all targets that say so. Candidates are
    ranked as if their means lay half a deviation nearer to a hit: a campaign without a hit yet looks far from misses.
    """

    name: str = "hits"

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` points; values are chances that the candidate runs as intended and is a hit (over its price)."""
        kept = best_apart(question, hit_score(question, DEVIATIONS), weight(question), q)
        if not len(kept.x):
            return Choice(())
        chosen = kept.x
        values = stated_chance(question)(chosen).tolist()
        meaning = HIT + question.per
        points = tuple(
            Chosen(x.numpy(), value, meaning, also) for x, value, also in zip(chosen, values, kept.also, strict=True)
        )
        return Choice(points, (*candidates(question)[2], *expected(question, values), *kept.notes))


def expected(question: Question, chances: Sequence[float]) -> tuple[str, ...]:
    """How many hits the chances of what was chosen add up to, as notes; none where they are over their price."""
    return () if question.per else (f"{sum(chances):.1f} hits expected of the {len(chances)} chosen by their chance",)


def weight(question: Question) -> Score:
    """What the chance of a hit is multiplied by: the chance to run as intended, over the price."""
    return lambda x: question.feasibility.chance(x) / question.price(x)


def stated_chance(question: Question) -> Score:
    """What is told of candidates: the chance of a hit, times ``weight``: ``(n, d)`` to ``(n,)``."""
    score, counts = hit_score(question), weight(question)
    return lambda x: score(x) * counts(x)


def hoped_hits(question: Question) -> Score:
    """What candidates are ranked by: hits as ``hit_score`` hopes for them, times ``weight``: ``(n, d)`` to ``(n,)``."""
    score, counts = hit_score(question, DEVIATIONS), weight(question)
    return lambda x: score(x) * counts(x)


def hit_score(question: Question, deviations: float | None = None) -> Score:
    """The chance of a hit in all targets that tell hits, which are taken as independent: ``(n, d)`` to ``(n,)``.

    With ``deviations`` not a chance but a number to rank candidates by, quickly: as if means lay so many of their
    deviations nearer to a hit, and all scattered alike. A chance itself is higher the less is known, where hits are
    rare; ranked by it, a campaign finds them late (docs/decisions/0020).
    """
    telling = [(t, m) for t, m in zip(question.objective.targets, question.models, strict=True) if t.tells_hits]
    if deviations is None:
        return lambda x: _product([hit_chance(t, m, x) for t, m in telling], x)
    spreads = [float(m.moments(question.observed)[0].std(correction=0)) for _, m in telling]
    return lambda x: _product([_hopeful(t, m, x, deviations, s) for (t, m), s in zip(telling, spreads, strict=True)], x)


def hit_chance(target: Target, model: FittedSurrogate, x: Tensor) -> Tensor:
    """The chance that a new measurement of one target at ``x``, ``(n, d)``, makes a hit: ``(n,)``."""
    total = torch.zeros(len(x), dtype=x.dtype)
    for share, member in members_of(model):
        if (levels := _by_levels(target, member, x)) is not None:
            total += share * levels
            continue
        total += share * chance_between(member, *target.bounds, x, is_new=True)
    return total.clamp(0.0, 1.0)


def _hopeful(target: Target, model: FittedSurrogate, x: Tensor, deviations: float, spread: float) -> Tensor:
    total = torch.zeros(len(x), dtype=x.dtype)
    for share, member in members_of(model):
        if isinstance(member, FittedClasses):
            total += share * member.hopeful(x, deviations)
        elif (levels := _by_levels(target, member, x)) is not None:
            total += share * levels
        else:
            mean, sd = skim(member, x)
            low, high = target.bounds
            nearest = mean.clamp(low, high)  # a hit already is hoped to be no more of one
            hoped = mean + (nearest - mean).clamp(-deviations * sd, deviations * sd)
            total += share * normal_between(low, high, hoped, max(spread, member.noise_sd, 1e-300))
    return total


def _by_levels(target: Target, member: FittedSurrogate, x: Tensor) -> Tensor | None:
    """The chance of the levels that are hits; None where the target has none."""
    if target.levels is None or not isinstance(member, KnowsLevels):
        return None
    return member.chances(x) @ torch.tensor([target.is_hit(level) for level in target.levels], dtype=x.dtype)


def _product(chances: Sequence[Tensor], x: Tensor) -> Tensor:
    total = torch.ones(len(x), dtype=x.dtype)
    for chance in chances:
        total = total * chance
    return total
