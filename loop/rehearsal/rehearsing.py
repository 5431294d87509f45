"""Rehearsing: a campaign played many times, by its planner and by chance, and what came of it as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from loop.costs import Costs, Purse, Spent
from loop.errors import PlanError
from loop.fidelity import is_real
from loop.history import History
from loop.memory.earlier import Earlier
from loop.policy.paying import reason_to_end
from loop.progress import progress
from loop.rehearsal.playing import Play, play
from loop.rehearsal.standing import NONE, Measure
from loop.rehearsal.worlds import Truth, World
from loop.space import PointPool, Pool, Space
from loop.spec import CampaignSpec

MOST_STEPS = 12  # rows of the table that is told
QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where plays stand: the middle of them, and what 90 of 100 lie between; None where it is nothing yet."""

    low: float | None
    middle: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """Where plays stand after so many experiments, by the planner and by chance; the share that reached the goal, and
    what the middle one of the planned ones has spent, None where nothing costs anything."""

    experiments: int
    planned: Standing
    by_chance: Standing
    reached: float | None = None
    reached_by_chance: float | None = None
    spent: Spent | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """What the rules under ``stop`` would have done with the plays.

    Attributes:
        share: In which share of them one was met.
        after: Experiments until then, the middle of those.
        standing: What they had by then.
        missed: How much better the best of all candidates was then; None where these cannot be looked through.
    """

    share: float
    after: int | None
    standing: Standing
    missed: Standing | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of it.

    Attributes:
        measure: What plays are measured by, such as yield, with its ``unit``.
        steps: Where they stand, first before anything is played.
        batch: How many experiments were planned together, mostly.
        goal: What was to be reached, None where nothing was.
        needed: Experiments until half of the plays reach the goal, None where they do not; and so by chance.
        plays: How many of each kind.
        rounds: How many batches that takes, the last one begun among them; None where half of them do not reach it.
        paid: Money or hours, whichever is counted, with which half of the plays have reached the goal, and so by
            chance; None where they do not, or nothing costs anything.
        paid_in: The unit of it, such as EUR or h; "" where nothing costs anything.
        ending: What rules under ``stop`` would have done; None where there are none.
    """

    measure: str
    unit: str
    steps: tuple[Step, ...]
    plays: int
    batch: int
    goal: float | None = None
    needed: int | None = None
    needed_by_chance: int | None = None
    rounds: int | None = None
    paid: float | None = None
    paid_by_chance: float | None = None
    paid_in: str = ""
    ending: Ending | None = None


def rehearse(
    spec: CampaignSpec,
    space: Space,
    history: History,
    worlds: Callable[[int], World],
    measure: Measure,
    *,
    plays: int,
    experiments: int,
    seed: int,
    pool: Pool | None = None,
    earlier: Sequence[Earlier] = (),
    goal: float | None = None,
    costs: Costs | None = None,
    purse: Purse | None = None,
) -> Rehearsal:
    """Play a campaign so many times from a history on, each in a world of its own, and as often by chance.

    Args:
        spec: The campaign; its budget of experiments is not asked, and its rules under ``stop`` end no play.
        space: The spec's.
        history: What is known already, and pending.
        worlds: The world of each play by its number; asked twice for each, it gives the same one anew.
        measure: What plays are measured by.
        plays: How many of each kind.
        experiments: How many each has.
        seed: Decides every random choice.
        pool: Candidates to choose from; None for all of the space.
        earlier: Earlier campaigns that may tell something of this one.
        goal: What is to be reached, as it is told (``Measure.shown``).
        costs: What experiments cost, None where nothing does.
        purse: What each play may spend, beside what was spent before; None for as much as there is.
    """
    if plays < 1 or experiments < 1:
        raise PlanError(f"a rehearsal needs at least one play of one experiment, got {plays} of {experiments}")
    random = by_chance(spec)
    curves: dict[bool, list[NDArray[np.float64]]] = {False: [], True: []}
    bills: dict[bool, list[list[Spent]]] = {False: [], True: []}
    ends: tuple[int, ...] = ()
    settled: list[int | None] = []
    best: list[float] = []  # of all candidates, in each play's world
    for number in range(plays):
        for is_chance, by in ((False, spec), (True, random)):
            world = worlds(number)
            before = _before(world, history)
            done = play(
                by,
                space,
                world,
                history,
                seed=seed + 1_000_003 * number,
                experiments=experiments,
                pool=pool,
                earlier=() if is_chance else earlier,
                costs=costs,
                purse=purse,
            )
            bills[is_chance].append(_bill(done, experiments))
            if not is_chance and spec.stop:
                settled.append(done.settled)
                best += _best_of(measure, space, world, pool)
            curves[is_chance].append(_curve(measure, space, before, done, experiments))
            ends = ends if is_chance else max(ends, done.ends, key=lambda e: e[-1] if e else 0)
        progress("rehearsing", (number + 1) / plays)
    if not ends:
        if spent := reason_to_end(costs, purse):
            raise PlanError(f"{spent}; raise it in the campaign file to rehearse what more of it buys")
        raise PlanError("nothing is left to try; widen the space, or give a table with more candidates")
    planned, chance = np.array(curves[False]), np.array(curves[True])
    least = None if goal is None else measure.shown(goal)
    steps = [
        Step(
            k,
            _standing(measure, planned[:, k]),
            _standing(measure, chance[:, k]),
            None if least is None else float((planned[:, k] >= least).mean()),
            None if least is None else float((chance[:, k] >= least).mean()),
            None if costs is None else _middle([bill[k] for bill in bills[False]]),
        )
        for k in _told(ends)
    ]
    needed = (None, None) if least is None else (_needed(planned, least), _needed(chance, least))
    rounds = None if needed[0] is None else int(np.searchsorted(ends, needed[0])) + (needed[0] > 0)
    usual = _usual(np.diff((0, *ends)).tolist())
    rehearsal = Rehearsal(measure.name, measure.unit, tuple(steps), plays, usual, goal, *needed, rounds=rounds)
    if spec.stop:
        rehearsal = replace(rehearsal, ending=_ending(measure, planned, settled, best))
    if costs is None or least is None:
        return rehearsal
    paid = (_paid(planned, bills[False], least, costs), _paid(chance, bills[True], least, costs))
    return replace(rehearsal, paid=paid[0], paid_by_chance=paid[1], paid_in=costs.shown_unit)


def by_chance(spec: CampaignSpec) -> CampaignSpec:
    """The same campaign with every candidate drawn by lot, those of the first batch too."""
    initial = spec.planner.initial.model_copy(update={"design": "random", "hottest": False})
    planner = spec.planner.model_copy(update={"surrogate": "random", "initial": initial, "control": 0.0})
    return spec.model_copy(update={"planner": planner})


def _before(world: World, history: History) -> tuple[NDArray[np.float64], list[Truth]]:
    points = np.array([o.x for o in history.observations])
    return points, world.truth(points) if len(points) else []


def _curve(
    measure: Measure, space: Space, before: tuple[NDArray[np.float64], list[Truth]], done: Play, experiments: int
) -> NDArray[np.float64]:
    """The standing before the play and after each of its experiments, ``(experiments + 1,)``; one that ended early
    stays where it was. Cheap versions of the real thing count for nothing."""
    points, rows = before
    every = np.vstack([points.reshape(len(points), done.points.shape[1]), done.points])
    truths = [row if real else {} for row, real in zip([*rows, *done.truths], is_real(space, every), strict=True)]
    whole = measure.curve(every, truths)
    start = whole[len(rows) - 1] if len(rows) else (NONE if not (measure.is_hits or measure.is_front) else 0.0)
    curve = np.concatenate([[start], whole[len(rows) :]])
    return np.concatenate([curve, np.full(experiments + 1 - len(curve), curve[-1])])


def _bill(done: Play, experiments: int) -> list[Spent]:
    """What was spent before the play and after each of its experiments, ``experiments + 1`` of them; a play that ended
    early spends no more."""
    spent = [Spent(), *done.spent]
    return [*spent, *[spent[-1]] * (experiments + 1 - len(spent))]


def _middle(bills: Sequence[Spent]) -> Spent:
    """Of money and of hours, the middle of the plays'."""
    costs, hours = ([getattr(spent, what) for spent in bills] for what in ("cost", "hours"))
    cost, hours_ = (float(np.quantile(each, 0.5, method="inverted_cdf")) for each in (costs, hours))
    return Spent(cost, hours_)


