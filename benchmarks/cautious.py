"""Thresholds kept with caution: how many experiments break them, and what does caution cost?

Campaigns that maximise one number while another keeps a threshold that so many of all candidates keep, by threes, from
a random candidate that keeps it and the two next to it that do. Measured tables (of reactions one number, the yield, is
both), an emulated reaction, and surfaces that are drawn. Each with several values of ``cautious`` and without it, from
the same starts: the share of experiments after the start that break the threshold, and the best that keeps it, from the
median of what keeps it (0) to the best of that (1).

Marks: of what is asked with 0.9 and 0.95 no more than a tenth and a twentieth break the threshold, over all problems.

    python benchmarks/cautious.py --data DIR --runs 20
"""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contest import history_of
from harness import Mark, arguments, finish, mean_and_error, run_jobs
from numpy.typing import NDArray
from problems import load_problem
from problems.problem import Problem, Settings, bare_spec

from loop.errors import PoolExhausted
from loop.planner import plan
from loop.space import sample_space
from loop.spec import CampaignSpec
from loop.surrogates.metric import metric
from loop.surrogates.representation import Representation

TABLES = ("lnp3", "snar", "direct_arylation", "buchwald_hartwig", "drawn_numbers", "drawn_options")
CHANCES = (0.0, 0.8, 0.9, 0.95, 0.99)  # 0 for no caution
START, BATCH, EXPERIMENTS = 3, 3, 33
LOOKED_AT = 4_096  # candidates that stand for a space of numbers
WANTED, KEPT = "wanted", "kept"


@dataclass(frozen=True)
class Task:
    """A problem of one or two numbers: the first is maximised, the last keeps a threshold (``sign`` 1: from below)."""

    problem: Problem
    limit: float
    sign: float
    points: tuple[Settings, ...]  # candidates that stand for all
    truth: NDArray[np.float64]  # (n, m) of these

    @property
    def keeps(self) -> NDArray[np.bool_]:
        return self.sign * self.truth[:, -1] >= self.sign * self.limit

    def spec(self, cautious: float) -> CampaignSpec:
        names = self.problem.targets
        wanted = dict(self.problem.spec["objective"][names[0]])
        side = {"at_least" if self.sign > 0 else "at_most": self.limit}
        side |= {"cautious": cautious} if cautious else {}
        objective: dict[str, Any]
        if len(names) == 1:
            objective = {names[0]: {**wanted, **side}}
        else:
            kept = {k: v for k, v in self.problem.spec["objective"][names[-1]].items() if k in ("unit", "low", "high")}
            objective = {names[0]: wanted, names[-1]: {**kept, "goal": "keep", **side}}
        planner = {"batch": BATCH, "initial": {} if cautious else {"experiments": START}}
        return CampaignSpec.from_resolved({**self.problem.spec, "objective": objective, "planner": planner})


@cache
def load(name: str, data: Path, share: float, seed: int) -> Task:
    """A problem whose threshold a ``share`` of all candidates keeps; ``seed`` draws the surfaces of drawn ones."""
    if name.startswith("drawn"):
        problem = _drawn(name, seed)
    else:
        problem = load_problem(name, data)
        if name == "lnp3":
            problem = _of_two(problem, 0, 2)
    if problem.rows is None:
        xs = sample_space(problem.space, 512 if name == "snar" else LOOKED_AT, 0)
        points = tuple(problem.space.settings(x) for x in xs)
        truth = np.array([problem.true_values(p) for p in points])
    else:
        points, truth = problem.rows, problem.truth
    sign = 1.0 if len(problem.targets) == 1 else -1.0
    limit = float(np.quantile(truth[:, -1], 1 - share if sign > 0 else share))
    return Task(problem, limit, sign, points, truth)


def _of_two(problem: Problem, first: int, last: int) -> Problem:
    names = [problem.targets[first], problem.targets[last]]
    spec = {**problem.spec, "objective": {n: problem.spec["objective"][n] for n in names}}
    draws = tuple(d[:, [first, last]] for d in problem.draws)
    return Problem(problem.name, spec, rows=problem.rows, draws=draws)


def _drawn(name: str, seed: int) -> Problem:
    """Two surfaces: over two numbers, or over three parameters of six options, which mostly add up."""
    rng = np.random.default_rng([seed, 17])
    objective = {WANTED: {"goal": "maximize"}, KEPT: {"goal": "minimize"}}
    if name == "drawn_numbers":
        space: dict[str, Any] = {n: {"type": "number", "low": 0.0, "high": 1.0} for n in "ab"}
        surfaces = [_waves(rng), _waves(rng)]
        return Problem(
            name,
            bare_spec(name, space, objective),
            function=lambda s: np.array([f(np.array([s["a"], s["b"]])) for f in surfaces]),
            sd=(0.1, 0.1),
        )
    options = [f"o{i}" for i in range(6)]
    space = {n: {"type": "category", "options": options} for n in "abc"}
    sums = rng.standard_normal((2, 3, 6))
    beside = 0.5 * rng.standard_normal((2, 3, 6, 6))
    pairs = ((0, 1), (0, 2), (1, 2))
    rows = [dict(zip("abc", picked, strict=True)) for picked in itertools.product(options, repeat=3)]
    draws = []
    for i, j, k in itertools.product(range(6), repeat=3):
        at = (i, j, k)
        own = sums[:, range(3), at].sum(1)
        own = own + np.array([beside[:, p, at[a], at[b]] for p, (a, b) in enumerate(pairs)]).sum(0)
        draws.append((own + 0.1 * rng.standard_normal(2))[None, :])
    return Problem(name, bare_spec(name, space, objective), rows=tuple(rows), draws=tuple(draws))


