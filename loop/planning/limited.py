"""A batch within its limits: as many of the chosen as go together, and others in the place of those that do not."""

from __future__ import annotations

import numpy as np

from loop.design import CLASSICAL
from loop.errors import PoolExhausted
from loop.fidelity import fidelity_column
from loop.planning.batch import LOOKED_AT, choose_batch
from loop.planning.pick import Pick
from loop.planning.settable import in_settable_numbers
from loop.planning.situation import Situation
from loop.space.rows import is_among


def choose_within_limits(s: Situation) -> tuple[list[Pick], list[str]]:
    """The next batch in the order of choosing, within what ``planner.per_batch`` allows and stocks are left,
    and notes.

    What does not go with those chosen before it is left out, and asked for again among what has room; a classical
    design, which tells little with other points in it, is not, nor versions of a fidelity, which look at the room left.

    Raises:
        PoolExhausted: Nothing is left to propose, or nothing has room.
    """
    if s.limits is None:
        return choose_batch(s)
    beside = " with what runs or is pinned" if s.beside else ""
    runs = s.spec.planner.mode == "rolling" and s.history.pending
    limited = [] if s.spec.planner.per_batch is None else ["planner.per_batch"]
    limited += ["budget.stock"] if s.spec.budget.stock else []
    raised = f"raise {' or '.join(limited)}"
    comes_back = runs and s.spec.planner.per_batch is not None  # no stock does
    way = f"there is room again once results come, or {raised}" if comes_back else f"{raised} to go on"
    no_room = f"nothing that is left goes into a batch of {s.limits.text}{beside}; {way}"
    try:
        picks, notes = choose_batch(s)
    except PoolExhausted as error:
        raise (PoolExhausted(no_room) if _may_lack_room(s) else error) from None
    wanted = len(picks)
    kept = _going_together(s, picks)
    if not kept:
        raise PoolExhausted(no_room)
    is_whole = s.belief is None and s.spec.planner.initial.design in CLASSICAL
    can_be_filled = not is_whole and fidelity_column(s.space) is None
    now = s.having([p.x for p in kept])
    while can_be_filled and len(kept) < wanted:
        try:
            more, said = choose_batch(now)
        except PoolExhausted:
            break
        more = _going_together(now, more)[: wanted - len(kept)]
        if not more:
            break
        kept += more
        notes = [*notes, *said]
        now = now.having([p.x for p in more])
    if len(kept) < wanted:
        notes = [*notes, f"a batch may come to {s.limits.text}, which has room for {len(kept)} of {wanted} proposals"]
    comes_to = s.limits.said(np.vstack([s.beside_x, *(p.x[None] for p in kept)]))
    return kept, [*dict.fromkeys(notes), *([f"the batch comes to {comes_to}{beside}"] if comes_to else [])]


def _going_together(s: Situation, picks: list[Pick]) -> list[Pick]:
    """Which of the picks, as they can be set, go with each other and with what is chosen already, in their order."""
    assert s.limits is not None
    picks = list(in_settable_numbers(s, picks))
    x = np.array([p.x for p in picks]).reshape(-1, len(s.space.parameters))
    return [picks[i] for i in s.limits.kept(x, s.beside_x, s.places)]


def _may_lack_room(s: Situation) -> bool:
    """Whether something was not tried that can be paid, and has no room perhaps; not where all were looked at."""
    if s.pool is None or len(s.pool) > LOOKED_AT:
        return True
    x = s.pool.take(np.arange(len(s.pool)))
    return bool((s.pays_of_budget(x) & ~s.room(s.beside_x[:0])(x) & ~is_among(x, s.tried)).any())
