"""How many of the hundred best products of a combinatorial library are found, and with how many calls.

Quinazolinones of three lists of reagents, judged by the Tanimoto similarity of their Morgan bits to a query: 980,000
products (3,000 calls) and 94 million (10,000 calls), neither written out; the best hundred are known from an exhaustive
enumeration. Those of the published list are counted (by canonical SMILES); beside them, what scores as high as the
hundredth (at most 100). "top" is hakken told to look for the best (``acquisition: top``) and nothing else, "hakken"
with its defaults, "tanimoto" with that surrogate and ``top``; Thompson sampling over reagents, each an arm of its own,
is there for comparison. A campaign of hakken ends when it has all hundred: further calls would change nothing.

    python benchmarks/combinatorial.py --data DIR --runs 5 --libraries small,large --methods top,thompson
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import Mark, arguments, finish, mean_and_error, run_jobs
from numpy.typing import NDArray
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from loop.history import History, Observation
from loop.molecules.standardise import canonical_smiles
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.space import ProductPool, Space
from loop.spec import CampaignSpec, build_space, read_spec

FOLDER = "ts_quinazoline_reagents"
TOP = 100


@dataclass(frozen=True)
class Library:
    """Lists of reagents, the file with the best hundred, the query (None: that of the settings), and the calls."""

    files: tuple[str, str, str]
    best: str
    query: str | None
    calls: int
    batch: int
    goal: float


LIBRARIES = {
    "small": Library(
        ("aminobenzoic_100.smi", "primary_amines_100.smi", "carboxylic_acids_100.smi"),
        "quinazoline_1M_90_top_100.csv",
        "COc1cccc2c(=O)n([C@@H]3C[C@@H](O)[C@@H](O)C3)c([C@@H](N)CNC(N)=O)nc12",  # its best
        3_000,
        200,
        92.0,
    ),
    "large": Library(
        ("aminobenzoic_ok.smi", "primary_amines_500.smi", "carboxylic_acids_500.smi"),
        "quinazoline_exhaustive.csv",
        None,
        10_000,
        500,
        90.0,
    ),
}


@dataclass(frozen=True)
class Problem:
    """A library, its published best hundred as canonical SMILES, and the score of the hundredth."""

    library: Library
    spec: CampaignSpec
    space: Space
    score: Callable[[NDArray[np.float64]], float]  # of coordinates, (3,)
    listed: frozenset[str]
    threshold: float

    def structure(self, x: NDArray[np.float64]) -> str:
        """Canonical SMILES of the product at coordinates ``x``, ``(3,)``."""
        return self.space.smiles(self.space.settings(x))["molecule"]


@lru_cache(maxsize=2)
def problem(name: str, data: Path) -> Problem:
    """The library of this name."""
    library, folder = LIBRARIES[name], data / FOLDER
    settings = json.loads((folder / "quinazoline_fp_100.json").read_text())
    lists = dict(zip(("aminobenzoic", "amine", "acid"), library.files, strict=True))
    spec = read_spec(
        json.dumps(
            {
                "campaign": "quinazolines",
                "space": {
                    "molecule": {
                        "type": "products",
                        "reaction": settings["reaction_smarts"],
                        "reagents": {n: {"file": f} for n, f in lists.items()},
                        "ambiguous": "first",  # as the enumeration has it
                    }
                },
                "objective": {"similarity": {"goal": "maximize", "low": 0, "high": 1}},
                "budget": {"experiments": library.calls},
                "planner": {"batch": library.batch, "initial": {"design": "random", "experiments": library.batch}},
                "laboratory": {"adapter": "emulator"},
            }
        ),
        source="quinazolines",
        read=lambda file: (folder / file).read_text(encoding="utf-8"),
    )
    space = build_space(spec)
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    query = Chem.MolFromSmiles(library.query or settings["evaluator_arg"]["query_smiles"])
    wanted = generator.GetFingerprint(query)

    def score(x: NDArray[np.float64]) -> float:
        made = Chem.MolFromSmiles(space.smiles(space.settings(x))["molecule"])
        return float(DataStructs.TanimotoSimilarity(wanted, generator.GetFingerprint(made)))

    with (folder / library.best).open(encoding="utf-8") as file:
        best = list(csv.DictReader(file))
    listed = frozenset(canonical_smiles(row["SMILES"]) for row in best)
    return Problem(library, spec, space, score, listed, min(float(row["score"]) for row in best))


Run = tuple[list[NDArray[np.float64]], list[float]]  # coordinates in the order of calls, seconds of each choice


def hakken(p: Problem, seed: int, **planner: Any) -> Run:
    """A campaign by hakken's planner."""
    spec = p.spec.model_copy(update={"planner": p.spec.planner.model_copy(update=planner)})
    pool, x, scores, seconds = ProductPool(p.space), [], [], []
    missing = set(p.listed)
    while missing and len(scores) < p.library.calls:
        start = time.process_time()
        known = [
            Observation(str(i), row, Measured((Measurement("similarity", v, "", v),)))
            for i, (row, v) in enumerate(zip(x, scores, strict=True))
        ]
        left = min(p.library.batch, p.library.calls - len(scores))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            chosen = plan(spec, History(tuple(known)), pool, seed=1000 * seed + len(seconds), experiments=left)
        seconds.append(time.process_time() - start)
        rows = [p.space.coordinates(draft.candidate.settings) for draft in chosen.proposals]
        x += rows
        scores += [p.score(row) for row in rows]
        missing -= {p.structure(row) for row in rows}
    return x, seconds


