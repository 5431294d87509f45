"""hakken against other planners on reaction conditions: ``reactions.py --peers baybe,ax,bofire``.

Every table, in two forms (batches of 5, 50 experiments; one by one, 40 experiments), from the same random starts and
again each with its own first batch (a peer that has none for given rows keeps the random one, and it is said). A
difference is paired by seed. Marks are those of "ahead of every planner", with one default for all tables. An oracle,
which knows the truth and tries the best condition as its first own choice, says how far ahead anybody could be.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from contest import CHOOSERS, Chooser, Kept, Observed, asked, run
from curves import Curve, areas, grouped, shared, table_of, write
from curves import options as where
from harness import Mark, finish, in_errors, run_jobs
from peers import Answer, PeerError, peer
from problems import Problem, load_problem

TABLES = (
    "direct_arylation", "arylation_extended", "buchwald_hartwig", "bh_chlorides", "bh_bromides", "bh_iodides",
    "aryl_scope", "baumgartner",
)  # fmt: skip
FORMS = {"by 5": (5, 50), "one by one": (1, 40)}
STARTS = ("random", "own")
FIRST = 5  # experiments of a random start, whatever the batch


def options(parser: argparse.ArgumentParser) -> None:
    """What the comparison takes besides."""

    def names(known: Collection[str]) -> Callable[[str], list[str]]:
        def read(text: str) -> list[str]:
            if unknown := [name for name in text.split(",") if name not in known]:
                raise argparse.ArgumentTypeError(f"{unknown[0]!r} is unknown; use some of {', '.join(known)}")
            return text.split(",")

        return read

    parser.add_argument("--tables", type=names(TABLES), help=f"with --peers: some of {','.join(TABLES)}")
    parser.add_argument("--forms", type=names(FORMS), help=f"with --peers: some of {','.join(FORMS)}")
    where(parser)


def part_of(table: str, form: str, start: str) -> str:
    """What a curve belongs to."""
    return f"{table}, {form}, {start} start"


def oracle(problem: Problem, _observed: Sequence[Observed], _seed: int, q: int) -> Answer:
    """The best condition, and what follows it in the table: no planner can be faster."""
    assert problem.rows is not None
    best = int((problem.signs[0] * problem.truth[:, 0]).argmax())
    return Answer([problem.rows[(best + i) % len(problem.rows)] for i in range(q)], 0.0, 0.0)


OURS: dict[str, Chooser] = {**CHOOSERS, "oracle": oracle}


def own_runs(chooser: str, table: str, form: str, start: str, seed: int, data: Path) -> Curve:
    """One campaign of hakken, of chance or of the oracle."""
    problem, (q, n) = load_problem(table, data), FORMS[form]
    done = run(OURS[chooser], problem, seed, q=q, n=n, first=FIRST if start == "random" else 0)
    return _curve(problem, form, start, chooser, seed, done)


def peer_runs(
    name: str, table: str, form: str, start: str, seeds: Sequence[int], data: Path, kept: bool, fresh: bool
) -> tuple[list[Curve], str]:
    """A peer's campaigns with one worker, and why some are missing ("" if none is)."""
    problem, (q, n), store = load_problem(table, data), FORMS[form], Kept(fresh=fresh)
    how = "" if (form, start) == ("by 5", "random") else f"{form}, {start} start"
    curves: list[Curve] = []
    with peer(name) as other:
        version, said = store.version(other, problem, kept_only=kept and not fresh)
        if not version:
            return [], said
        for seed in seeds:
            done = store.look_up(other, problem, seed, q=q, n=n, how=how, version=version)
            if (done is None and not kept) or fresh:
                try:
                    first = FIRST if start == "random" else 0
                    done = run(asked(other), problem, seed, q=q, n=n, first=first)
                except PeerError as error:
                    return curves, f"{part_of(table, form, start)}: {error}"
                store.keep(store.key(other, problem, seed, q=q, n=n, how=how), done)
            if done is not None:
                curves.append(_curve(problem, form, start, name, seed, done))
    if said or len(curves) < len(seeds):
        said = f"{name}, {part_of(table, form, start)}: {len(curves)} of {len(seeds)} runs; {said}".removesuffix("; ")
    return curves, said


def _curve(problem: Problem, form: str, start: str, method: str, seed: int, done: dict[str, Any]) -> Curve:
    target = problem.targets[0]
    values = np.array([o["values"][target] for o in done["observed"]]) / problem.optimum
    best = tuple(np.maximum.accumulate(values).tolist())
    return Curve(part_of(problem.name, form, start), method, seed, best, FORMS[form][0], tuple(done["cpu"]))


def against(args: argparse.Namespace) -> int:
    """The whole comparison; the exit status says whether every mark holds."""
    seeds = list(range(args.seed, args.seed + args.runs))
    parts = [(t, f, s) for t in args.tables or TABLES for f in args.forms or FORMS for s in STARTS]
    own = run_jobs(own_runs, [(m, *p, s, args.data) for p in parts for m in OURS for s in seeds], args.jobs)
    jobs = [(name, *p, seeds, args.data, args.kept, args.fresh) for p in parts for name in args.peers]
    curves: list[Curve] = list(own)
    for found, why in run_jobs(peer_runs, jobs, args.jobs) if jobs else []:
        curves += found
        if why:
            print(why)
    order = {name: i for i, name in enumerate((*OURS, *args.peers))}
    curves.sort(key=lambda c: (parts.index(_place(c, parts)), order[c.method], c.seed))
    for part, methods in grouped(curves).items():
        print(f"\n{part}")
        rows = table_of(methods)
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for name, *cells in rows:
            print("  ".join([name.ljust(widths[0]), *(c.rjust(w) for c, w in zip(cells, widths[1:], strict=True))]))
    marks, unjudged = _marks(grouped(curves), args.peers), _unjudged(grouped(curves), args.peers)
    print(*("", *(f"not judged: {text}" for text in unjudged)), sep="\n")
    told = f"Seeds {seeds[0]} to {seeds[-1]}; every comparison is with hakken's default, paired by seed."
    write(args, "Reaction conditions", told, curves, [*(m.line() for m in marks), *unjudged])
    return finish(marks, args, {"parts": [part_of(*p) for p in parts], "not_judged": unjudged})


