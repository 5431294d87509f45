"""The benchmark of hits: judgements of chances, what is printed, and its marks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hit_methods import Assay, ranked
from hits import SHARES, judged, lines_of, marks_of
from sklearn.metrics import log_loss

HITS = np.array([True, False, False, False, True, False, False, False, False, False])


def test_chances_are_judged_beside_the_rate_and_the_larger_class():
    chance = np.where(HITS, 0.7, 0.1)
    told = judged(HITS, chance)

    assert (told["auc"], told["accuracy"], told["majority"]) == (1.0, 1.0, 0.8)
    assert told["hoped"] == pytest.approx(2.2)
    assert told["log_loss"] == pytest.approx(log_loss(HITS, chance))
    assert told["log_loss_of_the_rate"] == pytest.approx(log_loss(HITS, np.full(10, 0.2)))
    assert judged(HITS, np.full(10, 0.2))["auc"] == 0.5


def test_equal_chances_are_bought_in_the_order_of_the_lots():
    known = Assay("k", tuple("abcdefghij"), HITS, np.full(10, np.nan), 0)
    choose = ranked(lambda _known, _tried, asked, _seed, _potent: np.where(asked == 3, 0.9, 0.5))
    lots = np.arange(10)[::-1] / 10

    chosen, expected = choose(known, [9], 3, 0, lots, 0.1)

    assert chosen == [3, 8, 7]
    assert expected == pytest.approx(1.9)


def run(*found: int) -> dict[str, Any]:
    return {"found": list(found), "expected": [1.0] * (len(SHARES) - 1), "seconds": 1.0, **judged(HITS, HITS * 0.5)}


def test_methods_are_held_against_each_other_seed_by_seed():
    known = Assay("k", tuple(range(1000)), np.arange(1000) < 50, np.full(1000, np.nan), 7)
    runs = {
        "hakken": [run(1, 2, 9, 9, 9, 30), run(0, 1, 5, 6, 7, 20)],
        "trees": [run(1, 2, 4, 5, 6, 20), run(0, 1, 2, 3, 4, 12)],
    }

    lines = lines_of("hiv", known, runs)
    marks = marks_of({"hiv": runs})

    assert "1000 molecules, 50 hits (5.00 %); 7 could not be read" in lines[0]
    assert "by chance after 1%, 2%, 5% of the pool: 0.5, 1.0, 2.5" in lines[1]
    assert any("hakken less trees after 5%: +9.0 +- 1.0" in line for line in lines)
    assert [m.value for m in marks[:2]] == pytest.approx([4.0, 9.0])
    assert [m.name for m in marks[2:]] == [
        f"hiv: hits expected of {what} off by, in scatters" for what in ("its choices", "the rest")
    ]
    # 5 expected and 29 and 20 found, twice; of the rest 1 expected and 2 there, twice
    assert [m.value for m in marks[2:]] == pytest.approx([(49 - 10) / (0.15 * 49), (4 - 2) / 2**0.5])
    assert [m.holds for m in marks] == [True, True, False, True]


def test_the_package_is_a_rival_too_where_it_ran():
    runs = {"hakken": [run(1, 2, 9, 9, 9, 30), run(0, 1, 5, 6, 7, 20)]}
    runs["chemprop"] = [run(1, 2, 8, 9, 9, 40), run(0, 1, 6, 6, 7, 20)]

    marks = {m.name: m for m in marks_of({"hiv": runs})}

    assert marks["hiv: hakken ahead of chemprop after 2%, in standard errors"].value == 0.0
    assert marks["hiv: hakken ahead of chemprop after 5%, in standard errors"].value == pytest.approx(-1.0)
    assert len(marks) == 4
