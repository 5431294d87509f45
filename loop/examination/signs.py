"""Signs: what in the data themselves helps or hinders any model, and what a split lets through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from loop.examination.parts import Parts, Split, scaffold
from loop.examination.skill import ALIKE, PAIRS, nearest_rows, real_rows
from loop.fidelity import as_real, real_version
from loop.space import Pool, Space, has_molecules, molecules_at
from loop.surrogates.exact import replicate_groups
from loop.surrogates.metric import Metric, metric
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.representation import Representation

Floats: TypeAlias = NDArray[np.float64]
LOOKED_AT: Final = 1_000  # candidates of a pool whose distance from the data is looked at
ROUGH_ROWS: Final = 3_000  # candidates whose nearest neighbour is looked for among all


@dataclass(frozen=True, slots=True)
class Signs:
    """Of one target's values; where a measurement has versions, of the real thing's.

    Attributes:
        n: How many values.
        candidates: Of how many different candidates.
        spread: Standard deviation of the values, in the target's unit; exactly 0 where all are the same.
        noise: Standard deviation within replicates, in the target's unit; None without replicates.
        beside: What was taken out of it: the effects of plates, days and the like that differ between replicates.
        spent: How many of the differences between replicates tell these, and nothing of noise.
        roughness: Mean difference between a candidate and its nearest neighbour (or neighbours, where some are equally
            near), over that between any two: 1 where neighbours tell nothing.
        covered: Share of the pool that lies no further from the data than nine tenths of the data do from one another;
            None without a pool.
        apart: The candidate whose replicates add most to the noise; "" without noise.
        ends: Its lowest and its highest value.
        version: The real thing among versions of a measurement; "" where there are none.
        limits: How many results are limits beside the values: they train, and tell no error.
        powers: How many powers of ten values span that a logarithmic scale is for; None where it is not.
        zeros: How many values are zero, which have no place there, of a target that may be on such a scale.
    """

    n: int
    candidates: int
    spread: float
    noise: float | None
    roughness: float | None
    covered: float | None
    apart: str = ""
    ends: tuple[float, float] = (0.0, 0.0)
    version: str = ""
    limits: int = 0
    powers: float | None = None
    zeros: int = 0
    beside: tuple[str, ...] = ()
    spent: int = 0

    @property
    def repeats(self) -> int:
        """How many differences between replicates tell the noise."""
        return self.n - self.candidates - self.spent


@dataclass(frozen=True, slots=True)
class Leak:
    """What training knows of the held-out candidates of a split.

    Attributes:
        split: The split.
        distance: Median distance of a held-out candidate from its nearest training candidate; two options of a
            parameter are 1.4 apart on average.
        same: Share of held-out candidates that no fingerprint tells from a training candidate.
        same_value: Of these, the share with the very same value.
        shared_scaffold: Share whose scaffold trains too; None where there are no scaffolds.
    """

    split: Split
    distance: float
    same: float
    same_value: float
    shared_scaffold: float | None


def signs_of(space: Space, data: TrainingSet, pool: Pool | None, *, seed: int) -> Signs:
    """The signs of one target's exact values."""
    data = real_rows(space, data)
    limits = int(data.is_censored.sum())
    data = data.rows(torch.nonzero(~data.is_censored)[:, 0])
    groups = replicate_groups(data.x).numpy()
    y, numbers = data.y.numpy(), np.unique(groups, return_inverse=True)[1].ravel()
    sizes = np.bincount(numbers)
    means = np.bincount(numbers, y) / sizes
    first = np.unique(numbers, return_index=True)[1]
    beside, added = _within(numbers, data)
    off = y - means[numbers]
    rank = int(np.linalg.matrix_rank(added)) if beside else 0
    off = off - added @ np.linalg.lstsq(added, off, rcond=None)[0] if beside else off
    squares = np.bincount(numbers, off**2)
    within = float(squares.sum())
    apart, ends = "", (0.0, 0.0)
    free = len(y) - len(sizes) - rank
    if within > 0 and free > 0:
        widest = int(squares.argmax())
        apart = space.label(space.as_tried(data.x[first[widest]].numpy()))
        ends = float(y[numbers == widest].min()), float(y[numbers == widest].max())
    near = metric(space, Representation.COUNTS)
    roughness, reach = _roughness(near, data.x[torch.from_numpy(first)], means)
    return Signs(
        n=len(y),
        candidates=len(sizes),
        spread=float(y.std(ddof=1)) if len(set(y.tolist())) > 1 else 0.0,  # rounding leaves a little of equal ones
        noise=float(np.sqrt(within / free)) if free > 0 else None,
        roughness=roughness,
        covered=None if pool is None or reach is None else _covered(space, near, data, pool, reach, seed),
        apart=apart,
        ends=ends,
        version=real_version(space),
        limits=limits,
        beside=beside,
        spent=rank,
    )


