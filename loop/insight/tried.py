"""Tried candidates: everything measured at each, in whatever order it came, and how an acquisition function is asked
of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from loop.acquisition.protocol import Question
from loop.belief import Belief
from loop.fidelity import is_real
from loop.history import History, Observation
from loop.objective import Objective, Target
from loop.outcome import Fault, Measured, Measurement, Negative, Qualifier
from loop.record import Settings
from loop.space import Pool, Space
from loop.space.rows import key_of
from loop.space.sifting import Twins

LIMITS_COUNT: Final = "; where there are only limits, these stand for values"  # at the end of a note


@dataclass
class Tried:
    """One candidate that was tried at least once.

    ``values`` and ``limits`` hold the exact readings of each target and those that are limits ("< 5"), ``classes`` of
    a target with classes each as it was told; ``measured`` is how often it gave something, and no answer of no.
    """

    x: NDArray[np.float64]  # (d,)
    settings: Settings
    values: Mapping[str, tuple[float, ...]]
    limits: Mapping[str, tuple[str, ...]]
    experiments: int
    faults: int = field(default=0)
    measured: int = field(default=0)
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def has_values(self) -> bool:
        """Whether every target has an exact value, and not limits alone."""
        return all(self.values.values())


def ends_of(target: Target, limit: str) -> tuple[float, float]:
    """Between which values a limit such as "< 5" or "> small" leaves a reading, infinite on the open side."""
    sign, said = limit.split(maxsplit=1)
    numbers = {word: level for level, word in target.grades.items()}
    number = numbers[said] if said in numbers else float(said)
    return (number, math.inf) if sign == Qualifier.ABOVE else (-math.inf, number)


def mean_of(target: Target, tried: Tried) -> float:
    """The mean of a candidate's values; where it has none, what its limits come nearest to: 95 of "> 95"."""
    if values := tried.values[target.name]:
        return float(np.mean(values))
    low, high = between(target, tried)
    if target.levels is not None and (left := [level for level in target.levels if low < level < high]):
        return left[0] if math.isfinite(low) else left[-1]
    return (low + high) / 2 if math.isfinite(low) and math.isfinite(high) else low if math.isfinite(low) else high


def between(target: Target, tried: Tried) -> tuple[float, float]:
    """What the limits of a candidate leave of a target's values, infinite where nothing limits them."""
    ends = [ends_of(target, limit) for limit in tried.limits[target.name]]
    return max([-math.inf, *(low for low, _ in ends)]), min([math.inf, *(high for _, high in ends)])


def tried_candidates(space: Space, objective: Objective, history: History) -> list[Tried]:
    """Those with a reading of every target, in the order of the record, the real thing alone.

    A candidate whose every answer was no is none of them, and neither is one that only failed. Replicates of one
    candidate are one entry.
    """
    real = [o for o in history.observations if is_real(space, o.made[None])[0]]
    return [
        t
        for t in all_tried(space, objective, real)
        if t.measured and all(t.values[name] or t.limits[name] for name in objective.names)
    ]


def all_tried(space: Space, objective: Objective, observations: Iterable[Observation]) -> list[Tried]:
    """Everything that was tried, whatever came of it, in the order of the record; replicates are one entry.

    What ran by another option is that candidate's, and what ran by nobody knows what is nobody's.
    """
    groups: dict[bytes, list[Observation]] = {}
    for o in observations:
        if not o.is_off:
            groups.setdefault(key_of(o.made), []).append(o)
    words = {t.name: t.grades for t in objective.targets}
    classed = {t.name: t for t in objective.targets if t.classes is not None}
    found = []
    for group in groups.values():
        values: dict[str, list[float]] = {name: [] for name in objective.names}
        limits: dict[str, list[str]] = {name: [] for name in objective.names}
        told: dict[str, list[str]] = {name: [] for name in classed}
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
                            if name in told:
                                told[name].append(_classes(classed[name], mine))
                        else:
                            limits[name].extend(
                                f"{m.qualifier.value} {words[name].get(m.canonical) or f'{m.canonical:g}'}"
                                for m in mine
                            )
                case Fault():
                    faults += bool(o.outcome.informative)
                case _:
                    assert_never(o.outcome)
        found.append(
            Tried(
                group[0].made,
                space.as_tried(group[0].made),
                {name: tuple(v) for name, v in values.items()},
                {name: tuple(v) for name, v in limits.items()},
                ran,
                faults,
                measured,
                {name: tuple(words) for name, words in told.items()},
            )
        )
    return found


def _classes(target: Target, measurements: Sequence[Measurement]) -> str:
    """What one experiment was told to be, channels that differ side by side."""
    return " / ".join(dict.fromkeys(target.told(m) or f"{m.canonical:g}" for m in measurements))


def question_of_tried(
    space: Space, objective: Objective, history: History, belief: Belief, pool: Pool | None, x: Tensor, seed: int
) -> Question:
    """What an acquisition function is asked when the tried candidates ``x``, ``(n, d)``, are judged and none is run."""
    taken = history.tried(x.shape[1])
    return Question(
        space=space,
        objective=objective.on_scale,
        models=belief.models,
        feasibility=belief.feasibility,
        pool=pool,
        observed=x,
        pending=x[:0],
        tried=taken,
        seed=seed,
        twins=Twins.of(space, taken),
    )
