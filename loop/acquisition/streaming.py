"""Streaming over pools: score every candidate in chunks, keep a shortlist, choose from that jointly."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.acquisition.joined import LIBRARY_LIMIT, Joined, joined
from loop.acquisition.protocol import Question
from loop.acquisition.screening import screened
from loop.fidelity import is_real
from loop.space import Pool, sample_space
from loop.space.pool import LargePool, PointPool, ProductPool, said_size
from loop.space.rows import is_among
from loop.space.sifting import first_that, firsts
from loop.surrogates.committee import FittedCommittee
from loop.surrogates.protocol import FittedSurrogate, skim

CHUNK = 8_192  # candidates scored at once
POOL_LIMIT = 300_000  # larger pools are scored on a random sample of so many
SHORTLIST = 200  # candidates that a batch is chosen from
SURFACE = 4_096  # points that stand for a continuous space
CLIMBS = 4  # rounds of search among the neighbours of the best of a sample
CLIMBERS = 24  # candidates whose neighbours are looked at in a round

Score = Callable[[Tensor], Tensor]  # coordinates (n, d) to the worth of each (n,)


def candidates(question: Question) -> tuple[Pool, NDArray[np.int64], tuple[str, ...]]:
    """The pool to be scored, the indices to score, and a note when they are only a sample."""
    pool = question.pool
    if pool is None:
        points = PointPool(sample_space(question.space, SURFACE, question.seed))
        return points, np.arange(len(points)), (f"chose among {len(points)} points that stand for the whole space",)
    if is_scored_whole(pool):
        return pool, np.arange(len(pool), dtype=np.int64), ()
    rng = np.random.default_rng(question.seed)
    if isinstance(pool, LargePool) and (question.space.products or question.space.union is not None):
        found = _worth_making(question, pool)
        return found.points, np.arange(len(found.points)), found.notes
    if isinstance(pool, LargePool):
        drawn = _sample(pool, question.seed)
        of = f"{len(drawn):,} of {said_size(pool)} candidates"
        note = f"scored a random sample of {of}, and the neighbours of its best"
        return drawn, np.arange(len(drawn)), (note,)
    indices = np.unique(rng.integers(0, len(pool), POOL_LIMIT, dtype=np.int64))
    return pool, indices, (f"scored a random sample of {len(indices):,} of {said_size(pool)} candidates",)


def is_scored_whole(pool: Pool) -> bool:
    """Whether every candidate of a pool is scored: where they are few, or the molecules of one stored library."""
    if len(pool) <= POOL_LIMIT:
        return True
    if not isinstance(pool, ProductPool) or len(pool.space.parameters) > 1 or pool.space.library is None:
        return False
    if pool.space.union is not None:  # most of it would have to be made
        return False
    return pool.space.library.is_stored and len(pool) <= LIBRARY_LIMIT


_last: tuple[weakref.ref[LargePool], int, PointPool] | None = None  # the same pool and seed give the same sample


def _sample(pool: LargePool, seed: int) -> PointPool:
    """A random sample of a large pool, kept for the questions that follow within one choice."""
    global _last
    if _last is None or _last[0]() is not pool or _last[1] != seed:
        _last = (weakref.ref(pool), seed, PointPool(pool.sample(POOL_LIMIT, np.random.default_rng(seed))))
    return _last[2]


_kept: tuple[weakref.ref[LargePool], int, weakref.ref[FittedSurrogate], Joined] | None = None  # looked at last


def _worth_making(question: Question, pool: LargePool) -> Joined:
    """The products worth making, and a union's library, kept for the questions that follow within one choice.

    These have the same models.
    """
    global _kept
    model = question.models[0]
    if _kept is None or _kept[0]() is not pool or _kept[1] != question.seed or _kept[2]() is not model:
        found = joined(question) if question.space.union is not None else _made(question, pool)
        _kept = (weakref.ref(pool), question.seed, weakref.ref(model), found)
    return _kept[3]


def _made(question: Question, pool: LargePool) -> Joined:
    points = screened(question)
    of = f"{said_size(pool)} candidates"
    note = f"made and judged {len(points):,} of {of}, chosen by their reagents, and what lies near"
    return Joined(points, (note,))


def untried(question: Question) -> Iterator[Tensor]:
    """Coordinates of the (real) candidates that were not tried, in chunks of shape ``(n, d)``.

    Where products have to be made before it is known whether they may be chosen (``Question.admits``), that is left to
    the caller, who asks it of the best alone.
    """
    pool, indices, _ = candidates(question)
    for start in range(0, len(indices), CHUNK):
        x = pool.take(indices[start : start + CHUNK])
        x = x[~is_among(x, question.tried) & is_real(question.space, x)]
        x = x[question.affordable(x)]
        if question.space.union is not None:  # what its filters refuse has no structure to be judged by
            x = x[question.space.keeps(x)]
        yield torch.from_numpy(np.ascontiguousarray(x))


def shortlist(
    question: Question, score: Score, keep: int = SHORTLIST, *, weight: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """The ``keep`` untried candidates with the highest score times chance (per cost): ``(k, d)``, best first.

    ``weight`` is what scores are multiplied by instead. Of a whole pool both are best skimmed.
    """
    weight = weight or partial(question.weight, skimmed=True)
    best_x = torch.empty((0, len(question.space.parameters)), dtype=torch.float64)
    best_value = torch.empty(0, dtype=torch.float64)
    for x in untried(question):
        if not len(x):
            continue
        value = score(x) * weight(x)
        if question.is_sifted:
            x, value = _admitted(question, x, value, keep, best_value)
        best_x, best_value = _highest(question, torch.cat([best_x, x]), torch.cat([best_value, value]), keep)
    if isinstance(question.pool, LargePool) and not is_scored_whole(question.pool):
        return _climbed(question, question.pool, lambda x: score(x) * weight(x), best_x, best_value)
    return best_x


def _admitted(question: Question, x: Tensor, value: Tensor, keep: int, best: Tensor) -> tuple[Tensor, Tensor]:
    """Of candidates ``x``, ``(n, d)``, the ``keep`` of highest ``value``, ``(n,)``, that may be chosen; others are not
    made. What lies below a full list of the ``best`` so far is left out too."""
    order = torch.argsort(value, descending=True, stable=True)
    if len(best) == keep:
        order = order[value[order] > best[-1]]
    rows = np.ascontiguousarray(x[order].numpy())
    order = order[torch.from_numpy(first_that(rows, keep, question.admits, most=len(rows)))]
    return x[order], value[order]


def _highest(question: Question, x: Tensor, value: Tensor, keep: int) -> tuple[Tensor, Tensor]:
    """The ``keep`` of highest value, best first, none of them the product of another one: ``(k, d)`` and ``(k,)``."""
    order = torch.argsort(value, descending=True, stable=True)
    if question.twins is not None:
        order = order[torch.from_numpy(firsts(question.space, x[order].numpy(), question.twins))]
    return x[order[:keep]], value[order[:keep]]


def _climbed(question: Question, pool: LargePool, worth: Score, best_x: Tensor, best_value: Tensor) -> Tensor:
    """The shortlist after a search among neighbours: again and again, the best are joined by what lies next to them."""
    rng = np.random.default_rng([question.seed, 2])
    seen = best_x.numpy()
    looked_at: set[bytes] = set()
    for _ in range(CLIMBS):
        new = [x for x in best_x[:CLIMBERS].numpy() if x.tobytes() not in looked_at]
        if not new:
            break
        looked_at.update(x.tobytes() for x in new)
        near = np.unique(np.concatenate([pool.neighbours(x, rng) for x in new]), axis=0)
        near = near[~is_among(near, question.tried) & ~is_among(near, seen) & is_real(question.space, near)]
        near = near[question.affordable(near)]
        if not len(near):
            continue
        seen = np.concatenate([seen, near])
        x = torch.from_numpy(near)
        value = worth(x)
        if question.is_sifted:
            x, value = _admitted(question, x, value, len(best_x), best_value)
        best_x, best_value = _highest(question, torch.cat([best_x, x]), torch.cat([best_value, value]), len(best_x))
    return best_x


def random_untried(question: Question, n: int, rng: np.random.Generator) -> Tensor:
    """``n`` different untried candidates at random that can be paid, or as many as there are: ``(k, d)``."""
    pool, indices, _ = candidates(question)
    order = rng.permutation(len(indices))
    found: list[NDArray[np.float64]] = []
    for start in range(0, len(order), CHUNK):
        x = pool.take(indices[order[start : start + CHUNK]])
        x = x[~is_among(x, question.tried)]
        x = x[question.affordable(x)]
        if question.is_sifted:
            x = x[first_that(x, n - len(found), question.admits, most=len(x))]
        found.extend(x)
        if question.twins is not None and found:
            found = [found[i] for i in firsts(question.space, np.array(found), question.twins)]
        if len(found) >= n:
            break
    return torch.from_numpy(np.array(found[:n]).reshape(-1, len(question.space.parameters)))


def expected_improvement_score(question: Question, target: int, best: float) -> Score:
    """Expected improvement over ``best`` (sign applied), averaged over the members; never quite zero."""
    members = members_of(question.models[target])
    sign = question.objective.targets[target].sign

    def score(x: Tensor) -> Tensor:
        total = torch.zeros(len(x), dtype=x.dtype)
        for weight, member in members:
            mean, sd = skim(member, x)
            z = (sign * mean - best) / sd
            density = (-0.5 * z.square()).exp() / math.sqrt(2 * math.pi)
            total += weight * (sd * (z * torch.special.ndtr(z) + density)).clamp_min(1e-300)
        return total

    return score


def members_of(model: FittedSurrogate) -> tuple[tuple[float, FittedSurrogate], ...]:
    """A committee's members with their weights; any other surrogate is its own only member."""
    if isinstance(model, FittedCommittee):
        return tuple(zip(model.weights, model.members, strict=True))
    return ((1.0, model),)
