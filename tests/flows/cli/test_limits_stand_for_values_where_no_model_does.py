"""Before there is a model, what only limits say of a candidate or a condition counts all the same."""

from __future__ import annotations

from typing import Any

NOTE = "and no chances; where there are only limits, these stand for values"


def spec(**changes: Any) -> dict[str, Any]:
    return {
        "campaign": "few",
        "space": {"ligand": {"type": "category", "options": ["A", "B", "C", "D"]}},
        "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
        "planner": {"surrogate": "random"},
        "budget": {"experiments": 9},
        "laboratory": {"adapter": "manual"},
        **changes,
    }


def test_a_candidate_of_which_a_limit_says_that_it_is_the_best_is(hakken: Any, tell_table: Any) -> None:
    tell_table(spec(), "ligand,yield\nA,40\nB,>95\nC,<3\n")

    said = " ".join(hakken("best", "few", "--top", "9").out.split())

    assert "1. believed best: B yield 95 [range: 95 to 100] % measured 1 time: yield > 95 %" in said
    assert "2. A yield 40 % measured" in said
    assert "3. C yield 3 [range: 0 to 3] % measured 1 time: yield < 3 %" in said
    assert NOTE in said


def test_levels_beyond_a_limit_count_as_the_nearest(hakken: Any, tell_table: Any) -> None:
    levels = {"crystals": {"goal": "maximize", "levels": ["clear", "powder", "small", "large"]}}
    tell_table(spec(objective=levels), "ligand,crystals\nA,powder\nB,> small\nC,< small\nD,> clear\n")

    said = " ".join(hakken("best", "few", "--top", "9").out.split())

    assert "1. believed best: B crystals 4 (large)" in said
    assert "C crystals 2 (powder)" in said
    assert "D crystals 2 (powder)" in said


def test_a_condition_that_failed_with_a_substrate_is_not_judged_without_it(hakken: Any, tell_table: Any) -> None:
    space = {**spec()["space"], "substrate": {"type": "category", "options": ["s1", "s2", "s3"]}}
    tell_table(
        spec(space=space, general={"over": ["substrate"], "by": "worst"}),
        "ligand,substrate,yield\nA,s1,<5\nA,s2,80\nB,s1,40\nB,s2,50\nC,s3,<2\n",
    )

    said = " ".join(hakken("best", "few").out.split())

    assert "1. believed best: B worst yield 40 % measured 2 times, with 2 of 3 substrates" in said
    assert "2. A worst yield 5 % measured 2 times, with 2 of 3 substrates" in said
    assert "3. C worst yield 2 % measured 1 time, with 1 of 3 substrates" in said
    assert NOTE in said


def test_where_all_have_values_nothing_is_said_of_limits(hakken: Any, tell_table: Any) -> None:
    tell_table(spec(), "ligand,yield\nA,40\nA,<60\nB,30\n")

    said = hakken("best", "few").out

    assert "yield 40 %" in said
    assert "only limits" not in said
