"""AttentiveFP: attention among atoms, then of the molecule on its atoms, each step gated.

Source: Xiong et al., J. Med. Chem. 63 (2020) 8749.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import elu, leaky_relu

from loop.surrogates.gnn.batch import Batch
from loop.surrogates.gnn.encoder import Encoder
from loop.surrogates.gnn.layers import Gru, Linear

READINGS = 2  # of the molecule on its atoms


class AttentiveFingerprint(Encoder):
    """``depth`` steps among atoms, the first with bonds, and two readings."""

    def __init__(self, members: int, atoms: int, bonds: int, size: int, depth: int = 2) -> None:
        super().__init__()
        self.size, self.depth = size, depth
        self.begin = Linear(members, atoms, size)
        self.neighbour = Linear(members, atoms + bonds, size)
        self.align, self.attend, self.update = self._step(members), self._sent(members), Gru(members, size, size)
        self.next_align, self.next_attend = self._step(members), self._sent(members)
        self.next_update = Gru(members, size, size)
        self.whole_align, self.whole_attend = self._step(members), self._sent(members)
        self.whole_update = Gru(members, size, size)

    def _step(self, members: int) -> Linear:
        return Linear(members, 2 * self.size, 1)

    def _sent(self, members: int) -> Linear:
        return Linear(members, self.size, self.size)

    def forward(self, batch: Batch) -> Tensor:
        hidden = leaky_relu(self.begin(batch.atoms))
        around = leaky_relu(self.neighbour(torch.cat([batch.out_of.spread(batch.atoms), batch.edges], dim=-1)))
        hidden = self.update(self._context(hidden, around, batch, self.align, self.attend), hidden)
        for _ in range(self.depth - 1):
            around = batch.out_of.spread(hidden)
            context = self._context(hidden, around, batch, self.next_align, self.next_attend)
            hidden = self.next_update(context, hidden)
        whole = batch.molecules.sum(hidden)
        for _ in range(READINGS):
            pair = torch.cat([batch.molecules.spread(torch.relu(whole)), hidden], dim=-1)
            weight = batch.molecules.softmax(leaky_relu(self.whole_align(pair)))
            context = elu(batch.molecules.sum(weight * self.whole_attend(hidden)))
            whole = self.whole_update(context, whole)
        return whole

    def _context(self, hidden: Tensor, around: Tensor, batch: Batch, align: Linear, attend: Linear) -> Tensor:
        pair = torch.cat([batch.into.spread(hidden), around], dim=-1)
        weight = batch.into.softmax(leaky_relu(align(pair)))
        return elu(batch.into.sum(weight * attend(around)))
