"""Modules on an Opentrons deck: only the plate's heats, its latch lets people come to the plate, and adapters count."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from adapters.errors import AdapterOptionsError
from adapters.opentrons.protocol import TEMPLATE, write_protocol
from adapters.opentrons.simulator import refusal
from adapters.plates.planning import plan_plate
from adapters.plates.whole_plan import whole_plan
from tests.adapters.plates.robots import CAMPAIGN, DECKS, deck, laboratory, recipe, refused, told, wells

SHAKER = {**DECKS["OT-2"]["plate"], "module": "heaterShakerModuleV1", "adapter": "opentrons_universal_flat_adapter"}
COOLED = {
    "labware": "opentrons_24_aluminumblock_nest_2ml_snapcap",
    "slot": "10",
    "module": "temperature module gen2",
}
TIPS = [
    {"labware": "opentrons_96_tiprack_20ul", "slots": ["3", "5", "6", "8"]},
    {"labware": "opentrons_96_tiprack_300ul", "slots": ["9"]},
]
ON_MODULES = deck(plate=SHAKER, stocks=[COOLED], tips=TIPS)
METHODS = {
    "heaterShakerModuleV1": (
        "set_and_wait_for_temperature", "set_and_wait_for_shake_speed", "deactivate_heater", "deactivate_shaker",
        "open_labware_latch", "close_labware_latch",
    ),
    "temperature module gen2": ("set_temperature", "deactivate"),
}  # fmt: skip


class Thing:
    """Anything of Opentrons' API: notes who is told what, modules by what they are."""

    has_tip, max_volume = False, 300.0

    def __init__(self, told: list[str], name: str = "", has: tuple[str, ...] = ()) -> None:
        self._told, self._name, self._has = told, name, has

    def __getattr__(self, method: str) -> Any:
        if method.startswith("__") or (self._has and method not in (*self._has, "load_adapter", "load_labware")):
            raise AttributeError(method)

        def call(*args: Any, **_: Any) -> Thing:
            shown = [*([self._name] if self._name else []), method, *(a for a in args if isinstance(a, str | float))]
            self._told.append(" ".join(map(str, shown)))
            name = str(args[0]) if method in ("load_module", "load_adapter") else ""
            return Thing(self._told, name, METHODS.get(name, ()))

        return call

    def __getitem__(self, _: str) -> Thing:
        return self


def carried_out(monkeypatch: pytest.MonkeyPatch, text: str, **changes: Any) -> list[str]:
    """What a protocol of two wells tells whom, in order, but for the pipetting."""
    said, of = told(deck=ON_MODULES, **changes), recipe(text)
    filled = wells(1, 2, of)
    template = TEMPLATE.read_text(encoding="utf-8")
    protocol = write_protocol(said, plan_plate(said, of, filled), key="k", title="t", wells={}, template=template)
    api = ModuleType("opentrons")
    api.protocol_api = SimpleNamespace(ProtocolContext=object)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "opentrons", api)
    found: list[str] = []
    names: dict[str, Any] = {}
    exec(compile(protocol, "protocol.py", "exec"), names)
    names["run"](Thing(found))
    return [one for one in found if one.split()[0] not in ("aspirate", "dispense", "blow_out", "bottom", "top")]