def _waves(rng: np.random.Generator) -> Callable[[NDArray[np.float64]], float]:
    """A draw of a smooth surface over the unit square, of deviation 1 and lengthscale 0.3."""
    turns, phases = rng.standard_normal((64, 2)) / 0.3, rng.uniform(0, 2 * np.pi, 64)
    sizes = rng.standard_normal(64) * np.sqrt(2 / 64)
    return lambda x: float(sizes @ np.cos(turns @ x + phases))


def run(data: Path, name: str, share: float, cautious: float, seed: int) -> dict[str, Any]:
    """One campaign: how many of its experiments broke the threshold, and the best that kept it."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    task = load(name, data, share, seed if name.startswith("drawn") else 0)
    keeps, problem = task.keeps, task.problem
    start = _start(task, seed)
    seen: list[dict[str, Any]] = []

    def measure(settings: Settings) -> None:
        values = problem.observe(settings, seed, [o["settings"] for o in seen])
        seen.append({"settings": settings, "values": values, "failed": False})

    for i in start:
        measure(task.points[i])
    spec, ended = task.spec(cautious), ""
    while len(seen) < EXPERIMENTS and not ended:
        q = min(BATCH, EXPERIMENTS - len(seen))
        try:
            batch = plan(spec, history_of(problem, seen), problem.pool, seed=seed, experiments=q)
        except PoolExhausted as error:
            ended = str(error)
            break
        for p in batch.proposals:
            measure(dict(p.candidate.settings))
    true = np.array([problem.true_values(o["settings"]) for o in seen])
    kept = task.sign * true[:, -1] >= task.sign * task.limit
    usual, best = np.median(task.truth[keeps, 0]), task.truth[keeps, 0].max()
    new = kept[START:]
    return {
        "table": name, "share": share, "cautious": cautious, "seed": seed, "experiments": len(seen) - START,
        "broken": int((~new).sum()), "reached": float((true[kept, 0].max() - usual) / (best - usual)), "ended": ended,
    }  # fmt: skip


def _start(task: Task, seed: int) -> list[int]:
    """A random candidate that keeps the threshold, and those next to it that do: what a process has had so far."""
    x = torch.from_numpy(np.array([task.problem.space.coordinates(p) for p in task.points]))
    there = np.flatnonzero(task.keeps)
    first = int(np.random.default_rng([seed, 5]).choice(there))
    far = metric(task.problem.space, Representation.COUNTS).squared(x[[first]], x[there])[0].numpy()
    return [int(i) for i in there[np.argsort(far, kind="stable")[:START]]]


def main() -> int:
    args = arguments(__doc__ or "", runs=20, more=_more)
    seeds, tables = range(args.seed, args.seed + args.runs), args.tables.split(",")
    shares, chances = [float(s) for s in args.shares.split(",")], [float(c) for c in args.chances.split(",")]
    jobs = list(itertools.product([args.data], tables, shares, chances, seeds))
    rows = run_jobs(run, jobs, args.jobs)
    print(f"seeds {seeds[0]} to {seeds[-1]}, {EXPERIMENTS - START} experiments by threes after {START} that keep it")
    print("| problem | keep it | cautious | broken | reached | less than without | ended early |")
    print("|---|---|---|---|---|---|---|")
    for table, share, chance in itertools.product(tables, shares, chances):
        those = {c: [r for r in rows if (r["table"], r["share"], r["cautious"]) == (table, share, c)] for c in chances}
        mine = those[chance]
        made, broken = sum(r["experiments"] for r in mine), sum(r["broken"] for r in mine)
        got = np.array([r["reached"] for r in mine])
        less, error = mean_and_error(got - np.array([r["reached"] for r in those[chances[0]]]))
        ended = sum(bool(r["ended"]) for r in mine)
        print(
            f"| {table} | {share:g} | {chance or 'no'} | {broken / max(made, 1):.3f} | {got.mean():.2f} "
            f"| {less:+.2f} ± {error:.2f} | {ended} of {len(mine)} |"
        )
    marks = []
    for chance in chances:
        mine = [r for r in rows if r["cautious"] == chance]
        broken = sum(r["broken"] for r in mine) / max(sum(r["experiments"] for r in mine), 1)
        print(f"cautious {chance:g}: {broken:.3f} broken, {np.mean([r['reached'] for r in mine]):.3f} reached")
        if chance in (0.9, 0.95):
            marks.append(Mark(f"broken with cautious {chance:g}", broken, 1 - chance, at_most=True))
    return finish(marks, args, {"rows": rows})


def _more(parser: Any) -> None:
    parser.add_argument("--tables", default=",".join(TABLES), help=f"which (default {','.join(TABLES)})")
    parser.add_argument("--shares", default="0.5,0.8", help="shares of candidates that keep it (default 0.5,0.8)")
    parser.add_argument("--chances", default=",".join(f"{c:g}" for c in CHANCES), help="values of cautious, 0 for none")


if __name__ == "__main__":
    sys.exit(main())
