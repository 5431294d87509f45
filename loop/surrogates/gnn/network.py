"""The whole network: molecules through an encoder, joined with numbers, through two layers to values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from loop.surrogates.gnn.batch import Batch
from loop.surrogates.gnn.encoder import Encoder
from loop.surrogates.gnn.layers import Linear

MakeEncoder = Callable[[int, int, int, int], Encoder]  # members, features of atoms, of bonds, width


@dataclass(frozen=True)
class NetworkRows:
    """Rows of a batch, for each of ``m`` members ``b`` of them.

    Attributes:
        molecules: Numbers of molecules in the batch, over all members, shape ``(m, b, s, k)``.
        shares: How much of each, same shape.
        numbers: Everything else, shape ``(m, b, f)``.
    """

    molecules: Tensor
    shares: Tensor
    numbers: Tensor


class Network(nn.Module):
    """An encoder, a hidden layer and a head for each target; ``width`` is that of every hidden layer."""

    def __init__(self, encoder: Encoder, members: int, slots: int, numbers: int, width: int, targets: int = 1) -> None:
        super().__init__()
        self.encoder = encoder
        self.hidden = Linear(members, slots * encoder.size + numbers, width)
        self.out = Linear(members, width, targets)

    def features(self, batch: Batch, rows: NetworkRows) -> Tensor:
        """The last hidden layer: shape ``(members, b, width)``."""
        vectors = self.encoder(batch)
        members, b, slots, k = rows.molecules.shape
        found = vectors.reshape(-1, vectors.shape[-1])[rows.molecules.flatten()]
        found = found.view(members, b, slots, k, -1) * rows.shares[..., None].to(found.dtype)
        joined = torch.cat([found.sum(3).flatten(2), rows.numbers.to(found.dtype)], dim=-1)
        return torch.relu(self.hidden(joined))

    def forward(self, batch: Batch, rows: NetworkRows) -> Tensor:
        """Values: shape ``(members, b, targets)``."""
        values: Tensor = self.out(self.features(batch, rows))
        return values
