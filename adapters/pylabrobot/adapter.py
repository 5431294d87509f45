"""A bench that PyLabRobot drives, as a laboratory: what it makes of plates (``adapters.plates.making``)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from adapters.errors import AdapterUnavailable
from adapters.plates.driving import Driver
from adapters.plates.labware import TIPS
from adapters.plates.making import PlateMaker
from adapters.plates.planning import Plan
from adapters.plates.runs import PlateRun
from adapters.plates.whole_plan import whole_plan
from adapters.pylabrobot.bench import PLAN
from adapters.pylabrobot.options import PyLabRobotOptions
from loop.contracts import Adapter, Finding, Health
from loop.errors import NotSetUp
from loop.recipe import Recipe

UNTESTED = "hakken has tried no hardware through PyLabRobot: watch a run with empty tubes first"


class PyLabRobot(PlateMaker):
    """The adapter; see the module."""

    protocol_name: ClassVar[str] = PLAN

    def __init__(
        self,
        folder: Path,
        options: PyLabRobotOptions,
        recipe: Recipe,
        measuring: Adapter,
        driver: Driver,
        layout: Mapping[str, Any] | None,
        base: str,
    ) -> None:
        super().__init__(folder, options, recipe, measuring, driver)
        self._options, self._layout, self._base = options, layout, base
        self.is_simulated = options.backend == "simulation"

    def health(self) -> Health:
        try:
            said = self._driver.robot.health()
        except AdapterUnavailable as error:
            return Health(False, str(error))
        inner = self._measuring.health()
        own = "" if self.is_simulated else f"; {UNTESTED}"
        told = f"{said['name']}, PyLabRobot {said['api_version']}{own}; measuring: {inner.message}"
        return Health(inner.is_ok, told)

    def examine(self) -> Sequence[Finding]:
        """PyLabRobot's version, what drives the bench, and what measures."""
        inner = self._measuring.examine()
        try:
            said = self._driver.robot.health()
        except AdapterUnavailable as error:
            return [Finding("pylabrobot", "problem", str(error), "pip install 'hakken[pylabrobot]'"), *inner]
        found = [Finding("pylabrobot", "ok", f"version {said['api_version']}")]
        if self.is_simulated:
            found.append(Finding("back end", "ok", "PyLabRobot's simulation; nothing moves"))
        else:
            found.append(Finding("back end", "note", self._options.backend, UNTESTED))
        try:
            return [*found, *self._drafts.examine(), *inner]
        except NotSetUp as error:
            rule, _, remedy = str(error).partition("; ")
            return [found[0], Finding("back end", "problem", rule, remedy), *inner]

    def _write_protocol(self, plate: PlateRun, plan: Plan, keys: Mapping[str, str]) -> str:
        options = self._options
        whole = whole_plan(options, plan, key=plate.key, title=plate.title, wells=keys)
        loads = {str(item["load"]) for item in whole["labware"]}
        numbers = {name: TIPS[name] if name in TIPS else options.labware_of(name) for name in loads}
        whole |= {
            "backend": options.backend,
            "options": options.backend_options,
            "base": self._base,
            "flow": options.flow,
            "layout": self._layout,
            "numbers": {name: [n.rows, n.columns, n.holds] for name, n in numbers.items()},
        }
        return json.dumps(whole, sort_keys=True)
