"""Differing: whether the results of a target are known to differ at all.

Where they all came out the same, nothing on record says by how much a result may lie above another, and a model that is
asked for it answers with the unit that it happens to calculate in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from loop.objective import Objective, Target
from loop.training import Table


def first_alike(objective: Objective, table: Table) -> str:
    """The first wanted target of which no two results are known to differ, "" where there is none.

    Limits differ from what they leave out: "< 1" from 5, and not from 0.2 or "< 3". Where a result is as good as the
    target can be, nothing is to be known of better ones.
    """
    for i, target in enumerate(objective.targets):
        ends = _common(table, i)
        if target.is_wanted and ends is not None and not _is_utmost(target, *ends):
            return target.name
    return ""


def without_scale(objective: Objective, table: Table) -> tuple[str, ...]:
    """Every target of which no two results are known to differ: nothing tells how far true values lie apart."""
    return tuple(target.name for i, target in enumerate(objective.targets) if _common(table, i) is not None)


def said_of(alike: Sequence[str]) -> tuple[str, ...]:
    """That no interval is given of these targets, in words; nothing where there are none."""
    if not alike:
        return ()
    return (
        f"no two results of {' or of '.join(alike)} are known to differ, so nothing tells how far from them a true "
        "value may lie, and no interval is given",
    )


def _common(table: Table, i: int) -> tuple[float, float] | None:
    """Between what all results of target number ``i`` may lie as one value; None where two differ, or there is none."""
    known = ~np.isnan(table.y[:, i])
    low, high = table.low[known, i], table.high[known, i]
    return (float(low.max()), float(high.min())) if low.size and low.max() <= high.min() else None


def _is_utmost(target: Target, low: float, high: float) -> bool:
    """Whether what lies between ``low`` and ``high`` is as good as the target can be."""
    if target.value is not None:
        return low == high == target.value
    if target.sign > 0:
        return target.high is not None and low >= target.high
    return target.low is not None and high <= target.low
