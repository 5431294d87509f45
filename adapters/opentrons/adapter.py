"""An Opentrons robot as a laboratory: what it makes of plates over its HTTP API (``adapters.plates.making``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from adapters.errors import AdapterUnavailable
from adapters.opentrons.client import Robot
from adapters.opentrons.examining import examine
from adapters.opentrons.options import OpentronsOptions
from adapters.opentrons.protocol import FILE, write_protocol
from adapters.plates.driving import Driver
from adapters.plates.labware import ON_ADAPTERS
from adapters.plates.machine import Refused
from adapters.plates.making import PlateMaker
from adapters.plates.planning import Plan
from adapters.plates.runs import PlateRun
from loop.contracts import Adapter, Finding, Health
from loop.recipe import Recipe

MODELS: Final = {"OT-2": "OT-2", "OT-3": "Flex"}  # how a robot calls itself, by its first letters


class Opentrons(PlateMaker):
    """The adapter; see the module."""

    protocol_name: ClassVar[str] = FILE

    def __init__(
        self,
        folder: Path,
        options: OpentronsOptions,
        recipe: Recipe,
        measuring: Adapter,
        driver: Driver,
        template: str,
        caution: str = "",
    ) -> None:
        super().__init__(folder, options, recipe, measuring, driver)
        self._options, self._template, self._caution = options, template, caution
        self.is_simulated = options.robot == "stand-in"

    def caution(self) -> str:
        said, self._caution = self._caution, ""
        return said

    def health(self) -> Health:
        try:
            said = self._driver.robot.health()
        except (AdapterUnavailable, Refused) as error:
            return Health(False, str(error))
        model = str(said.get("robot_model", ""))
        if MODELS.get(model[:4]) != self._options.machine:
            return Health(False, f"{self._driver.robot.url} is a {model}; write laboratory.machine as it is")
        judge = self._driver.judge
        if judge is not None and not judge.program.is_file():
            return Health(False, f"{judge.called} is not at {judge.program}; install it (make opentrons)")
        inner = self._measuring.health()
        return Health(inner.is_ok, f"{said.get('name', 'robot')}, {model}, answers; measuring: {inner.message}")

    def examine(self) -> Sequence[Finding]:
        """The robot, its pipettes and calibrations, the simulator, and what measures."""
        driver = self._driver
        robot = driver.robot
        assert isinstance(robot, Robot)
        pipettes = {str(mount): name for mount, name in self._options.deck.pipettes.items()}
        simulator = None if driver.judge is None else driver.judge.program
        found = examine(robot, self._options.machine, pipettes, simulator)
        return [*found, *self._on_modules(), *self._drafts.examine(), *self._measuring.examine()]

    def _on_modules(self) -> list[Finding]:
        """A note on each plate or rack that is said to stand on a module itself, which few do."""
        deck, found = self._options.deck, []
        for placed in (deck.plate, *deck.stocks, *deck.samples.values()):
            if placed.module and not placed.adapter and placed.labware in ON_ADAPTERS:
                which = "deck.plate.adapter" if placed is deck.plate else f"adapter, beside slot {placed.slot}"
                said = f"{placed.labware} on {placed.module} itself: its wells may really be 1 to 6 mm higher"
                remedy = f"name what it stands on ({which}), such as opentrons_96_flat_bottom_adapter"
                found.append(Finding("deck: adapters", "note", said, remedy))
        return found

    def _write_protocol(self, plate: PlateRun, plan: Plan, keys: Mapping[str, str]) -> str:
        return write_protocol(
            self._options, plan, key=plate.key, title=plate.title, wells=keys, template=self._template
        )
