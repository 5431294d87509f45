"""Open limits: values of which only one side is known, where a target does not say what it can be at all."""

from __future__ import annotations

from typing import Final

import numpy as np

from loop.objective import Objective
from loop.training import Table

MANY: Final = 0.2  # of a target's values: of fewer the exact ones tell enough


def notes_on_open_limits(objective: Objective, table: Table) -> tuple[str, ...]:
    """A note for each target and side on which many values of ``table`` are open, with what would close them.

    What a model believes of an open value is decided by its neighbours and its prior, and so lies near the limit.
    """
    notes = []
    for i, target in enumerate(objective.targets):
        if (
            target.levels is not None or target.expression is not None
        ):  # nothing else can be measured, or none is learnt
            continue
        measured = int(np.isfinite(table.y[:, i]).sum())
        for sign, ends, key, most in ((">", table.high, "high", "at most"), ("<", table.low, "low", "at least")):
            n = int((np.isinf(ends[:, i]) & np.isfinite(table.y[:, i])).sum())
            if n >= max(2, MANY * measured):
                notes.append(
                    f"{n} of {measured} values of {target.name} are limits ({sign}), and nothing says what it can be "
                    f"{most}, so the models may stay too near these limits; where you know it, write {key}: under "
                    f"objective.{target.name}"
                )
    return tuple(notes)
