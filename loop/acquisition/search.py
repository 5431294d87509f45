"""Searching for the top level of an ordinal outcome: as many hits as can be had, now and a little later.

The worth of trying a candidate is its chance of a hit plus the hits expected among the next few best candidates when
its own outcome is known. What a hit or a miss would teach is read off joint draws of the models: draws in which the
candidate does well count for more after a hit. The batch grows as if what was chosen before had missed, so that it does
not stake all on one corner. Nothing comes after the last batch of a budget: it has the highest chances of a hit.

Source: Jiang et al., Efficient nonmyopic active search, ICML 2017; and for batches NeurIPS 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from loop.acquisition.nearby import Nearby, shortlist_apart
from loop.acquisition.protocol import Choice, Chosen, Question
from loop.acquisition.streaming import Score, candidates, members_of, random_untried
from loop.surrogates.levels import KnowsLevels, chance_of, hits_in_draws
from loop.surrogates.mixture import apportion

DRAWS = 256
HORIZON = 5  # later experiments whose hits count, at most; many more make it wander (measured on vapour diffusion)
FIELD = 400  # most promising candidates that later hits are looked for among, and as many at random
SURELY = 1e-9  # a hit is never taken to be more certain than 1 minus this


@dataclass(frozen=True)
class Search:
    """Expected hits of the top level in this batch and shortly after; of a single target with levels."""

    name: str = "search"

    def choose(self, question: Question, q: int) -> Choice:
        """Up to ``q`` points; values are chances of the top level, given the models and misses before."""
        target, model = question.wanted[0]
        best = -1 if target.sign > 0 else 0
        field = shortlist_apart(question, lambda x: chance_of(model, x, best), hit_weight(question), FIELD)
        if not len(field):
            return Choice(())
        short = min(len(field), FIELD // 2)
        more = random_untried(question, FIELD, np.random.default_rng(question.seed))
        field = torch.cat([field, more[~_is_row_of(more, field)]])
        everything = torch.cat([field, question.pending])
        members = members_of(model)
        shares = apportion([w for w, _ in members], DRAWS)
        parts = []
        for i, ((_, member), share) in enumerate(zip(members, shares, strict=True)):
            assert isinstance(member, KnowsLevels)
            parts.append(hits_in_draws(member, everything, share, best, seed=question.seed + i))
        hits = torch.cat(parts)
        hits[:, : len(field)] *= hit_weight(question)(field)
        ahead = horizon(question)
        log_weights = missed(hits[:, len(field) :], ahead).sum(1)  # what is running, as if it missed
        hits = hits[:, : len(field)]
        near = Nearby.of(question, field)
        left = torch.ones(len(field), dtype=field.dtype) if near is None else near.untried
        picked: list[int] = []
        points: list[Chosen] = []
        for _ in range(min(q, short)):
            worth, chance = _worth(hits, torch.softmax(log_weights, 0), left, short, picked, ahead)
            choice = int(worth.argmax())
            picked.append(choice)
            if near is not None:
                left = torch.minimum(left, near.beside(choice))
            points.append(Chosen(field[choice].numpy(), float(chance[choice]), f"chance of {target.name} at its best"))
            log_weights = log_weights + missed(hits[:, choice], ahead)
        return Choice(tuple(points), candidates(question)[2])


def hit_weight(question: Question) -> Score:
    """What the chance of the top level is multiplied by: that of what the top level does not keep, over the price."""
    return lambda x: question.chance_if_best(x) / question.price(x)


def horizon(question: Question) -> int:
    """How many later experiments count: those that the budget leaves, up to some."""
    return HORIZON if question.later is None else min(question.later, HORIZON)


def missed(hits: Tensor, ahead: int) -> Tensor:
    """What a miss adds to the logarithms of draws' weights, by its chances of a hit in them; any one shape.

    Nothing where nothing comes later: hits of a last batch are as many, whichever corner they lie in.
    """
    return (1.0 - hits).clamp_min(SURELY).log() if ahead else torch.zeros_like(hits)


def _worth(
    hits: Tensor, weights: Tensor, left: Tensor, short: int, picked: list[int], ahead: int
) -> tuple[Tensor, Tensor]:
    """Expected hits with each of the first ``short`` columns tried next, and its own chance: ``(short,)`` each.

    ``hits`` are chances in each draw, shape ``(draws, field)``; ``weights`` say how much each draw counts, and ``left``
    how much a hit does beside those that lie near, ``(field,)``; ``ahead`` says of how many later experiments the hits
    count.
    """
    chance = weights @ hits
    total = chance[:short] * left[:short]
    for seen in (hits[:, :short], 1.0 - hits[:, :short]):
        of_draw = weights[:, None] * seen
        likely = of_draw.sum(0)
        after = (of_draw.T @ (hits * left)) / likely.clamp_min(SURELY)[:, None]
        after[torch.arange(short), torch.arange(short)] = 0.0
        after[:, picked] = 0.0
        total = total + likely * after.topk(min(ahead, after.shape[1]), dim=1).values.sum(1)
    total[picked] = -torch.inf
    return total, chance


def _is_row_of(x: Tensor, others: Tensor) -> Tensor:
    return (x[:, None, :] == others[None, :, :]).all(-1).any(1)
