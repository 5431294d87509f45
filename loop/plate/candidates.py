"""Candidates for a plate: the whole pool ranked once, and shortlists in which every combination has its share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from loop.acquisition.climbing import Climber, settled
from loop.acquisition.streaming import CHUNK, CLIMBS, POOL_LIMIT, SURFACE
from loop.errors import SpaceError
from loop.plate.frame import Choices, Ints
from loop.plate.layout import Plate, unstocked
from loop.plate.sources import Source
from loop.plate.supply import Stocked
from loop.space import Continuous, Discrete, Pool, Space, sample_space
from loop.space.polytope import inside
from loop.space.pool import LargePool
from loop.space.raw import stretched
from loop.space.rows import different, is_among
from loop.space.same import SAME, told_apart
from loop.space.sifting import LOOKED_AT, Twins, first_that, firsts

Floats = NDArray[np.float64]

FEW = 256  # points at shared levels, fewer than which are too few to choose a plate from
LEVELS = 9  # values that a continuous shared parameter is tried at
NEAR = 24  # best points of a continuous space around which more are drawn
AROUND = 64  # points drawn around each
WIDTHS = (0.1, 0.02)  # of those clouds, as shares of a range, one after the other


@dataclass(frozen=True)
class Scored:
    """Untried candidates with how promising each is by itself, and what the layout sees of them.

    Attributes:
        x: Coordinates, shape ``(n, d)``.
        score: Shape ``(n,)``.
        choices: Codes of shared and counted values.
        levels: For each shared parameter, the value behind each code.
        counted: For each counted parameter, the same.
    """

    x: Floats
    score: Floats
    choices: Choices
    levels: tuple[Floats, ...]
    counted: tuple[Floats, ...] = ()

    def row(self, i: int) -> tuple[int, ...]:
        """The shared values of candidate ``i``, as codes."""
        return tuple(self.choices.shared[i].tolist())

    def codes_of(self, x: Floats, plate: Plate) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The codes of a point's shared values, and of its counted ones; the point must have been counted in."""
        shared = tuple(int(np.searchsorted(v, x[s.column])) for v, s in zip(self.levels, plate.shared, strict=True))
        return shared, tuple(int(np.searchsorted(v, x[c])) for v, c in zip(self.counted, plate.at_most, strict=True))

    def at(self, rows: Ints) -> Scored:
        return replace(self, x=self.x[rows], score=self.score[rows], choices=self.choices.among(rows))

    def without(self, taken: Floats) -> Scored:
        """What is left without the coordinates ``taken``."""
        return self.at(np.flatnonzero(~is_among(self.x, taken)))

    def using(self, used: tuple[frozenset[int], ...]) -> Scored:
        """The same on a plate that has these options already."""
        return replace(self, choices=replace(self.choices, used=used))

    def drawing(self, stocks: Stocked | None) -> Scored:
        """The same where there is so much of some things; None where nothing is limited so."""
        supply = None if stocks is None else stocks.supply(self.x)
        return replace(self, choices=replace(self.choices, supply=supply))

    def best(self, keep: int) -> Scored:
        """About ``keep`` of them: a quarter the best of all, the rest in turn the best of every combination.

        What takes of other things of which there is so much is another combination, too.
        """
        order = np.argsort(-self.score, kind="stable")
        supply = self.choices.supply
        scarce = np.empty((len(order), 0), dtype=bool) if supply is None else supply.takes > 0.0
        codes = np.hstack([self.choices.shared, self.choices.options, scarce])[order]
        if codes.shape[1]:
            _, kind = np.unique(codes, axis=0, return_inverse=True)
            rank = _rank_within(kind.ravel())
            order_in_turn = order[np.lexsort((np.arange(len(order)), rank))]
        else:
            order_in_turn = order
        chosen = np.unique(np.concatenate([order[: keep // 4], order_in_turn[: keep - keep // 4]]))
        return self.at(chosen)

    def under(self, quotas: Counter[tuple[int, ...]], options: Sequence[frozenset[int] | None], keep: int) -> Scored:
        """The best of those that fit a frame."""
        fits = self._fit(quotas, options)
        return self.at(np.flatnonzero(fits)).best(keep)

    def room(self) -> Room:
        """How many wells of any frame untried candidates can fill."""
        codes = np.hstack([self.choices.shared, self.choices.options])
        kinds, counts = np.unique(codes, axis=0, return_counts=True)
        shared = self.choices.shared.shape[1]
        return Room([tuple(row) for row in kinds[:, :shared].tolist()], kinds[:, shared:], counts)

    def _fit(self, quotas: Counter[tuple[int, ...]], options: Sequence[frozenset[int] | None]) -> NDArray[np.bool_]:
        fits = np.zeros(len(self.x), dtype=bool)
        for key in quotas:
            fits |= (self.choices.shared == np.array(key, dtype=np.int64)).all(axis=1)
        for k, some in enumerate(options):
            if some is not None:
                fits &= np.isin(self.choices.options[:, k], list(some))
        return fits


@dataclass(frozen=True)
class Room:
    """Kinds of candidates, alike in shared and counted values, and how many there are of each."""

    shared: Sequence[tuple[int, ...]]
    options: Ints  # (kinds, k)
    counts: Ints  # (kinds,)

    def __call__(self, quotas: Counter[tuple[int, ...]], options: Sequence[frozenset[int] | None]) -> int:
        """How many wells of a frame they can fill."""
        there: Counter[tuple[int, ...]] = Counter()
        allowed = np.ones(len(self.counts), dtype=bool)
        for k, some in enumerate(options):
            if some is not None:
                allowed &= np.isin(self.options[:, k], list(some))
        for i in np.flatnonzero(allowed).tolist():
            if self.shared[i] in quotas:
                there[self.shared[i]] += int(self.counts[i])
        return sum(min(quota, there[key]) for key, quota in quotas.items())


def scored(
    plate: Plate,
    space: Space,
    pool: Pool | None,
    tried: Floats,
    source: Source,
    *,
    seed: int,
    also: Sequence[Floats] = (),
    twins: Twins | None = None,
) -> Scored:
    """Every untried candidate, of a pool beyond 300,000 a random sample and what lies around its best.

    The condition of the control wells is not among them, whatever the shared values, until fewer than a plate are left.

    A continuous space is stood for by points: a sample in which shared and counted numbers take a few levels each,
    then clouds around the most promising points, at the same levels. Of those that a bench cannot tell apart only the
    most promising is kept, lest a plate be filled with copies of one.

    ``also`` are points, each of shape ``(d,)``, whose shared and counted values have codes too. Of products that have
    to be made before it is known whether they may be chosen, at most 20,000 are looked at, the most promising first.
    """
    if pool is None:
        x = _stand_ins(plate, space, source, seed)
    elif isinstance(pool, LargePool) and len(pool) > POOL_LIMIT:
        x = _climbed(pool, source, seed)
    else:
        indices = np.arange(len(pool), dtype=np.int64)
        if len(pool) > POOL_LIMIT:
            indices = np.unique(np.random.default_rng(seed).integers(0, len(pool), POOL_LIMIT, dtype=np.int64))
        x = pool.take(indices)
    x = x[~is_among(x, tried)]
    x = x[source.allows(x)]
    if plate.control is not None:
        fixed = ~np.isnan(plate.control)
        others = x[~(x[:, fixed] == plate.control[fixed]).all(axis=1)]
        if fixed.all() or len(others) >= plate.wells:  # where few are left, also the control's with other shared values
            x = others
    score = _ranked(source, x)
    if pool is None and source.name and not source.is_random:
        kept = _different_enough(plate, space, x, score, tried, source.same)
        x, score = x[kept], score[kept]
    if space.products:
        x, score = _sifted(space, x, score, twins)
    levels, shared = _codes(x, [s.column for s in plate.shared], also)
    control = plate.control if plate.controls else None
    counted, options = _codes(x, list(plate.at_most), [*also, *([] if control is None else [control])])
    used = tuple(
        frozenset()
        if control is None or np.isnan(control[c])
        else frozenset([int(np.searchsorted(values, control[c]))])
        for c, values in zip(plate.at_most, counted, strict=True)
    )
    used, limits = _with_absent(plate, space, counted, used)
    return Scored(x, score, Choices(shared, options, limits, used, _hosts(plate, space, levels)), levels, counted)


def _different_enough(
    plate: Plate, space: Space, x: Floats, score: Floats, tried: Floats, same: float
) -> NDArray[np.bool_]:
    """Which of ``x``, ``(n, d)``, are one experiment with no better one, nor with what was tried: ``(n,)``.

    Of what wells can share, where too few are left for a plate, all stay.
    """
    kept = told_apart(space, x, score, tried, same)
    common = sorted({s.column for s in plate.shared} | set(plate.at_most))
    kind = np.unique(x[:, common], axis=0, return_inverse=True)[1].ravel() if common else np.zeros(len(x), dtype=int)
    is_short: NDArray[np.bool_] = (np.bincount(kind, weights=kept, minlength=1) < plate.wells)[kind]
    return kept | is_short


def _sifted(space: Space, x: Floats, score: Floats, twins: Twins | None) -> tuple[Floats, Floats]:
    """What may be chosen of candidates ``x``, ``(n, d)``: of those with one product the most promising."""

    def passes(rows: Floats) -> NDArray[np.bool_]:
        kept = space.keeps(rows)
        if twins is not None:
            kept[kept] = twins.are_new(rows[kept])
        return kept

    order = np.argsort(-score, kind="stable")
    order = order[first_that(x[order], len(order), passes, most=LOOKED_AT)]
    order = np.sort(order[firsts(space, x[order], twins)])
    return x[order], score[order]


def _with_absent(
    plate: Plate, space: Space, counted: Sequence[Floats], used: Sequence[frozenset[int]]
) -> tuple[tuple[frozenset[int], ...], tuple[int, ...]]:
    """Options in use from the start and limits such that what does not apply, or adds nothing, counts as no option."""
    found, limits = list(used), list(plate.at_most.values())
    for k, (column, values) in enumerate(zip(plate.at_most, counted, strict=True)):
        for free in unstocked(space, column):
            if free in values:
                found[k] = found[k] | {int(np.searchsorted(values, free))}
                limits[k] += 1
    return tuple(found), tuple(limits)


def _climbed(pool: LargePool, source: Source, seed: int) -> Floats:
    """A random sample of a large pool, and what lies around its most promising candidates."""
    rng = np.random.default_rng([seed, 2])
    x = pool.sample(POOL_LIMIT, np.random.default_rng(seed))
    if source.is_random or not source.name:
        return x
    score = _ranked(source, x)
    best, best_score = x, score
    for _ in range(CLIMBS):
        top = np.argsort(-best_score, kind="stable")[:NEAR]
        near = np.unique(np.concatenate([pool.neighbours(row, rng) for row in best[top]]), axis=0)
        near = near[~is_among(near, x)]
        if not len(near):
            break
        x = np.vstack([x, near])
        best, best_score = np.vstack([best[top], near]), np.concatenate([best_score[top], _ranked(source, near)])
    return x


def _ranked(source: Source, x: Floats) -> Floats:
    parts = [
        source.rank(torch.from_numpy(np.ascontiguousarray(x[start : start + CHUNK]))).numpy()
        for start in range(0, len(x), CHUNK)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def _codes(x: Floats, columns: Sequence[int], also: Sequence[Floats] = ()) -> tuple[tuple[Floats, ...], Ints]:
    """The distinct values of each column, those of the points ``also`` too, and which each row has: ``(n, k)``."""
    levels, codes = [], []
    for column in columns:
        extra = [point[column] for point in also if not np.isnan(point[column])]
        values = np.unique(np.concatenate([x[:, column], extra]))
        levels.append(values)
        codes.append(np.searchsorted(values, x[:, column]))
    return tuple(levels), np.array(codes, dtype=np.int64).reshape(len(columns), len(x)).T


def _hosts(plate: Plate, space: Space, levels: Sequence[Floats]) -> Callable[[tuple[int, ...]], bool]:
    """Whether the control condition is allowed beside shared values, given as codes."""
    control = plate.control

    def hosts(row: tuple[int, ...]) -> bool:
        if control is None:
            return True
        x = control.copy()
        for shared, values, code in zip(plate.shared, levels, row, strict=True):
            if np.isnan(x[shared.column]):
                x[shared.column] = values[code]
        return bool(space.allows(space.frame.canonical(x[None, :]))[0])

    return hosts


def _rank_within(kind: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each entry how many of the same kind come before it."""
    order = np.argsort(kind, kind="stable")
    sizes = np.bincount(kind)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    rank = np.empty(len(kind), dtype=np.int64)
    rank[order] = np.arange(len(kind)) - starts
    return rank


def _stand_ins(plate: Plate, space: Space, source: Source, seed: int) -> Floats:
    rng = np.random.default_rng([seed, 5])
    common = sorted({s.column for s in plate.shared} | set(plate.at_most))
    levelled = {c: _levels(p) for c in common if isinstance(p := space.parameters[c], Continuous)}
    x = sample_space(space, SURFACE, seed)
    for column, levels in levelled.items():
        x[:, column] = levels[rng.integers(0, len(levels), len(x))]
    x = _inside(space, x)
    if len(x) < FEW:  # what is left must be drawn around the levels, not levelled after it was drawn
        x = np.vstack([x, _drawn_at(space, levelled, seed)])
    if source.is_random or not source.name:
        return different(x)
    free = [(i, p) for i, p in enumerate(space.parameters) if isinstance(p, Continuous) and i not in common]
    for width in WIDTHS if free else ():
        score = _ranked(source, x)
        near = np.repeat(x[np.argsort(-score, kind="stable")[:NEAR]], AROUND, axis=0)
        for column, parameter in free:
            near[:, column] = _moved(parameter, near[:, column], width * rng.standard_normal(len(near)))
        for column, levels in levelled.items():  # also at the other levels
            turned = rng.random(len(near)) < 0.5
            near[turned, column] = rng.choice(levels, int(turned.sum()))
        near = _on_equalities(space, near, common)
        x = np.vstack([x, _inside(space, near)])
    return np.unique(x, axis=0)


def _drawn_at(space: Space, levelled: Mapping[int, Floats], seed: int) -> Floats:
    """Points in which some numbers take a few levels each, and the others what the constraints leave beside them."""
    parameters = list(space.parameters)
    for column, levels in levelled.items():
        p = parameters[column]
        parameters[column] = Discrete(p.name, tuple(np.unique(levels).tolist()), p.unit)
    try:
        x = sample_space(replace(space, parameters=tuple(parameters)), SURFACE, seed)
        return np.unique(_inside(space, np.array([settled(space, row) for row in x])), axis=0)
    except SpaceError as error:
        names = ", ".join(space.called(levelled))
        raise SpaceError(
            f"plate: with {names} at {LEVELS} values over its range, as shared and counted numbers are, {error}"
        ) from None


def _on_equalities(space: Space, x: Floats, fixed: Sequence[int]) -> Floats:
    """Points moved onto the equalities of the space by what is not ``fixed``; what is not used stays unused.

    Beside the edges many end nearly alike; of those one is kept.
    """
    climber = Climber.of(space)
    if not any(rule.is_equality for rule in climber.rules):
        return x
    low, high = climber.free(x)
    low[:, fixed] = high[:, fixed] = x[:, fixed]
    moved = np.array([settled(space, row) for row in inside(climber.rules, low, high, x)])
    return moved[np.unique(np.round(space.frame.on_scales(moved) / SAME), axis=0, return_index=True)[1]]


def _levels(p: Continuous) -> Floats:
    """A few values of a number, evenly over its scale, nothing among them where that is one."""
    inner = stretched(replace(p, or_zero=False), np.linspace(0.0, 1.0, LEVELS))
    return np.concatenate([[0.0], inner]) if p.or_zero else inner


def _moved(p: Continuous, values: Floats, by: Floats) -> Floats:
    """Values moved by shares of the scale; nothing stays nothing."""
    plain = replace(p, or_zero=False)
    moved = stretched(plain, np.clip(plain.position(values) + by, 0.0, 1.0))
    return np.where(values == 0.0, 0.0, moved) if p.or_zero else moved


def _inside(space: Space, x: Floats) -> Floats:
    canonical = space.frame.canonical(x)
    return canonical[space.holds(canonical)]
