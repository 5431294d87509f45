"""The graph isomorphism network, with bonds in its messages: sums tell apart what means cannot.

Source: Xu, Hu, Leskovec and Jegelka, ICLR 2019; bonds as in Hu et al., ICLR 2020.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from loop.surrogates.gnn.batch import Batch
from loop.surrogates.gnn.encoder import Encoder, readout
from loop.surrogates.gnn.layers import Linear, Vector


class GraphIsomorphism(Encoder):
    """``depth`` layers, each two matrices on an atom and the sum around it, added to what the atom was."""

    def __init__(self, members: int, atoms: int, bonds: int, size: int, depth: int = 3) -> None:
        super().__init__()
        self.size = size
        self.begin = Linear(members, atoms, size)
        self.bond = nn.ModuleList(Linear(members, bonds, size) for _ in range(depth))
        self.first = nn.ModuleList(Linear(members, size, size) for _ in range(depth))
        self.second = nn.ModuleList(Linear(members, size, size) for _ in range(depth))
        self.more = nn.ModuleList(Vector(members, 1) for _ in range(depth))  # epsilon

    def forward(self, batch: Batch) -> Tensor:
        hidden = torch.relu(self.begin(batch.atoms))
        for bond, first, second, more in zip(self.bond, self.first, self.second, self.more, strict=True):
            arriving = batch.into.sum(torch.relu(batch.out_of.spread(hidden) + bond(batch.edges)))
            hidden = hidden + torch.relu(second(torch.relu(first((1.0 + more()) * hidden + arriving))))
        return readout(hidden, batch, "mean")
