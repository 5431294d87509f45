"""A comparison in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from loop.insight.saying import chance_of
from loop.insight.statements import Compared, Comparison
from loop.wording import factor_text, in_digits, in_places, signed_in_places

WIDTH: Final = 3.29  # of a 90 % interval, in standard deviations


def compared_lines(found: Comparison) -> Iterator[str]:
    """Target by target what is believed of the two, then of them as a whole."""
    for one in found.targets:
        yield _values(one)
        if one.better is not None:
            yield f"  better with {chance_of(one.better)}{_enough(one)}"
        if one.keeps is not None:
            yield f"  keeps its thresholds with {chance_of(one.keeps[0])}, the other with {chance_of(one.keeps[1])}"
    if found.better is not None:
        whole = f"by {found.score}, better" if found.score else "better in all that is wanted at once"
        yield f"{whole} with {chance_of(found.better)}"
    if found.runs is not None:
        yield f"runs as intended with {chance_of(found.runs[0])}, the other with {chance_of(found.runs[1])}"
    for label, times in zip(found.labels, found.measured, strict=True):
        yield f"{label}: measured {times}" if times else f"{label}: never measured"


def _values(one: Compared) -> str:
    """Both values, and the one less the other, or over it, with its interval."""
    unit = f" {one.unit}" if one.unit else ""
    if one.is_factor:
        apart = f"{in_digits(one.difference)} times as much"
        between = "" if one.low is None or one.high is None else f"{in_digits(one.low)} to {in_digits(one.high)} times"
        first, second = in_digits(one.first), in_digits(one.second)
    else:
        doubt = abs(one.difference) if one.low is None or one.high is None else (one.high - one.low) / WIDTH
        apart = f"{signed_in_places(one.difference, doubt)}{unit}"
        between = ""
        if one.low is not None and one.high is not None:
            low, high = (signed_in_places(end, doubt) for end in (one.low, one.high))
            between = f"{low} to {high}{unit}" if low != high else ""  # of what is exact it has no width
        first, second = in_places(one.first, doubt), in_places(one.second, doubt)
    interval = f" (90 % interval {between})" if between else ""
    return f"{one.name}: {first}{unit} against {second}{unit}: {apart}{interval}"


def _enough(one: Compared) -> str:
    if one.enough is None or one.asked is None:
        return ""
    much = f"by a factor of {factor_text(one.asked)}" if one.is_factor else f"by {one.asked:g} {one.unit}".rstrip()
    return f", {much} or more with {chance_of(one.enough)}"
