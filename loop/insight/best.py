"""Honest best: the candidate believed best given noise and constraints, not the luckiest measurement.

The highest of many noisy values is too high, and its candidate often not the best. So candidates are ranked by what
the models believe of them, with an interval, and with the chance that each is truly the best: the share of joint
draws of the response in which it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np
import torch
from torch import Tensor

from loop.acquisition.improvement import improvement_score
from loop.acquisition.pareto import trade_offs
from loop.acquisition.protocol import Question
from loop.acquisition.streaming import POOL_LIMIT, shortlist
from loop.acquisition.utility import utility
from loop.belief import Belief, learn
from loop.errors import FitError, TooFewPoints
from loop.history import History, regression_table
from loop.insight.tried import Tried, tried_candidates
from loop.objective import Objective, Target
from loop.record import Settings
from loop.space import Pool, ProductPool, Space
from loop.spec import CampaignSpec, build_objective, build_space
from loop.surrogates.protocol import FittedSurrogate

LEVEL = 0.9  # of the intervals
DRAWS = 4_096  # of the response: a chance of one half is known to 0.008
RIVALS = 1_000  # untried candidates that are drawn jointly with the tried ones
FRONT_DRAWS = 512  # with several targets, where each draw has a front of its own to be found: known to 0.02


@dataclass(frozen=True, slots=True)
class Stated:
    """What is believed of one target at one candidate, and what was measured there, in the target's unit."""

    target: str
    unit: str
    mean: float
    low: float | None  # of the interval; None without a model where there is one value only
    high: float | None
    values: tuple[float, ...]  # as measured, in the order of the record
    limits: tuple[str, ...] = ()  # readings that are limits, such as "< 5"


@dataclass(frozen=True, slots=True)
class Believed:
    """One tried candidate.

    Attributes:
        experiments: How often it ran as intended.
        faults: Faults that say something of the candidate.
        keeps: The chance that it runs as intended and keeps every threshold.
        best_of_tried: The chance that it is truly the best of the tried (with several targets: on their true front).
        best_of_all: The same among all candidates; None where that cannot be said.
    """

    settings: Settings
    label: str
    targets: tuple[Stated, ...]
    experiments: int
    faults: int
    keeps: float | None
    best_of_tried: float | None
    best_of_all: float | None


@dataclass(frozen=True, slots=True)
class Luckiest:
    """The best single value of a target, and whether its candidate is another than the one believed best."""

    target: str
    unit: str
    value: float
    label: str
    is_another: bool


@dataclass(frozen=True, slots=True)
class HonestBest:
    """The believed best, or the believed front, and the other tried candidates behind.

    Attributes:
        model: The surrogate's name, "" where none could be fitted.
        candidates: Every tried candidate that can be ranked, best first.
        front: How many of the first are recommended: one, or as many as the believed front has.
        untried: How many untried candidates ``best_of_all`` was held against.
        is_bound: Whether there are more of them, so that ``best_of_all`` is what it is at most.
    """

    model: str
    candidates: tuple[Believed, ...]
    front: int
    luckiest: tuple[Luckiest, ...] = ()
    level: float = LEVEL
    untried: int = 0
    is_bound: bool = False
    notes: tuple[str, ...] = field(default=())
    is_front: bool = False  # several targets without a trade-off, so that no single candidate is best


def honest_best(spec: CampaignSpec, history: History, pool: Pool | None = None, *, seed: int) -> HonestBest:
    """What a campaign believes to be best, from everything observed; the same arguments give the same answer.

    Args:
        spec: A resolved spec.
        history: What was observed.
        pool: All candidates; None for all of the space.
        seed: Decides the fit and the draws.
    """
    space, objective = build_space(spec), build_objective(spec)
    if pool is None and space.is_finite:
        pool = ProductPool(space)
    if spec.planner.surrogate == "random":
        return _raw(space, objective, history, "the campaign uses no model (surrogate random)")
    table, _ = regression_table(space, objective, history)
    try:
        belief = learn(spec, space, objective, history, table, seed=seed)
    except (TooFewPoints, FitError) as error:
        return _raw(space, objective, history, f"no model could be fitted ({error})")
    return best_of_belief(space, objective, history, belief, pool, seed=seed)


