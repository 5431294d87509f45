"""The worth of a set of wells that is to hold hits: how many of the top level it brings, now and a little later.

A set grows as if what was chosen before had missed, as ``loop.acquisition.search`` grows a batch, so that it does not
stake all wells on one corner. Looking ahead is left out where many ways to share values are compared: it costs much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.acquisition.search import SURELY
from loop.plate.worth import Beside, Floats, some_beside

LATER = 200  # most promising candidates that later hits are looked for among; as many as a search looks among


@dataclass(frozen=True)
class Hits:
    """Chances of a hit in joint draws, and how much each draw counts after what is running missed.

    Attributes:
        chances: Of each candidate in each draw, times its chance to run: shape ``(s, n)``.
        log_weights: Of the draws, to within a constant: shape ``(s,)``.
        ahead: Of how many later experiments the hits count too.
        left: What a hit of each counts beside what was tried or runs, shape ``(n,)``.
        beside: What hits keep of that beside each other; None where all keep all.
    """

    chances: Floats
    log_weights: Floats
    ahead: int
    left: Floats
    beside: Beside | None = None

    def among(self, columns: NDArray[np.int64]) -> Hits:
        beside = some_beside(self.beside, columns)
        return Hits(self.chances[:, columns], self.log_weights, self.ahead, self.left[columns], beside)

    def start(self) -> _Hitting:
        return _Hitting(self)


class _Hitting:
    def __init__(self, of: Hits) -> None:
        self._of, self._log, self._left = of, of.log_weights.copy(), of.left.copy()
        self._picked: list[int] = []
        promise = _softmax(self._log) @ of.chances
        self._later = np.argsort(-promise, kind="stable")[:LATER]

    def gains(self) -> Floats:
        weights, chances = _softmax(self._log), self._of.chances
        total: Floats = (weights @ chances) * self._left
        if not self._of.ahead:
            return total
        later = np.setdiff1d(self._later, self._picked)
        most = min(self._of.ahead, len(later))
        if not most:
            return total
        own = np.flatnonzero(np.isin(np.arange(chances.shape[1]), later))
        place = np.searchsorted(later, own)
        for seen in (chances, 1.0 - chances):
            of_draw = weights[:, None] * seen
            likely = of_draw.sum(axis=0)
            after = (of_draw.T @ (chances[:, later] * self._left[later])) / np.maximum(likely, SURELY)[:, None]
            after[own, place] = 0.0  # a candidate is no later hit of itself
            best = np.partition(after, after.shape[1] - most, axis=1)[:, -most:]
            total = total + likely * best.sum(axis=1)
        return total

    def take(self, i: int) -> None:
        self._picked.append(i)
        self._log = self._log + np.log(np.maximum(1.0 - self._of.chances[:, i], SURELY))
        if self._of.beside is not None:
            self._left = np.minimum(self._left, self._of.beside(i))


def _softmax(log: Floats) -> Floats:
    weights = np.exp(log - log.max())
    return np.asarray(weights / weights.sum())
