"""Honest best: the candidate believed best given noise and constraints, not the luckiest measurement.

The highest of many noisy values is too high, and its candidate often not the best. So candidates are ranked by what
the models believe of them, with an interval, and with the chance that each is truly the best: the share of joint
draws of the response in which it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch

from loop.belief import Belief, level_chances
from loop.errors import FitError, TooFewPoints
from loop.history import History
from loop.insight.asking import Learning
from loop.insight.chances import chances, drawn_each
from loop.insight.conditions import best_condition
from loop.insight.differing import said_of, without_scale
from loop.insight.hits import hits_of_belief, hits_without_model
from loop.insight.ranking import certain, has_thresholds, interval, ranked, score_of, stated_of
from loop.insight.statements import Believed, HonestBest, Luckiest, Stated
from loop.insight.told_deviations import more_than_told
from loop.insight.tried import LIMITS_COUNT, Tried, between, ends_of, mean_of, tried_candidates
from loop.memory.earlier import Earlier
from loop.objective import Objective, Target
from loop.outcome import Qualifier
from loop.space import Pool, ProductPool, Space
from loop.space.leaving_out import lasting, why_left_out
from loop.spec import CampaignSpec, build_general, build_objective, build_space
from loop.surrogates.noiseless import Known
from loop.surrogates.protocol import TrainingSet
from loop.training import Table, regression_table
from loop.values import sign_of
from loop.wording import in_full

AS_PREDICTED: Final = 500  # tried candidates whose intervals are those of ``predict``; of more they agree to 1 %


def honest_best(
    spec: CampaignSpec,
    history: History,
    pool: Pool | None = None,
    *,
    seed: int,
    earlier: Sequence[Earlier] = (),
    learning: Learning | None = None,
) -> HonestBest:
    """What a campaign believes to be best, from everything observed; the same arguments give the same answer.

    Args:
        spec: A resolved spec.
        history: What was observed.
        pool: All candidates; None for all of the space.
        seed: Decides the fit and the draws.
        earlier: Earlier campaigns that may tell something of this one.
        learning: What these arguments teach, where others ask for it too; None to learn it.
    """
    learning = learning or Learning(spec, history, seed=seed, earlier=earlier)
    space, objective, history = lasting(build_space(spec)), build_objective(spec), learning.worked_out
    general = build_general(spec, space)
    if pool is None and space.is_finite:
        pool = ProductPool(space)
    table, _ = regression_table(space, objective, history)
    why = "the campaign uses no model (surrogate random)" if spec.planner.surrogate == "random" else ""
    try:
        belief = None if why else learning.belief
    except (TooFewPoints, FitError) as error:
        belief, why = None, f"no model could be fitted ({error})"
    if general is not None:
        return best_condition(general, objective, history, belief, pool, seed=seed, why=why)
    if belief is None:
        found = _raw(space, objective, history, table, why)
    else:
        found = best_of_belief(space, objective, history, belief, pool, seed=seed)
    named = found.candidates[: found.front]
    outside = tuple(
        f"{one.label} was measured and {why}" for one in named if (why := why_left_out(space, one.settings))
    )
    return replace(found, notes=(*found.notes, *outside))


def best_of_belief(
    space: Space, objective: Objective, history: History, belief: Belief, pool: Pool | None, *, seed: int
) -> HonestBest:
    """The same, of a belief that was learnt already; without ``pool`` nothing is said of untried candidates."""
    plain, belief = belief, belief.as_measured().as_used()
    if objective.has_classes:
        return hits_of_belief(space, objective, history, belief, pool, seed=seed)
    tried = tried_candidates(space, objective, history)
    if not tried:
        return HonestBest(belief.models[0].name, (), 0, notes=("no candidate has a value for every target yet",))
    with torch.no_grad():
        x = torch.from_numpy(np.array([t.x for t in tried]))
        found = chances(space, objective, history, belief, pool, tried, x, seed=seed)
        means = found.means
        levels = level_chances(objective, plain, x)
        is_few = len(x) <= AS_PREDICTED  # of these another look costs nothing
        draws = drawn_each(objective, belief.models, x, seed=seed)[0] if is_few else found.draws
        intervals = [interval(means[:, i], draws[..., i]) for i in range(len(belief.models))]
    order, front = ranked(objective, means, found.keeps, found.best_of_tried)
    exact_names = {t.name for t in objective.targets if t.is_exact}
    alike = [name for name in without_scale(objective, plain.table) if name not in {*exact_names, *plain.borrowed}]
    exact = certain(space, objective, belief.known, x) if belief.used is None else {}
    believed = tuple(
        Believed(
            settings=tried[k].settings,
            label=space.label(tried[k].settings),
            targets=tuple(
                stated_of(
                    t,
                    float(means[k, i]),
                    (None, None) if t.name in alike else (float(intervals[i][0][k]), float(intervals[i][1][k])),
                    tried[k],
                    is_known=i in exact and bool(exact[i][k]),
                    chances=levels[k].get(t.name, ()),
                )
                for i, t in enumerate(objective.targets)
            ),
            experiments=tried[k].experiments,
            faults=tried[k].faults,
            keeps=float(found.keeps[k]),
            best_of_tried=float(found.best_of_tried[k]),
            best_of_all=None if found.best_of_all is None else float(found.best_of_all[k]),
            score=score_of(objective, means[k]),
        )
        for k in order
    )
    notes = (*found.notes, *said_of(alike), *more_than_told(objective, plain), *belief.premises)
    is_likely = float(found.keeps[order[0]]) >= 0.5
    if not is_likely:
        bounds = "runs as intended" if not has_thresholds(objective) else "keeps the thresholds"
        notes = (*notes, f"no tried candidate is believed more likely than not to be one that {bounds}")
    return HonestBest(
        model=belief.models[0].name,
        candidates=believed,
        front=front,
        luckiest=_luckiest(objective, believed, front),
        untried=found.untried,
        is_bound=found.is_bound,
        notes=notes,
        is_front=not objective.is_scalar,
        is_kept=is_likely or not has_thresholds(objective),
        has_thresholds=has_thresholds(objective),
    )


def _raw(space: Space, objective: Objective, history: History, table: Table, why: str) -> HonestBest:
    """Without a model: means of what was measured, and their spread; exact where ``table`` holds nothing against it."""
    tried = [t for t in tried_candidates(space, objective, history) if t.has_values or not objective.has_classes]
    if not tried:
        return HonestBest("", (), 0, notes=(why, "no candidate has a value for every target yet"))
    note = f"{why}: means of the measured values, which favour the lucky, and no chances"
    if not all(t.has_values for t in tried):
        note += LIMITS_COUNT
    means = torch.tensor([[mean_of(target, t) for target in objective.targets] for t in tried], dtype=torch.float64)
    x = torch.from_numpy(np.array([t.x for t in tried]))
    known = {i: Known.of(TrainingSet.of(table, i)) for i, t in enumerate(objective.targets) if t.is_exact}
    exact = certain(space, objective, known, x)
    keeps = torch.tensor([float(_meets(objective, row)) for row in means.tolist()], dtype=torch.float64)
    order, front = ranked(objective, means, keeps, torch.zeros(len(tried), dtype=torch.float64))
    believed = tuple(
        Believed(
            settings=tried[k].settings,
            label=space.label(tried[k].settings),
            targets=tuple(
                stated_of(
                    t,
                    float(means[k, i]),
                    _spread(t, tried[k]),
                    tried[k],
                    is_known=i in exact and bool(exact[i][k]),
                )
                for i, t in enumerate(objective.targets)
            ),
            experiments=tried[k].experiments,
            faults=tried[k].faults,
            keeps=None,
            best_of_tried=None,
            best_of_all=None,
            score=score_of(objective, means[k]),
        )
        for k in order
    )
    lucky = _luckiest(objective, believed, front)
    is_kept = bool(keeps[order[0]])
    found = HonestBest("", believed, front, lucky, notes=(note,), is_front=not objective.is_scalar, is_kept=is_kept)
    return hits_without_model(found, objective, tried, space) if objective.has_classes else found


def _spread(target: Target, tried: Tried) -> tuple[float | None, float | None]:
    """Smallest and largest of several values; nothing of a single one; what limits leave where there are no values."""
    if values := tried.values[target.name]:
        return (min(values), max(values)) if len(values) > 1 else (None, None)
    low, high = (target.possible(end) for end in between(target, tried))
    return (low, high) if math.isfinite(low) and math.isfinite(high) else (None, None)


def _luckiest(objective: Objective, believed: Sequence[Believed], front: int) -> tuple[Luckiest, ...]:
    """For each target the best single value, or limit on its good side, and whose it is.

    What breaks the threshold of another target was no luck, and is nothing to be told as better.
    """
    found = []
    for i, target in enumerate(objective.targets):
        if not target.is_wanted:
            continue
        values = [
            (target.worth(value), -k, value, sign)
            for k, b in enumerate(believed)
            if _may_keep(objective, b, i)
            for value, sign in _single(target, b.targets[i])
        ]
        if values:
            _, k, value, sign = max(values)
            word = target.shown(value)
            if sign:
                word = f"{sign} {word or f'{in_full(value, target.unit)} {target.unit}'.rstrip()}"
            found.append(Luckiest(target.name, target.unit, value, believed[-k].label, -k >= front, word))
    return tuple(found)


def _may_keep(objective: Objective, one: Believed, but: int) -> bool:
    """Whether a candidate was seen to keep every threshold of the targets besides number ``but``."""
    others = [(t, stated) for i, (t, stated) in enumerate(zip(objective.targets, one.targets, strict=True)) if i != but]
    return all(any(True for _ in _single(t, stated)) for t, stated in others if t.has_bounds)


def _single(target: Target, stated: Stated) -> Iterator[tuple[float, str]]:
    """Values that keep the thresholds, and limits that leave no doubt of it with their sign."""
    yield from ((value, "") for value in stated.values if target.meets(value))
    for limit in () if target.classes else stated.limits:
        low, high = ends_of(target, limit)
        if (value := target.sure(low, high)) is not None:
            known = sign_of(target, value, low, high)
            yield value, "" if known == Qualifier.EQUAL else known


def _meets(objective: Objective, row: Sequence[float]) -> bool:
    return all(t.meets(value) for t, value in zip(objective.targets, row, strict=True))
