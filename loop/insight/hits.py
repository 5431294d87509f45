"""The best of a campaign that looks for hits: those found, and those that nobody has tried and that are likeliest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from loop.acquisition.hits import DEVIATIONS, hit_score, weight
from loop.acquisition.joined import LIBRARY_LIMIT
from loop.acquisition.protocol import Question
from loop.acquisition.streaming import shortlist
from loop.belief import Belief
from loop.history import History
from loop.insight.statements import LEVEL, Believed, HonestBest, Likely, Stated
from loop.insight.tried import Tried, question_of_tried, tried_candidates
from loop.objective import Objective
from loop.space import Pool, Space
from loop.surrogates.protocol import drawn

DRAWS = 512  # of the chance at tried candidates: ends of an interval are known to 2 %
LIKELIEST = 10  # untried candidates that are named


def hits_of_belief(
    space: Space, objective: Objective, history: History, belief: Belief, pool: Pool | None, *, seed: int
) -> HonestBest:
    """Tried candidates, hits first, each kind by its believed chance; without ``pool`` nothing of untried ones."""
    tried, name = tried_candidates(space, objective, history), belief.models[0].name
    if not tried:
        return HonestBest(name, (), 0, notes=("no candidate has a value for every target yet",), is_hits=True)
    x = torch.from_numpy(np.array([t.x for t in tried]))
    question = question_of_tried(space, objective, history, belief, pool, x, seed)
    with torch.no_grad():
        chance: list[float] = hit_score(question)(x).tolist()
        stated = [
            tuple(map(t.in_unit, _intervals(*drawn(m, x, DRAWS, seed=seed + 31 * i))))
            for i, (t, m) in enumerate(zip(objective.targets, belief.models, strict=True))
        ]
        likely = () if pool is None or len(pool) > LIBRARY_LIMIT else _likeliest(question)
    is_hit = [_is_hit(objective, t) for t in tried]
    order = sorted(range(len(tried)), key=lambda k: (not is_hit[k], -chance[k], k))
    candidates = tuple(
        Believed(
            settings=tried[k].settings,
            label=space.label(tried[k].settings),
            targets=tuple(
                Stated(
                    t.name,
                    t.unit,
                    float(mean[k]),
                    float(low[k]),
                    float(high[k]),
                    tried[k].values[t.name],
                    tried[k].limits[t.name],
                    t.classes or (),
                    t.sought,
                    told=tried[k].classes.get(t.name, ()),
                )
                for t, (mean, low, high) in zip(objective.targets, stated, strict=True)
            ),
            experiments=tried[k].experiments,
            faults=tried[k].faults,
            keeps=chance[k],
            best_of_tried=None,
            best_of_all=None,
        )
        for k in order
    )
    return HonestBest(name, candidates, sum(is_hit), is_hits=True, likeliest=likely)


def hits_without_model(found: HonestBest, objective: Objective, tried: Sequence[Tried], space: Space) -> HonestBest:
    """The same without a model: what ``found`` ranks by means of what was measured, hits first."""
    hits = {space.label(t.settings) for t in tried if _is_hit(objective, t)}
    order = sorted(found.candidates, key=lambda one: one.label not in hits)
    return replace(found, candidates=tuple(order), front=len(hits), luckiest=(), is_kept=True, is_hits=True)


def _is_hit(objective: Objective, tried: Tried) -> bool:
    """By most of its experiments; a limit is no value."""
    votes = [
        sum(t.is_hit(v) for v in tried.values[t.name]) * 2 > len(tried.values[t.name])
        for t in objective.targets
        if t.tells_hits
    ]
    return all(votes)


def _intervals(draws: Tensor, mean: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of draws ``(s, n)`` about a mean ``(n,)``: the mean, and the ends of the central interval."""
    tail = (1.0 - LEVEL) / 2.0
    ends = torch.quantile(draws, torch.tensor([tail, 1.0 - tail], dtype=draws.dtype), dim=0)
    return mean, torch.minimum(ends[0], mean), torch.maximum(ends[1], mean)


def _likeliest(question: Question) -> tuple[Likely, ...]:
    x = shortlist(question, hit_score(question, DEVIATIONS), LIKELIEST, weight=weight(question))
    chance = hit_score(question)(x) * weight(question)(x)
    order = torch.argsort(chance, descending=True, stable=True).tolist()
    settings = [question.space.settings(row.numpy()) for row in x]
    return tuple(Likely(settings[k], question.space.label(settings[k]), float(chance[k])) for k in order)
