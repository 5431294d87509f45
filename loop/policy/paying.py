"""Paying: how much of a batch a budget in money or hours covers, and when nothing more can be had for the rest."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.costs import Costs, Purse, Spent
from loop.policy.run_order import run_order, within
from loop.wording import amount_of, amount_text, time_text

BATCH_COSTS: Final = "the batch costs"  # how the note begins that says it


def covered(
    x: NDArray[np.float64],
    costs: Costs,
    purse: Purse,
    last: NDArray[np.float64] | None,
    *,
    replicates: int,
    seed: int,
) -> list[int]:
    """Which of a batch, ``(n, d)`` in the order of choosing, the purse pays for, each ``replicates`` times.

    One after the other, each if what was taken before and it can be paid in the order in which they would be run.
    """

    def fits(rows: list[int]) -> bool:
        some = x[rows]
        order = run_order(some, costs, last, seed=seed)
        return costs.spent(np.repeat(within(some, order), replicates, axis=0), last).fits(purse)

    everything = list(range(len(x)))
    if fits(everything):
        return everything
    taken: list[int] = []
    for i in everything:
        if fits([*taken, i]):
            taken.append(i)
    return taken


def set_aside(
    x: NDArray[np.float64], costs: Costs, purse: Purse, last: NDArray[np.float64] | None
) -> tuple[list[int], Purse]:
    """Which of pinned candidates ``x``, ``(n, d)`` in their order, the purse pays for, and what that leaves.

    They run one after the other, behind the rest of the batch. What runs before the first is not known yet, so every
    slow parameter is reckoned to change before it: the rest of the batch gets too little by that much at most.
    """
    kept: list[int] = []
    for i in range(len(x)):
        if costs.spent(x[[*kept, i]], last).fits(purse):
            kept.append(i)
    if not kept:
        return [], purse
    own = costs.spent(x[kept])
    hours = own.hours + sum(h for _, _, h in costs.switch)
    money = own.cost + sum(cost + costs.hour * h for _, cost, h in costs.switch)
    return kept, purse.less(Spent(money, hours, own.stocks)).positive


def reason_to_end(costs: Costs | None, purse: Purse | None) -> str:
    """Why nothing more can be bought, as a sentence; "" where something can."""
    if costs is None or purse is None or costs.cheapest().fits(purse):
        return ""
    return f"the budget is spent: it leaves {said(purse, costs)}, and the cheapest experiment costs more"


def said(purse: Purse, costs: Costs) -> str:
    """A purse in words, such as "40 EUR and 2 h"."""
    return in_words(purse, costs.unit)


def in_words(purse: Purse, unit: str) -> str:
    """The same, of money in ``unit``; "" where nothing limits any."""
    parts = [] if purse.cost is None else [f"{amount_text(purse.cost)} {unit}".rstrip()]
    parts += [] if purse.hours is None else [time_text(purse.hours)]
    parts += [amount_of(much, what) for what, much in purse.stocks]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 2 else parts)
