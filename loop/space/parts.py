"""Parts of a space: the columns that constraints tie together, drawn from apart, however little is left of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.space.constraints import Comparison, Linear
from loop.space.parameters import Continuous, least_and_most
from loop.space.polytope import Array, inside, walk
from loop.space.raw import filled
from loop.space.skeleton import Skeleton
from loop.space.space import Space

BLOCK: Final = 4_096  # points drawn at once
TURNS: Final = 32  # blocks; a quarter of them where a part is thin: the rest is walked to from what was found
SEEKERS: Final = 256  # draws nearest to being allowed, from which a search sets out
SEARCH: Final = 600  # steps of it: a range of 1 is narrowed to 1e-12 or less
ENOUGH: Final = 32  # allowed points after which it ends
STEP: Final = 0.2  # of each range, the first
GROWN, SHRUNK = 1.6, 0.9  # after a step that helped and one that did not: one in five that helps keeps the length
NO_VALUE: Final = 1e6  # violation of an expression that has no value


@dataclass(frozen=True)
class Part:
    """One component of a space: ``space`` has its constraints alone, ``still`` is where all other columns are held."""

    space: Space
    skeleton: Skeleton
    still: NDArray[np.float64]

    @property
    def columns(self) -> tuple[int, ...]:
        return self.skeleton.columns

    @property
    def linear(self) -> list[Linear]:
        return [c for c in self.space.constraints if isinstance(c, Linear) and has_numbers(self.space, c)]

    def draw(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], int]:
        """Up to ``n`` allowed points, shape ``(k, columns)``, and how many were looked at; none where none turned up.

        Where hardly any draw is allowed, the others are reached by walks from those that are; where none is, from what
        a search comes upon that makes the violation of the constraints smaller step by step.
        """
        if (self.skeleton.low == self.skeleton.high).all():
            have = len(self.skeleton)
            rows = rng.permutation(np.arange(n) % have) if have <= n else rng.integers(0, have, n)
            return self.skeleton.low[rows], n
        wide = list(self.columns)
        found: list[Array] = []
        near: list[Array] = []
        have = looked = 0
        for turn in range(TURNS):
            x, low, high = self._drawn(min(max(n, 64), BLOCK) if not turn else BLOCK, rng)
            looked += len(x)
            keep = self.space.holds(x)
            found.append(np.stack([x[keep], low[keep], high[keep]]))
            near.append(np.stack([x, low, high]))
            have += int(keep.sum())
            if have >= n:
                return np.concatenate([f[0] for f in found])[:n][:, wide], looked
            if turn + 1 >= TURNS // 4 and (have or turn + 1 == TURNS // 2):
                break
        starts = np.concatenate(found, axis=1) if have else self._searched(np.concatenate(near, axis=1), rng)
        if not starts.shape[1]:
            return np.empty((0, len(wide))), looked
        x, low, high = starts[:, rng.permutation(np.arange(n) % starts.shape[1])]
        return self._walked(x, low, high, rng)[:, wide], looked

    def near(self, rows: NDArray[np.float64], each: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Allowed points near ``rows``, ``(n, columns)``: ``each`` of every row, a few of its numbers changed."""
        wide = list(self.columns)
        x = np.repeat(self._still(len(rows)), each, axis=0)
        x[:, wide] = np.repeat(rows, each, axis=0)
        low, high = x.copy(), x.copy()
        d = len(wide)
        moves = (
            rng.random((len(x), d)).argsort(axis=1).argsort(axis=1) < rng.integers(1, min(3, d) + 1, len(x))[:, None]
        )
        for place, column in enumerate(wide):
            p = self.space.parameters[column]
            if isinstance(p, Continuous):
                free = moves[:, place] & (x[:, column] != 0.0) & self.space.frame.active(x)[:, column]
                low[free, column], high[free, column] = p.low, p.high
        return np.asarray(self._walked(x, low, high, rng, steps=2)[:, wide])

    def _still(self, n: int) -> Array:
        return np.repeat(self.still[None, :], n, axis=0)

    def _drawn(self, n: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        rows = rng.integers(0, len(self.skeleton), n)
        low, high = self._still(n), self._still(n)
        low[:, list(self.columns)], high[:, list(self.columns)] = self.skeleton.low[rows], self.skeleton.high[rows]
        x = filled(self.space.frame, low, high, rng)
        if linear := self.linear:
            tied = sorted({column for c in linear for column in c.weights})
            x[:, tied] = walk(linear, low, high, inside(linear, low, high, x), rng)[:, tied]
        return self.space.frame.canonical(x), low, high

    def _walked(self, x: Array, low: Array, high: Array, rng: np.random.Generator, steps: int = 24) -> Array:
        return walk(self.linear, low, high, x, rng, keeps=self.space.holds, steps=steps)

    def _searched(self, drawn: Array, rng: np.random.Generator) -> Array:
        """Allowed points with their bounds, shape ``(3, k, d)``, by small random steps that bring constraints nearer.

        Each of a few hundred points has a step of its own, longer after one that helped and shorter after another.
        Source: Rechenberg, Evolutionsstrategie (1973), the (1+1) strategy with its rule of one success in five.
        """
        scales = self._scales(drawn[0])
        x, low, high = drawn[:, np.argsort(self._violation(drawn[0], scales), kind="stable")[:SEEKERS]]
        short, linear = self._violation(x, scales), self.linear
        length = np.full(len(x), STEP)
        for _ in range(SEARCH):
            moves = (rng.random(x.shape) < rng.random((len(x), 1))) * (high - low)
            y = np.clip(x + length[:, None] * moves * rng.normal(size=x.shape), low, high)
            if linear:
                y = inside(linear, low, high, y)
            y = self.space.frame.canonical(y)
            left = self._violation(y, scales)
            helps = left < short
            x, short = np.where(helps[:, None], y, x), np.where(helps, left, short)
            length = np.clip(length * np.where(helps, GROWN, SHRUNK), 1e-14, 0.5)
            there = self.space.holds(x)
            if there.sum() >= min(ENOUGH, len(x)):
                break
        there = self.space.holds(x)
        return np.stack([x[there], low[there], high[there]])

    def _scales(self, x: Array) -> dict[int, float]:
        """What a violation of each side of each expression is measured by: the middle of its sizes over the draws."""
        found = {}
        for rule in self.space.constraints:
            for side in rule.sides if isinstance(rule, Comparison) else ():
                size = np.abs(np.broadcast_to(side(x), len(x)))
                size = size[np.isfinite(size)]
                found[id(side)] = float(np.median(size)) or 1.0 if len(size) else 1.0
        return found

    def _violation(self, x: Array, scales: dict[int, float]) -> Array:
        """How far rows, ``(n, d)``, are from being allowed: ``(n,)``, 0 where every constraint is kept."""
        total = np.zeros(len(x))
        for rule in self.space.constraints:
            if isinstance(rule, Comparison):
                for side in rule.sides:
                    value = np.broadcast_to(side(x), len(x)) / scales[id(side)]
                    total += np.where(np.isfinite(value), np.maximum(-value, 0.0), NO_VALUE)
            else:
                total += ~rule.allows(x)
        return total


def part_of(space: Space, skeleton: Skeleton) -> Part:
    """The component of a space that a skeleton is of."""
    inside_ = set(skeleton.columns)
    mine = tuple(c for c in space.constraints if set(c.columns) <= inside_)
    still = np.array([least_and_most(p)[0] for p in space.parameters])
    bare = replace(space, constraints=mine, products=())  # filters of products are asked of whole candidates
    return Part(bare, skeleton, space.frame.canonical(still[None, :])[0])


def has_numbers(space: Space, rule: Linear) -> bool:
    """Whether a sum is one of continuous numbers, at least in part."""
    return any(isinstance(space.parameters[c], Continuous) for c in rule.columns)
