"""What did not work, and what is only known to lie beyond a limit.

1. Vapour diffusion of perovskites (918 rows, 41 % of them without any crystal): how many of 50 experiments, in batches
   of 5 from shared random starts, give large crystals (outcome 4)? hakken against BayBE, Ax, BoFire and chance.
   hakken's spec states the four levels of the outcome; peers, which cannot, get a number from 1 to 4, a clear solution
   as 1. The mark is hakken's mean over the best peer's, on the seeds that all of them have.
2. Direct arylation with a detector that saturates: every yield above 90 % is reported as ">90". The true yield of the
   best tried condition after 50 experiments is compared with that of runs in which everything was reported, and of runs
   in which ">90" was written down as 90.

Seeds are S to S + N - 1; differences are paired by seed. Peers' runs are kept in ``.peers/cache``; ``--kept`` looks
them up without running any.

    python benchmarks/failures.py --data DIR --runs 30
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from contest import CHOOSERS, Observed, campaign, measure, peer_campaigns, run
from harness import Mark, arguments, finish, in_errors, mean_and_error, run_jobs
from numpy.typing import NDArray
from problems import Problem, Settings, load_problem

TABLE, LARGE = "perovskite_vapdiff", 4.0
LIMIT = 90.0  # %; what the detector can tell at most
WAYS = ("reported", "censored", "replaced")


def large_crystals(done: dict[str, Any]) -> float:
    """How many experiments of a run gave large crystals."""
    return float(sum(o["values"].get("score") == LARGE for o in done["observed"]))


def saturated(problem: Problem, settings: Settings, seed: int, earlier: Sequence[Settings]) -> Observed:
    """A yield above the limit is reported as a limit."""
    observed = measure(problem, settings, seed, earlier)
    if observed["values"]["yield"] > LIMIT:
        observed |= {"values": {"yield": LIMIT}, "qualifiers": {"yield": ">"}}
    return observed


def cut(problem: Problem, settings: Settings, seed: int, earlier: Sequence[Settings]) -> Observed:
    """A yield above the limit is written down as the limit."""
    observed = saturated(problem, settings, seed, earlier)
    return {k: v for k, v in observed.items() if k != "qualifiers"}


def arylation(way: str, seed: int, data: Path) -> dict[str, Any]:
    """One run of hakken on direct arylation; ``best`` is the true yield of the best condition that was tried."""
    problem = load_problem("direct_arylation", data)
    how = {"reported": measure, "censored": saturated, "replaced": cut}[way]
    done = run(CHOOSERS["hakken"], problem, seed, measure=how)
    true = [float(problem.true_values(o["settings"])[0]) for o in done["observed"]]
    return {"way": way, "seed": seed, "best": max(true), "above": sum(v > LIMIT for v in true)}


def main() -> int:
    args = arguments(__doc__ or "", runs=30, peers=True)
    seeds = list(range(args.seed, args.seed + args.runs))
    own = [(name, TABLE, seed, args.data) for name in CHOOSERS for seed in seeds]
    results = run_jobs(campaign, own, args.jobs)
    runs = {name: {job[2]: r for job, r in zip(own, results, strict=True) if job[0] == name} for name in CHOOSERS}
    asked = [(name, TABLE, seeds, args.data, 5, 50, args.kept, args.fresh) for name in args.peers]
    for name, (found, why) in zip(args.peers, run_jobs(peer_campaigns, asked, args.jobs), strict=True):
        if why:
            print(f"{name}: {why}")
        if found:
            runs[name] = found
    counts = {name: {seed: large_crystals(r) for seed, r in found.items()} for name, found in runs.items()}
    marks = _crystals(counts, {n: [c for r in f.values() for c in r["cpu"]] for n, f in runs.items()})

    ways = run_jobs(arylation, [(way, seed, args.data) for way in WAYS for seed in seeds], args.jobs)
    best = {way: np.array([r["best"] for r in ways if r["way"] == way]) for way in WAYS}
    marks += _limits(best)
    return finish(marks, args, {"large_crystals": counts, "arylation": ways})


def _crystals(counts: dict[str, dict[int, float]], cpu: dict[str, list[float]]) -> list[Mark]:
    shared = sorted(set.intersection(*(set(c) for c in counts.values())))
    print(f"\nlarge crystals in 50 experiments of {TABLE}; hakken's mean over the other's on the seeds that both have")
    print(f"{'method':10}{'runs':>6}{'mean':>8}{'s.e.':>8}{'hakken /':>10}{'ahead':>8}{'s.e.':>8}{'cpu s/batch':>13}")
    for name, found in counts.items():
        both = sorted(set(found) & set(counts["hakken"]))
        mine, theirs = _of(counts["hakken"], both), _of(found, both)
        (mean, error), (gain, gain_error) = mean_and_error(_of(found, list(found))), mean_and_error(mine - theirs)
        print(
            f"{name:10}{len(found):6}{mean:8.2f}{error:8.2f}{mine.mean() / theirs.mean():10.3f}"
            f"{gain:8.2f}{gain_error:8.2f}{float(np.median(cpu[name])):13.2f}"
        )
    peers = [name for name in counts if name not in CHOOSERS]
    if not peers:
        print("no peer was run, so the mark of large crystals is not judged")
        return []
    means = {name: float(_of(counts[name], shared).mean()) for name in peers}
    first = max(means, key=lambda name: means[name])
    ratio = float(_of(counts["hakken"], shared).mean()) / means[first]
    return [Mark(f"large crystals, hakken over the best peer ({first}), {len(shared)} seeds", ratio, 1.15)]


def _limits(best: dict[str, NDArray[np.float64]]) -> list[Mark]:
    print(f"\ntrue yield of the best condition tried, direct arylation, yields above {LIMIT:g} % ...")
    for way, values in best.items():
        mean, error = mean_and_error(values)
        print(f"{way:10}{mean:8.2f}{error:8.2f}")
    loss, gain = best["reported"] - best["censored"], best["censored"] - best["replaced"]
    print(f"censored - replaced: {gain.mean():.2f}, {in_errors(gain):.2f} standard errors")
    return [
        Mark("true best lost by censoring, % yield", float(loss.mean()), 1.0, at_most=True),
        Mark("censored ahead of replaced by the limit, standard errors", in_errors(gain), 0.0),
    ]


def _of(found: dict[int, float], seeds: Sequence[int]) -> NDArray[np.float64]:
    return np.array([found[seed] for seed in seeds])


if __name__ == "__main__":
    sys.exit(main())
