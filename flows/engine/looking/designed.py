"""What the first, classical design of a campaign tells by itself, from the record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from flows.engine.looking.histories import history_of
from flows.engine.looking.view import View
from loop.outcome import Fault
from loop.record import Arm
from loop.spec import build_objective
from loop.values import limits_of, values_of
from loop.wording import plural

if TYPE_CHECKING:
    from loop.history import Observation
    from loop.insight.designed import Designed

UNKNOWN: Final = "unknown"  # where nothing says in which block, or on which day, a result was made


def designed_of(view: View) -> tuple[Designed, ...]:
    """What it tells of each target that is a number; nothing of other designs, and of too few results.

    Results count that the design asked for, and those told at points of it. Differences between its blocks, and by what
    the campaign file says has effects of its own, are taken out.
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
    groups = _groups(view, history.observations)
    mine = [o for o in history.observations if o.id in asked or (o.is_told and key_of(o.x) in points)]
    is_random = all(o.id in asked for o in mine) and not (view.spec.costs and view.spec.costs.switch)
    found = []
    for target in build_objective(view.spec).targets:
        if target.levels is not None or target.classes is not None:
            continue
        values = [(o, v) for o in mine if (v := values_of(o.outcome).get(target.name)) is not None]
        rows = [(o, v) for o, v in values if not target.is_log or v > 0.0]
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
            np.array([o.at for o, _ in rows]),
            np.array([target.scaled(v) for _, v in rows]),
            order=initial.model,
            groups={name: [labels[o.id] for o, _ in rows] for name, labels in groups.items()},
            notes=(left_out,) if left else (),
            is_random=is_random,
        )
        if told is not None:
            found.append(told)
    return tuple(found)


def _groups(view: View, observations: Sequence[Observation]) -> dict[str, dict[str, str]]:
    """By what else differed, each observation's label by its id: the design's blocks, and effects of the file."""
    from loop.explain import block_in

    reasons = {p.id: p.draft.reason for p in view.proposals}
    proposals = {a.key: a.proposal_id for a in view.attempts}
    keys = {o.id: o.key for o in view.counted}
    blocks = {o.id: block_in(reasons.get(proposals.get(keys[o.id] or "", ""), "")) for o in observations}
    found = {"block": blocks} if any(blocks.values()) else {}
    for name in () if view.spec.noise is None else view.spec.noise.effects:
        found[name] = {o.id: str(o.context.get(name, "")) for o in observations}
    return {name: {of: label or UNKNOWN for of, label in labels.items()} for name, labels in found.items()}
