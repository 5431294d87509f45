"""Hits over numbers: does a campaign find different ones, or one again and again?

Made-up surfaces over two numbers and three options (a tenth of the space are hits) and over three numbers (a
twentieth), smooth, with noise of 0.15 of their deviation; campaigns by six up to 48 experiments from hakken's own first
batch. With each rule of nearness (``REACH`` of loop/acquisition/nearby.py, in shares of a range; 0 for none): how many
experiments were hits, how many of those differ from one another by a tenth of a range or an option, how much of what
would be a hit lies within a tenth of a range of one that was found, and at which experiment the first came.

``classes`` tells yes or no and is planned by ``hits``, ``levels`` three grades (``search``), ``thresholds`` a number
that has to exceed a threshold (``hits``), ``top`` the same number (``top``). Differences to the first rule are paired
by seed.

No mark was set. There is no table to read.

    python benchmarks/hits_over_numbers.py --runs 24 --reach 0,0.08
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from harness import finish, mean_and_error, run_jobs
from numpy.typing import NDArray

import loop.acquisition.nearby as nearby
from loop.history import History, Observation
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.spec import CampaignSpec, build_space

BATCH, EXPERIMENTS = 6, 48
OPTIONS: Final = ("a", "b", "c")
SURFACES: Final = {"two": (2, 0.1, 0.3), "three": (3, 0.05, 0.4)}  # numbers, share of hits, lengthscale
WAYS: Final = {
    "classes": ({"goal": "maximize", "classes": ["no", "yes"]}, {}),
    "levels": ({"goal": "maximize", "levels": ["bad", "fair", "good"]}, {}),
    "thresholds": ({"goal": "maximize", "at_least": 0}, {"acquisition": "hits"}),
    "top": ({"goal": "maximize", "at_least": 0}, {"acquisition": "top"}),
}
NOISE, FAIR = 0.15, 0.6  # of the deviation of the surface; quantile from which a grade is fair
APART = 0.1  # of a range
POINTS = 4_000  # that stand for the space
TOLD = ("hits", "different", "covered", "first")
Floats = NDArray[np.float64]


class Surface:
    """A draw of a Gaussian process by random features, one for each option: hits are above 0."""

    def __init__(self, kind: str, seed: int) -> None:
        self.numbers, share, scale = SURFACES[kind]
        rng = np.random.default_rng([seed, 7])
        self._waves = rng.normal(size=(200, self.numbers)) / scale
        self._phases = rng.uniform(0, 2 * np.pi, 200)
        self._heights = rng.normal(size=200) * np.sqrt(2 / 200) * (1 + 0.6 * rng.normal(size=(3, 200)))
        self._levels = 0.4 * rng.normal(size=3)
        rng = np.random.default_rng(0)
        self.x, self.options = rng.uniform(size=(POINTS, self.numbers)), rng.integers(0, 3, POINTS)
        plain = self._at(self.x, self.options)
        self.high = float(np.quantile(plain, 1 - share))
        self.fair = float(np.quantile(plain, FAIR)) - self.high
        self.noise = NOISE * float(plain.std())

    def __call__(self, x: Floats, options: NDArray[np.int64]) -> Floats:
        """Heights above the limit of a hit at ``x``, ``(n, d)``, with ``options``, ``(n,)``."""
        return self._at(x, options) - self.high

    def _at(self, x: Floats, options: NDArray[np.int64]) -> Floats:
        waves = np.cos(x @ self._waves.T + self._phases)
        return np.asarray((waves * self._heights[options]).sum(axis=1) + self._levels[options])


def run(kind: str, way: str, reach: float, seed: int) -> dict[str, Any]:
    """One campaign, and what it found."""
    torch.set_num_threads(1)
    nearby.REACH = reach or 1e-9  # type: ignore[misc]
    surface, (target, planner) = Surface(kind, seed), WAYS[way]
    names = [f"x{i}" for i in range(surface.numbers)]
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "hits",
            "space": {
                **{name: {"type": "number", "low": 0, "high": 1} for name in names},
                "option": {"type": "category", "options": list(OPTIONS)},
            },
            "objective": {"y": target},
            "planner": {"batch": BATCH, "seed": seed, **planner},
            "budget": {"experiments": EXPERIMENTS},
            "laboratory": {"adapter": "manual"},
        }
    )
    space, rng, began = build_space(spec), np.random.default_rng([seed, 9]), time.process_time()
    told: list[Observation] = []
    tried: list[tuple[Floats, int]] = []
    is_hit: list[bool] = []
    while len(told) < EXPERIMENTS:
        seeded = 100 * seed + len(told)
        for p in plan(spec, History(tuple(told)), seed=seeded, experiments=EXPERIMENTS - len(told)).proposals:
            settings = p.candidate.settings
            x, option = np.array([float(settings[name]) for name in names]), OPTIONS.index(str(settings["option"]))
            y = float(surface(x[None], np.array([option]))[0] + surface.noise * rng.normal())
            value = {"classes": float(y > 0), "levels": 1.0 + (y > surface.fair) + (y > 0)}.get(way, y)
            outcome = Measured((Measurement("y", value, "", value),))
            told.append(Observation(f"o{len(told)}", space.coordinates(settings), outcome))
            tried.append((x, option))
            is_hit.append(y > 0)
    hits = [i for i, found in enumerate(is_hit) if found]
    different: list[int] = []
    for i in hits:
        if not any(_is_near(*tried[i], *tried[j]) for j in different):
            different.append(i)
    wanted = np.flatnonzero(surface(surface.x, surface.options) > 0)
    there = [any(_is_near(surface.x[k], int(surface.options[k]), *tried[j]) for j in hits) for k in wanted]
    return {
        "kind": kind, "way": way, "reach": reach, "seed": seed,
        "hits": len(hits), "different": len(different), "covered": float(np.mean(there)),
        "first": hits[0] + 1 if hits else EXPERIMENTS + 1, "cpu": time.process_time() - began,
    }  # fmt: skip


def _is_near(x: Floats, option: int, other: Floats, of_other: int) -> bool:
    return option == of_other and bool(np.abs(x - other).max() <= APART)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=24, help="runs with seeds S to S + N - 1 (default 24)")
    parser.add_argument("--seed", type=int, default=0, help="first seed (default 0)")
    parser.add_argument("--surfaces", default=",".join(SURFACES), help=f"which (default {','.join(SURFACES)})")
    parser.add_argument("--ways", default=",".join(WAYS), help=f"which (default {','.join(WAYS)})")
    parser.add_argument("--reach", default=f"0,{nearby.REACH:g}", help=f"which (default 0,{nearby.REACH:g})")
    parser.add_argument("--json", type=Path, help="also write everything measured to this file")
    parser.add_argument("--jobs", type=int, default=max(os.cpu_count() or 1, 1), help="processes at once")
    args = parser.parse_args()
    seeds, reaches = range(args.seed, args.seed + args.runs), [float(r) for r in args.reach.split(",")]
    kinds, ways = args.surfaces.split(","), args.ways.split(",")
    rows = run_jobs(run, list(itertools.product(kinds, ways, reaches, seeds)), args.jobs)
    print(f"seeds {seeds[0]} to {seeds[-1]}, {EXPERIMENTS} experiments in batches of {BATCH}")
    print(f"| numbers | planned for | reach | {' | '.join(TOLD)} | processor time, s |")
    print("|---|---|---|" + "---|" * (len(TOLD) + 1))
    for kind, way, reach in itertools.product(kinds, ways, reaches):
        mine = [r for r in rows if (r["kind"], r["way"], r["reach"]) == (kind, way, reach)]
        base = [r for r in rows if (r["kind"], r["way"], r["reach"]) == (kind, way, reaches[0])]
        cells = []
        for part in TOLD:
            mean = float(np.mean([r[part] for r in mine]))
            more, error = mean_and_error(np.array([a[part] - b[part] for a, b in zip(mine, base, strict=True)]))
            cells.append(f"{mean:.3g}" + (f" ({more:+.2g} ± {error:.2g})" if reach != reaches[0] else ""))
        print(f"| {kind} | {way} | {reach:g} | {' | '.join(cells)} | {np.mean([r['cpu'] for r in mine]):.1f} |")
    return finish([], args, {"rows": rows})


if __name__ == "__main__":
    sys.exit(main())
