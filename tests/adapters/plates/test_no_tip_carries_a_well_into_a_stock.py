"""A tip that draws from a stock again was in no well before: neither a kept one, nor one of several strokes."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("pylabrobot", reason="PyLabRobot needs hakken[pylabrobot]")

from pylabrobot.liquid_handling.backends import LiquidHandlerChatterboxBackend

from adapters.common.options import read_options
from adapters.opentrons.protocol import TEMPLATE, write_protocol
from adapters.plates.labware import LABWARE, TIPS
from adapters.plates.planning import plan_plate
from adapters.plates.whole_plan import whole_plan
from adapters.pylabrobot.options import PyLabRobotOptions
from adapters.pylabrobot.playing import Nobody, Player
from loop.recipe import By, Dose, Form, Recipe, Stock, Vessel, work_out
from loop.recipe.amounts import VOLUME, Amount
from tests.adapters.plates.benches import section
from tests.adapters.plates.robots import DECKS, told

RECIPE = Recipe(
    Vessel(holds=2000.0),
    {"A": Stock("A", Form.SOLUTION), "B": Stock("B", Form.SOLUTION)},
    (Dose("A", By.VOLUME, Amount(VOLUME, 15.0)), Dose("B", By.VOLUME, Amount(VOLUME, 700.0))),
)
PLATE = {"plate": {"labware": "corning_24_wellplate_3.4ml_flat", "slot": "1"}}
RACK = {"stocks": [{"labware": "nest_12_reservoir_15ml", "slot": "4"}]}
WELLS = {"A1": work_out(RECIPE, {}), "B1": work_out(RECIPE, {})}
FOUR = ["in the well", "above it", "above it", "in the well"]  # 15 uL in one stroke, 700 uL in three


class Noting:
    """Anything of Opentrons' API: notes at which height of a well it is dispensed."""

    def __init__(self, heights: list[str]) -> None:
        self._heights = heights
        self.has_tip, self.max_volume = False, 300.0

    def pick_up_tip(self) -> None:
        self.has_tip = True

    def drop_tip(self) -> None:
        self.has_tip = False

    def top(self, _: float) -> str:
        return "above it"

    def bottom(self, _: float) -> str:
        return "in the well"

    def dispense(self, _: float, where: str, rate: float) -> None:
        self._heights.append(where)

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: Noting(self._heights)

    def __getitem__(self, _: str) -> Noting:
        return self


@pytest.mark.parametrize(("tips", "heights"), [("each", [FOUR[0]] * 2 + FOUR[1:] * 2), ("stock", ["above it"] * 8)])
def test_opentrons_dips_it_into_a_well_with_its_last_stroke_only(
    monkeypatch: pytest.MonkeyPatch, tips: str, heights: list[str]
) -> None:
    said = told(deck={**DECKS["OT-2"], **PLATE, **RACK}, tips=tips)
    text = write_protocol(
        said,
        plan_plate(said, RECIPE, WELLS),
        key="k",
        title="coupling, plate 1",
        wells={well: f"attempt-{well}" for well in WELLS},
        template=TEMPLATE.read_text(encoding="utf-8"),
    )
    api = ModuleType("opentrons")
    api.protocol_api = SimpleNamespace(ProtocolContext=object)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "opentrons", api)
    names: dict[str, Any] = {}
    exec(compile(text, "protocol.py", "exec"), names)
    found: list[str] = []
    names["run"](Noting(found))

    assert found == heights


@pytest.mark.parametrize(("tips", "heights"), [("each", [FOUR[0]] * 2 + FOUR[1:] * 2), ("stock", ["above it"] * 8)])
def test_pylabrobot_dips_it_into_a_well_with_its_last_stroke_only(tips: str, heights: list[str]) -> None:
    found: list[str] = []

    class Bench(LiquidHandlerChatterboxBackend):  # type: ignore[misc]  # pylabrobot has no types
        async def dispense(self, ops: Any, *arguments: Any, **more: Any) -> None:
            found.append("in the well" if ops[0].liquid_height is None else "above it")

    options = read_options(
        PyLabRobotOptions, "pylabrobot", section(deck={**section()["deck"], **PLATE, **RACK}, tips=tips)
    )
    plan = whole_plan(options, plan_plate(options, RECIPE, WELLS), key="k", title="plate 1", wells={})
    racks = {item["load"]: TIPS.get(item["load"]) or LABWARE[item["load"]] for item in plan["labware"]}
    numbers = {name: [made.rows, made.columns, made.holds] for name, made in racks.items()}
    plan |= {"backend": "simulation", "flow": 100.0, "layout": None, "numbers": numbers}
    asyncio.run(Player(plan, Bench(num_channels=2)).play(Nobody()))

    assert found == heights
