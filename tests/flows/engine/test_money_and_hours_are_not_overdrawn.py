"""Budgets in money and hours, from the campaign file to the end of the campaign, its replay and its page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.engine import approve, edit, on_edit, preview, replay, retract, run, status, tell, tick
from flows.report.build import build
from flows.settings import Settings
from flows.spending import reported
from flows.wiring import open_record
from loop.contracts import Problem
from loop.costs import Expense
from loop.errors import PoolExhausted, SpecError
from loop.experiment import State
from loop.record import EnvelopeRecord
from tests.flows.engine.bench import FakeLaboratory, add, cheap_planner, faulty, measured

COSTS = {"unit": "EUR", "experiment": 10, "hours": 1, "switch": {"step": {"cost": 3, "hours": 0.5}}}


def go(settings: Settings):
    return run(settings, "small", on_tick=lambda _: None, poll=0.01, max_seconds=60)


@pytest.mark.parametrize("beside", [{"experiments": 30}, {}])
def test_a_campaign_ends_when_its_money_does(settings: Settings, tmp_path: Path, beside: dict[str, int]) -> None:
    add(settings, tmp_path, costs=COSTS, budget={**beside, "cost": 75})

    report = go(settings)
    with open_record(settings) as ledger:
        page = build(ledger, "small")

    assert report.state == "finished"
    assert "EUR" in report.reason
    assert 0 < report.experiments_done < 8
    spent = float(status(settings, "small")[0].spending.removeprefix("spent ").split(" of ")[0])
    assert 75 - 13 < spent <= 75
    assert page.head.budget == report.budget == beside.get("experiments")
    assert page.head.spending == report.spending == status(settings, "small")[0].spending
    with pytest.raises(PoolExhausted, match="raise it"):
        preview(settings, "small")
    assert all(replay(settings, "small", n).is_identical for n in range(1, report.round + 1))


def test_a_campaign_ends_when_its_hours_do(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, costs=COSTS, budget={"experiments": 30, "hours": 6})

    report = go(settings)

    assert report.state == "finished"
    assert report.experiments_done <= 6
    assert "of 6 h" in report.spending


def test_money_is_not_called_otherwise_once_results_report_costs(settings: Settings, tmp_path: Path) -> None:
    def priced(unit: str) -> str:
        return add(settings, tmp_path, costs={"unit": unit, "experiment": 10}, budget={"experiments": 30})

    table = tmp_path / "told.csv"
    table.write_text("solvent,base,step,yield,cost\nwater,DBU,1,10,\n", encoding="utf-8")
    for unit in ("EUR", "USD", "", "CHF"):  # prices are the file's own, and so is what they are counted in
        priced(unit)
        tell(settings, "small", table, by="tester")
    table.write_text("solvent,base,step,yield,cost\nwater,DBU,2,10,35\n", encoding="utf-8")
    tell(settings, "small", table, by="tester")

    def left_out() -> str:
        return add(settings, tmp_path, budget={"experiments": 30})

    for leave_out in (lambda: priced("CHF"), lambda: priced(""), left_out):
        leave_out()
        with pytest.raises(SpecError, match=r"costs are in 'CHF' in results on record and would be in 'EUR' now"):
            priced("EUR")
    assert priced("CHF") == "small"


def test_what_a_laboratory_refuses_beforehand_costs_nothing(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    add(settings, tmp_path, costs={"unit": "EUR", "experiment": 10}, budget={"experiments": 30, "cost": 1000})
    laboratory.problems = [Problem("step 3", "the stirrer is out", "mend it")]

    tick(settings, "small", planner=_planner)
    refused = status(settings, "small")[0].spending
    laboratory.problems = []
    for _ in range(3):
        tick(settings, "small", planner=_planner)

    assert refused == "spent 0 of 1000 EUR"
    assert status(settings, "small")[0].spending.startswith("spent ")
    assert status(settings, "small")[0].spending != refused


def test_hours_are_those_that_a_result_reports(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path)
    go(settings)
    with open_record(settings) as ledger:
        given = ledger.envelopes("small")[:3]
    payloads = ('{"provenance": {"wall_time_s": 7200}}', '{"provenance": {"wall_time_s": "long"}}', "wall_time_s")
    told = [_with(e, p) for e, p in zip(given, payloads, strict=True)]

    assert reported(told) == {given[0].key: Expense(hours=2.0)}


@pytest.mark.parametrize(
    ("provenance", "said"),
    [
        ({"cost": "12.5"}, "cost of the provenance must be a number of zero or above, got '12.5'; it is kept"),
        ({"wall_time_s": -3}, "wall_time_s of the provenance must be a number of zero or above, got -3"),
    ],
)
def test_what_a_result_reports_and_nobody_can_count_is_said(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, provenance: dict[str, object], said: str
) -> None:
    laboratory.answers = lambda _: [json.dumps({**json.loads(measured(50.0)), "provenance": provenance})]
    add(settings, tmp_path, costs=COSTS, budget={"experiments": 4, "cost": 1000})
    tick(settings, "small", planner=_planner)

    notes = tick(settings, "small", planner=_planner).notes

    (note,) = [note for note in notes if "of the provenance" in note]
    assert said in note
    assert ", and 3 more: " in note


def test_what_was_spent_is_told_to_the_hundredth_however_large(settings: Settings, tmp_path: Path) -> None:
    costs = {"unit": "JPY", "experiment": 123_456.78, "options": {"base": {"DBU": 0, "KOAc": 0, "CsOPiv": 0}}}
    add(settings, tmp_path, costs=costs, budget={"experiments": 4, "cost": 2_500_000})
    tick(settings, "small", planner=_planner)

    assert status(settings, "small")[0].spending == "spent 493827.12 of 2500000 JPY"
    with open_record(settings) as ledger:
        assert build(ledger, "small").head.spending == "spent 493827.12 of 2500000 JPY"


def test_what_the_budget_does_not_pay_for_is_not_tried_again(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    budget = {"experiments": 30, "cost": 49.5}
    add(settings, tmp_path, costs={"unit": "EUR", "experiment": 10.1}, budget=budget)
    laboratory.answers = lambda _: [measured(50.0) if len(laboratory.starts) != 2 else faulty("instrument_fault")]
    tick(settings, "small")  # four experiments
    report = tick(settings, "small")
    with open_record(settings) as ledger:
        (again,) = (a for a in ledger.attempts("small") if a.attempt_no)

    assert (again.state, report.spending) == (State.EXPIRED, "spent 40.4 of 49.5 EUR")
    assert sum(laboratory.starts.values()) == 4
    said = "\n".join(report.notes)
    assert "is not sent once more: the budget leaves 9.1 EUR, and it costs more" in said
    assert "it is not tried again now" in said


def test_what_was_edited_into_something_dearer_is_sent_as_far_as_it_is_paid(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    costs = {"unit": "EUR", "experiment": 10, "options": {"solvent": {"DMF": 0, "MeCN": 200}}}
    lab = {"adapter": "simulated", "approval": "person"}
    add(settings, tmp_path, costs=costs, budget={"experiments": 30, "cost": 100}, laboratory=lab)
    tick(settings, "small")
    for number, step in ((1, 1), (2, 2)):
        edit(settings, "small", 1, number, ["solvent=MeCN", f"step={step}"], by="ada", why="a hunch")
    approve(settings, "small", 1, by="ada")
    report = tick(settings, "small")

    assert not any(job.spec.settings["solvent"] == "MeCN" for job in laboratory.jobs.values())
    assert report.spending == "spent 20 of 100 EUR"
    assert sum("and it costs more" in note for note in report.notes) == 2


def test_an_edit_says_at_once_what_the_budget_does_not_pay_for(settings: Settings, tmp_path: Path) -> None:
    costs = {"unit": "EUR", "experiment": 10, "options": {"solvent": {"DMF": 0, "MeCN": 90, "water": 5}}}
    lab = {"adapter": "simulated", "approval": "person"}
    add(settings, tmp_path, costs=costs, budget={"experiments": 30, "cost": 100}, laboratory=lab)
    tick(settings, "small")  # a batch that the budget pays for
    with open_record(settings) as ledger:
        last = len(ledger.proposals("small", 1))

    def notes(number: int, solvent: str) -> str:
        made = edit(settings, "small", 1, number, [f"solvent={solvent}", f"step={number}"], by="ada", why="a hunch")
        return "; ".join(on_edit(settings, "small", made))

    as_cheap, dear, after = notes(last, "DMF"), notes(1, "MeCN"), notes(2, "DMF")

    assert last > 2
    assert as_cheap == ""
    assert "what runs and what waits for approval cost 1" in dear
    assert "and the budget is 100 EUR: of what is approved, the next pass sends only what that pays for" in dear
    assert "hakken approve small 1 NUMBER..." in dear
    assert "costs 10 EUR, and of the budget of 100 EUR are 0 EUR left: the next pass does not send it" in after
    assert "raise the budget in the campaign file before the next pass" in after


@pytest.mark.usefixtures("laboratory")
def test_what_was_spent_on_an_option_that_the_file_has_no_more_is_what_the_cheapest_costs(
    settings: Settings, tmp_path: Path
) -> None:
    def priced(**dear: int) -> dict[str, Any]:
        solvents = {"solvent": {"type": "category", "options": ["water", *dear]}}
        costs = {"unit": "EUR", "experiment": 10, "hours": 2, "options": {"solvent": dear}}
        return {"space": solvents, "costs": costs, "budget": {"experiments": 9, "cost": 300, "hours": 40}}

    planner = {"surrogate": "random", "batch": 3, "initial": {"design": "random", "experiments": 3}}
    add(settings, tmp_path, **priced(DMF=5, MeCN=90), planner=planner)
    tick(settings, "small", planner=cheap_planner)
    tick(settings, "small", planner=cheap_planner)
    before = status(settings, "small")[0].spending
    with open_record(settings) as ledger:
        (dearest,) = [o.id for o in ledger.observations("small") if o.settings["solvent"] == "MeCN"]
    retract(settings, "small", dearest, by="ada", why="leaked")

    add(settings, tmp_path, **priced(DMF=5), planner=planner)

    assert before == "spent 125 of 300 EUR and 6 of 40 h"
    assert status(settings, "small")[0].spending == "spent 35 of 300 EUR and 6 of 40 h"


def test_what_runs_again_after_its_batch_pays_for_the_change_to_it(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory
) -> None:
    costs = {"unit": "EUR", "experiment": 10, "switch": {"step": {"cost": 3}}}
    planner = {"surrogate": "random", "batch": 2, "initial": {"design": "random", "experiments": 2}, "seed": 7}
    add(settings, tmp_path, costs=costs, planner=planner, budget={"experiments": 2, "cost": 100})
    laboratory.answers = lambda _: [measured(50.0) if len(laboratory.starts) != 1 else faulty("instrument_fault")]
    for _ in range(3):
        report = tick(settings, "small", planner=_planner)
    first, second, third = (laboratory.jobs[key].spec.settings["step"] for key in laboratory.starts)

    assert first == third != second
    assert report.spending == "spent 36 of 100 EUR"


def _planner(*args, **how):
    return cheap_planner(*args, **{name: value for name, value in how.items() if name != "purse"})


def _with(envelope: EnvelopeRecord, payload: str) -> EnvelopeRecord:
    from dataclasses import replace

    return replace(envelope, payload=payload)


@pytest.mark.parametrize(
    ("beside", "says"),
    [
        ({"cost": 12.5}, "under provenance (cost), a table in a column cost"),
        ({"Hours": "2"}, "under provenance (wall_time_s, in seconds), a table in a column hours"),
        ({"wall_time_s": 7200}, "under provenance (wall_time_s, in seconds)"),
    ],
)
def test_what_an_experiment_took_is_asked_for_where_it_counts(
    settings: Settings, tmp_path: Path, laboratory: FakeLaboratory, beside: dict[str, Any], says: str
) -> None:
    laboratory.answers = lambda _: [json.dumps({**json.loads(measured(50.0)), "context": beside})]
    add(settings, tmp_path, costs=COSTS)
    tick(settings, "small", planner=cheap_planner)

    notes = tick(settings, "small", planner=cheap_planner).notes

    assert any("does not count as what was spent" in note and says in note for note in notes)


def test_a_bottle_is_paid_by_the_first_experiment_that_needs_it(settings: Settings, tmp_path: Path) -> None:
    """One of water was there before the campaign: a result of an experiment that nobody proposed tells so."""
    costs = {"unit": "EUR", "experiment": 10, "once": {"solvent": {"water": 200, "DMF": 30, "EtOH": 50}}}
    add(settings, tmp_path, costs=costs, budget={"experiments": 30, "cost": 220})
    table = tmp_path / "told.csv"
    table.write_text("solvent,base,step,yield\nwater,DBU,1,10\n", encoding="utf-8")
    tell(settings, "small", table, by="tester")

    report = go(settings)
    with open_record(settings) as ledger:
        made = [a.settings["solvent"] for a in ledger.attempts("small")]
        page = build(ledger, "small")

    paid = {name: price for name, price in costs["once"]["solvent"].items() if name in made and name != "water"}
    bottles, named = sum(paid.values()), ", ".join(f"{name} {price}" for name, price in paid.items())
    assert "water" in made
    spent, _, bought = report.spending.partition(", of which ")
    assert page.head.spending == report.spending
    assert spent == f"spent {10 * len(made) + bottles} of 220 EUR"
    assert bought == f"{bottles} EUR for what was bought once: {named}"
    assert report.state == "finished"
    assert all(replay(settings, "small", n).is_identical for n in range(1, report.round + 1))
