"""The unit cube laid over what constraints leave of a part of a space, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from loop.errors import SpaceError
from loop.space.constraints import Linear
from loop.space.drawing import none_found
from loop.space.parameters import Continuous, Discrete, least_and_most
from loop.space.parts import Part
from loop.space.polytope import Array
from loop.space.raw import stretched
from loop.space.skeleton import gates_first


@dataclass(frozen=True)
class Laid:
    """A map of the unit cube onto a part, column by column.

    A number chooses among the options, steps and zeros that are allowed after the columns before: options are as likely
    as one another, anything else as the combinations that have it. Options come before numbers, whatever they are
    called, so that one with which few steps go is no rarer for that. What is left of the number is the place between
    the ends: of a mixture evenly over the simplex, and of another sum all but one of its numbers.

    Source: Rosenblatt, Annals of Mathematical Statistics 23 (1952) 470; Fang and Wang, Number-theoretic Methods in
    Statistics (1994), section 1.4 (the simplex).
    """

    part: Part
    order: tuple[int, ...]  # places of the part's columns, in the order in which they are chosen
    low: Array  # of the combinations, in lexicographic order of that: (rows, columns)
    high: Array
    first: NDArray[np.int64]  # row with which the combinations begin that agree with one up to a column
    after: NDArray[np.int64]  # and the row after the last of them
    group: NDArray[np.int64]  # number of those combinations, counted up to the column

    @classmethod
    def of(cls, part: Part) -> Laid:
        skeleton, parameters = part.skeleton, part.space.parameters
        options = sorted(part.columns, key=lambda c: isinstance(parameters[c], Continuous | Discrete))
        order = tuple(part.columns.index(c) for c in gates_first(part.space, options))
        by = np.lexsort(skeleton.low.T[list(order)[::-1]])
        low, n = skeleton.low[by], len(by)
        differs = np.empty((n - 1, low.shape[1]), dtype=bool)
        differs[:, order] = np.logical_or.accumulate((low[1:] != low[:-1])[:, order], axis=1)
        begins = np.vstack([np.ones((1, low.shape[1]), dtype=bool), differs])
        number = np.arange(n)[:, None]
        first = np.maximum.accumulate(np.where(begins, number, 0), axis=0)
        ends = np.vstack([differs, np.ones((1, low.shape[1]), dtype=bool)])
        after = np.minimum.accumulate(np.where(ends, number + 1, n)[::-1], axis=0)[::-1]
        return cls(part, order, low, skeleton.high[by], first, after, begins.cumsum(axis=0) - 1)

    def rows(self, unit: Array) -> tuple[NDArray[np.int64], Array]:
        """The combination that each row of ``unit``, ``(n, columns)``, chooses, and what is left of its numbers."""
        start, end = np.zeros(len(unit), dtype=np.int64), np.full(len(unit), len(self.low), dtype=np.int64)
        left = unit.copy()
        for place in self.order:
            if isinstance(self.part.space.parameters[self.part.columns[place]], Continuous | Discrete):
                at = start + unit[:, place] * (end - start)
                row = np.minimum(at.astype(np.int64), end - 1)
            else:
                group = self.group[:, place]
                there = group[end - 1] - group[start] + 1
                chosen = np.minimum((unit[:, place] * there).astype(np.int64), there - 1)
                row = np.searchsorted(group, group[start] + chosen)
                at = row.astype(np.float64)
            start, end = self.first[row, place], self.after[row, place]
            left[:, place] = np.clip((at - start) / (end - start), 0.0, np.nextafter(1.0, 0.0))
        return start, left

    def drawn(self, n: int, rng: np.random.Generator) -> Array:
        """Points of the part at random with options as likely as one another, ``(n, columns)``.

        Raises:
            SpaceError: No allowed point turned up; names the constraint that is hardest to keep.
        """
        rows, _ = self.rows(rng.random((n, len(self.part.columns))))
        picked = replace(self.part.skeleton, low=self.low[rows], high=self.high[rows])
        found, looked = replace(self.part, skeleton=picked).draw(n, rng)
        if not len(found):
            raise SpaceError(none_found(self.part, looked))
        return found

    def lay(self, x: Array, unit: Array) -> None:
        """Puts the part's columns of ``x``, ``(n, d)``, in place, from ``unit`` of the same shape."""
        columns = list(self.part.columns)
        inner = unit.copy()
        start, inner[:, columns] = self.rows(unit[:, columns])
        low, high = x.copy(), x.copy()
        low[:, columns], high[:, columns] = self.low[start], self.high[start]
        space = self.part.space
        open_ = high > low
        for column in columns:
            p = space.parameters[column]
            between = low[:, column]
            if isinstance(p, Continuous):
                between = stretched(Continuous(p.name, p.low, p.high, scale=p.scale), inner[:, column])
                between = np.clip(between, low[:, column], high[:, column])
            x[:, column] = np.where(open_[:, column], between, low[:, column])
        for mixture in space.mixtures:
            if set(mixture.columns) <= set(columns):
                mine = list(mixture.columns)
                x[:, mine] = low[:, mine] + _simplex(inner[:, mine], open_[:, mine], 1.0 - low[:, mine].sum(axis=1))
        mixed = space.frame.mixed_columns
        equal = [r for r in self.part.linear if r.is_equality]
        for rule in equal:
            others = {c for r in equal if r is not rule for c in r.columns}
            if own := [c for c in rule.columns if c not in mixed | others]:
                self._solve(x, rule, open_, own)

    def _solve(self, x: Array, rule: Linear, open_: NDArray[np.bool_], columns: Sequence[int]) -> None:
        """Sets in each row the number that can make up most of a sum to what is wanting of it."""
        weight = np.array([rule.weights[c] for c in columns])
        span = np.array([np.subtract(*least_and_most(self.part.space.parameters[c])[::-1]) for c in columns])
        reach = np.where(open_[:, columns], np.abs(weight) * span, -1.0)
        best = np.asarray(reach.argmax(axis=1), dtype=np.int64)
        can = (reach.max(axis=1) > 0) & ~rule.exempt(x)
        gap = rule.at_most - x[:, list(rule.weights)] @ np.array(list(rule.weights.values()))
        rows = np.flatnonzero(can)
        x[rows, np.asarray(columns)[best[rows]]] += gap[rows] / weight[best[rows]]


def _simplex(unit: Array, open_: NDArray[np.bool_], total: Array) -> Array:
    """Numbers from 0 to 1, ``(n, k)``, as shares of ``total``, ``(n,)``, evenly over the simplex of those open."""
    shares = np.zeros_like(unit)
    left, rest = open_.sum(axis=1), total.copy()
    for column in range(unit.shape[1]):
        here = open_[:, column]
        with np.errstate(divide="ignore"):
            share = np.where(left > 1, 1.0 - (1.0 - unit[:, column]) ** (1.0 / np.maximum(left - 1, 1)), 1.0)
        shares[:, column] = np.where(here, rest * share, 0.0)
        rest = rest - shares[:, column]
        left = left - here
    return shares
