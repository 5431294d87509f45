"""What pairs of experiments that differ in one thing tell: those of one round, and an experiment with a later one.

Own campaigns by fives, 50 experiments, on tables whose truth is known, each result with noise of 10 % of the range of
yields. Of every two experiments that differ in one parameter alone: what the later one in order gave more than the
earlier, less what their true values differ by (the bias); and whether the interval of each change that ``hakken pairs``
would state holds what its pairs differ by in truth.

Marks: pairs of one round are biased by no more than three standard errors, those across rounds by more (or they could
count, too), and intervals hold in 95 % or more.

    python benchmarks/pairs.py --data DIR --runs 60
"""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from contest import hakken, run
from harness import Mark, arguments, finish, in_errors, mean_and_error, run_jobs
from problems import Problem, load_problem

from loop.history import Observation
from loop.insight.contrasts import contrasts
from loop.insight.matched import Made, Pair, change_between, matched_pairs
from loop.outcome import Measured, Measurement
from loop.spec import build_objective

TABLES = ("direct_arylation", "buchwald_hartwig")
NOISE = 10.0  # %, of yields
BATCH = 5


def campaign(table: str, seed: int, data: Path) -> dict[str, Any]:
    """One campaign: biases of both kinds of pairs, and which intervals hold."""
    problem, rng = load_problem(table, data), np.random.default_rng(seed + 777)
    (target,) = problem.targets

    def measure(problem: Problem, settings: Any, _seed: int, _earlier: Sequence[Any]) -> dict[str, Any]:
        true = float(problem.true_values(settings)[0])
        return {"settings": settings, "values": {target: true + NOISE * rng.normal()}, "failed": False, "true": true}

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        observed = run(hakken(), problem, seed, measure=measure, first=0)["observed"]
    x = [problem.space.coordinates(o["settings"]) for o in observed]
    luck = [o["values"][target] - o["true"] for o in observed]
    together: list[float] = []
    across: list[float] = []
    for i, k in itertools.combinations(range(len(observed)), 2):
        if change_between(problem.space, x[i], x[k]) is not None:
            (together if i // BATCH == k // BATCH else across).append(luck[k] - luck[i])
    made = [Made(i // BATCH, _observation(i, x[i], o, target), {}) for i, o in enumerate(observed)]
    truths = {str(i): o["true"] for i, o in enumerate(observed)}
    return {"table": table, "seed": seed, "together": together, "across": across, "held": _held(problem, made, truths)}


def _observation(i: int, x: Any, observed: Mapping[str, Any], target: str) -> Observation:
    y = observed["values"][target]
    return Observation(str(i), x, Measured((Measurement(target, y, "%", y),)))


def _held(problem: Problem, made: Sequence[Made], truths: Mapping[str, float]) -> list[bool]:
    """Of each change with an interval, whether that holds what its pairs differ by in truth."""
    targets, pairs = build_objective(problem.planner_spec()).targets, matched_pairs(problem.space, made)
    found: dict[tuple[int, tuple[float, float]], list[Pair]] = {}
    for pair in pairs:
        found.setdefault((pair.column, pair.values), []).append(pair)
    held = []
    for these in found.values():
        (one,) = contrasts(problem.space, targets, these)
        true = np.mean([_truth(p.first, truths) - _truth(p.second, truths) for p in these])
        if one.low is not None and one.high is not None:
            held.append(bool(one.low <= true <= one.high))
    return held


def _truth(side: Sequence[Observation], truths: Mapping[str, float]) -> float:
    return float(np.mean([truths[o.id] for o in side]))


def main() -> int:
    args = arguments(__doc__ or "", runs=60)
    seeds = range(args.seed, args.seed + args.runs)
    found = run_jobs(campaign, [(table, seed, args.data) for table in TABLES for seed in seeds], args.jobs)
    marks = []
    for table in TABLES:
        mine = [r for r in found if r["table"] == table]
        for kind, name in (("together", "of one round"), ("across", "across rounds")):
            biases = np.array([np.mean(r[kind]) for r in mine if r[kind]])
            mean, error = mean_and_error(biases)
            many = np.mean([len(r[kind]) for r in mine])
            print(f"{table}, pairs {name}: {many:.0f} a campaign, bias {mean:.2f} ± {error:.2f} %")
            away = abs(in_errors(biases))
            marks.append(Mark(f"{table}, bias {name}, standard errors", away, 3.0, at_most=kind == "together"))
        held = [one for r in mine for one in r["held"]]
        print(f"{table}: {np.mean(held):.3f} of {len(held)} intervals hold")
    every = [one for r in found for one in r["held"]]
    marks.append(Mark("share of intervals that hold, both tables", float(np.mean(every)), 0.95))
    return finish(marks, args, {"found": found, "seeds": list(seeds)})


if __name__ == "__main__":
    sys.exit(main())
