"""Costs from what a campaign file says of them: money and hours, by experiment, option, amount and change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from loop.costs import Costs, Purse, Spent
from loop.errors import CostError, SpaceError
from loop.space import Category, Component, Ordinal, Space
from loop.spec.amounts import column_of, lasting, priced_amounts, priced_by_number
from loop.spec.cost_models import CostsSpec
from loop.spec.each_slot import number_of_each_slot, of_each_slot, slots_by_name
from loop.spec.lines import Problem
from loop.spec.space_models import FidelitySpec, MixtureSpec
from loop.spec.stock import build_stocks
from loop.wording import amount_text, time_text

if TYPE_CHECKING:
    from loop.spec.models import CampaignSpec

NAMED = 5  # options that a sentence names; the number tells of the rest
PER_COST = (
    "auto",
    "improvement",
    "pareto",
    "exploration",
    "boundary",
)  # acquisition functions that can be had per cost


def build_costs(spec: CampaignSpec, space: Space) -> Costs | None:
    """The costs of a spec, None where it states none.

    Raises:
        CostError: A parameter or an option is unknown, or a budget or ``per_cost`` has no costs to go by.
    """
    stated, budget, batch = with_fidelities(spec), spec.budget, spec.planner.per_batch
    limits: list[tuple[tuple[str, ...], float | None, float | None]] = [(("budget",), budget.cost, budget.hours)]
    if batch is not None:
        limits.append((("planner", "per_batch"), batch.cost, batch.hours))
    if stated is None:
        paths = [(*path, "cost") for path, cost, _ in limits if cost is not None]
        paths += [("planner", "per_cost")] if spec.planner.per_cost else []
        if paths:
            raise CostError(paths[0], "nothing says what an experiment costs; add costs:")
        if all(hours is None for *_, hours in limits) and not budget.stock:
            return None
        stated = CostsSpec()  # nothing costs anything, or the hours are learnt from results
    costs = _built(spec, space, stated)
    for path, cost, hours in limits:
        if cost is not None and not costs.has_money and not (not stated.states_hours and costs.hour):
            ways = "costs.experiment, options, amounts, once, or hours and hour"
            versions = (n for n, p in spec.space.items() if isinstance(p, FidelitySpec))
            if (name := next(versions, None)) is not None:
                ways = f"each version its price under space.{name}.costs, or " + ways
            raise CostError((*path, "cost"), f"nothing costs money; give {ways}")
        if hours is not None and stated.states_hours and not costs.has_hours:
            raise CostError((*path, "hours"), "nothing takes hours; raise costs.hours, or leave it out to learn them")
    if not (least := costs.cheapest()).fits(Purse(budget.cost, budget.hours)):
        raise CostError(
            ("budget",), f"it does not cover the cheapest experiment, {_said(least, stated.unit)}; raise it"
        )
    if spec.planner.per_cost:
        _check_per_cost(spec, costs)
    _check_end(spec, stated, costs)
    return costs


def _built(spec: CampaignSpec, space: Space, stated: CostsSpec) -> Costs:
    per_use = of_each_slot(space, ("costs", "options"), stated.options or {})
    per = number_of_each_slot(space, ("costs", "per"), stated.per or {})
    options = {name: _prices(spec, space, "options", name, prices) for name, prices in per_use.items()}
    by_number, least_by_number = priced_by_number(spec, space, options, per)
    amounts, least = priced_amounts(spec, space, of_each_slot(space, ("costs", "amounts"), stated.amounts or {}))
    lasts, hours = lasting(spec, space, stated.lasts)
    return Costs(
        stated.unit,
        stated.experiment or 0.0,
        stated.hours or 0.0,
        stated.hour or 0.0,
        tuple(prices for name, prices in options.items() if name not in per),
        _switches(spec, space, stated),
        amounts=(*by_number, *amounts),
        lasting=lasts,
        once=tuple(_bottles(spec, space, stated.once or {})),
        least=Spent(least_by_number + least, hours),
        stocks=build_stocks(spec, space),
    )


def _bottles(
    spec: CampaignSpec, space: Space, stated: Mapping[str, Mapping[str, float] | str]
) -> Iterator[tuple[tuple[int, ...], NDArray[np.float64]]]:
    """What is bought once, of slots whichever of them uses it first."""
    every = of_each_slot(space, ("costs", "once"), stated)
    firsts = dict(slots_by_name(space))
    others = {name for names in firsts.values() for name in names}
    for name, said in every.items():
        column, prices = _prices(spec, space, "once", name, said)
        if prices.any() and name not in others:
            yield (column, *(space.names.index(fellow) for fellow in firsts.get(name, ()))), prices


def _check_end(spec: CampaignSpec, stated: CostsSpec, costs: Costs) -> None:
    """Refuse a budget in money or hours that nothing has to touch, where it alone is to end the campaign."""
    budget, least = spec.budget, costs.cheapest()
    if budget.experiments is not None or spec.stop or (budget.cost is None and budget.hours is None):
        return
    learns_hours = not stated.states_hours
    is_paid = budget.cost is not None and (least.cost > 0 or (learns_hours and costs.hour > 0))
    if not is_paid and not (budget.hours is not None and (least.hours > 0 or learns_hours)):
        raise CostError(("budget",), "the cheapest experiment costs nothing, so it may never be spent; give "
                        "costs.experiment, or budget.experiments too")  # fmt: skip


def with_fidelities(spec: CampaignSpec) -> CostsSpec | None:
    """The costs of a spec with those of its fidelity among the prices of options, where they are stated.

    Raises:
        CostError: A version has no price while others have, one that is not above zero, or prices in two places.
    """
    stated = spec.costs
    for name, p in spec.space.items():
        if not isinstance(p, FidelitySpec):
            continue
        elsewhere = ((stated and stated.options) or {}).get(name)
        if p.costs is not None and elsewhere is not None:
            raise CostError(("space", name), f"what each option costs stands there and under costs.options.{name}; "
                            "keep one of them")  # fmt: skip
        if p.costs is None and elsewhere is None:
            stated = stated or CostsSpec()  # learnt from results, see ``loop.learnt_costs``
            continue
        prices = p.costs or elsewhere or {}
        if missing := [o for o in p.options if not prices.get(o, 0.0) > 0]:
            raise CostError(("space", name), f"option {missing[0]!r} needs a cost above zero; add it to costs")
        options = {**((stated and stated.options) or {}), name: prices}
        stated = (stated or CostsSpec()).model_copy(update={"options": options})
    return stated


def unpriced(spec: CampaignSpec) -> str | None:
    """The name of a fidelity whose versions have no stated price, None where there is none."""
    priced = (spec.costs and spec.costs.options) or {}
    fidelities = ((name, p) for name, p in spec.space.items() if isinstance(p, FidelitySpec))
    return next((name for name, p in fidelities if p.costs is None and name not in priced), None)


def free_options(spec: CampaignSpec, space: Space) -> Iterator[str]:
    """A sentence for each parameter of which some options or parts have a price and others none: these cost nothing.

    What adds nothing needs no price, nor what is bought once.
    """
    once = (spec.costs and spec.costs.once) or {}
    for name, prices in ((spec.costs and spec.costs.options) or {}).items():
        parameter = space.parameters[space.names.index(name)] if name in space.names else None
        if not isinstance(parameter, Category | Component | Ordinal) or not any(prices.values()):
            continue
        bought = paid if isinstance(paid := once.get(name), Mapping) else {}
        said: set[int | None] = {int(parameter.index(option)) for option in (*prices, *bought)}
        if isinstance(parameter, Component):
            said.add(parameter.nothing)
        free = [option for i, option in enumerate(parameter.options) if i not in said and option != "none"]
        if free:
            yield _free(free, f"{parameter.size} options of {name}", "costs.options")
    for name, price in ((spec.costs and spec.costs.amounts) or {}).items():
        mixture = next((m for m in space.mixtures if m.name == name), None)
        if mixture is None or not isinstance(price, Mapping) or not any(price.values()):
            continue
        if free := [part for part in mixture.parts if part not in price]:
            yield _free(free, f"{len(mixture.parts)} parts of {name}", f"costs.amounts.{name}")


def _free(free: Sequence[str], of: str, key: str) -> str:
    more = f" and {len(free) - NAMED} more" if len(free) > NAMED else ""
    has, costs = ("has", "costs") if len(free) == 1 else ("have", "cost")
    return (
        f"{len(free)} of {of} {has} no price under {key} and {costs} nothing: {', '.join(free[:NAMED])}{more}; "
        "state 0 where that is meant"
    )


def problem_of_versions(spec: CampaignSpec) -> Problem | None:
    """Versions of a fidelity whose stated prices go against their order; a spec on record may have them."""
    stated = with_fidelities(spec)
    prices = (stated and stated.options) or {}
    for name, p in spec.space.items():
        if not isinstance(p, FidelitySpec) or name not in prices:
            continue
        price, real = prices[name], p.options[-1]
        for below, above in pairwise(p.options):
            if price[above] > price[below] or (price[above] == price[below] and above != real):
                continue
            kind = "the real thing" if above == real else "the better version"
            how = "as much as" if price[above] == price[below] else "less than"
            remedy = "correct their costs or their order, or leave costs out to have them learnt"
            return ("space", name), (
                f"{above!r} is {kind} and costs {amount_text(price[above])}, {how} {below!r} with "
                f"{amount_text(price[below])}; options go from the cheapest to the real thing: {remedy}"
            )
    return None


def _check_per_cost(spec: CampaignSpec, costs: Costs) -> None:
    path = ("planner", "per_cost")
    if spec.planner.acquisition not in PER_COST:
        raise CostError(path, f"acquisition {spec.planner.acquisition!r} has no value per cost; use 'improvement'")
    least = costs.cheapest()
    if not (least.cost if costs.has_money else least.hours) > 0:
        raise CostError(path, "the cheapest experiment costs nothing, and nothing can be had per nothing; "
                        "give costs.experiment, or costs.hours")  # fmt: skip


def _said(spent: Spent, unit: str) -> str:
    """What the cheapest experiment takes, in words."""
    money = f"{amount_text(spent.cost)} {unit}".strip()
    return " and ".join([money] * (spent.cost > 0) + [time_text(spent.hours)] * (spent.hours > 0))


def _prices(
    spec: CampaignSpec, space: Space, key: str, name: str, prices: Mapping[str, float] | str
) -> tuple[int, NDArray[np.float64]]:
    path = ("costs", key, name)
    if isinstance(prices, str):
        raise CostError(path, f"the column {prices!r} was not read; use read_spec")
    if isinstance(spec.space.get(name), MixtureSpec):
        raise CostError(path, f"{name!r} is a mixture, and its parts are amounts and no options; write what they cost "
                        f"under costs.amounts.{name}")  # fmt: skip
    column = column_of(spec, space, path, name)
    parameter = space.parameters[column]
    if not isinstance(parameter, Category | Component | Ordinal):
        raise CostError(path, f"{name!r} is a number and has no options; write what one unit of it costs "
                        f"under costs.amounts.{name}")  # fmt: skip
    # what does not apply has the coordinate -1, so the last place is its own: it costs nothing
    found = np.zeros(parameter.size + (column in space.frame.conditional))
    for option, price in prices.items():
        if not price >= 0:
            raise CostError((*path, option), f"a price must be zero or above, got {price:g}")
        try:
            found[int(parameter.index(option))] = price
        except SpaceError as error:
            stored = getattr(spec.space.get(name), "stored", None)
            reads = f"costs.{'prices' if key == 'options' else key}: {{{name}: COLUMN}} reads a column of the table"
            by_table = f"; a filter may have left it out, and {reads}"
            raise CostError(path, f"{error}{by_table if stored is not None and stored.removed else ''}") from None
    return column, found


def _switches(spec: CampaignSpec, space: Space, stated: CostsSpec) -> tuple[tuple[int, float, float], ...]:
    found = []
    for name, switch in (stated.switch or {}).items():
        column = column_of(spec, space, ("costs", "switch", name), name)
        found.append((column, switch.cost or 0.0, switch.hours or 0.0))
    return tuple(found)
