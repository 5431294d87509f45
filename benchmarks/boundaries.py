"""Where a threshold is kept: how much of a table is misjudged after so many experiments?

Measured tables of reaction conditions, with a threshold of yield that a sixth of their rows keep; batches of five by
one acquisition function after another from hakken's own first batch. After some experiments every row that was not
tried is judged by whether it is believed to keep the threshold, and the table says of how many that is wrong, and how
many of those that are believed to keep it with a chance of 0.9 do not.

No mark was set.

    python benchmarks/boundaries.py --data DIR --runs 20
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contest import history_of
from harness import finish, mean_and_error, run_jobs
from problems import load_problem

from loop.insight.asking import Learning
from loop.planner import plan
from loop.spec import CampaignSpec, build_objective
from loop.surrogates.protocol import chance_between

METHODS = ("boundary", "exploration", "hits", "improvement", "random")
TABLES = ("direct_arylation", "buchwald_hartwig", "bh_chlorides", "arylation_extended")
BATCH = 5
LOOKED_AT = (25, 50, 100)  # experiments after which it is judged
SHARE, SURE = 1 / 6, 0.9


def run(data: Path, table: str, method: str, seed: int) -> list[dict[str, Any]]:
    """One campaign, and how the table is judged after some of its experiments."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    problem = load_problem(table, data)
    assert problem.rows is not None
    (target,) = problem.targets
    least = float(np.quantile(problem.truth[:, 0], 1 - SHARE))
    keeps = problem.truth[:, 0] >= least
    points = torch.from_numpy(np.array([problem.space.coordinates(row) for row in problem.rows]))
    wanted = {target: {**problem.spec["objective"][target], "at_least": least}}
    planner = {"batch": BATCH, "acquisition": method, "initial": {"experiments": 5}}
    spec = CampaignSpec.from_resolved({**problem.spec, "objective": wanted, "planner": planner})
    (sought,) = build_objective(spec).targets
    observed: list[dict[str, Any]] = []
    found = []
    while len(observed) < LOOKED_AT[-1]:
        history = history_of(problem, observed)
        batch = plan(spec, history, problem.pool, seed=1000 * seed + len(observed), experiments=BATCH)
        for p in batch.proposals:
            settings = dict(p.candidate.settings)
            observed.append({"settings": settings, "values": problem.observe(settings, seed), "failed": False})
        if len(observed) not in LOOKED_AT:
            continue
        (model,) = Learning(spec, history_of(problem, observed), seed=0).belief.models
        rest = np.setdiff1d(np.arange(len(keeps)), [problem.row(o["settings"]) for o in observed])
        chance = chance_between(model, *sought.bounds, points[rest]).numpy()
        sure, kept = chance >= SURE, keeps[rest]
        found.append(
            {"table": table, "method": method, "seed": seed, "experiments": len(observed)}
            | {"misjudged": float(((chance >= 0.5) != kept).sum() / len(keeps))}
            | {"sure": int(sure.sum()), "wrongly_sure": int((sure & ~kept).sum())}
            | {"found": int(keeps.sum() - kept.sum())}
        )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets")
    parser.add_argument("--runs", type=int, default=20, help="runs with seeds S to S + N - 1 (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="first seed (default 0)")
    parser.add_argument("--methods", default=",".join(METHODS), help=f"which (default {','.join(METHODS)})")
    parser.add_argument("--tables", default=",".join(TABLES), help=f"which (default {','.join(TABLES)})")
    parser.add_argument("--json", type=Path, help="also write everything measured to this file")
    parser.add_argument("--jobs", type=int, default=max(os.cpu_count() or 1, 1), help="processes at once")
    args = parser.parse_args()
    seeds, methods, tables = range(args.seed, args.seed + args.runs), args.methods.split(","), args.tables.split(",")
    jobs = list(itertools.product([args.data], tables, methods, seeds))
    rows = [r for found in run_jobs(run, jobs, args.jobs) for r in found]
    print(f"seeds {seeds[0]} to {seeds[-1]}, batches of {BATCH}; misjudged in % of the table")
    print("| table | experiments | chosen by | misjudged | more than by the first | wrong of the sure | found |")
    print("|---|---|---|---|---|---|---|")
    for table, n, method in itertools.product(tables, LOOKED_AT, methods):
        those = {m: [r for r in rows if (r["table"], r["experiments"], r["method"]) == (table, n, m)] for m in methods}
        mine = np.array([100 * r["misjudged"] for r in those[method]])
        first = np.array([100 * r["misjudged"] for r in those[methods[0]]])
        mean, error = mean_and_error(mine - first)
        sure, wrong, got = (sum(r[part] for r in those[method]) for part in ("sure", "wrongly_sure", "found"))
        share = f"{100 * wrong / sure:.1f} % of {sure / len(mine):.0f}" if sure else ""
        got = f"{got / len(mine):.1f}"
        print(f"| {table} | {n} | {method} | {mine.mean():.2f} | {mean:.2f} ± {error:.2f} | {share} | {got} |")
    return finish([], args, {"rows": rows})


if __name__ == "__main__":
    sys.exit(main())
