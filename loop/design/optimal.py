"""D- and I-optimal designs of a space: terms, candidates, exchange, and what is to be said of the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.design.candidates import candidates, drawn_from, reach, steps
from loop.design.centre import middles_of
from loop.design.exchange import GAIN, Criterion, Rows, assign_blocks, search
from loop.design.terms import Order, Terms, terms_of
from loop.space import Continuous, Pool, Space
from loop.space.rounding import rounded
from loop.wording import plural

STARTS: Final = (3, 20)  # the best of so many searches: few of a large design, many of a small one
EFFORT: Final = 6_000  # experiments times terms times starts
WORK: Final = 2e7  # candidates times the square of the terms, which one look at all candidates costs
FEWEST: Final = 300  # candidates, and
MOST: Final = 4_000
POLISHED: Final = 8  # passes over the rows in which continuous numbers move
DIRECTIONS: Final = 24  # towards other candidates, besides the axes, that a row may move along
WORTH: Final = 5e-3  # of the logarithm of the criterion: for less no number is an odd one
PARTS: Final = (1.0, 0.5, 0.2, 0.05)  # of the way to the edge
NEAR: Final = 0.05  # of a range: so near to an end or a middle, or to another experiment, a number is tried there


@dataclass(frozen=True)
class Optimal:
    """A design: coordinates ``(n, d)``, blocks ``(n,)`` from 0, its terms, and notes with its figures."""

    points: NDArray[np.float64]
    labels: NDArray[np.int64]
    terms: Terms
    notes: tuple[str, ...]


def term_count(space: Space, pool: Pool | None, order: Order) -> int:
    """How many terms a model has that the space's candidates can tell apart."""
    return len(terms_of(space, order, candidates(space, pool, MOST, 0)))


def optimal(
    kind: str,
    space: Space,
    pool: Pool | None,
    tried: NDArray[np.float64],
    n: int,
    *,
    order: Order,
    blocks: int,
    centre: NDArray[np.float64],
    seed: int,
) -> Optimal:
    """Up to ``n`` points that, with what was tried, teach most of a polynomial model.

    Of a finite candidate set each is untried and none comes twice; over ranges, points are made again where that
    teaches most.

    Args:
        kind: ``d-optimal`` (the smallest joint uncertainty of the model's terms) or ``i-optimal`` (the smallest
            mean variance of predictions over the space).
        space: The search space.
        pool: The finite candidate set, None where numbers are continuous.
        tried: Coordinates ``(t, d)`` of what the design adds to.
        n: How many; fewer come back where fewer are left.
        order: The model's terms.
        blocks: How many blocks of about equal size; 1 for none.
        centre: Coordinates ``(c, d)`` of centre points that are made beside them, of which none is one.
        seed: Decides where the search begins.
    """
    rng = np.random.default_rng([seed, 0x0D])
    before = len(tried)
    tried = np.vstack([tried, centre])
    levels, shares = 3 if order == "quadratic" else 2, 2 if order == "linear" else 3
    everything = candidates(space, pool, MOST, seed, levels, shares)
    terms = terms_of(space, order, everything)
    most = int(np.clip(WORK / len(terms) ** 2, max(FEWEST, 4 * n), MOST))
    free = everything[~is_row_of(everything, tried)]
    if len(free) > most:
        free = free[np.sort(rng.permutation(len(free))[:most])]
    n = min(n, len(free))
    if not n:
        return Optimal(free[:0], np.empty(0, dtype=np.int64), terms, ())
    region = _region(space, pool, seed)
    covered = terms.matrix(region)
    known = terms.matrix(tried)
    criterion = Criterion(known.T @ known, covered.T @ covered / len(covered) if kind == "i-optimal" else None)
    features = terms.matrix(free)
    starts = int(np.clip(EFFORT / (len(terms) * n), *STARTS))
    chosen, labels = search(features, criterion, n, min(blocks, n), rng, starts)
    points = free[chosen]
    if any(isinstance(p, Continuous) for p in space.parameters) and pool is None:
        sought = _Sought(space, terms, criterion, labels, min(blocks, n))
        points = _polished(sought, points, everything, centre, rng)
        points = _settled(sought, points, tried, centre)
        if blocks > 1:
            labels, _ = assign_blocks(terms.matrix(points), criterion, min(blocks, n), rng, STARTS[0])
    return Optimal(points, labels, terms, _figures(kind, terms, points, known, covered, before, len(centre)))


