"""Where many values are limits and nothing says what the target can be, a note says what would help, once."""

from __future__ import annotations

from typing import Any

import pytest

SPEC: dict[str, Any] = {
    "campaign": "open",
    "space": {"step": {"type": "number", "low": 1, "high": 20, "step": 1}},
    "objective": {"yield": {"goal": "maximize", "unit": "%"}},
    "planner": {"surrogate": "random", "batch": 2, "initial": {"experiments": 2}},
    "budget": {"experiments": 4},
    "laboratory": {"adapter": "manual"},
}
ABOVE = (
    "2 of 10 values of yield are limits (>), and nothing says what it can be at most, so the models may stay "
    "too near these limits; where you know it, write high: under objective.yield"
)


def said(hakken: Any, tell_table: Any, values: list[str], **can_be: float) -> str:
    """What a first pass over these values says."""
    wanted = {**SPEC["objective"]["yield"], **can_be}
    rows = "".join(f"{step},{value}\n" for step, value in enumerate(values, 1))
    tell_table({**SPEC, "objective": {"yield": wanted}}, f"step,yield\n{rows}")
    return " ".join(hakken("run", "campaign.yaml").out.split())


def test_many_limits_without_a_bound_are_remarked_on_once(hakken: Any, tell_table: Any) -> None:
    values = ["50"] * 8 + [">80"] * 2

    assert said(hakken, tell_table, values).count(ABOVE) == 1


@pytest.mark.parametrize(
    ("values", "can_be"),
    [
        (["50"] * 9 + [">80"] * 2, {}),  # few
        (["50"] * 8 + [">80"] * 2, {"high": 100}),
        (["50"] * 8 + ["<5"] * 2, {"low": 0}),
    ],
)
def test_few_limits_and_closed_ones_are_not(
    hakken: Any, tell_table: Any, values: list[str], can_be: dict[str, float]
) -> None:
    assert "are limits" not in said(hakken, tell_table, values, **can_be)


def test_limits_below_ask_for_the_lowest(hakken: Any, tell_table: Any) -> None:
    assert "write low: under objective.yield" in said(hakken, tell_table, ["50"] * 4 + ["<5"] * 2)


def test_nothing_is_asked_of_what_follows_by_a_formula(hakken: Any, tell_table: Any) -> None:
    rate = {"rate": {"expression": "yield / step", "goal": "maximize", "unit": "%"}}
    rows = "".join(f"{step},{value}\n" for step, value in enumerate(["50"] * 8 + [">80"] * 2, 1))
    tell_table({**SPEC, "derived": rate}, f"step,yield\n{rows}")
    found = " ".join(hakken("run", "campaign.yaml").out.split())

    assert ABOVE in found
    assert "values of rate are limits" not in found


def test_nothing_is_asked_of_levels_which_say_all_that_can_be(hakken: Any, tell_table: Any) -> None:
    rows = "".join(f"{step},{value}\n" for step, value in enumerate(["2"] * 8 + [">2"] * 2, 1))
    tell_table({**SPEC, "objective": {"yield": {"goal": "maximize", "levels": [1, 2, 3, 4]}}}, f"step,yield\n{rows}")

    assert "are limits" not in hakken("run", "campaign.yaml").out
