"""Plates on a deck: what does not suffice is named; what does is accepted by Opentrons' own simulator."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import AdapterOptionsError
from adapters.opentrons.options import OpentronsOptions
from adapters.opentrons.protocol import TEMPLATE, plan_in, write_protocol
from adapters.opentrons.simulator import refusal
from adapters.plates.labware import LABWARE, TIPS
from adapters.plates.pipetting import pipette_for
from adapters.plates.planning import Plan, plan_plate
from adapters.plates.whole_plan import whole_plan
from loop.contracts import AttemptKey, Phase
from loop.outcome import Fault, FaultKind, read_outcome
from loop.recipe import By, Dose, Form, Procedure, Recipe, Sample, Stock, Vessel, work_out
from loop.recipe.amounts import VOLUME, Amount
from tests.adapters.plates.robots import (
    CAMPAIGN,
    DECKS,
    RECIPE,
    TARGETS,
    deck,
    experiment,
    laboratory,
    recipe,
    refused,
    runs_of,
    told,
    wells,
)


def written(said: OpentronsOptions, plan: Plan, filled: dict[str, Procedure]) -> str:
    keys = {well: f"attempt-{well}" for well in filled}
    template = TEMPLATE.read_text(encoding="utf-8")
    return write_protocol(said, plan, key="hakken-1", title="coupling, plate 1", wells=keys, template=template)


@pytest.mark.parametrize("machine", ["OT-2", "Flex"])
@pytest.mark.parametrize(("rows", "columns", "labware"), [(4, 6, "corning_24_wellplate_3.4ml_flat"), (8, 12, "")])
def test_the_simulator_accepts_a_plate_with_six_stocks(
    tmp_path: Path, simulator: Path, machine: str, rows: int, columns: int, labware: str
) -> None:
    plate = {**DECKS[machine]["plate"], "labware": labware or "corning_96_wellplate_360ul_flat"}
    said = told(machine=machine, deck=deck(machine, plate=plate))
    filled = wells(rows, columns)
    plan = plan_plate(said, RECIPE, filled)
    protocol = tmp_path / "protocol.py"
    protocol.write_text(written(said, plan, filled))

    assert refusal(simulator, protocol) is None
    assert len(plan.liquids) == 6
    assert len([a for a in plan.actions if a["do"] == "move"]) == 4 * rows * columns


def test_the_simulator_accepts_samples_modules_pauses_and_kept_tips(tmp_path: Path, simulator: Path) -> None:
    more = CAMPAIGN.replace(
        "time: 2 h}", "time: 2 h, speed: 300 rpm}\n    - {sample: 5 uL, into: HPLC}\n    - {wait: 1 min}"
    )
    of = recipe(more)
    plate = {"labware": "corning_96_wellplate_360ul_flat", "slot": "D1", "module": "heaterShakerModuleV1"}
    samples = {"HPLC": {"labware": "nest_96_wellplate_200ul_flat", "slot": "D2"}}
    said = told(machine="Flex", deck=deck("Flex", plate=plate, samples=samples), by_hand=[], tips="stock", confirm=True)
    filled = wells(2, 3, of)
    plan = plan_plate(said, of, filled)
    protocol = tmp_path / "protocol.py"
    protocol.write_text(written(said, plan, filled))
    done = [a["do"] for a in plan.actions]

    assert refusal(simulator, protocol) is None
    assert done[-8:] == ["heat", *["move"] * 6, "wait"]
    assert done.count("drop") == 4  # one tip for each stock, where nothing is mixed
    assert sum(plan.tips.values()) == 4 + 6 + 6  # and a new one for each base, which is mixed, and each sample


def test_the_simulator_refuses_what_cannot_be_and_its_words_are_kept(tmp_path: Path, simulator: Path) -> None:
    bad = tmp_path / "bad.jinja"
    bad.write_text(TEMPLATE.read_text().replace("pipette.pick_up_tip()", "pipette.pick_up_trip()"))
    lab = laboratory(tmp_path, template=str(bad), simulator=str(simulator))
    key = AttemptKey("attempt-A1")
    handle = lab.prepare(experiment(), key)
    lab.start(handle, key)
    lab.close("1", [handle])
    status = lab.status(handle)
    lab.close("1", [handle])
    (problem,) = lab.wanting([], [handle])

    assert status.phase is Phase.WAITING
    assert "Opentrons' simulator refuses the protocol" in status.detail
    assert "pick_up_trip" in problem.rule
    assert problem.subject == "the plate"  # of the deck alone no tip is picked up
    assert list(lab.still_waiting([handle])) == [handle]
    assert len(list(lab._plates.all())) == 1  # no other run is made of what was refused
    assert runs_of(tmp_path) == 0


def test_the_simulator_refuses_a_heater_shaker_beside_tall_labware_and_it_is_the_decks_fault(
    tmp_path: Path, simulator: Path
) -> None:
    shaker = {**DECKS["OT-2"]["plate"], "module": "heaterShakerModuleV1"}
    tubes = [{"labware": "opentrons_15_tuberack_falcon_15ml_conical", "slot": "2"}]
    changes = {"by_hand": [], "simulator": str(simulator)}
    lab = laboratory(tmp_path, deck=deck(plate=shaker, stocks=tubes), **changes)
    before = lab.judged()
    lab.judge([experiment()], [])
    (problem,) = lab.wanting([experiment()], [])
    mended = laboratory(tmp_path, deck=deck(plate=shaker), **changes)
    mended.judge([experiment()], [])

    assert list(before) == []
    assert (problem.subject, list(lab.judged())) == ("the deck", [problem])
    assert "heaterShakerModuleV1 in slot 1 prevents opentrons_15_tuberack_falcon_15ml_conical" in problem.rule
    assert [*mended.wanting([experiment()], []), *mended.judged()] == []
    assert not (tmp_path / "lab" / "plates").exists()


def test_the_table_of_labware_agrees_with_opentrons_own(opentrons_simulator: Path) -> None:
    look = (
        "import json, pathlib, opentrons_shared_data as d\n"
        "root = pathlib.Path(d.__file__).parent / 'data/labware/definitions/2'\n"
        "found = {}\n"
        "for folder in root.iterdir():\n"
        "    versions = sorted(folder.glob('*.json'), key=lambda p: int(p.stem))\n"
        "    made = json.loads(versions[-1].read_text('utf-8')) if versions else {}\n"
        "    if not made.get('ordering'):\n"
        "        continue\n"
        "    holds = {w['totalLiquidVolume'] for w in made['wells'].values()}\n"
        "    found[folder.name] = [len(made['ordering'][0]), len(made['ordering']), max(holds)]\n"
        "print(json.dumps(found))\n"
    )
    python = opentrons_simulator.parent / "python"
    said = subprocess.run([str(python), "-P", "-c", look], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    theirs = json.loads(said.stdout)

    for name, ours in {**LABWARE, **TIPS}.items():
        assert theirs[name] == [ours.rows, ours.columns, ours.holds], name


def test_the_plan_in_a_protocol_can_be_read_back() -> None:
    said, filled = told(), wells(2, 3)
    plan = plan_in(written(said, plan_plate(said, RECIPE, filled), filled))

    assert plan is not None
    assert plan["key"] == "hakken-1"
    assert plan["wells"]["B3"] == "attempt-B3"
    assert plan_in("def run(protocol):\n    pass\n") is None


def test_people_are_asked_for_as_much_as_is_drawn_or_more() -> None:
    of = recipe(CAMPAIGN.replace("percent: 10}", "percent: 10.2}"))
    said = told(confirm=True)
    plan = plan_plate(said, of, wells(1, 1, of))
    whole = whole_plan(said, plan, key="hakken-1", title="coupling, plate 1", wells={})
    asked = [float(volume) for volume in re.findall(r": (\d+) uL ", whole["actions"][0]["say"])]
    drawn = [liquid["volume"] for liquid in plan.liquids]

    assert any(volume != round(volume) for volume in drawn)
    assert all(0 <= a - d < 1 for a, d in zip(asked, drawn, strict=True))


def test_each_step_is_done_in_all_wells_before_the_next() -> None:
    plan = plan_plate(told(), RECIPE, wells(2, 2))
    moves = [(a["from"], a["to"][1]) for a in plan.actions if a["do"] == "move"]

    assert [well for _, well in moves[:4]] == ["A1", "A2", "B1", "B2"]
    assert len({source for source, _ in moves[:4]}) == 1  # the halide
    assert sum(a["mix"] > 0 for a in plan.actions if a["do"] == "move") == 4  # the bases
    assert plan.left == ("let the plate be heated to 80 °C for 2 h.",)
    assert {a["rate"] for a in plan.actions[-5:] if a["do"] == "move"} == {0.3}  # DMSO is viscous


def test_too_little_stock_is_named() -> None:
    of = recipe(CAMPAIGN.replace("halide: {conc", "halide: {there: 1.9 mL, dead: 0.1 mL, conc"))

    assert refused(told(), wells(8, 12, of), of) == [
        "stock 'halide': 96 experiments need 1.92 mL and 100 µL that cannot be drawn, and there are 1.9 mL; "
        "prepare at least 2.02 mL, or lower the scale"
    ]


def test_every_tube_has_a_rest_of_its_own() -> None:
    of = recipe(CAMPAIGN.replace("halide: {conc", "halide: {there: 2.1 mL, dead: 0.1 mL, conc"))
    small = deck(stocks=[{"labware": "opentrons_24_tuberack_nest_1.5ml_snapcap", "slot": "4"}])
    (problem,) = refused(told(deck=small), wells(8, 12, of), of)

    assert "stock 'halide'" in problem
    assert "in 2 tubes, each with its rest, 2.12 mL are needed" in problem
    assert "prepare at least 2.12 mL, or take larger tubes" in problem


def test_no_dose_is_drawn_from_two_tubes() -> None:
    of = recipe(CAMPAIGN.replace("halide: {conc", "halide: {dead: 0.09 mL, conc").replace("amount: 10", "amount: 6.5"))
    small = deck(stocks=[{"labware": "nest_96_wellplate_200ul_flat", "slot": "4"}])
    plan = plan_plate(told(deck=small), of, wells(3, 4, of))
    halide = [a for a in plan.actions if a["do"] == "move"][:12]
    tubes = [t for t in plan.liquids if t["stock"].startswith("halide")]

    assert {a["volume"] for a in halide} == {13.0}
    assert [t["volume"] for t in tubes] == [pytest.approx(8 * 13 + 90), pytest.approx(4 * 13 + 90)]  # 6 uL stay unused
    assert [a["from"] for a in halide] == [(t["labware"], t["well"]) for t in tubes for _ in range(8)][:12]


def test_too_few_tips_are_named_by_pipette() -> None:
    few = deck(tips=[{"labware": "opentrons_96_tiprack_20ul", "slots": ["5"]}, DECKS["OT-2"]["tips"][1]])

    assert refused(told(deck=few), wells(8, 12)) == [
        "tips of p20_single_gen2: the plate needs 288 tips and the deck has 96; add racks to deck.tips, or let one tip "
        "serve a stock (tips: stock) where nothing is mixed"
    ]


def test_a_well_that_would_overflow_is_named() -> None:
    shallow = deck(plate={"labware": "nest_96_wellplate_100ul_pcr_full_skirt", "slot": "1"})
    of = recipe(CAMPAIGN.replace("to: 100 uL", "to: 120 uL"))
    problems = refused(told(deck=shallow), wells(1, 2, of), of)

    assert problems == [
        f"well {well} of nest_96_wellplate_100ul_pcr_full_skirt: it holds 100 µL and would have 120 µL in it; "
        "lower the scale, or take deeper wells"
        for well in ("A1", "A2")
    ]


SAMPLED = CAMPAIGN.replace("time: 2 h}\n", "time: 2 h}\n    - {sample: 60 uL, into: HPLC}\n")


def with_samples(labware: str) -> dict[str, Any]:
    return deck(samples={"HPLC": {"labware": labware, "slot": "2"}})


def test_a_sample_that_would_overflow_its_well_is_named() -> None:
    twice = SAMPLED.replace("    - {measure", "    - {sample: 60 uL, into: HPLC}\n    - {measure").replace(
        "to: 100 uL", "to: 200 uL"
    )
    shallow, deep = (
        told(deck=with_samples(labware))
        for labware in ("nest_96_wellplate_100ul_pcr_full_skirt", "nest_96_wellplate_200ul_flat")
    )
    once, both = recipe(SAMPLED), recipe(twice)

    assert refused(shallow, wells(1, 2, both), both) == [
        f"well {well} of HPLC: nest_96_wellplate_100ul_pcr_full_skirt holds 100 µL there and would have 120 µL in it; "
        "take smaller samples, or deeper wells (deck.samples.HPLC)"
        for well in ("A1", "A2")
    ]
    assert plan_plate(shallow, once, wells(1, 2, once))  # the first of them alone has room
    assert plan_plate(deep, both, wells(1, 2, both))
    by_hand = told(deck=with_samples("nest_96_wellplate_100ul_pcr_full_skirt"), by_hand=["heat", "sample"])
    assert plan_plate(by_hand, both, wells(1, 2, both))  # a person sees to it


def test_a_plate_for_samples_that_lacks_wells_is_named() -> None:
    of = recipe(SAMPLED.replace("60 uL", "5 uL"))
    few = told(deck=with_samples("corning_24_wellplate_3.4ml_flat"))
    made = wells(8, 12, of)
    corners = {well: made[well] for well in ("D6", "D7", "H12")}

    assert refused(few, corners, of) == [
        f"well {well} of HPLC: a sample goes into the well of the same name, and corning_24_wellplate_3.4ml_flat has "
        "wells A1 to D6; let deck.samples.HPLC have the wells of the plate"
        for well in ("D7", "H12")
    ]


def test_a_dose_below_every_pipette_is_named() -> None:
    of = recipe(CAMPAIGN.replace("percent: 10}", "percent: 0.3}"))
    problems = refused(told(), wells(1, 1, of), of)

    assert len(problems) == 1
    assert "well A1: no pipette with its tips takes 0.6 µL (p20_single_gen2 1 to 20 uL, p300" in problems[0]
    assert "dilute the stock" in problems[0]


def test_doses_and_samples_that_no_pipette_takes_are_foreseen_worded_alike(tmp_path: Path) -> None:
    small = CAMPAIGN.replace("percent: 10}", "percent: 0.3}")
    sampled = CAMPAIGN.replace("time: 2 h}", "time: 2 h}\n    - {sample: 0.5 uL, into: HPLC}")
    found = [laboratory(tmp_path / str(i), text=text).foresee(experiment()) for i, text in enumerate((small, sampled))]
    ranges = "(p20_single_gen2 1 to 20 uL, p300_single_gen2 20 to 300 uL)"

    assert [[p.rule for p in problems] for problems in found] == [[f"no pipette with its tips takes {ranges}"]] * 2
    assert [problems[0].subject for problems in found] == ["one with 0.6 µL of XPhos", "one with 0.5 µL of the mixture"]
    assert list(laboratory(tmp_path / "able").foresee(experiment())) == []


def test_a_dose_that_rounding_put_below_a_pipettes_least_is_taken() -> None:
    only = told(deck=deck("OT-2", pipettes={"right": "p300_single_gen2"}))

    assert pipette_for(only, 20.0 * (1 - 1e-15), 0.0) == ("right", 1)
    assert pipette_for(only, 19.99, 0.0) == (None, 0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"by_hand": []}, "step 5: no module under the plate heats; add deck.plate.module, or write by_hand: [heat]"),
        ({"deck": deck(plate={"labware": "corning_24_wellplate_3.4ml_flat", "slot": "1"})}, "has wells A1 to D6"),
        ({"deck": deck(stocks=[{"labware": "nest_1_reservoir_195ml", "slot": "4"}])}, "do not fit into the tubes"),
    ],
)
def test_what_the_deck_cannot_do_is_named(changes: dict[str, Any], says: str) -> None:
    problems = refused(told(**changes), {"H12": wells(1, 1)["A1"]} if "A1 to D6" in says else wells(1, 2))

    assert any(says in problem for problem in problems), problems


def test_wells_that_want_different_temperatures_are_named() -> None:
    made = {**wells(1, 1), "A2": wells(1, 1, temperature=60.0)["A1"]}

    assert refused(told(), made) == [
        "step 5: well A1 is to be heated to 80 °C for 2 h and well A2 to be heated to 60 °C for 2 h, and a plate does "
        "both at once; share the parameter by plate (plate.share: {...: plate}); of a plate that is planned "
        "already keep back the wells that differ (hakken ban)"
    ]


def test_a_plate_that_cannot_be_made_ends_before_the_robot_hears_of_it(tmp_path: Path) -> None:
    lab = laboratory(tmp_path, text=CAMPAIGN.replace("halide: {conc", "halide: {there: 30 uL, conc"))
    keys = [AttemptKey(f"attempt-{well}") for well in ("A1", "A2")]
    handles = [lab.prepare(experiment(well), key) for well, key in zip(("A1", "A2"), keys, strict=True)]
    for handle, key in zip(handles, keys, strict=True):
        lab.start(handle, key)
    lab.close("1", handles)
    phases = {lab.status(handle).phase for handle in handles}
    found = [read_outcome(json.loads(lab.fetch(handle)[0].payload), TARGETS) for handle in handles]

    assert phases == {Phase.ENDED}
    for outcome in found:
        assert isinstance(outcome, Fault)
        assert outcome.kind is FaultKind.CONSUMABLE_MISSING
        assert "stock 'halide': 2 experiments need 40 µL" in outcome.message
    assert runs_of(tmp_path) == 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"robot": "192.168.0.20"}, ["robot is an address", "got '192.168.0.20'"]),
        (
            {"deck": deck(pipettes={"left": "p20_singel_gen2"})},
            ["pipettes of an OT-2", "did you mean 'p20_single_gen2'?"],
        ),
        ({"deck": deck(pipettes={"left": "flex_1channel_50"})}, ["pipettes of an OT-2", "'flex_1channel_50' is none"]),
        ({"deck": deck(plate={"labware": "my_plate", "slot": "1"})}, ["'my_plate'", "add it to labware"]),
        ({"deck": deck(plate={"labware": "corning_96_wellplate_360ul_flat", "slot": "4"})}, ["slot 4 is taken twice"]),
        (
            {"deck": deck(plate={"labware": "corning_96_wellplate_360ul_flat", "slot": "C1"})},
            ["slot C1 is taken twice, as 4 too; move one"],
        ),
        (
            {"deck": deck(plate={"labware": "corning_96_wellplate_360ul_flat", "slot": "A3"})},
            ["the waste bin stands in A3; move what stands there"],
        ),
        (
            {
                "machine": "Flex",
                "deck": deck("Flex", plate={"labware": "corning_96_wellplate_360ul_flat", "slot": "A3"}),
            },
            ["the waste bin stands in A3; move what stands there, or the bin (deck.trash)"],
        ),
        (
            {"deck": deck(plate={"labware": "corning_96_wellplate_360ul_flat", "slot": "D4"})},
            ["'deck.plate.slot' must be: a slot that pipettes reach", "A1 to D3 of a Flex; got 'D4'"],
        ),
        (
            {"deck": deck(plate={**DECKS["OT-2"]["plate"], "adapter": "Flat Adapter"})},
            ["'deck.plate.adapter' must be: a name such as opentrons_96_flat_bottom_adapter; got 'Flat Adapter'"],
        ),
        ({"deck": deck(tips=[{"labware": "tips", "slots": ["5"]}])}, ["'tips' is none", "opentrons_96_tiprack_20ul"]),
        ({"deckk": {}}, ["unknown option 'deckk' (did you mean 'deck'?)"]),
        ({"measured_by": {"worksheet": "a.csv"}}, ["measured_by needs a line 'adapter'"]),
        *(
            ({"measured_by": {"adapter": name}}, ["that names who measures", name])
            for name in ("opentrons", "pylabrobot", "several")
        ),
        ({"measured_by": {"adapter": "manual", "workshet": "a"}}, ["measured_by: unknown option 'workshet'"]),
        ({"template": "nowhere.py"}, ["template", "cannot be read", "correct the path"]),
        ({"simulator": 3}, ["option 'simulator' must be"]),
    ],
)
def test_a_wrong_laboratory_section_is_named(tmp_path: Path, changes: dict[str, Any], says: list[str]) -> None:
    with pytest.raises(AdapterOptionsError) as error:
        laboratory(tmp_path, **changes)

    assert all(part in str(error.value) for part in says), str(error.value)


def test_a_slot_may_be_a_number() -> None:
    said = told(deck=deck(plate={"labware": "corning_96_wellplate_360ul_flat", "slot": 1}))

    assert said.deck.plate.slot == "1"


def test_a_template_without_its_marks_and_a_campaign_without_a_recipe_are_named(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def run(protocol):\n    pass\n")
    with pytest.raises(AdapterOptionsError, match="lacks @METADATA@, where hakken writes"):
        laboratory(tmp_path, template="mine.py")
    with pytest.raises(AdapterOptionsError, match="the campaign file has no recipe; add one"):
        laboratory(tmp_path, text="")


def test_labware_of_ones_own_is_described(tmp_path: Path) -> None:
    own = deck(plate={"labware": "my_plate", "slot": "1"})
    lab = laboratory(tmp_path, deck=own, labware={"my_plate": {"rows": 2, "columns": 3, "holds": 500.0}})

    assert list(lab.validate(experiment("B3"))) == []
    assert "my_plate has wells A1 to B3" in str(lab.validate(experiment("C1"))[0])


def test_a_missing_simulator_is_told_with_the_remedy(tmp_path: Path) -> None:
    lab = laboratory(tmp_path, simulator="nowhere/opentrons_simulate")

    assert not lab.health().is_ok
    assert "make opentrons" in lab.health().message


@pytest.mark.parametrize(
    ("doses", "mixed"),
    [
        ((98.0, 2.0), [20.0]),  # of 100 uL with the P20 that gave 2 uL: not with these 2
        ((20.0, 4.0), [12.0]),  # half of 24 uL: the tip would draw air with more
        ((1.0, 2.0), [1.5]),
        ((60.0, 240.0), [150.0]),
    ],
)
def test_a_well_is_mixed_with_half_of_what_is_in_it_as_far_as_the_pipette_goes(
    doses: tuple[float, float], mixed: list[float]
) -> None:
    first, second = (Dose(stock, By.VOLUME, Amount(VOLUME, v)) for stock, v in zip("AB", doses, strict=True))
    of = Recipe(
        Vessel(holds=300.0),
        {name: Stock(name, Form.SOLUTION, dead=100.0) for name in "AB"},
        (first, replace(second, mix=3), Sample(Amount(VOLUME, 1.0), "HPLC")),
    )
    plan = plan_plate(told(by_hand=["sample"]), of, {"A1": work_out(of, {})})

    assert [a["mix_volume"] for a in plan.actions if a.get("mix")] == mixed


def test_a_small_pipette_of_a_flex_draws_little_in_the_mode_for_it(tmp_path: Path, simulator: Path) -> None:
    """Opentrons: the Flex 50 "must operate in a low-volume mode to accurately dispense very small volumes"."""
    doses = (Dose("A", By.VOLUME, Amount(VOLUME, 2.0)), Dose("B", By.VOLUME, Amount(VOLUME, 20.0), mix=2))
    third = Dose("C", By.VOLUME, Amount(VOLUME, 3.0), mix=2)
    stocks = {name: Stock(name, Form.SOLUTION, dead=100.0) for name in "ABC"}
    said, of = told(machine="Flex"), Recipe(Vessel(holds=300.0), stocks, (*doses, third))
    filled = {well: work_out(of, {}) for well in ("A1", "B1")}
    protocol = tmp_path / "protocol.py"
    text = written(said, plan_plate(said, of, filled), filled)
    protocol.write_text(text)
    modes = [line for line in calls_of(text) if line.startswith(("configure", "aspirate", "mix"))]

    assert refusal(simulator, protocol) is None
    assert modes == [
        "configure_for_volume 2.0", "aspirate 2.0", "aspirate 2.0", "configure_for_volume 20.0",
        "aspirate 20.0", "mix 2 11.0", "aspirate 20.0", "mix 2 11.0",
        *(["configure_for_volume 3.0", "aspirate 3.0", "configure_for_volume 12.5", "mix 2 12.5"] * 2),
    ]  # fmt: skip


def test_no_other_pipette_is_told_of_modes() -> None:
    filled = {well: work_out(RECIPE, {"ligand": "XPhos", "base": "BTMG", "temperature": 80.0}) for well in ("A1", "B1")}

    calls = calls_of(written(told(), plan_plate(told(), RECIPE, filled), filled))

    assert not [one for one in calls if "configure" in one]


def calls_of(protocol: str) -> list[str]:
    """What a protocol tells whatever it has, with numbers, in order."""
    found: list[str] = []

    class Thing:
        has_tip, max_volume = False, 50.0

        def __getattr__(self, method: str) -> Any:
            if method.startswith("__") or "latch" in method:
                raise AttributeError(method)
            return lambda *args, **_: (
                found.append(" ".join([method, *(str(a) for a in args if isinstance(a, int | float))])) or self
            )

        def __getitem__(self, _: str) -> Thing:
            return self

    names: dict[str, Any] = {}
    exec(
        compile(
            protocol.replace("from opentrons import protocol_api", "import typing as protocol_api").replace(
                "protocol_api.ProtocolContext", "object"
            ),
            "protocol.py",
            "exec",
        ),
        names,
    )
    names["run"](Thing())
    return found
