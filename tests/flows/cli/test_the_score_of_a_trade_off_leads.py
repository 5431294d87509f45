"""Where a trade-off ranks candidates, its score stands before the targets: at the end of a run and of what is best."""

from __future__ import annotations

from typing import Any

import pytest

SPEC: dict[str, Any] = {
    "campaign": "weighed",
    "space": {"step": {"type": "number", "low": 1, "high": 9, "step": 1}},
    "objective": {
        "logD": {"goal": "match", "value": 2, "within": 2},
        "potency": {"goal": "maximize", "desirable": {"from": 4, "to": 8}},
        "hERG": {"goal": "keep", "at_most": 50},
    },
    "tradeoff": "desirability",
    "planner": {"surrogate": "gp", "initial": {"experiments": 6}},
    "budget": {"experiments": 9},
    "laboratory": {"adapter": "manual"},
}
ROWS = "step,logD,potency,hERG\n1,2,5,10\n2,3,7,20\n3,0.5,8,20\n4,2,8,90\n5,1,>7,30\n6,2,,30\n"


@pytest.mark.parametrize("surrogate", ["gp", "random"])
def test_results_and_beliefs_are_shown_by_the_score_first(hakken: Any, tell_table: Any, surrogate: str) -> None:
    tell_table({**SPEC, "planner": {**SPEC["planner"], "surrogate": surrogate}}, ROWS)

    ran = hakken("run", "campaign.yaml").out
    found = hakken("best", "weighed").out

    table = ran.split("highest desirability within the thresholds")[1].split("logD nearest to 2")[0]
    rows = [line.replace("> ", ">").split() for line in table.splitlines() if "step" in line]
    assert [row[:3] for row in rows] == [
        ["0.612", "3", "7"],  # (0.5 * 0.75) ** 0.5
        [">0.612", "1", ">7"],
        ["0.5", "2", "5"],
        ["0.5", "0.5", "8"],
    ]
    believed = [line.strip() for line in found.splitlines() if "potency" in line and "measured" not in line]
    assert sum(line.startswith("desirability 0.") for line in believed) == 3
    if surrogate == "random":  # means of the values
        assert believed[0].startswith("desirability 0.612; hERG 20; logD 3; potency 7")


def test_the_best_score_so_far_may_be_one_of_a_limit_that_leaves_no_doubt(hakken: Any, tell_table: Any) -> None:
    tell_table(SPEC, "step,logD,potency,hERG\n1,2,5,10\n5,2.2,>7,30\n")

    told = hakken("status", "weighed").out

    assert "best single value: desirability > 0.82158: step 5" in told  # (0.9 * 0.75) ** 0.5
