"""Rehearsals: is what ``hakken rehearse`` says of a campaign's next experiments what then comes?

Campaigns on tables of reactions, batches of 5, hakken's defaults and own first batch. After 10 and after 20 results
twenty more are rehearsed in twenty worlds drawn from what is believed; then the campaign goes on in the table. Told are
the share of 90 % intervals that hold what came, how far the middle lay above it, the gain that was foreseen and came,
and how often a goal (90 % of the table's best) was reached that had no more than a half, and more than a half, of a
chance.

No mark was set. The default part of the results that a world is drawn from was chosen on seeds 1000 to 1007.

    python benchmarks/rehearsals.py --data DIR --runs 8
"""

from __future__ import annotations

import argparse
import itertools
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contest import hakken, history_of, run
from harness import arguments, finish, run_jobs
from problems import load_problem

from loop.rehearsal.believed import believed_worlds
from loop.rehearsal.rehearsing import rehearse
from loop.rehearsal.standing import Measure
from loop.spec import build_objective
from loop.values import values_of

TABLES = "direct_arylation,arylation_extended,buchwald_hartwig,bh_chlorides,bh_bromides,aryl_scope"
KNOWN = (10, 20)  # results that a rehearsal goes on from
PLAYED, PLAYS, BATCH = 20, 20, 5
GOAL = 0.9  # of the best of a table


def rehearsed(table: str, known: int, seed: int, data: Path) -> list[dict[str, Any]]:
    """One rehearsal, and what came: a row for the end of each batch."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    problem = load_problem(table, data)
    target = problem.targets[0]
    observed = run(hakken(), problem, seed, q=BATCH, n=known + PLAYED, first=0)["observed"]
    came = np.maximum.accumulate([o["values"][target] for o in observed])
    spec = problem.planner_spec(batch=BATCH, initial={"experiments": BATCH})
    history, objective = history_of(problem, observed[:known]), build_objective(spec)
    found = rehearse(
        spec,
        problem.space,
        history,
        believed_worlds(spec, problem.space, history, seed=seed),
        Measure.of(objective, [values_of(o.outcome) for o in history.observations]),
        plays=PLAYS,
        experiments=PLAYED,
        seed=seed,
        pool=problem.pool,
        goal=GOAL * problem.optimum,
    )
    now = found.steps[0].planned.middle
    return [
        {
            "table": table,
            "known": known,
            "after": step.experiments,
            "low": step.planned.low,
            "middle": step.planned.middle,
            "high": step.planned.high,
            "came": float(came[known + step.experiments - 1]),
            "gain": float(came[known + step.experiments - 1] - came[known - 1]),
            "foreseen": step.planned.middle - now,  # type: ignore[operator] # a value each, without thresholds
            "chance": step.reached,
            "reached": bool(came[known + step.experiments - 1] >= GOAL * problem.optimum),
        }
        for step in found.steps[1:]
    ]


def told(rows: list[dict[str, Any]]) -> list[str]:
    """The cells of a line of the table."""
    held = np.mean([row["low"] <= row["came"] <= row["high"] for row in rows])
    above = np.mean([row["middle"] - row["came"] for row in rows])
    likely = [row["reached"] for row in rows if row["chance"] > 0.5]
    unlikely = [row["reached"] for row in rows if row["chance"] <= 0.5]
    return [
        f"{held:.2f}",
        f"{above:+.1f}",
        f"{np.mean([row['foreseen'] for row in rows]):.1f}",
        f"{np.mean([row['gain'] for row in rows]):.1f}",
        f"{sum(likely)} of {len(likely)}",
        f"{sum(unlikely)} of {len(unlikely)}",
    ]


def main() -> int:
    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--tables", default=TABLES, help=f"which, separated by commas (default {TABLES})")

    args = arguments(__doc__ or "", runs=8, more=more)
    seeds, tables = range(args.seed, args.seed + args.runs), args.tables.split(",")
    jobs = [(t, n, s, args.data) for t, n, s in itertools.product(tables, KNOWN, seeds)]
    rows = list(itertools.chain.from_iterable(run_jobs(rehearsed, jobs, args.jobs)))
    print(f"seeds {seeds[0]} to {seeds[-1]}, {PLAYS} plays of {PLAYED} experiments in batches of {BATCH}")
    print("| results | table | after | 90 % hold | middle less what came | foreseen | came | likely | unlikely |")
    print("|---|---|---|---|---|---|---|---|---|")
    for known, table, after in itertools.product(KNOWN, (*tables, "all"), (5, 20)):
        some = [r for r in rows if r["known"] == known and r["after"] == after and table in (r["table"], "all")]
        print(f"| {known} | {table} | {after} | " + " | ".join(told(some)) + " |")
    return finish([], args, {"rows": rows})


if __name__ == "__main__":
    sys.exit(main())
