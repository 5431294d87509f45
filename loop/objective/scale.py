"""A logarithmic scale: what a belief that is normal in decadic logarithms is in numbers, and the other way round."""

from __future__ import annotations

import math
from typing import Final

TEN: Final = math.log(10.0)
WIDEST: Final = 12.0  # natural logarithm: a wider belief (five decades) is said to be as wide, so that it stays finite
LARGEST: Final = 300.0  # power of e, likewise


def in_numbers(mean: float, sd: float) -> tuple[float, float]:
    """Mean and standard deviation of a log-normal belief, of those of its decadic logarithm."""
    wide = min(sd * TEN, WIDEST)
    middle = math.exp(max(-LARGEST, min(mean * TEN + wide * wide / 2, LARGEST)))
    return middle, middle * math.sqrt(math.expm1(wide * wide))


def in_logarithms(mean: float, sd: float) -> tuple[float, float]:
    """Mean and standard deviation of the decadic logarithm of a log-normal belief; NaN of a mean not above zero."""
    if not mean > 0:
        return math.nan, math.nan
    square = math.log1p((sd / mean) ** 2)
    return (math.log(mean) - square / 2) / TEN, math.sqrt(square) / TEN
