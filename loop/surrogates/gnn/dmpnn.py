"""Directed message passing: hidden states on directed bonds, so that no message goes straight back.

Source: Yang et al., J. Chem. Inf. Model. 59 (2019) 3370 (chemprop).
"""

from __future__ import annotations

import torch
from torch import Tensor

from loop.surrogates.gnn.batch import Batch
from loop.surrogates.gnn.encoder import Encoder, readout, with_sources
from loop.surrogates.gnn.layers import Linear
from loop.surrogates.gnn.segments import Directed


class DirectedMessages(Encoder):
    """``depth`` steps with one matrix for all; each adds to what the bond began with."""

    def __init__(self, members: int, atoms: int, bonds: int, size: int, depth: int = 3, how: str = "mean") -> None:
        super().__init__()
        self.size, self.depth, self.how = size, depth, how
        self.begin = Linear(members, atoms + bonds, size, bias=False)
        self.pass_on = Linear(members, size, size, bias=False)
        self.end = Linear(members, atoms + size, size)

    def forward(self, batch: Batch) -> Tensor:
        first = self.begin(with_sources(batch))
        hidden = torch.relu(first)
        for _ in range(self.depth - 1):
            message: Tensor = Directed.apply(hidden, batch.into, batch.out_of)  # type: ignore[no-untyped-call]
            hidden = torch.relu_(torch.baddbmm(first, message, self.pass_on.weight))
        arriving = batch.into.sum(hidden)
        atoms = torch.relu_(self.end(torch.cat([batch.atoms, arriving], dim=-1)))
        return readout(atoms, batch, self.how)
