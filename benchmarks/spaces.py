"""What a batch costs in large, constrained and mixed spaces, and how that grows.

1. Eight numbers, four categories and two linear constraints: a batch of 4 with 60 observations, fits included.
2. A batch of 8 out of 10^9 combinations, plain, tied by an equality and an exclusion, and tied in one piece, each in a
   process of its own, with its largest resident memory.
3. Growth with observations, pool size and batch size, one thing at a time; and with hundreds and thousands of results,
   of one target and of two, in a space of options and a number, and in one of four numbers. Then a look at points
   beside a front of 1,000 results, without what is worked out once over with it, in one run.
4. With ``--peers baybe``: five proposals of direct arylation with 50 observations, hakken and BayBE on the same ones.

Seconds are processor time of one thread (other work on the machine does not lengthen it); wall time is printed beside.

    python benchmarks/spaces.py --data DIR --runs 3 --peers baybe
"""

from __future__ import annotations

import math
import multiprocessing
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import Mark, arguments, finish
from peers import PeerError, peer
from problems import load_problem

from loop.acquisition.mixed import Mixed
from loop.history import History, Observation
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.planning.situation import situation_of
from loop.space import Space, sample_space
from loop.spec import CampaignSpec, build_space
from loop.surrogates.remembering import RememberingModel

MIXED: dict[str, Any] = {
    **{f"n{i}": {"type": "number", "low": 0, "high": 1} for i in range(8)},
    **{f"c{i}": {"type": "category", "options": list("abcd")} for i in range(4)},
}
SUMS = [{"sum": {"n0": 1, "n1": 1, "n2": 1}, "at_most": 2}, {"sum": {"n3": 1, "n4": 1}, "at_least": 0.5}]
BILLION = {f"p{i}": {"type": "number", "low": 0, "high": 9, "step": 1} for i in range(9)}
SCREEN: dict[str, Any] = {
    "ligand": {"type": "category", "options": [f"L{i}" for i in range(40)]},
    "solvent": {"type": "category", "options": [f"S{i}" for i in range(20)]},
    "temperature": {"type": "number", "low": 20, "high": 120, "step": 5, "unit": "degC"},
}
NUMBERS: dict[str, Any] = {f"n{i}": {"type": "number", "low": 0, "high": 1} for i in range(4)}
LOOKED_AT = 64  # points at once
TIES: dict[str, list[dict[str, Any]]] = {
    "plain": [],
    "tied in parts": [{"sum": {"p0": 1, "p1": 1, "p2": 1}, "equals": 9}, {"exclude": {"p3": 0, "p4": [1, 2]}}],
    "tied in one piece": [{"sum": dict.fromkeys(BILLION, 1), "at_most": 40}],
}


def campaign(space: dict[str, Any], constraints: list[dict[str, Any]], batch: int, targets: int = 1) -> CampaignSpec:
    """A campaign over a space."""
    return CampaignSpec.from_resolved(
        {
            "campaign": "spaces",
            "space": space,
            "constraints": constraints,
            "objective": {f"y{i}": {"goal": "maximize"} for i in range(targets)},
            "planner": {"batch": batch, "initial": {"experiments": 5}},
            "budget": {"experiments": 10_000},
            "laboratory": {"adapter": "simulated"},
        }
    )


def observed(domain: Space, n: int, seed: int, targets: int) -> History:
    """``n`` results of one or several targets, anywhere in the space."""
    x = sample_space(domain, n, seed)
    noise = np.random.default_rng(seed).normal(0.0, 0.3, (n, targets))
    values = np.stack([(np.sin(2 * x + i) + 0.3 * (1 - 2 * i) * x).sum(axis=1) for i in range(targets)], axis=1)
    values = (values if targets == 1 else values + noise).tolist()
    return History(
        tuple(
            Observation(str(k), row, Measured(tuple(Measurement(f"y{i}", v, "", v) for i, v in enumerate(told))))
            for k, (row, told) in enumerate(zip(x, values, strict=True))
        )
    )


def batch_cost(
    space: dict[str, Any], constraints: list[dict[str, Any]], n: int, q: int, seed: int, targets: int = 1
) -> tuple[float, float, float]:
    """Processor seconds, wall seconds and largest resident GB of one batch of ``q`` with ``n`` observations."""
    torch.set_num_threads(1)
    spec = campaign(space, constraints, q, targets)
    domain = build_space(spec)
    history = observed(domain, n, seed, targets)
    cpu, wall = time.process_time(), time.perf_counter()
    result = plan(spec, history, seed=seed + 1_000, experiments=q)  # looks at other points than were drawn
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    assert len(result.proposals) == q
    assert all(domain.contains(p.candidate.settings) for p in result.proposals)
    return cpu, wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def looks_at_a_front(n: int, seed: int) -> tuple[float, float, float]:
    """Processor seconds of a look at some points of four numbers, with ``n`` results of two targets: when all that they
    are held against is drawn anew, and when it is remembered. And how far the two differ at most, in logarithms."""
    torch.set_num_threads(1)
    spec = campaign(NUMBERS, [], 4, targets=2)
    question = situation_of(
        spec, observed(build_space(spec), n, seed, 2), None, seed=seed, experiments=4, purse=None, left=4
    ).question
    function = Mixed("pareto").function(question, question.pending)
    x = torch.from_numpy(sample_space(question.space, LOOKED_AT, seed + 2))[:, None, :]
    spent, values = [], []
    with torch.no_grad():
        function(x[:1])
        for remembers in (True, False):
            if not remembers:
                for module in function.modules():
                    if isinstance(module, RememberingModel):
                        module.known = None
            begin = time.process_time()
            values.append(function(x))
            spent.append(time.process_time() - begin)
    return spent[1], spent[0], float((values[0] - values[1]).abs().max())


