"""Layers with a leading member axis: what an ensemble's networks are built of, each member with weights of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Linear(nn.Module):
    """An affine map for each member: ``(members, n, inputs)`` to ``(members, n, outputs)``."""

    def __init__(self, members: int, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs))
        self.bias = nn.Parameter(torch.empty(members, 1, outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        if self.bias is None:
            return torch.bmm(x, self.weight)
        return torch.baddbmm(self.bias, x, self.weight)

    def initialise(self, member: int, generator: torch.Generator) -> None:
        """Uniform within one over the root of the inputs, as ``torch.nn.Linear`` is."""
        for parameter in (self.weight, self.bias):
            if parameter is not None:
                bound = 1.0 / math.sqrt(self.weight.shape[1])
                parameter[member].uniform_(-bound, bound, generator=generator)


class Vector(nn.Module):
    """A free vector for each member, ``(members, 1, size)``, that starts at ``value``."""

    def __init__(self, members: int, size: int, value: float = 0.0) -> None:
        super().__init__()
        self.value = value
        self.weight = nn.Parameter(torch.empty(members, 1, size))

    def forward(self) -> Tensor:
        return self.weight

    def initialise(self, member: int, generator: torch.Generator) -> None:
        """Its value, whatever the seed."""
        self.weight[member].fill_(self.value)


class Norm(nn.Module):
    """Layer normalisation with each member's own gain and shift: any ``(members, n, size)``."""

    def __init__(self, members: int, size: int) -> None:
        super().__init__()
        self.gain, self.shift = Vector(members, size, 1.0), Vector(members, size)

    def forward(self, x: Tensor) -> Tensor:
        scaled: Tensor = nn.functional.layer_norm(x, x.shape[-1:]) * self.gain() + self.shift()
        return scaled


class Gru(nn.Module):
    """A gated recurrent cell: a state of ``size`` is renewed by an input of ``inputs``, both ``(members, n, ..)``.

    Source: Cho et al., EMNLP 2014.
    """

    def __init__(self, members: int, inputs: int, size: int) -> None:
        super().__init__()
        self.of_input, self.of_state = Linear(members, inputs, 3 * size), Linear(members, size, 3 * size)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        reset, update, new = self.of_input(x).chunk(3, dim=-1)
        reset_by, update_by, new_by = self.of_state(state).chunk(3, dim=-1)
        fresh = torch.tanh(new + torch.sigmoid(reset + reset_by) * new_by)
        share = torch.sigmoid(update + update_by)
        renewed: Tensor = fresh + share * (state - fresh)
        return renewed


@torch.no_grad()
def initialise(network: nn.Module, seeds: Sequence[int]) -> None:
    """Draw every member's weights from its own seed, so that they do not depend on who is trained beside it."""
    for member, seed in enumerate(seeds):
        generator = torch.Generator().manual_seed(seed)
        for module in network.modules():
            if isinstance(module, Linear | Vector):
                module.initialise(member, generator)
