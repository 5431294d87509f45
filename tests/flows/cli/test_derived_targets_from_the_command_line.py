"""Derived targets on the command line: told of what is measured alone, and shown with what follows."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """\
campaign: rate
space:
  base: {type: category, options: [KOAc, K3PO4, Et3N]}
  time: {type: number, values: [1, 2, 4, 8], unit: h}
objective:
  yield: {goal: keep, unit: "%", low: 0, high: 100}
derived:
  rate: {expression: yield / time, goal: maximize, unit: "%/h"}
planner: {batch: 2, initial: {experiments: 4}}
budget: {experiments: 20}
laboratory: {adapter: manual}
"""
RESULTS = "base,time,yield\nKOAc,1,12\nKOAc,8,64\nK3PO4,4,80\nEt3N,2,10\nEt3N,8,33\nK3PO4,8,< 5\n"


@pytest.fixture
def told(hakken: Any, tmp_path: Path, monkeypatch: Any) -> Any:
    monkeypatch.chdir(tmp_path)
    Path("rate.yaml").write_text(CAMPAIGN)
    Path("results.csv").write_text(RESULTS)
    assert "6 results accepted" in hakken("tell", "rate.yaml", "results.csv").out
    assert hakken("run", "rate.yaml").code == 0
    return hakken


def test_what_follows_stands_beside_what_was_measured(told: Any) -> None:
    validated, shown, best = told("validate", "rate.yaml"), told("show", "rate"), told("best", "rate")

    assert "measure yield [%], maximize rate [%/h] = yield / time" in validated.out
    assert "predicted rate" in shown.out
    assert "(derived)" in shown.out
    assert "yield 80 %; rate 20 %/h" in best.out
    assert "highest rate" in told("run", "rate.yaml").out
    assert told("predict", "rate", "--where", "base=KOAc").code == 0
    assert "rate: " in told("explain", "rate").out
    assert "comes out again" in told("replay", "rate", "1").out


def test_an_export_has_it_and_is_told_again(told: Any) -> None:
    told("export", "rate", "out.csv")

    rows = list(csv.DictReader(Path("out.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert [row["derived.rate"] for row in rows] == ["12.0", "8.0", "20.0", "5.0", "4.125", "0.625"]
    assert [row["derived.rate.qualifier"] for row in rows] == [*["="] * 5, "<"]
    assert rows[0]["derived.rate.unit"] == "%/h"
    assert "6 rows passed over: results of this very campaign" in told("tell", "rate", "out.csv").out


def test_what_is_told_of_it_is_kept_and_counts_for_nothing(told: Any) -> None:
    Path("more.csv").write_text("base,time,yield,rate [%/h]\nEt3N,1,5,7\n")
    Path("alone.csv").write_text("base,time,rate\nEt3N,2,7\n")

    said, alone = told("tell", "rate", "more.csv"), told("tell", "rate", "alone.csv")
    told("export", "rate", "out.csv")

    rows = list(csv.DictReader(Path("out.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert "1 result accepted" in said.out, said.err
    assert "note: 'rate' is derived, and worked out from what is measured: what was told of it counts for nothing" in (
        " ".join(said.out.split())
    )
    assert [(row["derived.rate"], row["context.rate"]) for row in rows if row["context.rate"]] == [("5.0", "7")]
    assert "no value for 'yield', and no outcome" in alone.err


def test_a_row_of_a_worksheet_that_has_nothing_else_is_said_to_wait_for_what_is_measured(told: Any) -> None:
    sheet = Path("runs/rate/laboratory/worksheet.csv")
    header, *rows = sheet.read_text(encoding="utf-8-sig").splitlines()
    sheet.write_text("\n".join([f"{header},rate [%/h]", f"{rows[0]},9.5", *(f"{row}," for row in rows[1:])]) + "\n")

    said = " ".join(told("run", "rate.yaml").out.split())

    assert "has 9.5 under 'rate [%/h]' on worksheet.csv, which is worked out and counts for nothing" in said
    assert "and nothing of yield yet: fill that in" in said


def test_a_column_of_it_on_a_worksheet_is_said_to_count_for_nothing(told: Any) -> None:
    sheet = Path("runs/rate/laboratory/worksheet.csv")
    header, *rows = sheet.read_text(encoding="utf-8-sig").splitlines()
    wanted = header.split(",").index("yield [%]")
    cells = [[*row.split(","), "9.5"] for row in rows]
    for row in cells:
        row[wanted] = "40"
    sheet.write_text("\n".join([f"{header},rate [%/h]", *map(",".join, cells)]) + "\n")

    said = told("run", "rate.yaml")

    assert "2 came back" in said.out
    assert said.out.count("'rate' is derived, and worked out from what is measured: what was told of it counts") == 1


def test_what_others_say_of_it_is_kept_and_said_to_teach_nothing(told: Any) -> None:
    Path("smith.csv").write_text("base,time,yield,rate\nEt3N,1,5,5\n")
    Path("jones.csv").write_text("base,time,rate\nEt3N,1,5\n")

    smith = told("tell", "rate", "smith.csv", "--source", "Smith")
    jones = told("tell", "rate", "jones.csv", "--source", "Jones")

    assert "1 result accepted" in smith.out
    for said in (smith.out, jones.err):
        assert "rate is derived, and worked out from yield: its column is only kept, and nothing is learnt from" in said
    assert jones.code == 2


def test_the_page_has_it(told: Any) -> None:
    said = told("report", "rate").out

    page = Path(said.splitlines()[0].removeprefix("wrote ")).read_text()
    assert "rate / %/h" in page


def test_another_formula_counts_from_then_on(told: Any) -> None:
    Path("rate.yaml").write_text(CAMPAIGN.replace("yield / time", "yield / (time + 10)"))

    assert told("run", "rate.yaml").code == 0
    assert "rate 5.714 %/h" in told("best", "rate").out  # 80 / 14
    assert "when round 1 was planned, before derived changed" in told("status", "rate").out


def test_what_is_measured_later_joins_what_is_on_record_and_nothing_else(told: Any) -> None:
    with_purity = "high: 100}\n  purity: {goal: keep, at_least: 10}\nderived"
    Path("rate.yaml").write_text(CAMPAIGN.replace("high: 100}\nderived", with_purity))
    assert told("run", "rate.yaml").code == 0
    told("export", "rate", "before.csv")
    head, first, *_ = Path("before.csv").read_text(encoding="utf-8-sig").splitlines()
    Path("later.csv").write_text(f"{head},purity\n{first},40\n")

    assert "1 result accepted" in told("tell", "rate", "later.csv").out

    told("export", "rate", "after.csv")
    rows = list(csv.DictReader(Path("after.csv").read_text(encoding="utf-8-sig").splitlines()))
    whole = [row for row in rows if row["results.purity.value"]]
    assert [(row["results.yield.value"], row["derived.rate"]) for row in whole] == [("12.0", "12.0")]
    assert not [name for name in rows[0] if name.startswith("results.rate")]
    assert "measured 1 time: purity 40; yield 12 %; rate 12 %/h" in told("best", "rate").out


def test_a_laboratory_measures_the_parts_alone(hakken: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("surface.py").write_text("def evaluate(settings):\n    return {'yield': 5.0 * settings['time']}\n")
    callable_ = "{adapter: callable, function: surface:evaluate, properties: {yield: '%'}}"
    Path("rate.yaml").write_text(CAMPAIGN.replace("{adapter: manual}", callable_))

    validated = hakken("validate", "rate.yaml")

    assert validated.code == 0, validated.err
    assert "can be used" in validated.out


@pytest.mark.parametrize(
    ("time", "derived", "said"),
    [
        (
            "{type: number, values: [0, 1, 2], unit: h}",
            "{expression: yield / time, goal: maximize}",
            "rate: 'yield / time' has no value in about 33 % of the space, such as time 0, whatever is measured",
        ),
        (
            "{type: number, low: 0, high: 2, unit: h}",
            "{expression: yield / time, goal: maximize}",
            "rate: 'yield / time' has no value in places, such as time 0, whatever is measured",
        ),
        (
            "{type: number, values: [0, 1, 2], unit: h}",
            "{expression: yield * time, goal: maximize, scale: log}",
            "has no value above 0, as its logarithmic scale asks for, in about 33 % of the space, such as time 0",
        ),
        ("{type: number, values: [1, 2], unit: h}", "{expression: yield / time, goal: maximize, scale: log}", ""),
    ],
)
def test_where_a_formula_has_no_value_is_said(
    hakken: Any, tmp_path: Path, monkeypatch: Any, time: str, derived: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [f"  time: {time}" if line.startswith("  time") else line for line in CAMPAIGN.splitlines()]
    lines = [f"  rate: {derived}" if line.startswith("  rate") else line for line in lines]
    Path("rate.yaml").write_text("\n".join(lines) + "\n")

    found = " ".join(hakken("validate", "rate.yaml").out.split())

    assert said in found if said else "has no value" not in found


def test_what_another_formula_foretold_is_held_against_nothing(hakken: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    campaign = CAMPAIGN.replace("adapter: manual", "adapter: simulated").replace("experiments: 20", "experiments: 8")
    Path("rate.yaml").write_text(campaign)
    assert hakken("run", "rate.yaml").code == 0
    changed = campaign.replace("yield / time", "yield / time * 1000").replace("experiments: 8", "experiments: 12")
    Path("rate.yaml").write_text(changed)
    assert hakken("run", "rate.yaml").code == 0

    first, last = (json.loads(hakken("show", "rate", n, "--json").out)["round"]["model"]["regret"] for n in ("4", "5"))

    shown = hakken("show", "rate", "3").out
    assert "rate was 'yield / time' when this round was planned, by which its results are shown here too" in shown
    found = [float(v) for v in re.findall(r", rate ([\d.]+) %/h", shown)]
    assert found
    assert max(found) <= 100.0  # by the formula of what was predicted beside it
    assert "when this round was planned, by" not in hakken("show", "rate", "4").out
    assert first["widened"]["rate"] < 10.0  # not as if results were a thousand times better than foretold
    assert (first["checked"], last["checked"]) == (0, 2)
    assert "comes out again" in hakken("replay", "rate", "5").out
    hakken("report", "rate", "--out", "page.html")
    assert "4 predictions: too few to judge" in Path("page.html").read_text()


def test_hits_by_another_formula_were_expected_of_nothing(hakken: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    campaign = CAMPAIGN.replace("adapter: manual", "adapter: simulated").replace("experiments: 20", "experiments: 8")
    campaign = campaign.replace("{batch: 2,", "{batch: 2, acquisition: hits,").replace('unit: "%/h"', "at_least: 20")
    Path("rate.yaml").write_text(campaign)
    assert hakken("run", "rate.yaml").code == 0
    assert "of the model's choices" in hakken("status", "rate").out
    changed = campaign.replace("yield / time", "yield / time * 1000").replace("experiments: 8", "experiments: 9")
    Path("rate.yaml").write_text(changed)
    assert hakken("tick", "rate.yaml").code == 0

    before = [r for r in json.loads(hakken("status", "rate", "--json").out)[0]["hits"]["rounds"] if r["number"] < 4]

    assert before == []


def test_a_table_plays_it(hakken: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    bases = ("KOAc", "K3PO4", "Et3N")
    rows = [f"{base},{time},{5 * time + i}" for i, base in enumerate(bases) for time in (1, 2, 4, 8)]
    Path("table.csv").write_text("\n".join(["base,time,yield", *rows]) + "\n")
    emulated = CAMPAIGN.replace("{adapter: manual}", "{adapter: emulator, table: table.csv}")
    Path("rate.yaml").write_text(emulated.replace("experiments: 20", "experiments: 8"))

    looked_up = hakken("rehearse", "rate.yaml", "--plays", "2")
    told = hakken("rehearse", "rate.yaml", "--plays", "2", "--table", "table.csv")

    for played in (looked_up, told):
        assert played.code == 0, played.err
        (last,) = [line.split() for line in played.out.splitlines() if line.split()[:2] == ["8", "experiments"]]
        assert 5.0 < float(last[2]) <= 7.0  # the best is Et3N in an hour


@pytest.mark.parametrize("rows", [5, 1])
def test_what_follows_from_exact_values_alone_is_exact(hakken: Any, tell_table: Any, rows: int) -> None:
    share = {"goal": "keep", "unit": "%", "exact": True}
    spec = {
        "campaign": "ratio",
        "space": {"t": {"type": "number", "values": [20, 40, 60, 80, 100], "unit": "degC"}},
        "objective": {"a": share, "b": share},
        "derived": {"ratio": {"expression": "a / b", "goal": "maximize"}},
        "planner": {"surrogate": "gp"},
        "budget": {"experiments": 9},
        "laboratory": {"adapter": "manual"},
    }
    table = ["t,a,b", "80,55,21", "60,45,20", "100,5,10", "20,65,31", "40,15,11"]
    tell_table(spec, "\n".join(table[: 1 + rows]) + "\n")

    best = hakken("best", "ratio").out

    assert "a 55 % (exact); b 21 % (exact); ratio 2.619 (exact)\n" in best
    if rows > 1:
        against = hakken("compare", "ratio", "--to", "t=60").out
        assert re.search(r"ratio: 2\.6\S* against 2\.2\S*: \+0\.\S+( \(|$)", against, re.MULTILINE)
        assert not re.search(r"interval (\S+) to \1\b", against)
