"""Costs: what experiments cost in money and hours, one by one and in the order in which they are run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Purse:
    """What may still be spent: money in the unit of the costs, and hours; None where there is no limit."""

    cost: float | None = None
    hours: float | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """Money and hours."""

    cost: float = 0.0
    hours: float = 0.0

    def fits(self, purse: Purse) -> bool:
        """Whether a purse has so much, to a billionth."""
        limits = ((self.cost, purse.cost), (self.hours, purse.hours))
        return all(limit is None or mine <= limit + 1e-9 * max(1.0, abs(limit)) for mine, limit in limits)


@dataclass(frozen=True)
class Costs:
    """The costs of a campaign over a space.

    Attributes:
        experiment: Money for each experiment.
        hours: Hours that each takes; ``hour`` is the price of one, included in every sum of money.
        options: For each column with priced options, the price of each option: shape ``(options,)``.
        switch: For each column that is slow to change, money and hours of one change.
    """

    unit: str
    experiment: float
    hours: float
    hour: float
    options: tuple[tuple[int, Floats], ...] = ()
    switch: tuple[tuple[int, float, float], ...] = ()

    @property
    def has_money(self) -> bool:
        """Whether anything costs money; else only hours count."""
        paid = self.experiment or any(prices.any() for _, prices in self.options)
        timed = self.hour and (self.hours or any(hours for _, _, hours in self.switch))
        return bool(paid or timed or any(cost for _, cost, _ in self.switch))

    @property
    def shown_unit(self) -> str:
        """The unit of ``own`` and ``change``, for messages."""
        return (self.unit or "cost") if self.has_money else "h"

    def own(self, x: Floats) -> Floats:
        """What experiments at ``x``, ``(n, d)``, cost by themselves: money, or hours where none is asked: ``(n,)``."""
        if not self.has_money:
            return np.full(len(x), self.hours)
        total = np.full(len(x), self.experiment + self.hour * self.hours)
        for column, prices in self.options:
            total = total + prices[np.rint(x[:, column]).astype(np.int64)]
        return total

    def change(self, a: Floats, b: Floats) -> Floats:
        """What it costs to go from ``a``, ``(n, d)``, to ``b``, ``(m, d)``, in the unit of ``own``: ``(n, m)``."""
        total = np.zeros((len(a), len(b)))
        for column, cost, hours in self.switch:
            price = cost + self.hour * hours if self.has_money else hours
            total += price * (a[:, None, column] != b[None, :, column])
        return total

    def spent(self, x: Floats, before: Floats | None = None, hours: Sequence[float | None] = ()) -> Spent:
        """What experiments at ``x``, ``(n, d)``, cost in this order, after one at ``before``, ``(d,)``.

        ``hours`` are those that each really took, None or left out where only the declared are known.
        """
        took = np.array([self.hours if h is None else h for h in hours] or [self.hours] * len(x), dtype=np.float64)
        money = np.full(len(x), self.experiment, dtype=np.float64)
        for column, prices in self.options:
            money = money + prices[np.rint(x[:, column]).astype(np.int64)]
        path = x if before is None else np.vstack([before, x])
        changes = path[1:] != path[:-1]
        extra = sum(float(hours_) * changes[:, column].sum() for column, _, hours_ in self.switch)
        paid = sum(cost * changes[:, column].sum() for column, cost, _ in self.switch)
        total = float(took.sum() + extra)
        return Spent(float(money.sum() + paid + self.hour * total), total)

    def marginal(self, x: Floats, chosen: Floats, last: Floats | None) -> Floats:
        """What each of ``x``, ``(n, d)``, adds to a batch ``chosen``, ``(k, d)``, run after ``last``: ``(n,)``.

        Its own cost, and of the changes those of the cheapest place in the batch where it can be put.
        """
        own = self.own(x)
        stops = chosen if last is None else np.vstack([last, chosen])
        if not self.switch or not len(stops):
            return own
        there = self.change(x, stops)
        extra: Floats = there.min(axis=1)  # at an end of the path, or beside one like it
        if len(stops) > 1:
            legs = self.change(stops, stops)
            between = there[:, :, None] + there[:, None, :] - legs[None]
            between[:, np.arange(len(stops)), np.arange(len(stops))] = np.inf
            extra = np.minimum(extra, np.maximum(between.min(axis=(1, 2)), 0.0))
        return own + extra

    def cheapest(self) -> Spent:
        """The least that an experiment can cost."""
        least = sum(float(prices.min()) for _, prices in self.options)
        return Spent(self.experiment + least + self.hour * self.hours, self.hours)