def best_of_belief(
    space: Space, objective: Objective, history: History, belief: Belief, pool: Pool | None, *, seed: int
) -> HonestBest:
    """The same, of a belief that was learnt already; without ``pool`` nothing is said of untried candidates."""
    tried = tried_candidates(space, objective, history)
    if not tried:
        return HonestBest(belief.models[0].name, (), 0, notes=("no candidate has a value for every target yet",))
    with torch.no_grad():
        x = torch.from_numpy(np.array([t.x for t in tried]))
        rivals, is_bound, notes = _rivals(space, objective, history, belief, pool, x, seed)
        everything = torch.cat([x, rivals])
        n_draws = DRAWS if objective.is_scalar else FRONT_DRAWS
        draws = torch.stack(
            [m.samples(everything, n_draws, seed=seed + 31 * i) for i, m in enumerate(belief.models)], dim=-1
        )
        stands = _stands(objective, draws, _runs(tried, belief, rivals), seed)
        n = len(tried)
        among = _shares(objective, draws[:, :n], stands[:, :n])
        over_all = _shares(objective, draws, stands)[:n] if pool is not None and not notes else None
        moments = [m.moments(x) for m in belief.models]
        intervals = [_interval(m, x, draws[:, :n, i]) for i, m in enumerate(belief.models)]
    means = torch.stack([m[0] for m in moments], dim=1)
    keeps = stands[:, :n].double().mean(0)
    order, front = _ranked(objective, means, keeps, among)
    believed = tuple(
        Believed(
            settings=tried[k].settings,
            label=space.label(tried[k].settings),
            targets=tuple(
                _stated(t, float(means[k, i]), (float(intervals[i][0][k]), float(intervals[i][1][k])), tried[k])
                for i, t in enumerate(objective.targets)
            ),
            experiments=tried[k].experiments,
            faults=tried[k].faults,
            keeps=float(keeps[k]),
            best_of_tried=float(among[k]),
            best_of_all=None if over_all is None else float(over_all[k]),
        )
        for k in order
    )
    if float(keeps[order[0]]) < 0.5:
        bounds = "runs as intended" if not _has_thresholds(objective) else "keeps the thresholds"
        notes = (*notes, f"no tried candidate is believed more likely than not to be one that {bounds}")
    lucky = _luckiest(objective, believed, front)
    return HonestBest(
        belief.models[0].name, believed, front, lucky, LEVEL, len(rivals), is_bound, notes, not objective.is_scalar
    )


def _raw(space: Space, objective: Objective, history: History, why: str) -> HonestBest:
    """Without a model: means of what was measured, and their spread."""
    tried = [t for t in tried_candidates(space, objective, history) if t.has_values]
    note = f"{why}: means of the measured values, which favour the lucky, and no chances"
    if not tried:
        return HonestBest("", (), 0, notes=(note, "no candidate has a value for every target yet"))
    means = torch.tensor([[float(np.mean(t.values[n])) for n in objective.names] for t in tried], dtype=torch.float64)
    keeps = torch.tensor([float(_meets(objective, row)) for row in means.tolist()], dtype=torch.float64)
    order, front = _ranked(objective, means, keeps, torch.zeros(len(tried), dtype=torch.float64))
    believed = tuple(
        Believed(
            settings=tried[k].settings,
            label=space.label(tried[k].settings),
            targets=tuple(
                _stated(t, float(means[k, i]), _spread(tried[k].values[t.name]), tried[k])
                for i, t in enumerate(objective.targets)
            ),
            experiments=tried[k].experiments,
            faults=tried[k].faults,
            keeps=None,
            best_of_tried=None,
            best_of_all=None,
        )
        for k in order
    )
    lucky = _luckiest(objective, believed, front)
    return HonestBest("", believed, front, lucky, notes=(note,), is_front=not objective.is_scalar)


