"""Predictions: what is believed of any candidates, each by itself, and what was measured of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.belief import Belief, level_chances
from loop.fidelity import fidelity_column
from loop.history import History
from loop.insight.asking import Learning
from loop.insight.chances import drawn_each, standing
from loop.insight.differing import said_of, without_scale
from loop.insight.ranking import certain, has_thresholds, interval, ranked, score_of, stated_of
from loop.insight.statements import Believed, Predicted
from loop.insight.tried import Tried, all_tried
from loop.memory.earlier import Earlier
from loop.objective import Objective
from loop.progress import counted
from loop.space import Category, Space
from loop.space.rows import key_of
from loop.spec import CampaignSpec, build_objective, build_space

TOGETHER: Final = 2_048  # candidates at once
JOINTLY: Final = 256  # of those, where levels and classes have to be drawn


def predict(
    spec: CampaignSpec,
    history: History,
    x: NDArray[np.float64],
    *,
    seed: int,
    earlier: Sequence[Earlier] = (),
    learning: Learning | None = None,
) -> Predicted:
    """What a campaign believes of candidates, from everything observed; the same arguments give the same answer.

    Args:
        spec: A resolved spec.
        history: What was observed.
        x: Coordinates of the candidates, shape ``(n, d)``; they need not lie within the space's bounds.
        seed: Decides the fit and the draws, as of ``loop.insight.best.honest_best``.
        earlier: Earlier campaigns that may tell something of this one.
        learning: What these arguments teach, where others ask for it too; None to learn it.

    Returns:
        What is believed of each candidate, in the order given, and the order of their worth. Intervals are of the true
        value, without the noise of a new measurement.

    Raises:
        TooFewPoints: A target has too few values.
        FitError: No model could be fitted.
        PlanError: The campaign uses none.
    """
    learning = learning or Learning(spec, history, seed=seed, earlier=earlier)
    space, objective, history, plain = build_space(spec), build_objective(spec), learning.worked_out, learning.belief
    exact = {t.name for t in objective.targets if t.is_exact}
    alike = [name for name in without_scale(objective, plain.table) if name not in {*exact, *plain.borrowed}]
    untried_versions = _of_untried_versions(space, objective, plain, x)
    known = {key_of(t.x): t for t in all_tried(space, objective, history.observations)}
    tried = [known.get(key_of(row)) or _untried(space, objective, row) for row in x]
    found: list[Believed] = []
    means: list[Tensor] = []
    step = JOINTLY if any(t.levels is not None or t.classes for t in objective.targets) else TOGETHER
    for start in range(0, len(x), step):
        some = tried[start : start + step]
        mean, believed = _believed(
            space,
            objective,
            plain,
            some,
            {*alike, *plain.unscaled},
            {name: of[start : start + step] for name, of in untried_versions.items()},
            seed,
        )
        means.append(mean)
        found += believed
        if len(x) > step:
            counted("candidates predicted", len(found))
    keeps = torch.tensor([one.keeps for one in found], dtype=torch.float64)
    order, front = ranked(objective, torch.cat(means), keeps, torch.zeros_like(keeps)) if found else ([], 0)
    return Predicted(
        model=plain.models[0].name,
        candidates=tuple(found),
        order=tuple(order),
        front=front,
        notes=(
            *said_of(alike),
            *plain.premises,
            *_unscaled(plain.unscaled),
            *_expected(objective, plain),
            *_said_of_versions(space, x, untried_versions),
        ),
        has_thresholds=has_thresholds(objective),
        may_fail=plain.feasibility.latent is not None,
    )


def _believed(
    space: Space,
    objective: Objective,
    plain: Belief,
    tried: Sequence[Tried],
    alike: set[str],
    untried_versions: Mapping[str, NDArray[np.bool_]],
    seed: int,
) -> tuple[Tensor, list[Believed]]:
    """Means of every target, ``(k, m)``, and what is said of each candidate.

    Of targets that are ``alike`` no interval is given, nor of a version of which nothing of the target was measured.
    """
    belief = plain.as_measured().as_used()
    with torch.no_grad():
        x = torch.from_numpy(np.array([t.x for t in tried]))
        draws, means = drawn_each(objective, belief.models, x, seed=seed)
        went = torch.tensor([t.experiments / max(t.experiments + t.faults, 1) for t in tried], dtype=x.dtype)
        was_tried = torch.tensor([t.experiments + t.faults > 0 for t in tried])
        runs = torch.where(was_tried, went, belief.feasibility.chance(x))
        keeps = standing(objective, draws, runs, seed).double().mean(0)
        levels = level_chances(objective, plain, x)
        ends = [interval(means[:, i], draws[..., i]) for i in range(len(belief.models))]
        exact = certain(space, objective, belief.known, x) if belief.used is None else {}
    found = [
        Believed(
            settings=one.settings,
            label=space.label(one.settings),
            targets=tuple(
                stated_of(
                    t,
                    float(means[k, i]),
                    (None, None)
                    if t.name in alike or untried_versions[t.name][k]
                    else (float(ends[i][0][k]), float(ends[i][1][k])),
                    one,
                    is_known=i in exact and bool(exact[i][k]),
                    chances=levels[k].get(t.name, ()),
                )
                for i, t in enumerate(objective.targets)
            ),
            experiments=one.experiments,
            faults=one.faults,
            keeps=float(keeps[k]),
            best_of_tried=None,
            best_of_all=None,
            score=score_of(objective, means[k]),
        )
        for k, one in enumerate(tried)
    ]
    return means, found


def _untried(space: Space, objective: Objective, x: NDArray[np.float64]) -> Tried:
    nothing: dict[str, tuple[()]] = dict.fromkeys(objective.names, ())
    return Tried(x, space.as_tried(x), nothing, nothing, 0)


def _of_untried_versions(
    space: Space, objective: Objective, belief: Belief, x: NDArray[np.float64]
) -> dict[str, NDArray[np.bool_]]:
    """By target, which of candidates ``x``, ``(n, d)``, are of a version of which no value of it is there: ``(n,)``.

    How far versions lie apart, nothing tells before; where sources speak of the target, they do.
    """
    column, known = fidelity_column(space), ~np.isnan(belief.table.y)
    if column is None:
        return {t.name: np.zeros(len(x), dtype=bool) for t in objective.targets}
    return {
        t.name: ~np.isin(x[:, column], belief.table.x[known[:, i], column]) & (not belief.judged.get(t.name))
        for i, t in enumerate(objective.targets)
    }


def _said_of_versions(
    space: Space, x: NDArray[np.float64], untried: Mapping[str, NDArray[np.bool_]]
) -> tuple[str, ...]:
    column = fidelity_column(space)
    if column is None:
        return ()
    versions = space.parameters[column]
    assert isinstance(versions, Category)
    return tuple(
        f"no {name} was measured with {versions.name} {' or '.join(options)} yet: what is said of it there is what the "
        "other versions give, without an interval, since nothing tells how far off they are"
        for name, which in untried.items()
        if (options := [versions.options[int(v)] for v in np.unique(x[which, column])])
    )


def _unscaled(names: frozenset[str]) -> tuple[str, ...]:
    if not names:
        return ()
    which = " and of ".join(sorted(names))
    return (f"of {which} an order is believed so far and no value: tell results first",)


def _expected(objective: Objective, belief: Belief) -> tuple[str, ...]:
    """That nothing but sources speaks for targets of which no result is there yet."""
    y = belief.table.y
    names = [t.name for i, t in enumerate(objective.targets) if np.isnan(y[:, i]).all()]
    names = [name for name in names if name not in belief.unscaled]
    if not names:
        return ()
    was, it = ("was", "it") if len(names) == 1 else ("were", "them")
    return (f"{' and '.join(names)} {was} not measured yet: what is said of {it} is what the sources expect",)
