"""Learning molecules: how well each surrogate predicts after 50 to 1,000 labels, and whether it knows how well.

For each table, split and number of labels: error of the mean (RMSE), negative log density of held-out values, and the
share of them within intervals of 80 and 95 %. Random splits hold out molecules, scaffold splits whole Bemis-Murcko
scaffolds. The committee is the default one; ``--more`` names further surrogates, each of which is also shown as one
more member of it. With ``--chemprop`` the package trains an ensemble on the same molecules, one member after another.

    python benchmarks/learning.py --data DIR --runs 5 --more dmpnn --chemprop

Marks: the committee is nowhere worse than its best member by more than its standard error, its intervals hold what
they promise within 3 points on average, and a graph ensemble is as good as the package at a third of its time.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from harness import Mark, arguments, finish, mean_and_error, run_jobs
from peers import PeerError, PeerMissing, home
from scipy.stats import norm

DATA_SETS = {  # file, columns of structure and value, unit
    "esol": ("esol/delaney-processed.csv", "smiles", "measured log solubility in mols per litre", "log(mol/L)"),
    "aqsoldb": ("aqsoldb/data_curated.csv", "SMILES", "Solubility", "log(mol/L)"),
    "micro_qm9": ("qm9_sample/micro_qm9.csv", "smiles", "gap", "Eh"),
    "qm9_gap": ("qm9_sample/qm9_gap_31k.csv", "SMILES", "gap", "eV"),
    "malaria": ("malaria_ec50/malaria-processed.csv", "smiles", "activity", "log(umol/L)"),
}
SIZES = (50, 100, 200, 500, 1000)
SPLITS = ("random", "scaffold")
TEST = 1000  # molecules held out, a third of the table at most
EPOCHS, BATCH, MEMBERS = 30, 50, 5  # of the package, as of our own ensemble
INTERVALS = (0.80, 0.95)


@dataclass(frozen=True)
class Score:
    """One surrogate on one run; ``error`` in the table's unit, ``density`` the negative log density in it."""

    table: str
    split: str
    labels: int
    seed: int
    method: str
    error: float
    density: float
    within: tuple[float, ...]  # shares inside the intervals
    cpu: float  # seconds of fitting; of a committee those of its members
    weight: float = float("nan")  # in the committee with every surrogate


