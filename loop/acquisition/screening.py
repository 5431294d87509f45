"""Screening of products: from millions of them to the thousands that are worth making, by what is known of reagents.

What the models believe of the products that were tried is explained by their reagents: a contribution of each, and one
of each pair, as a Gaussian process on count fingerprints of the reagents, each also something of its own. So the value
of any product is a sum of looked-up numbers, and a hundred million are ranked in seconds without making one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from torch import Tensor

from loop.acquisition.protocol import Question
from loop.space import Component, PointPool
from loop.space.pool import LargePool
from loop.space.sifting import first_that
from loop.space.structure import Products

KEPT = 6_000  # products that are made and judged by the models
AT_RANDOM = 1_000  # of them, so many whatever their reagents
OVER = 4  # times as many are ranked where filters leave some of them out
ROWS = 2_000  # tried products that the contributions are learnt from: the best half, and others at random
RANKED = 100_000_000  # products that are ranked; of more, those of the most promising reagents
OWN = 0.5  # share of a reagent's contribution that nothing alike has
PAIRS = 0.5  # variance of the contribution of a pair, that of a reagent being 1
NOISE = 0.05  # variance of what neither explains

Floats = NDArray[np.float64]
Kernel: TypeAlias = Callable[
    [NDArray[np.int64], NDArray[np.int64]], Floats
]  # numbers of reagents to how alike these are


def screened(question: Question) -> PointPool:
    """The products worth making, with whatever else the space has: up to 6,000, some of them at random."""
    (products,) = question.space.products[:1]
    rng = np.random.default_rng([question.seed, 3])
    pool = question.pool
    assert isinstance(pool, LargePool)
    drawn = pool.sample(AT_RANDOM if len(question.observed) else KEPT, rng)
    if not len(question.observed):
        return PointPool(drawn)
    value = believed(question, question.observed)
    numbers = question.observed[:, list(products.columns)].round().long().numpy()
    wanted = KEPT - len(drawn)
    if question.space.is_sieved and len(numbers):
        ranked = promising(_kernels(question, products), numbers, value, OVER * wanted, rng)
        best = ranked[_that_pass(question, products, ranked, wanted)]
    else:
        best = promising(_kernels(question, products), numbers, value, wanted, rng)
    rest = drawn[rng.integers(0, len(drawn), len(best))]  # other parameters, where there are any, at random
    rest[:, list(products.columns)] = best
    together = np.unique(np.vstack([rest, drawn]), axis=0)
    return PointPool(together[question.space.holds(together)])


def _that_pass(question: Question, products: Products, numbers: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Which of products, given as numbers of reagents ``(k, lists)``, are the first ``n`` that pass their filters."""
    lists = [p for c in products.columns if isinstance(p := question.space.parameters[c], Component)]

    def passes(some: Floats) -> NDArray[np.bool_]:
        reagents = ([p.smiles[int(i)] for p, i in zip(lists, row, strict=True)] for row in some)
        return np.array([products.of(r).refusal is None for r in reagents], dtype=bool)

    return first_that(numbers.astype(np.float64), n, passes)


def believed(question: Question, x: Tensor) -> Floats:
    """What the models believe of ``x``, ``(n, d)``, standardised, targets added: ``(n,)``, larger is better."""
    total = np.zeros(len(x))
    for target, model in question.wanted:
        worth = target.worth(model.moments(x)[0]).numpy()
        total += (worth - worth.mean()) / (worth.std() or 1.0)
    return total


def _kernels(question: Question, products: Products) -> list[tuple[int, Kernel]]:
    """How many reagents each list has, and how alike they are."""
    lists = [question.space.parameters[column] for column in products.columns]
    return [(p.size, alike(p.smiles)) for p in lists if isinstance(p, Component)]


@lru_cache(maxsize=16)
def alike(reagents: Sequence[str]) -> Kernel:
    """How alike the reagents of one list are, which are given as SMILES."""
    from loop.molecules.fingerprints import count_fingerprints  # RDKit: only where there are structures

    known = count_fingerprints(reagents)

    def kernel(a: NDArray[np.int64], b: NDArray[np.int64]) -> Floats:
        different, back = np.unique(b, return_inverse=True)
        found = (1.0 - OWN) * known.similarity(a, different)
        return np.asarray((found + OWN * (a[:, None] == different[None, :]))[:, back])

    return kernel


