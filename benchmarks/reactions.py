"""Reaction conditions: how soon does each method find the best ones?

Batches of 5, 50 experiments, on measured tables. The area under the curve is the mean of the best value so far over
the 10 batches, divided by the optimum. All methods share the same random starts, and again hakken's own initial
design; differences are paired by seed. Seeds are S to S + N - 1.

    python benchmarks/reactions.py --data DIR --runs 40

With ``--peers`` it compares hakken with other planners instead, on more tables; see ``planners``.

    python benchmarks/reactions.py --data DIR --runs 60 --peers baybe,ax,bofire --csv curves.csv --page curves.html
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import Mark, arguments, finish, in_errors, mean_and_error, run_jobs
from methods import METHODS, SINGLES, STARTS
from planners import against, options
from tables import TABLES, load_table

from loop.space import Space
from loop.surrogates.registry import default_members

BATCH, BATCHES = 5, 10
SHOWN = (10, 20, 30, 50)


def campaign(method: str, table_name: str, start: str, seed: int, data: Path) -> dict[str, Any]:
    """One campaign: rows tried, best so far after each batch, seconds spent choosing."""
    torch.set_num_threads(1)
    table = load_table(table_name, data)
    rows = STARTS[start](table, seed, BATCH)
    clock = time.perf_counter()
    for batch in range(1, BATCHES):
        rows += METHODS[method](table, rows, seed * 1000 + batch, BATCH)
    seconds = time.perf_counter() - clock
    best = np.maximum.accumulate(table.values[rows])[BATCH - 1 :: BATCH]
    return {
        "method": method, "table": table_name, "start": start, "seed": seed, "rows": rows,
        "best": best.tolist(), "auc": float(best.mean() / table.optimum), "seconds": seconds,
    }  # fmt: skip


def main() -> int:
    args = arguments(__doc__ or "", runs=40, peers=True, asked=(), more=options)
    if args.peers or args.page or args.csv:
        return against(args)
    seeds = range(args.seed, args.seed + args.runs)
    jobs = [
        (method, table, start, seed, args.data)
        for method in METHODS
        for table in TABLES
        for start in STARTS
        for seed in seeds
    ]
    results = run_jobs(campaign, jobs, args.jobs)
    area = {
        (m, t, s): np.array([r["auc"] for r in results if (r["method"], r["table"], r["start"]) == (m, t, s)])
        for m in METHODS
        for t in TABLES
        for s in STARTS
    }
    for table in TABLES:
        for start in STARTS:
            _print_table(results, area, table, start)
    marks = _marks(area, load_table(next(iter(TABLES)), args.data).space)
    return finish(marks, args, {"campaigns": results})


def _print_table(results: list[dict[str, Any]], area: dict[Any, Any], table: str, start: str) -> None:
    print(f"\n{table}, {start} start: mean best after n experiments; paired difference of the area to the committee")
    counts = "".join(f"{f'n={n}':>8}" for n in SHOWN)
    print(f"{'method':16}{'area':>8}{'s.e.':>8}{counts}{'committee -':>14}{'s.e.':>8}{'s/batch':>9}")
    for method in METHODS:
        mine = [r for r in results if (r["method"], r["table"], r["start"]) == (method, table, start)]
        best = np.mean([r["best"] for r in mine], axis=0)
        mean, error = mean_and_error(area[method, table, start])
        gain, gain_error = mean_and_error(area["committee", table, start] - area[method, table, start])
        seconds = np.median([r["seconds"] for r in mine]) / (BATCHES - 1)
        shown = "".join(f"{best[n // BATCH - 1]:8.1f}" for n in SHOWN)
        print(f"{method:16}{mean:8.4f}{error:8.4f}{shown}{gain:14.4f}{gain_error:8.4f}{seconds:9.3f}")


def _marks(area: dict[Any, Any], space: Space) -> list[Mark]:
    ahead = np.mean([area["committee", t, "random"] - area["stock", t, "random"] for t in TABLES], axis=0)
    marks = [
        Mark("committee ahead of stock, mean of the tables", float(ahead.mean()), 0.015),
        Mark("committee ahead of stock, in standard errors", in_errors(ahead), 2.0),
    ]
    members = [m for m in SINGLES if m in default_members(space)]
    gains = []
    for table in TABLES:
        best = max(members, key=lambda m: float(area[m, table, "random"].mean()))
        against = area["committee", table, "random"] - area[best, table, "random"]
        marks.append(
            Mark(f"committee against its best member ({best}), {table}, in standard errors", in_errors(against), -1.0)
        )
        gains.append(area["committee", table, "own"] - area["committee", table, "random"])
        marks.append(
            Mark(f"own initial design against random, {table}, in standard errors", in_errors(gains[-1]), -1.0)
        )
    marks.append(Mark("own initial design ahead of random, mean of the tables", float(np.mean(gains)), 0.0))
    return marks


if __name__ == "__main__":
    sys.exit(main())
