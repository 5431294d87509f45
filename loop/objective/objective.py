"""One or several targets, traded off: which results are the best, and what each is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from loop.errors import ObjectiveError
from loop.objective.goals import Goal, Tradeoff
from loop.objective.target import Target


@dataclass(frozen=True, slots=True)
class Objective:
    """One or several targets, and how they are traded off."""

    targets: tuple[Target, ...]
    tradeoff: Tradeoff = Tradeoff.PARETO

    def __post_init__(self) -> None:
        if not self.targets:
            raise ObjectiveError("the objective names no target; name at least one, such as yield")
        if not self.wanted:
            raise ObjectiveError(
                f"the objective only keeps {', '.join(self.names)}; give a target the goal maximize, minimize or match"
            )
        if self.tradeoff is Tradeoff.PARETO:
            return
        if len(self.wanted) == 1:
            raise ObjectiveError(
                f"tradeoff {self.tradeoff.value!r} weighs several targets and the objective optimises one; remove it"
            )
        for t in self.wanted:
            if t.goal is Goal.MATCH and t.within is None:
                raise ObjectiveError(f"target {t.name!r}: tradeoff {self.tradeoff.value!r} needs within; add it")
            if t.is_log and t.goal is not Goal.MATCH and t.on_scale.scale is None:
                raise ObjectiveError(
                    f"target {t.name!r}: tradeoff {self.tradeoff.value!r} needs to know what it is worth on its "
                    "logarithmic scale; add desirable: {from: ..., to: ...}, both above zero"
                )
            if t.goal is not Goal.MATCH and t.scale is None:
                raise ObjectiveError(
                    f"target {t.name!r}: tradeoff {self.tradeoff.value!r} needs to know what it is worth; "
                    "add desirable: {from: ..., to: ...}, or low and high"
                )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(t.name for t in self.targets)

    @property
    def units(self) -> dict[str, str]:
        return {t.name: t.unit for t in self.targets}

    @property
    def measured_units(self) -> dict[str, str]:
        """The units of what a laboratory is asked for."""
        return {t.name: t.unit for t in self.measured}

    @property
    def wanted(self) -> tuple[Target, ...]:
        """The targets of which more, less or a value is wanted, in order: all but those that only keep thresholds."""
        return tuple(t for t in self.targets if t.is_wanted)

    @property
    def is_cautious(self) -> bool:
        """Whether what is proposed must be believed to keep some threshold."""
        return any(t.cautious is not None for t in self.targets)

    @property
    def on_scale(self) -> Objective:
        """The objective as models learn it and planning weighs it: each target ``on_scale``."""
        return replace(self, targets=tuple(t.on_scale for t in self.targets)) if self.has_logs else self

    @property
    def has_logs(self) -> bool:
        """Whether a target is learnt on a logarithmic scale."""
        return any(t.is_log for t in self.targets)

    @property
    def measured(self) -> tuple[Target, ...]:
        """The targets that are measured, in order: all but those that are derived from them."""
        return tuple(t for t in self.targets if t.expression is None)

    @property
    def is_scalar(self) -> bool:
        """Whether results can be ranked by one number; a Pareto front of several targets cannot."""
        return len(self.wanted) == 1 or self.tradeoff is not Tradeoff.PARETO

    @property
    def signs(self) -> NDArray[np.float64]:
        """Shape ``(m,)``: multiply values by it and larger is better; 0 where a value is matched or only kept."""
        return np.array([t.sign for t in self.targets])

    def keeps(self, row: Mapping[str, float]) -> bool:
        """Whether a row of values keeps every threshold; what has one must be there."""
        return all(t.meets(row[t.name]) if t.name in row else not t.has_bounds for t in self.targets)

    def breakable(self, target: Target) -> tuple[float, float]:
        """The thresholds of a target that a result may break though it is better than one that keeps them all.

        As ``Target.bounds``, and infinite where there is none: more of a target keeps what less of it kept. A front is
        counted from its thresholds, and a desirability is nothing where a merit is. A weighted mean may be better for
        another target, so all of its thresholds may break.
        """
        low, high = target.bounds
        if not target.is_wanted or self.tradeoff is Tradeoff.WEIGHTED:
            return low, high
        if target.goal is Goal.MATCH:
            within = target.within
            is_kept = within is not None and all(math.isclose(target.worth(end), -within) for end in (low, high))
            return (-math.inf, math.inf) if is_kept else (low, high)
        if self.tradeoff is Tradeoff.DESIRABILITY and target.merit(low if target.sign > 0 else high) > 0.0:
            return low, high
        return (-math.inf, high) if target.sign > 0 else (low, math.inf)

    @property
    def tells_hits(self) -> bool:
        """Whether results are hits or none: every wanted target says so."""
        return all(t.tells_hits for t in self.wanted)

    @property
    def has_classes(self) -> bool:
        """Whether every wanted target is told in classes, so that nothing but hits can be looked for."""
        return all(t.classes is not None for t in self.wanted)

    def is_hit(self, row: Mapping[str, float]) -> bool | None:
        """Whether a row of values is a hit in every target; None where it lacks one that decides."""
        asked = [t for t in self.targets if t.tells_hits]
        if any(not t.is_hit(row[t.name]) for t in asked if t.name in row):
            return False
        return True if asked and all(t.name in row for t in asked) else None

    def score(self, row: Mapping[str, float]) -> float:
        """The one number to maximise, of a row that has every wanted target; see ``is_scalar``.

        The worth of a single target, in its unit; the desirability, 0 to 1; or the weighted mean of merits.
        """
        return _combined(self, [row[t.name] for t in self.wanted])

    def best(self, rows: Sequence[Mapping[str, float]]) -> tuple[int, ...]:
        """Indices of the best rows: the single best that keeps the thresholds, or the Pareto front.

        Rows that lack a wanted target or break a threshold are passed over; where all break one, thresholds are
        ignored.
        """
        complete = [i for i, row in enumerate(rows) if all(t.name in row for t in self.wanted)]
        keeping = [i for i in complete if self.keeps(rows[i])]
        chosen = keeping or complete
        if not chosen:
            return ()
        if self.is_scalar:
            return (max(chosen, key=lambda i: self.score(rows[i])),)
        values = np.array([[t.worth(rows[i][t.name]) for t in self.wanted] for i in chosen])
        front = [k for k, v in enumerate(values) if not ((values >= v).all(axis=1) & (values > v).any(axis=1)).any()]
        return tuple(chosen[k] for k in front)


def _combined(objective: Objective, values: Sequence[float]) -> float:
    """The score of one row from the values of the wanted targets, in order."""
    wanted = objective.wanted
    if len(wanted) == 1:
        return float(wanted[0].worth(values[0]))
    merits = [float(t.merit(v)) for t, v in zip(wanted, values, strict=True)]
    total = sum(t.weight for t in wanted)
    if objective.tradeoff is Tradeoff.WEIGHTED:
        return sum(t.weight * m for t, m in zip(wanted, merits, strict=True)) / total
    limited = [min(max(m, 0.0), 1.0) for m in merits]
    return math.prod(float(m ** (t.weight / total)) for t, m in zip(wanted, limited, strict=True))
