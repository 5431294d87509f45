"""General conditions: how soon is the best ligand for a whole scope named?

The table of Wang et al., Nature 626 (2024) 1025: an imidazole C-H arylation with 24 ligands, 8 electrophiles and 8
nucleophiles, all 1,536 combinations measured. The best ligand is the one with the highest mean yield over the 64
substrates (46.2 %; the next have 43.9 and 43.6 %).

hakken chooses ligand and substrate together, in batches of 16 after an initial design of 24, and names a ligand after
each batch: the believed best of the record of the round. The bandits (``bandits.py``) choose a ligand, one at a time,
after each result, and get a random substrate; they name a ligand after each experiment, by its mean reward or as the
one tried most often (as published), whichever is better. So the larger batch is to hakken's disadvantage. Same seeds.

A method has identified the best ligand after as many experiments as it takes until the share of its runs that name
the right one is 80 % and never below again. Mark: hakken needs at most 0.6 of what the best bandit needs.

Also: seconds that a batch takes with 100 conditions and 50 substrates (made up).

Curves (``--csv``, ``--page``) are what the ligand named after each experiment yields over the scope, as a share of the
best ligand's; before one is named, what a ligand drawn at random yields.

    python benchmarks/general.py --data DIR --runs 40 --csv curves.csv --page curves.html
"""

from __future__ import annotations

import csv
import sys
import time
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bandits import BANDITS, play
from curves import Curve, options, write
from harness import Mark, arguments, finish, run_jobs
from numpy.typing import NDArray

from loop.history import History, Observation
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.space import ProductPool, Space
from loop.spec import CampaignSpec, build_space

START, BATCH, UNTIL = 24, 16, 264
TURNS = 900  # of a bandit
REACHED = (0.5, 0.8, 0.9)
PARTS = ("ligand", "electrophile", "nucleophile")
PART = "the ligand for 64 substrates"
TOLD = (
    "What the ligand that is named after each experiment yields over all substrates, as a share of the best ligand's."
)
SHOWN = (40, 88, 136, 184, 232, 264, 400, 500, 600, 900)


@lru_cache(maxsize=1)
def table(data: Path) -> tuple[dict[str, Any], dict[tuple[str, ...], float]]:
    """The space of the table, and the yield of every combination, in %."""
    with (data / "aryl_scope_ligand/aryl-scope-ligand.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    space = {
        part: {"type": "component", "options": {r[f"{part}_name"]: r[f"{part}_smiles"] for r in rows}} for part in PARTS
    }
    return space, {tuple(r[f"{p}_name"] for p in PARTS): float(r["yield"]) for r in rows}


def truth(data: Path) -> tuple[list[str], NDArray[np.float64]]:
    """The ligands, and the yield of each with every substrate: ``(24, 64)``."""
    space, yields = table(data)
    ligands = list(space["ligand"]["options"])
    return ligands, np.array([[y for key, y in yields.items() if key[0] == ligand] for ligand in ligands])


def campaign_spec(space: dict[str, Any], scope: list[str], **planner: Any) -> CampaignSpec:
    return CampaignSpec.from_resolved(
        {
            "campaign": "general",
            "space": space,
            "objective": {"yield": {"goal": "maximize", "unit": "%"}},
            "general": {"over": scope},
            "planner": planner,
            "budget": {"experiments": 10_000},
            "laboratory": {"adapter": "emulator"},
        }
    )


def hakken(seed: int, data: Path, until: int = UNTIL, acquisition: str = "auto") -> dict[str, Any]:
    """One campaign: after how many experiments which ligand was named, and how often each was tried."""
    torch.set_num_threads(1)
    space, yields = table(data)
    spec = campaign_spec(space, ["electrophile", "nucleophile"], batch=BATCH, initial={"experiments": START},
                         acquisition=acquisition)  # fmt: skip
    built = build_space(spec)
    seen: list[Observation] = []
    named: list[tuple[int, str]] = []
    clock = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while True:
            left = until - len(seen) or 1  # the last plan is only asked what is believed
            batch = plan(spec, History(tuple(seen)), seed=1000 * seed + len(seen), experiments=left)
            if seen:
                named.append((len(seen), str(batch.model["condition"]["label"])))
            if len(seen) >= until:
                break
            for p in batch.proposals:
                value = yields[tuple(str(p.candidate.settings[part]) for part in PARTS)]
                outcome = Measured((Measurement("yield", value, "%", value),))
                seen.append(Observation(str(len(seen)), built.coordinates(p.candidate.settings), outcome))
    ligands = [o.x[0] for o in seen]
    return {
        "method": "hakken", "seed": seed, "named": named, "cpu": time.process_time() - clock,
        "tried": np.bincount(np.array(ligands, dtype=int), minlength=len(space["ligand"]["options"])).tolist(),
    }  # fmt: skip


def bandit(name: str, seed: int, data: Path) -> dict[str, Any]:
    """One run: the ligand that is named after each experiment, in both ways."""
    ligands, yields = truth(data)
    by_mean, by_count = play(name, np.clip(yields / 100.0, 0.0, 1.0), seed, TURNS)
    return {
        "method": name, "seed": seed,
        "by mean": [ligands[k] for k in by_mean], "by count": [ligands[k] for k in by_count],
    }  # fmt: skip


