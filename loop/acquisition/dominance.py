"""Which points of each of many draws no other point of the draw beats.

BoTorch's ``is_non_dominated`` says the same and holds all points against all, which takes seconds for some hundred
points in thousands of draws.
"""

from __future__ import annotations

import numpy as np
import torch
from botorch.utils.multi_objective.pareto import is_non_dominated
from torch import Tensor

FEW = 16  # points that are held one against another at once
STRIKING = 3  # weightings of the targets whose best points strike out what they beat, before the rest is counted
SHRINKING = 0.9  # of the points at most are left, or all are held one against another


def unbeaten(points: Tensor) -> Tensor:
    """Which points of each draw no other beats, larger is better: ``(s, n, w)`` to ``(s, n)``.

    Equal points do not beat each other. What is infinitely bad in a target is always beaten.
    """
    stands = (points > -torch.inf).all(-1)
    if not stands.any():
        return stands
    points = points.masked_fill(~stands[..., None], -torch.inf)
    found = _of_two(points) if points.shape[-1] == 2 else _of_more(points, stands)
    return found & stands


def _of_two(points: Tensor) -> Tensor:
    """Of two targets: in falling order of the first, the second must rise above all that came before."""
    n = points.shape[1]
    order = points[..., 1].argsort(dim=1, descending=True, stable=True)
    order = order.gather(1, points[..., 0].gather(1, order).argsort(dim=1, descending=True, stable=True))
    first, second = points.gather(1, order[..., None].expand(-1, -1, 2)).unbind(-1)
    place = torch.arange(n).expand_as(order)
    is_alike = torch.cat([torch.zeros_like(first[:, :1], dtype=torch.bool), first[:, 1:] == first[:, :-1]], dim=1)
    start = place.masked_fill(is_alike, 0).cummax(dim=1).values  # of the points with the same first value, best first
    highest = second.cummax(dim=1).values.gather(1, (start - 1).clamp_min(0))
    is_beaten = ((start > 0) & (highest >= second)) | (second.gather(1, start) > second)
    return torch.zeros_like(is_beaten).scatter(1, order, ~is_beaten)


def _of_more(points: Tensor, left: Tensor) -> Tensor:
    """Of those ``left``, ``(s, n)``: the best of some weightings of the targets strike out what they beat, for as long
    as that helps; the others are held against each other."""
    s, n, w = points.shape
    rng = np.random.default_rng(0)
    places, scales, before = torch.arange(n).expand(s, n), _scales(points), torch.inf
    while points.shape[1] > FEW and (many := int(left.sum())) < SHRINKING * before:
        before = many
        for direction in rng.dirichlet(np.ones(w), STRIKING):
            height = (points @ (torch.from_numpy(direction) / scales)).masked_fill(~left, -torch.inf)
            best = points.gather(1, height.argmax(1)[:, None, None].expand(-1, 1, w))
            left = left & ~((best >= points).all(-1) & (best > points).any(-1))
        order = left.long().argsort(dim=1, descending=True, stable=True)[:, : int(left.sum(1).max())]
        left, places = left.gather(1, order), places.gather(1, order)
        points = points.gather(1, order[..., None].expand(-1, -1, w))
    found = is_non_dominated(points.masked_fill(~left[..., None], -torch.inf), deduplicate=False) & left
    return torch.zeros(s, n, dtype=torch.bool).scatter(1, places, found)


def _scales(points: Tensor) -> Tensor:
    """How far each target spreads, infinities aside, over ``(s, n, w)``: ``(w,)``."""
    flat = points.flatten(0, 1)
    is_finite = torch.isfinite(flat)
    spread = flat.masked_fill(~is_finite, -torch.inf).amax(0) - flat.masked_fill(~is_finite, torch.inf).amin(0)
    return torch.where(spread > 0.0, spread, torch.ones_like(spread))
