"""Plates: what shared values cost, what control wells reveal, and how long a large plate takes to plan.

1. Plates of 24 and 96 wells whose blocks share a value (temperature on direct arylation; the base on
   Buchwald-Hartwig, which has no temperature): the gain over random experiments, beside that of as many free ones.
   All begin with the same plate, filled at random under its shared values. The gain is the mean, over the plates
   after it, of the best value so far less that of as many random experiments.
2. Raw Buchwald-Hartwig plates of 1,536 wells: what control wells reveal, and what correcting for plates brings; see
   ``plate_effects``.
3. A 96-well plate with block temperatures and at most 6 ligands' stock solutions, out of 118,800 conditions with 200
   observations: seconds, one thread, everything included.

    python benchmarks/plates.py --data DIR --runs 30
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import Mark, arguments, finish, in_errors, mean_and_error, run_jobs
from methods import history_of
from plate_effects import SIZE, as_measured, with_known_effects
from tables import load_table

from loop.history import History, Observation
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.spec import CampaignSpec, build_space

SHARED = {"direct_arylation": "temperature", "buchwald_hartwig": "base"}
LAYOUTS: dict[int, tuple[dict[str, Any], int]] = {  # wells: layout, plates in a campaign
    24: ({"rows": 4, "columns": 6, "blocks": {"rows": 4, "columns": 2}}, 3),
    96: ({"rows": 8, "columns": 12, "blocks": {"rows": 8, "columns": 3}}, 2),
}
WAYS = ("plate", "free", "random")


def campaign(table_name: str, wells: int, way: str, seed: int, data: Path) -> dict[str, Any]:
    """One campaign of a few plates: the best value after each."""
    torch.set_num_threads(1)
    table = load_table(table_name, data)
    layout, plates = LAYOUTS[wells]
    planner: dict[str, Any] = {"initial": {"design": "random", "experiments": wells}}
    shared = {**layout, "share": {SHARED[table_name]: "block"}}
    on_plate = CampaignSpec.from_resolved({**table.spec, "planner": planner, "plate": shared})
    free = table.planner_spec(batch=wells, **planner, **({"surrogate": "random"} if way == "random" else {}))
    rows: list[int] = []
    best, seconds = [], []
    for number in range(plates):
        spec = on_plate if way == "plate" or number == 0 else free
        clock = time.perf_counter()
        made = plan(spec, history_of(table, rows), table.pool, seed=seed * 1000 + number, experiments=wells)
        seconds.append(time.perf_counter() - clock)
        rows += [table.row(table.space.coordinates(p.candidate.settings)) for p in made.proposals]
        best.append(float(table.values[rows].max()))
    return {
        "table": table_name, "wells": wells, "way": way, "seed": seed, "rows": rows, "best": best, "seconds": seconds,
    }  # fmt: skip


def gains(args: Any) -> tuple[list[Mark], list[dict[str, Any]]]:
    """Part 1: print what plates gain, and give the marks."""
    seeds = range(args.seed, args.seed + args.runs)
    jobs = [
        (table, wells, way, seed, args.data) for table in SHARED for wells in LAYOUTS for way in WAYS for seed in seeds
    ]
    results = run_jobs(campaign, jobs, args.jobs)
    marks = []
    for table, shared in SHARED.items():
        for wells, (_, plates) in LAYOUTS.items():
            best = {
                way: np.array([r["best"] for r in results if (r["table"], r["wells"], r["way"]) == (table, wells, way)])
                for way in WAYS
            }
            print(f"\n{table}, {wells} wells, {shared} by block: mean best after each of {plates} plates, and gain")
            gain = {way: (best[way] - best["random"])[:, 1:].mean(axis=1) for way in WAYS}
            for way in WAYS:
                mean, error = mean_and_error(gain[way])
                shown = "".join(f"{b:8.2f}" for b in best[way].mean(axis=0))
                print(f"{way:10}{shown}   gain {mean:7.3f} s.e. {error:.3f}")
            lost = 1.0 - float(gain["plate"].mean()) / float(gain["free"].mean())
            loss, error = mean_and_error(gain["free"] - gain["plate"])
            print(f"free - plate, paired: {loss:.3f} s.e. {error:.3f}")
            marks.append(Mark(f"share of the gain lost to shared values, {table}, {wells} wells", lost, 0.10, True))
    return marks, results


def large_plate(data: Path, seed: int) -> float:
    """Part 3: seconds for one plate out of 118,800 conditions."""
    torch.set_num_threads(1)
    table = load_table("buchwald_hartwig", data)
    said = {
        **table.spec,
        "space": {
            **table.spec["space"],
            "temperature": {"type": "number", "values": [40, 60, 80, 100, 120], "unit": "degC"},
            "concentration": {"type": "number", "values": [0.05, 0.1, 0.15, 0.2, 0.3, 0.5], "unit": "mol/L"},
        },
        "planner": {},
        "plate": {**LAYOUTS[96][0], "share": {"temperature": "block"}, "at_most": {"additive": 6, "halide": 8}},
    }
    spec = CampaignSpec.from_resolved(said)
    space, rng = build_space(spec), np.random.default_rng(seed)
    observations = []
    for i, row in enumerate(rng.choice(len(table.values), 200, replace=False)):
        heat, amount = rng.choice([40, 60, 80, 100, 120]), rng.choice([0.05, 0.1, 0.15, 0.2, 0.3, 0.5])
        x = space.coordinates(
            {**table.space.settings(table.pool.points[row]), "temperature": heat, "concentration": amount}
        )
        value = float(table.values[row] * np.exp(-(((heat - 90) / 60) ** 2)) * (1 - 0.3 * abs(np.log(amount / 0.15))))
        observations.append(Observation(str(i), x, Measured((Measurement("yield", value, "%", value),))))
    clock = time.perf_counter()
    made = plan(spec, History(tuple(observations)), seed=seed, experiments=96)
    seconds = time.perf_counter() - clock
    print(f"\n{len(made.proposals)} wells out of {space.size} conditions, 200 observations: {seconds:.1f} s")
    print("\n".join(made.notes))
    return seconds


def effects(args: Any) -> tuple[list[Mark], dict[str, Any]]:
    """Part 2: print what plates add and what correcting for it brings, and give the marks."""
    jobs = [(args.data, seed) for seed in range(args.seed, args.seed + args.runs)]
    measured = run_jobs(as_measured, jobs, args.jobs)
    known = run_jobs(with_known_effects, jobs, args.jobs)
    print("\nraw Buchwald-Hartwig plates as measured: held-out error, % yield")
    for name in measured[0]:
        mean, error = mean_and_error(np.array([m[name] for m in measured]))
        against, paired = mean_and_error(np.array([m["none"] - m[name] for m in measured]))
        print(f"{name:28}{mean:8.3f} s.e. {error:.3f}; lower than without by {against:.3f} s.e. {paired:.3f}")
    print(f"with known effects of {SIZE:g} % (standard deviation) added: held-out error, error of the effects, % yield")
    for name in ("no effect added", "uncorrected", "corrected, without controls", "corrected, with controls"):
        mean, error = mean_and_error(np.array([k[name] for k in known]))
        found = np.mean([k.get(f"{name}: effects", np.std(list(k["truth"].values()))) for k in known])
        print(f"{name:28}{mean:8.3f} s.e. {error:.3f}; effects {found:.3f}")
    apart = np.array([m["none"] - m["plate"] for m in measured])
    lower = np.array([k["uncorrected"] - k["corrected, with controls"] for k in known])
    found = np.mean([k["corrected, with controls: effects"] for k in known])
    whole = np.mean([np.std(list(k["truth"].values())) for k in known])
    return [
        Mark("held-out error lowered by the plate effect, as measured, in standard errors", in_errors(apart), 2.0),
        Mark("held-out error lowered by control wells, known effects, in standard errors", in_errors(lower), 2.0),
        Mark("error of the plate effects found with controls, share of their size", float(found / whole), 0.25, True),
    ], {"as_measured": measured, "known_effects": known}


def main() -> int:
    args = arguments(__doc__ or "", runs=30)
    seconds = large_plate(args.data, args.seed)
    marks, found = effects(args)
    more, results = gains(args)
    marks += more
    marks.append(Mark("a 96-well plate out of 118,800 conditions, seconds", seconds, 60.0, True))
    return finish(marks, args, {"campaigns": results, "large_plate_seconds": seconds, **found})


if __name__ == "__main__":
    sys.exit(main())
