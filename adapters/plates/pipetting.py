"""Pipetting: which pipette takes a volume, with which tips, and whether there are tips enough."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from adapters.plates.deck import PlateOptions, TipOption
from adapters.plates.labware import DRAWN_AT, DRY, PIPETTES, REACH, TIPS
from loop.contracts import Problem
from loop.recipe import Procedure, Recipe
from loop.recipe.amounts import VOLUME, shown
from loop.recipe.procedure import Sampling, Transfer
from loop.recipe.working import ROUNDING

_OTHER_VOLUMES: Final = "dilute the stock, raise the scale, mount a smaller pipette, or add its tips"


def pipette_for(options: PlateOptions, volume: float, air: float) -> tuple[str | None, int]:
    """The mount whose pipette takes the volume in the fewest strokes, and how many; the smaller one of two."""
    able = []
    for mount, name in options.deck.pipettes.items():
        pipette = PIPETTES[name]
        most = min(pipette.most, _tip_volume(options, name)) - air
        if most > 0 and volume >= pipette.least * (1 - ROUNDING):
            able.append((math.ceil(volume / most - ROUNDING), pipette.most, mount))
    if not able:
        return None, 0
    strokes, _, mount = min(able)
    return mount, strokes


def drawn_at_once(options: PlateOptions, mount: str) -> tuple[float, float]:
    """The least and the most that the pipette of a mount draws with its tips, uL."""
    name = options.deck.pipettes[mount]  # type: ignore[index]
    return PIPETTES[name].least, min(PIPETTES[name].most, _tip_volume(options, name))


def no_pipette(options: PlateOptions, well: str, volume: float) -> Problem:
    """What is to be said of a dose that no pipette takes."""
    rule = f"no pipette with its tips takes {shown(volume, VOLUME)} ({_ranges(options)})"
    return Problem(f"well {well}", rule, _OTHER_VOLUMES)


def untaken(options: PlateOptions, recipe: Recipe, procedure: Procedure) -> list[Problem]:
    """The doses and samples of an experiment that no pipette takes, all worded alike but for what they are."""
    found = []
    for action in procedure.actions:
        match action:
            case Transfer(stock, volume):
                of, air = stock, options.liquid(recipe.stocks[stock].behaves).air_gap
            case Sampling(volume) if "sample" not in options.by_hand:
                of, air = "the mixture", options.liquid("water").air_gap
            case _:
                continue
        if pipette_for(options, volume, air)[0] is None:
            rule = f"no pipette with its tips takes ({_ranges(options)})"
            found.append(Problem(f"one with {shown(volume, VOLUME)} of {of}", rule, _OTHER_VOLUMES))
    return found


def tips_that_are_wanting(options: PlateOptions, taken: Mapping[str, int]) -> list[Problem]:
    """The pipettes with too few tips on the deck; ``taken`` by mount."""
    used: dict[tuple[str, ...], int] = {}  # by racks: two pipettes may share theirs
    names: dict[tuple[str, ...], str] = {}
    for mount, name in options.deck.pipettes.items():
        slots = tuple(slot for tips in racks_for(options, name) for slot in tips.slots)
        used[slots] = used.get(slots, 0) + taken.get(mount, 0)
        names[slots] = name
    remedy = "add racks to deck.tips, or let one tip serve a stock (tips: stock) where nothing is mixed"
    return [
        Problem(f"tips of {names[slots]}", f"the plate needs {n} tips and the deck has {96 * len(slots)}", remedy)
        for slots, n in used.items()
        if n > 96 * len(slots)
    ]


def racks_for(options: PlateOptions, pipette: str) -> list[TipOption]:
    """The tip racks that a pipette takes: the largest tips that fit it, each rack for one pipette."""
    fitting = [t for t in options.deck.tips if _fits(pipette, TIPS[t.labware].holds)]
    if not fitting:
        return []
    most = max(TIPS[t.labware].holds for t in fitting)
    return [t for t in fitting if TIPS[t.labware].holds == most]


def reach_of(options: PlateOptions, volume: float, air: float) -> tuple[str, float]:
    """The pipette that takes a dose, and how high a liquid may stand so that its nozzle stays dry, mm."""
    mount, _ = pipette_for(options, volume, air)
    if mount is None:
        return "", math.inf
    name = options.deck.pipettes[mount]  # type: ignore[index]
    return name, REACH[int(_tip_volume(options, name))] + DRAWN_AT - DRY


def _ranges(options: PlateOptions) -> str:
    pipettes = [(name, PIPETTES[name]) for name in options.deck.pipettes.values()]
    return ", ".join(f"{name} {p.least:g} to {p.most:g} uL" for name, p in pipettes)


def _tip_volume(options: PlateOptions, pipette: str) -> float:
    """What its tips hold, uL; 0 where the deck has none for it."""
    racks = racks_for(options, pipette)
    return TIPS[racks[0].labware].holds if racks else 0.0


def _fits(pipette: str, tip: float) -> bool:
    """Which tips go on which pipette: 20 uL on a P20, 200 and 300 on a P300, 50 on a Flex 50, any on a Flex 1000."""
    match pipette:
        case "p20_single_gen2":
            return tip == 20
        case "p300_single_gen2":
            return tip in (200, 300)
        case "p1000_single_gen2":
            return tip == 1000
        case "flex_1channel_50":
            return tip == 50
        case _:
            return tip in (200, 1000)  # tips of 50 uL are left to the small pipette
