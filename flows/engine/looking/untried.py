"""Untried: whether a space still has a candidate that was not tried, where that is seen at a glance."""

from __future__ import annotations

from typing import Final

import numpy as np

from flows.engine.looking.histories import history_of
from flows.engine.looking.view import View
from loop.errors import SpaceError
from loop.space import ProductPool
from loop.space.rows import is_among

SMALL: Final = 20_000  # combinations that are gone through in some milliseconds; nobody tries all of more


def all_tried(view: View) -> bool:
    """Whether every candidate was tried or is being tried; False also where a space is too large to be gone through."""
    space = view.space
    if not space.is_finite or space.size > SMALL:
        return False
    history, _ = history_of(view.spec, space, view.counted, view.pending)
    tried = history.tried(len(space.parameters))
    try:
        pool = ProductPool(space)
    except SpaceError:  # empty, or not to be enumerated: whoever plans says so
        return False
    if len(tried) < len(pool):
        return False
    return bool(is_among(pool.take(np.arange(len(pool))), tried).all())
