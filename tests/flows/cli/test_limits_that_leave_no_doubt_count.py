"""A limit counts where it leaves no doubt: "> 99" is a best yield, and "< 0.1" keeps an impurity below 0.5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SPEC: dict[str, Any] = {
    "campaign": "limits",
    "space": {"step": {"type": "number", "low": 1, "high": 9, "step": 1}},
    "objective": {
        "yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100},
        "impurity": {"goal": "keep", "unit": "%", "at_most": 0.5, "low": 0},
    },
    "planner": {"surrogate": "random", "initial": {"experiments": 2}},
    "budget": {"experiments": 9},
    "laboratory": {"adapter": "manual"},
}
TOLD = "step,yield,impurity\n1,70,0.8\n2,85,<0.1\n3,99,<2\n4,12,0.3\n5,>95,<0.1\n"


@pytest.fixture
def tell(tell_table: Any) -> Any:
    def write(rows: str = TOLD, **changes: Any) -> None:
        tell_table({**SPEC, **changes}, rows)

    return write


def test_the_best_keeps_its_thresholds_by_a_limit_and_may_be_one(hakken: Any, tell: Any) -> None:
    tell()

    assert "best single value: yield > 95 %: step 5" in hakken("status", "limits").out
    said = hakken("run", "campaign.yaml").out
    shown = [line.split() for line in said.splitlines() if "told" in line]
    assert [" ".join(words[:-3]) for words in shown] == ["> 95", "85", "12"]


def test_what_is_to_be_small_is_smallest_below_a_limit(hakken: Any, tell: Any) -> None:
    impurity = {"goal": "minimize", "unit": "%", "low": 0}
    tell(objective={"yield": SPEC["objective"]["yield"], "impurity": impurity})

    status = hakken("status", "limits").out
    assert "best single value: impurity < 0.1 %: step 2" in status
    assert "best single value: yield 99 %: step 3" in status


def test_a_limit_that_leaves_no_doubt_meets_a_rule_and_another_does_not(hakken: Any, tell: Any) -> None:
    tell(stop=[{"target": "yield", "at_least": 96}])
    going = hakken("run", "campaign.yaml").out
    tell(campaign="other", stop=[{"target": "yield", "at_least": 95}])
    said = " ".join(hakken("run", "campaign.yaml").out.split())

    assert "limits is active" in going
    assert "other is finished: yield reached > 95 %, and at least 95 % was wanted" in said


def test_where_only_limits_keep_the_thresholds_nothing_is_said_to_come_nearest(hakken: Any, tell: Any) -> None:
    tell("step,yield,impurity\n1,70,0.8\n2,85,<0.1\n")

    status = hakken("status", "limits").out
    assert "best single value: yield 85 %: step 2" in status
    assert "nearest" not in status


def test_a_limit_tells_hits_and_misses(hakken: Any, tell: Any) -> None:
    found = {"goal": "maximize", "unit": "%", "at_least": 90}
    rows = "step,yield\n1,>95\n2,<40\n3,>60\n4,91\n"  # more than 60 may be either
    tell(rows, objective={"yield": found}, planner={**SPEC["planner"], "acquisition": "hits"})

    assert "hits: 2 of 3 tried" in hakken("status", "limits").out


def test_the_luckiest_is_not_said_to_be_another_than_a_limit(hakken: Any, tell: Any) -> None:
    impurity = {"goal": "minimize", "unit": "%", "low": 0}
    rows = "step,impurity\n" + "".join(f"{i},{value}\n" for i, value in enumerate([4, 3, 2.5, 0.9, 3, 4, 6], 1))
    tell(rows + "4,1.1\n4,1\n7,<0.2\n", objective={"impurity": impurity}, planner={"surrogate": "gp"})

    assert "the best single value of impurity, < 0.2 %, was measured of another: step 7" in hakken("best", "limits").out


def test_a_limit_that_no_value_can_keep_is_said_when_it_is_told(hakken: Any, tell: Any) -> None:
    tell()
    Path("more.csv").write_text("step,yield,impurity\n6,>150,0.1\n7,>100,0.1\n8,>99,<-1\n", encoding="utf-8")

    said = hakken("tell", "limits", "more.csv")

    notes = [line for line in said.out.splitlines() if line.startswith("note:")]
    assert [note.partition(";")[0].partition(": ")[2] for note in notes] == [
        "result of step 6: yield > 150 lies outside what the target can be",
        "result of step 7: yield > 100 leaves nothing between the limits",
        "result of step 8: impurity < -1 lies outside what the target can be",
    ]
    assert all("hakken retract limits " in note for note in notes)
