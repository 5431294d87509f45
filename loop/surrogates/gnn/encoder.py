"""What every graph network shares: molecules in, one vector for each molecule and member out."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from loop.surrogates.gnn.batch import Batch

NORM = 100.0  # what a sum over atoms is divided by, where it is to grow with the molecule


class Encoder(nn.Module, ABC):
    """Molecules as vectors of ``size``; made with the number of members and the width of hidden layers."""

    size: int

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Shape ``(members, molecules, size)``, the padding molecule of each member (the last) included."""


def readout(atoms: Tensor, batch: Batch, how: str) -> Tensor:
    """Atoms of shape ``(members, v, k)`` as molecules: their ``"mean"``, ``"sum"``, or sum over 100 (``"norm"``).

    A molecule without atoms is zero.
    """
    total = batch.molecules.sum(atoms)
    if how == "sum":
        return total
    if how == "norm":
        return total / NORM
    count = batch.molecules.sizes.clamp_min(1).to(total.dtype)
    return total / count.view(batch.members, -1, 1)


def with_sources(batch: Batch) -> Tensor:
    """Features of each edge's source atom and bond, side by side: ``(members, e, a + b)``."""
    return torch.cat([batch.out_of.spread(batch.atoms), batch.edges], dim=-1)