def reached(accuracy: NDArray[np.float64], counts: NDArray[np.int64], share: float) -> float:
    """After how many experiments the accuracy is at ``share`` and never below again; infinite where it is not."""
    below = np.flatnonzero(accuracy < share)
    first = 0 if not len(below) else int(below[-1]) + 1
    return float(counts[first]) if first < len(counts) else float("inf")


def growth(conditions: int = 100, substrates: int = 50, observed: int = 200) -> float:
    """Seconds of processor time for a batch of 8 with made-up yields, fits included."""
    torch.set_num_threads(1)
    options = {
        name: [f"{name}{i}" for i in range(n)] for name, n in (("condition", conditions), ("substrate", substrates))
    }
    space: dict[str, Any] = {name: {"type": "category", "options": o} for name, o in options.items()}
    spec = campaign_spec(space, ["substrate"], batch=8, initial={"experiments": 8})
    built: Space = build_space(spec)
    rng = np.random.default_rng(0)
    x = ProductPool(built).take(rng.choice(conditions * substrates, observed, replace=False))
    level, hardness = rng.normal(50, 12, conditions), rng.normal(0, 20, substrates)
    values = level[x[:, 0].astype(int)] + hardness[x[:, 1].astype(int)] + rng.normal(0, 10, observed)
    seen = tuple(
        Observation(str(i), row, Measured((Measurement("yield", float(v), "%", float(v)),)))
        for i, (row, v) in enumerate(zip(x, values, strict=True))
    )
    clock = time.process_time()
    plan(spec, History(seen), seed=0, experiments=8)
    return time.process_time() - clock


def curves_of(
    own: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]], ligands: Sequence[str], yields: NDArray[np.float64]
) -> list[Curve]:
    """What the ligand yields that is named after each experiment, as a share of the best; hakken first in each part."""
    worth = dict(zip(ligands, yields.mean(axis=1) / yields.mean(axis=1).max(), strict=True))
    by_chance = float(np.mean(list(worth.values())))
    curves = []
    for way in ("by mean", "by count"):
        part = f"{PART}, which bandits name {way}"
        for r in own:
            ends = [n for n, _ in r["named"]]
            named = [worth[label] for _, label in r["named"]]
            steps = np.repeat([by_chance, *named], np.diff([0, *(n - 1 for n in ends), ends[-1]]))
            curves.append(Curve(part, "hakken", r["seed"], tuple(steps.tolist()), BATCH, ()))
        for r in others:
            named = [worth[label] for label in r[way][: ends[-1]]]
            curves.append(Curve(part, r["method"], r["seed"], tuple(named), BATCH, ()))
    return curves


def main() -> int:
    args = arguments(__doc__ or "", runs=40, more=options)
    seeds = range(args.seed, args.seed + args.runs)
    own = run_jobs(hakken, [(s, args.data) for s in seeds], args.jobs)
    others = run_jobs(bandit, [(name, s, args.data) for name in BANDITS for s in seeds], args.jobs)
    ligands, yields = truth(args.data)
    best = ligands[int(yields.mean(axis=1).argmax())]
    curves: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]] = {
        "hakken": (
            np.array([n for n, _ in own[0]["named"]]),
            np.mean([[label == best for _, label in r["named"]] for r in own], axis=0),
        )
    }
    for name in BANDITS:
        for way in ("by mean", "by count"):
            right = [[label == best for label in r[way]] for r in others if r["method"] == name]
            curves[f"{name}, {way}"] = (np.arange(1, TURNS + 1), np.mean(right, axis=0))
    needed = {name: {share: reached(a, n, share) for share in REACHED} for name, (n, a) in curves.items()}
    _print_curves(curves, needed, args.runs)
    print(f"hakken: {np.mean([r['cpu'] for r in own]):.1f} s of processor time for a campaign of {UNTIL} experiments")
    first = min((n for n in curves if n != "hakken"), key=lambda n: needed[n][0.8])
    ratio = needed["hakken"][0.8] / needed[first][0.8]
    seconds = growth()
    marks = [
        Mark(f"experiments until 80 % of the runs name the best ligand, over those of {first}", ratio, 0.6, True),
        Mark("a batch of 8 with 100 conditions and 50 substrates, 200 observations, seconds", seconds, 10.0, True),
    ]
    lines = [m.line() for m in marks]
    write(args, "General conditions", TOLD, curves_of(own, others, ligands, yields), lines, "share of the best ligand")
    told = {name: {"experiments": n.tolist(), "accuracy": a.tolist()} for name, (n, a) in curves.items()}
    return finish(
        marks,
        args,
        {"curves": told, "needed": {n: {str(k): v for k, v in d.items()} for n, d in needed.items()}, "campaigns": own},
    )


def _print_curves(
    curves: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]], needed: dict[str, dict[float, float]], runs: int
) -> None:
    print(f"\nshare of {runs} runs that name the best ligand after n experiments; experiments until a share is kept")
    print(f"{'method':32}" + "".join(f"{f'n={n}':>7}" for n in SHOWN) + "".join(f"{s:>8.0%}" for s in REACHED))
    for name, (counts, accuracy) in curves.items():
        shown = [f"{accuracy[np.flatnonzero(counts <= n)[-1]]:7.2f}" if n <= counts[-1] else " " * 7 for n in SHOWN]
        print(f"{name:32}" + "".join(shown) + "".join(f"{needed[name][s]:8.0f}" for s in REACHED))


if __name__ == "__main__":
    sys.exit(main())
