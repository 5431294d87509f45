"""The best condition over a scope: what is believed of each over all substrates, and the chance that it is the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.acquisition.general import at_once, field_of
from loop.acquisition.judging import Field, expected_shares, hopes, judged, judged_draws, some_substrates
from loop.acquisition.protocol import Question
from loop.acquisition.streaming import members_of
from loop.belief import Belief
from loop.generality import Generality, Judgement
from loop.history import History
from loop.insight.chances import APART, DRAWS, doubted_apart
from loop.insight.differing import said_of, without_scale
from loop.insight.ranking import interval
from loop.insight.statements import LEVEL, Believed, HonestBest, OnSubstrate, Stated
from loop.insight.tried import LIMITS_COUNT, Tried, mean_of, tried_candidates
from loop.insight.tried_conditions import Answers, TriedConditions, answers_of, tried_conditions
from loop.objective import Objective
from loop.space import Pool
from loop.space.rows import is_among, key_of
from loop.surrogates.committee import left_out
from loop.surrogates.protocol import FittedSurrogate, TrainingSet

TOLD: Final = 5  # conditions of which every substrate is told
COMMON: Final = 0.5  # of the mean squared error of values left out, what all substrates of a condition share
RIVALS: Final = 0.25  # of that, by how much each of many rivals may be better or worse by itself


def best_condition(
    general: Generality,
    objective: Objective,
    history: History,
    belief: Belief | None,
    pool: Pool | None,
    *,
    seed: int,
    why: str = "",
) -> HonestBest:
    """The condition believed best over the scope, and the others that were tried with some substrate.

    Without ``pool`` nothing is said of conditions that were not tried; without a belief (``why``) values that were
    measured stand for the scope.
    """
    known = tried_conditions(general, tried_candidates(general.space, objective, history))
    if not len(known.conditions):
        model = "" if belief is None else belief.models[0].name
        found = HonestBest(model, (), 0, notes=("no condition has a value yet",))
    elif belief is None:
        found = _raw(general, known, why)
    else:
        with torch.no_grad():
            found = _believed(general, objective, history, belief, pool, known, seed)
    notes = (*known.notes, *found.notes)
    return replace(found, notes=notes, scope=general.described, scope_size=len(general.substrates))


def judged_of(found: HonestBest) -> dict[str, Any]:
    """The believed best condition for the record of a round, where there is one."""
    if not found.scope or not found.candidates:
        return {}
    first = found.candidates[0]
    stated = first.targets[0]
    return {
        "condition": {
            "label": first.label,
            "by": stated.target,
            "value": stated.mean,
            "low": stated.low,
            "high": stated.high,
            "unit": stated.unit,
        }
    }


def _believed(
    general: Generality,
    objective: Objective,
    history: History,
    belief: Belief,
    pool: Pool | None,
    known: TriedConditions,
    seed: int,
) -> HonestBest:
    model = belief.models[0]
    known, notes = _promising(general, model, known)
    scene, more = _scene(general, objective, history, belief, pool, known, seed)
    draws, rivals = _draws(general, belief, scene, seed)
    means, low, high = (ends.tolist() for ends in _summed_up(general, draws))
    places = np.flatnonzero(is_among(scene.conditions, known.conditions))
    of_tried = _shares(rivals[:, torch.from_numpy(places)]).tolist()
    of_all = None if pool is None else _shares(rivals).tolist()
    answers, rows = answers_of(general, history), []
    for k, place in enumerate(places.tolist()):
        settings = general.settings(known.conditions[k])
        own = general.cells(known.conditions[k : k + 1])
        covered, allowed = _coverage(general, known.conditions[k], known.mine[k])
        came = [answers.get(key_of(x), Answers()) for x in own[0][general.shares(own)[0] > 0.0]]
        runs = belief.feasibility.chance(torch.from_numpy(own[0]))
        rows.append(
            Believed(
                settings=settings,
                label=general.space.label(settings),
                targets=(_stated(general, means[place], low[place], high[place]),),
                experiments=sum(t.experiments for t in known.mine[k]),
                faults=sum(one.faults for one in came),
                keeps=min(float(runs @ torch.from_numpy(general.shares(own)[0])), 1.0),
                best_of_tried=of_tried[k],
                best_of_all=None if of_all is None else of_all[place],
                covered=covered,
                allowed=allowed,
                unread=sum(one.is_silent for one in came),
            )
        )
    order = sorted(range(len(rows)), key=lambda k: -general.sign * means[places[k]])
    ranked = tuple(
        _told(rows[k], general, belief, known.conditions[k], known.mine[k], answers, seed) if rank < TOLD else rows[k]
        for rank, k in enumerate(order)
    )
    alike = [name for name in without_scale(objective, belief.table) if name == general.target.name]
    return HonestBest(
        model=model.name,
        candidates=tuple(one.without_intervals() for one in ranked) if alike else ranked,
        front=1,
        untried=len(scene.conditions) - len(places),
        is_bound=scene.is_cut,
        notes=(*notes, *more, *said_of(alike)),
    )


def _promising(
    general: Generality, model: FittedSurrogate, known: TriedConditions
) -> tuple[TriedConditions, tuple[str, ...]]:
    """As many of the conditions as can be compared at once, those believed best; and notes on the others."""
    most = at_once(general)
    if len(known.conditions) <= most:
        return known, ()
    usual, _ = hopes(model, general, known.conditions)
    kept = np.sort(torch.argsort(usual, descending=True, stable=True).numpy()[:most])
    note = f"{len(known.conditions) - len(kept)} tried conditions that are believed worse are left out"
    return replace(known, conditions=known.conditions[kept], mine=[known.mine[k] for k in kept]), (note,)


def _scene(
    general: Generality,
    objective: Objective,
    history: History,
    belief: Belief,
    pool: Pool | None,
    known: TriedConditions,
    seed: int,
) -> tuple[Field, tuple[str, ...]]:
    """What is compared, and notes on it: with a pool also conditions that were not tried."""
    if pool is None:
        substrates = some_substrates(general, belief.models[0], known.conditions, np.random.default_rng(seed))
        return Field.of(general, known.conditions, substrates), ()
    width = known.x.shape[1]
    nobody = torch.empty((0, width), dtype=torch.float64)
    question = Question(
        general.space, objective, belief.models, belief.feasibility, pool, torch.from_numpy(known.x), nobody,
        history.tried(width), seed, general=general,
    )  # fmt: skip
    return field_of(question, general, always=known.conditions)


def _draws(general: Generality, belief: Belief, scene: Field, seed: int) -> tuple[Tensor, Tensor]:
    """Draws of what each condition comes to over the scope, ``(n, c)``, for its interval and for which is the best.

    They lie about the mean that is known of all of the scope. Were many conditions off as a whole by as much, each by
    itself, one of them would be the best more often than one is: by mean and by share a part of that counts in the
    second (docs/decisions/0183).
    """
    model = belief.models[0]
    astray = _astray(general, belief, scene.conditions)
    draws = rivals = judged_draws(model, scene, DRAWS, seed=seed, astray=astray)
    if astray is not None and general.by is not Judgement.WORST:
        rivals = judged_draws(model, scene, DRAWS, seed=seed, astray=math.sqrt(RIVALS) * astray)
    if general.by is Judgement.MEAN:  # known over the whole scope; draws only say how sure it is
        cells = scene.cells
        usual = judged(scene, model.moments(cells)[0]) if scene.is_whole else hopes(model, general, scene.conditions)[0]
    elif general.by is Judgement.SHARE and not scene.is_whole:
        usual = expected_shares(model, general, scene.conditions)
    else:
        return draws, rivals
    return draws + (usual - draws.mean(0)), rivals + (usual - rivals.mean(0))


def _summed_up(general: Generality, draws: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean of the draws of each condition and both ends of its interval, in the target's direction: ``(c,)`` each."""
    means = draws.mean(0)
    tail = (1.0 - LEVEL) / 2.0
    low, high = torch.quantile(draws, torch.tensor([tail, 1.0 - tail], dtype=draws.dtype), dim=0)
    low, high = torch.minimum(low, means), torch.maximum(high, means)  # of few possible shares the mean may be none
    return (means, low, high) if general.sign >= 0 else (-means, -high, -low)


