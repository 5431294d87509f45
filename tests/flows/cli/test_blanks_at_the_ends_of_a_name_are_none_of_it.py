"""Options with blanks at their ends, as other programs label them: tables keep none, and tell the same options."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import yaml

SPEC = {
    "campaign": "c",
    "space": {
        "base": {"type": "category", "options": ["KOH ", " NaH"]},
        "solvent": {"type": "component", "options": {"ether ": "CCOCC", " water": "O"}},
        "pace": {"type": "ordinal", "options": ["slow ", "fast"]},
    },
    "objective": {"yield": {"goal": "maximize", "unit": "%"}},
    "planner": {"surrogate": "random", "batch": 4},
    "budget": {"experiments": 20},
    "laboratory": {"adapter": "manual"},
}


def test_a_told_name_is_the_option_of_the_file(tell_table: Any, hakken: Any) -> None:
    tell_table(SPEC, "base,solvent,pace,yield\nKOH,ether,slow,20\nNaH,water,fast,40\n")

    best = hakken("best", "c", "--json").json["best"]

    assert [c["settings"] for c in best["candidates"]] == [
        {"base": " NaH", "solvent": " water", "pace": "fast"},
        {"base": "KOH ", "solvent": "ether ", "pace": "slow "},
    ]


def test_what_was_exported_is_told_to_another_campaign(tell_table: Any, hakken: Any) -> None:
    tell_table(SPEC, "base,solvent,pace,yield\nKOH,ether,slow,20\nNaH,water,fast,40\n")
    assert hakken("export", "c", "out.csv").code == 0

    Path("other.yaml").write_text(yaml.safe_dump(SPEC | {"campaign": "other"}))

    assert hakken("tell", "other.yaml", "out.csv", "--json").json["accepted"] == 2


def test_a_worksheet_says_that_what_was_planned_was_done(tell_table: Any, hakken: Any) -> None:
    tell_table(SPEC, "base,solvent,pace,yield\nKOH,ether,slow,20\n")
    assert hakken("run", "c").code == 0
    sheet = next(Path().rglob("worksheet.csv"))
    header, *rows = list(csv.reader(sheet.read_text(encoding="utf-8-sig").splitlines()))
    place = header.index("yield [%]")
    done = [[cell.strip() for cell in [*row[:place], "50", *row[place + 1 :]]] for row in rows]
    with sheet.open("w", encoding="utf-8-sig", newline="") as out:
        csv.writer(out).writerows([header, *done])

    hakken("run", "c")

    shown = hakken("show", "c", "1").out
    assert shown.count("yield 50 %") == len(rows)
    assert "really" not in shown


def test_options_that_differ_in_blanks_at_their_ends_are_one(
    tmp_path: Any, hakken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text(
        'campaign: c\nspace: {base: {type: category, options: [KOH, "KOH "]}}\n'
        "objective: {yield: {goal: maximize}}\nlaboratory: {adapter: simulated}\nbudget: {experiments: 9}\n"
    )

    said = hakken("validate", "c.yaml")

    assert said.code == 2
    assert "option 'KOH ' is given twice" in said.err
