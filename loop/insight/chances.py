"""The chance that a candidate is truly the best: the share of joint draws of the response in which it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from botorch.utils.multi_objective.pareto import is_non_dominated
from numpy.typing import NDArray
from torch import Tensor

from loop.acquisition.dominance import unbeaten
from loop.acquisition.improvement import improvement_score
from loop.acquisition.pareto import surely_beaten, trade_offs
from loop.acquisition.streaming import POOL_LIMIT, shortlist
from loop.acquisition.utility import LEADING, may_lead, score
from loop.belief import Belief
from loop.history import History
from loop.insight.doubting import doubting
from loop.insight.tried import Tried, question_of_tried
from loop.objective import Objective
from loop.space import Pool, Space
from loop.space.pool import said_size
from loop.surrogates.committee import FittedCommittee, drawn_apart
from loop.surrogates.derived import STEP, FittedDerived
from loop.surrogates.feasibility import runs_in_draws
from loop.surrogates.mixture import apportion, shuffle_targets
from loop.surrogates.noiseless import Noiseless
from loop.surrogates.protocol import FittedSurrogate, SupportsLeavingOut, drawn
from loop.surrogates.within import JOINTLY, FittedWithin

DRAWS: Final = 4_096  # of the response: a chance of one half is known to 0.008
RIVALS: Final = 1_000  # untried candidates that are drawn jointly with the tried ones
FEW_RIVALS: Final = 100  # at least
APART: Final = 1_024  # of each candidate by itself: the ends of an interval are known to 1 %
AT_ONCE: Final = 2_048  # points that are drawn each by itself
FRONT_DRAWS: Final = 512  # with several targets, where each draw has a front of its own to be found: known to 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Chances:
    """What joint draws say of ``n`` tried candidates.

    Attributes:
        draws: Of every target, in its unit: shape ``(s, n, m)``. Of more than a thousand candidates only those that
            may lead are drawn jointly, the others each by itself.
        means: What is believed of every target, in its unit (on a logarithmic scale the median): shape ``(n, m)``.
        keeps: The chance of each that it runs as intended and keeps every threshold, shape ``(n,)``.
        best_of_tried: The chance that it is the best of the tried, or on their front, shape ``(n,)``.
        best_of_all: The same among all candidates; None where that cannot be said.
        untried: How many untried candidates were drawn with them.
        is_bound: Whether there are more of them.
        notes: Why there is no saying among all.
    """

    draws: Tensor
    means: Tensor
    keeps: Tensor
    best_of_tried: Tensor
    best_of_all: Tensor | None
    untried: int
    is_bound: bool
    notes: tuple[str, ...]


def chances(
    space: Space,
    objective: Objective,
    history: History,
    belief: Belief,
    pool: Pool | None,
    tried: Sequence[Tried],
    x: Tensor,
    *,
    seed: int,
) -> Chances:
    """The chances of tried candidates, whose coordinates ``x``, shape ``(n, d)``, are; ``seed`` decides the draws.

    Without ``pool`` nothing is said of untried candidates.
    """
    rivals, is_bound, notes = _rivals(space, objective, history, belief, pool, x, seed)
    everything = torch.cat([x, rivals])
    n_draws = DRAWS if objective.is_scalar else FRONT_DRAWS
    draws = torch.empty((len(objective.targets), n_draws, len(everything)), dtype=x.dtype).permute(1, 2, 0)
    means = torch.empty(draws.shape[1:], dtype=x.dtype)
    leads = _draw(objective, belief.models, everything, len(x), draws, means, seed=seed)
    for i, t in enumerate(objective.targets):
        if t.is_log:
            draws[..., i], means[:, i] = t.in_unit(draws[..., i]), t.in_unit(means[:, i])
    shuffle_targets(draws, seed)
    stands = standing(objective, draws, _runs(tried, belief, rivals), seed)
    n = len(tried)
    keeps = stands[:, :n].double().mean(0)
    stands &= leads
    return Chances(
        draws=draws[:, :n],
        means=means[:n],
        keeps=keeps,
        best_of_tried=_shares(objective, draws[:, :n], stands[:, :n]),
        best_of_all=_shares(objective, draws, stands)[:n] if pool is not None and not notes else None,
        untried=len(rivals),
        is_bound=is_bound,
        notes=notes,
    )


def doubted(model: FittedSurrogate, x: Tensor, n: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """``n`` joint draws of the response that doubt hyper-parameters and the scale, which few values tell, and its mean.

    The draws are of the processes that ``doubting`` has; the mean is the model's own, by which candidates are named.
    A process whose scale is found from the values themselves errs as Student's t with one degree of freedom less than
    there are values (docs/decisions/0070), of which limits are none: each draw lies that much further from the mean, or
    nearer. A derived target follows from such draws of its parts. ``x`` of ``(p, d)`` gives ``(n, p)`` and ``(p,)``.
    """
    if isinstance(model, FittedDerived):
        parts = [doubted(part, x, n, seed=seed + STEP * i)[0] for i, part in enumerate(model.parts)]
        return model.of_draws(parts, x, seed), model.moments(x)[0]
    if isinstance(model, FittedWithin):
        return model.of_draws(lambda at: doubted(model.plain, at, n, seed=seed)[0], x), model.moments(x)[0]
    possible = doubting(model)
    draws, middle = drawn(possible, x, n, seed=seed)
    return _stretched(model, draws, middle, seed), middle if possible is model else model.moments(x)[0]


def has_parts(model: FittedSurrogate, *, doubts: bool) -> bool:
    """Whether draws are of several processes, so that ``drawn_in_parts`` can draw them at different points."""
    return isinstance(doubting(model) if doubts else model, FittedCommittee)


def drawn_in_parts(
    model: FittedSurrogate, xs: Sequence[Tensor], n: int, *, seed: int, doubts: bool
) -> list[tuple[NDArray[np.int64], Tensor]]:
    """``n`` joint draws, each of them at one of several sets of points, and which of the draws these are.

    Every process of a mixture is drawn at one set, the next at the next, one that counts most at several, so that what
    is reckoned from all draws has the luck of several sets in it, for about the price of one. Draws come in the order
    of processes, as those of ``doubted``; a model that is one process is drawn at the first set alone.

    Args:
        xs: Sets of points, ``(p, d)`` each.
        doubts: Whether hyper-parameters and the scale are doubted.

    Returns:
        Of each set in turn the numbers of its draws, ``(s,)``, and these, ``(s, p)``.
    """
    possible = doubting(model) if doubts else model
    if not isinstance(possible, FittedCommittee):
        return [(np.arange(n), (doubted if doubts else drawn)(model, xs[0], n, seed=seed)[0])]
    pieces = _pieces(apportion(possible.weights, n), -(-n // len(xs)))
    found = []
    for first, x in enumerate(xs):
        mine = pieces[first :: len(xs)]
        drawn_here = [
            drawn(possible.members[i], x, len(which), seed=seed + STEP * int(which[0]) + i)[0] for i, which in mine
        ]
        which = np.concatenate([which for _, which in mine])
        mean = possible.moments(x)[0]
        draws = torch.cat(drawn_here).sub_(mean).mul_(math.sqrt(possible.widening))
        if doubts:
            draws.mul_(_scales(model, n, seed)[which, None])
        found.append((which, draws.add_(mean)))
    return found


def _pieces(shares: Sequence[int], most: int) -> list[tuple[int, NDArray[np.int64]]]:
    """The draws of each process, in pieces of at most so many: its number, and those of the draws."""
    ends = np.cumsum(shares)
    return [
        (i, piece)
        for i, (end, share) in enumerate(zip(ends, shares, strict=True))
        for piece in np.array_split(np.arange(end - share, end), max(-(-share // most), 1))
        if len(piece)
    ]


def doubted_apart(model: FittedSurrogate, x: Tensor, n: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """``doubted`` of each point by itself: the draws say nothing of two points together."""
    if isinstance(model, FittedDerived):
        parts = [doubted_apart(part, x, n, seed=seed + STEP * i)[0] for i, part in enumerate(model.parts)]
        return model.of_draws(parts, x, seed), model.moments(x)[0]
    if isinstance(model, FittedWithin):
        return model.of_draws(lambda at: doubted_apart(model.plain, at, n, seed=seed)[0], x), model.moments(x)[0]
    possible = doubting(model)
    draws, middle = drawn_apart(possible, x, n, seed=seed)
    return _stretched(model, draws, middle, seed), middle if possible is model else model.moments(x)[0]


def drawn_each(
    objective: Objective, models: Sequence[FittedSurrogate], x: Tensor, *, seed: int
) -> tuple[Tensor, Tensor]:
    """Draws of every target at ``x``, ``(n, d)``, and the means, in its unit: ``(s, n, m)`` and ``(n, m)``.

    On a logarithmic scale the mean there, which in the unit is a median.

    Each candidate by itself, the same whatever others are asked about with it, so that ends of intervals are the same
    wherever they are said. What has levels or classes can only be drawn jointly.
    """
    said = [
        (doubted_apart if t.levels is None and not t.classes else drawn)(m, x, APART, seed=seed + 31 * i)
        for i, (m, t) in enumerate(zip(models, objective.targets, strict=True))
    ]
    draws = torch.stack([t.in_unit(draws) for t, (draws, _) in zip(objective.targets, said, strict=True)], dim=-1)
    shuffle_targets(draws, seed)
    means = [t.in_unit(mean) for t, (_, mean) in zip(objective.targets, said, strict=True)]
    return draws, torch.stack(means, dim=-1)


def _stretched(model: FittedSurrogate, draws: Tensor, mean: Tensor, seed: int) -> Tensor:
    """The draws, ``(n, p)``, as far from their ``mean``, ``(p,)``, as those of an unknown scale lie."""
    return (draws - mean).mul_(_scales(model, len(draws), seed)[:, None]).add_(mean)


def _scales(model: FittedSurrogate, n: int, seed: int) -> Tensor:
    """How many times as far from the mean each of ``n`` draws lies as the process says: ``(n,)``."""
    freedom = max(_values_behind(model) - 1, 1)
    return torch.from_numpy(np.sqrt(freedom / np.random.default_rng([seed, freedom]).chisquare(freedom, n)))


def _values_behind(model: FittedSurrogate) -> int:
    """How many values a model has learnt its scale from: where a limit lies says little of how far apart values are."""
    one = model.members[0] if isinstance(model, FittedCommittee) else model
    one = one.plain if isinstance(one, FittedWithin) else one
    one = one.plain if isinstance(one, Noiseless) else one
    if isinstance(one, SupportsLeavingOut):
        return int(torch.isfinite(one.left_out()[0]).sum())
    return len(one.held_out())


def _draw(
    objective: Objective,
    models: Sequence[FittedSurrogate],
    x: Tensor,
    n_tried: int,
    draws: Tensor,
    means: Tensor,
    *,
    seed: int,
) -> Tensor:
    """Which of the points ``x``, ``(p, d)``, may be the best of all, or on the front: ``(p,)``; of many tried ones,
    which are the first, only the most hopeful. Those are drawn jointly, the others each by itself.

    Into ``draws``, ``(s, p, m)``, and ``means``, ``(p, m)``, each on its scale: of thousands of points these are most
    of the memory there is. Targets that decide nothing are drawn of each point by itself.
    """
    leads = torch.ones(len(x), dtype=torch.bool)
    if n_tried > LEADING and not any(t.levels or t.has_bounds for t in objective.targets):  # which they may break
        beliefs = _draw_apart(models, x[:n_tried], draws, means, seed=seed)
        leads[:n_tried] = _may_lead(objective.on_scale, beliefs)
    here = x[leads]
    for i, (model, target) in enumerate(zip(models, objective.targets, strict=True)):
        decides = target.is_wanted or target.has_bounds
        ask = drawn if target.levels is not None else doubted if decides else doubted_apart
        draws[:, leads, i], means[leads, i] = ask(model, here, len(draws), seed=seed + 31 * i)
    return leads


def _draw_apart(
    models: Sequence[FittedSurrogate], x: Tensor, draws: Tensor, means: Tensor, *, seed: int
) -> list[tuple[Tensor, Tensor]]:
    """``doubted_apart`` of every target at ``x``, ``(n, d)``, into the first ``n`` of ``draws``, ``(s, p, m)``, and
    ``means``, ``(p, m)``; its moments, two of ``(n,)`` for each target.

    All are asked of some points before others, since a model remembers what it was asked last.
    """
    told = []
    for some in torch.split(torch.arange(len(x)), AT_ONCE):
        at = x[some]
        for i, model in enumerate(models):
            draws[:, some, i], means[some, i] = doubted_apart(model, at, len(draws), seed=seed + 31 * i)
        told.append([model.moments(at) for model in models])
    parts = [list(zip(*of_one, strict=True)) for of_one in zip(*told, strict=True)]
    return [(torch.cat(mean), torch.cat(deviation)) for mean, deviation in parts]


def _may_lead(objective: Objective, beliefs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Which points may be the best of all, or on the front, by what is believed of every target: ``(n,)``."""
    wanted = [belief for t, belief in zip(objective.targets, beliefs, strict=True) if t.is_wanted]
    if not objective.is_scalar:
        return ~surely_beaten(objective, wanted)
    leads = torch.zeros(len(wanted[0][0]), dtype=torch.bool)
    leads[may_lead(objective, wanted)] = True
    return leads


