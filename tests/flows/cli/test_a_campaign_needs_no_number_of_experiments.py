"""Money, hours or a rule end a campaign that has no number of experiments, and nothing shows one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SPEC = """\
campaign: free
space:
  ligand: {type: category, options: [A, B, C, D]}
  t: {type: number, low: 20, high: 120, step: 10, unit: degC}
objective: {yield: {goal: maximize, unit: "%", low: 0, high: 100}}
costs: {experiment: 10, unit: EUR, options: {ligand: {A: 30}}}
planner: {batch: 4, surrogate: random}
budget: {cost: 150}
laboratory: {adapter: simulated}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str) -> None:
    Path("free.yaml").write_text(text, encoding="utf-8")


def test_a_campaign_ends_by_its_money_alone(hakken: Any, home: Any) -> None:
    write(SPEC)

    checked, first = hakken("validate", "free.yaml").out, hakken("run", "--dry-run", "free.yaml")
    ran = hakken("run", "free.yaml")
    status, told = hakken("status", "free"), hakken("status", "free", "--json").json[0]

    assert "150 EUR" in checked
    assert first.code == ran.code == 0, first.err + ran.err
    assert "the budget is spent: it leaves" in ran.out
    assert told["budget"] is None
    assert 4 <= told["experiments_done"] <= 15
    assert f"; {told['experiments_done']} done" in ran.out
    assert f"; {told['experiments_done']} experiments done" in status.out
    assert "None" not in ran.out + status.out + checked + first.out
    assert hakken("report", "free").code == 0
    page = (home.folder("free") / "report.html").read_text(encoding="utf-8")
    assert "with notes: what was reckoned with, and whatever could not be as asked" in page  # what each batch costs
    assert hakken("replay", "free", "2").code == 0


def test_a_result_that_is_good_enough_may_be_the_only_end(hakken: Any) -> None:
    write(SPEC.replace("budget: {cost: 150}", "stop: [{target: yield, at_least: 1}]"))

    checked, ran = hakken("validate", "free.yaml").out, hakken("run", "free.yaml")

    assert "none; the rules under stop end it" in checked
    assert ran.code == 0, ran.err
    assert "and at least 1 % was wanted" in ran.out


def test_all_that_ends_a_campaign_is_shown_beside_its_number_of_experiments(hakken: Any) -> None:
    write(SPEC.replace("{cost: 150}", "{experiments: 5, cost: 150, hours: 20}"))

    assert "5 experiments, 150 EUR and 20 h" in hakken("validate", "free.yaml").out


def test_a_number_is_still_shown_where_there_is_one(hakken: Any) -> None:
    write(SPEC.replace("budget: {cost: 150}", "budget: {experiments: 5}"))

    assert "5 of 5 done" in hakken("run", "free.yaml").out
    assert "5 of 5 experiments done" in hakken("status", "free").out


def test_a_dry_run_of_a_changed_file_counts_by_that_file(hakken: Any) -> None:
    write(SPEC)
    assert hakken("run", "free.yaml").code == 0
    write(SPEC.replace("cost: 150", "cost: 900"))

    planned = hakken("run", "--dry-run", "free.yaml")

    assert planned.code == 0, planned.err
    assert " of 900 EUR" in next(line for line in planned.out.splitlines() if line.startswith("before this batch: "))
