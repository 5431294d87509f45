"""Graph attention: each atom weighs its neighbours by what it, they and the bond are.

Source: Velickovic et al., ICLR 2018, with the scores of Brody, Alon and Yahav, ICLR 2022.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from loop.surrogates.gnn.batch import Batch
from loop.surrogates.gnn.encoder import Encoder, readout
from loop.surrogates.gnn.layers import Linear, Vector

HEADS = 4
SLOPE = 0.2


class Attention(nn.Module):
    """One layer: what arrives at each atom, by several heads of attention over the bonds into it."""

    def __init__(self, members: int, inputs: int, bonds: int, size: int) -> None:
        super().__init__()
        self.heads = HEADS if size % HEADS == 0 else 1
        self.source, self.target = Linear(members, inputs, size), Linear(members, inputs, size, bias=False)
        self.bond = Linear(members, bonds, size, bias=False)
        self.score = Vector(members, size, 1.0)
        self.own = Linear(members, inputs, size)

    def forward(self, hidden: Tensor, batch: Batch) -> Tensor:
        sent = batch.out_of.spread(self.source(hidden)) + self.bond(batch.edges)
        both = leaky_relu(sent + batch.into.spread(self.target(hidden)), SLOPE) * self.score()
        score = both.unflatten(-1, (self.heads, -1)).mean(-1)
        weight = batch.into.softmax(score).repeat_interleave(sent.shape[-1] // self.heads, dim=-1)
        found: Tensor = self.own(hidden) + batch.into.sum(sent * weight)
        return found


class GraphAttention(Encoder):
    """``depth`` layers of attention, then the mean over atoms."""

    def __init__(self, members: int, atoms: int, bonds: int, size: int, depth: int = 3) -> None:
        super().__init__()
        self.size = size
        self.layers = nn.ModuleList(Attention(members, size if layer else atoms, bonds, size) for layer in range(depth))

    def forward(self, batch: Batch) -> Tensor:
        hidden = batch.atoms
        for layer in self.layers:
            hidden = torch.relu(layer(hidden, batch))
        return readout(hidden, batch, "mean")
