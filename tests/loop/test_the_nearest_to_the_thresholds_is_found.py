"""What comes nearest to keeping the thresholds, by hand."""

from __future__ import annotations

import pytest

from loop.insight.nearest import misses, nearest
from loop.insight.saying import best_sentence
from loop.insight.statements import Believed, HonestBest, Stated
from loop.objective import Goal, Objective, Target

OBJECTIVE = Objective(
    (
        Target("yield", Goal.MAXIMIZE, "%", at_least=80.0),
        Target("waste", Goal.KEEP, "g", at_most=1.0),
    )
)


def test_it_is_the_least_sum_of_misses_in_shares_of_what_was_seen() -> None:
    rows = [
        {"yield": 40.0, "waste": 0.5},  # misses 40 of a range of 60
        {"yield": 100.0, "waste": 2.5},  # misses 1.5 of a range of 2: more
        {"yield": 70.0, "waste": 1.1},  # 10 of 60 and 0.1 of 2: least
        {"yield": 79.9},  # says nothing of waste
    ]

    assert nearest(OBJECTIVE, rows) == 2
    assert misses(OBJECTIVE, rows[2]) == (
        "yield 70 %, and at least 80 % is wanted; waste 1.1 g, and at most 1 g is wanted"
    )
    assert nearest(OBJECTIVE, [*rows, {"yield": 81.0, "waste": 0.9}]) is None
    assert nearest(OBJECTIVE, rows[3:]) is None
    assert nearest(Objective((Target("yield", Goal.MAXIMIZE),)), rows) is None


@pytest.mark.parametrize(("keeps", "likely"), [(0.2, "; a chance of 0.2 to keep them"), (None, "")])
def test_the_final_sentence_names_no_best_where_none_is_believed_to_keep_them(keeps: float | None, likely: str) -> None:
    stated = Stated("yield", "%", 70.0, 60.0, 80.0, (70.0,))
    one = Believed({"base": "KOAc"}, "base KOAc", (stated,), 1, 0, keeps, 0.9, None)
    found = HonestBest("committee", (one,), 1, is_kept=False)

    assert best_sentence(found) == (
        "nothing tried is believed to keep the thresholds; likeliest to: base KOAc "
        f"(yield 70 [90%: 60 to 80] %{likely})"
    )
