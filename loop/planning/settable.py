"""The batch in numbers that can be set: what the planner chose is rounded, what people or earlier rounds said stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from loop.planning.pick import Pick
from loop.planning.situation import Situation
from loop.record import Arm
from loop.space.rounding import rounded, rounded_alike

CHOSEN = frozenset({Arm.INITIAL, Arm.MODEL, Arm.CONTROL})


def in_settable_numbers(s: Situation, picks: Sequence[Pick]) -> list[Pick]:
    """The picks with continuous numbers rounded (``loop.space.rounding``).

    What wells of a plate share is the same in all of them before and after, in control wells too.
    """
    if s.space.is_finite:
        return list(picks)
    x = np.array([p.x for p in picks])
    by_people = np.array([p.arm is Arm.MANUAL for p in picks])
    known, shared = np.vstack([s.tried, x[by_people]]), set[int]()
    if s.plate is not None:
        shared = {one.column for one in s.plate.shared} | set(s.plate.at_most)
        known = known if s.plate.control is None else np.vstack([known, s.plate.control])
        x[~by_people] = rounded_alike(s.space, x[~by_people], known, shared)
    is_free = [p.arm in CHOSEN and not p.is_centre for p in picks]  # centre points are in settable numbers
    chosen = {x[i].tobytes(): x[i] for i in np.flatnonzero(is_free)}  # replicates beside them once
    rows = rounded(s.space, np.array(list(chosen.values())).reshape(-1, x.shape[1]), known, shared)
    new = dict(zip(chosen, rows, strict=True))
    return [
        replace(p, x=row if p.arm in (Arm.MANUAL, Arm.REFERENCE) else new.get(row.tobytes(), row))
        for p, row in zip(picks, x, strict=True)
    ]
