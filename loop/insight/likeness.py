"""How alike molecules are to those that were measured: the nearest of these, and whether they are near enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.insight.explaining import Neighbour
from loop.molecules.fingerprints import count_fingerprints
from loop.outcome import Qualifier

NEIGHBOURS: Final = 3  # measured molecules that are named
EDGE: Final = 0.1  # share of the measured molecules that are lonelier than the edge of the domain
EDGE_ROWS: Final = 2_000  # measured molecules, evenly spaced, that this share is taken of
BLOCK: Final = 256  # of them at once: 60 MB beside 30,000 measured ones


@dataclass(frozen=True)
class Likeness:
    """How alike some molecules are to the measured ones."""

    measured: tuple[str, ...]
    values: dict[str, tuple[float, str]]  # and on which side of it they lie where only limits are known
    similarity: NDArray[np.float64]  # (asked, measured)
    place: dict[str, int]
    edge: float

    @staticmethod
    def of(
        measured: Sequence[str], y: NDArray[np.float64], asked: Sequence[str], limits: Sequence[str] = ()
    ) -> Likeness:
        """``limits`` are "<" or ">" where a value is one, else ""; left out where none is."""
        every: dict[str, list[tuple[float, str]]] = {}
        for s, value, limit in zip(measured, y.tolist(), limits or [""] * len(y), strict=True):
            every.setdefault(s, []).append((value, limit))
        values = {s: _together(several) for s, several in every.items()}
        prints = count_fingerprints((*values, *asked))
        known = np.arange(len(values))
        some = np.unique(np.linspace(0, len(values) - 1, min(len(values), EDGE_ROWS)).round().astype(np.int64))
        closest = np.empty(len(some))
        for start in range(0, len(some), BLOCK):
            rows = some[start : start + BLOCK]
            among = prints.similarity(rows, known)
            among[np.arange(len(rows)), rows] = -1.0
            closest[start : start + BLOCK] = among.max(axis=1)
        similarity = prints.similarity(len(values) + np.arange(len(asked)), known)
        place = {s: i for i, s in enumerate(asked)}
        return Likeness(tuple(values), values, similarity, place, float(np.quantile(closest, EDGE)))

    def nearest(self, smiles: str) -> tuple[Neighbour, ...]:
        """The measured molecules that are most alike, itself left out."""
        row = self._others(smiles)
        order = np.argsort(-row, kind="stable")[:NEIGHBOURS]
        names = [self.measured[i] for i in order if row[i] >= 0]
        found = zip(names, order, strict=False)
        return tuple(Neighbour(n, float(row[i]), self.values[n][0], limit=self.values[n][1]) for n, i in found)

    def is_inside(self, smiles: str) -> bool:
        """Whether it was measured, or is no lonelier than most that were."""
        return bool(smiles in self.values or self._others(smiles).max() >= self.edge)

    def _others(self, smiles: str) -> NDArray[np.float64]:
        row: NDArray[np.float64] = self.similarity[self.place[smiles]].copy()
        if smiles in self.values:
            row[self.measured.index(smiles)] = -1.0
        return row


def _together(several: Sequence[tuple[float, str]]) -> tuple[float, str]:
    """The mean of values; of limits alone the lowest that values lie below, else the highest that they lie above."""
    for limit, of in (("", np.mean), (Qualifier.BELOW, np.min), (Qualifier.ABOVE, np.max)):
        if mine := [value for value, side in several if side == limit]:
            return float(of(mine)), str(limit)
    raise AssertionError("a measured molecule has a value or a limit")
