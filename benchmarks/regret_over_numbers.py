"""When to stop, in spaces of numbers: does the statement on regret hold there?

Campaigns on test functions of BoTorch, on one of them and another in steps, and on a response of four parts of a
mixture, batches of 4, 52 experiments, exact results (which ``--exact`` tells hakken), its defaults. After every batch
the planner states how much better something untried may be; the truth is known. A campaign would stop as soon as the
chance of more than a tenth of the function's standard deviation is at most 0.05; each runs on to the end, and nothing
is confirmed. ``stopping.py`` asks the same of tables of reactions.

Marks: the statement holds in at least 95 % of the rounds in which predictions were checked, and of the campaigns that
stop.

    python benchmarks/regret_over_numbers.py --runs 5
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from botorch.test_functions import Branin, Hartmann, Levy, Rosenbrock, StyblinskiTang, SyntheticTestFunction
from harness import Mark, finish, run_jobs
from numpy.typing import NDArray

from loop.history import Claim, History, Observation
from loop.insight.statements import CHECKED
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.spec import CampaignSpec, build_space

Array = NDArray[np.float64]

BATCH, EXPERIMENTS = 4, 52
TENTH, DELTA = 0.1, 0.05
LEAST = 1e-3  # of the standard deviation: what is below is no regret
STEPS = 20  # of a number in steps
FUNCTIONS: dict[str, SyntheticTestFunction] = {
    "Branin": Branin(negate=True),
    "Hartmann, 3 numbers": Hartmann(3, negate=True),
    "Hartmann, 6 numbers": Hartmann(6, negate=True),
    "Levy, 4 numbers": Levy(4, negate=True),
    "Rosenbrock, 2 numbers": Rosenbrock(2, negate=True),
    "Styblinski-Tang, 3 numbers": StyblinskiTang(3, negate=True),
}
STEPPED = ("Hartmann, 3 numbers", "Styblinski-Tang, 3 numbers")
MIXTURE = "a mixture of 4"
SURFACES = (*FUNCTIONS, *(f"{name} in steps" for name in STEPPED), MIXTURE)


@dataclass(frozen=True)
class Surface:
    """A function of the settings of a space, the best there is, and how widely it varies."""

    space: dict[str, Any]
    value: Callable[[dict[str, Any]], float]
    best: float
    sd: float


def surface(name: str) -> Surface:
    """One of ``SURFACES``."""
    rng = np.random.default_rng(0)
    if name == MIXTURE:
        x = rng.dirichlet(np.ones(4), 400_000)
        values = blended(x)
        parts = list("abcd")
        space: dict[str, Any] = {"blend": {"type": "mixture", "parts": parts}}
        return Surface(
            space,
            lambda s: float(blended(np.array([[s[f"blend.{p}"] for p in parts]]))[0]),
            float(values.max()),
            float(values.std()),
        )
    is_stepped = name.endswith(" in steps")
    function = FUNCTIONS[name.removesuffix(" in steps")]
    low, high = function.bounds.numpy()
    names = [f"x{i}" for i in range(len(low))]
    step = {"step": 1 / STEPS} if is_stepped else {}

    def at(u: Array) -> Array:
        """Values where numbers lie at shares of their ranges ``u``, ``(n, d)``: ``(n,)``."""
        return np.asarray(function(torch.from_numpy(low + (high - low) * u)).numpy())

    best = float(function.optimal_value)
    if is_stepped:
        grid = np.array(list(itertools.product(np.linspace(0, 1, STEPS + 1), repeat=len(low))))
        best = float(at(grid).max())
    return Surface(
        {n: {"type": "number", "low": 0, "high": 1, **step} for n in names},
        lambda s: float(at(np.array([[s[n] for n in names]]))[0]),
        best,
        float(at(rng.random((20_000, len(low)))).std()),
    )


def blended(x: Array) -> Array:
    """A smooth response to four fractions ``x``, ``(n, 4)``: ``(n,)``."""
    a, b, c, d = x.T
    alone = 40 * a + 60 * b + 20 * c + 10 * d
    return np.asarray(alone + 120 * a * b - 80 * b * c + 300 * a * c * d + 90 * b * d - 70 * c * d)


def campaign(name: str, seed: int, is_exact: bool = False) -> dict[str, Any]:
    """One campaign: what was stated after each batch, and what was true of it, in standard deviations."""
    torch.set_num_threads(1)
    there = surface(name)
    rule = {"target": "y", "regret": TENTH * there.sd, "delta": DELTA, "confirm": False}
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "surface",
            "space": there.space,
            "objective": {"y": {"goal": "maximize", "exact": is_exact}},
            "planner": {"batch": BATCH, "initial": {"experiments": 5}},
            "budget": {"experiments": 2 * EXPERIMENTS},
            "stop": [rule],
            "laboratory": {"adapter": "manual"},
        }
    )
    space = build_space(spec)
    history, claims, stated = History(()), list[Claim](), list[dict[str, Any]]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while True:
            batch = plan(spec, history, None, seed=1000 * seed + len(history.observations), experiments=BATCH)
            if said := batch.model.get("regret"):
                left = max(there.best - there.value(said["settings"]), 0.0)
                stated.append(
                    {
                        "n": len(history.observations),
                        "checked": said["checked"] >= CHECKED,
                        "true": left / there.sd,
                        "epsilon": said["epsilon"] / there.sd,
                        "holds": left <= said["epsilon"] + LEAST * there.sd,
                        "stops": said["checked"] >= CHECKED and said["rules"][0]["chance"] <= DELTA,
                    }
                )
            if len(history.observations) >= EXPERIMENTS:
                return {"surface": name, "seed": seed, "stated": stated}
            made = list(history.observations)
            for p in batch.proposals:
                value = there.value(dict(p.candidate.settings))
                measured = Measured((Measurement("y", value, "", value),))
                made.append(Observation(str(len(made)), space.coordinates(p.candidate.settings), measured))
                claims += [Claim("y", s.mean, s.sd, value) for s in p.predictions if s.weight is None]
            history = replace(History(tuple(made)), claims=tuple(claims))


def main() -> int:
    """Run, print the table, judge the marks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="runs with seeds S to S + N - 1 (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="first seed (default 0)")
    parser.add_argument("--exact", action="store_true", help="the target is exact by the campaign file")
    parser.add_argument("--json", type=Path, help="also write everything measured to this file")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once, 1 thread each")
    args = parser.parse_args()
    seeds = range(args.seed, args.seed + args.runs)
    runs = run_jobs(campaign, [(name, seed, args.exact) for seed in seeds for name in SURFACES], args.jobs)
    measured: dict[str, Any] = {}
    for name in (*SURFACES, ""):
        some = [r for r in runs if name in ("", r["surface"])]
        rounds = [s for r in some for s in r["stated"] if s["checked"]]
        ends = [s for r in some if (s := next((s for s in r["stated"] if s["stops"]), None)) is not None]
        found = {
            "rounds": float(np.mean([s["holds"] for s in rounds])),
            "stops": len(ends) / len(some),
            "at": float(np.mean([s["n"] for s in ends])) if ends else None,
            "holds": float(np.mean([s["true"] <= TENTH + LEAST for s in ends])) if ends else None,
        }
        measured[name or "all"] = found
        stops = f"at {found['at']:>4.1f}  holds {found['holds']:>6.1%}" if ends else ""
        print(
            f"{name or 'all':<38} a round's statement holds in {found['rounds']:>6.1%} of {len(rounds)}  "
            f"stops {found['stops']:>4.0%} {stops}"
        )
    marks = [
        Mark("the statement of a round holds", measured["all"]["rounds"], 1 - DELTA),
        Mark("the statement holds where a campaign stops", measured["all"]["holds"] or 0.0, 1 - DELTA),
    ]
    return finish(marks, argparse.Namespace(**vars(args), data=None), {"measured": measured, "runs": runs})


if __name__ == "__main__":
    sys.exit(main())
