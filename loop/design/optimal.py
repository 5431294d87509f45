"""D- and I-optimal designs of a space: terms, candidates, exchange, and what is to be said of the result."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.design.candidates import candidates, drawn_from, reach, steps
from loop.design.exchange import GAIN, Criterion, Rows, assign_blocks, search
from loop.design.terms import Order, Terms, terms_of
from loop.space import Continuous, Pool, Space
from loop.wording import plural

STARTS: Final = (3, 20)  # the best of so many searches: few of a large design, many of a small one
EFFORT: Final = 6_000  # experiments times terms times starts
WORK: Final = 2e7  # candidates times the square of the terms, which one look at all candidates costs
FEWEST: Final = 300  # candidates, and
MOST: Final = 4_000
POLISHED: Final = 8  # passes over the rows in which continuous numbers move
DIRECTIONS: Final = 24  # towards other candidates, besides the axes, that a row may move along
ROUNDED: Final = 8  # continuous numbers of a row, each up or down
ALIKE: Final = 9  # digits of a share of its range: numbers that differ by less are one
GRAIN: Final = 1e-4  # of a range: what continuous numbers are rounded to, where that is allowed
CLEAN: Final = 8  # decimal places more than that


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
    """Up to ``n`` untried points that, with what was tried, teach most of a polynomial model.

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
    everything = candidates(space, pool, MOST, seed, 3 if order == "quadratic" else 2)
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
        points = _polish(space, terms, criterion, points, labels, min(blocks, n), everything, tried, rng)
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


def _polish(
    space: Space,
    terms: Terms,
    criterion: Criterion,
    points: NDArray[np.float64],
    labels: NDArray[np.int64],
    blocks: int,
    others: NDArray[np.float64],
    tried: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Move continuous numbers of each row to where it serves best: along axes, between two
    of them and towards others, up to the edge."""
    span = np.array([p.high - p.low if isinstance(p, Continuous) else 0.0 for p in space.parameters])
    points = points.copy()
    for _ in range(POLISHED):
        moved = False
        for i in range(len(points)):
            directions = _directions(space, points[i], span, others, rng)
            if not len(directions):
                continue
            ends = reach(space, points[i], directions)
            offers = np.vstack([steps(space, points[i], directions, ends * part) for part in (1.0, 0.5)])
            offers = offers[space.holds(offers)]
            if not len(offers):
                continue
            rows = Rows(terms.matrix(points), criterion, np.arange(len(points)), labels, blocks)
            gains = rows.gains(i, terms.matrix(offers))
            gains[is_row_of(offers, np.vstack([points, tried]))] = -np.inf
            best = int(gains.argmax())
            if gains[best] > 1e3 * GAIN:
                points[i], moved = offers[best], True
        if not moved:
            break
    return _rounded(space, points, tried)


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


def _rounded(space: Space, x: NDArray[np.float64], tried: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows ``x``, ``(n, d)``, with continuous numbers in steps of a ten-thousandth of their range, up or down as is
    allowed; on a logarithmic scale with so many digits.

    Where experiments are best repeated, rows end a rounding apart: each takes the nearest steps that no other has.
    """
    rounded, free, place = x.copy(), _free(space, x), space.frame.on_scales
    for i, row in enumerate(x):
        columns = np.flatnonzero(free[i])[:ROUNDED]
        scales = [p for c in columns if isinstance(p := space.parameters[c], Continuous)]
        inner = [k for k, (c, p) in enumerate(zip(columns, scales, strict=True)) if p.low < row[c] < p.high]
        others = np.round(place(np.vstack([tried, rounded[:i], x[i + 1 :]])), ALIKE)
        if not inner and not is_row_of(np.round(place(row[None]), ALIKE), others)[0]:
            continue
        for numbers in _near(row[columns], scales, inner, len(x)):
            near = np.repeat(row[None], len(numbers), axis=0)
            near[:, columns] = numbers
            near = near[space.holds(near)]
            places = place(near)
            is_new = ~is_row_of(np.round(places, ALIKE), others)
            if is_new.any():
                off = (places[is_new] - place(row[None])) ** 2
                rounded[i] = near[is_new][off.sum(axis=1).argmin()]
                break
    return rounded


def _near(
    row: NDArray[np.float64], scales: Sequence[Continuous], inner: Sequence[int], rows: int
) -> Iterator[NDArray[np.float64]]:
    """Numbers near those of a row, each ``(k, numbers)``: on the steps around those ``inner``, or one of all numbers as
    many steps away as there are rows; then from where the row is, one number against another, which keeps sums."""
    is_log = np.array([p.scale == "log" for p in scales])
    digits = np.floor(np.log10(np.abs(row), where=is_log, out=np.zeros_like(row)))
    grain = np.where(is_log, GRAIN * 10.0 ** (digits + 1), GRAIN * np.array([p.high - p.low for p in scales]))
    low = np.where(is_log, 0.0, np.array([p.low for p in scales]))
    places = CLEAN - np.floor(np.log10(grain)).astype(int)  # which rounding leaves behind
    below = row.copy()
    below[inner] = (low + np.floor((row - low) / grain + 1e-6) * grain)[inner]
    around = np.zeros((2 ** len(inner), len(row)))
    around[:, inner] = list(itertools.product((0.0, 1.0), repeat=len(inner)))
    far = np.arange(1.0, rows + 1)[:, None]
    alone = np.vstack([np.diag(grain), -np.diag(grain)])
    yield _clean(below + np.vstack([around * grain, np.kron(far, alone)]), places)
    even = np.diag(np.full(len(row), float(grain.min(initial=1.0))))
    against = [even[i] - even[j] for i, j in itertools.permutations(range(len(row)), 2)]
    if against:
        yield _clean(row + np.kron(far, np.array(against)), places)


def _clean(numbers: NDArray[np.float64], places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Numbers ``(k, numbers)`` to so many decimal places each, without what sums leave behind."""
    cleaned = numbers.copy()
    for column, n in enumerate(places.tolist()):
        cleaned[:, column] = np.round(numbers[:, column], n)
    return cleaned


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
