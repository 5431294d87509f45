"""What a proposal, a tick and a command cost.

1. Five proposals out of 1,728 conditions with 50 observations, fits included, against BoTorch's stock route on the
   same data in the same process, one thread; the ratio is that of the medians over N runs with seeds S to S + N - 1.
2. A tick that takes in results and sends attempts without training: the durable commits that it makes are counted;
   its time, and that of one durable commit of the same SQLite file, are printed beside (no mark: the file system
   decides, not hakken).
3. Whole processes: ``hakken --help`` and ``hakken status``.
4. ``hakken best`` of 600 results of two targets, the first time and again on the unchanged record, and ``hakken
   report`` after it: whole processes, one after the other. The ratio is that of one run.

    python benchmarks/propose.py --data DIR --runs 10
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from harness import Mark, arguments, finish
from methods import METHODS, random_start
from tables import load_table

from flows.engine import add_campaign
from flows.engine.passes import one_pass, sitting
from flows.settings import Settings

OBSERVED, BATCH = 50, 5
SPEC = """
campaign: cost
space:
  a: {type: number, low: 0, high: 20, step: 1}
  b: {type: number, low: 0, high: 20, step: 1}
objective: {response: {goal: maximize}}
planner: {batch: 40, initial: {design: random, experiments: 40}}
budget: {experiments: 40}
laboratory: {adapter: simulated, delay: 0.05}
"""
TOLD = 600  # results, of which the best is asked for
SCREEN = """
campaign: screen
space:
  ligand: {type: category, options: [LIGANDS]}
  solvent: {type: category, options: [SOLVENTS]}
  temperature: {type: number, low: 20, high: 120, step: 5, unit: degC}
objective: {y0: {goal: maximize}, y1: {goal: maximize}}
planner: {batch: 8, initial: {experiments: 5}}
budget: {experiments: 10000}
laboratory: {adapter: manual}
"""


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def propose_times(data: Path, runs: int, seed: int) -> dict[str, list[float]]:
    """Seconds for five proposals by hakken and by the stock route, in turn, the first of each not counted."""
    torch.set_num_threads(1)
    table = load_table("direct_arylation", data)
    spent: dict[str, list[float]] = {"committee": [], "stock": []}
    for run in range(-1, runs):
        rows = random_start(table, seed + max(run, 0), OBSERVED)
        for name, times in spent.items():
            took = seconds(lambda name=name, rows=rows: METHODS[name](table, rows, seed, BATCH))
            if run >= 0:
                times.append(took)
        print(f"\rproposal {run + 1}/{runs}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return spent


def tick_costs(folder: Path) -> tuple[list[int], list[float], list[float]]:
    """Commits and seconds of each tick without training, and seconds of single durable commits of the same file."""
    spec = folder / "cost.yaml"
    spec.write_text(SPEC)
    settings = Settings(home=folder / "runs", by="benchmark")
    name = add_campaign(settings, spec)
    commits, ticks = [], []
    for number in range(12):
        start = time.perf_counter()
        with sitting(settings, name) as session:
            one_pass(session)
            made, trained = session.ledger.commits, session.tally.proposed
        spent = time.perf_counter() - start
        if number and not trained:
            commits.append(made)
            ticks.append(spent)
        time.sleep(0.06)
    return commits, ticks, commit_times(settings.home / "hakken.db")


def commit_times(file: Path, n: int = 50) -> list[float]:
    """Seconds of ``n`` durable single-row commits, in a table of their own in the same file."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS benchmark_commit (n INTEGER)")
    times = []
    for i in range(n):
        times.append(seconds(lambda i=i: connection.execute("INSERT INTO benchmark_commit VALUES (?)", (i,))))
    connection.close()
    return times


def command_times(home: Path, *words: str) -> float:
    """Median seconds of a whole ``hakken`` process over five runs after one that is not counted."""
    environment = {**os.environ, "HAKKEN_HOME": str(home)}
    command = [sys.executable, "-m", "flows.cli", *words]
    times = [
        seconds(lambda: subprocess.run(command, check=True, capture_output=True, env=environment)) for _ in range(6)
    ]
    return float(np.median(times[1:]))


