"""Learning molecules: how well each surrogate predicts after 50 to 1,000 labels, and whether it knows how well.

For each table, split and number of labels: error of the mean (RMSE), negative log density of held-out values, and the
share of them within intervals of 80 and 95 %. Random splits hold out molecules, scaffold splits whole Bemis-Murcko
scaffolds. The committee is the default one; ``--more`` names further surrogates, each of which is also shown as one
more member of it. With ``--chemprop N`` the package trains N networks on the same molecules, one after another.

    python benchmarks/learning.py --data DIR --runs 5 --more dmpnn --chemprop 5 --rows learning.jsonl

With ``--rows`` each score is a line of JSON in that file as soon as it is known, and what is there is not run again: a
run that was stopped goes on, and further tables, sizes, seeds or methods are added to it. ``--tell`` runs nothing and
judges what is there. One seed of all cells comes before the next.

Marks: the committee is nowhere worse than its best member by more than its standard error (that of its mean over
seeds; paired differences are told too), intervals hold what they promise within 3 points on average, and a graph
ensemble is as good as the package at a third of its time.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np
from harness import arguments, finish, run_jobs
from learning_scores import (
    INTERVALS,
    ONE,
    Score,
    committees_of,
    marks_of,
    overtaking,
    read_rows,
    standing,
    table_of,
    write_rows,
)
from peers.package import trained
from scipy.stats import norm

DATA_SETS = {  # file, columns of structure and value
    "esol": ("esol/delaney-processed.csv", "smiles", "measured log solubility in mols per litre"),
    "aqsoldb": ("aqsoldb/data_curated.csv", "SMILES", "Solubility"),
    "micro_qm9": ("qm9_sample/micro_qm9.csv", "smiles", "gap"),
    "qm9_gap": ("qm9_sample/qm9_gap_31k.csv", "SMILES", "gap"),
    "malaria": ("malaria_ec50/malaria-processed.csv", "smiles", "activity"),
}
SIZES = (50, 100, 200, 500, 1000)
SPLITS = ("random", "scaffold")
TEST = 500  # molecules held out, a third of the table at most
EPOCHS, BATCH, STEPS = 30, 50, 150  # of the package: so many steps at least


@lru_cache(maxsize=8)
def molecules(data: Path, table: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Structures and values of a table; the first value of each structure counts, unreadable ones are left out."""
    from loop.errors import MoleculeError
    from loop.molecules.standardise import canonical_smiles

    file, structure, value = DATA_SETS[table]
    found: dict[str, float] = {}
    with (data / file).open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            try:
                found.setdefault(canonical_smiles(row[structure].strip()), float(row[value]))
            except (MoleculeError, ValueError):
                continue
    return tuple(found), tuple(found.values())


@lru_cache(maxsize=8)
def scaffolds(smiles: tuple[str, ...]) -> np.ndarray:
    """A number for the scaffold of each molecule, shape ``(n,)``."""
    from loop.examination.parts import scaffold

    return np.unique([scaffold(s) for s in smiles], return_inverse=True)[1]


