"""Run order: at random, or at random among the orders with the fewest changes of slow parameters."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from loop.costs import Costs

EXACT = 10  # different settings of slow parameters up to which the shortest path is found exactly
ALIKE = 9  # digits of a path's cost, in the dearest change, that count: sums in another order differ beyond


def run_order(
    x: NDArray[np.float64], costs: Costs | None, last: NDArray[np.float64] | None, *, seed: int
) -> NDArray[np.int64]:
    """The place of each experiment of a batch in the order of running: a permutation, shape ``(n,)``.

    Args:
        x: The batch, shape ``(n, d)``.
        costs: What changes cost; None, or costs without them, leaves the order to chance.
        last: What was run last, ``(d,)``, from which the first change is counted; None where nothing was.
        seed: Decides everything that is left to chance.
    """
    rng = np.random.default_rng([seed, 1])
    shuffled = rng.permutation(len(x))
    if costs is None or not costs.switch or len(x) < 2:
        return shuffled.astype(np.int64)
    columns = [column for column, _, _ in costs.switch]
    _, kind = np.unique(x[:, columns], axis=0, return_inverse=True)
    kind = rng.permutation(kind.max() + 1)[kind.reshape(-1)]  # of paths that cost the same, numbers decide
    stands = np.array([x[np.flatnonzero(kind == k)[0]] for k in range(kind.max() + 1)])
    legs = costs.change(stands, stands)
    start = np.zeros(len(stands)) if last is None else costs.change(last[None], stands)[0]
    dearest = max(float(legs.max()), float(start.max())) or 1.0
    legs, start = legs / dearest, start / dearest
    path = _exact(legs, start) if len(stands) <= EXACT else _improved(legs, start)
    rank = {k: place for place, k in enumerate(path)}
    order = sorted(range(len(x)), key=lambda i: (rank[int(kind[i])], int(shuffled[i])))
    places = np.empty(len(x), dtype=np.int64)
    places[order] = np.arange(len(x))
    return places


def evenly_between(order: NDArray[np.int64], apart: NDArray[np.bool_], blocks: NDArray[np.int64]) -> NDArray[np.int64]:
    """An order of running, ``(n,)``, with those ``apart``, ``(n,)``, evenly through it, in each block for itself.

    Two or more begin and end it, one is in its middle; they come in the order of choosing. All others stay in their
    order. ``blocks``, ``(n,)``, follow each other.
    """
    runs = np.argsort(order)
    for block in np.unique(blocks):
        its = runs[blocks[runs] == block]
        some = np.sort(its[apart[its]])
        at = (
            np.rint(np.linspace(0, len(its) - 1, len(some))).astype(np.int64)
            if len(some) != 1
            else np.array([(len(its) - 1) // 2])
        )
        mixed = np.empty_like(its)
        mixed[at] = some
        mixed[np.setdiff1d(np.arange(len(its)), at)] = its[~apart[its]]
        runs[blocks[runs] == block] = mixed
    return np.argsort(runs)


def _exact(legs: NDArray[np.float64], start: NDArray[np.float64]) -> list[int]:
    """The cheapest path through all, by dynamic programming over sets (Held and Karp 1962)."""
    n = len(legs)
    best: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {
        (1 << i, i): (round(float(start[i]), ALIKE), (i,)) for i in range(n)
    }
    for size in range(2, n + 1):
        longer: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {}
        for (seen, end), (cost, path) in best.items():
            for i in range(n):
                if seen >> i & 1:
                    continue
                entry = (round(cost + float(legs[end, i]), ALIKE), (*path, i))
                key = (seen | 1 << i, i)
                if key not in longer or entry < longer[key]:
                    longer[key] = entry
        best = longer
        assert all(bin(seen).count("1") == size for seen, _ in best)
    return list(min(best.values())[1])


def _improved(legs: NDArray[np.float64], start: NDArray[np.float64]) -> list[int]:
    """A cheap path: the nearest neighbour from every beginning, then stretches turned round while that helps."""
    n = len(legs)

    def cost(path: list[int]) -> float:
        return float(start[path[0]] + sum(legs[a, b] for a, b in pairwise(path)))

    found: list[list[int]] = []
    for first in range(n):
        path, left = [first], set(range(n)) - {first}
        while left:
            path.append(min(left, key=lambda i: (legs[path[-1], i], i)))
            left.remove(path[-1])
        found.append(path)
    path = min(found, key=lambda p: (cost(p), p))
    helps = True
    while helps:
        helps = False
        for i in range(n - 1):
            for j in range(i + 1, n):
                turned = path[:i] + path[i : j + 1][::-1] + path[j + 1 :]
                if cost(turned) < cost(path) - 1e-12:
                    path, helps = turned, True
    return path


def within(x: NDArray[np.float64], order: NDArray[np.int64]) -> NDArray[np.float64]:
    """A batch in the order of running: ``(n, d)``."""
    placed: NDArray[np.float64] = x[np.argsort(order)]
    return placed
