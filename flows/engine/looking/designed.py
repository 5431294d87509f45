"""What the first, classical design of a campaign tells by itself, from the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.engine.looking.histories import history_of
from flows.engine.looking.view import View
from loop.outcome import Fault
from loop.record import Arm
from loop.spec import build_objective
from loop.values import limits_of, values_of
from loop.wording import plural

if TYPE_CHECKING:
    from loop.insight.designed import Designed


def designed_of(view: View) -> tuple[Designed, ...]:
    """What it tells of each target that is a number; nothing of other designs, and of too few results.

    Results count that the design asked for, and those told at points of it.
    """
    from loop.design import CLASSICAL, WHOLE, points_of
    from loop.errors import SpaceError
    from loop.space.rows import key_of
    from loop.spec.checks.designing import wish_of

    initial = view.spec.planner.initial
    if initial.design not in CLASSICAL:
        return ()
    import numpy as np

    from loop.insight.designed import designed

    points: set[bytes] = set()
    if initial.design in WHOLE:
        try:
            points = {key_of(row) for row in points_of(wish_of(initial, 0, view.spec.planner.copies), view.space)}
        except SpaceError:  # a changed file has no such design any more
            return ()
    asked = {o.id for o in view.counted if o.arm is Arm.INITIAL}
    history, _ = history_of(view.spec, view.space, view.counted, ())
    mine = [o for o in history.observations if o.id in asked or (o.is_told and key_of(o.x) in points)]
    is_random = all(o.id in asked for o in mine) and not (view.spec.costs and view.spec.costs.switch)
    found = []
    for target in build_objective(view.spec).measured:
        if target.levels is not None or target.classes is not None:
            continue
        values = [(o.at, v) for o in mine if (v := values_of(o.outcome).get(target.name)) is not None]
        rows = [(at, v) for at, v in values if not target.is_log or v > 0.0]
        if not rows:
            continue
        limits = sum(target.name in limits_of(o.outcome) for o in mine)
        faults = sum(isinstance(o.outcome, Fault) for o in mine)
        left = [plural(n, what) for n, what in ((limits, "limit"), (faults, "failure")) if n]
        left_out = f"{' and '.join(left)} of it {'is' if limits + faults == 1 else 'are'} left out, which may mislead"
        told = designed(
            view.space,
            target,
            initial.design,
            np.array([at for at, _ in rows]),
            np.array([target.scaled(v) for _, v in rows]),
            order=initial.model,
            notes=(left_out,) if left else (),
            is_random=is_random,
        )
        if told is not None:
            found.append(told)
    return tuple(found)
