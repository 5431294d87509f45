"""The neural graph fingerprint: circular fingerprints whose every step is smooth.

Degree is among the features of atoms, so that one matrix serves all degrees.

Source: Duvenaud et al., NeurIPS 2015.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from loop.surrogates.gnn.batch import Batch
from loop.surrogates.gnn.encoder import Encoder
from loop.surrogates.gnn.layers import Linear


class NeuralFingerprint(Encoder):
    """Each atom writes into the fingerprint at each radius, as a softmax over its places."""

    def __init__(self, members: int, atoms: int, bonds: int, size: int, depth: int = 3) -> None:
        super().__init__()
        self.size = size
        self.begin = Linear(members, atoms, size)
        self.own = nn.ModuleList(Linear(members, size, size) for _ in range(depth))
        self.around = nn.ModuleList(Linear(members, size + bonds, size, bias=False) for _ in range(depth))
        self.write = nn.ModuleList(Linear(members, size, size) for _ in range(depth + 1))

    def forward(self, batch: Batch) -> Tensor:
        hidden = torch.relu(self.begin(batch.atoms))
        written = torch.softmax(self.write[0](hidden), dim=-1)
        for own, around, write in zip(self.own, self.around, self.write[1:], strict=True):
            arriving = batch.into.sum(torch.cat([batch.out_of.spread(hidden), batch.edges], dim=-1))
            hidden = torch.relu(own(hidden) + around(arriving))
            written = written + torch.softmax(write(hidden), dim=-1)
        return batch.molecules.sum(written)
