"""Believed worlds: what a campaign's results leave possible, one world for each play.

Models that learnt from all results have one noise and one lengthscale, and are surer of them than they should be. So
each world is drawn from what is believed of a part of the results, another part for each: worlds differ in all that
the models might have made of them. What was measured of an exact target, is known to be a hit or none, or ran or
failed, is so in every world.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

import numpy as np

from loop.belief import Belief
from loop.derived import derived
from loop.errors import FitError, PlanError, TooFewPoints
from loop.history import History
from loop.insight.asking import belief_of
from loop.insight.differing import first_alike, without_scale
from loop.memory.earlier import Earlier
from loop.objective import Objective
from loop.outcome import CANNOT_KIND, Fault
from loop.rehearsal.drawn import DrawnWorld
from loop.rehearsal.worlds import World
from loop.space import Space
from loop.space.rows import key_of
from loop.spec import CampaignSpec, build_objective
from loop.training import feasibility_table
from loop.values import sure_of, values_of
from loop.working import workings_of

T = TypeVar("T")

PART: Final = 0.7  # of the results, beside the best, from which a world is drawn (docs/decisions/0122)


def believed_worlds(
    spec: CampaignSpec, space: Space, history: History, earlier: Sequence[Earlier] = (), *, seed: int
) -> Callable[[int], World]:
    """The world of each play by its number, the same each time it is asked for.

    Raises:
        TooFewPoints: A target has too few values.
        FitError: No model could be fitted.
        PlanError: The campaign uses none, or of a target that is wanted no two results are known to differ: nothing
            tells then how far others may lie from them.
    """
    history = derived(spec, history)
    objective, failing = build_objective(spec), _failing(history)
    labels, ran = _labels(objective, history), _ran(space, history)
    whole = belief_of(spec, space, objective, history, earlier, seed=seed)
    if alike := first_alike(objective, whole.table):
        raise PlanError(f"no two results of {alike} are known to differ, so nothing tells how far others may lie apart")
    same = without_scale(objective, whole.table)
    sure = [sure_of(o.outcome, objective) for o in history.observations]
    best = objective.best([{name: value for name, (value, _) in row.items()} for row in sure])
    last: tuple[int, Belief] = (-1, whole)

    def world(number: int) -> World:
        nonlocal last
        if last[0] != number:
            part = _part(history, best, np.random.default_rng([seed, number]))
            try:
                mine = replace(belief_of(spec, space, objective, part, earlier, seed=seed), known=whole.known)
                # a part in which all came out the same has lost what tells how far results lie apart
                last = number, mine if without_scale(objective, mine.table) == same else whole
            except (TooFewPoints, FitError):
                last = number, whole
        return DrawnWorld(
            objective,
            last[1].as_measured(),
            failing,
            seed=seed + number,
            labels=labels,
            ran=ran,
            workings=workings_of(objective, space),
        )

    return world


def _part(history: History, best: Sequence[int], rng: np.random.Generator) -> History:
    """The best results, which are what a play has to improve on, and a part of the others."""
    seen = history.observations
    others = [i for i in range(len(seen)) if i not in best]
    drawn = rng.choice(others, math.ceil(PART * len(others)), replace=False).tolist() if others else []
    return replace(history, observations=tuple(seen[i] for i in sorted((*best, *drawn))))


def _labels(objective: Objective, history: History) -> dict[str, dict[bytes, float]]:
    """Of each target with classes, the class of every candidate whose results agree, which stays what it is."""
    said: dict[str, dict[bytes, set[float]]] = {t.name: {} for t in objective.targets if t.classes is not None}
    for o in history.observations:
        for name, value in values_of(o.outcome).items():
            if name in said:
                said[name].setdefault(key_of(o.made), set()).add(value)
    return {name: _agreed(rows) for name, rows in said.items()}


def _ran(space: Space, history: History) -> dict[bytes, bool]:
    """Whether each candidate ran as intended whose results agree on that."""
    said: dict[bytes, set[bool]] = {}
    for x, ran in zip(*feasibility_table(history, len(space.parameters)), strict=True):
        said.setdefault(key_of(x), set()).add(bool(ran))
    return _agreed(said)


def _agreed(said: Mapping[bytes, set[T]]) -> dict[bytes, T]:
    return {key: next(iter(values)) for key, values in said.items() if len(values) == 1}


def _failing(history: History) -> Fault:
    """What comes of a candidate that does not run as intended: what came of the last that did not.

    Where only a person said so, of what was never tried, it is as if a person said so again.
    """
    told = [o.outcome for o in history.observations if isinstance(o.outcome, Fault) and o.outcome.informative]
    return told[-1] if told else Fault.of(CANNOT_KIND, "it cannot be made in this world")
