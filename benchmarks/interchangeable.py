"""What it is worth to say that the order of some parameters means nothing: two or three additives of one list.

Made-up tables, new with each seed: what each additive does alone and in each solvent, what pairs of them do together,
and in one table how much there is of each. Every choice of additives is one row, whichever is called the first.
"hakken" is told so (``interchangeable``), "untold" has the same rows and is not; BayBE (0.15 has no way to be told)
has them too. Five shared random experiments, then batches of five up to 40; area under the curve of the best so far,
from 0 for the median of all rows to 1 for the best. Nothing of DIR is read.

    python benchmarks/interchangeable.py --data DIR --runs 20 --peers baybe
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from contest import Observed, asked, hakken, run
from harness import Mark, arguments, finish, in_errors, mean_and_error, run_jobs
from numpy.typing import NDArray
from peers import PeerError, peer
from problems import Problem
from problems.problem import bare_spec

TABLES: Mapping[str, tuple[int, int, tuple[float, ...]]] = {  # additives, how many of them at once, amounts
    "pairs": (14, 2, ()),
    "pairs with amounts": (10, 2, (0.25, 0.5, 0.75, 1.0)),
    "triples": (10, 3, ()),
}
SOLVENTS = 4
BATCH, EXPERIMENTS = 5, 40


class Truth:
    """What a choice gives, whichever additive is called the first."""

    def __init__(self, table: str, seed: int) -> None:
        options, self.slots, self.amounts = TABLES[table]
        rng = np.random.default_rng([seed, 7])
        self.alone = rng.normal(size=options)
        pairs = 0.7 * rng.normal(size=(options, options))
        self.pairs = np.tril(pairs) + np.tril(pairs, -1).T
        self.solvent = 0.7 * rng.normal(size=SOLVENTS)
        self.within = 0.5 * rng.normal(size=(SOLVENTS, options))
        self.best_amount = rng.uniform(0.2, 1.0, size=options)

    def __call__(self, solvent: int, held: tuple[int, ...], amounts: tuple[float, ...]) -> float:
        shares = [1.0 - 1.5 * (x - self.best_amount[a]) ** 2 for a, x in zip(held, amounts, strict=False)] or [1.0] * 3
        total = self.solvent[solvent]
        for share, a in zip(shares, held, strict=False):
            total += share * (self.alone[a] + self.within[solvent, a])
        for (v, a), (w, b) in itertools.combinations(zip(shares, held, strict=False), 2):
            total += v * w * self.pairs[a, b]
        return float(total)


def problem(table: str, seed: int, *, is_told: bool) -> Problem:
    """The table as a problem; ``is_told``: its spec says what is interchangeable."""
    options, slots, amounts = TABLES[table]
    labels, truth = [f"A{i:02}" for i in range(options)], Truth(table, seed)
    space: dict[str, Any] = {"solvent": {"type": "category", "options": [f"S{i}" for i in range(SOLVENTS)]}}
    for slot in range(slots):
        space[f"additive_{slot}"] = {"type": "category", "options": labels}
        if amounts:
            space[f"amount_{slot}"] = {"type": "number", "values": list(amounts)}
    rows, draws = [], []
    for solvent, held in itertools.product(range(SOLVENTS), itertools.combinations(range(options), slots)):
        for shares in itertools.product(amounts, repeat=slots) if amounts else [()]:
            row: dict[str, Any] = {"solvent": f"S{solvent}"}
            row |= {f"additive_{slot}": labels[a] for slot, a in enumerate(held)}
            row |= {f"amount_{slot}": share for slot, share in enumerate(shares)}
            rows.append(row)
            draws.append(np.array([[truth(solvent, held, shares)]]))
    spec = bare_spec(table, space, {"yield": {"goal": "maximize"}})
    if is_told:
        groups = [[name for name in space if name.endswith(f"_{slot}")] for slot in range(slots)]
        spec["constraints"] = [{"interchangeable": groups, "distinct": True}]
    return Problem(table, spec, rows=tuple(rows), draws=tuple(draws), experiments=EXPERIMENTS)


def campaign(method: str, table: str, seed: int) -> NDArray[np.float64] | str:
    """Best so far after each experiment, as a share of the way from the median to the best; or why there is none."""
    asks = problem(table, seed, is_told=method == "hakken")
    go = partial(run, problem=asks, seed=seed, q=BATCH, n=EXPERIMENTS)
    if method in ("hakken", "untold"):
        done = go(hakken())
    else:
        try:
            with peer(method) as other:
                done = go(asked(other))
        except PeerError as error:
            return str(error)
    return _curve(asks, done["observed"])


def _curve(asks: Problem, observed: list[Observed]) -> NDArray[np.float64]:
    low, high = float(np.median(asks.truth)), float(asks.truth.max())
    best = np.maximum.accumulate([o["values"]["yield"] for o in observed])
    return np.asarray((best - low) / (high - low))


def main() -> int:
    args = arguments(__doc__ or "", runs=20, peers=True, asked=())
    methods, seeds = ("hakken", "untold", *args.peers), range(args.seed, args.seed + args.runs)
    jobs = [(method, table, seed) for table in TABLES for seed in seeds for method in methods]
    found = dict(zip(jobs, run_jobs(campaign, jobs, args.jobs), strict=True))
    marks, measured = [], {}
    print(f"{'table':20}{'method':10}{'area':>16}{'hakken ahead':>18}{'at 20':>8}{'at 40':>8}")
    for table in TABLES:
        mine = np.array([found["hakken", table, seed] for seed in seeds])
        for method in methods:
            if why := [c for seed in seeds if isinstance(c := found[method, table, seed], str)]:
                print(f"{table:20}{method:10} {why[0]}")
                continue
            curves = np.array([found[method, table, seed] for seed in seeds])
            ahead = (mine - curves).mean(axis=1)
            area, error = mean_and_error(curves.mean(axis=1))
            more = "" if method == "hakken" else "{:.3f} ± {:.3f}".format(*mean_and_error(ahead))
            ends = "".join(f"{curves[:, n - 1].mean():8.3f}" for n in (20, EXPERIMENTS))
            print(f"{table:20}{method:10}{f'{area:.3f} ± {error:.3f}':>16}{more:>18}{ends}")
            measured[f"{table}, {method}"] = curves.tolist()
            if method != "hakken":
                marks.append(Mark(f"{table}: ahead of {method}, in standard errors", in_errors(ahead), 3.0))
    return finish(marks, args, {"curves": measured})


if __name__ == "__main__":
    raise SystemExit(main())
