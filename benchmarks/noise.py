"""Noise: how good is the candidate that is named best after 50 noisy experiments, and do planned replicates help?

Tables with true replicates, one drawn for each experiment: crossed barrel (600 designs, 3 each), the Moonshot protease
assay (901 molecules, 2 or 3 each) and an HPLC sampler (1,007 settings, 379 of them twice). The truth is the mean of a
row's replicates. Every planner begins with the same 5 random rows and meets the same luck; after 50 experiments in
batches of 5 it names its best: hakken by ``hakken best``, a peer by its own recommendation. The simple regret is how
far the truth of the named one lies below the best truth of the table.

hakken runs three times: never replicating, with every proposal made three times, and with planned replicates. Marks:

1. crossed barrel: hakken's mean regret at most 0.8 of the best peer's; Moonshot and HPLC: not worse than the best
   peer's. hakken is the one configuration recommended for noisy campaigns, ``replicates: planned``.
2. Planned replicates have a lower regret than never and than always three, over the three tables (regrets in units of
   each table's spread of true values).

    python benchmarks/noise.py --data DIR --runs 30
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from contest import hakken, history_of, peer_campaigns, run
from harness import Mark, arguments, finish, in_errors, mean_and_error, run_jobs
from numpy.typing import NDArray
from problems import Problem, load_problem

from loop.insight.best import honest_best

TABLES = {"crossed_barrel": 0.8, "moonshot": 1.0, "hplc": 1.0}  # and what is asked of hakken's regret over the best's
WAYS: dict[str, dict[str, Any]] = {
    "planned": {"replicates": "planned"},
    "never": {"replicates": 1},
    "three": {"replicates": 3},
}


def named(way: str, problem_name: str, seed: int, data: Path) -> dict[str, Any]:
    """One run of hakken: the regret of what it names best, and how it spent its experiments."""
    problem = load_problem(problem_name, data)
    done = run(hakken(**WAYS[way]), problem, seed)
    spec = problem.planner_spec(**WAYS[way])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = honest_best(spec, history_of(problem, done["observed"]), problem.pool, seed=seed)
    best = dict(found.candidates[0].settings)
    different = {problem.row(o["settings"]) for o in done["observed"]}
    most = max(float(problem.signs[0] * problem.truth[row, 0]) for row in different)
    return {
        "way": way,
        "table": problem_name,
        "seed": seed,
        "regret": regret(problem, best),
        "regret_of_tried": float(problem.signs[0] * problem.optimum - most),
        "different": len(different),
        "chance": found.candidates[0].best_of_tried,
        "cpu": done["cpu"],
    }


def regret(problem: Problem, settings: dict[str, Any]) -> float:
    """How far the truth at these settings lies below the best of the table, in the target's unit."""
    return float(problem.signs[0] * (problem.optimum - problem.true_values(settings)[0]))


def main() -> int:
    args = arguments(__doc__ or "", runs=30, peers=True)
    seeds = list(range(args.seed, args.seed + args.runs))
    own = run_jobs(named, [(w, t, s, args.data) for t in TABLES for w in WAYS for s in seeds], args.jobs)
    asked = [(p, t, seeds, args.data, 5, 50, args.kept, args.fresh) for t in TABLES for p in args.peers]
    others = dict(zip([job[:2] for job in asked], run_jobs(peer_campaigns, asked, args.jobs), strict=True))
    marks: list[Mark] = []
    scaled: dict[str, list[NDArray[np.float64]]] = {way: [] for way in WAYS}
    for table, goal in TABLES.items():
        problem = load_problem(table, args.data)
        print(f"\n{table}: simple regret of the named best after 50 experiments ({problem.targets[0]})")
        print(
            f"{'method':10}{'runs':>6}{'mean':>9}{'s.e.':>8}{'median':>9}{'of tried':>10}{'different':>11}{'cpu s':>8}"
        )
        found: dict[str, dict[int, float]] = {}
        for way in WAYS:
            mine = [r for r in own if r["table"] == table and r["way"] == way]
            found[way] = {r["seed"]: r["regret"] for r in mine}
            scaled[way].append(np.array(list(found[way].values())) / problem.truth[:, 0].std())
            _line(way, found[way], mine)
        means: dict[str, float] = {}
        for peer in args.peers:
            runs, why = others[peer, table]
            if why:
                print(f"{peer}: {why}")
            if runs:
                found[peer] = {s: regret(problem, r["recommended"]) for s, r in runs.items()}
                _line(peer, found[peer], [])
                means[peer] = float(np.mean(list(found[peer].values())))
        if not means:
            print("no peer was run, so this table's mark is not judged")
            continue
        first = min(means, key=lambda name: means[name])
        both = sorted(set(found[first]) & set(found["planned"]))
        ratio = np.mean([found["planned"][s] for s in both]) / np.mean([found[first][s] for s in both])
        name = f"{table}, regret of planned over the best peer's ({first}), {len(both)} seeds"
        marks.append(Mark(name, float(ratio), goal, at_most=True))
    for way in ("never", "three"):
        gain = np.concatenate(scaled[way]) - np.concatenate(scaled["planned"])
        print(f"\n{way} - planned, in spreads of the truth: {gain.mean():.4f} ({in_errors(gain):.2f} standard errors)")
        marks.append(Mark(f"mean regret of {way} above that of planned, spreads of the truth", float(gain.mean()), 0.0))
    return finish(marks, args, {"own": own, "seeds": seeds})


def _line(name: str, regrets: dict[int, float], runs: list[dict[str, Any]]) -> None:
    values = np.array(list(regrets.values()))
    mean, error = mean_and_error(values)
    more = ""
    if runs:
        tried, different = np.mean([r["regret_of_tried"] for r in runs]), np.mean([r["different"] for r in runs])
        more = f"{tried:10.3f}{different:11.1f}{np.median([c for r in runs for c in r['cpu']]):8.2f}"
    print(f"{name:10}{len(values):6}{mean:9.3f}{error:8.3f}{float(np.median(values)):9.3f}{more}")


if __name__ == "__main__":
    sys.exit(main())