def thompson(p: Problem, seed: int) -> Run:
    """Thompson sampling over reagents: of each, a normal belief of the scores of its products.

    Source: Klarich, Goldman, Kramer, Riley and Walters, J. Chem. Inf. Model. 64 (2024) 1158; ten warm-up calls each
    there, three here, since calls count.
    """
    rng = np.random.default_rng(seed)
    sizes = [q.size for q in p.space.finite_parameters()]
    start, scores = time.process_time(), []
    tried: dict[tuple[int, ...], None] = {}
    sums, counts = [np.zeros(s) for s in sizes], [np.zeros(s) for s in sizes]

    def call(row: Sequence[int]) -> None:
        if tuple(row) in tried or len(scores) >= p.library.calls:
            return
        tried[tuple(row)] = None
        scores.append(p.score(np.array(row, dtype=np.float64)))
        for place, i in enumerate(row):
            sums[place][i] += scores[-1]
            counts[place][i] += 1

    for place, size in enumerate(sizes):
        for i in range(size):
            for _ in range(3):
                row = [int(rng.integers(s)) for s in sizes]
                row[place] = i
                call(row)
    mean, variance = float(np.mean(scores)), float(np.var(scores))
    while len(scores) < p.library.calls:
        row = []
        for total, count in zip(sums, counts, strict=True):
            precision = (1 + count) / variance
            belief = (mean / variance + total / variance) / precision
            row.append(int(np.argmax(belief + rng.standard_normal(len(count)) / np.sqrt(precision))))
        call(row)
    return [np.array(row, dtype=np.float64) for row in tried], [time.process_time() - start]


METHODS: dict[str, Callable[[Problem, int], Run]] = {
    "hakken": hakken,
    "top": lambda p, seed: hakken(p, seed, acquisition="top"),
    "tanimoto": lambda p, seed: hakken(p, seed, surrogate="tanimoto", acquisition="top"),
    "thompson": thompson,
}


def campaign(method: str, library: str, seed: int, data: Path) -> dict[str, Any]:
    """One run: of the best hundred, how many were found after each batch."""
    torch.set_num_threads(1)
    p = problem(library, data)
    rows, seconds = METHODS[method](p, seed)
    made = [p.structure(row) for row in rows]
    first = [s in p.listed and s not in made[:i] for i, s in enumerate(made)]
    high = np.minimum(np.cumsum([p.score(row) >= p.threshold - 1e-9 for row in rows]), TOP)
    ends = range(p.library.batch - 1, len(rows), p.library.batch)
    return {
        "found": np.cumsum(first)[list(ends)].tolist(),
        "by_score": high[list(ends)].tolist(),
        "calls": len(rows),
        "seconds": seconds,
    }


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--libraries", default="small,large", help="some of small,large")
    parser.add_argument("--methods", default="top", help=f"some of {','.join(METHODS)} (default top)")


def main() -> int:
    args = arguments(__doc__ or "", runs=5, more=options)
    seeds = range(args.seed, args.seed + args.runs)
    libraries, methods = args.libraries.split(","), args.methods.split(",")
    jobs = [(m, name, seed, args.data) for name in libraries for m in methods for seed in seeds]
    results = run_jobs(campaign, jobs, args.jobs)
    marks, measured = [], {}
    for name in libraries:
        for method in methods:
            runs = [r for r, job in zip(results, jobs, strict=True) if job[:2] == (method, name)]
            measured[f"{name}, {method}"] = runs
            mean, error = mean_and_error(np.array([float(r["found"][-1]) for r in runs]))
            spent = np.mean([s for r in runs for s in r["seconds"]])
            high = np.mean([r["by_score"][-1] for r in runs])
            calls = [r["calls"] for r in runs]
            print(
                f"{name}, {method}: {mean:.1f} +- {error:.1f} of the best 100 ({high:.1f} by score) after "
                f"{min(calls)} to {max(calls)} calls; {spent:.1f} s of processor time a batch"
            )
            if method == "top":
                marks.append(Mark(f"best 100 of the {name} library", mean, LIBRARIES[name].goal))
    return finish(marks, args, {"runs": measured})


if __name__ == "__main__":
    sys.exit(main())
