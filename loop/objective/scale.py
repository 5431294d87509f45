"""A logarithmic scale: what a belief that is normal in decadic logarithms is in numbers, and the other way round."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import pvariance
from typing import Final

TEN: Final = math.log(10.0)
WIDEST: Final = 12.0  # natural logarithm: a wider belief (five decades) is said to be as wide, so that it stays finite
LARGEST: Final = 300.0  # power of e, likewise
ENOUGH: Final = 8  # values from which on their distribution is looked at
WIDE: Final = 2.0  # powers of ten
LIKELIER: Final = 5.0  # natural logarithm of a ratio of likelihoods


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


def powers_spanned(values: Sequence[float]) -> float | None:
    """How many powers of ten values span that a logarithmic scale is for; None where it is not, or few tell.

    They are all above zero, span two or more, and are e^5 times as likely to be log-normal as to be normal.
    """
    if len(values) < ENOUGH or not min(values) > 0:
        return None
    logs = [math.log(v) for v in values]
    plain, scaled = pvariance(values), pvariance(logs)
    spanned = (max(logs) - min(logs)) / TEN
    if spanned < WIDE or not plain > 0:
        return None
    gain = len(values) / 2 * (math.log(plain) - math.log(scaled)) - sum(logs)
    return spanned if gain > LIKELIER else None
