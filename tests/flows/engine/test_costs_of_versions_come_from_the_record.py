"""Costs of versions that the file does not state: learnt from results, said in every round, and replayed."""

from __future__ import annotations

import json
from pathlib import Path

from flows.engine import replay, run, status, tell
from flows.settings import Settings
from flows.wiring import open_record
from loop.contracts import ExperimentSpec
from tests.flows.engine.bench import FakeLaboratory, add

SPACE = {
    "step": {"type": "number", "values": list(range(1, 9))},
    "method": {"type": "fidelity", "options": ["calculated", "measured"]},
}
PLANNER = {"batch": 2, "surrogate": "gp", "initial": {"design": "random", "experiments": 4}}


def answer(spec: ExperimentSpec) -> list[str]:
    is_real = spec.settings["method"] == "measured"
    took = {"wall_time_s": 7200.0 if is_real else 36.0}
    value = float(spec.settings["step"]) * (10.0 if is_real else 9.0)
    values = [{"property": "yield", "value": value, "unit": "%"}]
    return [json.dumps({"outcome": "measured", "values": values, "provenance": took})]


def test_costs_are_learnt_said_and_replayed(settings: Settings, tmp_path: Path, laboratory: FakeLaboratory) -> None:
    add(settings, tmp_path, space=SPACE, planner=PLANNER, budget={"experiments": 30, "hours": 9})
    laboratory.answers = answer
    report = run(settings, "small", on_tick=lambda _: None, poll=0.01, max_seconds=60)
    with open_record(settings) as ledger:
        rounds = ledger.rounds("small")

    assert report.state == "finished"
    assert (
        "every real candidate was tried, is being tried, or costs more than the budget leaves (0.98 h)" in report.reason
    )
    assert "nothing says yet what its versions cost, so they count as equally dear" in " ".join(rounds[0].notes)
    assert "calculated 36 s" in " ".join(rounds[1].notes)
    assert rounds[-1].model["learnt_costs"]["measured"]["price"] == 2.0
    assert status(settings, "small")[0].spending.endswith("by the record: calculated 36 s, measured 2 h")
    assert " of 9 h" in report.spending
    assert all(replay(settings, "small", r.number).is_identical for r in rounds)


def test_a_told_row_says_what_it_took(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, space=SPACE, planner=PLANNER, costs={"unit": "EUR"})
    told = tmp_path / "told.csv"
    told.write_text("step,method,yield,hours [min],cost [EUR]\n1,calculated,9,30,2\n2,measured,20,,50\n", "utf-8")
    report = tell(settings, "small", told, by="tester")

    assert report.problems == []
    standing = status(settings, "small")[0]
    assert standing.spending.endswith("by the record: calculated 2 EUR, measured 50 EUR")
    assert (standing.told, standing.measured) == (2, 1)  # an examination asks for the real thing alone


def test_what_cannot_be_what_it_took_is_refused_with_its_cell(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, space=SPACE, planner=PLANNER, costs={"unit": "EUR"})
    cases = {
        "hours\n1,calculated,9,-1": "column 'hours' must be zero or above, got '-1'",
        "cost [USD]\n1,calculated,9,3": "column 'cost [USD]' must be in the unit of the costs, 'EUR'; convert it",
        "hours [degC]\n1,calculated,9,3": "column 'hours [degC]'",
    }
    for k, (text, says) in enumerate(cases.items()):
        told = tmp_path / f"told{k}.csv"
        told.write_text(f"step,method,yield,{text}\n", "utf-8")

        assert says in tell(settings, "small", told, by="tester").problems[0]


def test_of_a_budget_in_experiments_the_last_is_the_real_thing_as_they_come_free_one_by_one(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    space = SPACE | {"method": SPACE["method"] | {"costs": {"calculated": 1, "measured": 50}}}
    add(settings, tmp_path, space=space, planner=PLANNER | {"mode": "rolling"}, budget={"experiments": 12})
    laboratory.answers = answer
    run(settings, "small", on_tick=lambda _: None, poll=0.01, max_seconds=60)
    with open_record(settings) as ledger:
        rounds = ledger.rounds("small")
        last = [p.draft.candidate.settings["method"] for p in ledger.proposals("small", rounds[-1].number)]

    assert "measured" in last
    left = [r.model.get("experiments_left") for r in rounds[1:]]
    assert left[-1] is None  # as many as may be planned
    assert left[0] == 8
    assert all(replay(settings, "small", r.number).is_identical for r in rounds)
