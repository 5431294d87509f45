"""Hits found in a pool with few assays: active or inactive, heavily unbalanced, beside classical trees and chemprop.

0.5 % of the pool at random (the same for every method), then batches up to 1, 2, 3, 4 and 5 % of it; hits among what
was bought are counted after 1, 2 and 5 %. Equal scores are ordered at random by the seed.

malaria  18,924 screening compounds with EC50; a hit is below ``--potent`` umol/L (0.1: all of them were hits of a
         first screen, and 69 % are below 1). ``hakken`` is told active or inactive, ``numbers`` the logarithm.
hiv      41,119 compounds of the NCI's antiviral screen, active (or moderately so) or inactive; seven more cannot be
         read.

Methods: ``hakken`` (its defaults: ``classes`` and nothing else), ``numbers``, ``trees`` (500 extremely randomised
trees on folded Morgan counts, classes weighted alike), ``chemprop`` (one network, as it trains by default, where its
environment is). At the end each is asked about 4,000 molecules that it did not buy: accuracy beside the rate of the
larger class, areas under the curve, and how many hits it expects there.

Marks: no fewer hits than trees, and than the package where it ran (paired, after 2 and 5 %); as many as were expected,
of what hakken chose and of the rest.

    python benchmarks/hits.py --data DIR --runs 5 --tables malaria,hiv --methods hakken,trees
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from harness import Mark, arguments, finish, in_errors, mean_and_error, run_jobs
from hit_methods import CHANCES, CHOICES, Assay
from numpy.typing import NDArray
from peers.package import interpreter

TABLES: Final = {  # folder, file, column of structures
    "malaria": ("malaria_ec50", "raw_csv.csv", "Canonical_Smiles"),
    "hiv": ("hiv_nci_dtp", "hiv.csv", "smiles"),
}
SHARES: Final = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05)  # of the pool that is bought in all, after each batch
SHOWN: Final = (0.01, 0.02, 0.05)
ASKED: Final = 4_000  # molecules that were not bought, which a method is asked about in the end


def stored(data: Path, table: str, shelf: Path) -> tuple[str, int, tuple[str, ...]]:
    """The key of the table's library, stored once, how many records could not be read, and which."""
    from flows.libraries.recipe import Recipe
    from flows.libraries.store import Store
    from loop.spec.space_models import MoleculeSpec

    folder, file, column = TABLES[table]
    recipe = Recipe.of(MoleculeSpec(type="molecule", file=file, smiles=column), data / folder)
    report = Store(shelf).build(recipe)
    return recipe.key, report.unreadable, tuple(report.first)


@lru_cache(maxsize=2)
def assay(data: Path, table: str, shelf: Path, key: str, unreadable: int, potent: float) -> Assay:
    """The pool as it was measured; of equal structures the most active result counts."""
    from flows.libraries.store import Store
    from loop.errors import MoleculeError
    from loop.molecules.shelf import put_up
    from loop.molecules.standardise import canonical_smiles

    store = Store(shelf)
    put_up(store)
    library = store.library(key)
    assert library is not None
    place = {s: i for i, s in enumerate(library.structures)}
    folder, file, column = TABLES[table]
    hits, values = np.zeros(len(place), dtype=bool), np.full(len(place), math.nan)
    with (data / folder / file).open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            try:
                i = place[canonical_smiles(row[column].strip())]
            except MoleculeError:
                continue
            if table == "hiv":
                hits[i] |= row["HIV_active"] == "1"
            else:
                values[i] = np.fmin(values[i], math.log10(float(row["Activity (EC50 uM)"])))
                hits[i] = values[i] < math.log10(potent)
    return Assay(key, library.structures, hits, values, unreadable)