def worth(objective: Objective, values: Tensor) -> Tensor:
    """What is to be maximised of values of all targets, ``(*b, m)``: ``(*b, 1)`` for one number, else ``(*b, w)``."""
    places = [i for i, t in enumerate(objective.targets) if t.is_wanted]
    wanted = values[..., places]
    if objective.is_scalar:
        return score(objective, wanted)[..., None]
    return torch.stack([t.worth(wanted[..., i]) for i, t in enumerate(objective.wanted)], dim=-1)


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
        return (
            nobody,
            False,
            (f"with {said_size(pool).removeprefix('the ')} candidates no chance among all of them is given",),
        )
    question = question_of_tried(space, objective, history, belief, pool, tried, seed)
    most = RIVALS
    if belief.used is not None:  # where settings stray, each is drawn at several places
        most = max(JOINTLY // len(belief.used.tolerances.inside[1]) - len(tried), FEW_RIVALS)
    if objective.is_scalar:
        rivals = shortlist(question, improvement_score(question), most)
    else:
        rivals = trade_offs(question, most // 2)
    return rivals, len(rivals) < len(pool) - len(tried), ()


def _runs(tried: Sequence[Tried], belief: Belief, rivals: Tensor) -> Tensor:
    """The chance that each runs as intended, shape ``(n + k,)``: as it went for the tried, as learnt for the rest."""
    went = torch.tensor([t.experiments / (t.experiments + t.faults) for t in tried], dtype=rivals.dtype)
    return torch.cat([went, belief.feasibility.chance(rivals)])


def standing(objective: Objective, draws: Tensor, runs: Tensor, seed: int) -> Tensor:
    """Whether a candidate counts in a draw, ``(s, n)``: it runs, and its drawn values keep every threshold."""
    stands = runs_in_draws(runs, len(draws), seed=seed + 7)
    for i, target in enumerate(objective.targets):
        if target.has_bounds:
            low, high = target.bounds
            stands &= (draws[..., i] >= low) & (draws[..., i] <= high)
    return stands


def _shares(objective: Objective, draws: Tensor, stands: Tensor) -> Tensor:
    """In which share of the draws each candidate is the best (ties are shared out), or on the front: ``(n,)``."""
    n = draws.shape[1]
    if not bool((somewhere := stands.any(dim=0)).all()):
        shares = torch.zeros(n, dtype=torch.float64)
        if bool(somewhere.any()):
            shares[somewhere] = _shares(objective, draws[:, somewhere], stands[:, somewhere])
        return shares
    values = worth(objective, draws)
    if values.shape[-1] == 1:
        value = torch.where(stands, values[..., 0], -torch.inf)
        is_best = (value == value.amax(dim=1, keepdim=True)) & stands
        draw, which = torch.nonzero(is_best, as_tuple=True)
        share: Tensor = torch.bincount(which, 1.0 / is_best.sum(dim=1)[draw].double(), minlength=n) / len(draws)
        return share
    values = torch.where(stands[..., None], values, -torch.inf)
    share = torch.zeros(n, dtype=torch.float64)
    hopeful = _not_always_beaten(values)
    on_front = unbeaten(values[:, hopeful]) & stands[:, hopeful]
    share[hopeful] = on_front.double().mean(0)
    return share


def _not_always_beaten(values: Tensor) -> Tensor:
    """Numbers of the columns of ``(s, n, w)`` that another column does not beat in every draw, judged by extremes."""
    lowest, highest = values.amin(dim=0), values.amax(dim=0)
    surest = lowest[is_non_dominated(lowest)]
    beaten = (surest[None] > highest[:, None]).all(dim=2).any(dim=1)
    return torch.nonzero(~beaten)[:, 0]
