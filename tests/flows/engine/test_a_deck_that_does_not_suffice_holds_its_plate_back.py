"""A plate for which tips, tubes or wells do not suffice is not sent: it waits for a person, and costs no experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.opentrons.stand_in import StandIn
from db.ledger import open_ledger
from flows.engine import approve, run, status, tick
from flows.engine.looking.reports import TickReport
from flows.settings import Settings
from loop.errors import SpecError
from loop.outcome import Measured
from tests.adapters.plates.robots import OT2, options
from tests.flows.engine.bench import add, cheap_planner, story_of

STOCKS = ("halide", "A", "B")
FULL = [{"labware": "opentrons_96_tiprack_20ul", "slots": ["5", "6", "7"]}]
SCANT = [{"labware": "opentrons_96_tiprack_20ul", "slots": ["5"]}]
WANTING = (
    "tips of p20_single_gen2: the plate needs 144 tips and the deck has 96; add racks to deck.tips, or let one tip "
    "serve a stock (tips: stock) where nothing is mixed"
)


def laboratory(tips: list[dict[str, Any]] = SCANT, **changes: Any) -> dict[str, Any]:
    deck = {**OT2, "tips": tips, "pipettes": {"left": "p20_single_gen2"}}
    return {"adapter": "opentrons", **options(deck=deck, **changes)}


def behind_others(tips: list[dict[str, Any]]) -> dict[str, Any]:
    """The same robot as one of several laboratories, all of them behind a limit."""
    robot = {**laboratory(tips), "when": {"bench": "left"}}
    other = {"adapter": "simulated", "when": {"bench": "right"}}
    limits = {"volume": {"at_most": 100, "unit": "uL"}}
    return {"adapter": "several", "laboratories": {"robot": robot, "other": other}, "limits": limits}


def campaign(
    settings: Settings,
    folder: Path,
    lab: dict[str, Any],
    wells: tuple[int, int] = (6, 8),
    *,
    benches: tuple[str, ...] = (),
) -> Path:
    """A plate with three doses in each well, all on the first bench: 144 tips for 48, and a rack has 96."""
    n = wells[0] * wells[1]
    add(
        settings,
        folder,
        space={
            "reagent": {"type": "category", "options": ["A", "B"]},
            "volume": {"type": "number", "low": 2, "high": 19, "step": 0.25, "unit": "uL"},
            **({"bench": {"type": "category", "options": [*benches]}} if benches else {}),
        },
        constraints=[{"exclude": {"bench": [*benches[1:]]}}] if benches else [],
        recipe={
            "vessel": {"holds": "300 uL"},
            "beside": ["bench"] if benches else [],
            "stocks": {name: {"smiles": "O"} for name in STOCKS},
            "steps": [
                {"dispense": "halide", "volume": "5 uL"},
                {"dispense": "reagent", "volume": "volume"},
                {"dispense": "halide", "volume": "3 uL"},
                {"measure": "yield", "by": "HPLC"},
            ],
        },
        plate={"rows": wells[0], "columns": wells[1]},
        planner={"initial": {"experiments": n}},
        budget={"experiments": n},
        laboratory=lab,
    )
    return folder / "campaign.yaml"


def go_on(settings: Settings) -> TickReport:
    return run(settings, "small", on_tick=lambda _: None, planner=cheap_planner, poll=0.01)


def sent(settings: Settings) -> dict[str, int]:
    """How many attempts are in each state, and how many the robot moved something for."""
    with open_ledger(settings.database) as ledger:
        states = [a.state.value for a in ledger.attempts("small")]
    moved = StandIn(settings.folder("small") / "laboratory" / "stand-in").moved()
    return {**{state: states.count(state) for state in set(states)}, "moved": len(moved)}


def test_without_tips_nothing_is_sent_and_the_mended_file_goes_on(settings: Settings, tmp_path: Path) -> None:
    campaign(settings, tmp_path, laboratory())
    held = go_on(settings)
    before, (now,) = sent(settings), status(settings)
    file = campaign(settings, tmp_path, laboratory(FULL))
    ended = go_on(settings)

    assert before == {"ready": 48, "moved": 0}
    assert held.waits_for_person
    assert (held.state, held.experiments_done, held.faults, held.sent) == ("active", 0, 0, 0)
    assert f"of round 1 nothing more is sent: {WANTING}" in held.notes
    assert held.next_step == (
        f"Round 1 waits for its laboratory: {WANTING}; then change the campaign file (laboratory) and go on with "
        f"hakken run {file}."
    )
    assert now.next_step == held.next_step
    assert (ended.state, ended.experiments_done) == ("finished", 48)
    assert all(isinstance(outcome, Measured) for *_, outcome in story_of(settings).results)
    assert sent(settings) == {"ended": 48, "moved": 48}


def test_what_was_approved_before_waits_with_the_rest_and_all_of_it_is_one_run(
    settings: Settings, tmp_path: Path
) -> None:
    campaign(settings, tmp_path, laboratory(approval="person"))
    tick(settings, "small", planner=cheap_planner)
    approve(settings, "small", 1, only=range(1, 25), by="tester")  # 72 tips
    tick(settings, "small", planner=cheap_planner)
    half = sent(settings)
    approve(settings, "small", 1, by="tester")
    held = go_on(settings)  # comes back, although half of the plate is with the laboratory
    before, (now,) = sent(settings), status(settings)
    campaign(settings, tmp_path, laboratory(FULL, approval="person"))
    tick(settings, "small", planner=cheap_planner)  # all of it is sent, and the plate is closed
    with pytest.raises(SpecError, match=r"options \(deck\) cannot be changed while 48 attempts are with 'opentrons'"):
        campaign(settings, tmp_path, laboratory(approval="person"))
    ended = go_on(settings)

    assert half == {"submitted": 24, "moved": 0}
    assert before == {"submitted": 24, "ready": 24, "moved": 0}
    assert held.waits_for_person
    assert held.next_step.startswith(f"Round 1 waits for its laboratory: {WANTING}")
    assert now.next_step == held.next_step
    assert (ended.state, ended.experiments_done) == ("finished", 48)
    assert len(list((settings.folder("small") / "laboratory" / "plates").iterdir())) == 1


def test_a_robot_among_several_laboratories_behind_a_limit_is_asked_too(settings: Settings, tmp_path: Path) -> None:
    benches = ("left", "right")
    campaign(settings, tmp_path, behind_others(SCANT), benches=benches)
    held = go_on(settings)
    before = sent(settings)
    campaign(settings, tmp_path, behind_others(FULL), benches=benches)
    ended = go_on(settings)

    assert before == {"ready": 48, "moved": 0}
    assert f"Round 1 waits for its laboratory: robot, {WANTING}" in held.next_step
    assert (ended.state, ended.experiments_done, ended.faults) == ("finished", 48, 0)


def test_what_a_later_limit_forbids_takes_no_tips(settings: Settings, tmp_path: Path) -> None:
    """99 tips for 33 wells; a limit that comes later leaves some out, the rest can be made, and others follow."""
    campaign(settings, tmp_path, laboratory(), wells=(3, 11))
    held = go_on(settings)
    tighter = {"limits": {"dose": {"at_most": 15, "unit": "uL", "of": ["volume"], "trim": True}}}
    campaign(settings, tmp_path, laboratory(**tighter), wells=(3, 11))
    ended = go_on(settings)
    story = story_of(settings)
    outcomes = [(dict(said)["volume"], outcome) for *_, said, outcome in story.results]

    assert "the plate needs 99 tips and the deck has 96" in held.next_step
    assert ended.state == "finished"
    assert len(outcomes) == 33
    assert len(story.attempts) > 33
    assert all(volume <= 15 and isinstance(outcome, Measured) for volume, outcome in outcomes)


def test_a_deck_on_which_nothing_can_be_made_refuses_no_experiment(settings: Settings, tmp_path: Path) -> None:
    """Its wells are too small for every one of them: it is the deck that is wrong, not the candidates."""
    small = {"tiny": {"rows": 8, "columns": 12, "holds": 9}}
    tiny = {**laboratory(FULL, labware=small)["deck"], "plate": {"labware": "tiny", "slot": "1"}}
    campaign(settings, tmp_path, {**laboratory(FULL, labware=small), "deck": tiny})
    held = go_on(settings)

    assert sent(settings) == {"ready": 48, "moved": 0}
    assert held.faults == 0
    assert "well A1 of tiny: it holds 9 µL and would have" in held.next_step
    assert "lower the scale, or take deeper wells; and 45 more of the kind; then change" in held.next_step


def test_doctor_and_check_name_the_round_that_waits(
    settings: Settings, tmp_path: Path, hakken: Any, home: Settings
) -> None:
    assert home.home == settings.home
    file = campaign(settings, tmp_path, laboratory())
    go_on(settings)
    doctor = {c["subject"]: c for c in hakken("doctor", "--json").json["checks"] if c["area"] == "campaigns"}
    check, shown = hakken("lab", "check", "small"), hakken("status", "small")
    file.write_text(file.read_text().replace("slots:\n      - '5'", "slots:\n      - '5'\n      - '6'"))
    mended = hakken("lab", "check", file)

    told = doctor["small, round 1"]
    assert (told["verdict"], told["found"]) == ("problem", f"waits for its laboratory: {WANTING}")
    assert told["remedy"] == "change the campaign file (laboratory)"
    assert check.code == 2
    assert f"1 problem: round 1, waits for its laboratory: {WANTING}" in check.out
    assert "the plate needs 144 tips and the deck has 96" in shown.out
    assert mended.code == 0, mended.out
