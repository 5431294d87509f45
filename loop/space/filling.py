"""Filling a space evenly: Sobol sequences and Latin hypercubes, carried into what constraints leave.

# Note [Hypercubes under constraints]
Under constraints no design need exist in which each n-th of every range occurs once: of fractions that sum to one, not
all can be large in turn. What takes its place divides each parameter into n parts that hold equal shares of what is
allowed, and chooses points such that each part occurs once; an amount that is often zero is so as often as its share
says, and options occur as often as one another where there is a choice. The more columns are tied together, the less
often such a choice can be found, so it is measured.
Source: Minasny and McBratney, Computers & Geosciences 32 (2006) 1378 (the conditioned Latin hypercube).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.space.constraints import Count, Linear
from loop.space.drawing import plan_of
from loop.space.parameters import Continuous, Discrete, least_and_most
from loop.space.parts import Part, part_of
from loop.space.polytope import Array
from loop.space.raw import stretched
from loop.space.space import Space

LONGEST: Final = 17  # log2 of the points of a sequence that are looked through
LOOKED_AT: Final = 16_384  # draws that a hypercube is chosen from; fewer for many points
WORK: Final = 1_000_000  # draws times points
SWEEPS: Final = 6
ROUNDS: Final = 8  # of looking near the chosen ones for something better
NEAR: Final = 2_048  # points looked at near them
ATOM: Final = 4  # times that a number must occur among the draws to be a level, beside half of a point's share
SLACK: Final = 0.05  # of a point, which shares known from draws may be off
SWAPS: Final = 400  # tries of undoing a repetition

Admits = Callable[[Array], NDArray[np.bool_]]


@dataclass(frozen=True)
class Filling:
    """Points ``(k, d)``; what each is, for its reason ("" where it is plainly what was asked for); notes."""

    points: Array
    meaning: str = ""
    notes: tuple[str, ...] = ()


def fill(
    space: Space, n: int, seed: int, method: str, tried: Array | None = None, admits: Admits | None = None
) -> Filling:
    """Up to ``n`` different allowed points that fill the space evenly, none of them ``tried``.

    Args:
        space: Any space.
        n: How many are wanted; a small finite space may hold fewer.
        seed: Scrambles the sequence, shuffles the hypercube.
        method: ``"sobol"`` or ``"lhs"`` (Latin hypercube).
        tried: Coordinates that are taken, ``(t, d)``; a hypercube is one together with them.
        admits: Which points may be chosen besides (those that can be paid for); all by default.

    Raises:
        SpaceError: A constraint leaves nothing, or no allowed point turned up; names the constraint.
    """
    taken = np.empty((0, len(space.parameters))) if tried is None else tried
    every = (lambda x: np.ones(len(x), dtype=bool)) if admits is None else admits
    return (_sobol if method == "sobol" else _hypercube)(space, n, seed, taken, every)


def _sobol(space: Space, n: int, seed: int, tried: Array, admits: Admits) -> Filling:
    """The first points of a scrambled sequence that are allowed; where those are too few, a hypercube instead."""
    from scipy.stats import qmc  # 1 s: only where a space is filled

    laid = [_Laid.of(part) for part in _parts(space) if _is_thin(part)]
    is_tied = bool(space.constraints)
    engine = qmc.Sobol(len(space.parameters), rng=np.random.default_rng(seed))
    size = int(np.ceil(np.log2(max(n + len(tried), 64))))
    found = np.empty((0, len(space.parameters)))
    looked = 0
    while len(found) < n and looked < 2 ** (LONGEST if is_tied else size + 6):
        unit = engine.random_base2(size) if not looked else engine.random(looked)  # twice as long each time
        looked += len(unit)
        x = _stretch(space, unit)
        for part in laid:
            part.lay(x, unit)
        x = space.frame.canonical(x)
        x = x[space.holds(x) & admits(x) & ~_among(x, tried)]
        found = _different(np.vstack([found, x]))
    if len(found) >= n or not is_tied or _is_all(space, len(found) + len(tried)):
        meaning = "a point of a Sobol sequence laid over what the constraints leave" if is_tied else ""
        return Filling(found[:n], meaning)
    other = _hypercube(space, n, seed, tried, admits)
    note = f"only {len(found)} of {looked} points of a Sobol sequence were allowed, fewer than the {n} asked for; "
    return Filling(other.points, other.meaning, (note + "a Latin hypercube was made instead", *other.notes))


def _hypercube(space: Space, n: int, seed: int, tried: Array, admits: Admits) -> Filling:
    """A Latin hypercube together with what was tried: exact where nothing ties the columns, else Note [Hypercubes]."""
    rng = np.random.default_rng(seed)
    x = _stretch(space, _latin(space, n, tried, rng))
    parts = _parts(space)
    chosen = [_Choice.of(space, part.columns, _Laid.of(part).drawn(_pool_size(n), rng), tried) for part in parts]
    for part, choice in zip(parts, chosen, strict=True):
        is_all = len(part.columns) == len(space.parameters)
        rows = choice.pick(n, part, rng, is_all=is_all)
        x = x[: len(rows)]  # all there are, where nothing else tells two apart
        x[:, list(part.columns)] = rows
    x = space.frame.canonical(x)
    blocks = [part.columns for part in parts]
    blocks += [(c,) for c in range(x.shape[1]) if not any(c in b for b in blocks)]
    x = _without_repeats(x, blocks, tried, rng)
    if not (fits := admits(x)).all():
        pool = _drawn_whole(space, parts, 4 * _pool_size(n), rng)
        pool = pool[admits(pool) & ~_among(pool, tried)]
        if len(pool) < n:
            return Filling(x[fits], "", ("too few points that can be paid for turned up for a Latin hypercube",))
        every = tuple(range(x.shape[1]))
        chosen = [_Choice.of(space, every, pool, tried)]
        x = chosen[0].pick(n, None, rng, is_all=True)
    elif not parts:
        return Filling(x, _continued("range", n + len(tried)) if len(tried) else "")
    what = "what the constraints leave" if fits.all() else "what can be paid for"
    total = n + len(tried)
    missed = [(space.names[c], miss) for choice in chosen for c, miss in choice.missed().items() if miss]
    if missed:
        listed = ", ".join(f"{name} {miss}" for name, miss in missed)
        note = f"no Latin hypercube of {what} was found, but nearly one; out of place are, of {n} points: {listed}"
        return Filling(x, f"one of a choice that meets every {_th(total)} of {what} as evenly as was found", (note,))
    if len(tried):
        return Filling(x, _continued(what, total))
    return Filling(x, f"a point of a Latin hypercube of {what}: every {_th(total)} of it once, parameter by parameter")


def _continued(what: str, total: int) -> str:
    of = "every range" if what == "range" else what
    return (
        f"a point of a Latin hypercube that goes on from what was tried: in a {_th(total)} of {of} that no other holds"
    )


def _th(n: int) -> str:
    return {1: "part", 2: "half", 3: "third", 4: "quarter"}.get(n, f"{n}th")


def _parts(space: Space) -> list[Part]:
    """The components that constraints tie, or cut."""
    touched = {c for rule in space.constraints for c in rule.columns} | {
        c for condition in space.conditions for c in (condition.column, *condition.columns)
    }
    if not touched:
        return []
    return [part_of(space, s) for s in plan_of(space, only=touched).skeletons]


def _is_all(space: Space, n: int) -> bool:
    from loop.space.pool import ProductPool

    return space.is_finite and n >= len(ProductPool(space))


# Sobol sequences -----------------------------------------------------------------------------------------------------


def _is_thin(part: Part) -> bool:
    """Whether next to no point of a box keeps the constraints of a part: equalities, and counts of what is used."""
    return any(isinstance(c, Count) or (isinstance(c, Linear) and c.is_equality) for c in part.space.constraints)


@dataclass(frozen=True)
class _Laid:
    """A map of the unit cube onto a part, column by column.

    A number chooses among the options, steps and zeros that are allowed after the columns before: options are as likely
    as one another, anything else as the combinations that have it. What is left of the number is the place between the
    ends: of a mixture evenly over the simplex, and of another sum all but one of its numbers.

    Source: Rosenblatt, Annals of Mathematical Statistics 23 (1952) 470; Fang and Wang, Number-theoretic Methods in
    Statistics (1994), section 1.4 (the simplex).
    """

    part: Part
    low: Array  # of the combinations, in lexicographic order: (rows, columns)
    high: Array
    first: NDArray[np.int64]  # row with which the combinations begin that agree with one up to a column
    after: NDArray[np.int64]  # and the row after the last of them
    group: NDArray[np.int64]  # number of those combinations, counted up to the column

    @classmethod
    def of(cls, part: Part) -> _Laid:
        skeleton = part.skeleton
        order = np.lexsort(skeleton.low.T[::-1])
        low, n = skeleton.low[order], len(order)
        differs = np.logical_or.accumulate(low[1:] != low[:-1], axis=1)
        begins = np.vstack([np.ones((1, low.shape[1]), dtype=bool), differs])
        number = np.arange(n)[:, None]
        first = np.maximum.accumulate(np.where(begins, number, 0), axis=0)
        ends = np.vstack([differs, np.ones((1, low.shape[1]), dtype=bool)])
        after = np.minimum.accumulate(np.where(ends, number + 1, n)[::-1], axis=0)[::-1]
        return cls(part, low, skeleton.high[order], first, after, begins.cumsum(axis=0) - 1)

    def rows(self, unit: Array) -> tuple[NDArray[np.int64], Array]:
        """The combination that each row of ``unit``, ``(n, columns)``, chooses, and what is left of its numbers."""
        start, end = np.zeros(len(unit), dtype=np.int64), np.full(len(unit), len(self.low), dtype=np.int64)
        left = unit.copy()
        for place, column in enumerate(self.part.columns):
            if isinstance(self.part.space.parameters[column], Continuous | Discrete):
                at = start + unit[:, place] * (end - start)
                row = np.minimum(at.astype(np.int64), end - 1)
            else:
                group = self.group[:, place]
                there = group[end - 1] - group[start] + 1
                chosen = np.minimum((unit[:, place] * there).astype(np.int64), there - 1)
                row = np.searchsorted(group, group[start] + chosen)
                at = row.astype(np.float64)
            start, end = self.first[row, place], self.after[row, place]
            left[:, place] = np.clip((at - start) / (end - start), 0.0, np.nextafter(1.0, 0.0))
        return start, left

    def drawn(self, n: int, rng: np.random.Generator) -> Array:
        """Points of the part at random with options as likely as one another, ``(n, columns)``."""
        rows, _ = self.rows(rng.random((n, len(self.part.columns))))
        picked = replace(self.part.skeleton, low=self.low[rows], high=self.high[rows])
        return replace(self.part, skeleton=picked).draw(n, rng)[0]

    def lay(self, x: Array, unit: Array) -> None:
        """Puts the part's columns of ``x``, ``(n, d)``, in place, from ``unit`` of the same shape."""
        columns = list(self.part.columns)
        inner = unit.copy()
        start, inner[:, columns] = self.rows(unit[:, columns])
        low, high = x.copy(), x.copy()
        low[:, columns], high[:, columns] = self.low[start], self.high[start]
        space = self.part.space
        open_ = high > low
        for column in columns:
            p = space.parameters[column]
            between = low[:, column]
            if isinstance(p, Continuous):
                between = stretched(Continuous(p.name, p.low, p.high, scale=p.scale), inner[:, column])
                between = np.clip(between, low[:, column], high[:, column])
            x[:, column] = np.where(open_[:, column], between, low[:, column])
        for mixture in space.mixtures:
            if set(mixture.columns) <= set(columns):
                mine = list(mixture.columns)
                x[:, mine] = low[:, mine] + _simplex(inner[:, mine], open_[:, mine], 1.0 - low[:, mine].sum(axis=1))
        mixed = space.frame.mixed_columns
        equal = [r for r in self.part.linear if r.is_equality]
        for rule in equal:
            others = {c for r in equal if r is not rule for c in r.columns}
            if own := [c for c in rule.columns if c not in mixed | others]:
                self._solve(x, rule, open_, own)

    def _solve(self, x: Array, rule: Linear, open_: NDArray[np.bool_], columns: Sequence[int]) -> None:
        """Sets in each row the number that can make up most of a sum to what is wanting of it."""
        weight = np.array([rule.weights[c] for c in columns])
        span = np.array([np.subtract(*least_and_most(self.part.space.parameters[c])[::-1]) for c in columns])
        reach = np.where(open_[:, columns], np.abs(weight) * span, -1.0)
        best = np.asarray(reach.argmax(axis=1), dtype=np.int64)
        can = (reach.max(axis=1) > 0) & ~rule.exempt(x)
        gap = rule.at_most - x[:, list(rule.weights)] @ np.array(list(rule.weights.values()))
        rows = np.flatnonzero(can)
        x[rows, np.asarray(columns)[best[rows]]] += gap[rows] / weight[best[rows]]


