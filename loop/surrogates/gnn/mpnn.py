"""Message passing with an edge network, gated updates and Set2Set.

The edge network makes a matrix of each bond, ``sum_k code_k(bond) W_k + W_0``. It is applied as such, without writing
the matrices out: atoms are multiplied by every ``W_k`` and a bond weighs the products.

Source: Gilmer, Schoenholz, Riley, Vinyals and Dahl, ICML 2017; Vinyals, Bengio and Kudlur, ICLR 2016 (Set2Set).
"""

from __future__ import annotations

import torch
from torch import Tensor

from loop.surrogates.gnn.batch import Batch
from loop.surrogates.gnn.encoder import Encoder
from loop.surrogates.gnn.layers import Gru, Linear

NARROW = 4  # times narrower than other networks: matrices for each bond are dear
CODES = 8  # hidden units of the edge network
ROUNDS = 3  # of Set2Set


class EdgeMessages(Encoder):
    """``depth`` steps of messages, then a reading of all atoms in rounds of attention."""

    def __init__(self, members: int, atoms: int, bonds: int, size: int, depth: int = 3) -> None:
        super().__init__()
        width = max(size // NARROW, 4)
        self.size, self.width, self.depth = 2 * width, width, depth
        self.begin = Linear(members, atoms, width)
        self.code = Linear(members, bonds, CODES)
        self.matrices = Linear(members, width, (CODES + 1) * width, bias=False)
        self.update = Gru(members, width, width)
        self.read = Gru(members, 2 * width, width)

    def forward(self, batch: Batch) -> Tensor:
        hidden = torch.relu(self.begin(batch.atoms))
        code = torch.relu(self.code(batch.edges))
        code = torch.cat([code, torch.ones_like(code[..., :1])], dim=-1)[..., None]
        for _ in range(self.depth):
            products = batch.out_of.spread(self.matrices(hidden))
            products = products.view(*products.shape[:2], CODES + 1, self.width)
            hidden = self.update(batch.into.sum((products * code).sum(-2)), hidden)
        return self._read(hidden, batch)

    def _read(self, atoms: Tensor, batch: Batch) -> Tensor:
        """Set2Set: a query for each molecule, what it finds, and the next query."""
        query = atoms.new_zeros(batch.members, len(batch.molecules) // batch.members, self.width)
        found = query
        for _ in range(ROUNDS):
            query = self.read(torch.cat([query, found], dim=-1), query)
            score = (atoms * batch.molecules.spread(query)).sum(-1, keepdim=True)
            found = batch.molecules.sum(atoms * batch.molecules.softmax(score))
        return torch.cat([query, found], dim=-1)
