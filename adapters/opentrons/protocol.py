"""The protocol of a plate: a Python file for the robot, written from a template and a plan."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from adapters.opentrons.deck import Placed, PlateOptions
from adapters.opentrons.options import OpentronsOptions
from adapters.opentrons.pipetting import racks_for
from adapters.opentrons.planning import PLATE, Plan

TEMPLATE: Final = Path(__file__).with_name("protocol.jinja")
PLACES: Final = ("@METADATA@", "@REQUIREMENTS@", "@PLAN@")
FILE: Final = "protocol.py"
KEY: Final = "hakken"  # in the metadata: the key of the run, by which a robot is asked for it


def write_protocol(
    options: OpentronsOptions, plan: Plan, *, key: str, title: str, wells: Mapping[str, str], template: str
) -> str:
    """The text of the protocol.

    Args:
        options: Deck, machine and level of the API.
        plan: What is done.
        key: Of the run; in the metadata, so that no two runs have the same file.
        title: What people read on the robot's screen.
        wells: Key of the attempt in each well.
        template: Text with the marks of ``PLACES``.
    """
    trash = (options.deck.trash or "A3") if options.machine == "Flex" else None
    whole = whole_plan(options, plan, key=key, title=title, wells=wells, trash=trash)
    metadata = {"protocolName": title, "author": "hakken", KEY: key}
    requirements = {"robotType": options.machine, "apiLevel": options.api}
    said = (repr(metadata), repr(requirements), repr(json.dumps(whole, separators=(",", ":"))))
    text = template
    for place, value in zip(PLACES, said, strict=True):
        text = text.replace(place, value)
    return text


def whole_plan(
    options: PlateOptions, plan: Plan, *, key: str, title: str, wells: Mapping[str, str], trash: str | None = None
) -> dict[str, Any]:
    """All that a robot must know of a run: labware, pipettes with their racks, liquids and actions."""
    deck = options.deck
    labware = [_placed(PLATE, deck.plate)]
    labware += [_placed(f"stocks{i}", stock) for i, stock in enumerate(deck.stocks)]
    labware += [_placed(f"samples:{name}", into) for name, into in deck.samples.items()]
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


def plan_in(protocol: str) -> Mapping[str, Any] | None:
    """The plan that a protocol of ours carries; None of anybody else's."""
    for node in ast.parse(protocol).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "PLAN" for t in node.targets):
            match node.value:
                case ast.Call(args=[ast.Constant(value=str() as text)]):
                    found = json.loads(text)
                    return found if isinstance(found, dict) else None
    return None


def missing_places(template: str) -> list[str]:
    """The marks that a template of one's own lacks."""
    return [place for place in PLACES if place not in template]


def _placed(id_: str, placed: Placed) -> dict[str, Any]:
    return {"id": id_, "load": placed.labware, "slot": placed.slot, "module": placed.module}


def _asked(title: str, plan: Plan, labware: Sequence[Mapping[str, Any]]) -> str:
    slots = {item["id"]: item["slot"] for item in labware}
    tubes = "; ".join(
        f"slot {slots[t['labware']]} {t['well']}: {t['volume']:.0f} uL {t['stock']}" for t in plan.liquids
    )
    return f"{title}: put a fresh plate and full tip racks on the deck, and stocks into {tubes}. Then resume."
