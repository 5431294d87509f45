"""Filling a space evenly: Sobol sequences and Latin hypercubes, carried into what constraints leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.errors import SpaceError, did_you_mean
from loop.space.constraints import Count, Linear
from loop.space.drawing import plan_of
from loop.space.even_choice import Choice
from loop.space.laid import Laid
from loop.space.parts import Part, part_of
from loop.space.polytope import Array, Test
from loop.space.pool import ProductPool
from loop.space.raw import stretched
from loop.space.rows import different, is_among
from loop.space.space import Space

METHODS: Final = ("sobol", "lhs")
LONGEST: Final = 17  # log2 of the points of a sequence that are looked through
LOOKED_AT: Final = 16_384  # draws that a hypercube is chosen from; fewer for many points
WORK: Final = 1_000_000  # draws times points
MADE: Final = 4_096  # draws where each has to be made before it is known to pass
SWAPS: Final = 400  # tries of undoing a repetition


@dataclass(frozen=True)
class Filling:
    """Points ``(k, d)``; what each is, for its reason ("" where it is plainly what was asked for); notes."""

    points: Array
    meaning: str = ""
    notes: tuple[str, ...] = ()


def fill(
    space: Space, n: int, seed: int, method: str, tried: Array | None = None, admits: Test | None = None
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
        SpaceError: A constraint leaves nothing, or no allowed point turned up; names the constraint. Or there is no
            such method.
    """
    if method not in METHODS:
        raise SpaceError(
            f"method {method!r} fills no space{did_you_mean(method, METHODS)}; use 'sobol' or 'lhs' (a Latin "
            "hypercube), or sample_space for points at random"
        )
    taken = np.empty((0, len(space.parameters))) if tried is None else tried

    def every(x: Array) -> NDArray[np.bool_]:
        fits = np.ones(len(x), dtype=bool) if admits is None else admits(x).copy()
        fits[fits] = space.keeps(x[fits])
        return fits

    return (_sobol if method == "sobol" else _hypercube)(space, n, seed, taken, every)


def _sobol(space: Space, n: int, seed: int, tried: Array, admits: Test) -> Filling:
    """The first points of a scrambled sequence that are allowed; where those are too few, a hypercube instead."""
    from scipy.stats import qmc  # 1 s: only where a space is filled

    laid = [Laid.of(part) for part in _parts(space) if _is_thin(part)]
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
        x = x[space.holds(x) & admits(x) & ~is_among(x, tried)]
        found = different(np.vstack([found, x]))
    if len(found) >= n or not is_tied or _is_all(space, len(found) + len(tried)):
        meaning = "a point of a Sobol sequence laid over what the constraints leave" if is_tied else ""
        return Filling(found[:n], meaning)
    other = _hypercube(space, n, seed, tried, admits)
    note = f"only {len(found)} of {looked} points of a Sobol sequence were allowed, fewer than the {n} asked for; "
    return Filling(other.points, other.meaning, (note + "a Latin hypercube was made instead", *other.notes))


def _hypercube(space: Space, n: int, seed: int, tried: Array, admits: Test) -> Filling:
    """A Latin hypercube together with what was tried: exact where nothing ties the columns, else near one."""
    rng = np.random.default_rng(seed)
    x = _stretch(space, _latin(space, n, tried, rng))
    parts = _parts(space)
    chosen = [Choice.of(space, part.columns, Laid.of(part).drawn(_pool_size(n), rng), tried) for part in parts]
    for part, choice in zip(parts, chosen, strict=True):
        rows = choice.pick(n, part, rng)
        x = x[: len(rows)]  # all there are, where nothing else tells two apart
        x[:, list(part.columns)] = rows
    x = space.frame.canonical(x)
    blocks = [part.columns for part in parts]
    blocks += [(c,) for c in range(x.shape[1]) if not any(c in b for b in blocks)]
    x = _without_repeats(x, blocks, tried, rng)
    if not (fits := admits(x)).all():
        size = min(4 * _pool_size(n), MADE) if space.is_sieved else 4 * _pool_size(n)
        pool = _drawn_whole(space, parts, size, rng)
        pool = pool[admits(pool) & ~is_among(pool, tried)]
        if len(pool) < n:
            return Filling(x[fits], "", (f"too few points {_which(space)} turned up for a Latin hypercube",))
        every = tuple(range(x.shape[1]))
        chosen = [Choice.of(space, every, pool, tried)]
        x = chosen[0].pick(n, None, rng)
    elif not parts:
        return Filling(x, _continued("range", n + len(tried)) if len(tried) else "")
    what = "what the constraints leave" if fits.all() else f"what {_which(space).removeprefix('that ')}"
    total = n + len(tried)
    missed = [(space.names[c], miss) for choice in chosen for c, miss in choice.missed().items() if miss]
    if missed:
        listed = ", ".join(f"{name} {miss}" for name, miss in missed)
        note = f"no Latin hypercube of {what} was found, but nearly one; out of place are, of {n} points: {listed}"
        return Filling(x, f"one of a choice that meets every {_th(total)} of {what} as evenly as was found", (note,))
    if len(tried):
        return Filling(x, _continued(what, total))
    return Filling(x, f"a point of a Latin hypercube of {what}: every {_th(total)} of it once, parameter by parameter")


def _which(space: Space) -> str:
    return "that can be chosen" if space.has_products else "that can be paid for"


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
    return space.is_finite and n >= len(ProductPool(space))


def _is_thin(part: Part) -> bool:
    """Whether next to no point of a box keeps the constraints of a part: equalities, and counts of what is used."""
    return any(isinstance(c, Count) or (isinstance(c, Linear) and c.is_equality) for c in part.space.constraints)


def _latin(space: Space, n: int, tried: Array, rng: np.random.Generator) -> Array:
    """A hypercube of the unit cube, ``(n, d)``, in which parts that tried points hold are left to them."""
    from scipy.stats import qmc

    d = len(space.parameters)
    if not len(tried):
        return np.asarray(qmc.LatinHypercube(d, rng=rng).random(n))
    total = n + len(tried)
    unit = np.empty((n, d))
    middles = np.column_stack([stretched(p, (np.arange(total) + 0.5) / total) for p in space.parameters])
    middles, known = space.frame.on_scales(middles), space.frame.on_scales(tried)  # those rise with the part
    for column in range(d):
        held = np.zeros(total, dtype=bool)
        for value in rng.permutation(known[:, column]):
            near = np.argsort(np.abs(middles[:, column] - value) + held * 1e300, kind="stable")
            held[near[0]] = True
        free = np.flatnonzero(~held)
        unit[:, column] = (rng.permutation(free)[:n] + rng.random(n)) / total
    return unit


def _pool_size(n: int) -> int:
    return int(np.clip(WORK // max(n, 1), 2_048, LOOKED_AT))


def _drawn_whole(space: Space, parts: Sequence[Part], n: int, rng: np.random.Generator) -> Array:
    """Allowed points at random, ``(k, d)``, all different. Raises ``SpaceError`` where no point of a part turns up."""
    x = _stretch(space, rng.random((n, len(space.parameters))))
    for part in parts:
        rows = Laid.of(part).drawn(n, rng)
        x[:, list(part.columns)] = rows[np.arange(n) % len(rows)]
    x = different(space.frame.canonical(x))
    return np.asarray(x[space.holds(x)])


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
    return np.flatnonzero(again | is_among(x, tried))


def _stretch(space: Space, unit: Array) -> Array:
    return np.column_stack([stretched(p, unit[:, column]) for column, p in enumerate(space.parameters)])
