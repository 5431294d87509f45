"""Initial designs: the first experiments, before any model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loop.acquisition.streaming import POOL_LIMIT
from loop.costs import Pays, pays_all
from loop.design import CLASSICAL, Design, Wish, lay_out
from loop.errors import PoolExhausted
from loop.policy import leaving
from loop.policy.hottest import are_hot, hot_meanings, hottest, said, too_few
from loop.policy.narrowing import NOTHING, Narrowing
from loop.policy.seeking import LOOKED_AT, MEDOID_LOOKED_AT, SEEKERS, spread
from loop.space import PointPool, Pool, Space, sample_space
from loop.space.filling import fill
from loop.space.pool import LargePool
from loop.space.rows import different, is_among
from loop.space.sifting import first_that, firsts
from loop.space.temperatures import PART
from loop.spec.checks.designing import wish_of
from loop.spec.models import InitialSpec

CANDIDATES = 4_096  # untried points drawn at random
DRAWS = 8  # of them, where few can be paid for
FILLING = {"sobol": "Sobol sequence", "lhs": "Latin hypercube"}
EXHAUSTED = "every candidate was tried or is being tried; widen the space or end the campaign"


def initial_design(
    design: str,
    space: Space,
    pool: Pool | None,
    tried: NDArray[np.float64],
    n: int,
    *,
    seed: int,
    pays: Pays = pays_all,
    narrowing: Narrowing = NOTHING,
) -> NDArray[np.float64]:
    """Coordinates of up to ``n`` untried points, shape ``(k, d)``.

    Args:
        design: ``spread``, ``medoid``, ``sobol``, ``lhs`` or ``random``; a classical one (``loop.design``) as it is
            without blocks, for a linear model.
        space: The search space.
        pool: The finite candidate set, None for a space with continuous parameters.
        tried: Coordinates that are taken, shape ``(t, d)``; a spread keeps away from them.
        n: How many.
        seed: Decides every random choice.
        pays: Which candidates can be paid for.
        narrowing: Of which candidates a spread is.

    Raises:
        PoolExhausted: Nothing untried is left that can be paid for.
    """
    if design in CLASSICAL:
        points = _laid_out(Wish(design, n), space, pool, tried, seed, pays).points
    elif design in FILLING:
        points = _filled(design, space, pool, tried, n, seed, pays).points
    else:
        points = _sought(design, space, pool, tried, n, seed, pays, narrowing).points
    if not len(points):
        raise PoolExhausted(EXHAUSTED)
    return points


def first_experiments(
    initial: InitialSpec,
    space: Space,
    pool: Pool | None,
    tried: NDArray[np.float64],
    n: int,
    *,
    seed: int,
    pays: Pays,
    narrowing: Narrowing = NOTHING,
    copies: int = 1,
    refused: NDArray[np.float64] | None = None,
) -> Design:
    """Up to ``n`` points of the initial design that a campaign asks for, with blocks and notes.

    Untried ones, but for centre points and what an optimal design over ranges repeats.

    Of each point ``copies`` experiments are made; of centre points none at those ``refused``, shape ``(r, d)``.

    Raises:
        PoolExhausted: Nothing untried is left that can be paid for.
        SpaceError: There is no such design of this space.
    """
    if initial.design in CLASSICAL:
        found = _laid_out(wish_of(initial, n, copies), space, pool, tried, seed, pays, refused)
        if len(found.points):
            return found
        was = "was tried" if pays is pays_all else "was tried or is too dear"
        note = f"every point of the {initial.design} design {was}; the initial design goes on as a spread"
        points = initial_design("spread", space, pool, tried, n, seed=seed, pays=pays)
        return Design(points, None, (note,), ("spread",) * len(points))
    if initial.design in FILLING:
        found = _filled(initial.design, space, pool, tried, n, seed, pays)
    else:
        found = _sought(initial.design, space, pool, tried, n, seed, pays, narrowing)
    if not len(found.points):
        raise PoolExhausted(EXHAUSTED)
    return found


def _laid_out(
    wish: Wish,
    space: Space,
    pool: Pool | None,
    tried: NDArray[np.float64],
    seed: int,
    pays: Pays,
    refused: NDArray[np.float64] | None = None,
) -> Design:
    """A classical design of what can be paid for: an optimal one chooses among that, of a factorial points are missing.

    Raises:
        SpaceError: There is no such design of this space.
    """
    is_optimal = wish.design.endswith("-optimal")
    limit = (
        CANDIDATES if space.has_products else POOL_LIMIT
    )  # products are made, and of more some are left out afterwards
    if pays is not pays_all and is_optimal and pool is not None and len(pool) <= limit:
        x = pool.take(np.arange(len(pool), dtype=np.int64))
        if not (fits := pays(x)).all():
            pool = PointPool(x[fits])
    found = lay_out(wish, space, pool, tried, seed=seed, refused=refused)
    fits = pays(found.points)
    if fits.all():
        return found
    dear = len(fits) - int(fits.sum())
    why = "may not be chosen (filters, products that were tried, the budget)" if space.has_products else "cost too much"
    note = f"{dear} of {len(fits)} points of the {wish.design} design {why}; the rest is kept"
    return found.only(fits, note)


def _filled(
    design: str, space: Space, pool: Pool | None, tried: NDArray[np.float64], n: int, seed: int, pays: Pays
) -> Design:
    """A Sobol sequence or a Latin hypercube of what can be paid for; what is wanting of it is drawn at random."""
    found = fill(space, n, seed, design, tried, pays)
    points, notes = found.points, found.notes
    points = points[firsts(space, points)]
    laid = len(points)
    if len(points) < n:
        rng = np.random.default_rng([seed, 1])
        enough = 2 * n if space.has_products else CANDIDATES
        options = _untried_sample(space, pool, np.vstack([tried, points]), rng, pays, enough)
        both = np.vstack([points, options])
        others = both[firsts(space, both)][len(points) : n]
        points = np.vstack([points, others])
        if len(others):
            notes = (*notes, f"{len(others)} of {len(points)} points of the {design} design were drawn at random")
    at_random = f"drawn at random in the place of a point of a {FILLING[design]}, of which too few were found"
    meanings = [found.meaning] * laid + [at_random] * (len(points) - laid)
    return Design(points, None, notes, tuple(meanings))


def _sought(
    design: str,
    space: Space,
    pool: Pool | None,
    tried: NDArray[np.float64],
    n: int,
    seed: int,
    pays: Pays,
    narrowing: Narrowing,
) -> Design:
    """A choice among untried points that were drawn; a spread, of what ``narrowing`` leaves if that is enough."""
    rng = np.random.default_rng(seed)
    hot, out = (narrowing.hot, narrowing.out) if design == "spread" else (False, {})
    looked_at = {"spread": LOOKED_AT, "medoid": MEDOID_LOOKED_AT}.get(design, n)
    made = round(looked_at / PART) if hot else looked_at
    enough = max(made, n) if space.has_products else CANDIDATES  # no more are made than are looked at
    draw = _of_each_source if space.union is not None and design in SEEKERS else _untried_sample
    options = draw(space, pool, tried, rng, pays, enough)
    notes: tuple[str, ...] = ()
    meaning = ""
    if out:
        better = options[~leaving.has_any(options, out)]
        if len(better) >= n:
            options, notes, meaning = better, (leaving.said(space, out),), leaving.MEANING
        else:
            notes = (leaving.too_few(space, out, n),)
    if hot:
        kept = hottest(space, options, is_whole=pool is not None and len(pool) <= enough)
        if kept.sum() >= n:
            points = spread(space, options[kept], tried, n)
            notes = (said(space, are_hot(space, points)), *notes)
            return Design(points, notes=notes, meanings=hot_meanings(space, points))
        notes = (too_few(space, n), *notes)
    points = options[:n] if design == "random" else SEEKERS[design](space, options, tried, n)
    return Design(points, notes=notes, meanings=(meaning,) * len(points))


def _untried_sample(
    space: Space,
    pool: Pool | None,
    tried: NDArray[np.float64],
    rng: np.random.Generator,
    pays: Pays,
    enough: int,
) -> NDArray[np.float64]:
    """Up to ``enough`` untried points that can be paid for in random order, shape ``(k, d)``.

    Of a space too large to look through, more is drawn where few of a sample can be paid for. Of points with one
    product the first is kept.
    """
    found = np.empty((0, len(space.parameters)))
    for _ in range(1 if pays is pays_all else DRAWS):
        x = _drawn(space, pool, rng, enough if space.is_sieved else 2 * CANDIDATES)
        x = x[~is_among(x, tried) & ~is_among(x, found)]
        found = (
            _with_those_that_pass(space, found, x, enough, pays)
            if space.has_products
            else np.vstack([found, x[pays(x)]])
        )
        if len(found) >= min(LOOKED_AT, enough) or (pool is not None and len(pool) <= 4 * CANDIDATES):
            break
    return found[:enough]


def _with_those_that_pass(
    space: Space, found: NDArray[np.float64], x: NDArray[np.float64], enough: int, pays: Pays
) -> NDArray[np.float64]:
    """``found`` with those of ``x`` that may be chosen and give another product; no more are made than need be."""
    while len(found) < enough and len(index := first_that(x, enough - len(found), pays)):
        found = np.vstack([found, x[index]])
        found, x = found[firsts(space, found)], x[index[-1] + 1 :]
    return found


def _of_each_source(
    space: Space, pool: Pool | None, tried: NDArray[np.float64], rng: np.random.Generator, pays: Pays, enough: int
) -> NDArray[np.float64]:
    """The same of a union: as many candidates of each source, since a library is soon lost among products."""
    if space.union is None or pool is None or len(pool) <= 4 * CANDIDATES:
        return _untried_sample(space, pool, tried, rng, pays, enough)
    column, union = space.union
    beside = _drawn(space, pool, rng, enough)
    x = beside[rng.integers(0, len(beside), 2 * enough)]
    x[:, column] = union.drawn(len(x), rng)
    x = different(x[space.allows(x)])
    return _with_those_that_pass(space, np.empty((0, x.shape[1])), x[~is_among(x, tried)], enough, pays)


def _drawn(space: Space, pool: Pool | None, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Candidates in random order, all of them where they are few, else up to ``n``: shape ``(k, d)``."""
    if pool is None:
        pool = PointPool(sample_space(space, min(n, CANDIDATES), int(rng.integers(2**31))))
    if len(pool) <= 4 * CANDIDATES:
        x = pool.take(rng.permutation(len(pool)).astype(np.int64))
    elif len(pool) > POOL_LIMIT and isinstance(pool, LargePool):
        x = pool.sample(n, rng)
        x = x[rng.permutation(len(x))]
    else:
        x = pool.take(np.unique(rng.integers(0, len(pool), 2 * CANDIDATES, dtype=np.int64)))
        x = x[rng.permutation(len(x))]
    return x
