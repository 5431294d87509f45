"""Tubes: every stock laid into as many as it needs, each with its own rest that cannot be drawn."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.plates.deck import PlateOptions
from adapters.plates.labware import DEEP
from adapters.plates.pipetting import reach_of
from adapters.plates.steps import Wells, of_step
from loop.contracts import Problem
from loop.recipe import Recipe
from loop.recipe.amounts import VOLUME, shown, shown_at_least
from loop.recipe.model import Stock
from loop.recipe.procedure import Transfer
from loop.recipe.stocktaking import Use, short
from loop.recipe.text import described


@dataclass
class Tubes:
    """What stands in the racks, and from where each dose of a stock comes, in the order of dispensing.

    No dose is drawn from two tubes: what a tube has left below the next dose stays in it.
    """

    liquids: list[Mapping[str, Any]] = field(default_factory=list)  # stock, labware, well and uL of each tube
    problems: list[Problem] = field(default_factory=list)
    _sources: dict[str, deque[tuple[str, str]]] = field(default_factory=dict)

    def next(self, stock: str) -> tuple[str, str]:
        """Labware and well of the next dose of a stock."""
        return self._sources[stock].popleft()


def fill_tubes(options: PlateOptions, recipe: Recipe, wells: Wells) -> Tubes:
    """The tubes for a plate, in the order in which stocks are first used."""
    made = Tubes()
    free = deque(
        (f"stocks{i}", well, options.labware_of(placed.labware).holds)
        for i, placed in enumerate(options.deck.stocks)
        for well in options.labware_of(placed.labware).wells
    )
    for name, doses in _doses(recipe, wells).items():
        stock, sources = recipe.stocks[name], made._sources.setdefault(name, deque())
        filled: list[float] = []  # uL to be drawn of each tube of this stock
        room = 0.0
        air = options.liquid(stock.behaves).air_gap
        pipette, height = min((reach_of(options, v, air) for v in doses), key=lambda found: found[1])
        for volume in doses:
            if volume > room + 1e-9:
                most = min(free[0][2], _dry(options, free[0][0], height)) if free else 0.0
                if not free or volume > most - stock.dead + 1e-9:
                    is_deep = bool(free) and most < free[0][2]
                    made.problems.append(
                        _too_deep(stock, pipette, height, most) if is_deep else _no_room(stock, sum(doses))
                    )
                    sources.extend([("stocks0", "A1")] * (len(doses) - len(sources)))
                    break
                labware, well, holds = free.popleft()
                room = min(holds, most) - stock.dead
                filled.append(0.0)
                place = (labware, well)
            sources.append(place)
            filled[-1] += volume
            room -= volume
        else:
            said = described(stock)
            for (labware, well), drawn in zip(dict.fromkeys(sources), filled, strict=True):
                made.liquids.append({"stock": said, "labware": labware, "well": well, "volume": drawn + stock.dead})
            needed = sum(filled) + stock.dead * len(filled)
            if stock.there is not None and needed > stock.there * (1 + 1e-9):
                use = Use(name, sum(filled), len({w for w, p in wells.items() if name in p.stocks}))
                made.problems.append(_short_in_tubes(short(stock, use), len(filled), needed))
    return made


def _doses(recipe: Recipe, wells: Wells) -> dict[str, list[float]]:
    """The doses of each liquid stock in the order of dispensing: step by step, each in all wells."""
    found: dict[str, list[float]] = {}
    for number in range(len(recipe.steps)):
        for procedure in wells.values():
            for action in of_step(procedure, number):
                if isinstance(action, Transfer):
                    found.setdefault(action.stock, []).append(action.volume)
    return found


def _dry(options: PlateOptions, labware: str, height: float) -> float:
    """How much may be in a tube so that it stands no higher than ``height`` mm, uL."""
    depth = DEEP.get(options.deck.stocks[int(labware.removeprefix("stocks"))].labware)
    return math.inf if depth is None else depth.volume(height)


def _too_deep(stock: Stock, pipette: str, height: float, most: float) -> Problem:
    rule = f"the nozzle of {pipette} stays dry up to {height:.1f} mm, in these tubes {shown(most, VOLUME)}"
    return Problem(f"stock {stock.name!r}", rule, "take shallower tubes, such as those of 1.5 mL, or longer tips")


def _no_room(stock: Stock, volume: float) -> Problem:
    rule = f"{shown(volume, VOLUME)} of it and its rests do not fit into the tubes that are free"
    return Problem(f"stock {stock.name!r}", rule, "add labware to deck.stocks, or take larger tubes")


def _short_in_tubes(problem: Problem, tubes: int, needed: float) -> Problem:
    return Problem(
        problem.subject,
        f"{problem.rule}; in {tubes} tubes, each with its rest, {shown_at_least(needed, VOLUME)} are needed",
        f"prepare at least {shown_at_least(needed, VOLUME)}, or take larger tubes",
    )
