"""The plan of a plate with all that stands on the deck: what a robot gets, in whatever form it takes it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from adapters.plates.deck import Placed, PlateOptions
from adapters.plates.pipetting import racks_for
from adapters.plates.planning import PLATE, SAMPLES, Plan


def whole_plan(
    options: PlateOptions, plan: Plan, *, key: str, title: str, wells: Mapping[str, str], trash: str | None = None
) -> dict[str, Any]:
    """All that a robot must know of a run: labware, pipettes with their racks, liquids and actions."""
    deck = options.deck
    labware = [_placed(PLATE, deck.plate)]
    labware += [_placed(f"stocks{i}", stock) for i, stock in enumerate(deck.stocks)]
    labware += [_placed(f"{SAMPLES}{name}", into) for name, into in deck.samples.items()]
    labware += [
        {"id": f"tips{slot}", "load": tips.labware, "slot": slot, "module": None, "adapter": None}
        for tips in deck.tips
        for slot in tips.slots
    ]
    pipettes = {
        mount: {"name": name, "racks": [f"tips{slot}" for tips in racks_for(options, name) for slot in tips.slots]}
        for mount, name in deck.pipettes.items()
    }
    asked = [{"do": "pause", "say": _asked(options, title, plan), "open": True}] if options.confirm else []
    return {
        "key": key,
        "wells": dict(wells),
        "trash": trash,
        "labware": labware,
        "pipettes": pipettes,
        "liquids": plan.liquids,
        "actions": [*asked, *plan.actions],
    }


def tubes_by_stock(options: PlateOptions, plan: Plan) -> dict[str, list[tuple[str, float]]]:
    """By stock its tubes, each with its slot and well in words and the uL to put there."""
    found: dict[str, list[tuple[str, float]]] = {}
    for liquid in plan.liquids:
        slot = options.deck.stocks[int(liquid["labware"].removeprefix("stocks"))].slot
        found.setdefault(liquid["stock"], []).append((f"slot {slot} {liquid['well']}", liquid["volume"]))
    return found


def _placed(id_: str, placed: Placed) -> dict[str, Any]:
    on = {"module": placed.module, "adapter": placed.adapter}
    return {"id": id_, "load": placed.labware, "slot": placed.slot, **on}


def _asked(options: PlateOptions, title: str, plan: Plan) -> str:
    deck = options.deck
    tubes = "; ".join(
        f"{place}: {math.ceil(volume - 1e-6)} uL {stock}"
        for stock, places in tubes_by_stock(options, plan).items()
        for place, volume in places
    )
    into = dict.fromkeys(action["to"][0] for action in plan.actions if action["do"] == "move")
    samples = "".join(
        f", a fresh one for {name} in {_where(placed)},"
        for name, placed in deck.samples.items()
        if f"{SAMPLES}{name}" in into
    )
    racks = [slot for tips in deck.tips for slot in tips.slots]
    full = f"full tip racks in slots {', '.join(racks)}" if len(racks) > 1 else f"a full tip rack in slot {racks[0]}"
    plate = f"a fresh plate in {_where(deck.plate)}"
    comma = "," if deck.plate.adapter and not samples else ""
    return f"{title}: put {plate}{samples}{comma} and {full}, and stocks into {tubes}. Then resume."


def _where(placed: Placed) -> str:
    return f"slot {placed.slot}" + (f", on {placed.adapter}" if placed.adapter else "")