def alone(*job: Any) -> tuple[float, float, float]:
    """``batch_cost`` in a fresh process, so that its memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(batch_cost, job)


def against_peers(names: list[str], data: Path, runs: int, seed: int) -> dict[str, list[float]]:
    """Processor seconds for five proposals of direct arylation, by hakken and the peers, on shared observations."""
    problem = load_problem("direct_arylation", data)
    spent: dict[str, list[float]] = {"hakken": []}
    for run in range(runs):
        start = problem.start(seed + run, 50)
        seen = [{"settings": s, "values": problem.observe(s, seed + run), "failed": False} for s in start]
        spent["hakken"].append(_own_seconds(problem, seen, seed + run))
        for name in names:
            try:
                with peer(name) as other:
                    answer = other.propose(problem.question, seen, q=5, seed=seed + run)
                spent.setdefault(name, []).append(answer.cpu or answer.seconds)
            except PeerError as error:
                print(f"{name}: {error}", file=sys.stderr)
    return spent


def _own_seconds(problem: Any, seen: list[dict[str, Any]], seed: int) -> float:
    (target,) = problem.targets
    unit = problem.spec["objective"][target].get("unit", "")
    history = History(
        tuple(
            Observation(
                str(i),
                problem.space.coordinates(o["settings"]),
                Measured((Measurement(target, o["values"][target], unit, o["values"][target]),)),
            )
            for i, o in enumerate(seen)
        )
    )
    spec = problem.planner_spec(batch=5)
    plan(spec, history, problem.pool, seed=seed, experiments=5)  # tables of distances are made once a campaign
    cpu = time.process_time()
    plan(spec, history, problem.pool, seed=seed, experiments=5)
    return time.process_time() - cpu


def main() -> int:
    args = arguments(__doc__ or "", runs=3, peers=True)
    args.peers = [name for name in args.peers if name == "baybe"]  # the mark is BayBE's; others say nothing of it
    measured: dict[str, Any] = {}

    mixed = [alone(MIXED, SUMS, 60, 4, args.seed + run) for run in range(args.runs)]
    measured["mixed"] = mixed
    print("8 numbers, 4 categories, 2 sums: a batch of 4 with 60 observations")
    print(f"  {_said(mixed)}")
    marks = [Mark("mixed batch, processor seconds", float(np.median([m[0] for m in mixed])), 5.0, at_most=True)]

    print("a batch of 8 out of 10^9 combinations with 60 observations")
    for name, ties in TIES.items():
        found = [alone(BILLION, ties, 60, 8, args.seed + run) for run in range(args.runs)]
        measured[name] = found
        print(f"  {name}: {_said(found)}, {max(f[2] for f in found):.2f} GB")
        marks.append(Mark(f"10^9 {name}, processor seconds", float(np.median([f[0] for f in found])), 60, at_most=True))
        marks.append(Mark(f"10^9 {name}, resident GB", max(f[2] for f in found), 2.0, at_most=True))

    print("growth")
    usual: dict[str, Any] = {"n": 60, "size": 6, "q": 4}
    for what, steps in {"n": (30, 60, 120, 240), "size": (4, 5, 6, 7, 9), "q": (1, 4, 16)}.items():
        for step in steps:
            now = usual | {what: step}
            space = {f"p{i}": BILLION[f"p{i}"] for i in range(now["size"])}
            found = [alone(space, [], now["n"], now["q"], args.seed)]
            measured[f"{what} {step}"] = found
            label = f"10^{step} candidates" if what == "size" else f"{what} = {step}"
            print(f"  {label}: {_said(found)}")

    print("a batch of 8 out of 16,800 combinations of options and a number")
    for targets in (1, 2):
        for n in (300, 1_000, 3_000):
            found = [alone(SCREEN, [], n, 8, args.seed, targets)]
            measured[f"{n} results, targets: {targets}"] = found
            print(f"  {n:,} results, {targets} target{'s' * (targets > 1)}: {_said(found)}")

    print("a batch of 4 over four numbers")
    for targets in (1, 2):
        for n in (300, 1_000, 3_000):
            found = [alone(NUMBERS, [], n, 4, args.seed, targets)]
            measured[f"{n} results over numbers, targets: {targets}"] = found
            print(f"  {n:,} results, {targets} target{'s' * (targets > 1)}: {_said(found)}")
    whole, beside, apart = looks_at_a_front(1_000, args.seed)
    measured["looks"] = {"whole": whole, "beside": beside, "apart": apart}
    print(
        f"  a look at {LOOKED_AT} points beside a front of 1,000 results: {beside:.3f} s of processor time, "
        f"{whole:.3f} s with all drawn anew; values differ by {apart:.1g} at most"
    )
    marks.append(Mark("a look beside a front, all drawn anew over what is needed", whole / beside, 5.0))

    if args.peers:
        spent = against_peers(args.peers, args.data, args.runs, args.seed)
        measured["direct_arylation"] = spent
        for name, seconds in spent.items():
            print(f"five proposals of direct arylation, {name}: {np.median(seconds):.3f} s of processor time")
        if "baybe" in spent:
            ratio = float(np.median(spent["baybe"]) / np.median(spent["hakken"]))
            marks.append(Mark("BayBE's time over hakken's", ratio, 5.0))
        else:
            marks.append(Mark("BayBE's time over hakken's", math.nan, 5.0))
    return finish(marks, args, measured)


def _said(found: list[tuple[float, float, float]]) -> str:
    return f"{np.median([f[0] for f in found]):.2f} s of processor time, {np.median([f[1] for f in found]):.2f} s wall"


if __name__ == "__main__":
    sys.exit(main())
