"""Costs: what experiments cost in money and hours, one by one and in the order in which they are run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from numbers import Real
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loop.errors import PlanError

Floats = NDArray[np.float64]
USES: Final = "uses"  # the unit of a stock that is counted in experiments
Pays: TypeAlias = Callable[[Floats], NDArray[np.bool_]]  # which of (n, d) can be paid for: (n,)


def pays_all(x: Floats) -> NDArray[np.bool_]:
    """All can be paid for, where no budget says otherwise."""
    return np.ones(len(x), dtype=bool)


@dataclass(frozen=True, slots=True)
class Purse:
    """What may still be spent: money in the unit of the costs, and hours; None where there is no limit.

    ``stocks`` are what is left of things of which there is so much, in the order of ``Costs.stocks``, each with what it
    is of ("mL of solvent").
    """

    cost: float | None = None
    hours: float | None = None
    stocks: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        for name, limit in (("cost", self.cost), ("hours", self.hours)):
            if limit is not None and not (isinstance(limit, Real) and not math.isnan(limit)):
                raise PlanError(f"Purse: {name} must be a number, or None for no limit, got {limit!r}")

    def has(self, cost: Floats, hours: Floats, stocks: Sequence[Floats] = ()) -> NDArray[np.bool_]:
        """Whether there is so much of each, ``(n,)`` all, to a billionth: shape ``(n,)``."""
        enough = np.ones(len(cost), dtype=bool)
        left = zip(stocks, (much for _, much in self.stocks), strict=False)
        for mine, limit in ((cost, self.cost), (hours, self.hours), *left):
            if limit is not None:
                enough &= mine <= _with_slack(limit)
        return enough

    def times(self, each: Spent) -> int | None:
        """How many experiments that cost so much it pays for; None where it limits nothing that they cost."""
        pairs = ((each.cost, self.cost), (each.hours, self.hours))
        found = [math.floor(limit / mine + 1e-9) for mine, limit in pairs if limit is not None and mine > 0]
        return max(min(found), 0) if found else None

    def part(self, share: float) -> Purse:
        """So much of each; of what is counted in uses the next whole number of them."""
        cost, hours = (None if limit is None else share * limit for limit in (self.cost, self.hours))
        stocks = ((what, share * much, what.startswith(USES)) for what, much in self.stocks)
        return Purse(cost, hours, tuple((what, math.ceil(part) if whole else part) for what, part, whole in stocks))

    def less(self, spent: Spent) -> Purse:
        """What is left after something was spent; below zero where it was more than there is."""
        used = spent.stocks or (0.0,) * len(self.stocks)
        return Purse(
            None if self.cost is None else self.cost - spent.cost,
            None if self.hours is None else self.hours - spent.hours,
            tuple((what, much - mine) for (what, much), mine in zip(self.stocks, used, strict=False)),
        )

    @staticmethod
    def of(told: Mapping[str, Any]) -> Purse:
        """As ``as_json`` tells it."""
        return Purse(told.get("cost"), told.get("hours"), tuple((what, much) for what, much in told.get("stocks", ())))

    @property
    def as_json(self) -> dict[str, Any]:
        """As a record keeps it; stocks are left out where there are none."""
        stocks = {"stocks": [list(one) for one in self.stocks]} if self.stocks else {}
        return {"cost": self.cost, "hours": self.hours, **stocks}

    @property
    def positive(self) -> Purse:
        """The same with nothing where less than nothing is left."""
        cost, hours = (None if limit is None else max(limit, 0.0) for limit in (self.cost, self.hours))
        return Purse(cost, hours, tuple((what, max(much, 0.0)) for what, much in self.stocks))


@dataclass(frozen=True, slots=True)
class Spent:
    """Money and hours, and what was taken of each of ``Costs.stocks``; of none where that is empty."""

    cost: float = 0.0
    hours: float = 0.0
    stocks: tuple[float, ...] = ()

    def __add__(self, other: Spent) -> Spent:
        stocks = tuple(map(sum, zip_longest(self.stocks, other.stocks, fillvalue=0.0)))
        return Spent(self.cost + other.cost, self.hours + other.hours, stocks)

    def less(self, other: Spent) -> Spent:
        """What was spent beside that."""
        return self + Spent(-other.cost, -other.hours, tuple(-mine for mine in other.stocks))

    def fits(self, purse: Purse) -> bool:
        """Whether a purse has so much, to a billionth."""
        stocks = zip(self.stocks, (much for _, much in purse.stocks), strict=False)
        limits = ((self.cost, purse.cost), (self.hours, purse.hours), *stocks)
        return all(limit is None or mine <= _with_slack(limit) for mine, limit in limits)


@dataclass(frozen=True, slots=True)
class Expense:
    """What one experiment took by its own result, None where that does not say.

    ``cost`` is all that it cost, its hours included; changes of slow parameters come on top.
    """

    hours: float | None = None
    cost: float | None = None


@dataclass(frozen=True)
class Amount:
    """What so much of something costs, or how long it takes: the price of one unit of a number times the number.

    Attributes:
        of: The number, by coordinates: arrays or tensors ``(n, d)`` to ``(n,)``, never below zero.
        prices: Of one unit: shape ``(1,)``; with ``column`` that of each of its options, and one more, zero, where the
            column does not always apply.
        column: Of the options by which the price goes, None where one price counts for all.
    """

    of: Callable[[Any], Any]
    prices: Floats
    column: int | None = None

    def per_unit(self, x: Floats) -> Floats:
        """The price of one unit at each of ``x``, ``(n, d)``: ``(n,)``."""
        if self.column is None:
            return np.full(len(x), self.prices[0])
        return np.asarray(self.prices[_options_at(x, self.column)])

    def at(self, x: Floats) -> Floats:
        """What it comes to at each of ``x``, ``(n, d)``: ``(n,)``."""
        return self.per_unit(x) * np.asarray(self.of(x), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Coordinate:
    """A number that is a coordinate itself: arrays or tensors ``(n, d)`` to ``(n,)``."""

    column: int

    def __call__(self, x: Any) -> Any:
        return x[:, self.column]


@dataclass(frozen=True)
class Stock:
    """So much of something for a whole campaign, of which no experiment may take what is not there.

    Attributes:
        name: Of the option, number or part.
        unit: ``USES`` where experiments are counted, "" of a number without one.
        amount: What there is when the campaign begins, in that unit.
        of: What each experiment takes of it, by coordinates ``(n, d)`` to ``(n,)``, never below zero.
    """

    name: str
    unit: str
    amount: float
    of: Callable[[Any], Any]

    @property
    def what(self) -> str:
        """What an amount is of, as it stands behind the number."""
        return f"{self.unit} of {self.name}".strip()

    def at(self, x: Floats) -> Floats:
        """What experiments at ``x``, ``(n, d)``, take of it: ``(n,)``."""
        return np.asarray(self.of(x), dtype=np.float64).reshape(len(x))


@dataclass(frozen=True, slots=True)
class OptionUse:
    """What an experiment takes of an option, one use where no ``amounts`` say how much: coordinates ``(n, d)`` to
    ``(n,)``.
    """

    columns: tuple[int, ...]  # one, or those that are interchangeable
    option: int
    amounts: tuple[Callable[[Any], Any], ...] = ()  # one for each column

    def __call__(self, x: Any) -> Any:
        uses = [(np.rint(x[:, column]) == self.option).astype(np.float64) for column in self.columns]
        if self.amounts:
            uses = [u * np.asarray(amount(x), dtype=np.float64) for u, amount in zip(uses, self.amounts, strict=True)]
        return np.sum(uses, axis=0)


@dataclass(frozen=True, slots=True)
class Together:
    """What is taken of several numbers in all: coordinates ``(n, d)`` to ``(n,)``."""

    of: tuple[Callable[[Any], Any], ...]

    def __call__(self, x: Any) -> Any:
        return np.sum([each(x) for each in self.of], axis=0)


@dataclass(frozen=True)
class Costs:
    """The costs of a campaign over a space.

    Attributes:
        experiment: Money for each experiment.
        hours: Hours that each takes; ``hour`` is the price of one, included in every sum of money.
        options: For each column with priced options, the price of each option: shape ``(options,)``, and one more,
            zero, where the column does not always apply.
        switch: For each column that is slow to change, money and hours of one change.
        option_hours: For a column whose options take hours of their own, those of each: shape ``(options,)``.
        amounts: What costs by how much of it there is.
        lasting: The same of hours.
        once: For each column whose options cost something when they are first used, a bottle that is bought, what each
            does: as ``options``. Of what is there already it is zero, see ``having``.
        least: Money and hours without their price that ``amounts`` and ``lasting`` come to at least.
        stocks: Things of which there is so much.
    """

    unit: str
    experiment: float
    hours: float
    hour: float
    options: tuple[tuple[int, Floats], ...] = ()
    switch: tuple[tuple[int, float, float], ...] = ()
    option_hours: tuple[tuple[int, Floats], ...] = ()
    amounts: tuple[Amount, ...] = ()
    lasting: tuple[Amount, ...] = ()
    once: tuple[tuple[tuple[int, ...], Floats], ...] = ()
    least: Spent = Spent()
    stocks: tuple[Stock, ...] = ()

    @property
    def has_money(self) -> bool:
        """Whether anything costs money; else only hours count."""
        paid = self.experiment or any(prices.any() for _, prices in self.options)
        paid = paid or any(amount.prices.any() for amount in self.amounts)
        paid = paid or bool(self.once)  # whatever is there already
        timed = self.hour and self.has_hours
        return bool(paid or timed or any(cost for _, cost, _ in self.switch))

    @property
    def has_hours(self) -> bool:
        """Whether anything is known to take hours."""
        return bool(self.has_hours_each or any(hours for _, _, hours in self.switch))

    @property
    def has_hours_each(self) -> bool:
        """Whether anything is known of how long an experiment takes, changes of slow parameters left out."""
        return bool(self.hours or self.lasting or any(hours.any() for _, hours in self.option_hours))

    @property
    def shown_unit(self) -> str:
        """The unit of ``own`` and ``change``, for messages."""
        return (self.unit or "cost") if self.has_money else "h"

    def having(self, x: Floats) -> Costs:
        """The same where everything at ``x``, ``(n, d)``, was used before, so that it is there."""
        if not self.once or not len(x):
            return self
        left = []
        for columns, prices in self.once:
            rest = prices.copy()
            for column in columns:
                rest[_options_at(x, column)] = 0.0
            left.append((columns, rest))
        return replace(self, once=tuple(left))

    def bought(self, x: Floats) -> tuple[tuple[int, int, float], ...]:
        """What is used at ``x``, ``(n, d)``, for the first time and costs something then: column, option, price."""
        return tuple(
            (columns[0], int(option), float(prices[option]))
            for columns, prices in self.once
            for option in np.unique([_options_at(x, column) for column in columns])
            if prices[option]
        )

    def own(self, x: Floats) -> Floats:
        """What experiments at ``x``, ``(n, d)``, cost by themselves: money, or hours where none is asked: ``(n,)``."""
        return self.basis(x) if self.has_money else self.hours_of(x)

    def basis(self, x: Floats) -> Floats:
        """What experiments at ``x``, ``(n, d)``, cost by themselves in money, zero where none is asked: ``(n,)``."""
        return self._money(x) + self.hour * self.hours_of(x)

    def hours_of(self, x: Floats) -> Floats:
        """How long experiments at ``x``, ``(n, d)``, take by themselves: ``(n,)``."""
        return _with(np.full(len(x), self.hours, dtype=np.float64), x, self.option_hours, self.lasting)

    @property
    def varying(self) -> tuple[tuple[float, Amount], ...]:
        """What makes ``own`` rise with a number, each with what it is multiplied by there."""
        hour = self.hour if self.has_money else 1.0
        money = tuple((1.0, amount) for amount in self.amounts) if self.has_money else ()
        return (*money, *((hour, amount) for amount in self.lasting))

    def change(self, a: Floats, b: Floats) -> Floats:
        """What it costs to go from ``a``, ``(n, d)``, to ``b``, ``(m, d)``, in the unit of ``own``: ``(n, m)``."""
        total = np.zeros((len(a), len(b)))
        for column, cost, hours in self.switch:
            price = cost + self.hour * hours if self.has_money else hours
            total += price * (a[:, None, column] != b[None, :, column])
        return total

    def spent(self, x: Floats, before: Floats | None = None, expenses: Sequence[Expense] = ()) -> Spent:
        """What experiments at ``x``, ``(n, d)``, cost in this order, after one at ``before``, ``(d,)``.

        ``expenses`` are what each really took, left out where nothing but the costs is known.
        """
        took, money = self.hours_of(x), self._money(x)
        for i, expense in enumerate(expenses):
            took[i] = took[i] if expense.hours is None else expense.hours
            money[i] = money[i] if expense.cost is None else expense.cost - self.hour * took[i]
        path = x if before is None else np.vstack([before, x])
        changes = path[1:] != path[:-1]
        extra = sum(float(hours_) * changes[:, column].sum() for column, _, hours_ in self.switch)
        paid = sum(cost * changes[:, column].sum() for column, cost, _ in self.switch)
        total = float(took.sum() + extra)
        bottles = sum(price for _, _, price in self.bought(x))
        stocks = tuple(float(stock.at(x).sum()) for stock in self.stocks)
        return Spent(float(money.sum() + paid + bottles + self.hour * total), total, stocks)

    def each(
        self, x: Floats, before: Floats | None = None, copies: int = 1
    ) -> tuple[Floats, Floats, tuple[Floats, ...]]:
        """Money, hours and what is taken of each stock by each of ``x``, ``(n, d)``, made ``copies`` times after
        ``before``: ``(n,)`` all.
        """
        money, hours = copies * self._money(x) + self._first(x), copies * self.hours_of(x)
        if before is not None:
            for column, cost, hours_ in self.switch:
                changed = x[:, column] != before[column]
                money, hours = money + cost * changed, hours + hours_ * changed
        return money + self.hour * hours, hours, tuple(copies * stock.at(x) for stock in self.stocks)

    def marginal(self, x: Floats, chosen: Floats, last: Floats | None) -> Floats:
        """What each of ``x``, ``(n, d)``, adds to a batch ``chosen``, ``(k, d)``, run after ``last``: ``(n,)``.

        Its own cost, what it uses for the first time, and of the changes those of the cheapest place in the batch where
        it can be put.
        """
        own = self.own(x) + self.having(chosen)._first(x)
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

    def cheapest(self, fixed: Mapping[int, int] | None = None) -> Spent:
        """The least that an experiment can cost, of what is there already.

        ``fixed`` has the option of each column that is not to be chosen.
        """
        given = fixed or {}

        def least(column: int, each: Floats) -> float:
            return float(each[given[column]] if column in given else each.min())

        money = self.experiment + self.least.cost + sum(least(column, prices) for column, prices in self.options)
        hours = self.hours + self.least.hours + sum(least(column, each) for column, each in self.option_hours)
        return Spent(money + self.hour * hours, hours)

    def _first(self, x: Floats) -> Floats:
        """What each of ``x`` uses for the first time costs, as if it were alone."""
        total = np.zeros(len(x))
        for columns, prices in self.once:
            used = [_options_at(x, column) for column in columns]
            for i, mine in enumerate(used):
                is_new = ~np.any([mine == other for other in used[:i]] or [np.zeros(len(x), dtype=bool)], axis=0)
                total = total + prices[mine] * is_new
        return total

    def _money(self, x: Floats) -> Floats:
        """Without the price of hours."""
        return _with(np.full(len(x), self.experiment, dtype=np.float64), x, self.options, self.amounts)


def _with_slack(limit: float) -> float:
    """A limit with the billionth by which a sum of floating-point numbers may pass it."""
    return limit + 1e-9 * max(1.0, abs(limit))


def _options_at(x: Floats, column: int) -> NDArray[np.int64]:
    """Which option each of ``x``, ``(n, d)``, has: ``(n,)``; -1 where the column does not apply."""
    return np.rint(x[:, column]).astype(np.int64)


def _with(total: Floats, x: Floats, options: Sequence[tuple[int, Floats]], amounts: Sequence[Amount]) -> Floats:
    for column, each in options:
        total = total + each[_options_at(x, column)]
    for amount in amounts:
        total = total + amount.at(x)
    return total