def parts(smiles: Sequence[str], split: str, labels: int, test: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which molecules are labelled and which are held out; the same held out for every number of labels."""
    rng = np.random.default_rng(seed)
    test = min(test, len(smiles) // 3)
    order = rng.permutation(len(smiles))
    if split == "scaffold":
        groups = scaffolds(tuple(smiles))
        rank = rng.permutation(groups.max() + 1)[groups]
        order = order[np.argsort(rank[order], kind="stable")]  # whole scaffolds, one after the other
        edge = groups[order]
        while test < len(order) and edge[test] == edge[test - 1]:
            test += 1
        return rng.permutation(order[test:])[:labels], order[:test]
    return order[test:][:labels], order[:test]


def score(
    data: Path,
    table: str,
    split: str,
    labels: int,
    seed: int,
    more: Sequence[str],
    test: int,
    known: Iterable[str] = (),
) -> list[Score]:
    """Every surrogate and all committees on one run, but for those ``known``."""
    import torch

    from loop.space import Component, Space
    from loop.surrogates.committee import weighed
    from loop.surrogates.protocol import TrainingSet
    from loop.surrogates.registry import default_members, surrogate

    smiles, values = molecules(data, table)
    seen, held = parts(smiles, split, labels, test, seed)
    kept = tuple(smiles[i] for i in np.concatenate([seen, held]))
    y = torch.tensor([values[i] for i in np.concatenate([seen, held])], dtype=torch.float64)
    x = torch.arange(len(kept), dtype=torch.float64)[:, None]
    space = Space((Component("molecule", kept, kept, is_library=True),))
    n = len(seen)
    training = TrainingSet(x[:n], y[:n], torch.full((n,), torch.nan, dtype=torch.float64))
    usual = default_members(space)
    sets = {"committee": usual} | {f"committee + {m}": (*usual, m) for m in more if m not in usual}
    wanted = [name for name in (*usual, *more, *sets) if name not in set(known)]
    fitted, cpu = {}, {}
    for place, name in enumerate(dict.fromkeys([*usual, *more])):
        if not any(name in (w, *sets.get(w, ())) for w in wanted):
            continue
        start = time.process_time()
        fitted[name] = surrogate(name, space).fit(space, training, seed=seed + place)
        cpu[name] = time.process_time() - start
    shares = {}
    for name, members in sets.items():
        if name not in wanted:
            continue
        committee = weighed(name, [fitted[m] for m in members], training, calibrates=True)
        shares |= {m: w for m, w in zip(members, committee.weights, strict=True) if m not in shares}
        fitted[name] = committee
        cpu[name] = sum(cpu[m] for m in members)
    found = []
    for name in wanted:
        model = fitted[name]
        mean, sd = (t.numpy() for t in model.moments(x[n:]))
        total = np.hypot(sd, model.noise_at(x[n:]).numpy())
        truth = y[n:].numpy()
        within = tuple(float((np.abs(truth - mean) < norm.ppf(0.5 + p / 2) * total).mean()) for p in INTERVALS)
        density = float(-norm.logpdf(truth, mean, total).mean())
        error = float(np.sqrt(((truth - mean) ** 2).mean()))
        share = shares.get(name, float("nan"))
        found.append(Score(table, split, labels, seed, name, error, density, within, cpu[name], share))
    return found


def of_package(data: Path, table: str, split: str, labels: int, seed: int, test: int, networks: int) -> list[Score]:
    """One network of the package on one run, and the ensemble of all; it states no deviation, so no density.

    Raises:
        PeerMissing: Its environment is not there.
        PeerError: It failed.
    """
    smiles, values = molecules(data, table)
    seen, held = parts(smiles, split, labels, test, seed)
    epochs = max(EPOCHS, -(-STEPS // -(-len(seen) // BATCH)))
    request = {
        "smiles": [smiles[i] for i in seen], "values": [values[i] for i in seen], "asked": [smiles[i] for i in held],
        "members": networks, "epochs": epochs, "batch": BATCH, "seed": seed,
    }  # fmt: skip
    answer = trained(request)
    truth = np.array([values[i] for i in held])
    apart = np.array(answer["values"]) - truth
    errors = {ONE: float(np.sqrt((apart**2).mean(axis=1)).mean())}  # what one of them has, on average
    if networks > 1:
        errors[f"{ONE} x{networks}"] = float(np.sqrt((apart.mean(axis=0) ** 2).mean()))
    nothing = (float("nan"),) * len(INTERVALS)
    return [
        Score(table, split, labels, seed, m, e, float("nan"), nothing, answer["cpu"] / (networks if m == ONE else 1))
        for m, e in errors.items()
    ]


def main() -> int:
    def more(parser: argparse.ArgumentParser) -> None:
        names = lambda text: [name for name in text.split(",") if name]  # noqa: E731 - a type for argparse
        parser.add_argument("--tables", type=names, default=list(DATA_SETS), help="which tables, separated by commas")
        parser.add_argument("--splits", type=names, default=list(SPLITS), help="which splits")
        parser.add_argument("--sizes", type=lambda t: [int(n) for n in t.split(",")], default=list(SIZES))
        parser.add_argument("--more", type=names, default=["dmpnn"], help="surrogates beside the default committee's")
        parser.add_argument("--test", type=int, default=TEST, help=f"molecules held out (default {TEST})")
        parser.add_argument(
            "--chemprop", type=int, default=0, metavar="N", help="train N of its networks too ('make peers')"
        )
        parser.add_argument("--rows", type=Path, help="scores as lines of JSON, to go on from and to add to")
        parser.add_argument("--tell", action="store_true", help="run nothing; judge what the rows say")

    args = arguments(__doc__ or "", runs=5, more=more)
    cells = [
        (table, split, labels, seed)
        for seed in range(args.seed, args.seed + args.runs)
        for table in args.tables
        for split in args.splits
        for labels in args.sizes
    ]
    scores = read_rows(args.rows)

    def keep(found: Sequence[Score]) -> None:
        write_rows(args.rows, found)
        scores.extend(found)

    if not args.tell:
        there: dict[tuple[str, str, int, int], set[str]] = {}
        for s in scores:
            there.setdefault((s.table, s.split, s.labels, s.seed), set()).add(s.method)
        surrogates = {"committee", *args.more, *(f"committee + {m}" for m in args.more)}
        due = [c for c in cells if not surrogates <= there.get(c, set())]
        jobs = [(args.data, *c, args.more, args.test, tuple(there.get(c, ()))) for c in due]
        run_jobs(score, jobs, args.jobs, each=keep)
        if args.chemprop:  # takes longest: what there is comes first
            package = ONE if args.chemprop == 1 else f"{ONE} x{args.chemprop}"
            due = [c for c in cells if package not in there.get(c, set())]
            run_jobs(of_package, [(args.data, *c, args.test, args.chemprop) for c in due], args.jobs, each=keep)
    wanted = set(cells)
    scores = [s for s in scores if (s.table, s.split, s.labels, s.seed) in wanted]
    print("\n".join(table_of(scores)), end="\n\n")
    for name, own in committees_of(scores, args.more).items():
        print("\n".join(standing(scores, name, own)))
    for name in args.more:
        print("\n".join(overtaking(scores, name, "tanimoto")))
        for package in sorted({s.method for s in scores if s.method.startswith(ONE)}):
            print("\n".join(overtaking(scores, name, package)))
    return finish(marks_of(scores, args.more), args, {"scores": [asdict(s) for s in scores]})


if __name__ == "__main__":
    sys.exit(main())
