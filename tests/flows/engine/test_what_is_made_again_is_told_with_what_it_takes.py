"""An experiment that is tried again comes after its round: in a well of its own, or after a change that costs."""

from __future__ import annotations

from pathlib import Path

from flows.engine import tick
from flows.settings import Settings
from flows.wiring import open_record
from loop.contracts import ExperimentSpec
from tests.flows.engine.bench import FakeLaboratory, add, cheap_planner, faulty, measured

COSTS = {"unit": "EUR", "experiment": 10, "hours": 1, "switch": {"step": {"cost": 3, "hours": 0.5}}}


def fails_once(laboratory: FakeLaboratory) -> None:
    """The experiment that is run first fails, and runs when it is tried again."""
    runs: list[ExperimentSpec] = []

    def answer(spec: ExperimentSpec) -> list[str]:
        runs.append(spec)
        return [faulty("instrument_fault") if len(runs) == 1 else measured(50.0)]

    laboratory.answers = answer


def said(settings: Settings) -> list[str]:
    return [note for note in tick(settings, "small", planner=cheap_planner).notes if "made again" in note]


def test_a_well_is_made_again_by_itself(settings: Settings, tmp_path: Path, laboratory: FakeLaboratory) -> None:
    fails_once(laboratory)
    planner = {"surrogate": "random", "initial": {"experiments": 3}}
    add(settings, tmp_path, plate={"rows": 1, "columns": 3}, planner=planner)
    said(settings)
    with open_record(settings) as ledger:
        first = min(ledger.attempts("small"), key=lambda a: a.run_order)

    (note,) = said(settings)

    assert first.place is not None
    assert note == (
        f"{first.place.well} of plate 1 is made again by itself, after the others of the round; where that is not "
        "worth it, tell its row with outcome cancelled"
    )
    assert said(settings) == []


def test_a_change_of_slow_parameters_to_it_is_told_with_what_it_costs(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    fails_once(laboratory)
    add(settings, tmp_path, costs=COSTS)
    said(settings)
    with open_record(settings) as ledger:
        first, *_, last = sorted(ledger.attempts("small"), key=lambda a: a.run_order)

    (note,) = said(settings)

    assert first.settings["step"] != last.settings["step"]
    assert note == (
        "it is made again by itself, after the others of the round, and costs 3 EUR and 0.5 h for the change of slow "
        "parameters to it; where that is not worth it, tell its row with outcome cancelled"
    )


def test_without_wells_and_changes_nothing_is_added(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    fails_once(laboratory)
    add(settings, tmp_path, costs={"unit": "EUR", "experiment": 10})
    said(settings)

    assert said(settings) == []
