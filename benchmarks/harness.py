"""What every benchmark shares: arguments, parallel jobs with progress, paired differences, marks.

A benchmark prints its table, then one line per mark, and exits 0 only when every mark holds.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: several jobs share the cores
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import argparse
import json
import math
import platform
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Mark:
    """One thing that must hold: ``value >= goal``, or ``value <= goal`` when ``at_most``."""

    name: str
    value: float
    goal: float
    at_most: bool = False

    @property
    def holds(self) -> bool:
        return self.value <= self.goal if self.at_most else self.value >= self.goal

    def line(self) -> str:
        sign = "<=" if self.at_most else ">="
        return f"mark {self.name}: {self.value:.4g} ({sign} {self.goal:g}) {'holds' if self.holds else 'short'}"


PEERS = ("baybe", "ax", "bofire")


def arguments(
    doc: str,
    *,
    runs: int,
    peers: bool = False,
    asked: Sequence[str] = PEERS,
    more: Callable[[argparse.ArgumentParser], None] | None = None,
) -> argparse.Namespace:
    """The common command line: ``--data DIR --runs N --seed S --json FILE --jobs K``.

    With ``peers``, also ``--peers NAMES --kept --fresh`` for programs that compare with other planners; ``asked`` are
    those by default. ``more`` adds what one program alone has.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the tables, one folder each")
    parser.add_argument("--runs", type=int, default=runs, help=f"runs with seeds S to S + N - 1 (default {runs})")
    parser.add_argument("--seed", type=int, default=0, help="first seed (default 0)")
    parser.add_argument("--json", type=Path, help="also write everything measured to this file")
    parser.add_argument(
        "--jobs", type=int, default=max(os.cpu_count() or 1, 1), help="processes at once, 1 thread each"
    )
    if peers:
        parser.add_argument(
            "--peers",
            type=lambda text: [name for name in text.split(",") if name],
            default=list(asked),
            help=f"other planners to compare with, separated by commas (default '{','.join(asked)}'; '' for none)",
        )
        parser.add_argument("--kept", action="store_true", help="only look up what peers did before; run none of them")
        parser.add_argument("--fresh", action="store_true", help="run peers again, whatever was kept")
    if more is not None:
        more(parser)
    return parser.parse_args()


def run_jobs(
    function: Callable[..., Any],
    jobs: Sequence[tuple[Any, ...]],
    processes: int,
    each: Callable[[Any], None] = lambda _: None,
) -> list[Any]:
    """``function(*job)`` for every job, in order, with progress on stderr; ``each`` is told each result at once."""
    results: dict[int, Any] = {}
    start = time.perf_counter()
    with ProcessPoolExecutor(max_workers=processes) as pool:
        waiting = {pool.submit(function, *job): i for i, job in enumerate(jobs)}
        for done, future in enumerate(as_completed(waiting), start=1):
            if future.exception() is not None:  # told at once, not after all the others
                pool.shutdown(wait=False, cancel_futures=True)
            results[waiting[future]] = future.result()
            each(results[waiting[future]])
            spent = time.perf_counter() - start
            left = spent / done * (len(jobs) - done)
            print(f"\r{done}/{len(jobs)} jobs, {spent:.0f} s spent, about {left:.0f} s left ", end="", file=sys.stderr)
    print(file=sys.stderr)
    return [results[i] for i in range(len(jobs))]


def mean_and_error(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and its standard error; the error is infinite for a single run."""
    n = len(values)
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(n)) if n > 1 else math.inf


def in_errors(values: NDArray[np.float64]) -> float:
    """A mean (of paired differences) in its own standard errors."""
    mean, error = mean_and_error(values)
    if error == 0.0:
        return 0.0 if mean == 0.0 else math.copysign(math.inf, mean)
    return mean / error


def finish(marks: Sequence[Mark], args: argparse.Namespace, measured: dict[str, Any]) -> int:
    """Print the marks, write the JSON file, and give the exit status."""
    for mark in marks:
        print(mark.line())
    if args.json:
        document = {
            "settings": {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items() if k != "data"},
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "versions": {p: version(p) for p in ("hakken", "torch", "botorch", "gpytorch", "rdkit", "scikit-learn")},
            "marks": [asdict(m) | {"value": float(m.value), "holds": bool(m.holds)} for m in marks],
            **measured,
        }
        temporary = args.json.with_suffix(args.json.suffix + ".part")
        temporary.write_text(json.dumps(document, indent=1))
        temporary.replace(args.json)
    return 0 if all(m.holds for m in marks) else 1
