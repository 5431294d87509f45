"""A campaign that may use so much of something: by the command line, with faults, edits and a changed file."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """\
campaign: shelf
space:
  ligand: {type: category, options: [PPh3, XPhos, SPhos, RuPhos]}
  base: {type: category, options: [KOAc, K3PO4, CsOPiv]}
  volume: {type: number, values: [2, 5, 10], unit: mL}
objective: {yield: {goal: maximize, unit: "%", low: 0, high: 100}}
planner: {surrogate: gp, batch: 4, initial: {experiments: 4}}
budget: {experiments: 12, stock: {ligand: {XPhos: 2, PPh3: 3}, volume: 60}}
laboratory: {adapter: simulated, failures: {instrument_fault: 0.3}}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "shelf.yaml"
    path.write_text(CAMPAIGN)
    return path


def used(hakken: Any) -> tuple[Counter[str], float]:
    """Experiments with each ligand and mL, of results and of faults alike."""
    assert hakken("export", "shelf", "out.csv", "--overwrite").code == 0
    with Path("out.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    return Counter(row["settings.ligand"] for row in rows), sum(float(row["settings.volume"]) for row in rows)


def test_no_more_is_used_than_there_is(hakken: Any, home: Any, file: Path) -> None:
    assert "3 uses of PPh3" in hakken("validate", str(file)).out.replace("\n", " ")
    assert hakken("run", str(file)).code == 0

    ligands, volume = used(hakken)
    said = hakken("status", "shelf").out

    assert ligands["XPhos"] <= 2
    assert ligands["PPh3"] <= 3
    assert volume <= 60
    assert f"{ligands['PPh3']} of 3 uses of PPh3, {ligands['XPhos']} of 2 uses of XPhos, {volume:g} of 60 mL" in said
    assert hakken("report", "shelf").code == 0
    assert f"{ligands['XPhos']} of 2 uses of XPhos" in (home.home / "shelf/report.html").read_text(encoding="utf-8")
    assert "comes out again" in hakken("replay", "shelf", "2").out


def test_a_new_bottle_is_a_higher_number(hakken: Any, file: Path) -> None:
    file.write_text(CAMPAIGN.replace("XPhos: 2, PPh3: 3", "XPhos: 1, PPh3: 1, SPhos: 1, RuPhos: 1").replace("0.3", "0"))
    ended = hakken("run", str(file)).out

    assert "costs more than the budget leaves (0 uses of PPh3, 0 uses of RuPhos" in ended
    file.write_text(CAMPAIGN.replace("XPhos: 2, PPh3: 3", "XPhos: 4, PPh3: 1, SPhos: 1, RuPhos: 1").replace("0.3", "0"))
    assert hakken("run", str(file)).code == 0
    assert used(hakken)[0] == {"XPhos": 4, "PPh3": 1, "SPhos": 1, "RuPhos": 1}


def test_stocks_that_do_not_reach_the_budget_are_named_beforehand(hakken: Any, file: Path) -> None:
    file.write_text(CAMPAIGN.replace("XPhos: 2, PPh3: 3", "XPhos: 1, PPh3: 1, SPhos: 4, RuPhos: 1"))
    said = hakken("validate", str(file)).out

    assert "budget.stock has enough of ligand for 7 experiments, and the budget is 12: the campaign ends when" in said
    file.write_text(CAMPAIGN)  # of two ligands there is as much as is wanted
    assert "has enough of ligand" not in hakken("validate", str(file)).out


def test_an_edit_beyond_it_is_said_and_not_sent(hakken: Any, file: Path) -> None:
    text = CAMPAIGN.replace("0.3}", "0}, approval: person").replace("XPhos: 2, PPh3: 3", "XPhos: 1")
    file.write_text(text)
    assert hakken("run", str(file)).code == 0
    shown = hakken("show", "shelf", "1", "--json").json
    ligands = {p["number"]: p["proposal"]["draft"]["candidate"]["settings"]["ligand"] for p in shown["proposals"]}
    other = next(number for number, ligand in ligands.items() if ligand != "XPhos")

    edited = hakken("edit", "shelf", "1", str(other), "--set", "ligand=XPhos", "--why", "hope")

    assert "XPhos" in ligands.values()  # else the edit has room
    assert "cost 2 uses of XPhos" in edited.out
    assert "the budget is 1 use of XPhos" in edited.out
    assert hakken("approve", "shelf", "1").code == 0
    sent = hakken("tick", "shelf").out.replace("\n", " ")
    hakken("tick", "shelf")
    assert "was not sent yet and will not be: the budget leaves 0 uses of XPhos" in sent
    assert used(hakken)[0]["XPhos"] == 1
