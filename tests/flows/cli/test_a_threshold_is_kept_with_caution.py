"""Caution from the command line: what is lacking is said, results that are told let it begin, and reasons say it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FILE = """
campaign: sealed
space:
  base: {type: category, options: [A, B]}
  temperature: {type: number, low: 20, high: 120, step: 5, unit: degC}
objective:
  yield: {goal: maximize, unit: "%"}
  pressure: {goal: keep, at_most: 5, unit: bar, cautious: 0.95}
planner: {batch: 2, surrogate: gp}
budget: {experiments: 8}
laboratory: {adapter: manual}
"""
FIRST = "{batch: 2, surrogate: gp, initial: {first: [{base: A, temperature: 30}, {base: B, temperature: 40}]}}"
KNOWN = "base,temperature,yield,pressure\nA,30,18,0.5\nB,40,28,1.1\nA,50,30,1.5\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sealed.yaml"
    path.write_text(FILE)
    return path


def test_without_anything_known_it_is_refused_and_results_let_it_begin(
    hakken: Callable[..., Any], file: Path, tmp_path: Path
) -> None:
    (tmp_path / "known.csv").write_text(KNOWN)

    refused = hakken("run", file)
    again = hakken("tick", "sealed")
    state = hakken("status", "sealed", "--json").json[0]["state"]
    step = hakken("status", "sealed").out.replace("\n", " ")
    told = hakken("tell", file, tmp_path / "known.csv")
    began = hakken("run", file)

    assert (refused.code, again.code) == (2, 2)
    assert "nothing is known yet to keep pressure at most 5 bar, which is cautious" in refused.err
    assert state == "active"  # not ended: what is told lets it go on
    assert "Nothing is known yet to keep what pressure asks for, which is cautious: hakken tell sealed FILE" in step
    assert (told.code, began.code) == (0, 0)
    assert "Nothing is known yet" not in hakken("status", "sealed").out
    assert "with caution, pressure is kept with a chance of" in hakken("show", "sealed").out.replace("\n", " ")


def test_results_that_lack_what_is_cautious_let_nothing_begin_and_the_next_step_says_so(
    hakken: Callable[..., Any], file: Path, tmp_path: Path
) -> None:
    table = tmp_path / "yields.csv"
    table.write_text("base,temperature,yield,pressure\nA,30,18,0.5\nB,40,28,\nA,50,30,\n")
    hakken("run", file)

    told = hakken("tell", file, table)
    step = hakken("status", "sealed").out.replace("\n", " ")
    went_on = hakken("tick", "sealed")

    assert told.code == 0
    assert "Nothing is known yet to keep what pressure asks for, which is cautious: hakken tell sealed FILE" in step
    assert went_on.code == 2
    assert "nothing is known yet to keep pressure at most 5 bar" in went_on.err


def test_what_comes_first_is_said_run_and_planned_again_the_same(hakken: Callable[..., Any], file: Path) -> None:
    file.write_text(FILE.replace("{batch: 2, surrogate: gp}", FIRST))

    validated = hakken("validate", file).out
    hakken("run", file)
    drafts = [p["proposal"]["draft"] for p in hakken("show", "sealed", 1, "--json").json["proposals"]]

    assert "2 experiments that the file names" in validated
    assert "keep pressure [bar] (at most 5) with caution (0.95)" in validated
    assert [d["candidate"]["settings"] for d in drafts] == [
        {"base": "A", "temperature": 30.0},
        {"base": "B", "temperature": 40.0},
    ]
    assert "comes out again" in hakken("replay", "sealed", 1).out


def test_once_what_comes_first_was_run_without_a_value_of_it_the_next_step_says_what_is_lacking(
    hakken: Callable[..., Any], file: Path, tmp_path: Path
) -> None:
    file.write_text(FILE.replace("{batch: 2, surrogate: gp}", FIRST))
    one, both = tmp_path / "one.csv", tmp_path / "both.csv"
    one.write_text("base,temperature,yield,pressure\nA,30,18,\n")
    both.write_text("base,temperature,yield,pressure\nA,30,18,\nB,40,28,\n")

    hakken("tell", file, one)
    before = hakken("status", "sealed").out
    hakken("tell", file, both)
    after = hakken("status", "sealed").out

    assert "The next batch is due" in before
    assert "Nothing is known yet" in after
    assert "nothing is known yet" in hakken("tick", "sealed").err


def test_what_is_pinned_lets_it_begin_too(hakken: Callable[..., Any], file: Path) -> None:
    hakken("run", file)

    hakken("pin", "sealed", "--where", "base=A", "--where", "temperature=30", "--why", "today's process")
    step = hakken("status", "sealed").out
    ran = hakken("run", file)

    (draft,) = [p["proposal"]["draft"] for p in hakken("show", "sealed", 1, "--json").json["proposals"]]
    assert "The next batch is due" in step
    assert ran.code == 0
    assert (draft["arm"], draft["candidate"]["settings"]["temperature"]) == ("manual", 30.0)


def test_caution_may_come_and_go_while_it_runs(hakken: Callable[..., Any], file: Path, tmp_path: Path) -> None:
    (tmp_path / "known.csv").write_text(KNOWN)
    file.write_text(FILE.replace(", cautious: 0.95", ""))
    hakken("tell", file, tmp_path / "known.csv")
    hakken("run", file)

    file.write_text(FILE)
    took = hakken("validate", file)

    assert took.code == 0
    assert "changes" in (took.out + took.err)


def test_a_rehearsal_says_what_is_lacking(hakken: Callable[..., Any], file: Path, tmp_path: Path) -> None:
    (tmp_path / "known.csv").write_text(KNOWN)

    refused = hakken("rehearse", file, "--table", tmp_path / "known.csv", "--plays", "2", "-n", "2")

    assert refused.code == 2
    assert "nothing is known yet to keep pressure at most 5 bar, which is cautious" in refused.err