def test_the_plates_module_heats_and_not_the_one_under_the_stocks(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = carried_out(monkeypatch, CAMPAIGN, by_hand=[])

    assert "heaterShakerModuleV1 set_and_wait_for_temperature 80.0" in calls
    assert not [one for one in calls if one.startswith("temperature module gen2") and "load" not in one]


@pytest.mark.parametrize(
    ("steps", "held"), [("{heat: temperature, time: 2 h}", True), ("{heat: temperature, speed: 300 rpm}", False)]
)
def test_the_latch_is_open_while_people_are_asked_to_come_to_a_plate_that_does_not_shake(
    monkeypatch: pytest.MonkeyPatch, steps: str, held: bool
) -> None:
    text = CAMPAIGN.replace("{heat: temperature, time: 2 h}", f"{steps}\n    - {{wait: 1 h}}\n    - {{heat: 60 degC}}")
    calls = carried_out(monkeypatch, text, by_hand=["wait"], confirm=True)
    said = [n for n, one in enumerate(calls) if one.startswith("pause")]
    around = [(calls[n - 1], calls[n + 1]) for n in said]
    opened = ("heaterShakerModuleV1 open_labware_latch", "heaterShakerModuleV1 close_labware_latch")

    assert len(said) == 2
    assert around[0] == opened  # the fresh plate is put there
    assert (around[1] == opened) == held


def test_what_stands_between_a_plate_and_its_module_is_loaded_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = carried_out(monkeypatch, CAMPAIGN, by_hand=[])

    assert "heaterShakerModuleV1 load_adapter opentrons_universal_flat_adapter" in calls
    assert "opentrons_universal_flat_adapter load_labware corning_96_wellplate_360ul_flat" in calls


def test_a_template_of_ones_own_that_knows_no_adapters_is_refused_where_a_plate_stands_on_one(tmp_path: Path) -> None:
    """It would take the wells for lower than they are."""
    own = tmp_path / "own.jinja"
    own.write_text(TEMPLATE.read_text(encoding="utf-8").replace('item["adapter"]', "None"), encoding="utf-8")
    laboratory(tmp_path, template=str(own))

    with pytest.raises(AdapterOptionsError, match=r"own\.jinja does not load the adapters .*; take load_labware over"):
        laboratory(tmp_path, template=str(own), deck=ON_MODULES, by_hand=[])


def test_people_are_told_where_everything_is_to_stand() -> None:
    said, of = told(deck=ON_MODULES, by_hand=[], confirm=True), recipe()
    plan = plan_plate(said, of, wells(1, 1, of))
    asked = whole_plan(said, plan, key="k", title="coupling, plate 1", wells={})["actions"][0]["say"]

    assert "put a fresh plate in slot 1, on opentrons_universal_flat_adapter, and full tip racks" in asked
    assert "full tip racks in slots 3, 5, 6, 8, 9, and stocks into slot 10 A1: " in asked


def test_a_plate_that_is_said_to_stand_on_a_module_itself_is_remarked_on(tmp_path: Path) -> None:
    plain = {name: said for name, said in SHAKER.items() if name != "adapter"}
    found = {
        adapter: [f for f in laboratory(tmp_path, deck=deck(plate=plate), by_hand=[]).examine() if "deck" in f.subject]
        for adapter, plate in (("none", plain), ("one", SHAKER))
    }

    (note,) = [f for f in found["none"] if f.verdict == "note"]
    assert "corning_96_wellplate_360ul_flat on heaterShakerModuleV1 itself" in note.found
    assert "deck.plate.adapter" in note.remedy
    assert not [f for f in found["one"] if f.verdict == "note"]


def test_nobody_is_asked_to_come_to_a_plate_that_shakes() -> None:
    text = CAMPAIGN.replace(
        "{heat: temperature, time: 2 h}", "{heat: temperature, speed: 300 rpm}\n    - {sample: 5 uL, into: HPLC}"
    )
    of = recipe(text)
    (problem,) = refused(told(deck=ON_MODULES, by_hand=["sample"]), wells(1, 1, of), of)

    assert "the plate is shaken from step 5 on, which has no time, and nobody comes to a plate that shakes" in problem


def test_the_simulator_takes_a_plate_on_an_adapter_and_stocks_on_a_module(tmp_path: Path, simulator: Path) -> None:
    of = recipe(CAMPAIGN.replace("2 h}", "2 h}\n    - {wait: 1 h}"))
    said = told(deck=ON_MODULES, by_hand=["wait"], confirm=True)
    filled = wells(2, 3, of)
    template = TEMPLATE.read_text(encoding="utf-8")
    protocol = tmp_path / "protocol.py"
    protocol.write_text(
        write_protocol(said, plan_plate(said, of, filled), key="k", title="t", wells={}, template=template)
    )

    assert refusal(simulator, protocol) is None
