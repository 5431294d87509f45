"""What a peer's batch of five costs, and so what a benchmark of 30 runs of 50 experiments would take.

Each peer is asked for five proposals with 10 and with 50 random observations of each problem; processor time of the
worker, since wall time depends on what else the machine does. ``core-minutes`` is nine batches of their mean, 30 times.

    PYTHONPATH=benchmarks:. python -P -m peers.cost --data DIR --problems perovskite_vapdiff,crossed_barrel
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from contest import measure
from problems import PROBLEMS, load_problem

from peers import PACKAGES, PeerError, peer

RUNS, BATCHES = 30, 9


def main() -> int:
    """Print one line per peer and problem, and add each to the file of ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the tables")
    parser.add_argument("--problems", default=",".join(PROBLEMS), help="names, separated by commas")
    parser.add_argument("--peers", default=",".join(PACKAGES), help="names, separated by commas")
    parser.add_argument("--json", type=Path, help="append what was measured to this file, a JSON line each")
    args = parser.parse_args()
    print(f"{'problem':20}{'peer':8}{'n=10':>8}{'n=50':>8}{'core-minutes':>14}")
    for name in args.problems.split(","):
        problem = load_problem(name, args.data)
        start = problem.start(0, 50)
        observed = [measure(problem, settings, 0, []) for settings in start]
        for who in args.peers.split(","):
            try:
                with peer(who) as other:
                    few, many = (other.propose(problem.question, observed[:n], 5, 0).cpu for n in (10, 50))
            except PeerError as error:
                print(f"{name:20}{who:8} {error}", flush=True)
                continue
            total = RUNS * BATCHES * (few + many) / 2 / 60
            print(f"{name:20}{who:8}{few:8.1f}{many:8.1f}{total:14.0f}", flush=True)
            if args.json:
                with args.json.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps({"problem": name, "peer": who, "n=10": few, "n=50": many}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
