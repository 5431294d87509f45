"""A deck believed from its plan: ranges of modules, tips that do not reach, and each well's own volume in words."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.plates.labware import DEEP
from adapters.plates.planning import plan_plate
from adapters.plates.steps import steps_that_differ
from adapters.plates.whole_plan import whole_plan
from loop.recipe import By, Dose, Form, Recipe, Sample, Stock, Vessel, work_out
from loop.recipe.amounts import VOLUME, Amount
from tests.adapters.plates.robots import CAMPAIGN, DECKS, deck, recipe, refused, told, wells


@pytest.mark.parametrize(
    ("step", "module", "says"),
    [
        (
            "{heat: 150 degC, time: 1 h}",
            "heaterShakerModuleV1",
            "heaterShakerModuleV1 goes from 37 to 95 °C, not to 150",
        ),
        (
            "{heat: 2 degC, time: 1 h}",
            "temperature module gen2",
            "temperature module gen2 goes from 4 to 95 °C, not to 2",
        ),
        (
            "{heat: 60 degC, time: 1 h, speed: 50000 rpm}",
            "heaterShakerModuleV1",
            "shakes at 200 to 3000 rpm, not at 50000",
        ),
        ("{stir: 100 rpm, time: 1 h}", "heaterShakerModuleV1", "shakes at 200 to 3000 rpm, not at 100"),
    ],
)
def test_what_a_module_cannot_be_set_to_is_named(step: str, module: str, says: str) -> None:
    text = CAMPAIGN.replace("{heat: temperature, time: 2 h}", step).replace(
        "recipe:\n", "recipe:\n  beside: [temperature]\n"
    )
    plate = {**DECKS["OT-2"]["plate"], "module": module}
    of = recipe(text)
    (problem,) = refused(told(deck=deck(plate=plate), by_hand=[]), wells(1, 1, of), of)

    assert says in problem


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ("{heat: 60 degC, speed: 500 rpm}", ["step 6: the plate is shaken from step 5 on, which has no time"]),
        ("{heat: 60 degC, speed: 500 rpm, time: 1 h}", []),
        ("{heat: 60 degC}", []),
        ("{heat: 60 degC, speed: 500 rpm}\n    - {stir: 500 rpm, time: 1 h}", []),
        ("{heat: 60 degC, speed: 500 rpm}\n    - {heat: 80 degC}", ["step 7: the plate is shaken from step 5 on"]),
    ],
)
def test_a_pipette_that_would_come_to_a_plate_that_shakes_is_named(steps: str, says: list[str]) -> None:
    text = CAMPAIGN.replace("{heat: temperature, time: 2 h}", f"{steps}\n    - {{dispense: DMSO, volume: 20 uL}}")
    of = recipe(text.replace("recipe:\n", "recipe:\n  beside: [temperature]\n"))
    plate = {**DECKS["OT-2"]["plate"], "module": "heaterShakerModuleV1"}
    found = steps_that_differ(told(deck=deck(plate=plate), by_hand=[]), of, wells(1, 2, of))

    assert len(found) == len(says)
    assert all(part in str(problem) for part, problem in zip(says, found, strict=True))


def test_people_are_asked_for_a_fresh_plate_of_samples_where_the_robot_takes_some() -> None:
    text = CAMPAIGN.replace("time: 2 h}\n", "time: 2 h}\n    - {sample: 5 uL, into: HPLC}\n")
    samples = {"HPLC": {"labware": "nest_96_wellplate_200ul_flat", "slot": "2"}}
    asked = []
    for by_hand in (["heat"], ["heat", "sample"]):
        said, of = told(deck=deck(samples=samples), by_hand=by_hand, confirm=True), recipe(text)
        plan = plan_plate(said, of, wells(1, 1, of))
        asked.append(whole_plan(said, plan, key="k", title="coupling, plate 1", wells={})["actions"][0]["say"])

    racks = "full tip racks in slots 5, 6, 7, 8, 9, and stocks into slot 4 A1: "
    assert f"put a fresh plate in slot 1, a fresh one for HPLC in slot 2, and {racks}" in asked[0]
    assert f"put a fresh plate in slot 1 and {racks}" in asked[1]


def draws(volume: float) -> Recipe:
    return Recipe(
        Vessel(holds=300.0),
        {"A": Stock("A", Form.SOLUTION, dead=100.0)},
        (Dose("A", By.VOLUME, Amount(VOLUME, volume)),),
    )


def filled(rack: str, volume: float, number: int, **changes: Any) -> list[float]:
    of = draws(volume)
    said = told(deck=deck(stocks=[{"labware": rack, "slot": "4"}], **changes))
    made = {well: work_out(of, {}) for well in wells(8, 12)}
    plan = plan_plate(said, of, dict(list(made.items())[:number]))
    return [t["volume"] for t in plan.liquids]


def test_tubes_are_filled_no_higher_than_the_nozzle_stays_dry() -> None:
    """A P20 with its tip at the bottom keeps its nozzle 31.9 mm above it; in 15 mL tubes 1 mL stands at 20 mm."""
    assert filled("opentrons_24_tuberack_nest_1.5ml_snapcap", 10.0, 96) == [pytest.approx(1060.0)]
    split = filled("opentrons_24_tuberack_nest_1.5ml_snapcap", 15.0, 96)
    assert len(split) == 2
    assert max(split) <= 1330.0
    for rack, most in (("opentrons_15_tuberack_falcon_15ml_conical", 29.9), ("nest_96_wellplate_2ml_deep", 29.9)):
        assert all(DEEP[rack].level(v) <= most for v in filled(rack, 19.0, 96))


def test_a_tube_that_no_tip_can_be_dipped_into_is_named() -> None:
    of = Recipe(
        Vessel(holds=300.0),
        {"A": Stock("A", Form.SOLUTION, dead=4000.0)},
        (Dose("A", By.VOLUME, Amount(VOLUME, 10.0)),),
    )
    rack = [{"labware": "opentrons_15_tuberack_falcon_15ml_conical", "slot": "4"}]
    (problem,) = refused(told(deck=deck(stocks=rack)), {"A1": work_out(of, {})}, of)

    assert "the nozzle of p20_single_gen2 stays dry up to 29.9 mm, in these tubes 2.6" in problem
    assert "take shallower tubes" in problem


def test_samples_by_hand_are_told_well_by_well_where_they_differ() -> None:
    of = Recipe(
        Vessel(holds=300.0),
        {"A": Stock("A", Form.SOLUTION)},
        (Dose("A", By.VOLUME, Amount(VOLUME, 50.0)), Sample(Amount(VOLUME, parameter="s", said_in="uL"), "HPLC")),
    )
    said = told(by_hand=["sample"])

    differing = plan_plate(said, of, {"A1": work_out(of, {"s": 5.0}), "A2": work_out(of, {"s": 20.0})})
    same = plan_plate(said, of, {"A1": work_out(of, {"s": 5.0}), "A2": work_out(of, {"s": 5.0})})
    assert differing.left == ("take 5 µL of A1 into HPLC, 20 µL of A2 into HPLC.",)
    assert same.left == ("take 5 µL of each well into HPLC.",)