def _region(space: Space, pool: Pool | None, seed: int) -> NDArray[np.float64]:
    """Points drawn evenly over the space, for averages over it."""
    from loop.space import sample_space

    if pool is None:
        return sample_space(space, 1_000, seed, method="random")
    if len(pool) <= MOST:
        everything = pool.take(np.arange(len(pool), dtype=np.int64))
        return everything[space.keeps(everything)]
    return drawn_from(space, pool, MOST, np.random.default_rng([seed, 1]))


@dataclass(frozen=True)
class _Sought:
    """What a design is sought for: terms by a criterion, in so many blocks, of which each row's is in ``labels``."""

    space: Space
    terms: Terms
    criterion: Criterion
    labels: NDArray[np.int64]
    blocks: int

    def gains(self, points: NDArray[np.float64], i: int, offers: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the criterion gains when row ``i`` of ``points``, ``(n, d)``, becomes each of ``offers``: ``(k,)``."""
        rows = Rows(self.terms.matrix(points), self.criterion, np.arange(len(points)), self.labels, self.blocks)
        return rows.gains(i, self.terms.matrix(offers))


def _polished(
    sought: _Sought,
    points: NDArray[np.float64],
    others: NDArray[np.float64],
    centre: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Points ``(n, d)`` whose continuous numbers moved to where each serves best, but to no centre point.

    Along axes, between two of them and towards ``others``, ``(m, d)``, up to the edge.
    """
    space = sought.space
    span = np.array([p.high - p.low if isinstance(p, Continuous) else 0.0 for p in space.parameters])
    points = points.copy()
    for _ in range(POLISHED):
        moved = False
        for i in range(len(points)):
            directions = _directions(space, points[i], span, others, rng)
            if not len(directions):
                continue
            ends = reach(space, points[i], directions)
            offers = np.vstack([steps(space, points[i], directions, ends * part) for part in PARTS])
            offers = offers[space.holds(offers)]
            if not len(offers):
                continue
            gains = sought.gains(points, i, offers)
            gains[is_row_of(offers, centre)] = -np.inf
            best = int(gains.argmax())
            if gains[best] > 1e3 * GAIN:
                points[i], moved = offers[best], True
        if not moved:
            break
    return points


def _directions(
    space: Space,
    x: NDArray[np.float64],
    span: NDArray[np.float64],
    others: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Where the continuous numbers of ``x`` may move to: shape ``(k, d)``; none where it has none that is used."""
    is_free = _free(space, x[None, :])[0]
    if not is_free.any():
        return np.empty((0, len(x)))
    axes = np.diag(span)[is_free]
    i, j = np.triu_indices(len(axes), 1)  # and from one number into another, which keeps sums and fractions
    unit = (axes > 0) * span[is_free].min()
    towards = (others[rng.integers(0, len(others), DIRECTIONS)] - x) * is_free
    ways = np.vstack([axes, unit[i] - unit[j], towards[(towards != 0).any(axis=1)]])
    return np.vstack([ways, -ways])


def _free(space: Space, x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which numbers of rows ``x``, ``(n, d)``, are continuous and used, so that they may move: ``(n, d)``."""
    numbers = np.array([isinstance(p, Continuous) for p in space.parameters])
    or_zero = np.array([isinstance(p, Continuous) and p.or_zero for p in space.parameters])
    return np.asarray(numbers & space.frame.active(x) & ~((x == 0) & or_zero))


def _settled(
    sought: _Sought, points: NDArray[np.float64], tried: NDArray[np.float64], centre: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Points ``(n, d)`` in settable numbers, those near to ends and middles, or to another or a tried one, moved there.

    Where that costs next to nothing of the criterion.
    """
    space, free, found = sought.space, _free(sought.space, points), points.copy()
    place = space.frame.on_scales
    for i, row in enumerate(points):
        others = np.vstack([found[:i], tried, _at_levels(space, row, free[i]), found[i + 1 :]])
        off = np.abs(place(others) - place(row[None]))
        others = others[(off <= np.where(free[i], NEAR, 0.0)).all(axis=1) & ~is_row_of(others, centre)]
        others = others[space.holds(others)]
        worth = others[sought.gains(found, i, others) > -WORTH]
        if len(worth):
            found[i] = worth[0]
    different, of = np.unique(found + 0.0, axis=0, return_inverse=True)
    return rounded(space, different, np.vstack([tried, centre]))[of.ravel()]


def _at_levels(space: Space, row: NDArray[np.float64], free: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A row with its ``free`` numbers that are near an end or the middle of their scales there: shape ``(1, d)``."""
    found = row.copy()
    for column, (p, is_free) in enumerate(zip(space.parameters, free, strict=True)):
        if is_free and isinstance(p, Continuous):
            levels = np.array([p.low, *middles_of(p), p.high])
            off = np.abs(p.position(levels) - p.position(row[column]))
            if off.min() <= NEAR:
                found[column] = levels[int(off.argmin())]
    return found[None]


def _figures(
    kind: str,
    terms: Terms,
    points: NDArray[np.float64],
    known: NDArray[np.float64],
    covered: NDArray[np.float64],
    t: int,
    c: int,
) -> tuple[str, ...]:
    """What a person wants to know of the design, in sentences; ``t`` points were tried, ``c`` are centre points."""
    rows = np.vstack([known, terms.matrix(points)])
    notes = []
    counts = np.unique(points, axis=0, return_counts=True)[1]
    if (again := len(points) - len(counts)) > 0:
        which = "is a replicate of another" if again == 1 else "are replicates of others"
        notes.append(f"{again} of its points {which}, where experiments are best repeated, so that scatter shows")
    if terms.left_out:
        shown = ", ".join(terms.left_out[:5]) + (", …" if len(terms.left_out) > 5 else "")
        notes.append(f"terms that follow from the others everywhere in the space were left out: {shown}")
    p = len(terms)
    if np.linalg.matrix_rank(rows) < p:
        notes.append(
            f"{plural(len(rows), 'experiment')} cannot tell the {p} terms of the {terms.order} model apart; add more"
        )
        return tuple(notes)
    efficiency = efficiency_of(rows)
    variance = mean_variance(rows, covered)
    beside = [f"the {t} tried before"] * (t > 0) + [plural(c, "centre point")] * (c > 0)
    with_tried = f" (with {' and '.join(beside)})" if beside else ""
    notes.append(
        f"{kind} design{with_tried}: {plural(p, 'term')} of the {terms.order} model, D-efficiency "
        f"{100 * efficiency:.1f} % of an orthogonal design, mean variance of predictions {variance:.3g} times that of "
        "a measurement"
    )
    return tuple(notes)


def efficiency_of(rows: NDArray[np.float64]) -> float:
    """``|X'X|^(1/p) / n`` of a model matrix ``(n, p)``: 1 for an orthogonal design at the ends of every range."""
    n, p = rows.shape
    sign, log = np.linalg.slogdet(rows.T @ rows)
    return float(np.exp(log / p) / n) if sign > 0 else 0.0


def mean_variance(rows: NDArray[np.float64], covered: NDArray[np.float64]) -> float:
    """Mean over ``covered``, shape ``(m, p)``, of the variance of predictions, a measurement's being one."""
    inverse = np.linalg.inv(rows.T @ rows)
    return float(((covered @ inverse) * covered).sum(axis=1).mean())


def is_row_of(x: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows of ``x`` are a row of ``others``."""
    taken = {row.tobytes() for row in np.ascontiguousarray(others) + 0.0}
    return np.array([row.tobytes() in taken for row in np.ascontiguousarray(x) + 0.0], dtype=bool)