def campaign(
    data: Path, table: str, shelf: Path, key: str, unreadable: int, potent: float, method: str, seed: int
) -> dict[str, Any]:
    """One campaign: hits among what was bought after each batch, hits expected of each, and the last judgement."""
    import torch

    torch.set_num_threads(1)
    known = assay(data, table, shelf, key, unreadable, potent)
    n = len(known.smiles)
    ends = [round(n * share) for share in SHARES]
    rng = np.random.default_rng(seed)
    tried = [int(i) for i in rng.choice(n, ends[0], replace=False)]
    ties = rng.random(n)  # equal scores are ordered by it
    ask = np.random.default_rng([seed, 1])
    found, expected, start = [int(known.hits[tried].sum())], [], time.process_time()
    for turn, end in enumerate(ends[1:]):
        chosen, hoped = CHOICES[method](known, tried, end - len(tried), seed * 100 + turn, ties, potent)
        tried += chosen
        found.append(int(known.hits[tried].sum()))
        expected.append(hoped)
    rest = np.setdiff1d(np.arange(n), tried)
    rest = ask.choice(rest, min(ASKED, len(rest)), replace=False)
    chance = CHANCES[method](known, tried, rest, seed * 100 + len(ends), potent)
    seconds = time.process_time() - start
    return {"found": found, "expected": expected, "seconds": seconds, **judged(known.hits[rest], chance)}


def judged(hits: NDArray[np.bool_], chance: NDArray[np.float64]) -> dict[str, float]:
    """How chances, ``(n,)``, fare against what turned out; ranks are shared between equal chances."""
    from rdkit.ML.Scoring.Scoring import CalcBEDROC
    from sklearn.metrics import log_loss, roc_auc_score

    order = np.lexsort((np.random.default_rng(0).random(len(chance)), -chance))
    rows = [[bool(h)] for h in hits[order]]
    likely = float(hits.mean())
    clipped = np.clip(chance, 1e-6, 1 - 1e-6)
    return {
        "asked": len(hits),
        "hits": int(hits.sum()),
        "hoped": float(chance.sum()),
        "accuracy": float(((chance >= 0.5) == hits).mean()),
        "majority": max(likely, 1 - likely),
        "auc": float(roc_auc_score(hits, chance)),
        "bedroc": float(CalcBEDROC(rows, 0, 20.0)),
        "log_loss": float(log_loss(hits, clipped)),
        "log_loss_of_the_rate": float(log_loss(hits, np.full(len(hits), likely))),
    }


def lines_of(table: str, known: Assay, runs: dict[str, list[dict[str, Any]]]) -> list[str]:
    """What was found of one table, method by method, and paired differences from ``hakken``."""
    n, hits = len(known.smiles), int(known.hits.sum())
    lines = [f"\n{table}: {n} molecules, {hits} hits ({100 * hits / n:.2f} %); {known.unreadable} could not be read"]
    at = [SHARES.index(share) for share in SHOWN]
    chance = ", ".join(f"{hits * round(n * s) / n:.1f}" for s in SHOWN)
    lines.append(f"  by chance after {', '.join(f'{s:.0%}' for s in SHOWN)} of the pool: {chance}")
    for method, measured in runs.items():
        found = np.array([[r["found"][k] for k in at] for r in measured], dtype=float)
        told = [mean_and_error(column) for column in found.T]
        factor = [m / (hits * s) for (m, _), s in zip(told, SHOWN, strict=True)]
        shown = ", ".join(f"{m:.1f} +- {e:.1f} (x {f:.1f})" for (m, e), f in zip(told, factor, strict=True))
        lines.append(f"  {method}: {shown}; {np.mean([r['seconds'] for r in measured]):.0f} s of processor time")
        bought = sum(r["found"][-1] - r["found"][0] for r in measured)
        hoped = sum(sum(r["expected"]) for r in measured)
        mean = {k: float(np.mean([r[k] for r in measured])) for k in measured[0] if k not in ("found", "expected")}
        lines.append(
            f"    of the rest: accuracy {mean['accuracy']:.4f} (larger class {mean['majority']:.4f}), area "
            f"{mean['auc']:.3f}, BEDROC {mean['bedroc']:.3f}, log loss {mean['log_loss']:.4f} (of the rate "
            f"{mean['log_loss_of_the_rate']:.4f}), {mean['hoped']:.0f} hits expected and {mean['hits']:.0f} there; "
            f"of what it chose {hoped / len(measured):.0f} expected and {bought / len(measured):.0f} found"
        )
        if method != "hakken" and "hakken" in runs:
            ours = np.array([[r["found"][k] for k in at] for r in runs["hakken"]], dtype=float)
            for column, share in zip((ours - found).T, SHOWN, strict=True):
                mean_gap, error = mean_and_error(column)
                lines.append(f"    hakken less {method} after {share:.0%}: {mean_gap:+.1f} +- {error:.1f}")
    return lines


