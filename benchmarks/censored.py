"""Limits: what is lost when every yield above 90 % is reported as "> 90"?

Direct arylation, batches of 5, 50 experiments, random starts shared by all. ``uncensored`` sees every yield,
``censored`` sees "> 90" for those above 90 %, ``replaced`` sees 90 % in their place. All are judged by the true yields
of what they tried. Seeds are S to S + N - 1.

    python benchmarks/censored.py --data DIR --runs 40
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import Mark, arguments, finish, in_errors, mean_and_error, run_jobs
from methods import random_start
from tables import Table, load_table

from loop.history import History, Observation
from loop.outcome import Measured, Measurement, Qualifier
from loop.planner import plan

BATCH, BATCHES = 5, 10
LIMIT = 90.0
SHOWN = (10, 20, 30, 50)
METHODS = ("uncensored", "censored", "replaced")


def reported(value: float, method: str) -> Measurement:
    """How a yield (%) is reported."""
    if method == "uncensored" or value <= LIMIT:
        return Measurement("yield", value, "%", value)
    qualifier = Qualifier.ABOVE if method == "censored" else Qualifier.EQUAL
    return Measurement("yield", LIMIT, "%", LIMIT, qualifier=qualifier)


def history_of(table: Table, rows: Sequence[int], method: str) -> History:
    return History(
        tuple(
            Observation(str(r), table.pool.points[r], Measured((reported(float(table.values[r]), method),)))
            for r in rows
        )
    )


def campaign(method: str, seed: int, data: Path) -> dict[str, Any]:
    """One campaign: the true best after each batch."""
    torch.set_num_threads(1)
    table = load_table("direct_arylation", data)
    rows = random_start(table, seed, BATCH)
    for batch in range(1, BATCHES):
        history = history_of(table, rows, method)
        made = plan(table.planner_spec(), history, table.pool, seed=seed * 1000 + batch, experiments=BATCH)
        rows += [table.row(table.space.coordinates(p.candidate.settings)) for p in made.proposals]
    best = np.maximum.accumulate(table.values[rows])[BATCH - 1 :: BATCH]
    return {"method": method, "seed": seed, "rows": rows, "best": best.tolist()}


def marks_of(results: Sequence[dict[str, Any]]) -> list[Mark]:
    final = {m: np.array([r["best"][-1] for r in results if r["method"] == m]) for m in METHODS}
    gain = final["censored"] - final["replaced"]
    return [
        Mark(
            'yields above 90 as "> 90": points of final true best lost against uncensored',
            float((final["uncensored"] - final["censored"]).mean()), 1.0, at_most=True,
        ),
        Mark('"> 90" against 90 in its place: points of final true best', float(gain.mean()), 0.0),
        Mark('"> 90" against 90 in its place, in standard errors', in_errors(gain), 2.0),
    ]  # fmt: skip


def main() -> int:
    args = arguments(__doc__ or "", runs=40)
    jobs = [(m, s, args.data) for s in range(args.seed, args.seed + args.runs) for m in METHODS]
    results = run_jobs(campaign, jobs, args.jobs)
    print(f"{'method':12}" + "".join(f"{f'n={n}':>8}" for n in SHOWN) + f"{'s.e.':>8}")
    for method in METHODS:
        best = np.array([r["best"] for r in results if r["method"] == method])
        shown = "".join(f"{best[:, n // BATCH - 1].mean():8.2f}" for n in SHOWN)
        print(f"{method:12}{shown}{mean_and_error(best[:, -1])[1]:8.2f}")
    return finish(marks_of(results), args, {"campaigns": results})


if __name__ == "__main__":
    sys.exit(main())
