"""Hypervolume improvement of two or three targets in closed form, for many joint draws at once.

The space that a front leaves free is cut into slabs along the third target and strips along the first; in each cell
whatever lies above a floor in the second target is new. Two targets are three of which the third is always one, so that
there is one slab.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from loop.acquisition.dominance import unbeaten

CELLS = 2_000_000  # numbers held at once


@dataclass(frozen=True)
class Front:
    """What is free above a front, for each of ``s`` draws.

    ``strips`` and ``slabs`` are their edges, rising, shape ``(s, p + 2)``, the last infinite; ``floor`` is the height
    in the second target that is taken in slab ``k`` and strip ``j``, shape ``(s, p + 1, p + 1)``. Here ``p`` is the
    number of points of the largest front of a draw. Of two targets there are two edges of slabs, and one slab.
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
        points = torch.maximum(_three(_leading(points, reference), 1.0), bottom)
        s, p, _ = points.shape
        x, y, z = points.unbind(-1)
        by_x = x.argsort(dim=1)
        strips = _edges(x.gather(1, by_x), bottom[0])
        if len(reference) == 2:
            floor = torch.cat([y.gather(1, by_x), bottom[1].expand(s, 1)], dim=1)[:, None]
            return Front(strips, _edges(z[:, :0], bottom[2]), _highest_from(floor, 2), bottom)
        by_z = z.argsort(dim=1)
        rank_x, rank_z = by_x.argsort(dim=1), by_z.argsort(dim=1)
        # cell (k, j) is taken up to the highest point that reaches slab k or above and strip j or beyond
        floor = bottom[1].expand(s, p + 1, p + 1).clone()
        floor[torch.arange(s)[:, None], rank_z, rank_x] = y
        return Front(strips, _edges(z.gather(1, by_z), bottom[2]), _highest_from(_highest_from(floor, 1), 2), bottom)

    def improvements(self, points: Tensor) -> Tensor:
        """The volume that each point would add by itself: ``(s, n, w)`` to ``(s, n)``."""
        n, cells = points.shape[1], self.floor[0].numel()
        rows = max(CELLS // (n * cells), 1)
        parts = [self._some(points[i : i + rows], slice(i, i + rows)) for i in range(0, len(points), rows)]
        return torch.cat(parts)

    def _some(self, points: Tensor, rows: slice) -> Tensor:
        x, y, z = _three(points, 1.0).unbind(-1)
        wide, deep = _reached(x, self.strips[rows]), _reached(z, self.slabs[rows])
        high = (y[:, :, None, None] - self.floor[rows, None]).clamp_min(0.0)
        volume: Tensor = torch.einsum("snk,snj,snkj->sn", deep, wide, high)
        return volume


def _leading(points: Tensor, reference: Tensor) -> Tensor:
    """The front of each draw of ``(s, p, w)``, filled up with the reference where another draw's is larger."""
    if not points.shape[1]:
        return points
    leads = unbeaten(points)
    order = leads.long().argsort(dim=1, descending=True, stable=True)[:, : int(leads.sum(1).max())]
    kept = points.gather(1, order[..., None].expand(-1, -1, points.shape[2]))
    return torch.where(leads.gather(1, order)[..., None], kept, reference)


def _highest_from(floor: Tensor, axis: int) -> Tensor:
    """The highest value at each place along an axis or after it."""
    highest: Tensor = floor.flip(axis).cummax(axis).values.flip(axis)
    return highest


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
