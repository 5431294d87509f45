"""Conditions that were tried within a scope, and the candidates that were tried with each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from loop.generality import Generality
from loop.history import History
from loop.insight.tried import Tried
from loop.outcome import Fault, Measured, Negative, Qualifier
from loop.space.rows import is_among, key_of
from loop.wording import plural


@dataclass(frozen=True)
class TriedConditions:
    """What was tried within the scope.

    Attributes:
        x: The candidates, shape ``(n, d)``.
        conditions: Those that they have, shape ``(c, parameters beside the scope's)``.
        mine: For each condition the candidates with it.
        notes: On what was left out.
    """

    x: NDArray[np.float64]
    conditions: NDArray[np.float64]
    mine: Sequence[Sequence[Tried]]
    notes: tuple[str, ...]


@dataclass
class Answers:
    """What came of one candidate beside values: limits, answers of no without one, and faults that say something."""

    is_read: bool = False  # a value or a limit is there too
    limits: list[str] = field(default_factory=list)  # such as "< 5"
    negatives: int = 0
    faults: int = 0

    @property
    def is_silent(self) -> bool:
        """Whether models have nothing of it but that it ran, or did not."""
        return not self.is_read and self.negatives + self.faults > 0


def answers_of(general: Generality, history: History) -> Mapping[bytes, Answers]:
    """What came of each candidate that was tried, by its coordinates (``key_of``)."""
    found: dict[bytes, Answers] = {}
    for o in history.observations:
        one = found.setdefault(key_of(o.made), Answers())
        match o.outcome:
            case Measured(measurements) | Negative(_, measurements):
                mine = [m for m in measurements if m.property == general.target.name]
                one.is_read |= bool(mine)
                one.limits += [
                    f"{m.qualifier.value} {m.canonical:g}" for m in mine if m.qualifier is not Qualifier.EQUAL
                ]
                one.negatives += isinstance(o.outcome, Negative) and not mine
            case Fault():
                one.faults += bool(o.outcome.informative)
            case _:
                assert_never(o.outcome)
    return found


def tried_conditions(general: Generality, tried: Sequence[Tried]) -> TriedConditions:
    """The candidates whose condition is allowed with some substrate, and whose substrate the scope has."""
    notes: tuple[str, ...] = ()
    x = _rows(general, tried)
    conditions = general.conditions(x)
    forbidden = general.first_allowed(conditions) < 0
    if forbidden.any():
        label = general.space.label(general.settings(conditions[forbidden][0]))
        of = plural(int(forbidden.sum()), "condition that is", "conditions that are")
        notes = (f"left out: {of} allowed with no substrate, such as {label}",)
        is_kept = is_among(x[:, general.rest], conditions[~forbidden])
        tried = [t for t, kept in zip(tried, is_kept, strict=True) if kept]
        x = _rows(general, tried)
    inside = is_among(x[:, list(general.columns)], general.substrates)
    if not inside.all():
        label = general.space.label(tried[int((~inside).argmax())].settings)
        told = f"{(~inside).sum()} candidates with substrates that the scope lacks, such as {label}, inform models only"
        notes = (*notes, told)
        tried = [t for t, kept in zip(tried, inside, strict=True) if kept]
        x = x[inside]
    conditions = general.conditions(x)
    mine = [
        [t for t, same in zip(tried, is_among(x[:, general.rest], c[None]), strict=True) if same] for c in conditions
    ]
    return TriedConditions(x, conditions, mine, notes)


def _rows(general: Generality, tried: Sequence[Tried]) -> NDArray[np.float64]:
    return np.array([t.x for t in tried]).reshape(len(tried), len(general.space.parameters))
