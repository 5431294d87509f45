"""Grey box with two targets: does a cheap model spare DFT calculations where a front is sought?

Molecules of micro-QM9 with a small HOMO-LUMO gap and a large dipole moment, by DFT (B3LYP/6-31G(2df,p), the values of
QM9). hakken with DFT alone, with GFN2-xTB below it for both targets, and with GFN2-xTB that tells the gap alone, each
with its defaults, the same seeds and its own start. A batch is five DFT calculations, or a hundred of xTB in place of
each. The values of xTB are those of ``greybox.py``.

Compared is the hypervolume of what was calculated by DFT above the medians of the table, as a share of that of all
molecules, by the number of DFT calculations. Seeds are S to S + N - 1; differences are paired by seed.

    python benchmarks/grey_front.py --data DIR --runs 10
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path
from typing import Any

import greybox
import numpy as np
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume
from botorch.utils.multi_objective.pareto import is_non_dominated
from harness import Mark, arguments, finish, in_errors, mean_and_error, run_jobs
from numpy.typing import NDArray

from loop.history import History, Observation
from loop.molecules.standardise import canonical_smiles
from loop.outcome import Fault, FaultKind, Measured, Measurement, Outcome
from loop.planner import plan
from loop.spec import CampaignSpec, build_space

JOBS = 40  # of DFT
BATCH = 5
DEAR = 100.0  # what a DFT calculation costs, in those of xTB
WAYS = ("DFT alone", "xTB below", "xTB below, gap alone")
SHOWN = (5, 10, 15, 20, 25, 30, 40)
UNITS = {"gap": "eV", "dipole": "debye"}


def spec_of(way: str, table: dict[str, dict[str, Any]]) -> CampaignSpec:
    """The campaign, with both versions or with DFT alone."""
    molecule = {"type": "molecule", "options": {name: canonical_smiles(row["smiles"]) for name, row in table.items()}}
    method = {"type": "fidelity", "options": ["xtb", "dft"], "costs": {"xtb": 1.0, "dft": DEAR}}
    return CampaignSpec.from_resolved(
        {
            "campaign": "front",
            "space": {"molecule": molecule, **({} if way == "DFT alone" else {"method": method})},
            "objective": {
                "gap": {"goal": "minimize", "unit": UNITS["gap"]},
                "dipole": {"goal": "maximize", "unit": UNITS["dipole"]},
            },
            "planner": {"batch": BATCH, "initial": {"experiments": 5}},
            "budget": {"experiments": 100_000},
            "laboratory": {"adapter": "manual"},
        }
    )


def outcome_of(row: dict[str, Any], version: str, way: str) -> Outcome:
    """What a calculation of a version gives."""
    told = {"gap": row[version], "dipole": row[f"{version}_dipole"]}
    if np.isnan(list(told.values())).any():
        return Fault.of(FaultKind.INPUT_ERROR, "no conformer could be built")
    if version == "xtb" and way.endswith("gap alone"):
        del told["dipole"]
    return Measured(tuple(Measurement(name, value, UNITS[name], value) for name, value in told.items()))


def volume(values: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """What gaps and dipoles, ``(n, 2)``, dominate beyond a reference, ``(2,)``."""
    worth = torch.from_numpy(values * (-1.0, 1.0))
    return float(Hypervolume(torch.from_numpy(reference * (-1.0, 1.0))).compute(worth[is_non_dominated(worth)]))


def campaign(way: str, seed: int, data: Path) -> dict[str, Any]:
    """One run: the share of the hypervolume after each DFT calculation, and how many of xTB there were."""
    table = greybox.read(data)
    real = {name: (row["dft"], row["dft_dipole"]) for name, row in table.items()}
    everything = np.array(list(real.values()))
    reference = np.median(everything, axis=0)
    whole = volume(everything, reference)
    spec = spec_of(way, table)
    space = build_space(spec)
    seen: list[Observation] = []
    found: list[tuple[float, float]] = []
    shares: list[float] = []
    cheap, begun = 0, time.process_time()
    while len(found) < JOBS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch = plan(spec, History(tuple(seen)), seed=1000 * seed + len(seen), experiments=BATCH * 100)
        for proposal in batch.proposals:
            settings = proposal.candidate.settings
            version, name = str(settings.get("method", "dft")), str(settings["molecule"])
            if version == "dft":
                found.append(real[name])
                shares.append(volume(np.array(found), reference) / whole)
            else:
                cheap += 1
            outcome = outcome_of(table[name], version, way)
            seen.append(Observation(f"o{len(seen)}", space.coordinates(settings), outcome))
    spent = time.process_time() - begun
    return {"way": way, "seed": seed, "shares": shares[:JOBS], "cheap": cheap, "cpu": spent}


def main() -> int:
    args = arguments(__doc__ or "", runs=10)
    seeds = range(args.seed, args.seed + args.runs)
    results = run_jobs(campaign, [(way, seed, args.data) for seed in seeds for way in WAYS], args.jobs)
    curves = {way: np.array([r["shares"] for r in results if r["way"] == way]) for way in WAYS}
    print("share of the hypervolume, by the number of DFT calculations")
    print(f"{'method':22}" + "".join(f"{n:>7}" for n in SHOWN) + f"{'mean':>8}{'s.e.':>7}{'xTB':>7}{'cpu s':>7}")
    marks = []
    for way, curve in curves.items():
        mean, error = mean_and_error(curve.mean(axis=1))
        runs = [r for r in results if r["way"] == way]
        shown = "".join(f"{curve[:, n - 1].mean():7.3f}" for n in SHOWN)
        cheap, cpu = (float(np.mean([r[what] for r in runs])) for what in ("cheap", "cpu"))
        print(f"{way:22}{shown}{mean:8.3f}{error:7.3f}{cheap:7.0f}{cpu:7.0f}")
    for way in WAYS[1:]:
        gain = (curves[way] - curves[WAYS[0]]).mean(axis=1)
        mean, error = mean_and_error(gain)
        print(f"{way}: ahead by {mean:.3f} +- {error:.3f} on the mean over the calculations, paired")
        marks.append(Mark(f"{way}, ahead of DFT alone in standard errors", in_errors(gain), 0.0))
    return finish(marks, args, {"runs": results})


if __name__ == "__main__":
    sys.exit(main())
