"""The first experiments as the initial design has them, chosen among what a budget in money or hours pays for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from loop.acquisition.protocol import Purchase
from loop.acquisition.streaming import POOL_LIMIT
from loop.costs import Costs, Pays, Purse, Spent, pays_all
from loop.design import CLASSICAL, Design
from loop.errors import PoolExhausted, SpaceError
from loop.fidelity import fidelity_column, is_real
from loop.planning.pick import Pick
from loop.planning.situation import Situation
from loop.planning.versions import each_version
from loop.policy import leaving
from loop.policy.hottest import begins_hot, harmful, heat_harms
from loop.policy.initial import first_experiments, initial_design
from loop.policy.narrowing import NOTHING, Narrowing
from loop.policy.paying import covered, said
from loop.policy.run_order import run_order, within
from loop.record import Arm
from loop.space import Category, Component, Ordinal

ROUNDS = 4  # of looking for cheaper candidates in the place of those that the budget does not cover together
NAMED = 4  # options that a note names
CHEAPER = "a cheaper candidate in the place of one of the design, which would take too much of the budget"
NAMED_FIRST = "comes first, as the campaign file asks"
NOT_COVERED = "the budget does not cover the design"
OF_BUDGET = 0.5  # of what the budget leaves, which a design may take


def by_design(s: Situation) -> tuple[list[Pick], list[str]]:
    """What the initial design asks for next, and notes on what was not as asked, and on what cannot be paid for.

    Raises:
        PoolExhausted: Nothing untried is left.
    """
    named = s.first_left[: s.wanted]
    picks = [Pick(row, Arm.INITIAL, "", None, NAMED_FIRST, is_named=True) for row in named]
    if not len(named):
        return _by_design(s)
    rest = s.having([*named])
    if rest.initial_left <= 0 or len(named) == s.wanted:
        return picks, []
    more, notes = _by_design(rest)
    return [*picks, *more], notes


def _by_design(s: Situation) -> tuple[list[Pick], list[str]]:
    """The same of what no file names.

    Raises:
        PoolExhausted: Nothing untried is left.
    """
    size = s.wanted
    initial, notes = s.spec.planner.initial, left_out(s)
    narrowing = narrowing_of(s)
    if narrowing.hot and heat_harms(initial, s.objective, s.space, s.table):
        narrowing = replace(narrowing, hot=False)
        notes.append(harmful(s.space))
    if narrowing.out and leaving.speaks_against(initial, s.objective, s.table, narrowing.out):
        notes.append(leaving.harmful(s.space, narrowing.out))
        narrowing = replace(narrowing, out={})
    design = initial.design
    try:
        laid = _first(s, size, narrowing)
    except SpaceError as error:
        if s.pool is None:
            raise
        notes.append(f"design {design!r} found no allowed point ({error}); drawn at random instead")
        design = "random"
        laid = Design(payable_design(design, s, s.tried, size, s.seed))
    blocks = [0] * len(laid.points) if laid.blocks is None else laid.blocks.tolist()
    notes += laid.notes
    x = laid.points
    if design not in CLASSICAL:
        x, is_half = _together(s, x, design, narrowing)
        if exchanged := len(x) - sum((laid.points == row).all(axis=1).any() for row in x):
            why = "the design would take more than half of what the budget leaves" if is_half else NOT_COVERED
            notes.append(f"{why}: cheaper candidates stand in the place of {exchanged} of its {len(laid.points)}")
        if len(x) < len(laid.points):
            assert s.purchase is not None
            left = f"the budget leaves {said(s.purchase.purse, s.purchase.costs)}"
            pays = "half of which, for a first design, pays" if is_half else "which pays"
            notes.append(f"{left}, {pays} for {len(x)} of {len(laid.points)} proposals")
        blocks = [0] * len(x)
    meanings = [meaning or design for meaning in laid.meanings or [""] * len(laid.points)]
    if x is not laid.points:  # some of it is cheaper candidates, and no candidate comes twice
        known = {row.tobytes(): meaning for row, meaning in zip(laid.points, meanings, strict=True)}
        meanings = [known.get(row.tobytes(), CHEAPER) for row in x]
    centre = [False] * len(x) if laid.centre is None else laid.centre.tolist()
    picks = [
        Pick(row, Arm.INITIAL, "", None, meaning, block=b, is_centre=c)
        for row, meaning, b, c in zip(x, meanings, blocks, centre, strict=True)
    ]
    picks, unplaced = each_version(s, picks)
    return picks, [*notes, *unplaced]


def narrowing_of(s: Situation) -> Narrowing:
    """What the first experiments are still to be; nothing once the design has ended, and nothing came of it."""
    if s.initial_left <= 0 and len(s.tried):
        return NOTHING
    initial = s.spec.planner.initial
    return Narrowing(
        begins_hot(initial, s.objective, s.space),
        leaving.begins_with_the_best(initial, s.objective, s.space, s.general),
    )


def payable_design(
    design: str,
    s: Situation,
    taken: NDArray[np.float64],
    n: int,
    seed: int,
    *,
    narrowing: Narrowing = NOTHING,
) -> NDArray[np.float64]:
    """Up to ``n`` points of a design that can be paid for, none of them ``taken``; any where none can be: ``(k, d)``.

    Raises:
        PoolExhausted: Nothing untried is left.
    """
    try:
        return initial_design(design, s.space, s.pool, taken, n, seed=seed, pays=s.admits(taken), narrowing=narrowing)
    except PoolExhausted:  # whoever reckons up the batch says what is wanting
        may = s.admits(taken, pays_all)
        return initial_design(design, s.space, s.pool, taken, n, seed=seed, pays=may, narrowing=narrowing)


def payable_controls(s: Situation, taken: NDArray[np.float64], n: int, seed: int) -> NDArray[np.float64]:
    """Up to ``n`` points at random, of versions the real thing, in which alone a gain is told: ``(k, d)``.

    Raises:
        PoolExhausted: Nothing untried is left.
    """
    if fidelity_column(s.space) is None:
        return payable_design("random", s, taken, n, seed)
    may = s.admits(taken)
    return initial_design("random", s.space, s.pool, taken, n, seed=seed, pays=lambda x: is_real(s.space, x) & may(x))


def payable_at_random(s: Situation, n: int) -> NDArray[np.float64]:
    """What a campaign at random, which others are held against, has next: ``(k, d)``.

    Of versions the real thing, which alone counts; any where none of that is left that can be paid for.

    Raises:
        PoolExhausted: Nothing untried is left.
    """
    try:
        return payable_controls(s, s.tried, n, s.seed)
    except PoolExhausted:
        return payable_design("random", s, s.tried, n, s.seed)


def left_out(s: Situation) -> list[str]:
    """Notes on candidates that cost more by themselves than the budget leaves; none where all can be paid for."""
    if s.purchase is None or s.pays_of_budget is pays_all or s.pool is None or len(s.pool) > POOL_LIMIT:
        return []
    costs = s.purchase.costs
    x = s.pool.take(np.arange(len(s.pool), dtype=np.int64))
    fits = s.pays_of_budget(x)
    if fits.all() or not fits.any():
        return []
    dear = []
    by_amount = (a.column for a in costs.amounts if a.column is not None)
    for column in dict.fromkeys((*(c for c, _ in (*costs.options, *costs.option_hours)), *by_amount)):
        p = s.space.parameters[column]
        if isinstance(p, Category | Component | Ordinal):
            gone = np.setdiff1d(x[~fits, column], x[fits, column])
            dear += [f"{p.name} {p.value(code)}" for code in gone if code < p.size]
    named = ", ".join(dear[:NAMED]) + (f" and {len(dear) - NAMED} more" if len(dear) > NAMED else "")
    which = f", all with {named} among them" if dear else ""
    left = said(s.purchase.purse, costs)
    return [
        f"left out of the initial design: {len(x) - int(fits.sum())} of {len(x)} candidates{which}, which cost more "
        f"than the budget leaves ({left})"
    ]


def _first(s: Situation, n: int, narrowing: Narrowing) -> Design:
    initial = s.spec.planner.initial
    if s.is_random and initial.design == "random" and fidelity_column(s.space) is not None:
        return Design(payable_at_random(s, n))

    def laid_out(pays: Pays) -> Design:
        return first_experiments(
            initial,
            s.space,
            s.pool,
            s.tried,
            n,
            seed=s.seed,
            pays=pays,
            narrowing=narrowing,
            copies=s.spec.planner.copies,
            refused=s.refused,
        )

    try:
        return laid_out(s.admits(s.tried))
    except PoolExhausted:
        return laid_out(s.admits(s.tried, pays_all))


def _together(
    s: Situation, x: NDArray[np.float64], design: str, narrowing: Narrowing
) -> tuple[NDArray[np.float64], bool]:
    """The points of a design, ``(n, d)``, that its share of the budget covers together, then cheaper ones in the place
    of others; and whether that share is half of what the budget leaves.

    Where it covers none, all of them.
    """
    if s.purchase is None or s.purchase.purse == Purse():
        return x, False
    costs, whole, last = s.purchase.costs, s.purchase.purse, s.purchase.last
    n, copies = len(x), s.replicates
    purse = _share(s.purchase, n * copies)
    kept = covered(x, costs, purse, last, replicates=copies, seed=s.seed)
    if not kept and purse != whole:
        purse = whole
        kept = covered(x, costs, purse, last, replicates=copies, seed=s.seed)
    if not kept or len(kept) == n:
        return x, False
    chosen, dropped = x[kept], np.delete(x, kept, axis=0)
    for turn in range(1, ROUNDS + 1):
        order = within(chosen, run_order(chosen, costs, last, seed=s.seed))
        rest = purse.less(costs.spent(np.repeat(order, copies, axis=0), last))
        there = costs.having(chosen)

        def pays(rows: NDArray[np.float64], rest: Purse = rest, there: Costs = there) -> NDArray[np.bool_]:
            return rest.has(*there.each(rows, None, copies))

        taken = np.vstack([s.tried, chosen, dropped])
        try:
            may = s.admits(taken, pays)
            more = initial_design(
                design, s.space, s.pool, taken, n - len(chosen), seed=s.seed + turn, pays=may, narrowing=narrowing
            )
        except PoolExhausted:
            break
        both = np.vstack([chosen, more])
        kept = covered(both, costs, purse, last, replicates=copies, seed=s.seed)
        dropped = np.vstack([dropped, np.delete(both, kept, axis=0)])
        chosen = both[kept]
        if len(chosen) == n:
            break
    return chosen, purse != whole


def _share(purchase: Purchase, experiments: int) -> Purse:
    """What a design of so many experiments may cost: half of what the budget leaves; models choose with the rest.

    All of it where even the cheapest would take more than half (docs/decisions/0153).
    """
    half, least = purchase.purse.part(OF_BUDGET), purchase.costs.cheapest()
    cheapest = Spent(experiments * least.cost, experiments * least.hours)
    return half if cheapest.fits(half) else purchase.purse
