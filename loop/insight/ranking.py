"""What is said of candidates, and in which order: by whoever names the best, and by whoever asks of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor

import numpy as np
import torch
from botorch.utils.multi_objective.pareto import is_non_dominated
from torch import Tensor

from loop.acquisition.utility import utility
from loop.insight.chances import AT_ONCE, worth
from loop.insight.nearest import shortfalls
from loop.insight.statements import LEVEL, Stated
from loop.insight.tried import Tried
from loop.objective import SCORES, Objective, Target
from loop.space import Space
from loop.surrogates.noiseless import Known
from loop.working import workings_of


def stated_of(
    target: Target,
    mean: float,
    interval: tuple[float | None, float | None],
    tried: Tried,
    *,
    is_known: bool,
    chances: Sequence[float] = (),
) -> Stated:
    """What is said of one target, within what it can be; ``chances`` are those of its levels, the lowest first."""
    values, limits = tried.values[target.name], tried.limits[target.name]
    if is_known and target.expression is not None and values:  # draws of it are worked out from nearly its parts
        mean = sum(values) / len(values)
    low, high = (mean, mean) if is_known and interval[0] is not None else interval
    return Stated(
        target.name,
        target.unit,
        target.possible(mean),
        None if low is None else target.possible(low),
        None if high is None else target.possible(high),
        values,
        limits,
        target.classes or (),
        target.sought,
        target.grades,
        is_known=is_known,
        chances={} if is_known else target.graded(chances),
        told=tried.classes.get(target.name, ()),
    )


def certain(space: Space, objective: Objective, known: Mapping[int, Known], x: Tensor) -> dict[int, Tensor]:
    """By number of a target, whether its value at each of ``x``, ``(n, d)``, is known without a deviation: shape
    ``(n,)``. Exact ones are where they were measured, and so is what is derived of such ones alone."""
    found = {i: of.is_certain(x) for i, of in known.items()}
    numbers = {name: i for i, name in enumerate(objective.names)}
    for working in workings_of(objective, space):
        parts = [numbers[part.name] for part in working.parts]
        if parts and all(i in known for i in parts):
            found[numbers[working.target.name]] = torch.stack([found[i] for i in parts]).all(0)
    return found


def interval(mean: Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
    """The central interval of the belief at each point, shapes ``(n,)``: quantiles of the draws, ``(s, n)``.

    Draws of a committee come from its members, so members that disagree make it wide, or skewed.
    """
    tail = (1.0 - LEVEL) / 2.0
    parts = torch.split(draws, AT_ONCE, dim=1)  # each is put in order in a copy
    low, high = (torch.cat(ends) for ends in zip(*(quantiles(part, (tail, 1.0 - tail)) for part in parts), strict=True))
    # a skewed mixture's mean may lie at the edge; draws are finitely many
    return torch.minimum(low, mean), torch.maximum(high, mean)


def quantiles(draws: Tensor, shares: Sequence[float]) -> list[Tensor]:
    """The quantiles at ``shares`` of each column of ``draws``, ``(s, n)``: as many of ``(n,)``.

    As ``torch.quantile`` says, in a tenth of the time, since the draws are put in order about these ends alone.
    """
    ranks = [share * (len(draws) - 1) for share in shares]
    places = sorted({min(floor(r) + k, len(draws) - 1) for r in ranks for k in (0, 1)})
    ordered = torch.from_numpy(np.partition(draws.T.numpy(), places, axis=1))
    return [ordered[:, floor(r)].lerp(ordered[:, min(floor(r) + 1, len(draws) - 1)], r - floor(r)) for r in ranks]


def ranked(objective: Objective, means: Tensor, keeps: Tensor, chance: Tensor) -> tuple[list[int], int]:
    """Candidates, best first, and how many of the first are recommended.

    Those that more likely than not keep the thresholds come first, by believed value; then the others, by the chance
    that they do, and of equal chances (none, in as many draws as there are) by how little they are believed to miss
    them. With several targets the front of the believed values leads, by the chance of each to be on the true one.
    """
    value = worth(objective, means)
    likely = (keeps >= 0.5).tolist()
    short = shortfalls(objective, [dict(zip(objective.names, row, strict=True)) for row in means.tolist()])
    doubt = [(0.0, 0.0) if likely[k] else (1.0 - float(keeps[k]), short[k]) for k in range(len(keeps))]
    if value.shape[1] == 1:
        places = [i for i, t in enumerate(objective.targets) if t.is_wanted]
        beyond = utility(objective, means[:, places]).tolist()  # of scores that are all nothing, or everything
        return sorted(range(len(keeps)), key=lambda k: (*doubt[k], -float(value[k, 0]), -beyond[k])), 1
    least = min(doubt)
    candidates = torch.tensor([k for k in range(len(keeps)) if doubt[k] == least])
    leading = set(candidates[is_non_dominated(value[candidates], deduplicate=False)].tolist())
    order = sorted(range(len(keeps)), key=lambda k: (k not in leading, not likely[k], -float(chance[k]), *doubt[k], k))
    return order, len(leading)


def score_of(objective: Objective, means: Tensor) -> tuple[str, float] | None:
    """Name and value of a trade-off's score at the means of all targets; None where no one number ranks several."""
    name = SCORES.get(objective.tradeoff)
    if name is None or len(objective.wanted) < 2:
        return None
    return name, objective.score(dict(zip(objective.names, means.tolist(), strict=True)))


def has_thresholds(objective: Objective) -> bool:
    return any(t.has_bounds for t in objective.targets)