def _spread(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Smallest and largest of several values; nothing of a single one."""
    return (min(values), max(values)) if len(values) > 1 else (None, None)


def _stated(target: Target, mean: float, interval: tuple[float | None, float | None], tried: Tried) -> Stated:
    """What is said of one target; a model may believe what cannot be, such as a yield of 101 %, which is not said."""
    low, high = interval
    values, limits = tried.values[target.name], tried.limits[target.name]
    return Stated(
        target.name, target.unit, _clip(target, mean), _clip(target, low), _clip(target, high), values, limits
    )


@overload
def _clip(target: Target, value: float) -> float: ...
@overload
def _clip(target: Target, value: None) -> None: ...
@overload
def _clip(target: Target, value: float | None) -> float | None: ...
def _clip(target: Target, value: float | None) -> float | None:
    if value is None:
        return None
    low = value if target.low is None else max(value, target.low)
    return low if target.high is None else min(low, target.high)


def _interval(model: FittedSurrogate, x: Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
    """The central interval of the belief at each point, shapes ``(n,)``: quantiles of the draws.

    Draws of a committee come from its members, so members that disagree make it wide, or skewed.
    """
    tail = (1.0 - LEVEL) / 2.0
    found = torch.quantile(draws, torch.tensor([tail, 1.0 - tail], dtype=draws.dtype), dim=0)
    mean = model.moments(x)[0]  # a skewed mixture's mean may lie at the edge; draws are finitely many
    return torch.minimum(found[0], mean), torch.maximum(found[1], mean)


def _rivals(
    space: Space,
    objective: Objective,
    history: History,
    belief: Belief,
    pool: Pool | None,
    tried: Tensor,
    seed: int,
) -> tuple[Tensor, bool, tuple[str, ...]]:
    """Untried candidates that may be better, shape ``(k, d)``; whether there are more; why there is no saying."""
    nobody = torch.empty((0, tried.shape[1]), dtype=tried.dtype)
    if pool is None:
        return nobody, False, ()
    if len(pool) > POOL_LIMIT:
        return nobody, False, (f"with {len(pool)} candidates no chance among all of them is given",)
    question = Question(
        space=space,
        objective=objective,
        models=belief.models,
        feasibility=belief.feasibility,
        pool=pool,
        observed=tried,
        pending=nobody,
        tried=history.tried(tried.shape[1]),
        seed=seed,
    )
    if objective.is_scalar:
        rivals = shortlist(question, improvement_score(question), RIVALS)
    else:
        rivals = trade_offs(question, RIVALS // 2)
    return rivals, len(rivals) < len(pool) - len(tried), ()


def _runs(tried: Sequence[Tried], belief: Belief, rivals: Tensor) -> Tensor:
    """The chance that each runs as intended, shape ``(n + k,)``: as it went for the tried, as learnt for the rest."""
    went = torch.tensor([t.experiments / (t.experiments + t.faults) for t in tried], dtype=rivals.dtype)
    return torch.cat([went, belief.feasibility.chance(rivals)])


def _stands(objective: Objective, draws: Tensor, runs: Tensor, seed: int) -> Tensor:
    """Whether a candidate counts in a draw, ``(s, n)``: it runs, and its drawn values keep every threshold."""
    generator = torch.Generator().manual_seed(seed + 7)
    lots = torch.rand(len(draws), len(runs), generator=generator, dtype=draws.dtype)
    stands = lots < runs
    for i, target in enumerate(objective.targets):
        if target.has_bounds:
            low, high = target.bounds
            stands &= (draws[..., i] >= low) & (draws[..., i] <= high)
    return stands


def _worth(objective: Objective, values: Tensor) -> Tensor:
    """What is to be maximised of values of all targets, ``(*b, m)``: ``(*b, 1)`` for one number, else ``(*b, w)``."""
    places = [i for i, t in enumerate(objective.targets) if t.is_wanted]
    wanted = values[..., places]
    if objective.is_scalar:
        return utility(objective, wanted)[..., None]
    return torch.stack([t.worth(wanted[..., i]) for i, t in enumerate(objective.wanted)], dim=-1)


def _shares(objective: Objective, draws: Tensor, stands: Tensor) -> Tensor:
    """In which share of the draws each candidate is the best, or on the front: shape ``(n,)``."""
    worth = _worth(objective, draws)
    if worth.shape[-1] == 1:
        value = torch.where(stands, worth[..., 0], -torch.inf)
        counted = torch.bincount(value.argmax(dim=1)[stands.any(dim=1)], minlength=worth.shape[1])
        share: Tensor = counted.double() / len(draws)
        return share
    worth = torch.where(stands[..., None], worth, -torch.inf)
    on_front = torch.zeros(worth.shape[1], dtype=torch.float64)
    for values, there in zip(worth, stands, strict=True):
        on_front += (_non_dominated(values) & there).double()
    return on_front / len(worth)


def _non_dominated(values: Tensor) -> Tensor:
    """Which rows of ``values``, shape ``(n, m)``, no other row beats: shape ``(n,)``. Larger is better."""
    beaten = torch.zeros(len(values), len(values), dtype=torch.bool)
    no_worse = ~beaten
    for column in values.T:  # one target at a time: a third axis would cost memory
        no_worse &= column[:, None] >= column
        beaten |= column[:, None] > column
    dominated: Tensor = (no_worse & beaten).any(dim=0)
    return ~dominated


def _ranked(objective: Objective, means: Tensor, keeps: Tensor, chance: Tensor) -> tuple[list[int], int]:
    """Candidates, best first, and how many of the first are recommended.

    Those that more likely than not keep the thresholds come first, by believed value; then the others, by the chance
    that they do. With several targets the front of the believed values leads, by the chance of each to be on the
    true one.
    """
    worth = _worth(objective, means)
    likely = keeps >= 0.5
    pool = likely if likely.any() else keeps >= keeps.max()
    if worth.shape[1] == 1:
        unlikely = torch.where(likely, 0.0, 1.0 - keeps)
        return sorted(range(len(keeps)), key=lambda k: (float(unlikely[k]), -float(worth[k, 0]))), 1
    candidates = torch.nonzero(pool)[:, 0]
    leading = set(candidates[_non_dominated(worth[candidates])].tolist())
    order = sorted(range(len(keeps)), key=lambda k: (k not in leading, not bool(likely[k]), -float(chance[k]), k))
    return order, len(leading)


def _luckiest(objective: Objective, believed: Sequence[Believed], front: int) -> tuple[Luckiest, ...]:
    """For each target the best single value among candidates with values, and whose it is."""
    found = []
    for i, target in enumerate(objective.targets):
        values = [
            (target.worth(value), k, value)
            for k, b in enumerate(believed)
            for value in b.targets[i].values
            if target.meets(value)
        ]
        if values and target.is_wanted:
            _, k, value = max(values, key=lambda entry: (entry[0], -entry[1]))
            found.append(Luckiest(target.name, target.unit, value, believed[k].label, k >= front))
    return tuple(found)


def _meets(objective: Objective, row: Sequence[float]) -> bool:
    return all(t.meets(value) for t, value in zip(objective.targets, row, strict=True))


def _has_thresholds(objective: Objective) -> bool:
    return any(t.has_bounds for t in objective.targets)
