"""Hypervolume improvement of two or three targets in closed form, for many joint draws at once.

The space that a front leaves free is cut into slabs along the third target and strips along the first; in each cell
whatever lies above a floor in the second target is new. Two targets are three of which the third is always one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CELLS = 2_000_000  # numbers held at once


@dataclass(frozen=True)
class Front:
    """What is free above a front, for each of ``s`` draws.

    ``strips`` and ``slabs`` are their edges, rising, shape ``(s, p + 2)``, the last infinite; ``floor`` is the height
    in the second target that is taken in slab ``k`` and strip ``j``, shape ``(s, p + 1, p + 1)``.
    """

    strips: Tensor
    slabs: Tensor
    floor: Tensor
    reference: Tensor  # (3,)

    @staticmethod
    def of(points: Tensor, reference: Tensor) -> Front:
        """The front of points, dominated ones too, larger is better: ``(s, p, w)``, and a reference, ``(w,)``.

        ``w`` is 2 or 3; ``p`` may be 0.
        """
        bottom = _three(reference, 0.0)
        points = torch.maximum(_three(points, 1.0), bottom)
        s, p, _ = points.shape
        x, y, z = points.unbind(-1)
        by_x, by_z = x.argsort(dim=1), z.argsort(dim=1)
        rank_x, rank_z = by_x.argsort(dim=1), by_z.argsort(dim=1)
        # cell (k, j) is taken up to the highest point that reaches slab k or above and strip j or beyond
        floor = bottom[1].expand(s, p + 1, p + 1).clone()
        floor[torch.arange(s)[:, None], rank_z, rank_x] = y
        floor = floor.flip(1).cummax(1).values.flip(1).flip(2).cummax(2).values.flip(2)
        return Front(_edges(x.gather(1, by_x), bottom[0]), _edges(z.gather(1, by_z), bottom[2]), floor, bottom)

    def improvements(self, points: Tensor) -> Tensor:
        """The volume that each point would add by itself: ``(s, n, w)`` to ``(s, n)``."""
        n, cells = points.shape[1], self.floor.shape[1] ** 2
        rows = max(CELLS // (n * cells), 1)
        parts = [self._some(points[i : i + rows], slice(i, i + rows)) for i in range(0, len(points), rows)]
        return torch.cat(parts)

    def _some(self, points: Tensor, rows: slice) -> Tensor:
        x, y, z = _three(points, 1.0).unbind(-1)
        wide, deep = _reached(x, self.strips[rows]), _reached(z, self.slabs[rows])
        high = (y[:, :, None, None] - self.floor[rows, None]).clamp_min(0.0)
        volume: Tensor = torch.einsum("snk,snj,snkj->sn", deep, wide, high)
        return volume


def possible(points: Tensor) -> Tensor:
    """Which columns of ``(s, p, w)`` are on the front of some draw: boolean, shape ``(p,)``."""
    found = torch.zeros(points.shape[1], dtype=torch.bool)
    for draw in points:
        at_least = (draw[None, :, :] >= draw[:, None, :]).all(-1)
        above = (draw[None, :, :] > draw[:, None, :]).any(-1)
        found |= ~(at_least & above).any(-1)  # no other column is as good everywhere and better somewhere
    return found


def _three(points: Tensor, third: float) -> Tensor:
    if points.shape[-1] == 3:
        return points
    return torch.cat([points, torch.full_like(points[..., :1], third)], dim=-1)


def _edges(rising: Tensor, bottom: Tensor) -> Tensor:
    side = rising.new_full((len(rising), 1), torch.inf)
    return torch.cat([bottom.expand(len(rising), 1), rising, side], dim=1)


def _reached(values: Tensor, edges: Tensor) -> Tensor:
    """How much of each cell lies below a value: ``(s, n)`` and ``(s, cells + 1)`` to ``(s, n, cells)``."""
    low, high = edges[:, None, :-1], edges[:, None, 1:]
    return (torch.minimum(values[:, :, None], high) - low).clamp_min(0.0)
