"""What the scores of ``learning.py`` say: kept as rows, told as tables, and held against the marks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from harness import Mark, mean_and_error

UNITS = {  # of the values, by table
    "esol": "log(mol/L)",
    "aqsoldb": "log(mol/L)",
    "micro_qm9": "Eh",
    "qm9_gap": "eV",
    "malaria": "log(umol/L)",
}
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
        lines.append(f"\n{cell[0]}, {cell[1]} split, {cell[2]} labels ({UNITS[cell[0]]})")
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
