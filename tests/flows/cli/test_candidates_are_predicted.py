"""``predict`` says what is believed of any candidates: those of a file, or all that meet some conditions."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from flows.cli.guard import REFUSED

ROWS = "ligand,temperature,yield\nA,20,10\nA,60,50\nA,80,72\nB,20,5\nB,60,30\nB,80,41\n"


def spec(**changes: Any) -> dict[str, Any]:
    return {
        "campaign": "heat",
        "space": {
            "ligand": {"type": "category", "options": ["A", "B"]},
            "temperature": {"type": "number", "low": 20, "high": 100, "step": 20, "unit": "degC"},
        },
        "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
        "planner": {"surrogate": "gp", "initial": {"experiments": 3}},
        "budget": {"experiments": 9},
        "laboratory": {"adapter": "manual"},
        **changes,
    }


@pytest.fixture
def told(tell_table: Any) -> None:
    tell_table(spec(), ROWS)


@pytest.mark.usefixtures("told")
def test_every_candidate_is_predicted_the_best_first_as_best_believes_it(hakken: Any) -> None:
    answer = json.loads(hakken("predict", "heat", "--json").out)
    best = json.loads(hakken("best", "heat", "--json").out)["best"]["candidates"]

    found = [one["candidate"] for one in answer["candidates"]]
    assert len(found) == 2 * 5
    means = [one["targets"][0]["mean"] for one in found]
    assert means == sorted(means, reverse=True)
    assert [one["best"] for one in answer["candidates"]] == [True] + [False] * 9
    believed = {one["label"]: one["targets"][0]["mean"] for one in found}
    assert {one["label"]: one["targets"][0]["mean"] for one in best} == pytest.approx(
        {one["label"]: believed[one["label"]] for one in best}
    )
    by_label = {one["label"]: one["targets"][0] for one in found}
    untried, tried = by_label["A, temperature 100 degC"], by_label["A, temperature 80 degC"]
    assert untried["high"] - untried["low"] > tried["high"] - tried["low"]
    assert (tried["values"], untried["values"]) == ([72], [])


@pytest.mark.usefixtures("told")
def test_conditions_leave_some_and_nothing_is_recorded(hakken: Any) -> None:
    before = hakken("audit", "verify").out
    said = hakken("predict", "heat", "--where", "ligand=B", "--where", "temperature>60").out

    assert "  1. B, temperature 100 degC\n" in said or "  1. B, temperature 80 degC\n" in said
    assert "measured: yield 41 %" in said
    assert "  3. " not in said
    assert "next: hakken pin heat --where ... has one of them run in the next batch" in said
    assert hakken("audit", "verify").out == before


@pytest.mark.usefixtures("told")
def test_rows_of_a_file_are_predicted_and_written(hakken: Any, tmp_path: Path) -> None:
    (tmp_path / "asked.csv").write_text("ligand;temperature [K];yield\nB;313,15;7\nA;393,15;\n", encoding="utf-8")
    said = hakken("predict", "heat", "asked.csv", "--out", "out.csv").out

    assert "it lies outside the space as the campaign file has it: temperature is 20 to 100 degC" in said
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert sorted(row["row"] for row in rows) == ["1", "2"]
    by_row = {row["row"]: row for row in rows}
    assert float(by_row["1"]["settings.temperature"]) == pytest.approx(40)
    assert float(by_row["1"]["predicted.yield.low"]) <= float(by_row["1"]["predicted.yield.mean"])
    assert "outside" in by_row["2"]["outside"]
    assert by_row["1"]["settings.temperature.unit"] == "degC"
    anew = json.loads(hakken("predict", "heat", "out.csv", "--json").out)["candidates"]
    assert [one["candidate"]["targets"][0]["mean"] for one in anew] == pytest.approx(
        [float(row["predicted.yield.mean"]) for row in rows]
    )
    assert hakken("predict", "heat", "asked.csv", "--out", "-").out == (tmp_path / "out.csv").read_text()
    again = hakken("predict", "heat", "asked.csv", "--out", "out.csv").err
    assert "out.csv is there already; name another file, or overwrite it (--overwrite)" in again


def test_thresholds_and_failures_have_chances(hakken: Any, tell_table: Any) -> None:
    target = {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100, "at_least": 60}}
    tell_table(spec(objective=target), ROWS)
    answer = json.loads(hakken("predict", "heat", "--json").out)["candidates"]

    keeps = {one["candidate"]["label"]: one["candidate"]["keeps"] for one in answer}
    assert keeps["A, temperature 80 degC"] > 0.9 > 0.1 > keeps["B, temperature 20 degC"]
    assert "to keep the thresholds" in hakken("predict", "heat", "--top", "1").out


def test_targets_by_classes_are_chances(hakken: Any, tell_table: Any) -> None:
    tell_table(
        spec(objective={"works": {"goal": "maximize", "classes": ["no", "yes"]}}),
        ROWS.replace("yield", "works").replace(",10\n", ",no\n").replace(",5\n", ",no\n").replace(",30\n", ",no\n")
        .replace(",50\n", ",yes\n").replace(",72\n", ",yes\n").replace(",41\n", ",yes\n"),
    )  # fmt: skip
    said = hakken("predict", "heat", "--top", "1").out

    assert "chance of works yes 0." in said


@pytest.mark.parametrize(
    ("arguments", "table", "says"),
    [
        (["--where", "ligand=C"], "", "parameter 'ligand' has no option 'C'"),
        (
            ["--where", "temperature=50"],
            "",
            "temperature = 50 is none of its values as the campaign file has it: 20,",
        ),
        (["--where", "temperature>100"], "", "no candidate meets temperature>100: temperature has 20, 40, 60, 80, 100"),
        (["asked.csv"], "ligand\nA\n", "line 2: parameter 'temperature' has no value: its column is missing"),
        (["asked.csv"], "ligand,temperature\nA,hot\nC,20\n", "line 2: column 'temperature' must hold a finite number"),
        (["asked.csv"], "ligand,temperature\n", "asked.csv has no rows; give a header line and one line for each"),
        (["asked.csv"], "ligand,temperature,yeild\nA,20,7\n", "column 'yeild' is unknown (did you mean 'yield'?)"),
        (["asked.csv"], 'ligand,temperature\n"A,20\n', "asked.csv is not a CSV file (unexpected end of data)"),
        (["asked.csv"], "ligand,temperature,ligand\nA,20,B\n", "line 1: column 'ligand' is given twice; rename or"),
        (["nowhere.csv"], "", "nowhere.csv cannot be read (No such file or directory); check the path"),
    ],
)
@pytest.mark.usefixtures("told")
def test_what_cannot_be_predicted_is_named(
    hakken: Any, tmp_path: Path, arguments: list[str], table: str, says: str
) -> None:
    (tmp_path / "asked.csv").write_text(table, encoding="utf-8")

    said = hakken("predict", "heat", *arguments)
    assert (said.code, says in said.err) == (REFUSED, True), said.err


@pytest.mark.usefixtures("told")
def test_what_is_none_of_the_steps_is_said_to_lie_outside(hakken: Any, tmp_path: Path) -> None:
    (tmp_path / "asked.csv").write_text("ligand,temperature\nA,45\nA,60\n", encoding="utf-8")
    said = hakken("predict", "heat", "asked.csv").out

    why = "outside the space as the campaign file has it: temperature has no value 45, next to it are 40 and 60 degC"
    assert said.count(why) == said.count("outside") == 1


@pytest.mark.usefixtures("told")
def test_what_is_banned_is_said_to_be_kept_out(hakken: Any) -> None:
    hakken("ban", "heat", "--where", "ligand=A", "--where", "temperature>=80", "--why", "it chars")
    said = hakken("predict", "heat", "--where", "ligand=A").out

    assert said.count("it is kept out by ban 1 (it chars): hakken lift heat 1\n") == 2  # at 80 and 100 degC


@pytest.mark.usefixtures("told")
def test_a_file_and_conditions_are_not_taken_together(hakken: Any) -> None:
    assert "a file names its candidates itself" in hakken("predict", "heat", "a.csv", "--where", "ligand=A").err


def test_of_candidates_that_cannot_be_listed_some_are_drawn(hakken: Any, tell_table: Any) -> None:
    many = {name: {"type": "number", "low": 1, "high": 100, "step": 1} for name in ("x", "y", "z", "w")}
    tell_table(spec(space=many), "x,y,z,w,yield\n1,1,1,1,5\n2,2,2,2,6\n3,3,3,3,9\n4,5,6,7,8\n")

    said = hakken("predict", "heat", "--where", "x<=50", "--where", "y>=50", "--json").json

    found = [one["candidate"]["settings"] for one in said["candidates"]]
    assert len(found) == 2_000
    assert all(one["x"] <= 50 <= one["y"] for one in found)
    assert said["notes"][0] == (
        "the candidates of heat cannot be listed, since it has 100,000,000 of them: these are 2,000 that meet that out "
        "of 20,000 drawn at random, and better ones may lie between them"
    )
    assert said == hakken("predict", "heat", "--where", "x<=50", "--where", "y>=50", "--json").json
    assert "  1. " in hakken("predict", "heat", *(f"--where={name}=7" for name in many)).out


@pytest.mark.usefixtures("told")
def test_of_more_than_are_predicted_at_once_some_are_drawn(hakken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.engine.looking.predicting.MOST", 4)

    said = hakken("predict", "heat", "--where", "temperature>20", "--json").json

    assert said["notes"][0] == "8 candidates meet that: these are 4 drawn at random; narrow it by --where"
    assert len({one["candidate"]["label"] for one in said["candidates"]}) == 4
    assert all(one["candidate"]["settings"]["temperature"] > 20 for one in said["candidates"])


def test_products_that_a_filter_leaves_out_are_no_candidates(
    hakken: Any, tell_table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loop.space.pool.FEW", 5)  # as where products are too many to be made beforehand
    acids = {"acetic": "CC(=O)O", "lauric": "CCCCCCCCCCCC(=O)O"}
    amines = {"methyl": "CN", "ethyl": "CCN", "hexyl": "CCCCCCN"}
    amide = {
        "type": "products",
        "reaction": "[C:1](=[O:2])[OX2H1].[NX3;H2:3]>>[C:1](=[O:2])[N:3]",
        "reagents": {"acid": {"options": acids}, "amine": {"options": amines}},
        "filters": {"properties": {"MolWt": {"at_most": 240}}},
    }
    told = "acetic,methyl,1\nacetic,ethyl,2\nlauric,methyl,5\n"
    tell_table(spec(space={"amide": amide}), f"amide.acid,amide.amine,yield\n{told}")

    said = hakken("predict", "heat", "--json").json

    assert {one["candidate"]["label"] for one in said["candidates"]} == {
        "acetic, methyl", "acetic, ethyl", "acetic, hexyl", "lauric, methyl", "lauric, ethyl",
    }  # fmt: skip
    assert "1 of 6 are left out by the filters of the file" in said["notes"]
    heavy = ("--where", "amide.acid=lauric", "--where", "amide.amine=hexyl")
    assert "properties.MolWt of 'amide' leaves it out" in hakken("predict", "heat", *heavy).err


def test_of_continuous_ones_those_drawn_have_few_digits_and_what_was_tried_is_among_them(
    hakken: Any, tell_table: Any
) -> None:
    space = {"t": {"type": "number", "low": 0, "high": 1}, "base": {"type": "category", "options": ["A", "B"]}}
    tell_table(spec(campaign="cold", space=space), "t,base,yield\n0.1234567,A,1\n0.2,B,3\n0.6,A,4\n2,A,9\n")

    said = hakken("predict", "cold", "--where", "base=A", "--where", "t<0.7", "--json").json

    found = [one["candidate"] for one in said["candidates"]]
    assert {one["settings"]["t"] for one in found if one["experiments"]} == {0.1234567, 0.6}
    assert all(one["settings"]["base"] == "A" and one["settings"]["t"] < 0.7 for one in found)
    assert all(one["settings"]["t"] == round(one["settings"]["t"], 3) for one in found if not one["experiments"])
    assert "since it has continuous numbers" in said["notes"][0]
    means = [one["targets"][0]["mean"] for one in found]
    assert means == sorted(means, reverse=True)
    assert "t 0.5" in hakken("predict", "cold", "--where", "t=0.5", "--where", "base=A").out
    assert "one value of each, or a range such as NAME=4..6" in hakken("predict", "cold", "--where", "t=0.5,0.6").err
    none = hakken("predict", "cold", "--where", "t=0.3000001..0.3000002").err
    assert "no candidate of 20,000 that were drawn meets t=0.3000001..0.3000002; loosen a condition" in none


def test_a_continuous_number_may_have_one_value_and_the_others_any(hakken: Any, tell_table: Any) -> None:
    space = {
        **{n: {"type": "number", "low": 0, "high": 1} for n in ("t", "u")},
        "base": {"type": "category", "options": ["A", "B"]},
    }
    apart = [{"expression": "t + u <= 1"}]
    rows = "0.5,0.2,A,1\n0.2,0.1234567,B,3\n0.6,0.3,A,4\n"
    tell_table(spec(campaign="cold", space=space, constraints=apart), f"t,u,base,yield\n{rows}")

    at_half = hakken("predict", "cold", "--where", "t=0.66667", "--json").json["candidates"]
    tried = hakken("predict", "cold", "--where", "u=0.1234567", "--where", "base=B", "--json").json["candidates"]
    both = hakken("predict", "cold", "--where", "t=0.5", "--where", "u=0.2", "--json").json

    settings = [one["candidate"]["settings"] for one in at_half]
    assert {s["t"] for s in settings} == {0.66667}
    assert {s["base"] for s in settings} == {"A", "B"}
    assert 0.3 < max(s["u"] for s in settings) <= 1 - 0.66667
    assert [one["candidate"]["settings"]["t"] for one in tried if one["candidate"]["experiments"]] == [0.2]
    assert sorted(one["candidate"]["settings"]["base"] for one in both["candidates"]) == ["A", "B"]
    assert not both["notes"]  # both are listed
    beyond = hakken("predict", "cold", "--where", "t=0.9", "--where", "u=0.2").err
    assert "no candidate meets t=0.9 and u=0.2 under the constraints of cold; loosen a condition" in beyond


def test_a_number_that_a_constraint_holds_is_asked_for_by_its_value(hakken: Any, tell_table: Any) -> None:
    space = {n: {"type": "number", "low": 0, "high": 100} for n in ("t", "humidity")}
    today = [{"name": "today", "sum": {"humidity": 1}, "equals": 45}]
    tell_table(spec(campaign="cold", space=space, constraints=today), "t,humidity,yield\n10,20,1\n20,60,3\n60,45,4\n")

    found = hakken("predict", "cold", "--where", "humidity=45", "--json").json["candidates"]

    assert found
    assert {one["candidate"]["settings"]["humidity"] for one in found} == {45.0}
    assert "humidity = 70 is none of its values" in hakken("predict", "cold", "--where", "humidity=70").err


def test_what_does_not_apply_and_parts_that_nothing_is_left_for_need_no_condition(hakken: Any, tell_table: Any) -> None:
    space = {
        "ligand": {"type": "category", "options": ["none at all", "L1"]},
        "load": {"type": "number", "low": 1, "high": 9, "when": {"ligand": ["L1"]}},
        "solvent": {"type": "mixture", "parts": ["water", "DMF", "MeCN"]},
    }
    rows = "none at all,,0.5,0.5,0,10\nL1,2,0.2,0.8,0,30\nL1,5,0.2,0,0.8,50\n"
    tell_table(spec(space=space), f"ligand,load,solvent.water,solvent.DMF,solvent.MeCN,yield\n{rows}")
    blend = ("--where", "solvent.water=0.25", "--where", "solvent.DMF=0.75")
    said = hakken("predict", "heat", "--where", "ligand=none at all", *blend).out
    assert "  1. none at all, solvent 0.25 water + 0.75 DMF\n" in said
    loads = hakken("predict", "heat", "--where", "ligand=L1", *blend, "--json").json["candidates"]
    assert {one["candidate"]["settings"]["solvent.DMF"] for one in loads} == {0.75}
    assert len({one["candidate"]["settings"]["load"] for one in loads}) > 100
    never = hakken("predict", "heat", "--where", "ligand=none at all", "--where", "load=2").err
    assert "load does not apply with ligand = none at all" in never
    assert hakken("pin", "heat", "--where", "ligand=none at all", *blend, "--why", "a blank").code == 0


def test_without_a_model_it_is_said_why(hakken: Any, tell_table: Any) -> None:
    tell_table(spec(), "ligand,temperature,yield\nA,20,10\n")
    assert "needs" in hakken("predict", "heat").err
    tell_table(spec(campaign="lots", planner={"surrogate": "random"}), ROWS)
    assert "the campaign uses no model (surrogate: random), so nothing is believed" in hakken("predict", "lots").err


def test_what_rests_on_sources_alone_is_said_to(hakken: Any, tell_table: Any) -> None:
    tell_table(spec(), "ligand,temperature,yield,outcome\nA,20,,fault\n")
    paper = [f"{ligand},{t},{10 + add + t / 2}\n" for ligand, add in (("A", 20), ("B", 0)) for t in range(20, 120, 20)]
    Path("paper.csv").write_text("ligand,temperature,yield\n" + "".join(paper))
    hakken("tell", "heat", "paper.csv", "--source", "Smith")

    alone = hakken("predict", "heat")
    Path("own.csv").write_text("ligand,temperature,yield\nA,40,50\n")
    hakken("tell", "heat", "own.csv")

    note = "note: yield was not measured yet: what is said of it is what the sources expect"
    assert note in alone.out, alone.err
    assert note not in hakken("predict", "heat").out


@pytest.mark.parametrize("words", [("predict", "heat"), ("explain", "heat"), ("best", "heat")], ids=" ".join)
def test_a_target_that_was_never_measured_is_named(hakken: Any, tell_table: Any, words: tuple[str, ...]) -> None:
    two = {"yield": spec()["objective"]["yield"], "ee": {"goal": "maximize", "unit": "%"}}
    tell_table(spec(objective=two), ROWS)

    said = hakken(*words)

    assert "surrogate 'gp' needs 2 observations of each target and has 0 of ee; run more experiments, or tell" in (
        said.err + said.out
    )


ALCOHOLS = {"methanol": "CO", "ethanol": "CCO", "butanol": "CCCCO", "hexanol": "CCCCCCO", "octanol": "CCCCCCCCO"}


@pytest.mark.parametrize(
    ("parameter", "rows"),
    [
        ({"type": "component", "options": ALCOHOLS}, "{0},{1}\n"),
        ({"type": "molecule", "options": ALCOHOLS}, "{0},{1}\n"),
    ],
)
def test_a_molecule_that_is_no_option_is_predicted_by_its_structure(
    tell_table: Any, hakken: Any, parameter: dict[str, Any], rows: str
) -> None:
    told = "".join(rows.format(name, 10.0 * smiles.count("C")) for name, smiles in ALCOHOLS.items())
    target = {"boils": {"goal": "maximize"}}
    tell_table(spec(space={"alcohol": parameter}, objective=target, planner={}), f"alcohol,boils\n{told}")
    Path("asked.csv").write_text("alcohol,alcohol_smiles\nCCCCCCCO,\nheavy,CCCCCCCCCCO\nethanol,\n")

    found = json.loads(hakken("predict", "heat", "asked.csv", "--json").out)["candidates"]
    Path("wrong.csv").write_text("alcohol\nCCCCCCCO\nnonsense\n")
    wrong = hakken("predict", "heat", "wrong.csv")
    hakken("predict", "heat", "asked.csv", "--out", "said.csv")
    again = json.loads(hakken("predict", "heat", "said.csv", "--json").out)["candidates"]

    by_row = {one["row"]: one for one in found}
    means = {row: one["candidate"]["targets"][0]["mean"] for row, one in by_row.items()}
    assert means[1] > means[3]  # heptanol is none of the five, and lies where its neighbours do
    assert by_row[1]["outside"] == "is none that the campaign chooses: 'CCCCCCCO' is no option of alcohol in its file"
    assert by_row[2]["candidate"]["settings"] == {"alcohol": "heavy"}
    assert by_row[3]["outside"] == ""
    assert wrong.code == REFUSED
    assert "line 3: parameter 'alcohol'" in " ".join(wrong.err.split())
    assert "by its SMILES: in its cell, or beside its name in a column alcohol_smiles" in wrong.err
    assert [one["candidate"]["label"] for one in again] == [one["candidate"]["label"] for one in found]
    assert [one["candidate"]["targets"][0]["mean"] for one in again] == pytest.approx(
        [one["candidate"]["targets"][0]["mean"] for one in found], rel=1e-6
    )
    assert hakken("status", "heat", "--json").json[0]["experiments_done"] == 0


def test_what_describes_itself_by_numbers_of_ones_own_has_only_its_options(tell_table: Any, hakken: Any) -> None:
    parameter = {"type": "component", "options": {"A": "CO", "B": "CCO"}, "descriptors": {"A": {"q": 1}, "B": {"q": 2}}}
    tell_table(spec(space={"alcohol": parameter}, planner={}), "alcohol,yield\nA,10\nB,50\n")
    Path("asked.csv").write_text("alcohol\nCCCO\n")

    said = hakken("predict", "heat", "asked.csv")

    assert said.code == REFUSED
    assert "parameter 'alcohol' has no option 'CCCO'" in " ".join(said.err.split())
    assert "SMILES" not in said.err


def test_a_table_of_molecules_is_predicted_as_it_is(tell_table: Any, hakken: Any) -> None:
    parameter = {"type": "molecule", "options": ALCOHOLS}
    told = "".join(f"{name},{10.0 * smiles.count('C')}\n" for name, smiles in ALCOHOLS.items())
    target = {"boils": {"goal": "maximize"}}
    tell_table(spec(space={"alcohol": parameter}, objective=target, planner={}), f"alcohol,boils\n{told}")
    Path("asked.csv").write_text("id,smiles,price\nA-1,CCCCCCCO,3\nA-2,CCO,4\n")
    Path("plain.csv").write_text("alcohol\nCCCCCCCO\nCCO\n")

    said, plain = (hakken("predict", "heat", f"{name}.csv", "--json").json for name in ("asked", "plain"))
    mistyped = Path("mistyped.csv")
    mistyped.write_text("alcohl,price\nethanol,3\n")
    refused = hakken("predict", "heat", "mistyped.csv")

    assert said["notes"] == ["columns passed over, which are none of the campaign's: id, price", *plain["notes"]]
    assert said["candidates"] == plain["candidates"]
    assert refused.code == REFUSED
    assert "column 'alcohl' is unknown (did you mean 'alcohol'?)" in refused.err


def test_what_is_written_has_the_structures_of_options_too_and_is_read_again(tell_table: Any, hakken: Any) -> None:
    ligand = {"type": "component", "options": {"A": "CCO", "B": "CCN"}}
    tell_table(spec(space={**spec()["space"], "ligand": ligand}), ROWS)

    hakken("predict", "heat", "--out", "out.csv")
    again = hakken("predict", "heat", "out.csv")

    rows = list(csv.DictReader(Path("out.csv").read_text().splitlines()))
    assert {(row["settings.ligand"], row["settings.ligand.smiles"]) for row in rows} == {("A", "CCO"), ("B", "CCN")}
    assert again.code == 0, again.err
