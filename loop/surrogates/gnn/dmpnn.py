"""Directed message passing: hidden states on directed bonds, so that no message goes straight back.

Given the same weights and features this is chemprop 2.2's ``BondMessagePassing`` at its defaults (bonds without biases,
ReLU, neither dropout nor batch normalisation), its mean, sum or norm aggregation and, in a ``Network``, its
``RegressionFFN`` with one hidden layer. First weights are drawn alike, and gradients are the same. A test beside the
package holds it to that (``pip install 'hakken[chemprop]'``). Different on purpose are only

- features: R or S where chemprop has the direction in which a string winds, E or Z alone of its kinds of double bonds,
  neighbours without hydrogens, one mass for all isotopes, a column for bonds of other types, and none for absent ones;
- condensed graphs: how an atom's element changes, which is never, has columns here and none there;
- nothing (""): the zero vector here, one atom without features there;
- what networks are made and asked with: width 192 (there 300), a higher learning rate, and values from a Bayesian last
  layer in place of the last weights (docs/decisions/0015).

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
