"""Memory: what is an earlier campaign on another substrate worth, and is an unrelated one dropped?

The earlier campaign is one of hakken's own, 30 experiments in batches of 5 from its own design: few and biased data, as
they are on record. The later one has batches of 5 and begins with hakken's own first batch. Buchwald-Hartwig couplings
of aryl chlorides, bromides and iodides in all ordered pairs, and couplings of aniline and benzamide in both directions.
The area under the curve is the mean of the best value so far over the batches, as a share of the optimum.

An unrelated source has the same rows with their yields shuffled among them. One of another chemistry has the same rows
and yields, but in each parameter the options are renamed among themselves: it is as regular as a source can be, and
wrong. Marks:

1. area at 10 experiments: higher with the earlier campaign by 0.03 on average, and in no direction lower than without
   by more than a standard error of the difference;
2. unrelated: not lower at 10 and at 50 experiments, and it is dropped by then in most runs. What another chemistry
   costs is printed.

    python benchmarks/transfer.py --data DIR --runs 60 --csv curves.csv --page curves.html
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contest import history_of
from curves import Curve, options, write
from harness import Mark, arguments, finish, in_errors, mean_and_error, run_jobs
from problems import Problem, Settings, load_problem

from loop.memory.earlier import Earlier
from loop.planner import plan
from loop.space import Discrete
from loop.spec import CampaignSpec, build_space

HALIDES = ("bh_chlorides", "bh_bromides", "bh_iodides")
AMINES = ("baumgartner", "benzamide")
PAIRS = [(a, b) for group in (HALIDES, AMINES) for a in group for b in group if a != b]
EARLIER_SEEDS = 10_000  # added to a seed: an earlier campaign shares nothing with the later one
EARLIER, BATCH, SOON, LATE = 30, 5, 10, 50
WAYS = ("none", "earlier", "unrelated", "other")
NAMES = dict(zip(WAYS, ("no source", "earlier campaign", "unrelated", "another chemistry"), strict=True))


def campaign(
    problem: Problem,
    seed: int,
    n: int,
    earlier: tuple[Earlier, ...] = (),
    prior: dict[str, dict[str, list[str]]] | None = None,
) -> tuple[list[dict[str, Any]], Any]:
    """Observations in order, and what the last batch's model says of its sources; ``prior`` as in a campaign file."""
    torch.set_num_threads(1)
    observed: list[dict[str, Any]] = []
    planner = {"batch": BATCH, "initial": {"experiments": BATCH}}
    spec, told = CampaignSpec.from_resolved({**problem.spec, "planner": planner, "prior": prior}), None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while len(observed) < n:
            batch = plan(
                spec,
                history_of(problem, observed),
                problem.pool,
                seed=seed * 1000 + len(observed) // BATCH,
                experiments=BATCH,
                earlier=earlier,
            )
            told = batch.model.get("sources", {}).get(problem.targets[0])
            for proposal in batch.proposals[: n - len(observed)]:
                settings = dict(proposal.candidate.settings)
                values = problem.observe(settings, seed, [o["settings"] for o in observed])
                observed.append({"settings": settings, "values": values, "failed": False})
    return observed, told


def renamed(problem: Problem, settings: Settings, seed: int) -> dict[str, Any]:
    """The settings with the options of each parameter, or its listed numbers, in an order drawn by the seed."""
    found = {}
    for number, parameter in enumerate(build_space(problem.planner_spec()).parameters):
        values = list(parameter.values if isinstance(parameter, Discrete) else parameter.options)
        order = np.random.default_rng([seed, number]).permutation(len(values))
        found[parameter.name] = values[order[values.index(settings[parameter.name])]]
    return found


def run(pair: tuple[str, str], seed: int, data: Path) -> dict[str, Any]:
    """One seed of one direction: best so far after each experiment, as a share of the optimum, in each way."""
    source, target = (load_problem(name, data) for name in pair)
    before, _ = campaign(source, seed + EARLIER_SEEDS, EARLIER)
    order = np.random.default_rng(seed).permutation(len(before))
    mixed = [{**o, "values": before[i]["values"]} for o, i in zip(before, order, strict=True)]
    other = [{**o, "settings": renamed(source, o["settings"], seed)} for o in before]
    result: dict[str, Any] = {"pair": pair, "seed": seed}
    for way, rows in zip(WAYS, (None, before, mixed, other), strict=True):
        earlier = () if rows is None else (Earlier(source.name, source.planner_spec(), history_of(source, rows)),)
        done, told = campaign(target, seed, LATE, earlier)
        values = [o["values"][target.targets[0]] for o in done]
        result[way] = (np.maximum.accumulate(values) / target.optimum).tolist()
        result[f"{way}_told"] = told
    return result


def is_dropped(result: dict[str, Any], way: str) -> bool:
    """Whether a run's last batch paid no heed to its source, which may never have been heard."""
    told = result[f"{way}_told"]
    return not told or bool(told[0]["dropped"])


def curves_of(results: Sequence[dict[str, Any]]) -> list[Curve]:
    """Every run in every way, without an earlier campaign first."""
    return [
        Curve(" to ".join(r["pair"]), NAMES[way], r["seed"], tuple(r[way]), BATCH, ()) for way in WAYS for r in results
    ]


def main() -> int:
    args = arguments(__doc__ or "", runs=60, more=options)
    jobs = [(pair, seed, args.data) for pair in PAIRS for seed in range(args.seed, args.seed + args.runs)]
    results = run_jobs(run, jobs, args.jobs)
    print(f"{'earlier':14}{'later':14}{'source':11}{'dropped':>8}" + f"{'none':>8}{'gain':>9}{'s.e.':>8}" * 2)
    gains: dict[tuple[str, int], list[np.ndarray]] = {}
    for pair in PAIRS:
        mine = [r for r in results if tuple(r["pair"]) == pair]
        for way in WAYS[1:]:
            line = f"{pair[0]:14}{pair[1]:14}{way:11}{np.mean([is_dropped(r, way) for r in mine]):8.2f}"
            for n in (SOON, LATE):
                none, area = (np.array([np.mean(r[w][BATCH - 1 : n : BATCH]) for r in mine]) for w in ("none", way))
                gains.setdefault((way, n), []).append(area - none)
                gain, error = mean_and_error(area - none)
                line += f"{none.mean():8.3f}{gain:9.4f}{error:8.4f}"
            print(line)
    marks = [
        Mark("area at 10 with an earlier campaign, less that without, mean of the directions",
             float(np.mean([g.mean() for g in gains["earlier", SOON]])), 0.03),
        Mark("the same, least of the directions, in standard errors",
             min(in_errors(g) for g in gains["earlier", SOON]), -1.0),
    ]  # fmt: skip
    for n in (SOON, LATE):
        least = min(in_errors(g) for g in gains["unrelated", n])
        marks.append(
            Mark(f"area at {n} with an unrelated source, least of the directions, in standard errors", least, -1.0)
        )
    dropped = np.mean([is_dropped(r, "unrelated") for r in results])
    marks.append(Mark("share of runs in which the unrelated source is dropped in the last batch", float(dropped), 0.5))
    told = f"Seeds {args.seed} to {args.seed + args.runs - 1}; the same first batch in every way, paired by seed."
    write(args, "Earlier campaigns", told, curves_of(results), [m.line() for m in marks])
    return finish(marks, args, {"runs": results})


if __name__ == "__main__":
    sys.exit(main())
