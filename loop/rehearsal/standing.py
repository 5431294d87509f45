"""Standing: how far a play has come after each experiment, as one number of which more is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume
from botorch.utils.multi_objective.pareto import is_non_dominated
from numpy.typing import NDArray

from loop.objective import SCORES, Goal, Objective
from loop.rehearsal.worlds import Truth
from loop.space.rows import key_of

NONE = -math.inf  # where nothing keeps the thresholds yet


@dataclass(frozen=True)
class Measure:
    """What a play is measured by: the best value, the score of a trade-off, hits, or the volume below a front.

    ``reference`` is what a front is counted from, as worth of the wanted targets; ``whole`` a volume that counts as 1.
    """

    objective: Objective
    is_hits: bool = False
    reference: tuple[float, ...] = ()
    whole: float = 1.0

    @staticmethod
    def of(objective: Objective, rows: Sequence[Truth]) -> Measure:
        """``rows`` are what a front is measured by: all that is known, which has a volume of 1."""
        if objective.has_classes or objective.is_scalar:
            return Measure(objective, is_hits=objective.has_classes)
        worths = _worths(objective, rows)
        if not len(worths):
            return Measure(objective, reference=(0.0,) * len(objective.wanted))
        low, high = worths.min(axis=0), worths.max(axis=0)
        reference = tuple((low - 0.1 * np.maximum(high - low, 1e-9 * np.abs(high) + 1e-12)).tolist())
        bare = Measure(objective, reference=reference)
        return replace(bare, whole=bare.volume(rows) or 1.0)

    @staticmethod
    def of_hits(objective: Objective) -> Measure:
        """Of a campaign that looks for what keeps its thresholds, as many as can be, and for no best one."""
        return Measure(objective, is_hits=True)

    @property
    def is_front(self) -> bool:
        return not (self.is_hits or self.objective.is_scalar)

    @property
    def name(self) -> str:
        """What the number is of."""
        if self.is_hits:
            return "hits"
        if self.is_front:
            return "volume below the front"
        wanted = self.objective.wanted
        if len(wanted) > 1:
            return SCORES[self.objective.tradeoff]
        is_matched = wanted[0].goal is Goal.MATCH
        return f"{wanted[0].name}, off {wanted[0].value:g}" if is_matched else wanted[0].name

    @property
    def unit(self) -> str:
        wanted = self.objective.wanted
        if len(wanted) != 1 or self.is_hits:
            return ""
        return "times" if wanted[0].goal is Goal.MATCH and wanted[0].is_log else wanted[0].unit

    def shown(self, standing: float) -> float:
        """A standing as it is told: a value that is to be small, or how far one is off, is no negative one."""
        wanted = self.objective.wanted
        is_small = len(wanted) == 1 and not self.is_hits and wanted[0].sign <= 0
        return -standing if is_small else standing

    def volume(self, rows: Sequence[Truth]) -> float:
        """The volume that rows dominate, as a share of the whole; what breaks a threshold counts for nothing."""
        worths = _worths(self.objective, [row for row in rows if self.objective.keeps(row)])
        if not len(worths):
            return 0.0
        above = torch.from_numpy(worths)
        count = Hypervolume(torch.tensor(self.reference, dtype=torch.float64)).compute(above[is_non_dominated(above)])
        return float(count) / self.whole

    def curve(self, points: NDArray[np.float64], rows: Sequence[Truth]) -> NDArray[np.float64]:
        """The standing after each experiment, ``(n,)``, of candidates ``points``, ``(n, d)``, with these truths."""
        if self.is_front:
            return np.array([self.volume(rows[: k + 1]) for k in range(len(rows))])
        if self.is_hits:
            hits = {k: self.objective.is_hit(row) is True for k, row in enumerate(rows)}
            seen: set[bytes] = set()
            found = []
            for k, x in enumerate(points):
                found.append(hits[k] and key_of(x) not in seen)
                seen.add(key_of(x))
            return np.cumsum(found).astype(np.float64)
        scores = [self.score(row) for row in rows]
        return np.maximum.accumulate(np.array(scores)) if scores else np.empty(0)

    def score(self, row: Truth) -> float:
        """The standing of one candidate alone, where plays are measured by a best one; ``NONE`` where it is no use."""
        if any(t.name not in row for t in self.objective.wanted) or not self.objective.keeps(row):
            return NONE
        return self.objective.score(row)


def _worths(objective: Objective, rows: Sequence[Truth]) -> NDArray[np.float64]:
    wanted = objective.wanted
    whole = [row for row in rows if all(t.name in row for t in wanted)]
    found = [[t.worth(row[t.name]) for t in wanted] for row in whole]
    near = [worths for worths in found if all(map(math.isfinite, worths))]  # a nought is off by an infinite factor
    return np.array(near).reshape(len(near), len(wanted))
