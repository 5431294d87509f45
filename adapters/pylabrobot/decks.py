"""PyLabRobot's deck for a plan, and what holds the liquid on it. Source: PyLabRobot 0.2, resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

ROUNDING: Final = 0.001  # uL: volumes are told to so much


def deck_of(plan: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The deck, and what stands on it by its name in the plan; from the layout, or from the numbers of the plan."""
    from pylabrobot.resources import Deck
    from pylabrobot.resources.opentrons import OTDeck

    if plan["layout"] is not None:
        deck = Deck.deserialize(plan["layout"])
        return deck, {item["id"]: deck.get_resource(f"slot {item['slot']}") for item in plan["labware"]}
    deck, placed = OTDeck(), {}
    for item in plan["labware"]:
        made = grid(f"slot {item['slot']}", item["id"].startswith("tips"), *plan["numbers"][item["load"]])
        deck.assign_child_at_slot(made, int(item["slot"]))
        placed[item["id"]] = made
    return deck, placed


def grid(name: str, is_rack: bool, rows: int, columns: int, holds: float) -> Any:
    """Labware of standard outline (127.76 x 85.48 mm) with its wells in a grid; ``holds`` uL each."""
    from pylabrobot.resources import Plate, Tip, TipRack, TipSpot, Well
    from pylabrobot.resources.utils import create_ordered_items_2d

    pitch = min(108.0 / columns, 72.0 / rows)
    grid = {"num_items_x": columns, "num_items_y": rows, "dx": 10.0, "dy": 7.0, "dz": 1.0}
    grid |= {"item_dx": pitch, "item_dy": pitch, "size_x": 0.8 * pitch, "size_y": 0.8 * pitch}
    if is_rack:

        def tip(name: str = "tip") -> Any:
            return Tip(
                name=name, has_filter=False, total_tip_length=50.0, maximal_volume=holds + ROUNDING, fitting_depth=8.0
            )

        spots = create_ordered_items_2d(TipSpot, make_tip=tip, **grid)
        return TipRack(name, size_x=127.76, size_y=85.48, size_z=60.0, ordered_items=spots)
    wells = create_ordered_items_2d(Well, size_z=10.0, max_volume=holds, **grid)
    return Plate(name, size_x=127.76, size_y=85.48, size_z=14.0, ordered_items=wells)


def container(item: Any) -> Any:
    """What holds the liquid: a well itself, or the tube that stands in a holder; None where none does."""
    if hasattr(item, "tracker"):
        return item
    return item.children[0] if item.children else None
