"""A campaign that looks for general conditions, from its file to its report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from flows.engine import add_campaign

CAMPAIGN = """\
campaign: scope
space:
  ligand: {type: category, options: [A, B, C]}
  bromide: {type: category, options: [k, l, m, n]}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
general: {over: [bromide]}
planner: {surrogate: gp, batch: 3, initial: {experiments: 3}}
budget: {experiments: 9}
laboratory: {adapter: simulated}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scope.yaml").write_text(CAMPAIGN)


def test_substrates_that_count_more_are_said(hakken: Any) -> None:
    for name, more in (("more", "weights: {bromide: {k: 2}}"), ("alike", "weights: {bromide: {k: 1}}")):
        Path(f"{name}.yaml").write_text(CAMPAIGN.replace("[bromide]}", f"[bromide], {more}}}"))

    weighted = hakken("validate", "more.yaml").out

    assert "over 4 substrates (bromide), by their weights" in " ".join(weighted.split())
    assert "by their weights" not in hakken("validate", "alike.yaml").out


def test_what_is_of_single_candidates_points_to_the_best(hakken: Any, home: Any) -> None:
    add_campaign(home, Path("scope.yaml"))

    none = hakken("window", "scope", "--loses", "5")
    other = hakken("compare", "scope", "--to", "bromide=k")

    assert (none.code, other.code) == (2, 2)
    assert "have no operating window; hakken best scope says what is believed of each with every substrate" in none.err
    assert "looks for general conditions; hakken best scope holds them against each other" in other.err


def test_it_ends_with_a_condition_and_every_command_speaks_of_it(hakken: Any, home: Any) -> None:
    assert "mean yield over 4 substrates (bromide)" in hakken("validate", "scope.yaml").out
    ran = hakken("run", "scope.yaml")
    best, shown, status = hakken("best", "scope"), hakken("show", "scope"), hakken("status", "scope")

    assert ran.code == 0, ran.err
    assert "believed best condition: " in ran.out
    assert "believed best: " in best.out
    assert "mean yield" in best.out
    assert "conditions are judged by mean yield over 4 substrates (bromide)" in best.out
    assert "with each substrate, the hardest first:" in best.out
    assert "of 4 substrates" in best.out
    assert "which condition is best over the scope" in shown.out
    assert "believed best condition" in status.out
    page = (home.home / "scope/report.html").read_text()
    assert "Conditions are judged by mean yield over 4 substrates (bromide)." in page
    assert "<th>condition</th>" in page
    assert hakken("replay", "scope", "2").code == 0
    assert hakken("replay", "scope", "3").code == 0


def test_the_document_has_the_condition_and_its_substrates(hakken: Any) -> None:
    hakken("run", "scope.yaml")

    found = json.loads(hakken("best", "scope", "--json").out)["best"]

    assert found["scope"] == "mean yield over 4 substrates (bromide)"
    assert found["scope_size"] == 4
    first = found["candidates"][0]
    assert set(first["settings"]) == {"ligand"}
    assert {s["settings"]["bromide"] for s in first["substrates"]} == {"k", "l", "m", "n"}
    assert 0 <= first["best_of_tried"] <= 1


def test_a_rule_on_the_believed_condition_ends_it_once_predictions_were_held_against_results(hakken: Any) -> None:
    larger = CAMPAIGN.replace("[A, B, C]", "[A, B, C, D, E, F]").replace("batch: 3", "batch: 5").replace("9}", "23}")
    Path("scope.yaml").write_text(larger + "stop: [{target: yield, at_least: 1}]\n")

    said = hakken("run", "scope.yaml")

    assert said.code == 0, said.err
    (ended,) = [line for line in said.out.splitlines() if line.startswith("scope is finished: ")]
    assert "was believed to reach what is wanted (mean yield at least 1 %, with its whole interval)" in ended
    assert ended.count("mean yield") == 2  # what was wanted, and what is believed now
    assert re.search(r"; believed best condition: \w \(mean yield [\d.]+ \[90%: ", ended)
    done = int(re.findall(r"; (\d+) of 23 done", said.out)[-1])
    assert 13 <= done < 23  # three at first, and two batches of five that were predicted
