"""Doubt: hyper-parameters that rows leave possible beside the most probable ones.

Few results tell little of how much is noise and of how smooth a surface is. What is chosen next is chosen by the most
probable hyper-parameters (docs/decisions/0063); what is stated of it allows for the others too (0168).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from loop.surrogates.exact import Kernel
from loop.surrogates.grid import whitening

ROWS: Final = 200  # from which on hyper-parameters are hardly in doubt, and several processes take seconds


@dataclass(frozen=True)
class Possible:
    """Hyper-parameters of some rows: how likely they are, and what a posterior is made of with them."""

    weight: float
    kernel: Kernel
    noise: float  # variance, standardised
    root: Tensor  # (n, n), as that of an ``ExactPosterior``


@dataclass(frozen=True)
class Doubt:
    """Points of a grid of hyper-parameters.

    Attributes:
        x: The rows, shape ``(n, d)``.
        weights: Their noise in units of the noise variance, shape ``(n,)``.
        logs: Gives how likely each point is, as a logarithm up to a constant: shape ``(points,)``.
        at: The kernel and the noise variance, standardised, of a point by its number.
    """

    x: Tensor
    weights: Tensor
    logs: Callable[[], Tensor]
    at: Callable[[int], tuple[Kernel, float]]

    def possible(self, n: int) -> tuple[Possible, ...]:
        """``n`` points at most that stand for all, evenly through them by how likely they are."""
        upto = torch.softmax(self.logs(), 0).cumsum(0)
        even = (torch.arange(n, dtype=upto.dtype) + 0.5) / n
        numbers, counts = torch.unique(torch.searchsorted(upto, even * upto[-1]), return_counts=True)
        found = []
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            kernel, noise = self.at(number)
            root = whitening(kernel(self.x, self.x), noise * self.weights)
            found.append(Possible(count / n, kernel, noise, root))
        return tuple(found)


def among(grids: Sequence[Doubt], log_priors: Sequence[float]) -> Doubt:
    """The doubt of which of several grids of the same rows holds too, with what is believed of each before any data."""
    logs = torch.cat([grid.logs() + log_prior for grid, log_prior in zip(grids, log_priors, strict=True)])
    places = [(grid, number) for grid in grids for number in range(len(grid.logs()))]

    def at(number: int) -> tuple[Kernel, float]:
        grid, own = places[number]
        return grid.at(own)

    return Doubt(grids[0].x, grids[0].weights, lambda: logs, at)


def log_widths(values: Tensor) -> Tensor:
    """How much of the range of logarithms each of several values, rising, stands for, as a logarithm: ``(n,)``."""
    logs = values.log()
    middles = (logs[1:] + logs[:-1]) / 2
    ends = torch.cat([2 * logs[:1] - middles[:1], middles, 2 * logs[-1:] - middles[-1:]])
    return ends.diff().log()
