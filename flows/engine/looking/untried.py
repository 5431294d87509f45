"""Untried: whether a space still has a candidate that was not tried, where that is seen at a glance."""

from __future__ import annotations

from typing import Final

import numpy as np

from flows.engine.looking.histories import history_of
from flows.engine.looking.view import View
from flows.engine.people.decisions import decided_next
from loop.errors import SpaceError
from loop.space import ProductPool
from loop.space.rows import is_among
from loop.spec import build_space

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
    if len(taken) < len(pool) or not is_among(pool.take(np.arange(len(pool))), taken).all():
        return ""
    if said.way_back:
        return f"every candidate of the space was tried, or a person refused it; {said.way_back}"
    return "every candidate of the space was tried"
