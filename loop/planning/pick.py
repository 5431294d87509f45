"""A pick: a chosen point before it becomes a proposal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.record import Arm, Place


@dataclass(frozen=True)
class Pick:
    """A chosen point with the reason of its choice."""

    x: NDArray[np.float64]
    arm: Arm
    acquisition: str
    value: float | None
    meaning: str
    place: Place | None = None
    also: str = ""  # what else is to be said of its choice
    block: int = 0  # of the initial design, from 1; 0 without blocks
    is_centre: bool = False  # a centre point of the initial design
    is_named: bool = False  # by the campaign file, to come first
