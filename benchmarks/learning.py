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
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
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
TEST = 500  # molecules held out, a third of the table at most
EPOCHS, BATCH, STEPS = 30, 50, 150  # of the package: so many steps at least
ONE = "chemprop"  # one network of the package; an ensemble of N is "chemprop xN"
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


def read_rows(file: Path | None) -> list[Score]:
    """The scores in a file of JSON lines; a last line that was cut short is passed over, and run again."""
    if file is None or not file.exists():
        return []
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        found.append(Score(**{**row, "within": tuple(row["within"])}))
    return found


def write_rows(file: Path | None, scores: Iterable[Score]) -> None:
    """Append scores to the file, each on a line of its own."""
    if file is not None:
        with file.open("a", encoding="utf-8") as lines:
            if lines.tell() and not file.read_bytes().endswith(b"\n"):
                lines.write("\n")  # after one that was cut short
            lines.writelines(json.dumps(asdict(s)) + "\n" for s in scores)


def table_of(scores: Sequence[Score]) -> list[str]:
    """Lines: for each table, split and number of labels the means of each method over seeds."""
    lines = []
    for cell in sorted({(s.table, s.split, s.labels) for s in scores}):
        rows = [s for s in scores if (s.table, s.split, s.labels) == cell]
        lines.append(f"\n{cell[0]}, {cell[1]} split, {cell[2]} labels ({DATA_SETS[cell[0]][3]})")
        heads = " ".join(f"{h:>{w}s}" for h, w in (("NLPD", 7), ("80 %", 6), ("95 %", 6), ("cpu s", 7), ("runs", 5)))
        lines.append(f"  {'method':24s} {'RMSE':>8s} {'s.e.':>7s} {heads}")
        for method in dict.fromkeys(s.method for s in rows):
            mine = [s for s in rows if s.method == method]
            error, around = mean_and_error(np.array([s.error for s in mine]))
            means = [float(np.mean(column)) for column in zip(*(s.within for s in mine), strict=True)]
            density, cpu = float(np.mean([s.density for s in mine])), float(np.mean([s.cpu for s in mine]))
            lines.append(
                f"  {method:24s} {error:8.4f} {around:7.4f} {density:7.3f} "
                + " ".join(f"{100 * m:6.1f}" for m in means)
                + f" {cpu:7.1f} {len(mine):5d}"
            )
    return lines


def overtaking(scores: Sequence[Score], ours: str, other: str) -> list[str]:
    """Lines: the number of labels from which one surrogate's error is below another's, for each table and split.

    Behind it, for each number of labels, by how many per cent it is lower or higher, over paired seeds.
    """
    lines = []
    for table, split in dict.fromkeys((s.table, s.split) for s in scores):
        rows = {(s.labels, s.seed, s.method): s.error for s in scores if (s.table, s.split) == (table, split)}
        pairs = {
            n: np.array([(e, rows[n, seed, other]) for (m, seed, who), e in rows.items()
                         if (m, who) == (n, ours) and (n, seed, other) in rows])
            for n in sorted({n for n, _, who in rows if who == ours})
        }  # fmt: skip
        pairs = {n: found for n, found in pairs.items() if len(found)}
        if not pairs:
            continue
        sizes = list(pairs)
        ahead = {n: bool(found[:, 0].mean() < found[:, 1].mean()) for n, found in pairs.items()}
        from_here = [n for i, n in enumerate(sizes) if all(ahead[m] for m in sizes[i:])]
        said = f"from {from_here[0]} labels" if from_here else f"not up to {sizes[-1]} labels"
        told = []
        for n, found in pairs.items():
            mean, error = mean_and_error(100 * (found[:, 0] / found[:, 1] - 1))
            told.append(f"{n}: {mean:+.1f} ± {error:.1f}")
        lines.append(f"{ours} is ahead of {other} on {table}, {split}: {said} (error, per cent; {', '.join(told)})")
    return lines


@dataclass(frozen=True)
class Behind:
    """How far a committee is behind its best member in one cell; below nought where it is ahead."""

    cell: tuple[str, str, int]  # table, split and number of labels
    best: str  # the member with the lowest mean error there, chosen by the same runs
    per_cent: float
    own: float  # in standard errors of the committee's mean error over seeds
    paired: float  # in standard errors of the paired difference, which are smaller