def _astray(general: Generality, belief: Belief, conditions: NDArray[np.float64]) -> Tensor | None:
    """How far each condition may be off as a whole, in the target's unit: standard deviations, ``(c,)``.

    Of what models miss of values that are left out, a part is common to all substrates of a condition; each substrate
    that was measured with it takes off its share (docs/decisions/0065). None where a model cannot say what it misses.
    """
    weights, members = zip(*members_of(belief.models[0]), strict=True)
    believed = left_out(members, weights)
    if believed is None:
        return None
    data = TrainingSet.of(belief.table, 0)
    missed = float((data.y - believed[0]).square().nanmean())
    if math.isnan(missed):  # nothing but limits
        return None
    rows, found = data.x.numpy(), []
    for condition in conditions:
        cells = general.cells(condition[None])
        measured = is_among(cells[0], rows)
        unseen = 1.0 - float(general.shares(cells)[0, measured].sum())
        found.append(math.sqrt(COMMON * missed * max(unseen, 0.0) / max(int(measured.sum()), 1)))
    return torch.tensor(found, dtype=torch.float64)


def _told(
    row: Believed,
    general: Generality,
    belief: Belief,
    condition: NDArray[np.float64],
    mine: Sequence[Tried],
    answers: Mapping[bytes, Answers],
    seed: int,
) -> Believed:
    """The same with what is believed at each substrate that is allowed with the condition, as ``predict`` states it."""
    cells = general.cells(condition[None, :])
    allowed = general.shares(cells)[0] > 0.0
    draws, mean = doubted_apart(belief.as_measured().models[0], torch.from_numpy(cells[0]), APART, seed=seed)
    ends = (mean, *interval(mean, draws))
    measured = {key_of(t.x): t.values[general.target.name] for t in mine}
    found = []
    for number in np.flatnonzero(allowed).tolist():
        middle, low, high = (general.target.possible(float(end[number])) for end in ends)
        settings = general.substrate(number)
        key = key_of(cells[0, number])
        values, came = measured.get(key, ()), answers.get(key, Answers())
        found.append(
            OnSubstrate(
                settings, general.space.label(settings), general.target.unit, middle, low, high, values,
                tuple(came.limits), came.negatives, came.faults,
            )
        )  # fmt: skip
    found.sort(key=lambda s: general.target.sign * s.mean)
    return replace(row, substrates=tuple(found))