def _simplex(unit: Array, open_: NDArray[np.bool_], total: Array) -> Array:
    """Numbers from 0 to 1, ``(n, k)``, as shares of ``total``, ``(n,)``, evenly over the simplex of those open."""
    shares = np.zeros_like(unit)
    left, rest = open_.sum(axis=1), total.copy()
    for column in range(unit.shape[1]):
        here = open_[:, column]
        with np.errstate(divide="ignore"):
            share = np.where(left > 1, 1.0 - (1.0 - unit[:, column]) ** (1.0 / np.maximum(left - 1, 1)), 1.0)
        shares[:, column] = np.where(here, rest * share, 0.0)
        rest = rest - shares[:, column]
        left = left - here
    return shares


# Latin hypercubes ----------------------------------------------------------------------------------------------------


def _latin(space: Space, n: int, tried: Array, rng: np.random.Generator) -> Array:
    """A hypercube of the unit cube, ``(n, d)``, in which parts that tried points hold are left to them."""
    from scipy.stats import qmc

    d = len(space.parameters)
    if not len(tried):
        return np.asarray(qmc.LatinHypercube(d, rng=rng).random(n))
    total = n + len(tried)
    unit = np.empty((n, d))
    for column, p in enumerate(space.parameters):
        held = np.zeros(total, dtype=bool)
        edges = stretched(p, (np.arange(total) + 0.5) / total)  # rises with the part
        for value in rng.permutation(tried[:, column]):
            near = np.argsort(np.abs(edges - value) + held * 1e300, kind="stable")
            held[near[0]] = True
        free = np.flatnonzero(~held)
        unit[:, column] = (rng.permutation(free)[:n] + rng.random(n)) / total
    return unit


