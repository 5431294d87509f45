"""A campaign with a rule on regret, from its file to its report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """\
campaign: heat
space:
  ligand: {type: category, options: [A, B, C]}
  temperature: {type: number, low: 20, high: 120, step: 5, unit: degC}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
planner: {surrogate: gp, batch: 5, initial: {experiments: 4}}
stop: [{target: yield, regret: 99.9}]
budget: {experiments: 60}
laboratory: {adapter: simulated}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("heat.yaml").write_text(CAMPAIGN)


def test_a_campaign_ends_by_it_and_every_command_speaks_of_it(hakken: Any, home: Any) -> None:
    ran = hakken("run", "heat.yaml")
    status, best, shown = hakken("status", "heat"), hakken("best", "heat"), hakken("show", "heat")

    assert ran.code == 0, ran.err
    assert ran.out.count("with probability 0.95 nothing untried is better than ") == 3  # of the rounds with a model
    assert "few predictions were held against results yet" in ran.out
    assert "heat is finished: nothing untried is believed to be better than " in ran.out
    allowed = "by more than 99.9 % (a chance below 0.001, and 0.05 was allowed)"
    assert "note: round 4: the best is measured once more before a regret ends the campaign" in ran.out
    assert f"{allowed}; believed best: " in ran.out  # it came out the same
    confirmed = " ".join(shown.out.split())
    assert re.search(r"1\. (.+) replicate: nothing untried is believed to be better than \1 by more than", confirmed)
    assert f"{allowed}, if results hardly scatter; nothing on record says whether they do" in confirmed
    assert "with probability 0.95 nothing untried is better than " in shown.out
    assert "15 of 60 experiments done" in status.out
    settled = re.search(r"finished \((nothing untried is believed .* was allowed\))", status.out)
    assert settled is not None
    assert f"\n{settled[1]}, which ended the campaign\n" in best.out
    assert "was planned)" not in best.out
    page = (home.home / "heat/report.html").read_text()
    assert "what may still be missed" in page
    assert "which ended the campaign" in page
    assert all(hakken("replay", "heat", str(n)).code == 0 for n in (1, 2, 3, 4))


def test_the_next_batch_is_refused_with_the_remedy_and_goes_on_without_the_rule(hakken: Any) -> None:
    hakken("run", "heat.yaml")
    refused = hakken("run", "--dry-run", "heat.yaml")
    Path("heat.yaml").write_text(CAMPAIGN.replace("regret: 99.9", "at_least: 100").replace("60", "19"))
    ran = hakken("run", "heat.yaml")

    assert refused.code == 2
    assert "take the regret out of stop in the campaign file to plan more" in refused.err
    assert "heat is finished: " in ran.out
    assert "19 of 19 done" in ran.out


def test_the_document_of_a_standing_has_the_statement(hakken: Any) -> None:
    hakken("run", "heat.yaml")

    (standing,) = json.loads(hakken("status", "heat", "--json").out)
    best = json.loads(hakken("best", "heat", "--json").out)

    assert standing["regret"].startswith("with probability 0.95 nothing untried is better than ")
    assert {name: best[name] for name in ("regret", "planned", "settled")} == {
        name: standing[name] for name in ("regret", "planned", "settled")
    }
    assert best["settled"].startswith("nothing untried is believed to be better than ")


def test_a_dry_run_says_of_the_next_batch_what_the_run_says(hakken: Any) -> None:
    hakken("tick", "heat.yaml")  # sends the initial design
    hakken("tick", "heat.yaml")  # takes its results in

    shown = hakken("run", "--dry-run", "heat.yaml")

    assert shown.code == 0, shown.err
    assert "with probability 0.95 nothing untried is better than " in shown.out
