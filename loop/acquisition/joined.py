"""Joined sources: of a union, the library whole, and of the products of each reaction those that are worth making.

What the models believe of products, of those that were tried and of some at random, is explained by their reagents
(``screening``). So what was learnt of a library tells which reagents promise, before any product was tried.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from loop.acquisition.protocol import Question
from loop.acquisition.screening import AT_RANDOM, KEPT, OVER, alike, believed, promising
from loop.space import PointPool
from loop.space.pool import LargePool
from loop.space.sifting import first_that
from loop.space.united import Made, UnionNames

LIBRARY_LIMIT = 20_000_000  # molecules of a library that are all looked at; of more, so many at random
BESIDE = 300_000  # of them, with what else a candidate has, where that is more than a molecule
OTHERS = 1_024  # choices of whatever else a candidate has, at random

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Joined:
    """The candidates that are looked at, and what is to be said of each source."""

    points: PointPool
    notes: tuple[str, ...]


def joined(question: Question) -> Joined:
    """Every molecule of the library, and of each reaction's products up to 6,000 together, some of them at random."""
    pool = question.pool
    assert isinstance(pool, LargePool)
    assert question.space.union is not None
    column, union = question.space.union
    rng = np.random.default_rng([question.seed, 4])
    alone = len(question.space.parameters) == 1
    beside = _Beside(question, column, np.empty((0, 1)) if alone else pool.sample(OTHERS, rng), rng)
    found, notes = [], []
    if union.library is not None:
        x, whole = _listed(union, beside, rng)
        found.append(x)
        notes.append(f"scored {'all' if whole else 'a random sample of'} {len(x)} of {union.library.name}")
    for made, start, _ in union.parted(np.empty(0, dtype=np.int64)):
        x = _worth_making(question, made, start, beside, rng, KEPT // len(union.made))
        found.append(x)
        notes.append(
            f"made and judged {len(x)} of the {made.size} products of {made.name}, chosen by their reagents, and what "
            "lies near"
        )
    return Joined(PointPool(np.concatenate(found)), tuple(notes))


@dataclass(frozen=True)
class _Beside:
    """Whatever else a candidate has, at random."""

    question: Question
    column: int
    others: Floats
    rng: np.random.Generator

    @property
    def is_alone(self) -> bool:
        return len(self.question.space.parameters) == 1

    def rows(self, indices: NDArray[np.int64]) -> Floats:
        """Allowed coordinates of candidates of the union, each with other choices: ``(n,)`` to ``(k, d)``."""
        if self.is_alone:
            return indices[:, None].astype(np.float64)
        x = self.others[self.rng.integers(0, len(self.others), len(indices))]
        x[:, self.column] = indices
        space = self.question.space
        x = np.unique(space.frame.canonical(x), axis=0)
        return x[space.allows(x)]


def _listed(union: UnionNames, beside: _Beside, rng: np.random.Generator) -> tuple[Floats, bool]:
    """Coordinates of the library, and whether that is all of it."""
    if beside.is_alone and union.listed <= LIBRARY_LIMIT:
        return beside.rows(np.arange(union.listed, dtype=np.int64)), True
    most = LIBRARY_LIMIT if beside.is_alone else BESIDE
    times = max(most // union.listed, 1)
    if times == 1 and union.listed > most:
        return beside.rows(np.unique(rng.integers(0, union.listed, most))), False
    return beside.rows(np.repeat(np.arange(union.listed, dtype=np.int64), min(times, len(beside.others)))), False


def _worth_making(
    question: Question, made: Made, start: int, beside: _Beside, rng: np.random.Generator, keep: int
) -> Floats:
    """Coordinates of some products of one reaction, whose first candidate is ``start``."""
    if made.size <= keep:
        return beside.rows(np.arange(start, start + made.size, dtype=np.int64))
    known = question.observed[:, beside.column].round().long().numpy()
    known = np.flatnonzero((known >= start) & (known < start + made.size))
    drawn = beside.rows(start + np.unique(rng.integers(0, made.size, keep // (KEPT // AT_RANDOM))))
    told = torch.cat([question.observed[known], torch.from_numpy(drawn)])
    if not len(question.observed) or not len(told):
        return beside.rows(start + np.unique(rng.integers(0, made.size, keep)))
    numbers = told[:, beside.column].round().long().numpy() - start
    kernels = [(len(smiles), alike(smiles)) for smiles in made.smiles]
    value, wanted = believed(question, told), keep - len(drawn)
    best = promising(kernels, made.reagents(numbers), value, wanted if made.sieve is None else OVER * wanted, rng)
    found = made.numbers(best) + start
    if made.sieve is not None:
        rows = np.zeros((len(found), len(question.space.parameters)))
        rows[:, beside.column] = found
        found = found[first_that(rows, wanted, question.space.keeps)]
    both = np.concatenate([found, numbers[len(known) :] + start])
    return beside.rows(np.unique(both))
