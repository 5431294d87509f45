"""Doubt: hyper-parameters that rows leave possible beside the most probable ones.

Few results tell little of how much is noise and of how smooth a surface is. What is chosen next is chosen by the most
probable hyper-parameters (docs/decisions/0063); what is stated of it allows for the others too (0168).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import torch
from torch import Tensor

from loop.surrogates.exact import Kernel
from loop.surrogates.grid import whitening

ROWS: Final = 200  # from which on hyper-parameters are hardly in doubt, and several processes take seconds


@dataclass(frozen=True)
class Point:
    """Hyper-parameters, standardised, and the covariance of what rows share beside the surface, ``(n, n)``."""

    kernel: Kernel
    noise: float
    shared: Tensor | None = None  # None for nothing


@dataclass(frozen=True)
class Possible:
    """Hyper-parameters of some rows: how likely they are, and what a posterior is made of with them."""

    weight: float
    kernel: Kernel
    noise: float  # variance, standardised
    y: Tensor  # (n,), as those of an ``ExactPosterior``
    root: Tensor  # (n, n), likewise
    doubting: Tensor  # the same of the deviations


@dataclass(frozen=True)
class Doubt:
    """Points of a grid of hyper-parameters.

    Attributes:
        x, y: The rows and their values, standardised, shapes ``(n, d)`` and ``(n,)``.
        weights: Their noise in units of the noise variance, shape ``(n,)``.
        logs: Gives how likely each point is, as a logarithm up to a constant: shape ``(points,)``.
        at: A point by its number.
        shared: Covariance of what rows share, standardised, that deviations rest on at every point, ``(n, n)``: that of
            the variances that are expected (docs/decisions/0138). None where they share nothing.
    """

    x: Tensor
    y: Tensor
    weights: Tensor
    logs: Callable[[], Tensor]
    at: Callable[[int], Point]
    shared: Tensor | None = None

    def possible(self, n: int) -> tuple[Possible, ...]:
        """``n`` points at most that stand for all, evenly through them by how likely they are."""
        upto = torch.softmax(self.logs(), 0).cumsum(0)
        even = (torch.arange(n, dtype=upto.dtype) + 0.5) / n
        numbers, counts = torch.unique(torch.searchsorted(upto, even * upto[-1]), return_counts=True)
        found = []
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            point = self.at(number)
            root = self._root(point, point.shared)
            doubting = root if self.shared is None else self._root(point, self.shared)
            found.append(Possible(count / n, point.kernel, point.noise, self.y, root, doubting))
        return tuple(found)

    def _root(self, point: Point, shared: Tensor | None) -> Tensor:
        covariance = point.kernel(self.x, self.x)
        covariance = covariance if shared is None else covariance + shared
        return whitening(covariance, point.noise * self.weights)


def among(grids: Sequence[Doubt], log_priors: Sequence[float], shared: Tensor | None = None) -> Doubt:
    """The doubt of which of several grids of the same rows holds too, with what is believed of each before any data.

    Its deviations rest on what is ``shared``.
    """

    @cache
    def logs() -> Tensor:
        return torch.cat([grid.logs() + log_prior for grid, log_prior in zip(grids, log_priors, strict=True)])

    def at(number: int) -> Point:
        for grid in grids:
            if number < len(grid.logs()):
                break
            number -= len(grid.logs())
        return grid.at(number)

    return Doubt(grids[0].x, grids[0].y, grids[0].weights, logs, at, shared)


def log_widths(values: Tensor) -> Tensor:
    """How much of the range of logarithms each of several values, rising, stands for, as a logarithm: ``(n,)``."""
    logs = values.log()
    middles = (logs[1:] + logs[:-1]) / 2
    ends = torch.cat([2 * logs[:1] - middles[:1], middles, 2 * logs[-1:] - middles[-1:]])
    return ends.diff().log()
