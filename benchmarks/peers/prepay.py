"""Run peers' campaigns ahead of a benchmark, one process, kept where the benchmark finds them.

Peers are slow; this fills their cache at leisure (``nice -n 10``), seed by seed, each peer once per seed, so that
whenever it is stopped all peers have the same seeds. Stop it and start it as you like.

    PYTHONPATH=benchmarks:. python -P -m peers.prepay --data DIR --problems perovskite_vapdiff,crossed_barrel --runs 30
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from contest import Kept
from problems import PROBLEMS, load_problem

from peers import PACKAGES, PeerError, Unsupported, peer


def main() -> int:
    """Fill the cache; a peer that cannot state a problem is passed over with a note."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the tables")
    parser.add_argument("--problems", default=",".join(PROBLEMS), help="names, separated by commas")
    parser.add_argument("--peers", default=",".join(PACKAGES), help="names, separated by commas")
    parser.add_argument("--runs", type=int, default=30, help="runs with seeds S to S + N - 1 (default 30)")
    parser.add_argument("--seed", type=int, default=0, help="first seed (default 0)")
    args = parser.parse_args()
    kept, others = Kept(), [peer(name) for name in args.peers.split(",")]
    missing = [other for other in others if not other.available]
    for other in missing:
        print(other.remedy, file=sys.stderr)
    others = [other for other in others if other.available]
    with contextlib.ExitStack() as stack:
        for other in others:
            stack.enter_context(other)
        for name in args.problems.split(","):
            problem, able = load_problem(name, args.data), list(others)
            for seed in range(args.seed, args.seed + args.runs):
                for other in list(able):
                    try:
                        done = kept.run(other, problem, seed, n=problem.experiments)
                    except Unsupported as error:
                        able.remove(other)
                        print(f"{name}: {error}", flush=True)
                    except PeerError as error:
                        print(f"{name}, {other.name}, seed {seed}: {error}", flush=True)
                    else:
                        spent = sum(done["cpu"])
                        print(f"{name}, {other.name}, seed {seed}: {spent:.1f} s of processor time", flush=True)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
