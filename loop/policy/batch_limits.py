"""Limits of a batch: what its experiments may come to together, in money, hours, sums of numbers and different values.

A day has so many hours, a bottle so many millilitres, a laboratory so many heating blocks. A batch has as many of the
chosen as that allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from loop.costs import Coordinate, Costs, Floats, Pays, Purse, Spent
from loop.policy.paying import in_words
from loop.policy.run_order import run_order, within
from loop.space.constraints import Formula
from loop.wording import amount_of, amount_text, part_of, plural


@dataclass(frozen=True)
class Sum:
    """A number that is summed over a batch.

    Attributes:
        of: The number, by coordinates ``(n, d)`` to ``(n,)``, never below zero.
        most: What its sum may be.
        least: What one experiment takes of it at least.
        spare: What is kept of it for each experiment of a full batch that is not chosen yet.
    """

    name: str
    unit: str
    of: Coordinate | Formula
    most: float
    least: float
    spare: float

    def at(self, x: Floats) -> Floats:
        """What each of ``x``, ``(n, d)``, takes of it: ``(n,)``."""
        return np.asarray(self.of(x), dtype=np.float64).reshape(len(x))

    @property
    def slack(self) -> float:
        """By how much a sum of floating-point numbers may pass what it may be."""
        return 1e-9 * max(1.0, self.most)


@dataclass(frozen=True)
class Different:
    """So many different values of a parameter, whose coordinate is in ``column``; not applying is none of them."""

    name: str
    column: int
    most: int
    is_number: bool

    def values(self, x: Floats) -> Floats:
        """Those that there are in ``x``, ``(n, d)``: ``(v,)``."""
        there = np.unique(x[:, self.column])
        return there if self.is_number else there[there >= 0.0]

    def go_with(self, before: Floats, x: Floats) -> NDArray[np.bool_]:
        """Which of ``x``, ``(n, d)``, bring no value too many beside ``before``, ``(b, d)``, each alone: ``(n,)``."""
        there = self.values(before)
        if len(there) < self.most:
            return np.ones(len(x), dtype=bool)
        known = np.isin(x[:, self.column], there)
        return known if self.is_number else known | (x[:, self.column] < 0.0)


@dataclass(frozen=True)
class BatchLimits:
    """What the experiments of one batch may come to together.

    Attributes:
        costs: What they cost, None where neither money nor hours are limited.
        purse: So much money and so many hours.
        sums: So much of each number.
        different: So many values of each parameter.
        spare: The same of money and hours as ``Sum.spare``.
        is_full: Whether each choice leaves room for the rest of the batch.
        last: Coordinates of what was run last, from which the first change of a slow parameter is counted, ``(d,)``.
        copies: How many experiments are made of each choice.
        seed: Of the order in which a batch is run.
    """

    costs: Costs | None
    purse: Purse
    sums: tuple[Sum, ...]
    different: tuple[Different, ...]
    spare: Spent
    is_full: bool = False
    last: NDArray[np.float64] | None = None
    copies: int = 1
    seed: int = 0

    def allow(self, x: Floats) -> bool:
        """Whether a batch ``x``, ``(n, d)``, comes to no more, in the order in which it would be run."""
        if any(self.copies * s.at(x).sum() > s.most + s.slack for s in self.sums):
            return False
        if any(len(d.values(x)) > d.most for d in self.different):
            return False
        return self.costs is None or not len(x) or self._spent(x).fits(self.purse)

    def kept(self, x: Floats, before: Floats, places: int) -> list[int]:
        """Which of ``x``, ``(n, d)`` in the order of choosing, are taken beside ``before``, ``(b, d)``.

        One after the other, each if it goes with what was taken before; of a full batch, if that leaves room for as
        many more as make up ``places``.
        """
        taken: list[int] = []
        for i in range(len(x)):
            rest = self.with_room(places - len(taken) - 1) if self.is_full else self
            if rest.allow(np.vstack([before, x[[*taken, i]]])):
                taken.append(i)
        return taken

    def room(self, before: Floats, places: int) -> Pays:
        """Which candidates, ``(n, d)`` to ``(n,)``, go with ``before``, ``(b, d)``, each by itself: changes of slow
        parameters are left out.
        """
        rest = self.with_room(places - 1) if self.is_full else self
        used = [self.copies * s.at(before).sum() for s in rest.sums]
        costs, purse = rest.costs, rest.purse
        if costs is not None and len(before):
            purse = purse.less(costs.spent(np.repeat(before, self.copies, axis=0)))
            costs = costs.having(before)

        def may(x: Floats) -> NDArray[np.bool_]:
            found = np.ones(len(x), dtype=bool)
            for s, there in zip(rest.sums, used, strict=True):
                found &= there + self.copies * s.at(x) <= s.most + s.slack
            for d in rest.different:
                found &= d.go_with(before, x)
            if costs is not None:
                found &= purse.has(*costs.each(x, None, self.copies))
            return found

        return may

    def with_room(self, places: int) -> BatchLimits:
        """What is left to others where so much is kept for ``places`` more choices."""
        count = max(places, 0) * self.copies
        sums = tuple(replace(s, most=s.most - count * s.spare) for s in self.sums)
        return replace(self, sums=sums, purse=self.purse.less(Spent(count * self.spare.cost, count * self.spare.hours)))

    def said(self, x: Floats) -> str:
        """What a batch ``x``, ``(n, d)``, comes to of what it may, such as "7 of 8 h and 58 of 60 mL of solvent".

        "" where only hours are limited and nothing says yet how long anything takes.
        """
        parts = []
        if self.costs is not None:
            spent = self._spent(x)
            hours = self.purse.hours if self.costs.has_hours else None
            given = ((spent.cost, self.purse.cost, self.costs.unit), (spent.hours, hours, "h"))
            parts = [part_of(used, most, unit) for used, most, unit in given if most is not None]
        parts += [f"{amount_text(used)} of {amount_of(left, what)} left" for used, left, what in self._drawn(x)]
        parts += [part_of(self.copies * float(s.at(x).sum()), s.most, s.unit) + f" of {s.name}" for s in self.sums]
        parts += [f"{len(d.values(x))} of {plural(d.most, 'value')} of {d.name}" for d in self.different]
        return _listed(parts)

    @property
    def text(self) -> str:
        """What a batch may come to, such as "8 h and 60 mL of solvent"."""
        unit = "" if self.costs is None else self.costs.unit
        parts = [in_words(self.purse, unit)] if self.purse != Purse() else []
        parts += [f"{amount_text(s.most)} {s.unit}".rstrip() + f" of {s.name}" for s in self.sums]
        parts += [f"{plural(d.most, 'value')} of {d.name}" for d in self.different]
        return _listed(parts)

    def _drawn(self, x: Floats) -> Iterator[tuple[float, float, str]]:
        """Of each stock that a batch ``x``, ``(n, d)``, takes of: so much, of how much, of what."""
        for stock, (what, left) in zip(
            () if self.costs is None else self.costs.stocks, self.purse.stocks, strict=False
        ):
            if used := self.copies * float(stock.at(x).sum()):
                yield used, left, what

    def _spent(self, x: Floats) -> Spent:
        """What a batch ``x``, ``(n, d)``, costs in the order in which it would be run."""
        assert self.costs is not None
        order = within(x, run_order(x, self.costs, self.last, seed=self.seed))
        return self.costs.spent(np.repeat(order, self.copies, axis=0), self.last)


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
