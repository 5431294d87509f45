"""Where a rule was added and the best measured breaks it, whoever asks where the campaign stands is told the rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

SPEC: dict[str, Any] = {
    "campaign": "ruled",
    "space": {
        "base": {"type": "category", "options": ["KOAc", "CsOAc"]},
        "heat": {"type": "number", "values": [20, 40, 60], "unit": "degC"},
    },
    "objective": {"yield": {"goal": "maximize", "unit": "%"}, "cost": {"goal": "minimize"}},
    "planner": {"surrogate": "random", "batch": 2, "initial": {"experiments": 2}},
    "budget": {"experiments": 9},
    "laboratory": {"adapter": "manual"},
}
RULE = "left out by the campaign file as it is: it breaks 'it foams'"


def test_run_status_and_page_say_which_rule_leaves_the_best_out(hakken: Any, tell_table: Any) -> None:
    tell_table(SPEC, "base,heat,yield,cost\nKOAc,60,80,1\nCsOAc,20,50,2\n")
    hakken("run", "ruled")
    rule = {"name": "it foams", "exclude": {"base": "KOAc"}, "where": {"heat": {"above": 50}}}
    Path("campaign.yaml").write_text(yaml.safe_dump(SPEC | {"constraints": [rule]}))
    before = hakken("status", "ruled").out
    told = hakken("run", "campaign.yaml").out

    after = hakken("status", "ruled").out
    hakken("report", "ruled")

    (page,) = Path().rglob("report.html")
    assert "breaks" not in before
    assert told.count(f"KOAc, heat 60 degC was measured and is {RULE}\n") == 1  # below what a run calls the highest
    assert after.count(f"  KOAc, heat 60 degC was measured and is {RULE}\n") == 1  # the best in both targets
    assert page.read_text("utf-8").count(f"it was measured and is {RULE.replace(chr(39), '&#39;')}</dd>") == 2


def test_the_table_of_the_best_candidates_marks_what_the_file_leaves_out(hakken: Any, tell_table: Any) -> None:
    tell_table(SPEC, "base,heat,yield,cost\nKOAc,60,80,1\nCsOAc,20,50,2\n")
    hakken("run", "ruled")
    rule = {"name": "it foams", "exclude": {"base": "KOAc"}}
    Path("campaign.yaml").write_text(yaml.safe_dump(SPEC | {"constraints": [rule]}))
    assert hakken("run", "campaign.yaml").code == 0

    hakken("report", "ruled")

    (page,) = Path().rglob("report.html")
    table = page.read_text("utf-8").partition('id="candidates"')[2].partition("</section>")[0]
    rows = table.split("</li>")
    mark = f'<div class="soft">is {RULE.replace(chr(39), "&#39;")}</div>'
    assert [mark in row for row in rows if "KOAc" in row] == [True]
    assert not any(mark in row for row in rows if "CsOAc" in row)
