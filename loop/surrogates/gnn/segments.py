"""Sums over the parts of something and back: edges into atoms, atoms into molecules, and their adjoints.

A sum over segments and a copy to their parts are each other's derivative. Both read rows in order, so no scattered
addition is needed: it is several times slower on a CPU and not reproducible on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag


@dataclass(frozen=True)
class Segments:
    """Which segment owns each row.

    Attributes:
        order: Rows, those of one segment next to each other, shape ``(rows,)``.
        first: Where each segment begins in ``order``, and where the last ends: shape ``(segments + 1,)``.
        owner: The segment of each row, shape ``(rows,)``.
    """

    order: Tensor
    first: Tensor
    owner: Tensor

    def __len__(self) -> int:
        return len(self.first) - 1

    @property
    def sizes(self) -> Tensor:
        """How many rows each segment owns, shape ``(segments,)``."""
        return self.first.diff()

    def sum(self, rows: Tensor) -> Tensor:
        """Sums over segments: ``(members, n, k)`` to ``(members, segments / members, k)``."""
        flat: Tensor = _Sum.apply(rows.reshape(-1, rows.shape[-1]), self)  # type: ignore[no-untyped-call]
        return flat.view(rows.shape[0], -1, rows.shape[-1])

    def spread(self, values: Tensor) -> Tensor:
        """What each row's owner has: ``(members, segments / members, k)`` to ``(members, n, k)``."""
        flat: Tensor = _Spread.apply(values.reshape(-1, values.shape[-1]), self)  # type: ignore[no-untyped-call]
        return flat.view(values.shape[0], -1, values.shape[-1])

    def softmax(self, scores: Tensor) -> Tensor:
        """Softmax within each segment: ``(members, n, k)`` to the same shape."""
        with torch.no_grad():  # only a shift, for the sake of the range
            top = scores.new_full((len(self), scores.shape[-1]), -torch.inf)
            index = self.owner[:, None].expand(-1, scores.shape[-1])
            top.scatter_reduce_(0, index, scores.reshape(-1, scores.shape[-1]), "amax")
            shift = top[self.owner].view_as(scores)
        weights = (scores - shift).exp()
        return weights / self.spread(self.sum(weights))


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, segments: Segments) -> Tensor:
        ctx.segments = segments
        return _summed(rows, segments)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _Spread.apply(grads[0], ctx.segments), None  # type: ignore[no-untyped-call]


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, segments: Segments) -> Tensor:
        ctx.segments = segments
        return values.index_select(0, segments.owner)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _Sum.apply(grads[0], ctx.segments), None  # type: ignore[no-untyped-call]


class Directed(torch.autograd.Function):
    """Messages along directed edges: all that arrives at an edge's source, but for what comes from its target.

    Of ``hidden``, shape ``(members, e, k)``, edges ``2 k`` and ``2 k + 1`` being opposite: the same shape.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, into: Segments, out_of: Segments) -> Tensor:
        ctx.sides = (into, out_of)
        return _directed(hidden, into, out_of)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        into, out_of = ctx.sides
        return _directed(grads[0], out_of, into), None, None


def _directed(hidden: Tensor, into: Segments, out_of: Segments) -> Tensor:
    flat = hidden.reshape(-1, hidden.shape[-1])
    message = _summed(flat, into).index_select(0, out_of.owner)
    pairs, opposite = message.view(-1, 2, flat.shape[-1]), flat.view(-1, 2, flat.shape[-1])
    pairs[:, 0] -= opposite[:, 1]
    pairs[:, 1] -= opposite[:, 0]
    return message.view_as(hidden)


def _summed(rows: Tensor, segments: Segments) -> Tensor:
    summed: Tensor = embedding_bag(
        segments.order, rows.contiguous(), segments.first, mode="sum", include_last_offset=True
    )
    return summed
