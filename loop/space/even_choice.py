"""A choice of points that meets equal shares of every column equally often.

# Note [Hypercubes under constraints]
Under constraints no design need exist in which each n-th of every range occurs once: of fractions that sum to one, not
all can be large in turn. What takes its place divides each parameter into n parts that hold equal shares of what is
allowed, and chooses points such that each part occurs once; an amount that is often zero is so as often as its share
says, and options occur as often as one another where there is a choice. The more columns are tied together, the less
often such a choice can be found, so it is measured.
Source: Minasny and McBratney, Computers & Geosciences 32 (2006) 1378 (the conditioned Latin hypercube).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.space.parts import Part
from loop.space.polytope import Array
from loop.space.rows import different, is_among
from loop.space.space import Space

SWEEPS: Final = 6
ROUNDS: Final = 8  # of looking near the chosen ones for something better
NEAR: Final = 2_048  # points looked at near them
ATOM: Final = 4  # times that a number must occur among the draws to be a level, beside half of a point's share
SLACK: Final = 0.05  # of a point, which shares known from draws may be off


class Choice:
    """A choice of some of a part's points, by how often each share of each column is met.

    Note [Hypercubes under constraints] says what is sought and where it comes from. ``drawn`` are points of the part,
    ``(k, columns)`` with ``k`` above zero, which tell its shares and may be chosen; ``tried`` are taken,
    ``(t, columns)``, and count as chosen already. Where ``is_whole`` (the part is the
    whole space) none of them is chosen again.
    """

    def __init__(self, drawn: Array, columns: tuple[int, ...], tried: Array, *, is_whole: bool) -> None:
        pool = different(drawn)
        self.pool = pool[~is_among(pool, tried)] if is_whole else pool
        self.drawn, self.columns, self.tried, self.is_whole = drawn, columns, tried, is_whole
        self.bins: list[Bins] = []
        self.counts: list[NDArray[np.int64]] = []
        self.spared: list[tuple[int, int]] = []

    @classmethod
    def of(cls, space: Space, columns: tuple[int, ...], drawn: Array, tried: Array) -> Choice:
        """A choice among ``drawn``, ``(k, columns)``, of those columns of a space, after ``tried``, ``(t, d)``."""
        return cls(drawn, columns, tried[:, list(columns)], is_whole=len(columns) == len(space.parameters))

    def pick(self, n: int, part: Part | None, rng: np.random.Generator) -> Array:
        """``n`` points, ``(n, columns)``, in random order; fewer where ``is_whole`` (nothing else tells two apart)
        and no more are there."""
        total = n + len(self.tried)
        self.bins = [Bins.of(self.drawn[:, k], total) for k in range(len(self.columns))]
        self.counts = [b.counted(self.tried[:, k]) for k, b in enumerate(self.bins)]
        gaps = [b.gaps(c) for b, c in zip(self.bins, self.counts, strict=True)]
        self.spared = [(max(wanting - n, 0), over) for wanting, over in gaps]  # what no choice could mend
        if self.is_whole and len(self.pool) <= n:
            self._add(self._placed(self.pool))
            return np.asarray(self.pool[rng.permutation(len(self.pool))])
        pool, once = self.pool, self.is_whole or len(self.pool) >= 4 * n
        chosen = self._exchanged(pool, np.empty(0, dtype=np.int64), n, rng, once=once)
        for _ in range(ROUNDS):
            if part is None or not sum(self.missed().values()) or (part.skeleton.low == part.skeleton.high).all():
                break
            others = pool[rng.permutation(len(pool))[:NEAR]]
            near = part.near(pool[chosen], max(NEAR // n, 8), rng)
            self._add(self._placed(pool[chosen]), -1)
            pool = np.vstack([pool[chosen], near, others])
            pool, numbers = np.unique(pool, axis=0, return_inverse=True)
            chosen = self._exchanged(pool, numbers.ravel()[:n], n, rng, once=once)
        return np.asarray(pool[chosen[rng.permutation(n)]])

    def missed(self) -> dict[int, int]:
        """Of each column, how many points are not where they should be."""
        found = {}
        for column, b, count, spared in zip(self.columns, self.bins, self.counts, self.spared, strict=True):
            found[column] = max(g - s for g, s in zip(b.gaps(count), spared, strict=True))
        return found

    def _exchanged(
        self, pool: Array, chosen: NDArray[np.int64], n: int, rng: np.random.Generator, *, once: bool
    ) -> NDArray[np.int64]:
        """``n`` rows of the pool: added one by one, then exchanged while that helps."""
        places = self._placed(pool)
        used = np.bincount(chosen, minlength=len(pool)).astype(float)
        self._add(places[chosen])
        noise = rng.random(len(pool)) * 0.5  # among equals any may be chosen

        def best() -> int:
            worth = noise + used * (1e9 if once else 1e-3)
            for k, b in enumerate(self.bins):
                worth = worth + b.harm(self.counts[k])[places[:, k]]
            return int(worth.argmin())

        picked = list(chosen)
        while len(picked) < n:
            picked.append(best())
            used[picked[-1]] += 1
            self._add(places[picked[-1:]])
        for _ in range(SWEEPS):
            before = sum(self.missed().values())
            if not before:
                break
            for i in rng.permutation(n):
                self._add(places[[picked[i]]], -1)
                used[picked[i]] -= 1
                picked[i] = best()
                used[picked[i]] += 1
                self._add(places[[picked[i]]])
            if sum(self.missed().values()) >= before:
                break
        return np.array(picked, dtype=np.int64)

    def _placed(self, x: Array) -> NDArray[np.int64]:
        return np.column_stack([b.place(x[:, k]) for k, b in enumerate(self.bins)])

    def _add(self, places: NDArray[np.int64], by: int = 1) -> None:
        for k, count in enumerate(self.counts):
            np.add.at(count, places[:, k], by)


@dataclass(frozen=True)
class Bins:
    """Shares of a column: levels that occur often, and parts of the rest that hold equal shares of the draws.

    ``least`` and ``most`` are how often each is to occur.
    """

    levels: Array
    edges: Array  # between the parts
    least: Array
    most: Array

    @classmethod
    def of(cls, values: Array, n: int) -> Bins:
        found, times = np.unique(values, return_counts=True)
        often = times >= max(ATOM, len(values) / (2 * n)) if len(found) > 2 * n else np.ones(len(found), dtype=bool)
        levels, rest = found[often], values[~np.isin(values, found[often])]
        share = len(rest) / len(values)
        parts = max(round(n * share), 1) if len(rest) else 0
        edges = np.quantile(rest, np.arange(1, parts) / parts) if parts > 1 else np.empty(0)
        wanted = n * np.concatenate([times[often] / len(values), np.full(parts, share / max(parts, 1))])
        return cls(levels, edges, np.floor(wanted + SLACK), np.ceil(wanted - SLACK))

    def place(self, values: Array) -> NDArray[np.int64]:
        """The number of the share of each value; of one that is none, the nearest."""
        rest = len(self.levels) + np.searchsorted(self.edges, values)
        if not len(self.levels):
            return np.asarray(rest, dtype=np.int64)
        after = np.clip(np.searchsorted(self.levels, values), 1, len(self.levels) - 1) if len(self.levels) > 1 else 0
        before = np.maximum(after - 1, 0)
        is_before = np.abs(values - self.levels[before]) <= np.abs(values - self.levels[after])
        nearest = np.where(is_before, before, after)
        is_level = (len(self.least) == len(self.levels)) | (self.levels[nearest] == values)
        return np.asarray(np.where(is_level, nearest, rest), dtype=np.int64)

    def counted(self, values: Array) -> NDArray[np.int64]:
        return (
            np.bincount(self.place(values), minlength=len(self.least))
            if len(values)
            else np.zeros(len(self.least), int)
        )

    def harm(self, counts: NDArray[np.int64]) -> Array:
        """What one more of each share adds to what is missed."""
        return np.where(counts < self.least, -1.0, np.where(counts < self.most, 0.0, 1.0))

    def gaps(self, counts: NDArray[np.int64]) -> tuple[int, int]:
        """How many points are wanting, and how many are over."""
        return int(np.maximum(self.least - counts, 0).sum()), int(np.maximum(counts - self.most, 0).sum())