def _coverage(general: Generality, condition: NDArray[np.float64], mine: Sequence[Tried]) -> tuple[int, int]:
    """Of the substrates that constraints allow with a condition: with how many it was measured, and their number."""
    cells = general.cells(condition[None])
    allowed = cells[0][general.shares(cells)[0] > 0.0]
    return int(is_among(allowed, np.array([t.x for t in mine])).sum()), len(allowed)


def _raw(general: Generality, known: TriedConditions, why: str) -> HonestBest:
    """Without a model: what the measured substrates of each condition come to."""
    rows, has_limits = [], False
    weight_of = {key_of(row): w for row, w in zip(general.substrates, general.weights, strict=True)}
    for condition, tried in zip(known.conditions, known.mine, strict=True):
        has_limits |= not all(t.has_values for t in tried)
        weights = [weight_of[key_of(t.x[list(general.columns)])] for t in tried]
        value = general.of([mean_of(general.target, t) for t in tried], weights)
        settings = general.settings(condition)
        covered, allowed = _coverage(general, condition, tried)
        rows.append(
            Believed(
                settings=settings,
                label=general.space.label(settings),
                targets=(_stated(general, value, None, None),),
                experiments=sum(t.experiments for t in tried),
                faults=sum(t.faults for t in tried),
                keeps=None,
                best_of_tried=None,
                best_of_all=None,
                covered=covered,
                allowed=allowed,
            )
        )
    rows.sort(key=lambda r: -general.sign * r.targets[0].mean)
    note = (
        f"{why}: of the substrates that were measured with each condition only, which favours the lucky, and no chances"
    ) + LIMITS_COUNT * has_limits
    return HonestBest("", tuple(rows), 1 if rows else 0, notes=(note,))


def _shares(draws: Tensor) -> Tensor:
    """In which share of the draws, ``(n, c)``, each condition is the best: ``(c,)``; ties are shared out."""
    best = (draws == draws.amax(dim=1, keepdim=True)).double()
    found: Tensor = (best / best.sum(dim=1, keepdim=True)).mean(0)
    return found


def _stated(general: Generality, mean: float, low: float | None, high: float | None) -> Stated:
    ends = [None if v is None else general.possible(v) for v in (low, high)]
    return Stated(general.said, general.unit, general.possible(mean), ends[0], ends[1], ())
