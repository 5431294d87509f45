"""``explain`` of conditions: how much of what is believed follows each parameter, and what their values add."""

from __future__ import annotations

from typing import Any

import pytest

from flows.cli.guard import REFUSED
from tests.flows.cli.test_candidates_are_predicted import ROWS, spec


@pytest.fixture
def told(tell_table: Any) -> None:
    tell_table(spec(planner={"initial": {"experiments": 3}}), ROWS + "A,100,80\nB,100,50\n")


@pytest.mark.usefixtures("told")
def test_shares_and_values_are_shown_with_their_doubt_and_no_cause(hakken: Any) -> None:
    said = hakken("explain", "heat").out
    plain = " ".join(said.split())

    assert "yield: 8 results, believed by committee" in said
    assert "what follows each parameter, of the variance over 10 candidates, interactions included:" in said
    assert "parameter share 90 %" in plain
    assert "what their values add, in %, and the mean of what was measured with them:" in said
    assert "20 degC -" in plain  # below the rest
    assert " 2 7.5 " in plain  # two experiments at 20 degC, and the mean of 10 and 5
    assert "shows no cause: only experiments that change one thing alone do." in said
    assert "next: hakken pairs heat says what experiments that differ in one thing alone tell" in said


@pytest.mark.usefixtures("told")
def test_programs_read_all_of_it_and_it_is_kept(hakken: Any) -> None:
    (target,) = hakken("explain", "heat", "--json").json["targets"]

    assert [one["parameter"] for one in target["parameters"]] == ["temperature", "ligand"]
    heat, ligand = target["parameters"]
    assert heat["low"] <= heat["share"] <= heat["high"]
    assert [one["value"] for one in heat["adds"]] == [20, 40, 60, 80, 100]
    assert [one["tried"] for one in heat["adds"]] == [2, 0, 2, 2, 2]
    assert [one["label"] for one in ligand["adds"]] == ["A", "B"]
    assert hakken("explain", "heat", "--json").json["targets"] == [target]


def test_each_of_a_dozen_values_has_its_own_results_beside_it(hakken: Any, tell_table: Any) -> None:
    stepped = {"type": "number", "low": 40, "high": 120, "step": 10, "unit": "degC"}
    rows = "ligand,temperature,yield\nA,60,30\nA,90,55\nB,90,<5\nB,90,45\nA,100,71\nB,100,73\n"
    tell_table(spec(space=spec()["space"] | {"temperature": stepped}), rows)

    (target,) = hakken("explain", "heat", "--json").json["targets"]
    said = [line.split() for line in hakken("explain", "heat").out.splitlines()]

    heat = next(one["adds"] for one in target["parameters"] if one["parameter"] == "temperature")
    assert [(one["value"], one["tried"], one["measured"]) for one in heat if one["tried"]] == [
        (60, 1, 30),
        (90, 3, 50),
        (100, 2, 72),
    ]
    assert [cells[-4:] for cells in said if cells[:2] == ["90", "degC"]] == [["3", "50,", "1", "limit"]]
    assert [cells[-1] for cells in said if cells[:2] == ["70", "degC"]] == ["0"]  # none is left out between the ends


def test_of_a_number_with_many_values_results_near_one_are_said_to_be_near(hakken: Any, tell_table: Any) -> None:
    free = {"type": "number", "low": 40, "high": 120, "unit": "degC"}
    rows = "ligand,temperature,yield\nA,60,30\nA,90,55\nB,81.5,45\nB,100,73\n"
    tell_table(spec(space=spec()["space"] | {"temperature": free}), rows)

    said = " ".join(hakken("explain", "heat").out.split())

    assert "temperature adds 90 % tried near it measured near it" in said
    assert "ligand adds 90 % tried measured" in said


@pytest.mark.usefixtures("told")
def test_the_page_tells_them_too(hakken: Any, home: Any) -> None:
    hakken("report", "heat")
    page = (home.home / "heat/report.html").read_text()

    assert '<a href="#parameters">What parameters add</a>' in page
    assert page.count('<svg class="share" role="img"') == 2
    assert "100 degC: +" in page
    assert "from 8 results, over 10 candidates" in page


@pytest.mark.usefixtures("told")
def test_molecules_of_a_campaign_over_conditions_are_refused(hakken: Any) -> None:
    said = hakken("explain", "heat", "-m", "CCO")

    assert said.code == REFUSED
    assert "campaign 'heat' chooses more than molecules" in said.err


def test_too_few_results_and_no_model_are_named(hakken: Any, tell_table: Any) -> None:
    tell_table(spec(), "ligand,temperature,yield\nA,20,10\n")
    assert "needs" in hakken("explain", "heat").err
    tell_table(spec(campaign="lots", planner={"surrogate": "random"}), ROWS)
    assert "the campaign uses no model (surrogate: random), so nothing is believed" in hakken("explain", "lots").err
    tell_table(spec(campaign="same"), "ligand,temperature,yield\nA,20,10\nB,20,10\nA,40,10\nB,60,10\n")
    assert (
        "note: no two results are known to differ, so nothing tells what they follow" in hakken("explain", "same").out
    )


def test_what_has_one_value_alone_adds_nothing_to_be_told(hakken: Any, tell_table: Any) -> None:
    fixed = spec()["space"] | {"ligand": {"type": "category", "options": ["A"]}}
    tell_table(spec(space=fixed), "ligand,temperature,yield\nA,20,10\nA,60,50\nA,80,72\n")
    (target,) = hakken("explain", "heat", "--json").json["targets"]
    assert [one["parameter"] for one in target["parameters"]] == ["temperature"]

    one = {"ligand": {"type": "category", "options": ["A"]}}
    tell_table(spec(campaign="one", space=one), "ligand,yield\nA,10\nA,12\nA,11\n")
    said = hakken("explain", "one")
    assert "note: there is one candidate alone, so no parameter has values that something could follow" in said.out
    assert "share" not in said.out
