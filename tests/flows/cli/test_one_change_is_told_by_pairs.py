"""``pairs``: what experiments that differ in one thing alone tell, and more of them, planned, pinned, run and read."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.cli.guard import REFUSED
from flows.engine import add_campaign
from flows.settings import Settings
from loop.decision import DecisionKind
from loop.record import Arm

LIGANDS = {"XPhos": 30.0, "SPhos": 18.0, "PPh3": 5.0}  # what each adds to a yield
SPEC: dict[str, Any] = {
    "campaign": "coupling",
    "space": {
        "ligand": {"type": "category", "options": [*LIGANDS]},
        "base": {"type": "category", "options": ["KOAc", "K2CO3"]},
        "temperature": {"type": "number", "low": 60, "high": 100, "step": 10, "unit": "degC"},
    },
    "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
    "planner": {"batch": 4, "surrogate": "random", "initial": {"design": "random", "experiments": 4}},
    "budget": {"experiments": 4},
    "laboratory": {"adapter": "emulator", "table": "table.csv"},
}
CHANGE = "ligand=XPhos,SPhos"


def run(hakken: Any, **changes: Any) -> None:
    Path("coupling.yaml").write_text(json.dumps({**SPEC, **changes}))
    said = hakken("run", "coupling.yaml")
    assert said.code == 0, said.err


@pytest.fixture
def coupling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Settings, hakken: Any) -> None:
    """A campaign of four random experiments, that may go on to sixteen."""
    monkeypatch.chdir(tmp_path)
    every = itertools.product(LIGANDS, ("KOAc", "K2CO3"), range(60, 101, 10))
    rows = (f"{ligand},{base},{t},{LIGANDS[ligand] + 10 * (base == 'KOAc') + 0.2 * t:.1f}" for ligand, base, t in every)
    Path("table.csv").write_text("\n".join(["ligand,base,temperature,yield", *rows]) + "\n")
    run(hakken)
    Path("coupling.yaml").write_text(json.dumps({**SPEC, "budget": {"experiments": 16}}))
    add_campaign(home, Path("coupling.yaml"))


def go_on(hakken: Any) -> None:
    run(hakken, budget={"experiments": 16})


def proposals(home: Settings, arm: Arm) -> list[Any]:
    with open_ledger(home.database) as ledger:
        return [p for p in ledger.proposals("coupling") if p.draft.arm is arm]


@pytest.mark.usefixtures("coupling")
def test_planned_pairs_are_shown_and_nothing_is_recorded(hakken: Any) -> None:
    said = hakken("pairs", "coupling", CHANGE, "--more", 3).out

    assert "3 pairs (6 experiments) to be run, both of a pair one after the other:" in said
    assert "(as the best so far)" in said
    assert "next: hakken pairs coupling ligand=XPhos,SPhos --more 3 --pin --why REASON has them run" in said
    assert hakken("decisions", "coupling", "--json").json["decisions"] == []


@pytest.mark.usefixtures("coupling")
def test_pinned_pairs_run_in_one_round_and_tell_the_effect(hakken: Any, home: Settings) -> None:
    shown = hakken("pairs", "coupling", CHANGE, "--more", 3, "--json").json["found"]["planned"]
    pinned = hakken("pairs", "coupling", CHANGE, "--more", 3, "--pin", "--why", "is it the ligand?", "--json").json
    assert pinned["found"]["planned"] == shown
    go_on(hakken)

    made = sorted(proposals(home, Arm.MANUAL), key=lambda p: p.draft.run_order)
    assert {p.round_number for p in made} == {2}
    assert [dict(p.draft.candidate.settings) for p in made] == [
        one for pair in shown for one in (pair["first"], pair["second"])
    ]
    assert made[0].draft.reason == "manual: pair 1 of 3, ligand SPhos or XPhos: is it the ligand?"
    told = hakken("pairs", "coupling", CHANGE, "--json").json["found"]["contrasts"]
    (one,) = [c for c in told if (c["first"], c["second"]) == ("XPhos", "SPhos")]
    assert one["pairs"] >= 3
    assert one["difference"] == pytest.approx(12.0)


@pytest.mark.usefixtures("coupling")
def test_what_is_pinned_is_a_pair_whenever_it_runs(hakken: Any, home: Settings) -> None:
    hakken("pairs", "coupling", CHANGE, "--more", 3, "--pin", "--why", "is it the ligand?")
    run(hakken, budget={"experiments": 7})  # three of the six
    run(hakken, budget={"experiments": 16})

    made = proposals(home, Arm.MANUAL)
    assert [sum(p.round_number == number for p in made) for number in (2, 3)] == [3, 3]
    told = hakken("pairs", "coupling", CHANGE, "--json").json["found"]["contrasts"]
    assert sum(c["pairs"] for c in told) >= 3


@pytest.mark.usefixtures("coupling")
def test_what_is_pinned_again_is_a_pair_of_the_later_round(hakken: Any, home: Settings) -> None:
    asked = ("pairs", "coupling", CHANGE, "--where", "base=KOAc", "--where", "temperature=100")
    for left in (6, 8):
        said = hakken(*asked, "--more", 1, "--pin", "--why", "is it the ligand?")
        assert said.code == 0, said.err
        run(hakken, budget={"experiments": left})
        Path("coupling.yaml").write_text(json.dumps({**SPEC, "budget": {"experiments": 16}}))
        add_campaign(home, Path("coupling.yaml"))

    assert len({p.round_number for p in proposals(home, Arm.MANUAL)}) == 2
    told = hakken("pairs", "coupling", CHANGE, "--json").json["found"]["contrasts"]
    assert sum(c["pairs"] for c in told) >= 2


@pytest.mark.usefixtures("coupling")
def test_conditions_keep_to_what_both_are_to_have(hakken: Any) -> None:
    asked = ("pairs", "coupling", "temperature=60,100", "--more", 3, "--where", "base=K2CO3", "--json")
    planned = hakken(*asked).json["found"]["planned"]

    assert {pair["first"]["base"] for pair in planned} == {"K2CO3"}
    assert all({pair["first"]["temperature"], pair["second"]["temperature"]} == {60, 100} for pair in planned)


def planned(hakken: Any, tell_table: Any, space: dict[str, Any], *asked: Any, **more: Any) -> list[Any]:
    """Pairs of a campaign that has not begun."""
    tell_table({**SPEC, "space": space, "laboratory": {"adapter": "manual"}, "budget": {"experiments": 40}, **more}, "")
    said = hakken("pairs", "coupling", *asked, "--json")
    assert said.code == 0, said.err
    found: list[Any] = said.json["found"]["planned"]
    return found


def test_what_is_set_beside_a_change_is_met_to_the_digit(hakken: Any, tell_table: Any) -> None:
    space = {name: {"type": "number", "low": 1, "high": 1000} for name in ("one", "two", "three")}
    where = [word for text in ("one=1.2345", "two=7..7.5", "three>990") for word in ("--where", text)]
    found = planned(hakken, tell_table, {**space, "ligand": SPEC["space"]["ligand"]}, CHANGE, "--more", 2, *where)

    assert [pair["first"]["one"] for pair in found] == [1.2345] * 2
    assert all(7 <= pair["first"]["two"] <= 7.5 for pair in found)
    assert all(pair["first"]["three"] > 990 for pair in found)


def test_what_is_drawn_beside_a_change_can_be_set(hakken: Any, tell_table: Any) -> None:
    space = {"heat": {"type": "number", "low": 20, "high": 110}, "ligand": SPEC["space"]["ligand"]}
    found = planned(hakken, tell_table, space, "ligand=XPhos,SPhos", "--more", 4)

    assert all(pair["first"]["heat"] == round(pair["first"]["heat"], 1) for pair in found)


def test_pairs_are_planned_of_the_real_measurement(hakken: Any, tell_table: Any) -> None:
    version = {"type": "fidelity", "options": ["plate reader", "HPLC"]}
    costs = {"options": {"version": {"plate reader": 1, "HPLC": 10}}}
    found = planned(hakken, tell_table, {**SPEC["space"], "version": version}, CHANGE, "--more", 4, costs=costs)

    assert [pair["second"]["version"] for pair in found] == ["HPLC"] * 4


def test_the_change_that_is_named_for_an_example_is_one_that_may_be_asked_for(hakken: Any, tell_table: Any) -> None:
    version = {"type": "fidelity", "options": ["plate reader", "HPLC"], "costs": {"plate reader": 1, "HPLC": 10}}
    solvent = {"type": "mixture", "parts": ["DMF", "water"], "step": 0.25}
    space = {"version": version, "solvent": solvent, **SPEC["space"]}
    tell_table({**SPEC, "space": space, "laboratory": {"adapter": "manual"}}, "")

    assert hakken("pairs", "coupling", "--json").json["found"]["example"] == "ligand=XPhos,PPh3"


@pytest.mark.usefixtures("coupling")
def test_what_is_banned_or_pinned_is_in_no_pair(hakken: Any, home: Settings) -> None:
    hakken("ban", "coupling", "--where", "base=KOAc", "--why", "used up")
    hakken("pairs", "coupling", CHANGE, "--more", 2, "--pin", "--why", "first")
    with open_ledger(home.database) as ledger:
        pinned = [dict(d.draft.settings) for d in ledger.decisions("coupling") if d.draft.kind is DecisionKind.PIN]
    planned = hakken("pairs", "coupling", CHANGE, "--more", 3, "--json").json["found"]["planned"]

    assert len(pinned) == 4
    assert all(pair["first"]["base"] == "K2CO3" for pair in planned)
    assert not any(one in pinned for pair in planned for one in (pair["first"], pair["second"]))


@pytest.mark.usefixtures("coupling")
def test_what_there_is_too_little_of_is_said(hakken: Any) -> None:
    said = hakken("pairs", "coupling", CHANGE, "--more", 6, "--where", "base=KOAc").out

    assert "note: 5 pairs of 6 could be found: nothing else allows both values" in said


@pytest.mark.usefixtures("coupling")
def test_of_what_the_budget_does_not_pay_whole_pairs_are_left_out(hakken: Any, home: Settings) -> None:
    with open_ledger(home.database) as ledger:
        used = sum(p.draft.candidate.settings["ligand"] == "XPhos" for p in ledger.proposals("coupling"))
    budget = {"experiments": 30, "stock": {"ligand": {"XPhos": used + 3}}}
    Path("coupling.yaml").write_text(json.dumps({**SPEC, "budget": budget}))
    add_campaign(home, Path("coupling.yaml"))

    said = hakken("pairs", "coupling", CHANGE, "--more", 4, "--pin", "--why", "is it the ligand?").out
    assert "note: 3 pairs of 4 could be found: the budget leaves 3 uses of XPhos" in said
    refused = hakken("pairs", "coupling", CHANGE, "--more", 1).err
    assert "the budget leaves 3 uses of XPhos beside what waits for approval or is pinned, and pays for both" in refused


@pytest.mark.usefixtures("coupling")
def test_what_is_pinned_when_the_budget_is_spent_waits_for_more(hakken: Any, home: Settings) -> None:
    Path("coupling.yaml").write_text(json.dumps(SPEC))
    add_campaign(home, Path("coupling.yaml"))
    said = hakken("pairs", "coupling", CHANGE, "--more", 2, "--pin", "--why", "is it the ligand?").out
    run(hakken, budget={"experiments": 8})

    assert "note: the budget leaves no experiment: pinned pairs wait until budget.experiments is raised" in said
    assert [p.round_number for p in proposals(home, Arm.MANUAL)] == [2] * 4


@pytest.mark.usefixtures("coupling")
def test_told_results_count_for_no_pair(hakken: Any) -> None:
    Path("told.csv").write_text("ligand,base,temperature,yield\nXPhos,KOAc,60,70\nSPhos,KOAc,60,20\n")
    before = hakken("pairs", "coupling", "--json").json["found"]["pairs"]
    hakken("tell", "coupling.yaml", "told.csv")

    found = hakken("pairs", "coupling").out
    assert hakken("pairs", "coupling", "--json").json["found"]["pairs"] == before
    assert "2 told results are in no pair, since nothing says what they were chosen for" in found or not before


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("ligand=XPhos", "--more", 2), "does not name two values of ligand; write ligand=ONE,OTHER"),
        (("ligand=XPhos,XPhos",), "does not name two values of ligand"),
        (("ligand=XPhos,dppf",), "parameter 'ligand' has no option 'dppf'"),
        (("solvent=DMF,DMSO",), "the space has no parameter 'solvent'"),
        (("temperature=60,65",), "temperature = 65 is none of its values"),
        (("ligand", "--more", 2), "two values are needed to plan pairs; write ligand=ONE,OTHER"),
        ((CHANGE, "--more", 9), "9 pairs are 18 experiments, and the budget leaves 12; ask for 6, or raise"),
        ((CHANGE, "--more", 2, "--pin"), "needs a reason, which stays on record; give it with --why"),
        ((CHANGE, "--more", 2, "--where", "ligand=PPh3"), "--where says something of ligand, which is what changes"),
        (
            (CHANGE, "--more", 2, "--where", "temperature>100"),
            "no candidate meets temperature>100: temperature has 60,",
        ),
        ((CHANGE, "--pin", "--why", "x"), "--pin needs to know how many pairs are to be run; add --more 4"),
        (("--more", 2, "--where", "base=KOAc"), "say what the pairs differ in, such as ligand=XPhos,SPhos"),
    ],
)
@pytest.mark.usefixtures("coupling")
def test_what_cannot_be_planned_is_refused_with_the_way_out(hakken: Any, given: tuple[Any, ...], says: str) -> None:
    refused = hakken("pairs", "coupling", *given)

    assert refused.code == REFUSED
    assert says in " ".join(refused.err.replace("│", " ").split())


def test_one_choice_alone_has_nothing_that_stays_alike(hakken: Any, tell_table: Any) -> None:
    tell_table({**SPEC, "space": {"ligand": SPEC["space"]["ligand"]}, "laboratory": {"adapter": "manual"}}, "")

    assert "is one ligand alone, so that nothing stays alike where it changes" in hakken("pairs", "coupling").err


def test_a_change_that_is_named_has_all_digits_of_its_numbers(hakken: Any, tell_table: Any) -> None:
    numbers = {"type": "number", "values": [0.1234567, 1234567.5]}
    space = {"rate": numbers, "base": SPEC["space"]["base"]}
    tell_table({**SPEC, "space": space, "laboratory": {"adapter": "manual"}}, "")

    assert hakken("pairs", "coupling", "--json").json["found"]["example"] == "rate=0.1234567,1234567.5"


@pytest.mark.usefixtures("coupling")
def test_the_report_tells_them(hakken: Any) -> None:
    hakken("pairs", "coupling", CHANGE, "--more", 3, "--pin", "--why", "is it the ligand?")
    go_on(hakken)
    hakken("report", "coupling")

    page = next(Path("runs").rglob("report.html")).read_text()
    assert "What one change does" in page
    assert "XPhos for SPhos" in page