def behind_best(scores: Sequence[Score], name: str, members: set[str]) -> list[Behind]:
    """For each table, split and number of labels, how far the committee is behind; one seed tells nothing."""
    found = []
    mine = {(s.table, s.split, s.labels, s.seed): s.error for s in scores if s.method == name}
    for cell in dict.fromkeys(key[:3] for key in mine):
        rows = [s for s in scores if (s.table, s.split, s.labels) == cell and (*cell, s.seed) in mine]
        own = {m: [s for s in rows if s.method == m] for m in members}
        best = min((m for m in own if own[m]), key=lambda m: float(np.mean([s.error for s in own[m]])))
        theirs = np.array([s.error for s in own[best]])
        ours = np.array([mine[*cell, s.seed] for s in own[best]])
        gap, of_pairs = mean_and_error(ours - theirs)
        of_ours = mean_and_error(ours)[1]
        if np.isfinite(of_pairs):
            in_errors = [gap / error if error > 0 else 0.0 for error in (of_ours, of_pairs)]
            found.append(Behind(cell, best, 100 * gap / float(theirs.mean()), *in_errors))
    return found


def standing(scores: Sequence[Score], name: str, members: set[str]) -> list[str]:
    """Lines: where the committee is behind its best member, and where it is ahead."""
    found = behind_best(scores, name, members)
    behind = sorted((b for b in found if b.per_cent > 0), key=lambda b: -b.own)
    lines = [f"{name}: ahead of its best member in {len(found) - len(behind)} of {len(found)} cells; behind in"]
    lines += [
        f"  {b.cell[0]}, {b.cell[1]}, {b.cell[2]} labels: {b.best} by {b.per_cent:.1f} per cent, {b.own:.2f} standard "
        f"errors of its own and {b.paired:.2f} of paired differences"
        for b in behind
    ]
    return lines if found else []


def committees_of(scores: Sequence[Score], more: Sequence[str]) -> dict[str, set[str]]:
    """The members of each committee that was run."""
    ran = {s.method for s in scores}
    members = {m for m in ran if not m.startswith(("committee", ONE))}
    names = ["committee", *(f"committee + {m}" for m in more if m in ran)]
    return {n: members - set(more) | ({n.removeprefix("committee + ")} & members) for n in names if n in ran}


def marks_of(scores: Sequence[Score], more: Sequence[str]) -> list[Mark]:
    """What must hold of the scores."""
    marks = []
    committees = committees_of(scores, more)
    for name, own in committees.items():
        if behind := [found.own for found in behind_best(scores, name, own)]:
            marks.append(Mark(f"{name} behind its best member at worst, in standard errors", max(behind), 1.0, True))
    for name in [*(c for c in committees if c == "committee"), *more, *(c for c in committees if c != "committee")]:
        mine = [s for s in scores if s.method == name]
        for which, promised in enumerate(INTERVALS):
            if mine:
                off = abs(float(np.mean([s.within[which] for s in mine])) - promised)
                marks.append(Mark(f"{name}: points by which {promised:.0%} intervals are off", 100 * off, 3.0, True))
    return marks + beside_package(scores, more)


def beside_package(scores: Sequence[Score], more: Sequence[str]) -> list[Mark]:
    """What must hold of graph ensembles beside the package, run on the same molecules."""
    marks = []
    for package in sorted({s.method for s in scores if s.method.startswith(ONE)}):
        theirs = {(s.table, s.split, s.labels, s.seed): s for s in scores if s.method == package}
        for name in more:
            pairs = [
                (s, theirs[key])
                for s in scores
                if s.method == name and (key := (s.table, s.split, s.labels, s.seed)) in theirs
            ]
            if pairs:
                ratio = float(np.mean([ours.error / other.error for ours, other in pairs]))
                marks.append(Mark(f"{name}: error as a share of {package}'s", ratio, 1.0, True))
                if package != ONE:
                    faster = float(np.mean([other.cpu / ours.cpu for ours, other in pairs]))
                    marks.append(Mark(f"{name}: times faster than {package}", faster, 3.0))
    return marks


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
