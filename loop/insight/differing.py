"""Differing: whether the results of a target are known to differ at all.

Where they all came out the same, nothing on record says by how much a result may lie above another, and a model that is
asked for it answers with the unit that it happens to calculate in.
"""

from __future__ import annotations

import numpy as np

from loop.objective import Objective, Target
from loop.training import Table


def first_alike(objective: Objective, table: Table) -> str:
    """The first wanted target of which no two results are known to differ, "" where there is none.

    Limits differ from what they leave out: "< 1" from 5, and not from 0.2 or "< 3". Where a result is as good as the
    target can be, nothing is to be known of better ones.
    """
    for i, target in enumerate(objective.targets):
        known = ~np.isnan(table.y[:, i])
        low, high = table.low[known, i], table.high[known, i]
        if target.is_wanted and low.size and low.max() <= high.min() and not _is_utmost(target, low.max(), high.min()):
            return target.name
    return ""


def _is_utmost(target: Target, low: float, high: float) -> bool:
    """Whether what lies between ``low`` and ``high`` is as good as the target can be."""
    if target.value is not None:
        return low == high == target.value
    if target.sign > 0:
        return target.high is not None and low >= target.high
    return target.low is not None and high <= target.low
