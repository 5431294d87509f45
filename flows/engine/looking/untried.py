"""Untried: whether a space still has a candidate that was not tried, where that is seen at a glance."""

from __future__ import annotations

from shlex import quote
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.engine.looking.histories import history_of
from flows.engine.looking.view import View
from flows.engine.people.bans import is_for_now
from flows.engine.people.decisions import decided_next
from loop.decision import DecisionKind, in_force
from loop.errors import SpaceError
from loop.fidelity import is_real
from loop.space import Pool, ProductPool, Space
from loop.space.leaving_out import is_for_now as holds_for_now
from loop.space.rows import is_among
from loop.spec import build_space
from loop.spec.space_models import ExcludeSpec
from loop.wording import plural

SMALL: Final = 20_000  # combinations that are gone through in some milliseconds; nobody tries all of more


def nothing_left(view: View) -> str:
    """That every candidate was tried or is being tried, or was refused by a person, with how that is taken back.

    "" where something is left or pinned, and also where a space is too large to be gone through.
    """
    space = view.space
    if not space.is_finite or space.size > SMALL:
        return ""
    said = decided_next(view)
    if said.pinned:
        return ""
    history, _ = history_of(view.spec, space, view.counted, view.pending)
    taken = np.vstack([history.tried(len(space.parameters)), *(one.x for one in said.kept_out)])
    try:
        pool = ProductPool(build_space(said.spec) if said.way_back else space)
    except SpaceError as error:  # emptied by bans, or not to be enumerated, which whoever plans says
        return f"{error}; {said.way_back}" if said.way_back else ""
    if _untried(space, pool, taken):
        return ""
    if said.way_back:
        return f"every candidate of the space was tried, or a person refused it; {said.way_back}"
    return "every candidate of the space was tried"


def _untried(space: Space, pool: Pool, taken: NDArray[np.float64]) -> int:
    """How many candidates are none of those ``taken``; where there is a fidelity, of the real thing."""
    x = pool.take(np.arange(len(pool)))
    return int((is_real(space, x) & ~is_among(x, taken)).sum())


def left_for_now(view: View) -> str:
    """That nothing is left to try but what is left out for now, and what brings it back.

    "" where something else is left or pinned, where nothing is left out for now, where that was tried as well, and
    where the space is too large to be gone through.
    """
    bans = [
        d for d in in_force(view.decisions, view.round_number + 1) if d.draft.kind is DecisionKind.BAN and is_for_now(d)
    ]
    rules = [c.name for c in view.space.constraints if holds_for_now(c)]
    if not (bans or rules) or not nothing_left(view):
        return ""
    said = decided_next(view)
    spec = said.spec.model_copy(
        update={"constraints": [c for c in said.spec.constraints if not (isinstance(c, ExcludeSpec) and c.for_now)]}
    )
    width = len(view.space.parameters)
    history, _ = history_of(view.spec, view.space, view.counted, view.pending)
    gone = (*(one.x for one in said.kept_out if not one.for_now), *(one.x for one in said.impossible))
    try:
        pool = ProductPool(build_space(spec))
    except SpaceError:  # emptied by what is not for now alone
        return ""
    back = _untried(view.space, pool, np.vstack([history.tried(width), *gone]))
    if not back:
        return ""
    ways = [f"hakken lift {quote(view.name)} {d.number} takes ban {d.number} back ({d.draft.why})" for d in bans]
    ways += [f"without constraint {name!r} the campaign file has some again" for name in rules]
    return f"nothing is left to try but {plural(back, 'candidate')} left out for now; {'; '.join(ways)}"
