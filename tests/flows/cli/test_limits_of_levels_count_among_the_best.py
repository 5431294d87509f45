"""A limit of a level counts as the nearest level that it leaves: "> small" of four grades is large, the last."""

from __future__ import annotations

from typing import Any

import pytest

SPEC: dict[str, Any] = {
    "campaign": "grades",
    "space": {"step": {"type": "number", "low": 1, "high": 9, "step": 1}},
    "objective": {"crystals": {"goal": "maximize", "levels": ["clear", "powder", "small", "large"]}},
    "planner": {"surrogate": "random", "initial": {"experiments": 2}},
    "budget": {"experiments": 9},
    "laboratory": {"adapter": "manual"},
}


@pytest.mark.parametrize(
    ("levels", "goal", "rows", "best"),
    [
        (["clear", "powder", "small", "large"], "maximize", "1,small\n2,>small\n3,>clear\n", "crystals large: step 2"),
        (["clear", "powder", "small", "large"], "maximize", "1,clear\n2,>clear\n", "crystals at least powder: step 2"),
        (["clear", "powder", "small", "large"], "minimize", "1,small\n2,<small\n", "crystals at most powder: step 2"),
        (["clear", "powder", "small", "large"], "maximize", "1,powder\n2,<large\n", "crystals powder: step 1"),
        ([1, 2, 3, 4], "maximize", "1,2\n2,>2\n", "crystals at least 3: step 2"),
        ([1, 2, 3, 4], "minimize", "1,2\n2,<2\n", "crystals 1: step 2"),
    ],
)
def test_the_best_single_value_may_be_such_a_limit(
    hakken: Any, tell_table: Any, levels: list[Any], goal: str, rows: str, best: str
) -> None:
    tell_table({**SPEC, "objective": {"crystals": {"goal": goal, "levels": levels}}}, f"step,crystals\n{rows}")

    assert f"best single value: {best}" in hakken("status", "grades").out
    assert best.partition(":")[0].removeprefix("crystals ") in hakken("run", "campaign.yaml").out
    assert hakken("best", "grades").code == 0


def test_it_keeps_thresholds_and_ends_a_campaign_where_no_worse_level_is_left(hakken: Any, tell_table: Any) -> None:
    wanted = {"goal": "maximize", "levels": SPEC["objective"]["crystals"]["levels"], "at_least": "small"}
    rules = [{"target": "crystals", "at_least": "large"}]
    rows = "step,crystals\n1,>clear\n2,>powder\n"
    tell_table({**SPEC, "objective": {"crystals": wanted}, "stop": rules}, rows)
    going = [hakken("status", "grades").out, hakken("run", "campaign.yaml").out]
    tell_table({**SPEC, "campaign": "other", "objective": {"crystals": wanted}, "stop": rules}, rows + "3,>small\n")
    done = hakken("run", "campaign.yaml").out

    assert "best single value: crystals at least small: step 2" in going[0]
    assert "clear" not in going[1]
    assert "grades is active" in going[1]
    assert "other is finished: crystals reached large, and at least large was wanted" in " ".join(done.split())
