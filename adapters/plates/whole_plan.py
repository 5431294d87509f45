"""The plan of a plate with all that stands on the deck: what a robot gets, in whatever form it takes it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
        {"id": f"tips{slot}", "load": tips.labware, "slot": slot, "module": None}
        for tips in deck.tips
        for slot in tips.slots
    ]
    pipettes = {
        mount: {"name": name, "racks": [f"tips{slot}" for tips in racks_for(options, name) for slot in tips.slots]}
        for mount, name in deck.pipettes.items()
    }
    asked = [{"do": "pause", "say": _asked(title, plan, labware)}] if options.confirm else []
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
    return {"id": id_, "load": placed.labware, "slot": placed.slot, "module": placed.module}


def _asked(title: str, plan: Plan, labware: Sequence[Mapping[str, Any]]) -> str:
    slots = {item["id"]: item["slot"] for item in labware}
    tubes = "; ".join(
        f"slot {slots[t['labware']]} {t['well']}: {math.ceil(t['volume'] - 1e-6)} uL {t['stock']}" for t in plan.liquids
    )
    into = dict.fromkeys(action["to"][0] for action in plan.actions if action["do"] == "move")
    samples = "".join(
        f", a fresh one for {id_.removeprefix(SAMPLES)} in slot {slots[id_]}," for id_ in into if id_ != PLATE
    )
    return f"{title}: put a fresh plate{samples} and full tip racks on the deck, and stocks into {tubes}. Then resume."
