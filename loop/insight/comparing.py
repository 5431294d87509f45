"""Two candidates compared: by how much one is better than the other, with an interval and the chance that it is.

Two intervals that overlap say little of a difference: what is in doubt of both at once (the level of a series, what
they have in common) is in none of it. So both are drawn together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.belief import Belief
from loop.errors import PlanError
from loop.insight.chances import DRAWS, doubted, worth
from loop.insight.differing import said_of, without_scale
from loop.insight.ranking import interval
from loop.insight.statements import Compared, Comparison
from loop.objective import SCORES, Objective, Target
from loop.space import Space
from loop.surrogates.mixture import shuffle_targets
from loop.surrogates.protocol import drawn


def compared(
    space: Space,
    objective: Objective,
    belief: Belief,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    *,
    by: Mapping[str, float],
    seed: int,
) -> Comparison:
    """What is believed of ``first`` against ``second``, coordinates ``(d,)`` each.

    Args:
        by: Of targets that are wanted, by how much better the first has to be, in the unit, on a logarithmic scale as a
            factor.
        seed: Decides the draws.

    Raises:
        PlanError: They are one candidate, or ``by`` names a target of which neither more nor less is wanted, or of no
            difference.
    """
    if (first == second).all():
        raise PlanError(
            f"{space.label(space.settings(first))} is compared with itself; name another candidate, such as today's"
        )
    for name, much in by.items():
        _check(objective, name, much)
    notes = (*said_of(alike := _alike(objective, belief)), *belief.premises)
    believed = belief.as_measured().as_used()
    x = torch.from_numpy(np.array([first, second]))
    with torch.no_grad():
        said = [
            (drawn if t.levels is not None else doubted)(m, x, DRAWS, seed=seed + 31 * i)
            for i, (m, t) in enumerate(zip(believed.models, objective.targets, strict=True))
        ]
        draws = torch.stack([one for one, _ in said], dim=-1)
        shuffle_targets(draws, seed)
        runs = belief.feasibility.chance(x).tolist()
    targets = tuple(
        _of_target(t, draws[..., i], said[i][1], None if t.name in alike else by.get(t.name, 0.0), t.name in by)
        for i, t in enumerate(objective.targets)
        if not t.is_only_measured
    )
    several = len(objective.wanted) > 1 and not alike
    told = (space.settings(first), space.settings(second))
    return Comparison(
        settings=told,
        labels=(space.label(told[0]), space.label(told[1])),
        model=belief.models[0].name,
        targets=targets,
        better=_better(objective, draws) if several else None,
        score=(SCORES.get(objective.tradeoff) or "") if several else "",
        runs=(runs[0], runs[1]) if belief.feasibility.faults else None,
        notes=notes,
    )


def _check(objective: Objective, name: str, much: float) -> None:
    target = next((t for t in objective.wanted if t.name == name), None)
    if target is None:
        wanted = ", ".join(t.name for t in objective.wanted)
        raise PlanError(f"{name!r} is no target that is wanted more, less or near a value; those are {wanted}")
    if target.classes is not None:
        raise PlanError(f"{name} is told in classes, of which none is better by so much; leave it out")
    least = 1.0 if target.is_log else 0.0
    if not (math.isfinite(much) and much > least):
        what = "a factor above 1" if target.is_log else f"above zero, in {target.unit or 'its unit'}"
        raise PlanError(f"how much better {name} has to be is {what}, got {much:g}")


def _alike(objective: Objective, belief: Belief) -> list[str]:
    """Targets of which no two results are known to differ, so that nothing tells how far apart others lie."""
    exact = {t.name for t in objective.targets if t.is_exact}
    return [name for name in without_scale(objective, belief.table) if name not in {*exact, *belief.borrowed}]


def _of_target(target: Target, draws: Tensor, means: Tensor, by: float | None, is_asked: bool) -> Compared:
    """One target by ``draws``, ``(s, 2)``, and ``means``, ``(2,)``, on its scale; ``by`` is None where it has none."""
    first, second = target.in_unit(means).tolist()
    apart, middle = draws[:, 0] - draws[:, 1], means[:1] - means[1:]
    low, high = interval(middle, apart[:, None])
    ends = [float(middle), float(low), float(high)]
    if target.is_log:
        ends = [10.0**end for end in ends]
    keeps = None
    on_scale = target.on_scale
    if target.has_bounds:
        least, most = on_scale.bounds
        kept = ((draws >= least) & (draws <= most)).double().mean(0).tolist()
        keeps = (kept[0], kept[1])
    better = enough = None
    if target.is_wanted and by is not None:
        gain = on_scale.worth(draws[:, 0]) - on_scale.worth(draws[:, 1])
        better = float((gain > 0.0).double().mean()) + float((gain == 0.0).double().mean()) / 2
        asked = float(np.log10(by)) if target.is_log and is_asked else by
        enough = float((gain >= asked).double().mean()) if is_asked else None
    return Compared(
        name=target.name,
        unit=target.unit,
        first=first,
        second=second,
        difference=ends[0],
        low=None if by is None else ends[1],
        high=None if by is None else ends[2],
        is_factor=target.is_log,
        better=better,
        enough=enough,
        asked=by if is_asked else None,
        keeps=keeps,
    )


def _better(objective: Objective, draws: Tensor) -> float:
    """The chance that the first is better in everything that is wanted, or by the score: of ``(s, 2, m)``."""
    value = worth(objective.on_scale, draws)
    return float((value[:, 0] > value[:, 1]).all(-1).double().mean())
