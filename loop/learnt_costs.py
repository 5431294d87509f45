"""Learnt costs: what experiments took by their own results, where the campaign file does not say.

The versions of a fidelity have a price each, and where nothing states it, it is the median of what results of that
version report: money where they report money, else hours. Hours that nothing states are learnt likewise. A pure
function of the spec and of the observations, so that a replay finds the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from loop.costs import Costs, Expense
from loop.fidelity import fidelity_column
from loop.history import Observation
from loop.outcome import Fault
from loop.record import Json
from loop.space import Category, Space
from loop.spec import CampaignSpec, build_costs
from loop.spec.costs import unpriced
from loop.wording import as_time, time_text

MANY: Final = 3  # results before a stated figure is said to contradict them; our choice
LARGE: Final = 2.0  # a factor that a stated figure may be off; our choice: run times scatter by less
LEAST: Final = 1e-3  # share of the dearest version's price that the cheapest has at least: nothing is had for nothing

Floats: TypeAlias = NDArray[np.float64]
Taken: TypeAlias = tuple[Floats, Expense]  # coordinates ``(d,)``, and what it took


@dataclass(frozen=True)
class Learnt:
    """The costs in force, what is said of those that were learnt, and the figures for the record."""

    costs: Costs | None
    notes: tuple[str, ...] = ()
    figures: Json = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What was learnt in one line, such as "calculated 0.01 h, measured 5 h"; "" where nothing was."""
        return ", ".join(f"{name} {_amount(told['price'], told['unit'])}" for name, told in self.figures.items())


@dataclass(frozen=True)
class _Pooled:
    """Medians by version, NaN without a result, and how many results each has: both ``(versions,)``."""

    medians: Floats
    counts: NDArray[np.int64]

    @property
    def known(self) -> int:
        """How many versions have a result."""
        return int((self.counts > 0).sum())

    @property
    def filled(self) -> Floats:
        """Without gaps: as the nearest version that has results, the dearer of two."""
        there = np.flatnonzero(self.counts)
        gaps = np.abs(there[None, ::-1] - np.arange(len(self.medians))[:, None])
        found = self.medians[there[::-1][gaps.argmin(axis=1)]]
        return np.asarray(np.maximum(found, LEAST * found.max()))


def taken_by(observations: Iterable[Observation]) -> tuple[Taken, ...]:
    """What experiments took that ran as intended; a run that broke off says nothing of the price of another."""
    return tuple((o.x, o.expense) for o in observations if not isinstance(o.outcome, Fault))


def learn_costs(spec: CampaignSpec, space: Space, taken: Sequence[Taken], used: Sequence[Floats] = ()) -> Learnt:
    """The costs of a campaign: stated ones as they are, the others learnt from what experiments took.

    Args:
        used: Coordinates ``(d,)`` of experiments for which everything was bought that they use.
    """
    stated = build_costs(spec, space)
    if stated is None:
        return Learnt(None)
    stated = stated.having(np.array(used).reshape(-1, len(space.names)))
    column = fidelity_column(space)
    names = _versions(space, column)
    hours = _pool([(x, e.hours) for x, e in taken], column, len(names))
    states_hours = spec.costs is not None and spec.costs.states_hours
    notes: list[str] = []
    if states_hours:
        with_hours = [(x, float(stated.hours_of(x[None])[0])) for x, e in taken if e.hours is not None]
        key = " and ".join(f"costs.{name}" for name in ("hours", "lasts") if getattr(spec.costs, name) is not None)
        notes += _contradictions(key, _pool(with_hours, column, len(names)).medians, hours, names, "h")
    costs, wants_price = stated, unpriced(spec) is not None
    per_batch = None if spec.planner.per_batch is None else spec.planner.per_batch.hours
    is_asked = spec.budget.hours is not None or per_batch is not None or bool(stated.hour)
    if not states_hours and hours.known and (wants_price or is_asked):
        by_version = ((column, hours.filled),) if column is not None else ()
        costs = replace(stated, hours=0.0 if by_version else float(hours.medians[0]), option_hours=by_version)
    if wants_price:
        assert column is not None
        told = _pool((), column, len(names)) if states_hours else hours  # stated hours count for every version alike
        return _priced(costs, taken, told, column, names, notes)
    notes += _stated_prices(stated, taken, hours, column, names)
    if states_hours or costs is stated:
        if per_batch is not None and not (costs.has_hours_each or states_hours):
            notes.append(
                f"nothing says yet how long an experiment takes; a batch keeps to {time_text(per_batch)} once "
                "results say it (a column hours of the worksheet or table), or costs.hours does"
            )
        if spec.budget.hours is not None and not (costs.has_hours_each or states_hours):
            limit = f"the budget of {time_text(spec.budget.hours)}"
            notes.append(
                f"nothing says yet how long an experiment takes; {limit} is counted down as results say it "
                "(a column hours of the worksheet or table), or costs.hours does"
            )
        return Learnt(costs, tuple(notes))
    return Learnt(costs, (*notes, f"hours by the record: {_told(hours, names, 'h')}"), _figures(hours, names, "h"))


