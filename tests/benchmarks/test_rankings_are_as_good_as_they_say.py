"""The benchmark of priors: a ranking has the quality that its name says, and covers what it says."""

from __future__ import annotations

from itertools import product

import numpy as np
import priors
from problems import Problem
from problems.problem import bare_spec

WORTH = {
    "ligand": dict(zip("ABCDEFGH", (5, 30, 10, 25, 0, 20, 35, 15), strict=True)),
    "heat": {20.0: 0, 80.123456789: 40},
}


def problem() -> Problem:
    space = {
        "ligand": {"type": "category", "options": list(WORTH["ligand"])},
        "heat": {"type": "number", "values": list(WORTH["heat"])},
    }
    rows = tuple({"ligand": a, "heat": b} for a, b in product(*WORTH.values()))
    draws = tuple(np.array([[float(sum(WORTH[p][v] for p, v in row.items()))]]) for row in rows)
    return Problem("made_up", bare_spec("made_up", space, {"yield": {"goal": "maximize"}}), rows, draws)


def test_a_right_ranking_is_the_order_of_the_means_and_is_understood_by_a_campaign() -> None:
    made = priors.ranking(problem(), "right", 3)

    assert made == {"yield": {"ligand": list("GBDFHCAE"), "heat": ["80.123456789", "20.0"]}}
    observed, told = priors.campaign(problem(), 0, 5, prior=made)
    assert observed[0]["settings"] == {"ligand": "G", "heat": 80.123456789}  # the first batch follows it
    assert told[0]["source"] == "prior"


def test_vague_rankings_are_better_than_wrong_ones_and_half_of_them_leaves_out() -> None:
    right = list("GBDFHCAE")

    def distance(way: str) -> float:
        made = [priors.ranking(problem(), way, seed)["yield"]["ligand"] for seed in range(40)]
        return float(np.mean([np.abs(np.argsort(right) - np.argsort(m)).mean() for m in made]))

    assert 0.0 < distance("vague") < distance("wrong")
    half = priors.ranking(problem(), "half", 5)["yield"]
    assert set(half) == {"ligand"}
    assert half["ligand"] == priors.ranking(problem(), "vague", 5)["yield"]["ligand"]


def test_a_ranking_puts_the_lowest_first_where_low_is_good() -> None:
    made = problem()
    made.spec["objective"]["yield"]["goal"] = "minimize"

    assert priors.ranking(made, "right", 0)["yield"]["heat"] == ["20.0", "80.123456789"]
