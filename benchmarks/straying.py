"""Settings that stray: is what is named best still good when a thermostat and a pump are a little off?

Made-up reactions with four bases, a temperature and equivalents, told with scatter; 40 experiments in batches of four
by hakken's defaults, once with the ``tolerance`` of both numbers in the campaign file and once without. What is named
best is then used with settings that stray by as much, which the truth is known of. Two kinds: *cliffs*, where a yield
rises with heat until the product decomposes within a few degrees, and an impurity that has a limit rises too; and
*slopes*, whose peaks are broad, so that straying hardly matters.

No mark was set.

    python benchmarks/straying.py --runs 30
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import finish, mean_and_error, run_jobs
from numpy.typing import NDArray

from loop.history import History, Observation
from loop.insight.best import honest_best
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.spec import CampaignSpec, build_space

Array = NDArray[np.float64]
Truth = Callable[[int, Any, Any], tuple[Array, Array]]  # of a base, degrees and equivalents: yield and impurity, in %

BASES = "ABCD"
EXPERIMENTS, BATCH = 40, 4
STRAYS = 5.0  # degC to either side, and % of the equivalents
MOST = 3.0  # % of the impurity
SCATTER = (2.0, 0.1)  # of a yield and of an impurity, %
MEASURES = ("regret", "kept", "yield", "as_set", "held")


def truth(kind: str, seed: int) -> Truth:
    """A reaction of a kind; the same for the same seed."""
    rng = np.random.default_rng(seed)
    height, onset = rng.uniform(60, 95, 4), rng.uniform(40, 80, 4)
    end, impure = rng.uniform(70, 115, 4), rng.uniform(60, 110, 4)
    optimum = rng.uniform(0.8, 3.0, 4)

    def cliffs(base: int, degrees: Any, equivalents: Any) -> tuple[Array, Array]:
        stays = _rises((end[base] - degrees) / 1.5)
        found = height[base] * _rises((degrees - onset[base]) / 10) * stays * (1 - np.exp(-equivalents / 0.8))
        return found, 0.5 + 1.5 * np.exp((degrees - impure[base]) / 12 + 0.5 * (equivalents - 1))

    def slopes(base: int, degrees: Any, equivalents: Any) -> tuple[Array, Array]:
        off = ((degrees - end[base]) / 30) ** 2 + ((equivalents - optimum[base]) / 1.2) ** 2
        return height[base] * np.exp(-off), np.full(np.shape(off), 0.5)

    return {"cliffs": cliffs, "slopes": slopes}[kind]


def _rises(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def used(reaction: Truth, base: int, degrees: float, equivalents: float) -> tuple[float, float, float]:
    """Where settings stray: the yield of runs that keep the limit (none of others), the share of these, the yield."""
    off = np.linspace(-1.0, 1.0, 21)
    heat, amount = np.meshgrid(degrees + STRAYS * off, equivalents * (1 + STRAYS / 100 * off))
    made, impurity = reaction(base, heat, amount)
    kept = impurity <= MOST
    return float((made * kept).mean()), float(kept.mean()), float(made.mean())


def campaign(has_tolerance: bool) -> CampaignSpec:
    """The campaign file, with tolerances or without."""
    heat: dict[str, Any] = {"type": "number", "low": 20, "high": 120, "step": 2, "unit": "degC"}
    amount: dict[str, Any] = {"type": "number", "low": 0.8, "high": 3, "step": 0.1}
    if has_tolerance:
        heat, amount = heat | {"tolerance": STRAYS}, amount | {"tolerance": f"{STRAYS:g} %"}
    return CampaignSpec.from_resolved(
        {
            "campaign": "straying",
            "space": {"base": {"type": "category", "options": [*BASES]}, "temperature": heat, "equivalents": amount},
            "objective": {
                "yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100},
                "impurity": {"goal": "keep", "at_most": MOST, "unit": "%"},
            },
            "planner": {"batch": BATCH, "initial": {"experiments": 8}},
            "budget": {"experiments": EXPERIMENTS},
            "laboratory": {"adapter": "manual"},
        }
    )


def run(kind: str, has_tolerance: bool, seed: int) -> dict[str, Any]:
    """One campaign, and what its named best is worth in use."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    spec, reaction, rng = campaign(has_tolerance), truth(kind, seed), np.random.default_rng([seed, 7])
    space, seen = build_space(spec), []
    while len(seen) < EXPERIMENTS:
        for proposal in plan(spec, History(tuple(seen)), seed=100 * seed + len(seen), experiments=BATCH).proposals:
            x = space.coordinates(proposal.candidate.settings)
            true = reaction(int(x[0]), x[1], x[2])
            values = [float(v + s * rng.normal()) for v, s in zip(true, SCATTER, strict=True)]
            told = tuple(Measurement(t, v, "%", v) for t, v in zip(("yield", "impurity"), values, strict=True))
            seen.append(Observation(f"o{len(seen)}", x, Measured(told)))
    best = honest_best(spec, History(tuple(seen)), seed=0).candidates[0]
    x = space.coordinates(best.settings)
    worth, kept, mean = used(reaction, int(x[0]), float(x[1]), float(x[2]))
    heats, amounts = np.arange(20.0, 121.0, 2.0), np.arange(0.8, 3.05, 0.1)
    most = max(used(reaction, b, t, e)[0] for b, t, e in itertools.product(range(4), heats, amounts))
    stated = best.targets[0]
    is_held = stated.low is not None and stated.high is not None and stated.low <= mean <= stated.high
    as_set = float(reaction(int(x[0]), x[1], x[2])[0])
    return {"kind": kind, "tolerance": has_tolerance, "seed": seed} | dict(
        zip(MEASURES, (most - worth, kept, mean, as_set, float(is_held)), strict=True)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30, help="runs with seeds S to S + N - 1 (default 30)")
    parser.add_argument("--seed", type=int, default=0, help="first seed (default 0)")
    parser.add_argument("--kinds", default="cliffs,slopes", help="which, separated by commas (default cliffs,slopes)")
    parser.add_argument("--json", type=Path, help="also write everything measured to this file")
    parser.add_argument("--jobs", type=int, default=max(os.cpu_count() or 1, 1), help="processes at once")
    args = parser.parse_args()
    seeds, kinds = range(args.seed, args.seed + args.runs), args.kinds.split(",")
    rows = run_jobs(run, list(itertools.product(kinds, (True, False), seeds)), args.jobs)
    print(f"seeds {seeds[0]} to {seeds[-1]}, {EXPERIMENTS} experiments in batches of {BATCH}")
    print("| kind | of the named best | with tolerance | without | difference |")
    print("|---|---|---|---|---|")
    for kind, measure in itertools.product(kinds, MEASURES):
        those = [
            np.array([r[measure] for r in rows if r["kind"] == kind and r["tolerance"] == has]) for has in (True, False)
        ]
        mean, error = mean_and_error(those[0] - those[1])
        print(f"| {kind} | {measure} | {those[0].mean():.3f} | {those[1].mean():.3f} | {mean:.3f} ± {error:.3f} |")
    return finish([], args, {"rows": rows})


if __name__ == "__main__":
    sys.exit(main())
