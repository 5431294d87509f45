"""Temperatures that are chosen, known by their units, and which of them are hot."""

from __future__ import annotations

import math
from typing import Final

from loop.space.parameters import Continuous, Discrete, Number
from loop.space.structure import Frame
from loop.units import is_temperature

PART: Final = 1 / 3  # of a range of temperatures, or of their list, is hot; docs/decisions/0074


def temperatures(frame: Frame) -> dict[int, Number]:
    """By column, the temperatures that always apply and of which there is a choice."""
    return {
        column: p
        for column, p in enumerate(frame.parameters)
        if isinstance(p, Discrete | Continuous)
        and is_temperature(p.unit)
        and p.low < p.high
        and column not in frame.conditional
    }


def least_hot(p: Number) -> float:
    """The lowest temperature that is hot: of a list a third is, rounded up, of a range the upper third."""
    if isinstance(p, Discrete):
        return p.values[-math.ceil(PART * len(p.values))]
    return p.high - PART * (p.high - p.low)
