"""What ``transfer.py`` asks of a source, with made-up runs and one small campaign of a few rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transfer
from problems import Problem
from transfer import PAIRS, WAYS, campaign, is_dropped, renamed

from loop.memory.earlier import Earlier

OPTIONS = {"base": ["A", "B", "C"], "solvent": ["W", "X", "Y", "Z"]}
ROWS = tuple({"base": b, "solvent": s} for b in OPTIONS["base"] for s in OPTIONS["solvent"])
SPEC: dict[str, Any] = {
    "campaign": "tiny",
    "space": {name: {"type": "category", "options": options} for name, options in OPTIONS.items()},
    "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
    "budget": {"experiments": 50},
    "laboratory": {"adapter": "emulator"},
}
PROBLEM = Problem("tiny", SPEC, ROWS, tuple(np.array([[float(8 * i)]]) for i in range(len(ROWS))))


def test_another_chemistry_has_the_options_of_each_parameter_in_another_order() -> None:
    there = [renamed(PROBLEM, row, seed=2) for row in ROWS]

    assert sorted(map(str, there)) == sorted(map(str, ROWS))  # each row once
    assert there != list(ROWS)
    for name in OPTIONS:  # an option is renamed alike in every row
        assert len({(row[name], new[name]) for row, new in zip(ROWS, there, strict=True)}) == len(OPTIONS[name])


def test_an_earlier_campaign_is_heard_in_the_first_batch_and_told_of() -> None:
    before = [{"settings": dict(r), "values": {"yield": 8.0 * i}, "failed": False} for i, r in enumerate(ROWS)]
    source = Earlier("before", PROBLEM.planner_spec(), transfer.history_of(PROBLEM, before))

    done, told = campaign(PROBLEM, 0, 5, (source,))

    assert len(done) == 5
    assert max(o["values"]["yield"] for o in done) == 88.0
    assert told[0]["source"] == "before"
    assert not is_dropped({"earlier_told": told}, "earlier")


def test_a_source_that_was_never_heard_is_dropped() -> None:
    assert is_dropped({"unrelated_told": None}, "unrelated")
    assert is_dropped({"unrelated_told": [{"dropped": True}]}, "unrelated")
    assert not is_dropped({"unrelated_told": [{"dropped": False}]}, "unrelated")


@pytest.mark.parametrize(("help", "status"), [(0.1, 0), (0.01, 1), (-0.1, 1)])
def test_the_marks_are_of_every_direction(
    help: float, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_jobs(_: Any, jobs: list[Any], __: int) -> list[Any]:
        found = []
        for pair, seed, _data in jobs:
            luck = np.repeat(np.random.default_rng(seed).normal(0.7, 0.01, 10), transfer.BATCH)
            shift = dict(zip(WAYS, (0.0, help, 0.0, -0.02), strict=True))
            runs = {way: (luck + shift[way]).tolist() for way in WAYS}
            found.append({"pair": pair, "seed": seed, **runs, **{f"{way}_told": None for way in WAYS}})
        return found

    monkeypatch.setattr(transfer, "run_jobs", run_jobs)
    page, rows = tmp_path / "curves.html", tmp_path / "curves.csv"
    asked = ["transfer.py", "--data", str(tmp_path), "--runs", "3", "--page", str(page), "--csv", str(rows)]
    monkeypatch.setattr(sys, "argv", asked)

    assert transfer.main() == status
    assert page.read_text(encoding="utf-8").count("<svg") == len(PAIRS)
    assert len(rows.read_text(encoding="utf-8").splitlines()) == 1 + len(PAIRS) * len(WAYS) * 3 * transfer.LATE
    assert capsys.readouterr().out.count("unrelated  ") == len(PAIRS)
