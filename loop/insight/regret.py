"""Regret: how much better than the candidate believed best something untried may still be.

Joint draws of the response say it: in each, how far the best of what was not tried lies above the believed best. How
wide the draws are is not left to the models alone. What they predicted of earlier batches, and what came of it, is on
record, and a model that was surprised is not taken at its word; docs/decisions/0011 has the evidence.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from loop.acquisition.protocol import Question
from loop.acquisition.streaming import POOL_LIMIT, members_of, shortlist
from loop.acquisition.utility import score, utility
from loop.history import Claim
from loop.insight.doubting import doubting
from loop.insight.statements import CHECKED
from loop.objective import SCORES, Objective, Target
from loop.record import Json
from loop.space.leaving_out import is_for_now
from loop.space.rows import is_among
from loop.surrogates.committee import FittedCommittee
from loop.surrogates.derived import STEP, FittedDerived
from loop.surrogates.feasibility import runs_in_draws
from loop.surrogates.lengthscales import has_lengthscales
from loop.surrogates.mixture import apportion, shuffle_targets
from loop.surrogates.protocol import FittedSurrogate, drawn
from loop.surrogates.within import FittedWithin

DRAWS: Final = 1_024  # of the response: a chance of 0.05 is known to 0.007
RIVALS: Final = 300  # candidates that are drawn jointly, those with the highest optimistic values
OPTIMISM: Final = 3.0  # deviations above the mean
EXPECTED: Final = 0.75  # how far results are better than predicted, in deviations, before there are any; 0011
WEIGHT: Final = 40.0  # results that weigh as much as that expectation
UNTOLD: Final = 1.25  # how much wider where a value is matched and nothing says how results scatter; 0168
UNCHECKED: Final = 3.0  # how much wider a belief is taken to be while few of its predictions were held against results


@dataclass(frozen=True, slots=True, eq=False)
class Regret:
    """What joint draws say of the best of the rest.

    Attributes:
        name: The target, or the score of a trade-off, in ``unit``.
        gaps: In each draw, by how much the best of the rest is better than the believed best, shape ``(s,)``; infinite
            where that breaks a threshold and something else keeps them.
        scored: How many untried candidates were looked at, by their optimistic values.
        drawn: How many of them were drawn jointly.
        is_all: Whether nothing untried was left out of what was looked at.
        factors: By target, how much wider than the models said the draws were made.
        checked: How many predictions these were learnt from, of the target with the fewest.
        scatters: Whether results are known to scatter, of every target.
        is_repeated: Whether that, or a candidate measured more than once, says of every target how results scatter.
        is_matched: Whether a value is to be matched: how near the best is to it is known no better than its noise.
        is_factor: Whether gaps are decadic logarithms of factors, since the target is learnt on a logarithmic scale.
        is_narrowed: Whether some candidates are left out for now, and were not looked at.
        unchecked: Targets of which few predictions were held against results, such as one that came as limits only;
            none where that is so of every target.
    """

    name: str
    unit: str
    gaps: Tensor
    scored: int
    drawn: int
    is_all: bool
    factors: dict[str, float]
    checked: int
    scatters: bool
    is_repeated: bool
    unchecked: tuple[str, ...] = ()
    is_matched: bool = False
    is_factor: bool = False
    is_narrowed: bool = False

    def within(self, delta: float) -> float:
        """The smallest regret, not below 0 (as a factor 1), that is exceeded with a chance of ``delta`` at most.

        It may be infinite.
        """
        ranked = self.gaps.sort(descending=True).values
        gap = max(float(ranked[min(math.floor(delta * len(ranked)), len(ranked) - 1)]), 0.0)
        return 10.0**gap if self.is_factor else gap

    def chance(self, regret: float) -> float:
        """The chance that something untried is better by more than ``regret``, or this factor."""
        return float((self.gaps > (math.log10(regret) if self.is_factor else regret)).double().mean())

    def told(self, incumbent: str, delta: float, rules: Sequence[tuple[float, float]]) -> Json:
        """What the record keeps: the statement at ``delta``, and the chance for each rule's regret and delta.

        Where no regret has that chance, the statement's ``epsilon`` is None.
        """
        epsilon = self.within(delta)
        return {
            "target": self.name,
            "unit": self.unit,
            "incumbent": incumbent,
            "delta": delta,
            "epsilon": epsilon if math.isfinite(epsilon) else None,
            "scored": self.scored,
            "drawn": self.drawn,
            "is_all": self.is_all,
            "widened": self.factors,
            "checked": self.checked,
            "scatters": self.scatters,
            "repeated": self.is_repeated,
            **({"unchecked": list(self.unchecked)} if self.unchecked else {}),
            **({"matched": True} if self.is_matched else {}),
            **({"factor": True} if self.is_factor else {}),
            **({"narrowed": True} if self.is_narrowed else {}),
            "rules": [{"regret": regret, "delta": d, "chance": self.chance(regret)} for regret, d in rules],
        }


def regret_of(
    question: Question,
    incumbent: Tensor,
    claims: Sequence[Claim],
    also: Tensor,
    scattered: Collection[str] = (),
    again: Collection[str] = (),
) -> Regret:
    """How much better than ``incumbent``, ``(d,)``, an untried candidate may be, of an objective that is one number.

    Args:
        question: What is believed; what it costs is left aside.
        incumbent: Coordinates of the candidate believed best.
        claims: What was predicted before, and what came of it.
        also: Coordinates that count besides what the pool offers: pending ones, and points that were climbed to.
        scattered: Targets whose results are known to scatter.
        again: Targets that were measured of one candidate more than once.
    """
    objective = question.objective
    told = {t.name: [c for c in claims if c.target == t.name] for t in objective.targets}
    may_narrow = not has_lengthscales(question.space)
    factors = {
        t.name: _factor(t, told[t.name], is_told=t.name in scattered, may_narrow=may_narrow) for t in objective.targets
    }
    known = float(_optimistic(question, incumbent[None], factors)[0])
    spread = float(_optimistic(question, question.observed, factors).std(correction=0)) or 1.0
    scored = 0

    def hope(x: Tensor) -> Tensor:
        nonlocal scored
        scored += len(x)
        return torch.nn.functional.softplus((_optimistic(question, x, factors) - known) / spread)

    rivals = shortlist(question, hope, RIVALS)
    new = torch.from_numpy(~is_among(also.numpy(), rivals.numpy()))
    everything = torch.cat([incumbent[None], rivals, also[new]])
    draws = torch.stack(
        [
            _clipped(t, _draws(m, everything, question.seed + 31 * i, factors[t.name], doubts=_is_by_luck(t)))
            for i, (t, m) in enumerate(zip(objective.targets, question.models, strict=True))
        ],
        dim=-1,
    )
    shuffle_targets(draws, question.seed)
    places = [i for i, t in enumerate(objective.targets) if t.is_wanted]
    worth = score(objective, draws[..., places])
    rest = torch.where(_stands(question, everything, draws), worth, -torch.inf)[:, 1:]
    best = rest.max(dim=1).values if rest.shape[1] else torch.full((len(worth),), -torch.inf, dtype=worth.dtype)
    gaps = best - worth[:, 0]
    gaps[~_keeps(objective, draws[:, 0]) & torch.isfinite(best)] = torch.inf
    pool = question.pool
    wanted = objective.wanted
    few = tuple(name for name, found in told.items() if len(found) < CHECKED)
    return Regret(
        name=wanted[0].name if len(wanted) == 1 else SCORES[objective.tradeoff],
        unit=wanted[0].unit if len(wanted) == 1 else "",
        gaps=gaps,
        scored=scored,
        drawn=len(everything) - 1,
        is_all=pool is not None and len(pool) <= POOL_LIMIT,
        factors=factors,
        checked=min(len(found) for found in told.values()),
        scatters=told.keys() <= set(scattered),
        is_repeated=told.keys() <= {*scattered, *again},
        unchecked=() if len(few) == len(told) else few,
        is_matched=any(t.value is not None for t in wanted),
        is_narrowed=any(is_for_now(rule) for rule in question.space.constraints),
    )


def _is_by_luck(target: Target) -> bool:
    """Whether the best may seem near to a value to be matched by its noise alone (docs/decisions/0168)."""
    return target.value is not None and not target.is_exact


def _factor(target: Target, claims: Sequence[Claim], *, is_told: bool, may_narrow: bool) -> float:
    """``distrust`` by whether results are told to scatter, which is all that tells how near to a value the best is."""
    if _is_by_luck(target):
        return distrust(target, claims, may_narrow=False) * (1.0 if is_told else UNTOLD)
    return distrust(target, claims, may_narrow=may_narrow and not is_told)


def distrust(target: Target, claims: Sequence[Claim], *, may_narrow: bool = True) -> float:
    """How much wider than they say the models' beliefs of a target are taken to be, by what came of their predictions.

    The root mean square of how many deviations results were better than predicted, those that were worse counting as
    no surprise. It begins at what is usual and follows the campaign's own results; where deviations are right it is
    0.71, since half of what comes is worse. Narrower than models say is only what was measured without noise
    (docs/decisions/0083), in spaces whose numbers have no lengthscales of their own (0089): where ``may_narrow`` is
    False, it is 1 at least.
    """
    upward = sum(max(_surprise(target, c), 0.0) ** 2 for c in claims)
    usual = math.sqrt((WEIGHT * EXPECTED**2 + upward) / (WEIGHT + len(claims)))
    usual = usual if may_narrow else max(usual, 1.0)
    return usual if len(claims) >= CHECKED else UNCHECKED * usual


def _surprise(target: Target, claim: Claim) -> float:
    """By how many deviations a value was better than predicted; by how many it was off where neither side is better."""
    return abs(claim.surprise) if target.sign == 0.0 else target.sign * claim.surprise


def _optimistic(question: Question, x: Tensor, factors: dict[str, float]) -> Tensor:
    """What candidates at ``x``, ``(n, d)``, are worth where each target lies as well as it may: ``(n,)``."""
    values = []
    for (target, _), (mean, sd) in zip(question.wanted, question.skimmed(x), strict=True):
        reach = OPTIMISM * factors[target.name] * sd
        if target.value is not None:
            values.append(mean + (target.value - mean).clamp(-reach, reach))
        else:
            values.append(mean + target.sign * reach)
    return utility(question.objective, torch.stack(values, dim=-1))


def _draws(model: FittedSurrogate, x: Tensor, seed: int, factor: float, *, doubts: bool) -> Tensor:
    """Joint draws at ``x``, ``(p, d)``, each from one member and ``factor`` times as far from its mean: ``(s, p)``.

    Where it ``doubts`` hyper-parameters, members are what these may be.

    What left-out values say of a committee's width counts as in its predictions, which the factor was learnt from.
    Of a derived target the draws of its parts lie so much further, since the formula itself is not doubted.
    """
    if isinstance(model, FittedDerived):
        apart = [_draws(part, x, seed + STEP * i, factor, doubts=doubts) for i, part in enumerate(model.parts)]
        return model.of_draws(apart, x, seed)
    if isinstance(model, FittedWithin):
        return model.of_draws(lambda at: _draws(model.plain, at, seed, factor, doubts=doubts), x)
    parts = members_of(doubting(model) if doubts else model)
    found = []
    for i, ((_, member), n) in enumerate(zip(parts, apportion([w for w, _ in parts], DRAWS), strict=True)):
        if n:
            draws, mean = drawn(member, x, n, seed=seed + i)
            found.append(mean + factor * (draws - mean))
    together = torch.cat(found)
    if not isinstance(model, FittedCommittee) or model.widening == 1.0:
        return together
    middle = model.moments(x)[0]
    return middle + math.sqrt(model.widening) * (together - middle)


def _clipped(target: Target, values: Tensor) -> Tensor:
    """Values no further than the target can go at all."""
    low = -math.inf if target.low is None else target.low
    return values.clamp(low, math.inf if target.high is None else target.high)


def _stands(question: Question, x: Tensor, draws: Tensor) -> Tensor:
    """Whether a candidate counts in a draw, ``(s, n)``: it runs, and its values ``(s, n, m)`` keep every threshold."""
    runs = runs_in_draws(question.feasibility.chance(x), len(draws), seed=question.seed + 7)
    return runs & _keeps(question.objective, draws)


def _keeps(objective: Objective, draws: Tensor) -> Tensor:
    """Whether values ``(*b, m)`` keep every threshold: ``(*b)``."""
    keeps = torch.ones(draws.shape[:-1], dtype=torch.bool)
    for i, target in enumerate(objective.targets):
        if target.has_bounds:
            low, high = target.bounds
            keeps &= (draws[..., i] >= low) & (draws[..., i] <= high)
    return keeps


def has_regret(objective: Objective) -> bool:
    """Whether candidates are ranked by one number of which more is better in equal steps: no front, no levels."""
    return objective.is_scalar and all(t.levels is None for t in objective.targets)