@lru_cache(maxsize=8)
def molecules(data: Path, table: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Structures and values of a table; the first value of each structure counts, unreadable ones are left out."""
    from loop.errors import MoleculeError
    from loop.molecules.standardise import canonical_smiles

    file, structure, value, _ = DATA_SETS[table]
    found: dict[str, float] = {}
    with (data / file).open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            try:
                found.setdefault(canonical_smiles(row[structure].strip()), float(row[value]))
            except (MoleculeError, ValueError):
                continue
    return tuple(found), tuple(found.values())


def parts(smiles: Sequence[str], split: str, labels: int, test: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which molecules are labelled and which are held out; the same held out for every number of labels."""
    from loop.examination.parts import scaffold

    rng = np.random.default_rng(seed)
    test = min(test, len(smiles) // 3)
    order = rng.permutation(len(smiles))
    if split == "scaffold":
        groups = np.unique([scaffold(s) for s in smiles], return_inverse=True)[1]
        rank = rng.permutation(groups.max() + 1)[groups]
        order = order[np.argsort(rank[order], kind="stable")]  # whole scaffolds, one after the other
        edge = groups[order]
        while test < len(order) and edge[test] == edge[test - 1]:
            test += 1
        return rng.permutation(order[test:])[:labels], order[:test]
    return order[test:][:labels], order[:test]


def score(data: Path, table: str, split: str, labels: int, seed: int, more: Sequence[str], test: int) -> list[Score]:
    """Every surrogate and both committees on one run."""
    import torch

    from loop.space import Component, Space
    from loop.surrogates.committee import FittedCommittee, evidence_weights
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
    fitted, cpu = {}, {}
    for place, name in enumerate([*usual, *(m for m in more if m not in usual)]):
        start = time.process_time()
        fitted[name] = surrogate(name, space).fit(space, training, seed=seed + place)
        cpu[name] = time.process_time() - start
    sets = {"committee": usual} | {f"committee + {m}": (*usual, m) for m in more if m not in usual}
    for name, members in sets.items():
        chosen = tuple(fitted[m] for m in members)
        weights = evidence_weights(torch.stack([m.held_out() for m in chosen]))
        fitted[name] = FittedCommittee(name, chosen, tuple(weights.tolist()))
        cpu[name] = sum(cpu[m] for m in members)
    everyone = [fitted[m] for m in fitted if m not in sets]
    shares = dict(
        zip(
            [m.name for m in everyone],
            evidence_weights(torch.stack([m.held_out() for m in everyone])).tolist(),
            strict=True,
        )
    )
    found = []
    for name, model in fitted.items():
        mean, sd = (t.numpy() for t in model.moments(x[n:]))
        total = np.hypot(sd, model.noise_at(x[n:]).numpy())
        truth = y[n:].numpy()
        within = tuple(float((np.abs(truth - mean) < norm.ppf(0.5 + p / 2) * total).mean()) for p in INTERVALS)
        density = float(-norm.logpdf(truth, mean, total).mean())
        error = float(np.sqrt(((truth - mean) ** 2).mean()))
        share = shares.get(name, float("nan"))
        found.append(Score(table, split, labels, seed, name, error, density, within, cpu[name], share))
    return found


def of_package(data: Path, table: str, split: str, labels: int, seed: int, test: int) -> Score:
    """The package's ensemble on one run, in its own environment; it states no deviation, so no density.

    Raises:
        PeerMissing: Its environment is not there.
        PeerError: It failed.
    """
    smiles, values = molecules(data, table)
    seen, held = parts(smiles, split, labels, test, seed)
    request = {
        "smiles": [smiles[i] for i in seen], "values": [values[i] for i in seen], "asked": [smiles[i] for i in held],
        "members": MEMBERS, "epochs": EPOCHS, "batch": BATCH, "seed": seed,
    }  # fmt: skip
    python = home() / "chemprop" / "bin" / "python"
    if not python.exists():
        raise PeerMissing(f"the environment of chemprop is not in {home()}; create it with 'make peers'")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment |= {"PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run(
        [str(python), "-P", "-m", "peers.chemprop"], input=json.dumps(request), env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise PeerError(f"chemprop could not learn {table}: {done.stderr[-1500:]}")
    answer = json.loads(done.stdout)
    mean = np.mean(answer["values"], axis=0)
    error = float(np.sqrt(((mean - np.array([values[i] for i in held])) ** 2).mean()))
    nothing = (float("nan"),) * len(INTERVALS)
    return Score(table, split, labels, seed, "chemprop", error, float("nan"), nothing, answer["cpu"])


def table_of(scores: Sequence[Score]) -> list[str]:
    """Lines: for each table, split and number of labels the means of each method over seeds."""
    lines = []
    for cell in dict.fromkeys((s.table, s.split, s.labels) for s in scores):
        rows = [s for s in scores if (s.table, s.split, s.labels) == cell]
        lines.append(f"\n{cell[0]}, {cell[1]} split, {cell[2]} labels ({DATA_SETS[cell[0]][3]})")
        lines.append(f"  {'method':24s} {'RMSE':>8s} {'s.e.':>7s} {'NLPD':>7s} {'80 %':>6s} {'95 %':>6s} {'cpu s':>7s}")
        for method in dict.fromkeys(s.method for s in rows):
            mine = [s for s in rows if s.method == method]
            error, around = mean_and_error(np.array([s.error for s in mine]))
            means = [float(np.mean(column)) for column in zip(*(s.within for s in mine), strict=True)]
            density, cpu = float(np.mean([s.density for s in mine])), float(np.mean([s.cpu for s in mine]))
            lines.append(
                f"  {method:24s} {error:8.4f} {around:7.4f} {density:7.3f} "
                + " ".join(f"{100 * m:6.1f}" for m in means)
                + f" {cpu:7.1f}"
            )
    return lines


def overtaking(scores: Sequence[Score], ours: str, other: str) -> list[str]:
    """Lines: the number of labels from which one surrogate's error is below another's, for each table and split."""
    lines = []
    for table, split in dict.fromkeys((s.table, s.split) for s in scores):
        rows = [s for s in scores if (s.table, s.split) == (table, split)]
        sizes = sorted({s.labels for s in rows})
        error = {
            n: [np.mean([s.error for s in rows if s.labels == n and s.method == m]) for m in (ours, other)]
            for n in sizes
        }
        from_here = [n for i, n in enumerate(sizes) if all(error[m][0] < error[m][1] for m in sizes[i:])]
        said = f"from {from_here[0]} labels" if from_here else f"not up to {sizes[-1]} labels"
        lines.append(f"{ours} is ahead of {other} on {table}, {split}: {said}")
    return lines


def marks_of(scores: Sequence[Score], more: Sequence[str]) -> list[Mark]:
    """What must hold of the scores."""
    marks = []
    committees = ["committee", *(f"committee + {m}" for m in more if any(s.method == m for s in scores))]
    members = {s.method for s in scores} - set(committees) - {"chemprop"}
    for name in committees:
        mine = [s for s in scores if s.method == name]
        own = members - set(more) | ({name.removeprefix("committee + ")} & members)
        behind = []
        for cell in dict.fromkeys((s.table, s.split, s.labels) for s in mine):
            rows = [s for s in scores if (s.table, s.split, s.labels) == cell]
            best = min(own, key=lambda m: float(np.mean([s.error for s in rows if s.method == m])))
            gap = [
                next(s.error for s in rows if s.method == name and s.seed == b.seed) - b.error
                for b in rows
                if b.method == best
            ]
            mean, error = mean_and_error(np.array(gap))
            behind.append(mean / error if np.isfinite(error) and error > 0 else 0.0)
        marks.append(Mark(f"{name} behind its best member at worst, in standard errors", max(behind), 1.0, True))
        for which, promised in enumerate(INTERVALS):
            off = abs(float(np.mean([s.within[which] for s in mine])) - promised)
            marks.append(Mark(f"{name}: points by which {promised:.0%} intervals are off", 100 * off, 3.0, True))
    theirs = {(s.table, s.split, s.labels, s.seed): s for s in scores if s.method == "chemprop"}
    for name in more:
        pairs = [
            (s, theirs[key])
            for s in scores
            if s.method == name and (key := (s.table, s.split, s.labels, s.seed)) in theirs
        ]
        if pairs:
            ratio = float(np.mean([ours.error / other.error for ours, other in pairs]))
            faster = float(np.mean([other.cpu / ours.cpu for ours, other in pairs]))
            marks.append(Mark(f"{name}: error as a share of chemprop's", ratio, 1.0, True))
            marks.append(Mark(f"{name}: times faster than chemprop", faster, 3.0))
    return marks


def main() -> int:
    def more(parser: argparse.ArgumentParser) -> None:
        names = lambda text: [name for name in text.split(",") if name]  # noqa: E731 - a type for argparse
        parser.add_argument("--tables", type=names, default=list(DATA_SETS), help="which tables, separated by commas")
        parser.add_argument("--splits", type=names, default=list(SPLITS), help="which splits")
        parser.add_argument("--sizes", type=lambda t: [int(n) for n in t.split(",")], default=list(SIZES))
        parser.add_argument("--more", type=names, default=["dmpnn"], help="surrogates beside the default committee's")
        parser.add_argument("--test", type=int, default=TEST, help=f"molecules held out (default {TEST})")
        parser.add_argument("--chemprop", action="store_true", help="train the package too ('make peers' installs it)")

    args = arguments(__doc__ or "", runs=5, more=more)
    cells = [
        (args.data, table, split, labels, seed)
        for table in args.tables
        for split in args.splits
        for labels in args.sizes
        for seed in range(args.seed, args.seed + args.runs)
    ]
    scores = [s for part in run_jobs(score, [(*c, args.more, args.test) for c in cells], args.jobs) for s in part]
    print("\n".join(table_of(scores)), end="\n\n", flush=True)
    if args.chemprop:  # takes longest: what there is was said before
        scores += run_jobs(of_package, [(*c, args.test) for c in cells], args.jobs)
        print("\n".join(table_of(scores)), end="\n\n")
    for name in args.more:
        print("\n".join(overtaking(scores, name, "tanimoto")))
    return finish(marks_of(scores, args.more), args, {"scores": [asdict(s) for s in scores]})


if __name__ == "__main__":
    sys.exit(main())