def looks(folder: Path, seed: int) -> dict[str, float]:
    """Wall seconds of whole processes that ask for the best of many results, one after the other."""
    rng = np.random.default_rng(seed)
    ligands, solvents = [f"L{i}" for i in range(40)], [f"S{i}" for i in range(20)]
    spec, table = folder / "screen.yaml", folder / "screen.csv"
    spec.write_text(SCREEN.replace("LIGANDS", ", ".join(ligands)).replace("SOLVENTS", ", ".join(solvents)))
    effects, others = rng.normal(0, 10, 40), rng.normal(0, 8, 20)
    rows = ["ligand,solvent,temperature,y0,y1"]
    for number in rng.choice(40 * 20 * 21, TOLD, replace=False).tolist():
        ligand, solvent, step = number // 420, number // 21 % 20, number % 21
        noise = rng.normal(0, 2, 2)
        values = effects[ligand] + others[solvent] + step + noise[0], others[solvent] - step + noise[1]
        rows.append(f"L{ligand},S{solvent},{20 + 5 * step},{values[0]:.3f},{values[1]:.3f}")
    table.write_text("\n".join(rows) + "\n")
    environment = {**os.environ, "HAKKEN_HOME": str(folder / "looks")}
    found = {}
    for what, words in {
        "tell": ("tell", str(spec), str(table)),
        "best": ("best", "screen", "--json"),
        "best again": ("best", "screen", "--json"),
        "report": ("report", "screen"),
    }.items():
        with (folder / f"{what}.out").open("wb") as out:
            command = [sys.executable, "-m", "flows.cli", *words]
            found[what] = seconds(
                lambda command=command, out=out: subprocess.run(command, check=True, stdout=out, env=environment)
            )
    assert (folder / "best.out").read_bytes() == (folder / "best again.out").read_bytes()
    return found


def main() -> int:
    args = arguments(__doc__ or "", runs=10)
    spent = propose_times(args.data, args.runs, args.seed)
    hakken, stock = (float(np.median(spent[name])) for name in ("committee", "stock"))
    with tempfile.TemporaryDirectory() as folder:
        commits, ticks, single = tick_costs(Path(folder))
        home = Path(folder) / "runs"
        for_help, for_status = command_times(home, "--help"), command_times(home, "status")
        looked = looks(Path(folder), args.seed)
    tick, commit = float(np.median(ticks)), float(np.median(single))
    print(f"five proposals of 1,728 with {OBSERVED} observations: hakken {hakken:.3f} s, stock {stock:.3f} s")
    print(f"{len(ticks)} ticks without training: at most {max(commits)} durable commits, median {tick * 1e3:.1f} ms")
    print(f"one durable commit of the same file: {commit * 1e3:.2f} ms; a tick takes the time of {tick / commit:.0f}")
    print(f"hakken --help {for_help:.2f} s, hakken status {for_status:.2f} s")
    print(f"{TOLD} results of two targets: {', '.join(f'{what} {took:.2f} s' for what, took in looked.items())}")
    again = looked["best again"] / looked["best"]
    print(f"hakken best again over the first time: {again:.2f}")
    marks = [
        Mark("time of five proposals over the stock route's", hakken / stock, 0.5, at_most=True),
        Mark("durable commits of a tick without training", max(commits), 12, at_most=True),
        Mark("hakken --help, seconds", for_help, 0.5, at_most=True),
        Mark("hakken status, seconds", for_status, 1.0, at_most=True),
        Mark("time of hakken best again over the first time", again, 0.5, at_most=True),
    ]
    measured = {
        "proposals": spent,
        "tick_commits": commits,
        "tick_seconds": ticks,
        "commit_seconds": single,
        "looks": looked,
    }
    return finish(marks, args, measured)


if __name__ == "__main__":
    sys.exit(main())
