"""Conditions that were tried within a scope, and the candidates that were tried with each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.generality import Generality
from loop.insight.tried import Tried
from loop.space.rows import is_among


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


def tried_conditions(general: Generality, tried: Sequence[Tried]) -> TriedConditions:
    """The candidates whose condition is allowed with some substrate, and whose substrate the scope has."""
    notes: tuple[str, ...] = ()
    x = _rows(general, tried)
    conditions = general.conditions(x)
    forbidden = general.first_allowed(conditions) < 0
    if forbidden.any():
        label = general.space.label(general.settings(conditions[forbidden][0]))
        notes = (f"left out: {forbidden.sum()} conditions that are allowed with no substrate, such as {label}",)
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