def _priced(
    costs: Costs, taken: Sequence[Taken], hours: _Pooled, column: int, names: Sequence[str], notes: list[str]
) -> Learnt:
    """With a price for each version, in money where as many versions report money as hours."""
    rest = [(x, None if e.cost is None else e.cost - float(costs.basis(x[None])[0])) for x, e in taken]
    money, whole = (_pool(rows, column, len(names)) for rows in (rest, [(x, e.cost) for x, e in taken]))
    if not (money.known or hours.known):
        told = "nothing says yet what its versions cost, so they count as equally dear"
        return Learnt(costs, (*notes, f"fidelity: {told}"))
    if money.known >= hours.known:
        prices = np.maximum(money.filled, 0.0)
        notes += _overstated(costs, taken, column, whole, names)
        costs = replace(costs, options=(*costs.options, (column, prices)))
        pooled, unit = whole, costs.unit or "in money"
    else:
        pooled, unit = hours, "h"
    told = f"fidelity: costs by the record: {_told(pooled, names, unit)}"
    return Learnt(costs, (*notes, told), _figures(pooled, names, unit))


def _stated_prices(
    stated: Costs, taken: Sequence[Taken], hours: _Pooled, column: int | None, names: Sequence[str]
) -> list[str]:
    """Where results cost otherwise than the file says."""
    if not stated.has_money:
        return []
    with_cost = [(x, e.cost) for x, e in taken if e.cost is not None]
    reported = _pool(with_cost, column, len(names))
    every = [(x, float(stated.own(x[None])[0])) for x, _ in taken]
    of_reported = _pool([(x, float(stated.own(x[None])[0])) for x, _ in with_cost], column, len(names))
    found = _contradictions("costs", of_reported.medians, reported, names, stated.unit)
    if stated.unit == "h":  # the prices are hours themselves
        found += _contradictions("costs", _pool(every, column, len(names)).medians, hours, names, "h")
    return found


def _overstated(costs: Costs, taken: Sequence[Taken], column: int, whole: _Pooled, names: Sequence[str]) -> list[str]:
    """Where the rest of the costs alone is more than results of a version took in all, so that no price is left."""
    rest = _pool([(x, float(costs.basis(x[None])[0])) for x, e in taken if e.cost is not None], column, len(names))
    kept = [
        n if said > median else 0 for said, median, n in zip(rest.medians, whole.medians, whole.counts, strict=True)
    ]
    return _contradictions("costs", rest.medians, replace(whole, counts=np.array(kept)), names, costs.unit)


def _contradictions(key: str, stated: Floats, found: _Pooled, names: Sequence[str], unit: str) -> list[str]:
    notes = []
    for said, median, n, name in zip(stated, found.medians, found.counts, names, strict=True):
        if n >= MANY and not said / LARGE <= median <= said * LARGE:
            of = f" of {name}" if len(names) > 1 else ""
            notes.append(
                f"{key}: stated are {_amount(float(said), unit)}".rstrip()
                + f", and results{of} took {_amount(float(median), unit)}".rstrip()
                + f" (median of {n}); the stated figure counts: correct it, or leave it out to go by the record"
            )
    return notes


def _pool(rows: Iterable[tuple[Floats, float | None]], column: int | None, versions: int) -> _Pooled:
    by_version: list[list[float]] = [[] for _ in range(versions)]
    for x, value in rows:
        if value is not None:
            by_version[0 if column is None else int(np.rint(x[column]))].append(value)
    medians = np.array([np.median(values) if values else np.nan for values in by_version])
    return _Pooled(medians, np.array([len(values) for values in by_version]))


def _versions(space: Space, column: int | None) -> tuple[str, ...]:
    if column is None:
        return ("an experiment",)
    parameter = space.parameters[column]
    assert isinstance(parameter, Category)
    return parameter.options


def _told(pooled: _Pooled, names: Sequence[str], unit: str) -> str:
    parts = []
    for name, value, n in zip(names, pooled.filled, pooled.counts, strict=True):
        source = "as the nearest version, none of its results says" if not n else f"median of {n}"
        parts.append(f"{name} {_amount(float(value), unit)} ({source})")
    return ", ".join(parts)


def _amount(value: float, unit: str) -> str:
    """An amount with its unit; a time as it is read."""
    much, unit = as_time(value) if unit == "h" else (value, unit)
    return f"{_three(much)} {unit}"


def _three(value: float) -> str:
    """Three digits of a median, without an exponent where it is large."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _figures(pooled: _Pooled, names: Sequence[str], unit: str) -> Json:
    rows = zip(names, pooled.filled.tolist(), pooled.counts.tolist(), strict=True)
    return {name: {"price": price, "unit": unit, "results": n} for name, price, n in rows}
