"""When to stop: does the statement on regret hold when a campaign stops by it, and does it stop before the budget?

Campaigns on eight measured tables of reaction conditions, batches of 5, hakken's defaults and its own first batch.
After every batch the planner states how much better something untried may be. A campaign would stop as soon as the
chance of more than a regret is at most delta; the statement held if the best untried candidate was then truly better
than the candidate believed best by no more than that. Each campaign runs on to the end, so that one run tells of every
regret, delta and budget, and nothing is confirmed. With ``--ending`` there is a campaign for each regret, which ends as
hakken's do: its best is measured once more before, unless it is known how results scatter. The tables have one value of
each candidate, so that nothing is noisy, which ``--exact`` says in the campaign file; ``--scatter 5`` adds noise to
what is measured, of which hakken knows nothing unless ``--told`` says it.

Marks, over all campaigns, for a regret of 5 points of yield, delta 0.05, a budget of 50: the statement holds in at
least 95 % of those that stop, and at least half of them stop before their budget ends.

    python benchmarks/stopping.py --data DIR --runs 60
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contest import history_of
from harness import Mark, arguments, finish, run_jobs
from planners import TABLES
from problems import load_problem

from loop.history import Claim
from loop.insight.statements import CHECKED
from loop.planner import plan
from loop.policy.stopping import CONFIRMS, regret_settled
from loop.spec import CampaignSpec

BATCH = 5
REGRETS = (5.0, 10.0)  # points of yield
DELTAS = (0.01, 0.05, 0.1, 0.2, 0.5)
REGRET, DELTA, BUDGET = 5.0, 0.05, 50  # of the marks


def campaign(
    table: str,
    seed: int,
    data: Path,
    experiments: int,
    scatter: float = 0.0,
    is_told: bool = False,
    ending: float | None = None,
    is_exact: bool = False,
) -> dict[str, Any]:
    """One campaign: what was stated after each batch, and what was true of it; it ends by a regret of ``ending``."""
    torch.set_num_threads(1)
    problem = load_problem(table, data)
    assert problem.rows is not None
    (target,) = problem.targets
    if ending is None:
        rules = [{"target": target, "regret": regret, "confirm": False} for regret in REGRETS]
    else:
        rules = [{"target": target, "regret": ending}]
    objective = {name: {**wanted, "exact": is_exact} for name, wanted in problem.spec["objective"].items()}
    planner = {"batch": BATCH, "initial": {"experiments": 5}}
    spec = CampaignSpec.from_resolved({**problem.spec, "objective": objective, "planner": planner, "stop": rules})
    labels = {problem.space.label(row): i for i, row in enumerate(problem.rows)}
    truth = problem.signs[0] * problem.truth[:, 0]
    luck = np.random.default_rng([seed, 7])
    observed: list[dict[str, Any]] = []
    claims: list[Claim] = []
    stated = []
    clock = time.process_time()
    until = min(experiments, len(problem.rows) - BATCH - 1)  # so that a batch is left to be planned
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while True:
            history = replace(history_of(problem, observed), claims=tuple(claims))
            batch = plan(spec, history, problem.pool, seed=1000 * seed + len(observed), experiments=BATCH)
            if said := batch.model.get("regret"):
                rest = np.setdiff1d(np.arange(len(truth)), [problem.row(o["settings"]) for o in observed])
                stated.append(
                    {
                        "n": len(observed),
                        "true": float(truth[rest].max() - truth[labels[said["incumbent"]]]),
                        "epsilon": said["epsilon"],
                        "chances": {rule["regret"]: rule["chance"] for rule in said["rules"]},
                        "confirms": said.get(CONFIRMS, False),
                        "widened": said["widened"][target],
                        "checked": said["checked"],
                    }
                )
            if len(observed) >= until or (ending is not None and regret_settled(spec, said or {})):
                break
            for p in batch.proposals:
                settings = dict(p.candidate.settings)
                value = problem.observe(settings, seed)[target] + scatter * luck.standard_normal()
                sd = {target: scatter} if is_told else {}
                observed.append({"settings": settings, "values": {target: value}, "sd": sd, "failed": False})
                claims += [Claim(target, s.mean, s.sd, value) for s in p.predictions if s.weight is None]
    return {"table": table, "seed": seed, "ending": ending, "cpu": time.process_time() - clock, "stated": stated}


def stopped(run: dict[str, Any], regret: float, delta: float, budget: int) -> dict[str, Any] | None:
    """What was stated when the campaign would have stopped before its budget ended; None where it would not have."""
    believed = (s for s in run["stated"] if s["n"] < budget and s["checked"] >= CHECKED and not s["confirms"])
    return next((s for s in believed if s["chances"][regret] <= delta), None)


def tally(runs: Sequence[dict[str, Any]], regret: float, delta: float, budget: int) -> dict[str, float | None]:
    """Of some campaigns: the share that stops, where, the share of these in which the statement held, what was left."""
    ends = [s for run in runs if (s := stopped(run, regret, delta, budget)) is not None]
    left = [max(s["true"], 0.0) for s in ends]
    return {
        "stops": len(ends) / len(runs),
        "at": float(np.mean([s["n"] for s in ends])) if ends else None,
        "holds": float(np.mean([true <= regret for true in left])) if ends else None,
        "left": float(np.mean(left)) if ends else None,
    }


def _row(name: str, found: dict[str, float | None]) -> str:
    if not found["stops"]:
        return f"{name:<20} stops    0%"
    return (
        f"{name:<20} stops {found['stops']:>5.0%}  at {found['at']:>5.1f}  holds {found['holds']:>6.1%}  "
        f"true regret there {found['left']:>5.2f}"
    )


def options(parser: argparse.ArgumentParser) -> None:
    """How long the campaigns are, and whether results scatter."""
    parser.add_argument("--experiments", type=int, default=100, help="experiments of each campaign (default 100)")
    parser.add_argument("--scatter", type=float, default=0.0, help="standard deviation of results, points (default 0)")
    parser.add_argument("--told", action="store_true", help="say so beside each result")
    parser.add_argument("--exact", action="store_true", help="the target is exact by the campaign file")
    parser.add_argument("--ending", action="store_true", help="a campaign for each regret, which ends by it")


def main() -> int:
    """Run, print the tables, judge the marks."""
    args = arguments(__doc__ or "", runs=60, more=options)
    seeds = range(args.seed, args.seed + args.runs)
    common = (args.data, args.experiments, args.scatter, args.told)
    endings = REGRETS if args.ending else (None,)
    runs = run_jobs(
        campaign, [(t, s, *common, ending, args.exact) for ending in endings for s in seeds for t in TABLES], args.jobs
    )
    measured: dict[str, Any] = {}
    for budget in sorted({min(BUDGET, args.experiments), args.experiments}):
        for regret in REGRETS:
            print(f"\nregret {regret:g}, delta {DELTA:g}, budget {budget}")
            for table in (*TABLES, ""):
                some = [r for r in runs if table in ("", r["table"]) and r["ending"] in (None, regret)]
                found = tally(some, regret, DELTA, budget)
                measured[f"{table or 'all'}, regret {regret:g}, budget {budget}"] = found
                print(_row(table or "all", found))
    judged = [r for r in runs if r["ending"] in (None, REGRET)]
    if not args.ending:  # a campaign that ends by one delta says nothing of the others
        print(f"\ncalibration: regret {REGRET:g}, budget {args.experiments}, all tables")
        for delta in DELTAS:
            found = tally(judged, REGRET, delta, args.experiments)
            measured[f"delta {delta:g}"] = found
            print(_row(f"delta {delta:g}", found))
    every = [s for r in runs for s in r["stated"]]
    held = float(np.mean([s["true"] <= s["epsilon"] for s in every]))
    print(f"the statement of a round, whatever its regret, held in {held:.1%} of {len(every)} rounds; by experiments:")
    by_size = {n: [s["true"] <= s["epsilon"] for s in every if s["n"] == n] for n in sorted({s["n"] for s in every})}
    print("  ".join(f"{n}: {np.mean(found):.0%}" for n, found in by_size.items()))
    print(f"seconds of processor time for a campaign: {np.mean([r['cpu'] for r in runs]):.1f}")
    main_tally = tally(judged, REGRET, DELTA, BUDGET)
    marks = [
        Mark("the statement holds where a campaign stops", main_tally["holds"] or 0.0, 0.95),
        Mark("campaigns that stop before the budget's end", main_tally["stops"] or 0.0, 0.5),
    ]
    return finish(marks, args, {"measured": measured, "rounds": held, "runs": runs})


if __name__ == "__main__":
    sys.exit(main())