def _pool_size(n: int) -> int:
    return int(np.clip(WORK // max(n, 1), 2_048, LOOKED_AT))


def _drawn_whole(space: Space, parts: Sequence[Part], n: int, rng: np.random.Generator) -> Array:
    """Allowed points at random, ``(k, d)``, all different."""
    x = _stretch(space, rng.random((n, len(space.parameters))))
    for part in parts:
        rows = _Laid.of(part).drawn(n, rng)
        x[:, list(part.columns)] = rows[np.arange(n) % len(rows)]
    x = _different(space.frame.canonical(x))
    return np.asarray(x[space.holds(x)])


class _Choice:
    """A choice of some of a part's points, by how often each share of each column is met: Note [Hypercubes]."""

    def __init__(self, drawn: Array, columns: tuple[int, ...], tried: Array, *, is_whole: bool) -> None:
        pool = _different(drawn)
        self.pool = pool[~_among(pool, tried)] if is_whole else pool
        self.drawn, self.columns, self.tried = drawn, columns, tried
        self.bins: list[_Bins] = []
        self.counts: list[NDArray[np.int64]] = []
        self.spared: list[tuple[int, int]] = []

    @classmethod
    def of(cls, space: Space, columns: tuple[int, ...], drawn: Array, tried: Array) -> _Choice:
        return cls(drawn, columns, tried[:, list(columns)], is_whole=len(columns) == len(space.parameters))

    def pick(self, n: int, part: Part | None, rng: np.random.Generator, *, is_all: bool) -> Array:
        """``n`` points, ``(n, columns)``, in random order; fewer where ``is_all`` (nothing else tells two apart)
        and no more are there."""
        total = n + len(self.tried)
        self.bins = [_Bins.of(self.drawn[:, k], total) for k in range(len(self.columns))]
        self.counts = [b.counted(self.tried[:, k]) for k, b in enumerate(self.bins)]
        gaps = [b.gaps(c) for b, c in zip(self.bins, self.counts, strict=True)]
        self.spared = [(max(wanting - n, 0), over) for wanting, over in gaps]  # what no choice could mend
        if is_all and len(self.pool) <= n:
            self._add(self._placed(self.pool))
            return np.asarray(self.pool[rng.permutation(len(self.pool))])
        pool, once = self.pool, is_all or len(self.pool) >= 4 * n
        chosen = self._exchanged(pool, np.empty(0, dtype=np.int64), n, rng, once=once)
        for _ in range(ROUNDS):
            if part is None or not sum(self.missed().values()) or (part.skeleton.low == part.skeleton.high).all():
                break
            others = pool[rng.permutation(len(pool))[:NEAR]]
            near = part.near(pool[chosen], max(NEAR // n, 8), rng)
            self._add(self._placed(pool[chosen]), -1)
            pool = np.vstack([pool[chosen], near, others])
            pool, numbers = np.unique(pool, axis=0, return_inverse=True)
            chosen = self._exchanged(pool, numbers.ravel()[:n], n, rng, once=once)
        return np.asarray(pool[chosen[rng.permutation(n)]])

    def missed(self) -> dict[int, int]:
        """Of each column, how many points are not where they should be."""
        found = {}
        for column, b, count, spared in zip(self.columns, self.bins, self.counts, self.spared, strict=True):
            found[column] = max(g - s for g, s in zip(b.gaps(count), spared, strict=True))
        return found

    def _exchanged(
        self, pool: Array, chosen: NDArray[np.int64], n: int, rng: np.random.Generator, *, once: bool
    ) -> NDArray[np.int64]:
        """``n`` rows of the pool: added one by one, then exchanged while that helps."""
        places = self._placed(pool)
        used = np.bincount(chosen, minlength=len(pool)).astype(float)
        self._add(places[chosen])
        noise = rng.random(len(pool)) * 0.5  # among equals any may be chosen

        def best() -> int:
            worth = noise + used * (1e9 if once else 1e-3)
            for k, b in enumerate(self.bins):
                worth = worth + b.harm(self.counts[k])[places[:, k]]
            return int(worth.argmin())

        picked = list(chosen)
        while len(picked) < n:
            picked.append(best())
            used[picked[-1]] += 1
            self._add(places[picked[-1:]])
        for _ in range(SWEEPS):
            before = sum(self.missed().values())
            if not before:
                break
            for i in rng.permutation(n):
                self._add(places[[picked[i]]], -1)
                used[picked[i]] -= 1
                picked[i] = best()
                used[picked[i]] += 1
                self._add(places[[picked[i]]])
            if sum(self.missed().values()) >= before:
                break
        return np.array(picked, dtype=np.int64)

    def _placed(self, x: Array) -> NDArray[np.int64]:
        return np.column_stack([b.place(x[:, k]) for k, b in enumerate(self.bins)])

    def _add(self, places: NDArray[np.int64], by: int = 1) -> None:
        for k, count in enumerate(self.counts):
            np.add.at(count, places[:, k], by)


@dataclass(frozen=True)
class _Bins:
    """Shares of a column: levels that occur often, and parts of the rest that hold equal shares of the draws.

    ``least`` and ``most`` are how often each is to occur.
    """

    levels: Array
    edges: Array  # between the parts
    least: Array
    most: Array

    @classmethod
    def of(cls, values: Array, n: int) -> _Bins:
        found, times = np.unique(values, return_counts=True)
        often = times >= max(ATOM, len(values) / (2 * n)) if len(found) > 2 * n else np.ones(len(found), dtype=bool)
        levels, rest = found[often], values[~np.isin(values, found[often])]
        share = len(rest) / len(values)
        parts = max(round(n * share), 1) if len(rest) else 0
        edges = np.quantile(rest, np.arange(1, parts) / parts) if parts > 1 else np.empty(0)
        wanted = n * np.concatenate([times[often] / len(values), np.full(parts, share / max(parts, 1))])
        return cls(levels, edges, np.floor(wanted + SLACK), np.ceil(wanted - SLACK))

    def place(self, values: Array) -> NDArray[np.int64]:
        """The number of the share of each value; of one that is none, the nearest."""
        rest = len(self.levels) + np.searchsorted(self.edges, values)
        if not len(self.levels):
            return np.asarray(rest, dtype=np.int64)
        after = np.clip(np.searchsorted(self.levels, values), 1, len(self.levels) - 1) if len(self.levels) > 1 else 0
        before = np.maximum(after - 1, 0)
        is_before = np.abs(values - self.levels[before]) <= np.abs(values - self.levels[after])
        nearest = np.where(is_before, before, after)
        is_level = (len(self.least) == len(self.levels)) | (self.levels[nearest] == values)
        return np.asarray(np.where(is_level, nearest, rest), dtype=np.int64)

    def counted(self, values: Array) -> NDArray[np.int64]:
        return (
            np.bincount(self.place(values), minlength=len(self.least))
            if len(values)
            else np.zeros(len(self.least), int)
        )

    def harm(self, counts: NDArray[np.int64]) -> Array:
        """What one more of each share adds to what is missed."""
        return np.where(counts < self.least, -1.0, np.where(counts < self.most, 0.0, 1.0))

    def gaps(self, counts: NDArray[np.int64]) -> tuple[int, int]:
        """How many points are wanting, and how many are over."""
        return int(np.maximum(self.least - counts, 0).sum()), int(np.maximum(counts - self.most, 0).sum())


def _without_repeats(x: Array, blocks: Sequence[Sequence[int]], tried: Array, rng: np.random.Generator) -> Array:
    """``x``, ``(n, d)``, with rows that occur twice or were tried undone by exchanging blocks of columns between rows;
    what is left of them is left out."""
    for _ in range(SWAPS if len(blocks) > 1 else 0):
        bad = _repeats(x, tried)
        if not len(bad):
            break
        i, j = int(rng.choice(bad)), int(rng.integers(0, len(x)))
        columns = list(blocks[int(rng.integers(0, len(blocks)))])
        y = x.copy()
        y[np.ix_([i, j], columns)] = x[np.ix_([j, i], columns)]
        if len(_repeats(y, tried)) <= len(bad):
            x = y
    return np.delete(x, _repeats(x, tried), axis=0)


def _repeats(x: Array, tried: Array) -> NDArray[np.int64]:
    _, first = np.unique(x, axis=0, return_index=True)
    again = np.ones(len(x), dtype=bool)
    again[first] = False
    return np.flatnonzero(again | _among(x, tried))


def _among(x: Array, rows: Array) -> NDArray[np.bool_]:
    if not len(x) or not len(rows):
        return np.zeros(len(x), dtype=bool)
    width = np.dtype((np.void, x.dtype.itemsize * x.shape[1]))
    mine, theirs = (np.ascontiguousarray(a + 0.0).view(width).ravel() for a in (x, rows))  # -0.0 is 0.0
    return np.isin(mine, theirs)


def _stretch(space: Space, unit: Array) -> Array:
    return np.column_stack([stretched(p, unit[:, column]) for column, p in enumerate(space.parameters)])


def _different(x: Array) -> Array:
    _, first = np.unique(x, axis=0, return_index=True)
    return np.asarray(x[np.sort(first)])
