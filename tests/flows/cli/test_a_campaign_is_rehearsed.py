"""``rehearse`` plays a campaign before its experiments are made, and records nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.settings import Settings
from loop.wording import plural
from tests.workbooks import save_table

LIGANDS = ("A", "B", "C", "D")
HEATS = (20, 40, 60, 80, 100)
ROWS = [(ligand, heat, 10.0 * i + heat / 4) for i, ligand in enumerate(LIGANDS) for heat in HEATS]
SPEC: dict[str, Any] = {
    "campaign": "heat",
    "space": {
        "ligand": {"type": "category", "options": list(LIGANDS)},
        "T": {"type": "number", "values": list(HEATS), "unit": "degC"},
    },
    "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
    "planner": {"surrogate": "gp", "batch": 2, "initial": {"experiments": 4}},
    "budget": {"experiments": 14},
    "laboratory": {"adapter": "emulator", "table": "measured.csv"},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{ligand},{heat},{value}\n" for ligand, heat, value in ROWS)
    Path("measured.csv").write_text(f"ligand,T,yield\n{rows}")
    write()
    return tmp_path


def write(**changes: Any) -> None:
    Path("heat.yaml").write_text(yaml.safe_dump({**SPEC, **changes}, sort_keys=False))


def plain(said: str) -> str:
    return " ".join(said.split())


@pytest.mark.usefixtures("folder")
def test_the_table_of_the_laboratory_answers_before_anything_is_recorded(hakken: Any, home: Settings) -> None:
    said = hakken("rehearse", "heat.yaml", "--plays", "4")
    told = hakken("rehearse", "heat.yaml", "--plays", "4", "--json").json

    assert said.code == 0, said.err
    assert "4 plays of 14 experiments in batches of 2, as many by chance; the 20 candidates of measured.csv" in plain(
        said.out
    )
    assert said.out.splitlines()[-1].startswith("next: hakken rehearse heat.yaml --batch 4 --batch 12")
    assert [step["experiments"] for step in told["found"]["steps"]] == [0, 4, 6, 8, 10, 12, 14]
    assert told["found"]["goal"] == 55.0  # the best of 20 candidates
    assert told["found"]["steps"][-1]["planned"]["middle"] == 55.0
    assert told["found"]["steps"][0]["planned"]["middle"] is None
    assert not home.home.exists()


@pytest.mark.usefixtures("folder")
def test_any_told_file_answers_replicates_and_all(hakken: Any) -> None:
    write(laboratory={"adapter": "manual"}, constraints=[{"exclude": {"ligand": "D"}}])
    save_table("plate.xlsx", [["ligand", "T", "yield"], *ROWS, ("A", 20, 90.0), ("B", 100, None)])

    told = hakken("rehearse", "heat.yaml", "--table", "plate.xlsx", "--plays", "2", "--batch", "5", "--json").json
    said = hakken("rehearse", "heat.yaml", "--table", "plate.xlsx", "--plays", "2", "--reach", "48", "-n", "9")

    assert (told["candidates"], told["found"]["batch"], told["known"]) == (15, 5, 0)
    assert told["notes"] == ["5 of its rows are left out: they are no candidates of the space"]
    assert "reach 48" in plain(said.out)
    assert "next: hakken rehearse heat.yaml --table plate.xlsx --batch 4 --batch 12" in said.out
    assert "half of the plays reach 48 % not within 9; by chance not within 9" in plain(said.out)


@pytest.mark.usefixtures("folder")
def test_sizes_of_batches_are_compared(hakken: Any) -> None:
    words = ("rehearse", "heat.yaml", "--plays", "3", "--reach", "50", "--batch", "2", "--batch", "5", "--batch", "2")
    said = hakken(*words)
    told = hakken(*words, "--json").json

    assert "3 plays of 14 experiments in batches of 2 or 5, as many by chance" in plain(said.out)
    head, *lines = [plain(line) for line in said.out.splitlines()[1:] if line.strip() and "─" not in line]
    assert head == "batches of experiments yield [%] at the end 90 % reach 50 half of the plays after which are"
    assert [line.split()[:2] for line in lines[:3]] == [["2", "14"], ["5", "14"], ["by", "chance"]]
    two, five = (one["found"] for one in told["rehearsals"])
    assert (two["batch"], five["batch"]) == (2, 5)
    assert f"{two['needed']} experiments {two['rounds']} batch" in lines[0]
    # an initial design of four, then batches of two, or of five
    assert two["rounds"] == 1 + -(-max(two["needed"] - 4, 0) // 2)
    assert five["rounds"] == 1 + -(-max(five["needed"] - 4, 0) // 5)
    assert two == hakken("rehearse", "heat.yaml", "--plays", "3", "--reach", "50", "--json").json["found"]


@pytest.mark.usefixtures("folder")
def test_what_was_predicted_so_far_counts_in_a_play_that_goes_on(hakken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from loop.rehearsal import rehearsing

    write(budget={"experiments": 8})
    hakken("run", "heat.yaml")
    write(stop=[{"target": "yield", "regret": 0.5}])
    seen: list[Any] = []

    def watched(*args: Any, **more: Any) -> Any:
        seen.append(args[2])
        return rehearse(*args, **more)

    rehearse = rehearsing.rehearse
    monkeypatch.setattr(rehearsing, "rehearse", watched)
    said = hakken("rehearse", "heat.yaml", "--plays", "2", "-n", "2")

    assert said.code == 0, said.err
    (history,) = seen
    assert len(history.observations) == 8
    assert len(history.claims) == 4  # of all but the first batch a model said something


def test_what_is_believed_answers_where_there_are_results(folder: Path, hakken: Any, home: Settings) -> None:
    write(laboratory={"adapter": "manual"}, stop=[{"target": "yield", "at_least": 50}])
    some = [row for row in ROWS if row[1] < 80 and row[0] != "D"]
    save_table(folder / "told.xlsx", [["ligand", "T", "yield"], *some])
    hakken("tell", "heat.yaml", "told.xlsx")
    before = (home.home / "hakken.db").read_bytes()

    told = hakken("rehearse", "heat", "--plays", "6", "-n", "4", "--json").json
    said = hakken("rehearse", "heat.yaml", "--plays", "2", "-n", "4", "--batch", "1")
    reached = hakken("rehearse", "heat.yaml", "--plays", "2", "-n", "1", "--reach", "1")

    assert (told["table"], told["known"], told["pending"]) == ("", 9, 0)
    found = told["found"]
    assert found["goal"] == 50
    assert [step["experiments"] for step in found["steps"]] == [0, 2, 4]
    assert found["steps"][-1]["planned"]["middle"] > found["steps"][0]["planned"]["middle"]
    assert "what is believed of 9 results answers" in plain(said.out)
    assert "where they are wrong, so is this" in plain(said.out)
    assert "half of the plays reach 1 % from the start; by chance from the start" in plain(reached.out)
    assert hakken("status", "heat", "--json").json[0]["experiments_done"] == 0
    assert (home.home / "hakken.db").read_bytes() == before


@pytest.mark.usefixtures("folder")
def test_what_runs_comes_before_what_the_budget_leaves(hakken: Any) -> None:
    few = {**SPEC["planner"], "initial": {"experiments": 2}}
    write(laboratory={"adapter": "manual"}, planner=few, budget={"experiments": 5})
    Path("told.csv").write_text("ligand,T,yield\nA,20,5\nB,40,20\nC,60,35\nA,80,20\n")
    hakken("tell", "heat.yaml", "told.csv")
    hakken("run", "heat.yaml")  # two wait for their results

    running = hakken("rehearse", "heat", "--plays", "2", "--json").json
    asked = hakken("rehearse", "heat", "--plays", "2", "-n", "1", "--json").json
    write(laboratory={"adapter": "manual"}, planner=few, budget={"experiments": 2})
    spent = hakken("rehearse", "heat.yaml", "--plays", "2", "--json").json

    assert running["pending"] == 2
    assert [step["experiments"] for step in running["found"]["steps"]] == [0, 2, 4, 5]
    assert asked["found"]["steps"][-1]["experiments"] == 1
    assert any("takes all 1, and none is planned; ask for more than 2" in note for note in asked["notes"])
    assert not any("ask for more" in note for note in running["notes"])
    assert [step["experiments"] for step in spent["found"]["steps"]] == [0, 2]


@pytest.mark.usefixtures("folder")
def test_a_budget_that_is_spent_does_not_end_a_rehearsal(hakken: Any) -> None:
    write(budget={"experiments": 4})
    hakken("run", "heat.yaml")

    told = hakken("rehearse", "heat", "--plays", "2", "--json").json

    assert told["notes"] == ["the budget is spent, so 20 experiments beyond it"]
    assert told["found"]["steps"][-1]["experiments"] == 16  # no more are left to try


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("changes", "words", "says"),
    [
        ({"laboratory": {"adapter": "manual"}}, (), "has no results yet, so there is nothing that could answer; give"),
        ({}, ("--table", "nothing.csv"), "nothing.csv cannot be read (No such file or directory); check the path"),
        ({}, ("--reach", "nan"), "--reach is nan, which nothing reaches; give a number"),
        ({}, ("--table", "words.csv"), "line 2: column 'yield' must hold a finite number, got 'high'"),
        (
            {},
            ("--table", "lacking.csv"),
            "line 2 and 2 others: nothing says which T it had; give that column, with the one value of all rows where "
            "it was not varied, or rehearse a campaign file without it",
        ),
        ({}, ("--table", "few.csv"), "few.csv has no two results of candidates in the space"),
        ({}, ("--table", "other.csv"), "column 'solvent' is unknown"),
        (
            {"plate": {"rows": 2, "columns": 3}, "planner": {"surrogate": "gp"}},
            ("--batch", "5"),
            "has plates, so --batch says nothing; change the wells under plate",
        ),
        (
            {"general": {"over": ["ligand"]}},
            (),
            "looks for the condition that is best over a scope, which is not rehearsed",
        ),
        (
            {"space": {**SPEC["space"], "T": {"type": "number", "low": 20, "high": 100, "unit": "degC"}}},
            (),
            "has continuous numbers, of which no table has every value; give --table and a file of results",
        ),
        (
            {"space": {**SPEC["space"], "ligand": {"type": "category", "options": ["E", "F"]}}},
            (),
            "table measured.csv has no two rows of candidates of campaign 'heat'; give --table and a file that has",
        ),
    ],
)
def test_what_cannot_be_rehearsed_says_why_and_what_to_do(
    hakken: Any, changes: dict[str, Any], words: tuple[str, ...], says: str
) -> None:
    write(**changes)
    Path("words.csv").write_text("ligand,T,yield\nA,20,high\nB,40,3\n")
    Path("lacking.csv").write_text("ligand,yield\nA,1\nB,3\nC,4\n")
    Path("few.csv").write_text("ligand,T,yield\nA,20,3\n")
    Path("other.csv").write_text("ligand,T,solvent,yield\nA,20,x,3\n")

    said = hakken("rehearse", "heat.yaml", *words)

    assert said.code == 2
    assert says in plain(said.err)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("changes", "measure", "goal"),
    [
        ({}, "yield", 70.0),  # of > 70 no more is known
        (
            {
                "objective": {"yield": {"goal": "maximize", "unit": "%", "at_least": 40}},
                "planner": {**SPEC["planner"], "acquisition": "hits"},
            },
            "hits",
            None,
        ),
        ({"objective": {"yield": {"goal": "match", "value": 33, "within": 9, "unit": "%"}}}, "yield, off 33", 2.0),
        (
            {
                "objective": {"yield": {"goal": "match", "value": 33, "within": 9, "unit": "%"}},
                "stop": [{"target": "yield", "at_most": 34}],  # says nothing of how far it may be off
            },
            "yield, off 33",
            2.0,
        ),
        (
            {
                "objective": {
                    "yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100},
                    "waste": {"goal": "minimize", "unit": "%", "low": 0, "high": 100},
                },
                "tradeoff": "desirability",
                "stop": [{"target": "desirability", "at_least": 0.6}],
            },
            "desirability",
            0.6,
        ),
    ],
)
def test_what_is_told_and_to_be_reached_is_what_is_wanted(
    hakken: Any, changes: dict[str, Any], measure: str, goal: float | None
) -> None:
    write(laboratory={"adapter": "manual"}, **changes)
    has_waste = "waste" in changes.get("objective", {})
    rows = [f"{a},{t},{v}{',' + str(v / 2) if has_waste else ''}\n" for a, t, v in ROWS[:-1]]
    last = "D,100,>70" if measure == "yield" else "D,100,55"
    Path("told.csv").write_text(
        f"ligand,T,yield{',waste' if has_waste else ''}\n{''.join(rows)}{last}{',3' if has_waste else ''}\n"
    )

    told = hakken("rehearse", "heat.yaml", "--table", "told.csv", "--plays", "2", "--json").json["found"]

    assert told["measure"] == measure
    assert told["goal"] == pytest.approx(goal)


@pytest.mark.usefixtures("folder")
def test_a_name_that_is_on_no_record_is_said(hakken: Any) -> None:
    said = hakken("rehearse", "nobody")

    assert said.code == 2
    assert "there is no record" in said.err


COSTS = {"unit": "EUR", "experiment": 10, "hours": 2, "switch": {"ligand": {"cost": 5}}}


@pytest.mark.usefixtures("folder")
def test_what_experiments_cost_is_counted_and_a_budget_of_money_ends_each_play(hakken: Any) -> None:
    write(costs=COSTS, budget={"cost": 95})
    words = ("rehearse", "heat.yaml", "--plays", "2", "--reach", "45")
    said, told = hakken(*words), hakken(*words, "--json").json
    compared = hakken(*words, "--batch", "2", "--batch", "3")

    assert said.code == 0, said.err
    assert "note: each play spends 95 EUR at most, which the budget has" in said.out
    assert "spent [EUR]" in plain(said.out)
    assert "spent [h]" in plain(said.out)
    first, *steps = told["found"]["steps"]
    assert first["spent"] == {"cost": 0.0, "hours": 0.0, "stocks": []}
    assert all(10 * s["experiments"] <= s["spent"]["cost"] <= 95 for s in steps)
    assert all(s["spent"]["hours"] == 2 * s["experiments"] for s in steps[:2])
    assert steps[-1]["experiments"] <= 9  # the tenth would cost more than there is
    found = told["found"]
    assert found["paid_in"] == "EUR"
    assert f"after {plural(found['needed'], 'experiment')} and {found['paid']:g} EUR" in plain(said.out)
    assert 10 * found["needed"] <= found["paid"] <= 15 * found["needed"]
    assert "which are and cost" in plain(compared.out)


@pytest.mark.usefixtures("folder")
def test_a_play_goes_on_with_what_the_budget_leaves(hakken: Any) -> None:
    write(costs=COSTS, budget={"experiments": 6, "cost": 95})
    assert hakken("run", "heat.yaml").code == 0
    spent = hakken("status", "heat", "--json").json[0]["spending"]
    write(costs=COSTS, budget={"experiments": 14, "cost": 110})

    told = hakken("rehearse", "heat.yaml", "--plays", "2", "--reach", "45", "--json").json

    assert told["known"] == 6, spent
    (note,) = [n for n in told["notes"] if n.startswith("each play spends")]
    left = 110 - float(spent.split()[1])
    assert note == f"each play spends {left:g} EUR at most, which the budget leaves"
    assert told["found"]["steps"][-1]["spent"]["cost"] <= left
    assert told["found"]["steps"][-1]["experiments"] <= left / 10


@pytest.mark.usefixtures("folder")
def test_without_costs_nothing_is_said_of_them(hakken: Any) -> None:
    said = hakken("rehearse", "heat.yaml", "--plays", "2")

    assert "spent" not in said.out
    assert "EUR" not in said.out


@pytest.mark.usefixtures("folder")
def test_rules_that_would_end_the_campaign_are_told_and_end_no_play(hakken: Any) -> None:
    write(stop=[{"target": "yield", "at_least": 50}])
    words = ("rehearse", "heat.yaml", "--plays", "2")
    said, told = hakken(*words), hakken(*words, "--json").json["found"]
    compared = hakken(*words, "--batch", "2", "--batch", "5")

    ending = told["ending"]
    assert told["steps"][-1]["experiments"] == 14
    assert ending["share"] == 1.0
    first = next(step for step in told["steps"] if (step["planned"]["middle"] or 0) >= 50)
    assert ending["after"] == first["experiments"]  # the rule is looked at when a batch has ended
    assert ending["standing"]["low"] >= 50
    assert ending["missed"]["high"] <= 5  # 55 is the best of the table
    assert f"would end 1.00 of the plays, half of these after {ending['after']} experiments" in plain(said.out)
    assert "in 95 of 100 of these nothing in measured.csv is better by more than" in plain(said.out)
    assert "in batches of 5, the rules under stop would end 1.00 of the plays" in plain(compared.out)


@pytest.mark.usefixtures("folder")
def test_a_rule_that_is_never_met_is_said_to_be(hakken: Any) -> None:
    write(stop=[{"target": "yield", "at_least": 99}])

    said = hakken("rehearse", "heat.yaml", "--plays", "2", "--reach", "50")

    assert "no play comes to where a rule under stop would end it" in said.out


@pytest.mark.usefixtures("folder")
def test_a_regret_is_believed_once_predictions_of_the_play_were_held_against_results(hakken: Any) -> None:
    write(
        stop=[{"target": "yield", "regret": 3, "confirm": False}],
        objective={"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100, "exact": True}},
        budget={"experiments": 20},
    )

    ending = hakken("rehearse", "heat.yaml", "--plays", "2", "--json").json["found"]["ending"]

    assert ending["share"] > 0
    assert ending["after"] >= 4 + 10  # an initial design, and so many predictions that were held against results
    assert ending["missed"]["high"] <= 3
