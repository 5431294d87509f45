"""Stocks from what a campaign file says under ``budget.stock``: how much there is of something, for all experiments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from loop.costs import USES, Coordinate, OptionUse, Purse, Stock, Together
from loop.errors import CostError, SpaceError
from loop.space import Category, Component, Ordinal, Space
from loop.spec.amounts import column_of, measure_of
from loop.spec.each_slot import fellow, fellows, of_each_slot
from loop.spec.space_models import MixtureSpec
from loop.wording import amount_text

if TYPE_CHECKING:
    from loop.costs import Costs
    from loop.spec.models import CampaignSpec

AT, PER = ("budget", "stock"), ("budget", "per")


def build_stocks(spec: CampaignSpec, space: Space) -> tuple[Stock, ...]:
    """What there is of options, in experiments or ``per`` a number in its unit, and of numbers and parts of mixtures.

    Raises:
        CostError: A name is no parameter, an option is unknown, or a number may be below zero.
    """
    of_each_slot(space, AT, spec.budget.stock or {})
    stated, found = dict[str, float | dict[str, float]](), list[Stock]()
    for name, said in (spec.budget.stock or {}).items():
        if not any(other in stated for other in fellows(space, name)):  # of what is interchangeable there is one
            stated[name] = said
    for name, said in stated.items():
        if isinstance(said, Mapping):
            found += _of_options(spec, space, name, said)
        else:
            found.append(_of_number(spec, space, name, said))
    for name in spec.budget.per or {}:
        if not isinstance(stated.get(name), Mapping):
            rule = "has no stock of options that could be an amount of a number"
            raise CostError((*PER, name), f"{name!r} {rule}; add it to budget.stock, or leave the line out")
    return tuple(found)


def budget_of(spec: CampaignSpec, costs: Costs | None) -> Purse:
    """What the whole budget has: money, hours and what there is of each of the stocks of ``costs``."""
    stocks = () if costs is None else costs.stocks
    return Purse(spec.budget.cost, spec.budget.hours, tuple((s.what, s.amount) for s in stocks))


def _of_options(spec: CampaignSpec, space: Space, name: str, said: Mapping[str, float]) -> Iterator[Stock]:
    path = (*AT, name)
    if isinstance(spec.space.get(name), MixtureSpec):
        part = f"{name}.{next(iter(said), 'PART')}"
        raise CostError(path, f"{name!r} is a mixture; say how much there is of a part of it, such as {part}: 20")
    column = column_of(spec, space, path, name, so="so nothing of it is used up")
    parameter = space.parameters[column]
    if not isinstance(parameter, Category | Component | Ordinal):
        how = f"say how much there is of it in all, such as {name}: 500"
        raise CostError(path, f"{name!r} is a number and has no options; {how}")
    number = (spec.budget.per or {}).get(name)
    _, *others = fellows(space, name)
    columns = (column, *(space.names.index(other) for other in others))
    measure = None if number is None else measure_of(spec, space, (*PER, name), number)
    for option, amount in said.items():
        if measure is not None and not amount > 0:
            raise CostError((*path, option), _too_little(amount))
        if measure is None and not (amount >= 1 and float(amount).is_integer()):
            rule = "for how many experiments there is enough of an option is a whole number from 1"
            remedy = "exclude what is not there"
            raise CostError((*path, option), f"{rule}, got {amount_text(amount)}; {remedy}")
        try:
            index = int(parameter.index(option))
        except SpaceError as error:
            raise CostError((*path, option), str(error)) from None
        if measure is None:
            yield Stock(option, USES, float(amount), OptionUse(columns, index))
        else:
            assert number is not None
            names = [number, *(fellow(space, number, name, other) for other in others)]
            amounts = tuple(measure_of(spec, space, (*PER, name), one).of for one in names)
            yield Stock(option, measure.unit, float(amount), OptionUse(columns, index, amounts))


def _of_number(spec: CampaignSpec, space: Space, name: str, amount: float) -> Stock:
    path = (*AT, name)
    if not amount > 0:
        raise CostError(path, _too_little(amount))
    if any(name in (space.names[c] for c in m.columns) for m in space.mixtures):
        return Stock(name, "", amount, Coordinate(space.names.index(name)))
    if name in space.names and isinstance(space.parameters[space.names.index(name)], Category | Component | Ordinal):
        how = f"{name}: {{OPTION: {amount_text(amount)}}}"
        rule = "say for how many experiments there is enough of each"
        raise CostError(path, f"{name!r} is a choice between options; {rule}, such as {how}")
    measures = [measure_of(spec, space, path, one) for one in fellows(space, name)]
    taken = measures[0].of if len(measures) == 1 else Together(tuple(m.of for m in measures))
    return Stock(name, measures[0].unit, amount, taken)


def _too_little(amount: float) -> str:
    """Why an amount is none, and what to do."""
    return f"how much there is must be above zero, got {amount_text(amount)}; leave it out where it is not limited"
