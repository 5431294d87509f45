"""An experiment told as cancelled ends on record; whoever carries it out does not hear of that, and a note says so."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from flows.engine import tell, tick
from flows.engine.looking.reports import TellReport
from flows.settings import Settings
from flows.wiring import open_record
from tests.flows.engine.bench import add, cheap_planner


def told(
    settings: Settings, folder: Path, laboratory: dict[str, Any], outcome: str, n: int = 1, head: str = "", **more: Any
) -> TellReport:
    tick(settings, add(settings, folder, laboratory=laboratory, **more), planner=cheap_planner)
    with open_record(settings) as ledger:
        keys = [a.key for a in ledger.attempts("small")]
    path = folder / "ended.csv"
    path.write_text(f"key,outcome{head}\n" + "".join(f"{key},{outcome}\n" for key in keys[:n]), encoding="utf-8")
    return tell(settings, "small", path, by="tester")


SLOW = {"adapter": "simulated", "delay": 3600}


@pytest.mark.parametrize(("n", "says"), [(1, "1 experiment is cancelled on record"), (2, "2 experiments are")])
def test_it_is_said_that_the_laboratory_may_still_carry_it_out(
    settings: Settings, tmp_path: Path, n: int, says: str
) -> None:
    report = told(settings, tmp_path, SLOW, "cancelled", n)

    (note,) = report.notes
    assert report.accepted == n
    assert note.startswith(says)
    assert "the laboratory was not asked to call" in note
    assert "stop it there" in note or "stop them there" in note


@pytest.mark.parametrize(
    ("laboratory", "outcome"), [(SLOW, "cannot"), ({"adapter": "manual"}, "cancelled")], ids=["done", "by_hand"]
)
def test_of_what_was_done_and_of_ones_own_hands_nothing_is_said(
    settings: Settings, tmp_path: Path, laboratory: dict[str, Any], outcome: str
) -> None:
    assert told(settings, tmp_path, laboratory, outcome).notes == ()


@pytest.mark.parametrize(("head", "outcome", "is_said"), [("", "cancelled", True), (",cost", "cancelled,0", False)])
def test_of_what_was_not_bought_it_is_said_that_it_counts_as_paid(
    settings: Settings, tmp_path: Path, head: str, outcome: str, is_said: bool
) -> None:
    bought = {"costs": {"unit": "EUR", "experiment": 30}, "budget": {"cost": 900}}
    notes = told(settings, tmp_path, {"adapter": "manual"}, outcome, 2, head, **bought).notes

    assert bool(notes) == is_said
    for note in notes:
        assert note.startswith("2 experiments that are cancelled count in budget.cost with what costs declares")
        assert "in a column 'cost' (0 for nothing)" in note


@pytest.mark.parametrize(("cost", "is_said"), [(None, True), ("0", False)])
def test_so_it_is_said_of_rows_of_a_worksheet(
    settings: Settings, tmp_path: Path, cost: str | None, is_said: bool
) -> None:
    bought = {"costs": {"unit": "EUR", "experiment": 30}, "budget": {"cost": 900}}
    add(settings, tmp_path, laboratory={"adapter": "manual"}, **bought)
    tick(settings, "small", planner=cheap_planner)
    sheet = settings.folder("small") / "laboratory" / "worksheet.csv"
    head, *rows = list(csv.reader(sheet.read_text("utf-8-sig").splitlines()))
    rows[0][head.index("outcome")] = "cancelled"
    more = [["cost"], [cost], *[[""]] * (len(rows) - 1)] if cost is not None else [[]] * (len(rows) + 1)
    lines = [[*row, *cell] for row, cell in zip([head, *rows], more, strict=True)]
    sheet.write_text("\n".join(",".join(line) for line in lines) + "\n", encoding="utf-8")

    notes = [n for n in tick(settings, "small", planner=cheap_planner).notes if "counts in budget.cost" in n]
    again = [n for n in tick(settings, "small", planner=cheap_planner).notes if "counts in budget.cost" in n]

    assert [n.startswith("1 experiment that is cancelled counts in budget.cost") for n in notes] == [True] * is_said
    assert again == []
