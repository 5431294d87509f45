"""Stocktaking: what many procedures take from each stock, against what there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from loop.contracts import Problem
from loop.recipe.amounts import MASS, VOLUME, shown, shown_at_least
from loop.recipe.model import Form, Recipe, Stock
from loop.recipe.procedure import Procedure, Transfer, Weighing


@dataclass(frozen=True, slots=True)
class Use:
    """What is taken of a stock: ``quantity`` in uL, of a solid in mg, in so many experiments."""

    stock: str
    quantity: float
    experiments: int


def consumption(procedures: Iterable[Procedure]) -> Mapping[str, Use]:
    """What these take together, by stock, in the order of first use."""
    used: dict[str, Use] = {}
    for procedure in procedures:
        taken: dict[str, float] = {}
        for action in procedure.actions:
            if isinstance(action, Transfer | Weighing):
                size = action.volume if isinstance(action, Transfer) else action.mass
                taken[action.stock] = taken.get(action.stock, 0.0) + size
        for name, size in taken.items():
            before = used.get(name, Use(name, 0.0, 0))
            used[name] = Use(name, before.quantity + size, before.experiments + 1)
    return used


def shortages(recipe: Recipe, procedures: Iterable[Procedure]) -> tuple[Problem, ...]:
    """The stocks of which there is too little, each with what is there, what is needed and the way out."""
    problems = []
    for use in consumption(procedures).values():
        stock = recipe.stocks[use.stock]
        if stock.there is not None and use.quantity + stock.dead > stock.there * (1 + 1e-9):
            problems.append(short(stock, use))
    return tuple(problems)


def short(stock: Stock, use: Use) -> Problem:
    """What is to be said of a stock that does not suffice."""
    unit = MASS if stock.form is Form.SOLID else VOLUME
    there, dead = stock.there or 0.0, stock.dead
    many = "1 experiment needs" if use.experiments == 1 else f"{use.experiments} experiments need"
    rest = f" and {shown(dead, unit)} that cannot be drawn" if dead else ""
    return Problem(
        f"stock {stock.name!r}",
        f"{many} {shown_at_least(use.quantity, unit)}{rest}, and there are {shown(there, unit)}",
        f"prepare at least {shown_at_least(use.quantity + dead, unit)}, or lower the scale",
    )
