"""Tried candidates: everything measured at each, in whatever order it came, and how an acquisition function is asked
of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from loop.acquisition.protocol import Question
from loop.belief import Belief
from loop.fidelity import is_real
from loop.history import History, Observation
from loop.objective import Objective
from loop.outcome import Fault, Measured, Negative, Qualifier
from loop.record import Settings
from loop.space import Pool, Space
from loop.space.sifting import Twins


@dataclass
class Tried:
    """One candidate that was measured at least once.

    ``values`` and ``limits`` hold the exact readings of each target and those that are limits ("< 5").
    """

    x: NDArray[np.float64]  # (d,)
    settings: Settings
    values: Mapping[str, tuple[float, ...]]
    limits: Mapping[str, tuple[str, ...]]
    experiments: int
    faults: int = field(default=0)

    @property
    def has_values(self) -> bool:
        """Whether every target has an exact value."""
        return all(self.values.values())


def tried_candidates(space: Space, objective: Objective, history: History) -> list[Tried]:
    """Those with a reading of every target, in the order of the record.

    A candidate whose every answer was no is none of them, and neither is one that only failed. Replicates of one
    candidate are one entry.
    """
    groups: dict[bytes, list[Observation]] = {}
    for o in history.observations:
        if not is_real(space, o.x[None])[0]:
            continue
        groups.setdefault((o.x + 0.0).tobytes(), []).append(o)  # adding zero turns -0.0 into 0.0
    words = {t.name: t.grades for t in objective.targets}
    found = []
    for group in groups.values():
        values: dict[str, list[float]] = {name: [] for name in objective.names}
        limits: dict[str, list[str]] = {name: [] for name in objective.names}
        ran = measured = faults = 0
        for o in group:
            match o.outcome:
                case Measured(measurements) | Negative(_, measurements):
                    ran += 1
                    measured += isinstance(o.outcome, Measured)
                    for name in objective.names:
                        mine = [m for m in measurements if m.property == name]
                        exact = [m.canonical for m in mine if m.qualifier is Qualifier.EQUAL]
                        if exact:
                            values[name].append(float(np.mean(exact)))
                        else:
                            limits[name].extend(
                                f"{m.qualifier.value} {words[name].get(m.canonical) or f'{m.canonical:g}'}"
                                for m in mine
                            )
                case Fault():
                    faults += bool(o.outcome.informative)
                case _:
                    assert_never(o.outcome)
        if measured and all(values[name] or limits[name] for name in objective.names):
            found.append(
                Tried(
                    group[0].x,
                    space.as_tried(group[0].x),
                    {name: tuple(v) for name, v in values.items()},
                    {name: tuple(v) for name, v in limits.items()},
                    ran,
                    faults,
                )
            )
    return found


def question_of_tried(
    space: Space, objective: Objective, history: History, belief: Belief, pool: Pool | None, x: Tensor, seed: int
) -> Question:
    """What an acquisition function is asked when the tried candidates ``x``, ``(n, d)``, are judged and none is run."""
    taken = history.tried(x.shape[1])
    return Question(
        space=space,
        objective=objective,
        models=belief.models,
        feasibility=belief.feasibility,
        pool=pool,
        observed=x,
        pending=x[:0],
        tried=taken,
        seed=seed,
        twins=Twins.of(space, taken),
    )