def _within(numbers: NDArray[np.int64], data: TrainingSet) -> tuple[tuple[str, ...], Floats]:
    """Which effects differ between replicates, whose candidates have ``numbers``, ``(n,)``; and what a unit of each of
    their labels, or of a recorded number, adds to the rows, less its mean over the replicates: ``(n, k)``.

    What was not recorded is a label of its own.
    """
    if not len(numbers):
        return (), np.empty((0, 0))
    sizes, names, columns = np.bincount(numbers), [], [np.empty((len(numbers), 0))]
    for name, recorded in data.effects.items():
        given = [value for value in recorded if value is not None]
        unknown = np.flatnonzero([value is None for value in recorded])
        if given and all(isinstance(value, float | int) for value in given):
            middle = float(np.mean([float(value) for value in given]))
            plain = np.array([[0.0 if value is None else float(value) - middle] for value in recorded])
        else:
            labels = sorted({str(value) for value in given})
            plain = np.array([[float(value is not None and str(value) == one) for one in labels] for value in recorded])
        own = np.zeros((len(numbers), len(unknown)))
        own[unknown, np.arange(len(unknown))] = 1.0
        added = np.hstack([plain.reshape(len(numbers), -1), own])
        added -= np.array([np.bincount(numbers, column) / sizes for column in added.T]).T[numbers]
        if np.abs(added).max(initial=0.0) > 0.0:
            names.append(name)
            columns.append(added[:, np.abs(added).max(axis=0) > 0.0])
    return tuple(names), np.hstack(columns)


def leak_of(space: Space, data: TrainingSet, split: Split, parts: Parts) -> Leak | None:
    """What a split lets through; None where it has no parts."""
    near = metric(space, Representation.COUNTS)
    distances: list[NDArray[np.float64]] = []
    equal: list[NDArray[np.bool_]] = []
    shared: list[bool] = []
    rings = [scaffold(s) for s in molecules_at(space, data.x.numpy())] if has_molecules(space) else None
    for train, held in parts:
        known, asked = data.rows(torch.from_numpy(train)), data.rows(torch.from_numpy(held))
        real = real_rows(space, known)
        closest, squared = nearest_rows(near, asked.x, real.x)
        distances.append(squared)
        equal.append(real.y.numpy()[closest] == asked.y.numpy())
        if rings is not None:
            trained = {rings[i] for i in train} - {""}
            shared += [rings[i] in trained for i in held]
    if not distances:
        return None
    squared, equals = np.concatenate(distances), np.concatenate(equal)
    same = squared < ALIKE
    return Leak(
        split=split,
        distance=float(np.sqrt(np.median(squared))),
        same=float(same.mean()),
        same_value=float(equals[same].mean()) if same.any() else 0.0,
        shared_scaffold=None if rings is None else float(np.mean(shared)),
    )


def _roughness(near: Metric, x: torch.Tensor, y: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """How rough the values are, and the squared distance within which nine tenths have a neighbour.

    Of many candidates some thousands, evenly spaced, are held against all.
    """
    n = len(y)
    if n < 3:
        return None, None
    rows = np.unique(np.linspace(0, n - 1, min(n, ROUGH_ROWS)).round().astype(np.int64))
    apart_by, squared = np.empty(len(rows)), np.empty(len(rows))
    values, step = torch.from_numpy(y), max(1, PAIRS // n)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        apart = near.squared(x[torch.from_numpy(some)], x)
        apart[torch.arange(len(some)), torch.from_numpy(some)] = torch.inf
        least = apart.min(dim=1, keepdim=True).values
        is_near = (apart <= least + ALIKE).to(values.dtype)
        differ = ((values[torch.from_numpy(some), None] - values).abs() * is_near).sum(1) / is_near.sum(1)
        apart_by[start : start + step], squared[start : start + step] = differ.numpy(), least[:, 0].numpy()
    ordered = np.sort(y)  # the sum of all differences: the i-th smallest is above i and below n - 1 - i others
    between = 2.0 * float(((2.0 * np.arange(n) - n + 1) * ordered).sum()) / (n * (n - 1))
    rough = float(apart_by.mean() / between) if between > 0 else None
    return rough, float(np.quantile(squared, 0.9))


def _covered(space: Space, near: Metric, data: TrainingSet, pool: Pool, reach: float, seed: int) -> float:
    rng = np.random.default_rng(seed)
    count = len(pool)
    rows = np.arange(count) if count <= LOOKED_AT else rng.integers(0, count, LOOKED_AT, dtype=np.int64)
    _, squared = nearest_rows(near, torch.from_numpy(as_real(space, pool.take(rows))), data.x)
    return float((squared <= reach).mean())
