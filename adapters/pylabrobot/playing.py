"""Carrying a plan out with PyLabRobot, its volume and tip trackers turned on.

Source: PyLabRobot 0.2, ``LiquidHandler``, ``LiquidHandlerChatterboxBackend``, ``VolumeTracker`` and ``TipTracker``.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Mapping
from typing import Any, Final, Protocol

from adapters.pylabrobot.decks import ROUNDING, container, deck_of

SIMULATION: Final = "simulation"


class Watcher(Protocol):
    """Is told what is done, and holds it up."""

    def note(self, **what: Any) -> None: ...
    async def pause(self, say: str) -> None: ...
    async def look(self) -> None: ...


class Nobody:
    """Of a check: nothing is on record, and nothing waited for."""

    def note(self, **what: Any) -> None: ...
    async def pause(self, say: str) -> None: ...
    async def look(self) -> None: ...


def back_end_of(plan: Mapping[str, Any]) -> type:
    """The class that drives the machine."""
    if plan["backend"] == SIMULATION:
        from pylabrobot.liquid_handling.backends import LiquidHandlerChatterboxBackend

        return LiquidHandlerChatterboxBackend  # type: ignore[no-any-return]
    module, _, name = plan["backend"].partition(":")
    sys.path.append(plan["base"])
    return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]


class Player:
    """Carries a plan out, action after action."""

    def __init__(self, plan: Mapping[str, Any], back_end: Any) -> None:
        from pylabrobot.liquid_handling import LiquidHandler
        from pylabrobot.resources import set_tip_tracking, set_volume_tracking

        set_tip_tracking(True)
        set_volume_tracking(True)
        self._plan = plan
        deck, self._labware = deck_of(plan)
        self._handler = LiquidHandler(backend=back_end, deck=deck)
        self._channels = {mount: number for number, mount in enumerate(plan["pipettes"])}
        self._is_simulated = plan["backend"] == SIMULATION
        slack = ROUNDING * len(plan["actions"])
        for name, labware in self._labware.items():
            if name.startswith("tips"):
                labware.fill()  # a run begins with full racks, which a saved layout does not tell
                continue
            for well in map(container, labware.get_all_items()):
                if well is not None:
                    well.tracker.max_volume += slack
        for liquid in plan["liquids"]:
            self._well(liquid["labware"], liquid["well"]).tracker.set_volume(liquid["volume"] + slack)

    async def play(self, watcher: Watcher) -> None:
        """All of it; whatever PyLabRobot or the machine refuses is raised."""
        await self._handler.setup()
        try:
            for number, action in enumerate(self._plan["actions"]):
                await watcher.look()
                key = self._plan["wells"].get(action["to"][1]) if action["do"] == "move" else None
                watcher.note(step=number, state="begun", key=key)
                await self._carry_out(action, watcher)
                watcher.note(step=number, state="done")
        finally:
            if any(channel.has_tip for channel in self._handler.head.values()):
                await self._drop()
            await self._handler.stop()

    def _well(self, labware: str, well: str) -> Any:
        found = container(self._labware[labware].get_item(well))
        if found is None:
            raise RuntimeError(f"nothing stands in {well} of {self._labware[labware].name}")
        return found

    async def _carry_out(self, action: Mapping[str, Any], watcher: Watcher) -> None:
        match action["do"]:
            case "move":
                await self._move(action)
            case "drop":
                await self._drop()
            case "pause":
                await watcher.pause(action["say"])
            case "wait":
                await self._wait(action["time"])

    async def _wait(self, seconds: float) -> None:
        if not self._is_simulated:
            await asyncio.sleep(seconds)

    async def _drop(self) -> None:
        await self._handler.discard_tips()

    async def _move(self, action: Mapping[str, Any]) -> None:
        source, target = self._well(*action["from"]), self._well(*action["to"])
        mount = action["pipette"]
        channel = self._channels[mount]
        stroke = action["volume"] / action["strokes"]
        flow = None if action["rate"] == 1.0 else [action["rate"] * self._plan["flow"]]
        how: dict[str, Any] = {"use_channels": [channel], "flow_rates": flow}
        if not self._handler.head[channel].has_tip:
            await self._handler.pick_up_tips([self._next_tip(mount)], use_channels=[channel])
        for _ in range(action["prewet"]):
            await self._handler.aspirate([source], [stroke], **how)
            await self._handler.dispense([source], [stroke], **how)
        air = {"blow_out_air_volume": [action["air_gap"]]} if action["air_gap"] else {}
        above = {"liquid_height": [max(target.get_absolute_size_z() - 2.0, 0.0)]}
        for left in reversed(range(action["strokes"])):
            # A tip that draws once more stays above what is in the well, so that it carries nothing into the stock.
            height = above if action["keep"] or left else {}
            await self._handler.aspirate([source], [stroke], **how, **air)
            await self._wait(action["delay"])
            await self._handler.dispense([target], [stroke], **how, **air, **height)
            await self._wait(action["delay"])
        volume = action.get("mix_volume", stroke)  # which plans of an older version lack
        for _ in range(action["mix"]):
            await self._handler.aspirate([target], [volume], **how)
            await self._handler.dispense([target], [volume], **how)
        if not action["keep"]:
            await self._handler.discard_tips(use_channels=[channel])

    def _next_tip(self, mount: str) -> Any:
        racks = self._plan["pipettes"][mount]["racks"]
        spots = (spot for rack in racks for spot in self._labware[rack].get_all_items())
        found = next((spot for spot in spots if spot.has_tip()), None)
        if found is None:
            raise RuntimeError(f"no tip is left for {self._plan['pipettes'][mount]['name']}")
        return found