def promising(
    kernels: Sequence[tuple[int, Kernel]],
    numbers: NDArray[np.int64],
    value: Floats,
    keep: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """The ``keep`` products of highest expected value, as numbers of their reagents, ``(keep, lists)``.

    Args:
        kernels: How many reagents each list has, and how alike they are.
        numbers: Reagents of tried products, ``(n, lists)``.
        value: Of these, standardised, ``(n,)``.
    """
    if len(value) > ROWS:
        order = np.argsort(-value, kind="stable")
        some = np.concatenate([order[: ROWS // 2], rng.choice(order[ROWS // 2 :], ROWS - ROWS // 2, replace=False)])
        numbers, value = numbers[some], value[some]
    single = [k(column, column) for (_, k), column in zip(kernels, numbers.T, strict=True)]
    couples = list(itertools.combinations(range(len(kernels)), 2))
    covariance = 1.0 + sum(single) + PAIRS * sum((single[a] * single[b] for a, b in couples), np.zeros(()))
    weights = cho_solve(cho_factor(covariance + NOISE * np.eye(len(value))), value)
    across = [k(np.arange(n), column) for (n, k), column in zip(kernels, numbers.T, strict=True)]  # to the tried ones
    alone = [a @ weights for a in across]
    paired = {(a, b): PAIRS * (across[a] * weights) @ across[b].T for a, b in couples}
    lists = _shortened(alone, paired)
    return _highest([x[i] for x, i in zip(alone, lists, strict=True)],
                    {c: p[np.ix_(lists[c[0]], lists[c[1]])] for c, p in paired.items()}, lists, keep)  # fmt: skip


def _shortened(alone: Sequence[Floats], paired: dict[tuple[int, int], Floats]) -> list[NDArray[np.int64]]:
    """The reagents to be ranked together: all, or of more than can be ranked the most promising of each list."""
    sizes = [len(a) for a in alone]
    if np.prod([float(s) for s in sizes]) <= RANKED:
        return [np.arange(s) for s in sizes]
    hope = [a.copy() for a in alone]  # with the best partner in each other list
    for (a, b), table in paired.items():
        hope[a] += table.max(axis=1)
        hope[b] += table.max(axis=0)
    share = (RANKED / np.prod([float(s) for s in sizes])) ** (1 / len(sizes))
    return [np.sort(np.argsort(-h, kind="stable")[: max(1, int(s * share))]) for h, s in zip(hope, sizes, strict=True)]


def _highest(
    alone: Sequence[Floats], paired: dict[tuple[int, int], Floats], lists: Sequence[NDArray[np.int64]], keep: int
) -> NDArray[np.int64]:
    """The best combinations, one reagent of the first list after another: memory is that of the other lists."""
    best_value, best = np.empty(0, dtype=np.float32), np.empty((0, len(alone)), dtype=np.int64)
    shape = tuple(len(a) for a in alone[1:])
    others = np.zeros(shape, dtype=np.float32)
    for place in range(1, len(alone)):
        others += _along(alone[place], place, len(alone))
    for (a, b), table in paired.items():
        if a > 0:
            grid = np.expand_dims(table, tuple(i for i in range(len(alone) - 1) if i not in (a - 1, b - 1)))
            others += grid.astype(np.float32)
    for first in range(len(alone[0])):
        total = others + np.float32(alone[0][first])
        for (a, b), table in paired.items():
            if a == 0:
                total = total + _along(table[first], b, len(alone))
        flat = total.ravel()
        floor = best_value[-1] if len(best_value) == keep else -np.inf
        good = np.flatnonzero(flat > floor)
        if len(good) > keep:
            good = good[np.argpartition(-flat[good], keep - 1)[:keep]]
        rows = np.column_stack([np.full(len(good), first), *(np.unravel_index(good, shape) if shape else ())])
        best_value, best = np.concatenate([best_value, flat[good]]), np.vstack([best, rows])
        top = np.argsort(-best_value, kind="stable")[:keep]
        best_value, best = best_value[top], best[top]
    return np.column_stack([reagents[best[:, place]] for place, reagents in enumerate(lists)])


def _along(values: Floats, place: int, lists: int) -> NDArray[np.float32]:
    """Values of one list's reagents, to be added to a grid over all lists but the first."""
    shape = [1] * (lists - 1)
    shape[place - 1] = len(values)
    return values.astype(np.float32).reshape(shape)
