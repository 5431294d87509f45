"""How many of the best of a library are found with a few rounds: docking scores of the Enamine 10k library.

1 % of the library at random, then five batches of 1 %; the hundred best scores are looked for. Scores are rounded to
0.1, so many tie, and there are three counts. By score: a molecule counts when its score is at least that of the
hundredth, at most 100. By score, places: the same, but those that tie with the hundredth count for no more than the
places that better ones leave. By SMILES: a molecule counts when it is one of the first hundred of the published list.
Molecules without a score come back as failures. "top" is hakken told to look for the best of a library
(``acquisition: top``) and nothing else, "hakken" with its defaults; "fingerprints" and "plain" name the surrogate too.

    python benchmarks/pool_search.py --data DIR --runs 5 --methods top,fingerprints,plain,hakken
"""

from __future__ import annotations

import argparse
import csv
import gzip
import math
import sys
import time
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import Mark, arguments, finish, mean_and_error, run_jobs
from numpy.typing import NDArray

from loop.history import History, Observation
from loop.molecules.standardise import canonical_smiles
from loop.outcome import Fault, FaultKind, Measured, Measurement
from loop.planner import plan
from loop.spec import CampaignSpec

TOP = 100
ROUNDS = 5
METHODS: dict[str, dict[str, Any]] = {
    "top": {"acquisition": "top"},
    "hakken": {},
    "fingerprints": {"surrogate": "fingerprints", "acquisition": "top"},
    "plain": {"surrogate": "tanimoto", "acquisition": "top"},  # one Gaussian process on Morgan counts
    "improvement": {"acquisition": "improvement"},
}


@dataclass(frozen=True)
class Library:
    """Molecules and their scores, NaN where there is none; ``listed`` are the numbers of the published best hundred."""

    smiles: tuple[str, ...]
    scores: NDArray[np.float64]
    listed: NDArray[np.int64]

    @property
    def threshold(self) -> float:
        """The hundredth best score; lower is better."""
        return float(np.sort(self.scores[~np.isnan(self.scores)])[TOP - 1])

    def found(self, tried: NDArray[np.int64]) -> tuple[float, float, float]:
        """Percent of the best found among ``tried``: by score, by SMILES, and by score within the places."""
        better, tied = (int(counts(self.scores[tried]).sum()) for counts in (self._is_better, self._ties))
        places = TOP - int(self._is_better(self.scores).sum())
        by_smiles = len(np.intersect1d(tried, self.listed))
        return min(better + tied, TOP) * 100 / TOP, by_smiles * 100 / TOP, (better + min(tied, places)) * 100 / TOP

    def _is_better(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        return scores < self.threshold - 1e-9

    def _ties(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.abs(scores - self.threshold) <= 1e-9


@lru_cache(maxsize=1)
def library(data: Path) -> Library:
    """Each molecule of the library once, in its order."""
    folder = data / "molpal_enamine10k"

    def rows(name: str) -> list[dict[str, str]]:
        with gzip.open(folder / name, "rt", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    scores: dict[str, float] = {}
    for row in rows("Enamine10k_scores.csv.gz"):  # the best first
        scores.setdefault(canonical_smiles(row["smiles"]), float(row["score"]))
    smiles = tuple(dict.fromkeys(canonical_smiles(row["smiles"]) for row in rows("Enamine10k_library.csv.gz")))
    place = {s: i for i, s in enumerate(smiles)}
    listed = np.array([place[s] for s in list(scores)[:TOP]])
    return Library(smiles, np.array([scores.get(s, math.nan) for s in smiles]), listed)


def search(method: str, seed: int, data: Path) -> dict[str, Any]:
    """One campaign: what was found after each batch, failures bought, and seconds of each choice."""
    torch.set_num_threads(1)
    known = library(data)
    batch = round(len(known.smiles) / 100)
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "pool",
            "space": {"molecule": {"type": "molecule", "options": {s: s for s in known.smiles}}},
            "objective": {"score": {"goal": "minimize"}},
            "budget": {"experiments": (ROUNDS + 1) * batch},
            "planner": {"batch": batch, "initial": {"experiments": batch}, **METHODS[method]},
            "laboratory": {"adapter": "emulator"},
        }
    )
    number = {s: i for i, s in enumerate(known.smiles)}
    tried = list(np.random.default_rng(seed).choice(len(known.smiles), batch, replace=False))
    found, seconds = [known.found(np.array(tried))], []
    for turn in range(ROUNDS):
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            chosen = plan(spec, history(known, tried), seed=1000 * seed + turn, experiments=batch)
        seconds.append(time.process_time() - start)
        tried += [number[str(p.candidate.settings["molecule"])] for p in chosen.proposals]
        found.append(known.found(np.array(tried)))
    failed = np.isnan(known.scores[tried])
    return {"found": found, "seconds": seconds, "failed": [int(failed[:batch].sum()), int(failed[batch:].sum())]}


def history(known: Library, tried: list[int]) -> History:
    """What was tried, as hakken keeps it; a molecule without a score could not be docked."""
    return History(
        tuple(
            Observation(
                str(turn),
                np.array([float(i)]),
                Fault.of(FaultKind.INPUT_ERROR, "no score")
                if math.isnan(score := float(known.scores[i]))
                else Measured((Measurement("score", score, "", score),)),
            )
            for turn, i in enumerate(tried)
        )
    )


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--methods", default="top", help=f"some of {','.join(METHODS)} (default top)")


def main() -> int:
    args = arguments(__doc__ or "", runs=5, more=options)
    methods = args.methods.split(",")
    seeds = range(args.seed, args.seed + args.runs)
    jobs = [(method, seed, args.data) for method in methods for seed in seeds]
    results = run_jobs(search, jobs, args.jobs)
    measured = {m: [r for r, job in zip(results, jobs, strict=True) if job[0] == m] for m in methods}
    for method, runs in measured.items():
        (a, a_error), (b, b_error), (c, c_error) = (
            mean_and_error(np.array([r["found"][-1][k] for r in runs])) for k in range(3)
        )
        failed = np.mean([r["failed"] for r in runs], axis=0)
        spent = np.mean([r["seconds"] for r in runs])
        print(
            f"{method}: by score {a:.1f} +- {a_error:.1f} % (places: {c:.1f} +- {c_error:.1f}), "
            f"by SMILES {b:.1f} +- {b_error:.1f} %; failures "
            f"{failed[0]:.1f} at random, {failed[1]:.1f} chosen; {spent:.1f} s of processor time a batch"
        )
    marks = []
    if runs := measured.get("top", []):
        last = np.array([r["found"][-1] for r in runs]).mean(axis=0)
        known = library(args.data)
        chosen = float(np.mean([r["failed"][1] for r in runs]))
        by_chance = float(np.isnan(known.scores).mean()) * ROUNDS * round(len(known.smiles) / 100)
        marks = [
            Mark("top 100 by score, %", float(last[0]), 85.0),
            Mark("top 100 by SMILES, %", float(last[1]), 73.0),
            Mark("failures chosen, over those by chance", chosen / by_chance, 1.0, at_most=True),
        ]
    return finish(marks, args, {"runs": measured})


if __name__ == "__main__":
    sys.exit(main())
