"""Believed worlds: what a campaign's results leave possible, one world for each play.

Models that learnt from all results have one noise and one lengthscale, and are surer of them than they should be. So
each world is drawn from what is believed of a part of the results, another part for each: worlds differ in all that
the models might have made of them. What was measured of an exact target, or is known to be a hit or none, is so in
every world.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from loop.belief import Belief
from loop.errors import FitError, TooFewPoints
from loop.history import History
from loop.insight.asking import belief_of
from loop.memory.earlier import Earlier
from loop.objective import Objective
from loop.outcome import Fault, Negative, Outcome
from loop.rehearsal.drawn import DrawnWorld
from loop.rehearsal.worlds import World
from loop.space import Space
from loop.space.rows import key_of
from loop.spec import CampaignSpec, build_objective
from loop.values import sure_of, values_of

PART: Final = 0.7  # of the results, beside the best, from which a world is drawn (docs/decisions/0122)


def believed_worlds(
    spec: CampaignSpec, space: Space, history: History, earlier: Sequence[Earlier] = (), *, seed: int
) -> Callable[[int], World]:
    """The world of each play by its number, the same each time it is asked for.

    Raises:
        TooFewPoints: A target has too few values.
        FitError: No model could be fitted.
        PlanError: The campaign uses none.
    """
    objective, failing = build_objective(spec), _failing(history)
    labels = _labels(objective, history)
    whole = belief_of(spec, space, objective, history, earlier, seed=seed)
    sure = [sure_of(o.outcome, objective) for o in history.observations]
    best = objective.best([{name: value for name, (value, _) in row.items()} for row in sure])
    last: tuple[int, Belief] = (-1, whole)

    def world(number: int) -> World:
        nonlocal last
        if last[0] != number:
            part = _part(history, best, np.random.default_rng([seed, number]))
            try:
                last = number, replace(belief_of(spec, space, objective, part, earlier, seed=seed), known=whole.known)
            except (TooFewPoints, FitError):
                last = number, whole
        return DrawnWorld(objective, last[1].as_measured(), failing, seed=seed + number, labels=labels)

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
                said[name].setdefault(key_of(o.x), set()).add(value)
    return {
        name: {key: next(iter(values)) for key, values in rows.items() if len(values) == 1}
        for name, rows in said.items()
    }


def _failing(history: History) -> Outcome | None:
    """What comes of a candidate that does not run as intended: what came of the last that did not."""
    outcomes = [o.outcome for o in history.observations]
    told = [o for o in outcomes if isinstance(o, Negative) or (isinstance(o, Fault) and o.informative)]
    return told[-1] if told else None
