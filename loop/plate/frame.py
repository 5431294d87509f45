"""Frames: which value each plate, block, row or column takes, and which options are on the plate at all.

A frame turns the choice of wells into one with quotas: so many wells for each combination of shared values. Frames
are searched by the worth of the best wells under them, so that values and wells are chosen together.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from loop.plate.layout import Plate
from loop.plate.supply import Supply
from loop.plate.worth import Worth

Ints = NDArray[np.int64]

EVALUATIONS = 160  # frames compared for one plate
ALTERNATIVES = 8  # values of a parameter, or options, that an exchange tries
COUNTED = 4_096  # frames that are all counted where exchanges find none that fills the wells

UNSET = -1


@dataclass(frozen=True)
class Choices:
    """Candidates as the layout sees them: codes of their shared values and of the options that are counted.

    Attributes:
        shared: Code of each shared parameter's value, shape ``(n, s)``.
        options: Code of each counted parameter's value, shape ``(n, k)``.
        limits: How many different codes of each counted parameter may be used, shape ``(k,)``.
        used: Codes in use from the start (of control wells), one set for each counted parameter.
        hosts: Which rows of ``shared`` a control well may have beside it; called with one row, shape ``(s,)``.
        supply: What they take of things of which there is so much; None where nothing is limited so.
    """

    shared: Ints
    options: Ints
    limits: tuple[int, ...]
    used: tuple[frozenset[int], ...]
    hosts: Callable[[tuple[int, ...]], bool] = field(default=lambda _: True)
    supply: Supply | None = None

    def among(self, rows: Ints) -> Choices:
        supply = None if self.supply is None else self.supply.among(rows)
        return replace(self, shared=self.shared[rows], options=self.options[rows], supply=supply)


@dataclass(frozen=True)
class Frame:
    """Values of every group of wells, and the options allowed (None: opened as wells are chosen)."""

    values: tuple[tuple[int, ...], ...]  # for each shared parameter, the code of each group
    options: tuple[frozenset[int] | None, ...]


@dataclass(frozen=True)
class Filled:
    """What a frame holds at best: candidates in the order of choosing, and the gain of each."""

    picks: tuple[int, ...]
    gains: tuple[float, ...]


class Wells:
    """The wells of a plate that are free for conditions, and those that hold controls."""

    def __init__(
        self, plate: Plate, controls: Ints, taken: Sequence[int] = (), fixed: Sequence[Ints] | None = None
    ) -> None:
        """``taken`` wells hold something else; ``fixed`` are group values that no frame may change, UNSET for none."""
        self.free = np.setdiff1d(np.arange(plate.wells), [*controls, *taken])
        self.controls = controls
        groups = [plate.group(s.scope) for s in plate.shared]
        self.groups = np.array(groups, dtype=np.int64).reshape(len(plate.shared), plate.wells)
        self.sizes = tuple(plate.groups(s.scope) for s in plate.shared)
        self.fixed = [np.full(size, UNSET, dtype=np.int64) for size in self.sizes] if fixed is None else list(fixed)

    def settled(self, frame: Frame) -> Frame:
        """The frame with the values that are fixed."""
        values = tuple(
            tuple(v if f == UNSET else int(f) for v, f in zip(mine, fixed.tolist(), strict=True))
            for mine, fixed in zip(frame.values, self.fixed, strict=True)
        )
        return replace(frame, values=values)

    def classes(self, frame: Frame, wells: Ints) -> list[tuple[int, ...]]:
        """The shared values of each of ``wells``."""
        values = [np.array(v, dtype=np.int64)[g[wells]] for v, g in zip(frame.values, self.groups, strict=True)]
        rows = np.array(values, dtype=np.int64).reshape(len(values), len(wells)).T
        return [tuple(row) for row in rows.tolist()]

    def quotas(self, frame: Frame) -> Counter[tuple[int, ...]]:
        """Free wells for each combination of shared values."""
        return Counter(self.classes(frame, self.free))


def is_sound(frame: Frame, wells: Wells, choices: Choices, counted: Sequence[int | None]) -> bool:
    """Whether controls can lie where they do, and no more options are shared out than may be on the plate.

    ``counted`` says for each shared parameter which counted one it is, if any.
    """
    for values, k in zip(frame.values, counted, strict=True):
        if k is not None and len(set(values) | choices.used[k]) > choices.limits[k]:
            return False
    return all(choices.hosts(row) for row in set(wells.classes(frame, wells.controls)))


def fill(
    worth: Worth, choices: Choices, quotas: Counter[tuple[int, ...]], options: Sequence[frozenset[int] | None], n: int
) -> Filled:
    """The best ``n`` wells under quotas and option limits, each given those before."""
    keys = list(quotas)
    cell = np.full(len(choices.shared), -1, dtype=np.int64)
    for number, key in enumerate(keys):
        cell[(choices.shared == np.array(key, dtype=np.int64)).all(axis=1)] = number
    allowed = cell >= 0
    for k, some in enumerate(options):
        if some is not None:
            allowed &= np.isin(choices.options[:, k], list(some))
    rows = np.flatnonzero(allowed)
    cell, left = cell[rows], np.array([quotas[key] for key in keys], dtype=np.int64)
    inside, progress = choices.among(rows), worth.among(rows).start()
    used = [set(u) for u in choices.used]
    open_ = np.ones(len(rows), dtype=bool)
    for k, limit in enumerate(inside.limits):
        if len(used[k]) >= limit:
            open_ &= np.isin(inside.options[:, k], list(used[k]))
    supply = inside.supply
    if supply is not None:
        open_ &= supply.enough
    picks: list[int] = []
    gains: list[float] = []
    while len(picks) < n and open_.any():
        gain = np.where(open_, progress.gains(), -np.inf)
        i = int(gain.argmax())
        picks.append(int(rows[i]))
        gains.append(float(gain[i]))
        progress.take(i)
        open_[i] = False
        left[cell[i]] -= 1
        if not left[cell[i]]:
            open_[cell == cell[i]] = False
        for k, limit in enumerate(inside.limits):
            used[k].add(int(inside.options[i, k]))
            if len(used[k]) >= limit:
                open_ &= np.isin(inside.options[:, k], list(used[k]))
        if supply is not None:
            supply = supply.less(i)
            open_ &= supply.enough
    return Filled(tuple(picks), tuple(gains))


def fuller(
    worth: Worth,
    choices: Choices,
    quotas: Counter[tuple[int, ...]],
    options: Sequence[frozenset[int] | None],
    n: int,
    filled: Filled,
) -> Filled:
    """The same with more of ``n`` wells where there is so much of some things: who took of them first gives way, the
    last chosen before others, as long as that fills more.
    """
    kept = np.arange(len(choices.shared))
    while choices.supply is not None and len(filled.picks) < n:
        for i in reversed([i for i in filled.picks if choices.supply.takes[i].any()]):
            rows = kept[kept != i]
            other = fill(worth.among(rows), choices.among(rows), quotas, options, n)
            if len(other.picks) > len(filled.picks):
                kept, filled = rows, Filled(tuple(rows[list(other.picks)].tolist()), other.gains)
                break
        else:
            break
    return filled


def search(
    worth: Worth,
    choices: Choices,
    plate: Plate,
    wells: Wells,
    n: int,
    rng: np.random.Generator,
    room: Callable[[Counter[tuple[int, ...]], Sequence[frozenset[int] | None]], int],
) -> tuple[Frame, int] | None:
    """The best frame found for ``n`` wells, and how many were compared; None where no frame is sound.

    Starts from the frame that grows with the wells, from frames of one combination each, and from one that gives each
    combination its share of an unconstrained choice; then exchanges one value or one option at a time while that
    helps. A frame that fills more wells (``room``, or those that there is enough for) goes before one that is worth
    more; where none that was met fills all, and there are few, every one is looked at for the wells that it fills.
    """
    counted = [next((k for k, c in enumerate(plate.at_most) if c == s.column), None) for s in plate.shared]
    seen: dict[object, tuple[int, float]] = {}

    def score(frame: Frame) -> tuple[int, float]:
        if not is_sound(frame, wells, choices, counted):
            return (-1, 0.0)
        quotas = wells.quotas(frame)
        key = (frozenset(quotas.items()), frame.options)
        if key not in seen:
            filled = fill(worth, choices, quotas, frame.options, n)
            wells_filled = min(room(quotas, _opened(filled, choices, frame.options)), n)
            if choices.supply is not None:
                wells_filled = len(filled.picks)
            seen[key] = (wells_filled, sum(filled.gains))
        return seen[key]

    potential = np.sort(worth.start().gains())[::-1]
    floor = float(potential[min(n, len(potential)) - 1]) if len(potential) else 0.0
    single = np.maximum(worth.start().gains() - floor, 0.0) + 1e-3 * worth.start().gains()
    best: Frame | None = None
    best_score = (-1, 0.0)
    for start in _starts(worth, choices, wells, n, single, rng):
        frame = wells.settled(start)
        if (value := score(frame)) > best_score:
            best, best_score = frame, value
    if best is None:
        return None
    improves = True
    while improves and len(seen) < EVALUATIONS:
        improves = False
        for move in _exchanges(best, choices, single, rng):
            if len(seen) >= EVALUATIONS:
                break
            frame = wells.settled(move)
            if (value := score(frame)) > best_score:
                best, best_score, improves = frame, value, True
                break
    if best_score[0] < n:
        sound = (f for f in map(wells.settled, _every(choices, wells)) if is_sound(f, wells, choices, counted))
        fuller = [(-min(room(wells.quotas(f), f.options), n), i, f) for i, f in enumerate(sound)]
        fuller = sorted(entry for entry in fuller if -entry[0] > best_score[0])
        for _, _, frame in fuller[:EVALUATIONS]:
            if (value := score(frame)) > best_score:
                best, best_score = frame, value
        quotas = wells.quotas(best)  # others might leave more empty than those that it was judged with
        best = replace(best, options=_opened(fill(worth, choices, quotas, best.options, n), choices, best.options))
    return best, len(seen)


def _opened(
    filled: Filled, choices: Choices, options: Sequence[frozenset[int] | None]
) -> tuple[frozenset[int] | None, ...]:
    """The options allowed once a frame was filled: where no more may be opened, those that are there."""
    codes = choices.options[list(filled.picks)]
    used = [mine | frozenset(codes[:, k].tolist()) for k, mine in enumerate(choices.used)]
    is_full = [len(mine) >= limit for mine, limit in zip(used, choices.limits, strict=True)]
    return tuple(
        mine if some is None and full else some for some, mine, full in zip(options, used, is_full, strict=True)
    )


def _starts(
    worth: Worth, choices: Choices, wells: Wells, n: int, single: NDArray[np.float64], rng: np.random.Generator
) -> Iterator[Frame]:
    free: tuple[None, ...] = (None,) * len(choices.limits)
    grown = _grown(worth, choices, wells, n)
    yield Frame(grown, free)
    combinations, inverse = np.unique(choices.shared, axis=0, return_inverse=True)
    promise = np.bincount(inverse.ravel(), single, len(combinations))
    for row in combinations[np.argsort(-promise, kind="stable")[: 2 * ALTERNATIVES]]:
        yield Frame(tuple((int(v),) * size for v, size in zip(row, wells.sizes, strict=True)), free)
    top = np.argsort(-single, kind="stable")[:n]
    for _ in range(2):  # each group takes the value of one of the best wells
        values = []
        for j, size in enumerate(wells.sizes):
            drawn = choices.shared[top[rng.permutation(len(top))], j]
            values.append(tuple(int(v) for v in np.resize(drawn, size)))
        yield Frame(tuple(values), free)


def _grown(worth: Worth, choices: Choices, wells: Wells, n: int) -> tuple[tuple[int, ...], ...]:
    """Values as they come when each well takes the best candidate that still fits somewhere, one after the other."""
    values = [fixed.copy() for fixed in wells.fixed]
    if not values:
        return ()
    combinations, inverse = np.unique(choices.shared, axis=0, return_inverse=True)
    inverse = inverse.ravel()
    free = np.zeros(wells.groups.shape[1], dtype=bool)
    free[wells.free] = True
    progress = worth.start()
    supply = choices.supply
    open_ = np.ones(len(inverse), dtype=bool) if supply is None else supply.enough
    used = [set(u) for u in choices.used]
    for _ in range(n):
        now = np.array([v[g] for v, g in zip(values, wells.groups, strict=True)])  # (s, wells)
        fits = ((now[None] == UNSET) | (now[None] == combinations[:, :, None])).all(axis=1) & free
        for k, limit in enumerate(choices.limits):
            if len(used[k]) >= limit:
                open_ &= np.isin(choices.options[:, k], list(used[k]))
        may = open_ & fits.any(axis=1)[inverse]
        if not may.any():
            break
        i = int(np.where(may, progress.gains(), -np.inf).argmax())
        row = inverse[i]
        newly = (now == UNSET).sum(axis=0)
        well = int(np.flatnonzero(fits[row])[np.argmin(newly[fits[row]])])
        for j, v in enumerate(values):
            v[wells.groups[j, well]] = combinations[row, j]
        progress.take(i)
        open_[i] = False
        free[well] = False
        for k in range(len(used)):
            used[k].add(int(choices.options[i, k]))
        if supply is not None:
            supply = supply.less(i)
            open_ &= supply.enough
    for j, v in enumerate(values):  # groups that nothing was put into
        known = Counter(v[v != UNSET].tolist())
        v[v == UNSET] = known.most_common(1)[0][0] if known else combinations[0, j]
    return tuple(tuple(v.tolist()) for v in values)


def _exchanges(
    frame: Frame, choices: Choices, single: NDArray[np.float64], rng: np.random.Generator
) -> Iterator[Frame]:
    """Frames that differ from this one in a shared value or in the options that may be there, in any order."""
    moves = [*_other_values(frame, choices, single), *_other_options(frame, choices, single)]
    for i in rng.permutation(len(moves)).tolist():
        yield moves[i]


def _every(choices: Choices, wells: Wells) -> Iterator[Frame]:
    """Every frame with as many options as may be there; none where there are too many of them."""
    values = [np.unique(choices.shared[:, j]).tolist() for j in range(len(wells.sizes))]
    options: list[list[frozenset[int] | None]] = []
    for k, (used, limit) in enumerate(zip(choices.used, choices.limits, strict=True)):
        new = [code for code in np.unique(choices.options[:, k]).tolist() if code not in used]
        more = max(limit - len(used), 0)
        if len(new) <= more:
            options.append([None])
        elif math.comb(len(new), more) > COUNTED:
            return
        else:
            options.append([used | frozenset(some) for some in combinations(new, more)])
    ways = math.prod(len(v) ** size for v, size in zip(values, wells.sizes, strict=True))
    if ways * math.prod(map(len, options)) > COUNTED:
        return
    each = [product(v, repeat=size) for v, size in zip(values, wells.sizes, strict=True)]
    for mine in product(*each):
        for some in product(*options):
            yield Frame(mine, some)


def _other_values(frame: Frame, choices: Choices, single: NDArray[np.float64]) -> Iterator[Frame]:
    """One group takes another value, or all groups that have one value take another: the most promising ones."""
    for j, values in enumerate(frame.values):
        promise = np.bincount(choices.shared[:, j], single)
        there = np.unique(choices.shared[:, j])
        better = there[np.argsort(-promise[there], kind="stable")][:ALTERNATIVES]
        for group, value in enumerate(values):
            for other in better.tolist():
                if other != value:
                    changed = (*values[:group], int(other), *values[group + 1 :])
                    yield replace(frame, values=(*frame.values[:j], changed, *frame.values[j + 1 :]))
        for other in better.tolist():  # every group that has one value takes another
            for value in sorted(set(values)):
                if other != value:
                    changed = tuple(int(other) if v == value else v for v in values)
                    yield replace(frame, values=(*frame.values[:j], changed, *frame.values[j + 1 :]))


def _other_options(frame: Frame, choices: Choices, single: NDArray[np.float64]) -> Iterator[Frame]:
    """Options are chosen where any may be there, or one of them makes room for a promising other."""
    for k, some in enumerate(frame.options):
        promise = np.bincount(choices.options[:, k], single)
        there = np.unique(choices.options[:, k])
        ranked = there[np.argsort(-promise[there], kind="stable")].tolist()
        if len(ranked) <= choices.limits[k]:
            continue
        kept = some or frozenset(
            [*choices.used[k], *[o for o in ranked if o not in choices.used[k]]][: choices.limits[k]]
        )
        if some is None:
            yield replace(frame, options=(*frame.options[:k], kept, *frame.options[k + 1 :]))
        for out in sorted(kept - choices.used[k]):
            for other in [o for o in ranked if o not in kept][:ALTERNATIVES]:
                changed = (kept - {out}) | {other}
                yield replace(frame, options=(*frame.options[:k], changed, *frame.options[k + 1 :]))
