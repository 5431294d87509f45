"""A cheap and a dear version of one quantity, on real data: hydration free energies, calculated and measured.

FreeSolv (642 molecules): which molecule has the lowest measured free energy? hakken with both versions, a calculation
at a tenth of the cost of a measurement, against hakken with measurements alone, for the same money and with the same
seeds, each with its defaults and its own start. Compared is the lowest measured value so far, over the money spent.

Seeds are S to S + N - 1; differences are paired by seed.

    python benchmarks/fidelities.py --data DIR --runs 20
"""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from harness import Mark, arguments, finish, in_errors, mean_and_error, run_jobs
from numpy.typing import NDArray

from loop.costs import Purse
from loop.errors import PoolExhausted
from loop.history import History, Observation
from loop.molecules.standardise import canonical_smiles
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.spec import CampaignSpec, build_space

DEAR, CHEAP = 10, 1  # what a measurement and a calculation cost
MONEY = 300  # thirty measurements
BATCH = 5
SHOWN = (50, 100, 150, 200, 250, 300)  # money spent
WAYS = ("both", "measured only")


def read(data: Path) -> list[dict[str, str]]:
    """The rows of the table."""
    with (data / "freesolv" / "freesolv.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def spec_of(way: str, rows: list[dict[str, str]]) -> CampaignSpec:
    """The campaign, with a fidelity or without."""
    solute = {"type": "component", "options": {row["smiles"]: canonical_smiles(row["smiles"]) for row in rows}}
    method = {"type": "fidelity", "options": ["calc", "expt"], "costs": {"calc": CHEAP, "expt": DEAR}}
    alone = {"costs": {"experiment": DEAR}}
    return CampaignSpec.from_resolved(
        {
            "campaign": "solvation",
            "space": {"solute": solute, **({"method": method} if way == "both" else {})},
            "objective": {"energy": {"goal": "minimize", "unit": "kcal/mol"}},
            "planner": {"batch": BATCH, "initial": {"experiments": 5}},
            "budget": {"experiments": MONEY // CHEAP, "cost": MONEY},
            "laboratory": {"adapter": "manual"},
            **({} if way == "both" else alone),
        }
    )


def campaign(way: str, seed: int, data: Path) -> dict[str, Any]:
    """One run; ``best`` is the lowest measured value by each sum of money in ``SHOWN``."""
    rows = read(data)
    values = {row["smiles"]: {"calc": float(row["calc"]), "expt": float(row["expt"])} for row in rows}
    spec = spec_of(way, rows)
    space = build_space(spec)
    seen: list[Observation] = []
    spent, measured, counts, begun = 0, [], {"calc": 0, "expt": 0}, time.process_time()
    best = np.full(MONEY + 1, np.inf)
    while spent + CHEAP <= MONEY:
        left = Purse(float(MONEY - spent))
        try:
            batch = plan(spec, History(tuple(seen)), seed=1000 * seed + len(seen), experiments=BATCH, purse=left)
        except PoolExhausted:  # what is left of the money pays for nothing more that is real
            break
        for proposal in sorted(batch.proposals, key=lambda p: p.run_order):
            settings = proposal.candidate.settings
            version = str(settings.get("method", "expt"))
            value = values[str(settings["solute"])][version]
            spent += DEAR if version == "expt" else CHEAP
            counts[version] += 1
            if version == "expt":
                measured.append(value)
                best[spent:] = min(measured)
            outcome = Measured((Measurement("energy", value, "kcal/mol", value),))
            seen.append(Observation(f"o{len(seen)}", space.coordinates(settings), outcome))
    return {"way": way, "seed": seed, "best": best.tolist(), "counts": counts, "cpu": time.process_time() - begun}


def main() -> int:
    args = arguments(__doc__ or "", runs=20)
    seeds = range(args.seed, args.seed + args.runs)
    results = run_jobs(campaign, [(way, seed, args.data) for seed in seeds for way in WAYS], args.jobs)
    curves = {way: np.array([r["best"] for r in results if r["way"] == way]) for way in WAYS}
    start = max(int(np.isinf(c).sum(axis=1).max()) for c in curves.values())  # before it a run has measured nothing

    print(f"lowest measured value, kcal/mol, by money spent ({DEAR} a measurement, {CHEAP} a calculation)")
    print(
        f"{'method':15}" + "".join(f"{money:>8}" for money in SHOWN) + f"{'mean':>9}{'s.e.':>7}{'calc':>7}{'expt':>6}"
    )
    for way, curve in curves.items():
        mean, error = mean_and_error(_over_money(curve, start))
        used = {v: np.mean([r["counts"][v] for r in results if r["way"] == way]) for v in ("calc", "expt")}
        shown = "".join(f"{curve[:, money].mean():8.2f}" for money in SHOWN)
        print(f"{way:15}{shown}{mean:9.2f}{error:7.2f}{used['calc']:7.1f}{used['expt']:6.1f}")
    gain = _over_money(curves["measured only"], start) - _over_money(curves["both"], start)
    mean, error = mean_and_error(gain)
    print(f"both ahead by {mean:.2f} +- {error:.2f} kcal/mol on the mean over money from {start} to {MONEY}, paired")
    print(f"{sum(r['cpu'] for r in results):.0f} s of processor time")
    marks = [Mark("both versions ahead of the dear one alone, standard errors", in_errors(gain), 0.0)]
    return finish(marks, args, {"runs": [{**r, "best": [r["best"][m] for m in SHOWN]} for r in results]})


def _over_money(curve: NDArray[np.float64], start: int) -> NDArray[np.float64]:
    """The mean of each run's curve from ``start`` on: ``(runs,)``."""
    return np.asarray(curve[:, start:].mean(axis=1))


if __name__ == "__main__":
    sys.exit(main())