def _place(curve: Curve, parts: Sequence[tuple[str, str, str]]) -> tuple[str, str, str]:
    return next(p for p in parts if part_of(*p) == curve.part)


def _marks(found: dict[str, dict[str, dict[int, Curve]]], peers: Sequence[str]) -> list[Mark]:
    """Those of the comparison, of what was run."""
    marks: list[Mark] = []
    for name in peers:
        gaps = [
            {seed: m["hakken"][seed].area - m[name][seed].area for seed in both}
            for m in found.values()
            if name in m and (both := shared(m["hakken"], m[name]))
        ]
        if not gaps:
            continue
        mean, error = mean_of_parts(gaps)
        marks.append(Mark(f"area ahead of {name}, mean of {len(gaps)} parts", mean, 0.03))
        marks.append(Mark(f"area ahead of {name}, in standard errors", mean / error if error else 0.0, 3.0))
    worst, fewer, deciles = [], [], []
    for methods in found.values():
        others = {n: r for n, r in methods.items() if n in peers and shared(methods["hakken"], r)}
        if not others:
            continue
        best = max(others, key=lambda n: float(np.mean([c.area for c in others[n].values()])))
        both = shared(methods["hakken"], others[best])
        worst.append(in_errors(areas(methods["hakken"], both) - areas(others[best], both)))
        mine = np.mean([methods["hakken"][s].needed for s in both])
        soonest = min(np.mean([r[s].needed for s in shared(methods["hakken"], r)]) for r in others.values())
        fewer.append(float(mine / soonest))
        lowest = max(np.quantile([c.area for c in r.values()], 0.1) for r in others.values())
        deciles.append(float(np.quantile(areas(methods["hakken"], both), 0.1) - lowest))
    if worst:
        marks += [
            Mark("area against the best peer, least of the parts, in standard errors", min(worst), -1.0),
            Mark("experiments to 95 % over the best peer's, mean of parts", float(np.mean(fewer)), 0.75, at_most=True),
            Mark("worst decile of the area less the best peer's, least of the parts", min(deciles), 0.0),
        ]
    return marks + _own_marks(found)


def mean_of_parts(gaps: Sequence[Mapping[int, float]]) -> tuple[float, float]:
    """The mean of the parts' means, each by seed, and its standard error; infinite for a single seed.

    Parts that share a seed share their luck, so the error is that of the seeds' means over the parts, and, where parts
    lack some seeds, of what each seed adds to the whole (the variance clustered by seed).
    """
    means = [float(np.mean(list(gap.values()))) for gap in gaps]
    adds: dict[int, float] = {}
    for gap, mean in zip(gaps, means, strict=True):
        for seed, value in gap.items():
            adds[seed] = adds.get(seed, 0.0) + (value - mean) / len(gap) / len(gaps)
    n = len(adds)
    error = float(np.sqrt(n / (n - 1) * sum(a**2 for a in adds.values()))) if n > 1 else float("inf")
    return float(np.mean(means)), error


def _unjudged(found: dict[str, dict[str, dict[int, Curve]]], peers: Sequence[str]) -> list[str]:
    """Which marks there are no runs for, or not of every part, one sentence each."""
    told = []
    having = {name: [p for p, m in found.items() if name in m and shared(m["hakken"], m[name])] for name in peers}
    for name, parts in having.items():
        if not parts:
            told.append(f"area ahead of {name}: no run of it was found")
        elif len(parts) < len(found):
            lacking = "; ".join(p for p in found if p not in parts)
            told.append(f"{name} on {len(found) - len(parts)} of {len(found)} parts, of which it has no run: {lacking}")
    if not any(having.values()):
        told.append("area against the best peer, experiments to 95 %, worst decile: no peer was run")
    for table in ("direct_arylation", "buchwald_hartwig"):
        if part_of(table, "by 5", "own") not in found:
            told.append(f"marks of {table} from its own first batch: it is not among the parts")
    return told


def _own_marks(found: dict[str, dict[str, dict[int, Curve]]]) -> list[Mark]:
    """Those of hakken with its own first batch, in batches of five."""
    marks: list[Mark] = []
    for table, goal in (("direct_arylation", 0.92), ("buchwald_hartwig", 0.91)):
        part = found.get(part_of(table, "by 5", "own"))
        if part:
            area = float(np.mean([c.area for c in part["hakken"].values()]))
            marks.append(Mark(f"area from its own first batch, {table}", area, goal))
    part = found.get(part_of("direct_arylation", "by 5", "own"))
    if part:
        best = np.array([c.best for c in part["hakken"].values()])
        marks.append(Mark("direct_arylation, mean best yield at 10 experiments", 100 * float(best[:, 9].mean()), 80.0))
        marks.append(Mark("direct_arylation, least best yield of all runs at 45", 100 * float(best[:, 44].min()), 99.0))
    return marks