def _paid(curves: NDArray[np.float64], bills: Sequence[Sequence[Spent]], least: float, costs: Costs) -> float | None:
    """With how much spent half of the plays have reached it, in money, or hours where nothing costs money."""
    found = []
    for curve, bill in zip(curves, bills, strict=True):
        reached = np.flatnonzero(curve >= least)
        spent = bill[int(reached[0])] if len(reached) else Spent(np.inf, np.inf)
        found.append(spent.cost if costs.has_money else spent.hours)
    middle = float(np.quantile(found, 0.5, method="inverted_cdf"))
    return middle if np.isfinite(middle) else None


def _best_of(measure: Measure, space: Space, world: World, pool: Pool | None) -> list[float]:
    """The standing of the best of all candidates of a table, in one play's world; none where there is no one best."""
    if not isinstance(pool, PointPool) or measure.is_hits or measure.is_front:
        return []
    real = pool.points[is_real(space, pool.points)]
    return [max((measure.score(row) for row in world.truth(real)), default=NONE)]


def _ending(
    measure: Measure, curves: NDArray[np.float64], settled: Sequence[int | None], best: Sequence[float]
) -> Ending:
    """What the rules would have done with plays whose standings are ``curves``, ``(plays, experiments + 1)``."""
    ended = [(i, k) for i, k in enumerate(settled) if k is not None]
    if not ended:
        return Ending(0.0, None, Standing(None, None, None))
    then = np.array([curves[i, k] for i, k in ended])
    after = int(np.quantile([k for _, k in ended], 0.5, method="inverted_cdf"))
    missed = None
    if best and np.isfinite(then).all():
        left = np.quantile([best[i] for i, _ in ended] - then, QUANTILES, method="inverted_cdf")
        missed = Standing(*(max(float(v), 0.0) for v in left))
    return Ending(len(ended) / len(settled), after, _standing(measure, then), missed)


def _told(ends: Sequence[int]) -> list[int]:
    """After how many experiments it is told: at the ends of batches, some of them where there are many."""
    every = [0, *ends]
    if len(every) <= MOST_STEPS:
        return every
    places = np.unique(np.linspace(0, len(every) - 1, MOST_STEPS).round().astype(int))
    return [every[i] for i in places]


def _standing(measure: Measure, values: NDArray[np.float64]) -> Standing:
    found = [float(v) for v in np.quantile(values, QUANTILES, method="inverted_cdf")]
    told = [None if v == NONE else measure.shown(v) for v in found]
    low, middle, high = told if measure.shown(1.0) > 0 else reversed(told)
    return Standing(low, middle, high)


def _usual(sizes: Sequence[int]) -> int:
    """How large most batches are: the first, and what is left at the end, may be others."""
    return Counter(sizes[1:-1] or sizes).most_common(1)[0][0]


def _needed(curves: NDArray[np.float64], least: float) -> int | None:
    """After how many experiments half of the plays have reached it; None where fewer ever do."""
    share = (curves >= least).mean(axis=0)
    reached = np.flatnonzero(share >= 0.5)
    return int(reached[0]) if len(reached) else None
