"""Leave one table out: is hakken's default any better on a table than the one chosen without that table?

What was tuned on tables cannot be judged on them. So every candidate for the default (members of the committee,
acquisition, initial design) runs on eight tables, batches of 5, 50 experiments, with its own first batch and the same
seeds. The default chosen with all tables is the candidate with the highest area under the curve, mean of the tables;
the one chosen without a table has the highest mean of the others. On the table left out the two are compared, paired
by seed. Half of the seeds choose and the other half judge, so that no choice is judged by the luck that made it.

Marks: on each table, the choice without it is not behind the choice with it by more than a standard error; and hakken's
default as it is, is not behind the choice of all tables, mean of the tables, by more than one.

    python benchmarks/defaults.py --data DIR --runs 40
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from contest import hakken, run
from harness import Mark, arguments, finish, in_errors, mean_and_error, run_jobs
from numpy.typing import NDArray
from planners import TABLES
from problems import load_problem

DEFAULT = "hakken"
CANDIDATES: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    "gp": {"surrogate": "gp"},
    "tanimoto": {"surrogate": "tanimoto"},
    "gp-mordred": {"surrogate": "gp-mordred"},
    "gp-descriptors": {"surrogate": "gp-descriptors"},
    "gp, tanimoto": {"surrogate": ["gp", "tanimoto"]},
    "gp, gp-mordred": {"surrogate": ["gp", "gp-mordred"]},
    "tanimoto, gp-mordred": {"surrogate": ["tanimoto", "gp-mordred"]},
    "gp, tanimoto, gp-descriptors": {"surrogate": ["gp", "tanimoto", "gp-descriptors"]},
    "thompson": {"acquisition": "thompson"},
    "ucb": {"acquisition": "ucb"},
    "medoid first": {"initial": {"design": "medoid", "experiments": 5}},
    "random first": {"initial": {"design": "random", "experiments": 5}},
}
BATCH, EXPERIMENTS = 5, 50


def campaign(candidate: str, table: str, seed: int, data: Path) -> float:
    """The area under the curve of one campaign, as a share of the optimum."""
    problem = load_problem(table, data)
    done = run(hakken(**CANDIDATES[candidate]), problem, seed, q=BATCH, n=EXPERIMENTS, first=0)
    values = [o["values"][problem.targets[0]] for o in done["observed"]]
    return float(np.mean(np.maximum.accumulate(values)[BATCH - 1 :: BATCH]) / problem.optimum)


def choice(area: dict[str, NDArray[np.float64]], without: int | None = None) -> str:
    """The candidate with the highest mean over tables and seeds; ``area`` has shape ``(tables, seeds)`` each."""
    return max(area, key=lambda name: float(np.delete(area[name], [] if without is None else [without], axis=0).mean()))


def main() -> int:
    args = arguments(__doc__ or "", runs=40)
    if args.runs < 4:
        raise SystemExit("half of the seeds choose and half judge, so --runs must be at least 4")
    seeds = range(args.seed, args.seed + args.runs)
    jobs = [(c, t, s, args.data) for s in seeds for t in TABLES for c in CANDIDATES]
    found = np.array(run_jobs(campaign, jobs, args.jobs)).reshape(args.runs, len(TABLES), len(CANDIDATES))
    area = {name: found[:, :, i].T for i, name in enumerate(CANDIDATES)}
    half = args.runs // 2
    chosen_by = {name: a[:, :half] for name, a in area.items()}
    judged_by = {name: a[:, half:] for name, a in area.items()}

    print(f"\narea under the curve, {args.runs} seeds; mean over the tables, and paired with hakken's default")
    print(f"{'candidate':30}" + "".join(f"{t[:12]:>14}" for t in TABLES) + f"{'mean':>8}{'- default':>11}{'s.e.':>8}")
    for name, a in area.items():
        gap, error = mean_and_error((a - area[DEFAULT]).mean(axis=0))
        cells = "".join(f"{m:14.4f}" for m in a.mean(axis=1))
        print(f"{name:30}{cells}{a.mean():8.4f}" + (f"{gap:11.4f}{error:8.4f}" if name != DEFAULT else ""))

    everything = choice(chosen_by)
    print(f"\nchosen with all tables: {everything}; judged on the other {args.runs - half} seeds")
    marks = []
    for i, table in enumerate(TABLES):
        name = choice(chosen_by, without=i)
        gap, error = mean_and_error(judged_by[name][i] - judged_by[everything][i])
        print(f"  without {table:20} {name:30}{gap:9.4f} ± {error:.4f}")
        against = in_errors(judged_by[name][i] - judged_by[everything][i])
        marks.append(Mark(f"{table}: the choice without it against that with it, in standard errors", against, -1.0))
    ours = (judged_by[DEFAULT] - judged_by[everything]).mean(axis=0)
    marks.append(Mark(f"hakken's default against the choice of all tables ({everything}), mean of the tables, "
                      "in standard errors", in_errors(ours), -1.0))  # fmt: skip
    return finish(marks, args, {"area": {name: a.tolist() for name, a in area.items()}, "tables": TABLES})


if __name__ == "__main__":
    sys.exit(main())
