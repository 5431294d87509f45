"""The benchmark of the statement on regret: what is counted as a stop, and what as holding."""

from __future__ import annotations

import csv
from pathlib import Path

import stopping

RUNS = [
    {"stated": [
        {"n": 10, "true": 20.0, "epsilon": 4.0, "chances": {5.0: 0.01, 10.0: 0.0}, "confirms": False, "checked": 5},
        {"n": 15, "true": 7.0, "epsilon": 6.0, "chances": {5.0: 0.08, 10.0: 0.01}, "confirms": False, "checked": 10},
        {"n": 20, "true": -3.0, "epsilon": 1.0, "chances": {5.0: 0.02, 10.0: 0.0}, "confirms": False, "checked": 15},
    ]},
    {"stated": [
        {"n": 15, "true": 30.0, "epsilon": 9.0, "chances": {5.0: 0.01, 10.0: 0.0}, "confirms": True, "checked": 10},
        {"n": 16, "true": 30.0, "epsilon": 9.0, "chances": {5.0: 0.5, 10.0: 0.04}, "confirms": False, "checked": 10},
    ]},
]  # fmt: skip


def test_a_campaign_stops_where_the_chance_first_falls_to_delta_and_predictions_were_checked() -> None:
    first, second = RUNS

    assert stopping.stopped(first, 5.0, 0.05, 50)["n"] == 20
    assert stopping.stopped(first, 5.0, 0.1, 50)["n"] == 15
    assert stopping.stopped(first, 10.0, 0.05, 50)["n"] == 15
    assert stopping.stopped(first, 5.0, 0.05, 20) is None  # the budget has ended by then
    assert stopping.stopped(second, 5.0, 0.05, 50) is None


def test_it_held_where_nothing_untried_was_truly_better_by_more() -> None:
    strict, lax = (stopping.tally(RUNS, regret, 0.05, 50) for regret in (5.0, 10.0))

    assert strict == {"stops": 0.5, "at": 20.0, "holds": 1.0, "left": 0.0}
    assert lax == {"stops": 1.0, "at": 15.5, "holds": 0.5, "left": 18.5}
    assert stopping.tally(RUNS[1:], 5.0, 0.05, 50)["holds"] is None


def table(folder: Path) -> None:
    """A small aryl scope."""
    file = folder / "aryl_scope_ligand/aryl-scope-ligand.csv"
    file.parent.mkdir()
    parts = ("ligand", "electrophile", "nucleophile")
    rows = [
        {"yield": 10 * i + 3 * j + k, **{f"{p}_name": f"{p}{n}" for p, n in zip(parts, (i, j, k), strict=True)},
         **{f"{p}_smiles": "C" * (n + 1) + end for p, n, end in zip(parts, (i, j, k), ("O", "N", "S"), strict=True)}}
        for i in range(4) for j in range(3) for k in range(3)
    ]  # fmt: skip
    with file.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_campaign_is_told_with_what_is_true_of_it(tmp_path: Path) -> None:
    table(tmp_path)

    found = stopping.campaign("aryl_scope", 3, tmp_path, 20)

    stated = found["stated"]
    assert [s["n"] for s in stated] == [5, 10, 15, 20]
    assert [s["checked"] for s in stated] == [0, 5, 10, 15]
    assert stated[-1]["true"] <= 0.0  # the best is found by then
    assert all(len(s["chances"]) == len(stopping.REGRETS) for s in stated)

    told, untold = (stopping.campaign("aryl_scope", 3, tmp_path, 20, 5.0, is_told) for is_told in (True, False))
    assert told["stated"][-1]["widened"] >= 1.0 > untold["stated"][-1]["widened"]
    assert untold["stated"] != stated


def test_a_campaign_that_ends_by_a_regret_confirms_its_best_first(tmp_path: Path) -> None:
    table(tmp_path)

    stated = stopping.campaign("aryl_scope", 3, tmp_path, 30, ending=10.0)["stated"]

    assert [s["confirms"] for s in stated] == [False] * (len(stated) - 2) + [True, False]
    assert stated[-1]["n"] == stated[-2]["n"] + 1 < 30