def marks_of(runs: dict[str, dict[str, list[dict[str, Any]]]]) -> list[Mark]:
    """That hakken finds no fewer than trees and the package, paired, after 2 and 5 %; that its expectations come true.

    They do where the hits that came differ from those expected by no more than twice their scatter: the root of their
    number, or 15 % of it (what ``hakken examine`` takes for well told too).
    """
    marks = []
    for table, methods in runs.items():
        ours = methods.get("hakken", [])
        for other in [o for o in ("trees", "chemprop") if ours and o in methods]:
            for share in SHOWN[1:]:
                k = SHARES.index(share)
                gap = [a["found"][k] - b["found"][k] for a, b in zip(ours, methods[other], strict=True)]
                if len(gap) > 1:
                    name = f"{table}: hakken ahead of {other} after {share:.0%}, in standard errors"
                    marks.append(Mark(name, in_errors(np.array(gap, dtype=float)), -1.0))
        if ours:
            chosen = sum(sum(r["expected"]) for r in ours), sum(r["found"][-1] - r["found"][0] for r in ours)
            rest = sum(r["hoped"] for r in ours), sum(r["hits"] for r in ours)
            for what, (expected, found) in (("its choices", chosen), ("the rest", rest)):
                name = f"{table}: hits expected of {what} off by, in scatters"
                marks.append(Mark(name, off_by(float(expected), float(found)), 2.0, at_most=True))
    return marks


def off_by(expected: float, found: float) -> float:
    """How far a number of hits is from that expected, in scatters."""
    return abs(expected - found) / max(math.sqrt(max(expected, 1.0)), 0.15 * found)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tables", default="malaria,hiv", help=f"some of {','.join(TABLES)} (default both)")
    parser.add_argument("--methods", default="hakken,numbers,trees", help=f"some of {','.join(CHOICES)}")
    parser.add_argument("--potent", type=float, default=0.1, help="EC50 in umol/L below which malaria has a hit")
    parser.add_argument("--shelf", type=Path, help="folder where the libraries are stored (default: made anew)")


def main() -> int:
    args = arguments(__doc__ or "", runs=5, more=options)
    tables, methods = args.tables.split(","), args.methods.split(",")
    if "chemprop" in methods:
        interpreter()
    with tempfile.TemporaryDirectory() as made:
        shelf = args.shelf or Path(made)
        asked, told = [], {}
        for table in tables:
            key, unreadable, first = stored(args.data, table, shelf)
            told[table] = (table, shelf, key, unreadable, args.potent)
            if unreadable:
                print(f"{table}: {unreadable} records cannot be read, such as {'; '.join(first[:2])}")
            for method in methods:
                if method != "numbers" or table == "malaria":  # the other table has no numbers
                    asked += [
                        (args.data, *told[table], method, seed) for seed in range(args.seed, args.seed + args.runs)
                    ]
        results = run_jobs(campaign, asked, args.jobs)
        runs: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for job, result in zip(asked, results, strict=True):
            runs.setdefault(job[1], {}).setdefault(job[-2], []).append(result)
        for table, of_table in runs.items():
            print("\n".join(lines_of(table, assay(args.data, *told[table]), of_table)))
    return finish(marks_of(runs), args, {"seeds": [args.seed, args.seed + args.runs - 1], "runs": runs})


if __name__ == "__main__":
    sys.exit(main())
