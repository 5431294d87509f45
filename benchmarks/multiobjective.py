"""Several targets: how much hypervolume does each planner find with the same budget?

50 experiments in batches of 5 from shared random starts (30 on the synthetic problems). Direct arylation (yield and
cost of the reagents), lipid nanoparticles (three targets), SNAr in flow (space-time yield and E-factor), and two
synthetic problems of BoTorch with a constraint that is measured: ConstrainedBraninCurrin, whose front the constraint
cuts at an edge, and C2DTLZ2, whose front it cuts into pieces. hakken against BayBE, Ax, BoFire and chance.

The hypervolume is that of the true values of everything tried that keeps the constraint, above the problem's fixed
reference, as a share of that of all rows (of everything that any planner tried, where there are no rows). The mark is
hakken's mean over that of the peer that is furthest ahead or nearest behind, each on the seeds that it was run with.
Seeds are S to S + N - 1; differences are paired by seed. Peers' runs are kept in ``.peers/cache``; ``--kept`` looks
them up without running any.

    python benchmarks/multiobjective.py --data DIR --runs 30
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume
from botorch.utils.multi_objective.pareto import is_non_dominated
from contest import CHOOSERS, campaign, peer_campaigns
from harness import Mark, arguments, finish, mean_and_error, run_jobs
from numpy.typing import NDArray
from problems import Problem, load_problem

NAMES = ("arylation_cost", "lnp3", "snar", "branin_currin", "c2dtlz2")
BATCH = 5


def hypervolume(problem: Problem, values: NDArray[np.float64]) -> float:
    """What the rows of ``values``, ``(n, m)`` in target units, dominate where they keep the constraints."""
    keeps = np.ones(len(values), dtype=bool)
    for column, target in enumerate(problem.spec["objective"].values()):
        keeps &= values[:, column] >= target.get("at_least", -np.inf)
        keeps &= values[:, column] <= target.get("at_most", np.inf)
    aims = problem.signs != 0
    worth = torch.from_numpy(values[keeps][:, aims] * problem.signs[aims])
    reference = torch.tensor(np.array(problem.reference)[aims] * problem.signs[aims])
    if not len(worth):
        return 0.0
    return float(Hypervolume(reference).compute(worth[is_non_dominated(worth)]))


def found(problem: Problem, done: dict[str, Any]) -> NDArray[np.float64]:
    """True values of everything tried, ``(n, m)``."""
    return np.array([problem.true_values(o["settings"]) for o in done["observed"]])


def main() -> int:
    args = arguments(__doc__ or "", runs=30, peers=True)
    seeds = list(range(args.seed, args.seed + args.runs))
    budgets = {name: load_problem(name, args.data).experiments for name in NAMES}
    jobs = [(c, p, s, args.data, BATCH, n) for p, n in budgets.items() for c in CHOOSERS for s in seeds]
    runs: dict[str, dict[str, dict[int, Any]]] = {p: {c: {} for c in CHOOSERS} for p in NAMES}
    for job, done in zip(jobs, run_jobs(campaign, jobs, args.jobs), strict=True):
        runs[job[1]][job[0]][job[2]] = done
    asked = [(o, p, seeds, args.data, BATCH, n, args.kept, args.fresh) for p, n in budgets.items() for o in args.peers]
    for job, (kept, why) in zip(asked, run_jobs(peer_campaigns, asked, args.jobs), strict=True):
        if why:
            print(f"{job[0]} on {job[1]}: {why}")
        if kept:
            runs[job[1]][job[0]] = kept
    marks, volumes = [], {}
    for name, of in runs.items():
        more, volumes[name] = _judge(load_problem(name, args.data), of)
        marks += more
    return finish(marks, args, {"hypervolumes": volumes})


def _judge(problem: Problem, runs: dict[str, dict[int, Any]]) -> tuple[list[Mark], dict[str, dict[int, float]]]:
    values = {c: {s: found(problem, r) for s, r in done.items()} for c, done in runs.items()}
    everything = (
        problem.truth if problem.rows is not None else np.concatenate([v for c in values.values() for v in c.values()])
    )
    whole = hypervolume(problem, everything)
    shares = {c: {s: hypervolume(problem, v) / whole for s, v in of.items()} for c, of in values.items()}
    print(f"\n{problem.name}: hypervolume, share of {'all rows' if problem.rows else 'all that was tried'}")
    print(f"{'method':10}{'runs':>6}{'mean':>8}{'s.e.':>8}{'hakken /':>10}{'ahead':>9}{'s.e.':>8}{'cpu s/batch':>13}")
    for c, of in shares.items():
        mean, error = mean_and_error(np.array(list(of.values())))
        mine, theirs = _shared(shares["hakken"], of)
        gain, gain_error = mean_and_error(mine - theirs)
        cpu = float(np.median([t for r in runs[c].values() for t in r["cpu"]]))
        ratio = mine.mean() / theirs.mean()
        print(f"{c:10}{len(of):6}{mean:8.4f}{error:8.4f}{ratio:10.4f}{gain:9.4f}{gain_error:8.4f}{cpu:13.2f}")
    ratios = {}
    for c, of in shares.items():
        if c not in CHOOSERS and len(pair := _shared(shares["hakken"], of)[0]):
            ratios[c] = pair.mean() / _shared(of, shares["hakken"])[0].mean(), len(pair)
    if not ratios:
        print("no peer was run, so the mark is not judged")
        return [], shares
    best = min(ratios, key=lambda c: ratios[c][0])
    ratio, n = ratios[best]
    return [Mark(f"hypervolume on {problem.name}, hakken over the best peer ({best}), {n} seeds", ratio, 1.0)], shares


def _shared(of: dict[int, float], others: dict[int, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What both have on the seeds that both were run with, in the same order."""
    seeds = sorted(set(of) & set(others))
    return np.array([of[s] for s in seeds]), np.array([others[s] for s in seeds])


if __name__ == "__main__":
    sys.exit(main())
