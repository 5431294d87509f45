"""The worth of a set of wells, grown one well at a time; what every way of filling a plate is scored by.

A ``Cover`` is a table of draws: a set is worth, in each draw, as much as its best member is above what there was before
(expected improvement, hypervolume, optimistic bounds, Thompson draws). A ``Teaching`` is a Gaussian belief: a set is
worth the variance that measuring it removes (initial designs, exploration). For both, what is chosen first makes what
is like it worth less. In a ``Sum`` each counts by itself (many of the best, hits of a class). ``loop.plate.hits`` has
the hits of a level.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Beside = Callable[[int], Floats]  # number of a candidate to the share of its worth, 0 to 1, that each keeps beside it


class Progress(Protocol):
    """A set while it is being chosen."""

    def gains(self) -> Floats:
        """What each candidate would add to the set, above zero: shape ``(n,)``."""
        ...

    def take(self, i: int) -> None:
        """Put candidate ``i`` into the set."""
        ...


class Worth(Protocol):
    """The worth of sets out of ``n`` candidates."""

    def among(self, columns: NDArray[np.int64]) -> Worth:
        """The same for some of the candidates only."""
        ...

    def start(self) -> Progress:
        """The empty set."""
        ...


@dataclass(frozen=True)
class Cover:
    """Draws of candidates, larger is better: a set's worth is how far its best exceeds ``best``, on average.

    Attributes:
        draws: Shape ``(s, n)``.
        best: What there is already in each draw, shape ``(s,)``.
        weight: Factor for each candidate, such as its chance to run as intended: shape ``(n,)``.
        tau: Width over which ``max(0, z)`` is smoothed to ``tau log(1 + exp(z / tau))``, in the unit of the draws; 0
            for none. Smoothed, candidates are told apart where hardly any draw improves (Ament et al., NeurIPS 2023).
    """

    draws: Floats
    best: Floats
    weight: Floats
    tau: float = 0.0

    def among(self, columns: NDArray[np.int64]) -> Cover:
        return Cover(self.draws[:, columns], self.best, self.weight[columns], self.tau)

    def coarser(self, draws: int) -> Cover:
        """The same with the first draws only and no smoothing: quick, for comparing many ways to fill a plate.

        Single precision holds how far draws are apart, and not where they lie: an energy of -2,345 Eh.
        """
        above = self.draws[:draws] - self.best[:draws, None]
        return Cover(above.astype(np.float32), np.zeros(len(above)).astype(np.float32), self.weight)

    def start(self) -> _Covering:
        return _Covering(self, self.best.copy())


class _Covering:
    def __init__(self, of: Cover, best: Floats) -> None:
        self._of, self._best = of, best

    def gains(self) -> Floats:
        above = self._of.draws - self._best[:, None]
        if self._of.tau:
            scaled = above / self._of.tau
            above = self._of.tau * np.where(scaled > 30.0, scaled, np.log1p(np.exp(np.clip(scaled, -700.0, 30.0))))
        else:
            np.maximum(above, 0.0, out=above)
        gains: Floats = above.mean(axis=0, dtype=np.float64) * self._of.weight
        return gains

    def take(self, i: int) -> None:
        self._best = np.maximum(self._best, self._of.draws[:, i])


@dataclass(frozen=True)
class Teaching:
    """A Gaussian belief over candidates: a set's worth is the variance that measuring it removes.

    Attributes:
        covariance: Of the candidates, shape ``(n, n)``.
        cross: Between the candidates and points that stand for what is to be learnt, shape ``(n, p)``; with none,
            each candidate's own variance counts (maximum entropy sampling, Ko, Lee and Queyranne 1995).
        noise: Variance of a measurement.
        weight: Factor for each candidate: shape ``(n,)``.
    """

    covariance: Floats
    cross: Floats
    noise: float
    weight: Floats

    def among(self, columns: NDArray[np.int64]) -> Teaching:
        return Teaching(
            self.covariance[np.ix_(columns, columns)], self.cross[columns], self.noise, self.weight[columns]
        )

    def start(self) -> _Learning:
        return _Learning(self)


class _Learning:
    def __init__(self, of: Teaching) -> None:
        self._of = of
        self._variance = of.covariance.diagonal().copy()
        self._cross = of.cross.copy()
        self._directions: list[Floats] = []  # each (n,): what the measurements so far have explained

    def gains(self) -> Floats:
        if self._cross.shape[1]:
            removed = np.square(self._cross).sum(axis=1) / (self._variance + self._of.noise)
        else:
            removed = self._variance
        gains: Floats = np.maximum(removed, 0.0) * self._of.weight
        return gains

    def take(self, i: int) -> None:
        column = self._of.covariance[:, i].copy()
        for direction in self._directions:
            column -= direction * direction[i]
        scale = np.sqrt(max(self._variance[i], 0.0) + self._of.noise)
        direction = column / scale
        if self._cross.shape[1]:
            self._cross -= np.outer(direction, self._cross[i] / scale)
        self._variance = self._variance - np.square(direction)
        self._directions.append(direction)


def some_beside(beside: Beside | None, columns: NDArray[np.int64]) -> Beside | None:
    """The same for some of the candidates only."""
    return None if beside is None else lambda i: beside(int(columns[i]))[columns]


@dataclass(frozen=True)
class Sum:
    """Candidates that are worth as much in any company: a set is worth what its members are, added up.

    Attributes:
        values: Of each candidate, zero or above: shape ``(n,)``.
        beside: What candidates keep of their worth beside each other; None where all keep all.
    """

    values: Floats
    beside: Beside | None = None

    def among(self, columns: NDArray[np.int64]) -> Sum:
        return Sum(self.values[columns], some_beside(self.beside, columns))

    def start(self) -> _Summing:
        return _Summing(self)


class _Summing:
    def __init__(self, of: Sum) -> None:
        self._of, self._left = of, of.values.copy()

    def gains(self) -> Floats:
        return self._left

    def take(self, i: int) -> None:
        if self._of.beside is not None:
            self._left = np.minimum(self._left, self._of.beside(i) * self._of.values)
