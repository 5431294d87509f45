"""Interchangeable parameters: results, predictions and bans are understood in whichever order they are given."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from flows.settings import Settings

FILE = """
campaign: media
space:
  first: {type: component, options: {urea: "NC(N)=O", DMF: "CN(C)C=O", glycerol: "OCC(O)CO", none: null}}
  second: {type: component, options: {urea: "NC(N)=O", DMF: "CN(C)C=O", glycerol: "OCC(O)CO", none: null}}
  salt: {type: category, options: [NaCl, KCl]}
constraints:
  - {name: any order, interchangeable: [first, second], distinct: true}
objective: {yield: {goal: maximize, unit: "%"}}
budget: {experiments: 12}
laboratory: {adapter: manual}
planner: {batch: 3, surrogate: gp}
"""
ROWS = "first,second,salt,yield\nurea,DMF,NaCl,50\nDMF,urea,NaCl,52\nnone,glycerol,KCl,30\n"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Any) -> Any:
    monkeypatch.chdir(tmp_path)
    Path("media.yaml").write_text(FILE)
    Path("told.csv").write_text(ROWS)
    said = hakken("tell", "media.yaml", "told.csv")
    assert said.code == 0, said.err
    return hakken


def test_results_in_two_orders_are_replicates_of_one_candidate(told: Any) -> None:
    best = json.loads(told("best", "media", "--json").out)["best"]["candidates"]

    assert [one["settings"] for one in best] == [
        {"first": "DMF", "second": "urea", "salt": "NaCl"},
        {"first": "glycerol", "second": "none", "salt": "KCl"},
    ]


def test_predictions_are_asked_for_in_any_order(told: Any) -> None:
    Path("ask.csv").write_text("first,second,salt\nglycerol,urea,KCl\nurea,glycerol,KCl\n")

    one, other = (c["candidate"] for c in json.loads(told("predict", "media", "ask.csv", "--json").out)["candidates"])

    assert one == other
    assert one["settings"] == {"first": "glycerol", "second": "urea", "salt": "KCl"}


def test_a_ban_of_one_slot_is_one_of_each(told: Any) -> None:
    assert told("ban", "media", "--where", "first=urea", "--why", "ran out").code == 0

    planned = json.loads(told("run", "media.yaml", "--dry-run", "--json").out)["plan"]["proposals"]

    assert len(planned) == 3
    assert all("urea" not in p["candidate"]["settings"].values() for p in planned)


def test_what_is_taken_twice_is_named_where_it_is_told(told: Any) -> None:
    Path("twice.csv").write_text("first,second,salt,yield\nurea,urea,KCl,3\n")

    said = told("tell", "media.yaml", "twice.csv")

    assert said.code == 0
    assert "first urea, second urea, KCl breaks 'any order' of the campaign's constraints" in " ".join(said.out.split())


def test_results_that_were_told_before_it_was_said_count_in_order_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [line for line in FILE.splitlines() if "any order" not in line and line != "constraints:"]
    Path("media.yaml").write_text("\n".join(lines))
    Path("told.csv").write_text(ROWS)
    assert hakken("tell", "media.yaml", "told.csv").code == 0
    before = json.loads(hakken("best", "media", "--json").out)["best"]["candidates"]
    Path("media.yaml").write_text(FILE)

    said = hakken("run", "media.yaml")

    assert said.code == 0, said.err
    after = json.loads(hakken("best", "media", "--json").out)["best"]["candidates"]
    assert (len(before), len(after)) == (3, 2)


def test_a_worksheet_with_the_slots_exchanged_says_nothing_of_a_deviation(told: Any, home: Settings) -> None:
    assert told("run", "media.yaml").code == 0
    sheet = home.home / "media" / "laboratory" / "worksheet.csv"
    header, *rows = csv.reader(sheet.read_text(encoding="utf-8-sig").splitlines())
    first, second, salt, value = (header.index(name) for name in ("first", "second", "salt", "yield [%]"))
    planned = [list(row) for row in rows]
    for row in rows:
        row[first], row[second], row[value] = row[second], row[first], "44"
    rows[0][salt] = "KCl" if planned[0][salt] == "NaCl" else "NaCl"
    with sheet.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])

    said = " ".join(told("run", "media.yaml").out.split())

    assert said.count("(really") == 1
    assert f"(really salt {rows[0][salt]})" in said
    assert json.loads(told("status", "media", "--json").out)[0]["experiments_done"] == 3
