"""``export --waiting`` writes the experiments without a result as a table that ``tell`` takes when it is filled in."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import yaml

from flows.settings import Settings
from flows.wiring import open_record
from loop.values import values_of

SPEC: dict[str, Any] = {
    "campaign": "todo",
    "space": {
        "ligand": {"type": "component", "options": {"PPh3": "c1ccc(P(c2ccccc2)c2ccccc2)cc1", "none": None}},
        "T": {"type": "number", "low": 20, "high": 100, "step": 10, "unit": "degC"},
        "blend": {"type": "mixture", "parts": ["water", "MeCN"]},
        "humidity": {"type": "context", "unit": "%"},
    },
    "objective": {"yield": {"goal": "maximize", "unit": "%"}, "purity": {"goal": "maximize"}},
    "planner": {"surrogate": "random", "batch": 3, "initial": {"experiments": 3}},
    "budget": {"experiments": 6},
    "laboratory": {"adapter": "manual"},
}


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("todo.yaml").write_text(yaml.safe_dump(SPEC, sort_keys=False))
    hakken("run", "todo.yaml")


@pytest.mark.usefixtures("waiting")
def test_a_workbook_is_filled_in_and_told(hakken: Any, home: Settings) -> None:
    said = hakken("export", "todo", "todo.xlsx", "--waiting")
    book = openpyxl.load_workbook("todo.xlsx")
    head = [cell.value for cell in book.active[1]]
    for n, row in enumerate(book.active.iter_rows(min_row=2)):
        cells = dict(zip(head, row, strict=True))
        cells["yield [%]"].value, cells["purity"].value, cells["humidity [%]"].value = 10.5 * (n + 1), 0.9, 40
    book.save("todo.xlsx")

    told = hakken("tell", "todo", "todo.xlsx")
    again = hakken("tell", "todo", "todo.xlsx")

    assert "wrote 3 experiments without a result to todo.xlsx" in said.out
    assert "next: fill in its empty cells; hakken tell todo todo.xlsx" in said.out
    assert {"key", "run_order", "ligand", "T [degC]", "blend.water", "blend.MeCN", "yield sd", "outcome"} <= {*head}
    assert "3 results accepted" in told.out, told.err
    assert "0 results accepted" in again.out
    with open_record(home) as ledger:
        seen = ledger.observations("todo")
    assert sorted(values_of(o.outcome)["yield"] for o in seen) == [10.5, 21.0, 31.5]
    assert all(o.key is not None and o.settings for o in seen)
    assert hakken("status", "todo", "--json").json[0]["experiments_done"] == 3
    assert "no experiment of 'todo' waits for its result" in hakken("export", "todo", "t.csv", "--waiting").err


@pytest.mark.usefixtures("waiting")
def test_only_what_is_left_is_written_and_nothing_over_it(hakken: Any) -> None:
    hakken("export", "todo", "todo.csv", "--waiting")
    rows = list(csv.DictReader(Path("todo.csv").read_text(encoding="utf-8-sig").splitlines()))
    rows[0] |= {"yield [%]": "5", "purity": "1"}
    with Path("todo.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)

    told = hakken("tell", "todo", "todo.csv")
    left = hakken("export", "todo", "left.csv", "--waiting", "--json").json

    assert "1 result accepted" in told.out, told.err
    assert left["rows"] == 2
    assert "overwrite" in hakken("export", "todo", "left.csv", "--waiting").err
    assert "is a .csv or .xlsx file" in " ".join(hakken("export", "todo", "left.parquet", "--waiting").err.split())


def test_a_batch_that_waits_for_a_person_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Any) -> None:
    monkeypatch.chdir(tmp_path)
    asked = {**SPEC, "laboratory": {"adapter": "manual", "approval": "person"}}
    Path("todo.yaml").write_text(yaml.safe_dump(asked, sort_keys=False))
    hakken("run", "todo.yaml")

    said = hakken("export", "todo", "todo.csv", "--waiting")

    assert said.code == 2
    assert "the last batch of 'todo' waits for a person: hakken approve todo decides on it" in " ".join(
        said.err.split()
    )
    assert not Path("todo.csv").exists()


def test_what_runs_is_written_also_while_the_rest_waits_for_a_person_and_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = {**SPEC, "laboratory": {"adapter": "manual", "approval": "person"}}
    Path("todo.yaml").write_text(yaml.safe_dump(asked, sort_keys=False))
    hakken("run", "todo.yaml")
    hakken("approve", "todo", 1, 2)
    hakken("run", "todo")

    beside = hakken("export", "todo", "beside.csv", "--waiting")
    hakken("stop", "todo", "--why", "the hood is cleaned")
    stopped = hakken("export", "todo", "stopped.csv", "--waiting")

    assert (beside.code, stopped.code) == (0, 0), beside.err + stopped.err
    for name in ("beside.csv", "stopped.csv"):
        (row,) = csv.DictReader(Path(name).read_text(encoding="utf-8-sig").splitlines())
        assert row["run_order"] == "2"
