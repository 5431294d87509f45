"""What a campaign file may say of a bench that PyLabRobot drives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field, model_validator

from adapters.common.options import read_options, resolve, spelt
from adapters.errors import AdapterOptionsError
from adapters.plates.deck import DECK, PlateOptions, measuring_of, recipe_of
from loop.contracts import AdapterContext, Delivery

if TYPE_CHECKING:
    from adapters.pylabrobot.adapter import PyLabRobot

DELIVERY: Final = Delivery.TWO_PHASE
FREE: Final = frozenset({"poll"})
BETWEEN_RUNS: Final = DECK | {"layout"}

EXAMPLE: Final = """\
laboratory:
  adapter: pylabrobot
  backend: simulation                    # or module:Class of a back end, with backend_options
  deck:
    plate: {labware: corning_96_wellplate_360ul_flat, slot: "1"}
    stocks: [{labware: opentrons_15_tuberack_falcon_15ml_conical, slot: "4"}]
    tips:
      - {labware: opentrons_96_tiprack_20ul, slots: ["5", "6", "7", "8"]}
      - {labware: opentrons_96_tiprack_300ul, slots: ["9"]}
    pipettes: {left: p20_single_gen2, right: p300_single_gen2}
  by_hand: [heat]
  measured_by: {adapter: manual}
"""


class PyLabRobotOptions(PlateOptions):
    """What a campaign file may say of a bench that PyLabRobot drives."""

    backend: Annotated[str, spelt(r"simulation|[A-Za-z_][\w.]*:[A-Za-z_]\w*", "simulation, or MODULE:CLASS")] = (
        "simulation"
    )
    backend_options: dict[str, Any] = Field(default_factory=dict)  # what the back end's class is called with
    layout: str | None = None  # a deck as PyLabRobot saves it, its labware named 'slot 1', ...; from the campaign file
    flow: float = Field(default=100.0, gt=0)  # uL/s that a liquid's rate is of

    @model_validator(mode="after")
    def _can_be_built(self) -> PyLabRobotOptions:
        if self.backend == "simulation" and self.backend_options:
            raise ValueError("no backend_options of the simulation, which has none; leave them out")
        if self.backend != "simulation" and self.layout is None:
            raise ValueError(
                f"a layout for {self.backend}: a machine needs true positions; save its deck with PyLabRobot "
                "(deck.save) and name the file"
            )
        placed = [self.deck.plate, *self.deck.stocks, *self.deck.samples.values()]
        if any(p.module for p in placed):
            raise ValueError("no module: PyLabRobot's are not driven; write by_hand: [heat, stir]")
        if any(p.adapter for p in placed):
            raise ValueError("no adapter: a layout has what stands under labware; leave it out")
        slots = [*(p.slot for p in placed), *(slot for tips in self.deck.tips for slot in tips.slots)]
        if self.layout is None and (wrong := [slot for slot in slots if not slot.isdigit()]):
            raise ValueError(f"slots 1 to 11 of an OT-2's deck, and {wrong[0]} is none; number it, or give a layout")
        return self


def lacking() -> str | None:
    """What this machine lacks for it, with the remedy."""
    there = find_spec("pylabrobot") is not None
    return None if there else "PyLabRobot is not installed; pip install 'hakken[pylabrobot]'"


def build(options: Mapping[str, Any], context: AdapterContext) -> PyLabRobot:
    """A bench from the laboratory section of a campaign file.

    Raises:
        AdapterOptionsError: An option is wrong, the campaign has no recipe, or the layout cannot be used.
    """
    from adapters.plates.driving import Driver
    from adapters.pylabrobot.adapter import PyLabRobot
    from adapters.pylabrobot.bench import Bench, Simulation

    settings = read_options(PyLabRobotOptions, "pylabrobot", options)
    recipe = recipe_of("pylabrobot", context)
    measuring = measuring_of("pylabrobot", settings, context)
    layout = None if settings.layout is None else _layout(resolve(context.base, settings.layout), settings)
    folder = Path(context.folder)
    driver = Driver(Bench(folder / "bench", settings.backend), Simulation(), context.campaign)
    return PyLabRobot(folder, settings, recipe, measuring, driver, layout, str(Path(context.base).resolve()))


def _layout(path: Path, settings: PyLabRobotOptions) -> Mapping[str, Any]:
    """The deck of a file, with a thing of each slot's name on it."""
    try:
        deck = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AdapterOptionsError(
            "pylabrobot", [f"layout {path} cannot be read ({error}); save the deck with PyLabRobot (deck.save)"]
        ) from None
    names, deck_option = _names(deck), settings.deck
    placed = (deck_option.plate, *deck_option.stocks, *deck_option.samples.values())
    slots = [*(p.slot for p in placed), *(slot for tips in deck_option.tips for slot in tips.slots)]
    if lacking := [slot for slot in slots if f"slot {slot}" not in names]:
        rule = f"layout {path} has nothing named 'slot {lacking[0]}'; name the labware on it after its slots"
        raise AdapterOptionsError("pylabrobot", [rule])
    return deck  # type: ignore[no-any-return]


def _names(resource: Any) -> set[str]:
    if not isinstance(resource, dict):
        return set()
    return {str(resource.get("name"))}.union(*(_names(child) for child in resource.get("children") or ()))
